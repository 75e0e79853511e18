"""Model versions that were deployed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "deployments",
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("train_version", sa.Text(), nullable=False),
        sa.Column("dsl", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model_version", name=op.f("pk_deployments")),
    )
    op.create_index(op.f("ix_deployments_train_version"), "deployments", ["train_version"])


def downgrade() -> None:
    """Drop it, and its index."""
    op.drop_table("deployments")
