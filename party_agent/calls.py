"""Questions of the coordinator that want an answer now; nothing of them is kept.

| method | answer |
|---|---|
| `receive_upload` {upload_id, filename}, bytes in | {size_bytes, sha256} |
| `rows` {namespace, name, limit, offset} | {header, rows, total} |
| `table_info` {namespace, name} | {exist, count, partitions, schema, header, ...} |
| `download_csv` {namespace, name, limit, head} | bytes out, then {rows} |
| `output_model` {model_id, model_version, role, component} | {param, meta, module}, or nothing |
| `log` {job_id, role} | bytes out: tar.gz |
| `ledger` {job_id} | {rows}: names and sizes of letters that left |
| `waiting` {job_id} | what each task waits for |
| `serving_ready` {model_version, timeout_s} | nothing, once a model that is loaded can answer |
| `serving_bind` {service_id, model_id, model_version} | nothing |
| `infer` {batch, body} | FATE-Serving's answer, where the policy lets the coordinator ask |

Those that change tables are in `table_calls.py`, those about models in `model_calls.py`. Rows,
models, logs and ledgers are shown, and uploads taken, as far as the policy allows.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import BadRequest, CallGivenUp, MalformedMessage, NotFound, TripactError
from federation.program.background import Background
from federation.spec.orders import TableName
from federation.wire.codec import decode, encode
from federation.wire.frames import Frame, FrameKind
from party_agent import logs
from party_agent.attempt import Attempt
from party_agent.audit import Audit
from party_agent.home import Home
from party_agent.model_calls import Method, ModelCalls
from party_agent.models import ModelName, Models
from party_agent.plain import json_like
from party_agent.policy import Ask, Rules
from party_agent.runner import Runner
from party_agent.serving import ServingDesk
from party_agent.serving.desk import Service
from party_agent.serving.fate import batch_inference, inference
from party_agent.spool import spool
from party_agent.streams import CHUNK_BYTES, Stream
from party_agent.table_calls import TableCalls
from party_agent.tables import TableStore

log = structlog.get_logger(__name__)

_MOST_ROWS = 10_000


class _Args(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Table(_Args):
    namespace: str
    name: str

    @property
    def named(self) -> TableName:
        return TableName(namespace=self.namespace, name=self.name)

    @property
    def shown(self) -> str:
        return f"{self.namespace}/{self.name}"


class _Rows(_Table):
    limit: int = Field(100, ge=-1)
    offset: int = Field(0, ge=0)


class _Csv(_Table):
    limit: int = Field(-1, ge=-1)
    head: bool = True


class _Upload(_Args):
    upload_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")
    filename: str = ""


class _ModelArgs(_Args):
    model_id: str
    model_version: str
    role: str
    component: str


class _ReadyArgs(_Args):
    model_version: str
    timeout_s: float = Field(30.0, gt=0, le=600)


class _BindArgs(_Args):
    service_id: str = Field(min_length=1, max_length=200)
    model_id: str
    model_version: str


class _InferArgs(_Args):
    batch: bool = False
    body: Any = None


class _JobArgs(_Args):
    job_id: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What answers are looked up in."""

    home: Home
    rules: Rules
    audit: Audit
    runner: Runner
    serving: ServingDesk
    changes: TableCalls


