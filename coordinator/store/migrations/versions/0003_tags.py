"""Words that people put on models."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tags",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tags")),
    )
    op.create_table(
        "model_tags",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tag", "model_version", name=op.f("pk_model_tags")),
    )
    op.create_index(op.f("ix_model_tags_model_version"), "model_tags", ["model_version"])


def downgrade() -> None:
    """Drop them, and their indexes."""
    op.drop_table("model_tags")
    op.drop_table("tags")
