"""Loaded models have a kind of job of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_jobs = sa.table("jobs", sa.column("kind", sa.Text()), sa.column("dsl", sa.JSON()))
_text = sa.func.replace(sa.cast(_jobs.c.dsl, sa.Text()), " ", "")
_serves = _text.contains('"module":"Serving"')


def upgrade() -> None:
    """Tell them from predictions."""
    op.execute(sa.update(_jobs).where(_jobs.c.kind == "predict", _serves).values(kind="serve"))


def downgrade() -> None:
    """Call them predictions again."""
    op.execute(sa.update(_jobs).where(_jobs.c.kind == "serve").values(kind="predict"))