class Calls:
    """Questions under way."""

    def __init__(self, desk: Desk, send: Callable[[Frame], None], background: Background) -> None:
        self._desk = desk
        self._send = send
        self._background = background
        self._open: dict[str, Stream] = {}
        self._tables = TableStore(desk.home.tables)
        self._models = Models(desk.home.models)
        self._methods: dict[str, Method] = {
            "receive_upload": self._receive_upload,
            "rows": self._rows,
            "table_info": self._table_info,
            "download_csv": self._download_csv,
            "output_model": self._output_model,
            "log": self._log,
            "ledger": self._ledger,
            "waiting": self._waiting,
            **desk.changes.methods(),
            "serving_ready": self._serving_ready,
            "serving_bind": self._serving_bind,
            "infer": self._infer,
            **ModelCalls(desk.home, desk.rules).methods,
        }

    def take(self, frame: Frame) -> None:
        """A CALL, or a CHUNK, CREDIT or ANSWER of one that is open; others are ignored.

        Raises:
            MalformedMessage: it has no call_id, or is not of the shape of its kind.
        """
        call_id = frame.header.get("call_id")
        if not isinstance(call_id, str):
            raise MalformedMessage("a call has no call_id")
        if frame.kind is not FrameKind.CALL:
            if call_id in self._open:
                self._open[call_id].take(frame)
            return
        method = str(frame.header.get("method"))
        stream = self._open[call_id] = Stream(call_id, self._send)
        self._background.start(self._answer(method, bytes(frame.body), stream), f"call {method}")

    def link_lost(self) -> None:
        """Give every open call up: its asker is gone."""
        for stream in self._open.values():
            stream.take(Frame(FrameKind.ANSWER, {"call_id": stream.call_id, "ok": False}))

    async def _answer(self, method: str, body: bytes, stream: Stream) -> None:
        try:
            answer = self._methods.get(method)
            if answer is None:
                raise NotFound(f"this agent knows no call {method!r}", method=method)
            args = decode(body)
            if not isinstance(args, dict):
                raise MalformedMessage("the arguments of a call are a map")
            said, ok = await answer(args, stream), True
        except CallGivenUp:
            return
        except TripactError as error:
            facts = json_like(dict(error.facts))
            said, ok = {"code": error.code, "message": error.message, "facts": facts}, False
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            said = {"code": BadRequest.code, "message": f"{method} wants a proper {where}"}
            ok = False
        except Exception as error:
            log.exception("call failed", method=method)
            message = f"the agent failed with {type(error).__name__}; its log says where"
            said, ok = {"code": "agent_error", "message": message}, False
        finally:
            del self._open[stream.call_id]
        header = {"call_id": stream.call_id, "ok": ok}
        self._send(Frame(FrameKind.ANSWER, header, encode(json_like(said))))

    # --- tables ----------------------------------------------------------------------------------

    async def _receive_upload(self, args: dict[str, Any], stream: Stream) -> Any:
        upload = _Upload.model_validate(args)
        self._desk.rules.check_any("upload")
        path = self._desk.home.spool / upload.upload_id
        spooled = await spool(path, stream.blocks())
        return asdict(spooled)

    async def _rows(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Rows.model_validate(args)
        self._desk.rules.check(Ask("read", tables=(asked.shown,)))
        limit = _MOST_ROWS if asked.limit < 0 else min(asked.limit, _MOST_ROWS)
        header, rows = self._tables.rows(asked.namespace, asked.name, asked.offset, limit)
        total = self._tables.stored(asked.named).rows
        return {"header": header, "rows": rows, "total": total}

    async def _table_info(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Table.model_validate(args)
        stored = self._tables.info(asked.namespace, asked.name)
        if stored is None:
            return {"exist": 0, "count": 0}
        return {
            "exist": 1,
            "count": stored.rows,
            "partitions": stored.partitions,
            "schema": stored.schema.to_json(),
            "header": stored.schema.header,
            "size_bytes": stored.size_bytes,
            "created_ms": stored.created_ms,
        }

    async def _download_csv(self, args: dict[str, Any], stream: Stream) -> Any:
        asked = _Csv.model_validate(args)
        self._desk.rules.check(Ask("read", tables=(asked.shown,)))
        stored = self._tables.stored(asked.named)
        pieces = self._tables.csv(asked.namespace, asked.name, asked.limit, asked.head)
        await stream.write_all(pieces)
        rows = stored.rows if asked.limit < 0 else min(stored.rows, asked.limit)
        return {"rows": rows}

    # --- jobs ------------------------------------------------------------------------------------

    async def _output_model(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _ModelArgs.model_validate(args)
        shown = f"{asked.model_id}/{asked.model_version}"
        self._desk.rules.check(Ask("model", asked.component, asked.role, models=(shown,)))
        name = ModelName(asked.model_id, asked.model_version, asked.role, asked.component)
        model = self._models.find(name)
        if model is None:
            return None
        return {"param": model.param, "meta": model.meta, "module": model.module}

    async def _log(self, args: dict[str, Any], stream: Stream) -> Any:
        asked = _JobArgs.model_validate(args)
        self._desk.rules.check(Ask("log", role=asked.role))
        with tempfile.TemporaryFile(dir=self._desk.home.spool) as file:
            logs.archive(self._desk.home.logs, asked.job_id, asked.role, file)
            size = file.tell()
            file.seek(0)
            await stream.write_all(iter(lambda: file.read(CHUNK_BYTES) or None, None))
        return {"size_bytes": size}

    async def _ledger(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _JobArgs.model_validate(args)
        self._desk.rules.check(Ask("log", role=asked.role))
        return {"rows": self._desk.audit.rows(asked.job_id)}

    async def _waiting(self, args: dict[str, Any], _: Stream) -> Any:
        job_id = _JobArgs.model_validate(args).job_id
        attempts = [a for a in self._desk.runner.attempts if a.order.job_id == job_id]
        return [await _waiting_of(attempt) for attempt in attempts]

    # --- online predictions ----------------------------------------------------------------------

    async def _serving_ready(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _ReadyArgs.model_validate(args)
        await self._desk.serving.ready(asked.model_version, asked.timeout_s)

    async def _serving_bind(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _BindArgs.model_validate(args)
        service = Service(asked.service_id, asked.model_id, asked.model_version)
        self._desk.serving.bind(service)

    async def _infer(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _InferArgs.model_validate(args)
        self._desk.rules.check(Ask("infer"))
        answering = batch_inference if asked.batch else inference
        return await answering(self._desk.serving, asked.body)


async def _waiting_of(attempt: Attempt) -> dict[str, Any]:
    """What an attempt does or waits for, with a sentence for people."""
    task = attempt.order.task
    waits = await attempt.waits()
    done, total = attempt.progress
    seat = f"{task.component} at {attempt.me}"
    if waits:
        parts = [
            f"{wait['tag'] or 'room to send'} of {wait['peer']} for {wait['seconds']:.0f} s"
            for wait in waits
        ]
        what = f"{seat} waits for {', '.join(parts)}"
    elif total:
        what = f"{seat} runs, {100 * done // total} % done"
    else:
        what = f"{seat} {attempt.state}"
    return {
        "component": task.component,
        "task_id": task.task_id,
        "version": attempt.order.version,
        "role": task.role.value,
        "state": attempt.state,
        "waits": waits,
        "what": what,
    }


def sweep_spool(spool: Path, older_than_s: float, now_s: float) -> Iterator[Path]:
    """Delete uploads that no job took for so long."""
    for path in spool.iterdir():
        if path.is_file() and now_s - path.stat().st_mtime > older_than_s:
            path.unlink(missing_ok=True)
            yield path
