"""The tables of the store. Times are epoch milliseconds; documents are JSON in text columns.

Migrations make these tables; a test holds that both say the same.
"""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON document as ASCII text, so that any text an agent sends can be kept.

    What JSON does not have (bytes, arrays) is kept as the text Python shows for it.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """A document on its way into the database."""
        return None if value is None else json.dumps(value, separators=(",", ":"), default=str)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """A document on its way out."""
        return None if value is None else json.loads(value)


class Name(sa.types.TypeDecorator[str]):
    """A text that may come from outside: what PostgreSQL can not keep is replaced."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """A text on its way into the database."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _serial() -> Any:
    """A number that only grows; SQLite would reuse the last one without being told."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


_TASK_KEY = (
    ("job_id", sa.Text),
    ("component", Name),
    ("version", sa.Integer),
    ("role", sa.Text),
    ("party_id", Name),
)


def _task_key(*, primary: bool) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, primary_key=primary, nullable=False) for name, kind in _TASK_KEY]


jobs = sa.Table(
    "jobs",
    METADATA,
    sa.Column("job_id", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("dsl", Json, nullable=False),
    sa.Column("conf", Json, nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("initiator_role", sa.Text, nullable=False),
    sa.Column("initiator_party_id", Name, nullable=False),
    sa.Column("model_id", Name, nullable=False),
    sa.Column("model_version", Name, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("progress", sa.Integer, nullable=False),
    sa.Column("description", Name, nullable=False),
    sa.Column("reason", Json),
    sa.Column("waiting_for", Json, nullable=False),
    sa.Column("upload", Json),
    sa.Column("train_conf", Json),
    sa.Column("plan", Json),
    sa.Column("deadline_ms", sa.BigInteger),
    sa.Column("retry_at_ms", sa.BigInteger),
    sa.Column("due_ms", sa.BigInteger, index=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Index(None, "model_id", "model_version"),
)

seats = sa.Table(
    "seats",
    METADATA,
    sa.Column("job_id", sa.ForeignKey(jobs.c.job_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("party_id", Name, primary_key=True, index=True),
)

members = sa.Table(
    "members",
    METADATA,
    sa.Column("job_id", sa.ForeignKey(jobs.c.job_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("offer", sa.LargeBinary, nullable=False),
    sa.Column("letters", sa.LargeBinary, nullable=False),
    sa.Column("keyed", sa.Boolean, nullable=False),
    sa.Column("away", sa.Boolean, nullable=False),
    sa.Column("doubt_ms", sa.BigInteger),
)

tasks = sa.Table(
    "tasks",
    METADATA,
    *_task_key(primary=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("module", Name, nullable=False),
    sa.Column("task_id", Name, nullable=False, index=True),
    sa.Column("latest", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("party_status", sa.Text, nullable=False),
    sa.Column("reason", Json),
    sa.Column("params", Json, nullable=False),
    sa.Column("depends", Json, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("ordered", sa.Boolean, nullable=False),
    sa.Column("auto_retries_left", sa.Integer, nullable=False),
    sa.Column("letters", sa.BigInteger, nullable=False),
    sa.Column("letter_bytes", sa.BigInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger),
    sa.Column("ended_ms", sa.BigInteger),
    sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], ondelete="CASCADE"),
)

orders = sa.Table(
    "orders",
    METADATA,
    sa.Column("seq", _serial(), primary_key=True, autoincrement=True),
    sa.Column("party_id", Name, nullable=False),
    sa.Column("order_id", Name, nullable=False),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("acked_ms", sa.BigInteger),
    sa.UniqueConstraint("party_id", "order_id"),
    sa.Index(None, "party_id", "acked_ms", "seq"),
    sa.Index(None, "job_id", "acked_ms"),
    sqlite_autoincrement=True,
)

events = sa.Table(
    "events",
    METADATA,
    sa.Column("seq", _serial(), primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Index(None, "job_id", "seq"),
    sqlite_autoincrement=True,
)

metrics = sa.Table(
    "metrics",
    METADATA,
    sa.Column("seq", _serial(), primary_key=True, autoincrement=True),
    *_task_key(primary=False),
    sa.Column("namespace", Name, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("metric_type", Name, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("meta", Json, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Index(None, *(name for name, _ in _TASK_KEY)),
    sqlite_autoincrement=True,
)

summaries = sa.Table(
    "summaries",
    METADATA,
    *_task_key(primary=True),
    sa.Column("summary", Json, nullable=False),
)

outputs = sa.Table(
    "outputs",
    METADATA,
    *_task_key(primary=True),
    sa.Column("output", Name, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("task_id", Name, nullable=False),
    sa.Column("namespace", Name, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("header", Json, nullable=False),
    sa.Column("schema", Json, nullable=False),
    sa.Column("partitions", sa.Integer, nullable=False),
)

models = sa.Table(
    "models",
    METADATA,
    sa.Column("model_id", Name, primary_key=True),
    sa.Column("model_version", Name, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("component", Name, primary_key=True),
    sa.Column("output", Name, nullable=False),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("digest", Name, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

deployments = sa.Table(
    "deployments",
    METADATA,
    sa.Column("model_version", Name, primary_key=True),
    sa.Column("model_id", Name, nullable=False),
    sa.Column("train_version", sa.Text, nullable=False, index=True),
    sa.Column("dsl", Json, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

tables = sa.Table(
    "tables",
    METADATA,
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("namespace", Name, primary_key=True),
    sa.Column("name", Name, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("partitions", sa.Integer, nullable=False),
    sa.Column("header", Json, nullable=False),
    sa.Column("schema", Json, nullable=False),
    sa.Column("job_id", sa.Text, index=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Index(None, "namespace", "name"),
)

trainings = sa.Table(
    "trainings",
    METADATA,
    sa.Column("model_version", Name, primary_key=True),
    sa.Column("model_id", Name, nullable=False),
    sa.Column("dsl", Json, nullable=False),
    sa.Column("conf", Json, nullable=False),
    sa.Column("description", Name, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger, nullable=False),
)

model_seats = sa.Table(
    "model_seats",
    METADATA,
    sa.Column("model_version", Name, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("holder", Name, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

services = sa.Table(
    "services",
    METADATA,
    sa.Column("service_id", Name, primary_key=True),
    sa.Column("model_id", Name, nullable=False),
    sa.Column("model_version", Name, nullable=False, index=True),
    sa.Column("party_id", Name, nullable=False),
    sa.Column("bound_ms", sa.BigInteger, nullable=False),
)

tags = sa.Table(
    "tags",
    METADATA,
    sa.Column("name", Name, primary_key=True),
    sa.Column("description", Name, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

model_tags = sa.Table(
    "model_tags",
    METADATA,
    sa.Column("tag", Name, primary_key=True),
    sa.Column("model_version", Name, primary_key=True, index=True),
)

parties = sa.Table(
    "parties",
    METADATA,
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("joined_ms", sa.BigInteger, nullable=False),
    sa.Column("boot_id", Name, nullable=False),
    sa.Column("catalogue_digest", Name, nullable=False),
    sa.Column("last_report", sa.BigInteger, nullable=False),
)

invites = sa.Table(
    "invites",
    METADATA,
    sa.Column("code_id", sa.Text, primary_key=True),
    sa.Column("party_id", Name, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("used_ms", sa.BigInteger),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("answer_proof", sa.Text, nullable=False),
)

catalogues = sa.Table(
    "catalogues",
    METADATA,
    sa.Column("digest", Name, primary_key=True),
    sa.Column("declarations", Json, nullable=False),
)

apps = sa.Table(
    "apps",
    METADATA,
    sa.Column("app_key", Name, primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("party_id", Name, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

privileges = sa.Table(
    "privileges",
    METADATA,
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("role", Name, primary_key=True),
    sa.Column("kind", Name, primary_key=True),
    sa.Column("name", Name, primary_key=True),
)

public_keys = sa.Table(
    "public_keys",
    METADATA,
    sa.Column("party_id", Name, primary_key=True),
    sa.Column("name", Name, primary_key=True),
    sa.Column("key", Name, nullable=False),
)

disabled_tables = sa.Table(
    "disabled_tables",
    METADATA,
    sa.Column("namespace", Name, primary_key=True),
    sa.Column("name", Name, primary_key=True),
)

connectors = sa.Table(
    "connectors",
    METADATA,
    sa.Column("name", Name, primary_key=True),
    sa.Column("engine", Name, nullable=False),
    sa.Column("info", Json, nullable=False),
)

settings = sa.Table(
    "settings",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
