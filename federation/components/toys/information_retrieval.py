"""SecureInformationRetrieval: the guest gets values of its ids from a host that learns no id.

The host has columns of numbers (`target_cols`, or its label), the guest ids. Values come by
oblivious transfer of k of n (see keyword_transfer): k are the guest's ids, n all rows of the host.

Learns: the guest the host's number of rows, which of its ids the host has, and their values, of
others nothing; the host how many ids the guest has. With raw_retrieval the host sees the guest's
ids in clear, and so which of its rows are asked for.
FATE hides each id among `security_level` of a block of others; here it is always hidden among all
rows, with no more letters, so block_num is the host's number of rows.
Exact: values are those of the host. Source: FATE 1.5 secure_information_retrieval; Chu, Tzeng 2005.
"""

from typing import Any, ClassVar

import numpy as np
import pyarrow.compute as pc
from pydantic import Field, field_validator

from federation.channel import Channel, Message, Payload
from federation.components.common.columns import NoSuchColumn
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.params import Params, choice
from federation.crypto.byte_rows import ByteRows
from federation.errors import DataProblem, DuplicateIds, NonFiniteValues
from federation.protocols.keyword_transfer import (
    TRANSFER_MESSAGES,
    UnfitTransfer,
    receive_values,
    send_values,
)
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table, TableKind
from federation.tables.table import Matrix
from federation.wire.codec import StringVector


class DHParam(Params):
    """Accepted, no effect: transfers work on Curve25519."""

    salt: str = ""
    hash_method: str = "sha256"
    key_length: int = Field(2048, ge=1)


class InformationRetrievalParams(Params):
    """FATE's SecureInformationRetrievalParam."""

    LEGACY: ClassVar[dict[str, str]] = {"key_size": "accepted, no effect: see dh_params"}

    security_level: float = Field(
        0.5, ge=0, le=1, description="accepted, no effect: every id is hidden among all rows"
    )
    oblivious_transfer_protocol: choice("OT_Hauck") = Field(  # type: ignore[valid-type]
        "OT_Hauck", description="accepted, no effect: the transfer is that of Chu and Tzeng"
    )
    commutative_encryption: choice("CommutativeEncryptionPohligHellman") = Field(  # type: ignore[valid-type]
        "CommutativeEncryptionPohligHellman", description="accepted, no effect: on Curve25519"
    )
    non_committing_encryption: choice("aes") = Field(  # type: ignore[valid-type]
        "aes", description="accepted, no effect: values are sealed by ChaCha20-Poly1305"
    )
    dh_params: DHParam = Field(default_factory=DHParam)
    raw_retrieval: bool = Field(False, description="show the host which ids are asked for")
    target_cols: list[str] = Field(
        default_factory=list, description="the host's columns; none: its label"
    )

    @field_validator("target_cols", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Wish(Payload):
    """What the guest wants.

    Attributes:
        columns: of the host; none for its label.
        ids: in clear under raw retrieval, else None.
    """

    columns: list[str]
    ids: StringVector | None


class Offer(Payload):
    """What the host has.

    Attributes:
        names: of the columns that come.
        rows: how many rows there are.
        values: of the ids in clear, shape (k, columns), NaN where there is none; else None.
    """

    names: list[str]
    rows: int
    values: np.ndarray | None


information_retrieval = Component(
    "SecureInformationRetrieval",
    InformationRetrievalParams,
    (
        Message("wish", (GUEST, HOST), Wish, "the names of columns; ids under raw retrieval"),
        Message("offer", (HOST, GUEST), Offer, "the names of columns, the number of rows"),
        *TRANSFER_MESSAGES,
    ),
    class_name="SecureInformationRetrievalParam",
    inputs=(Slot("data"),),
    model_out=True,
    needs=frozenset({GUEST, HOST}),
)


@information_retrieval.on(GUEST)
async def guest(
    ch: Channel,
    p: InformationRetrievalParams,
    *,
    data: Table | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Get values for own ids."""
    table, host = _bound(data), ch.hosts[0]
    ids = table.ids.to_pylist()
    asked = StringVector.from_strings(ids) if p.raw_retrieval else None
    await host.send("wish", Wish(columns=p.target_cols, ids=asked))
    offer: Offer = await host.receive("offer")
    width = len(offer.names)
    if asked is None:
        cells = await receive_values(host, ByteRows.of(ids), 8 * width)
        empty = b"\xff" * 8 * width
        joined = b"".join(cell or empty for cell in cells)
        values = np.frombuffer(joined, dtype="<f8").reshape(-1, width).astype(np.float64)
    else:
        given = offer.values
        if given is None or given.shape != (len(ids), width) or given.dtype != np.float64:
            raise UnfitTransfer("offer", host.party)
        values = given
    found = ~np.isnan(values).any(axis=1)
    coverage = float(found.mean())
    report.log("retrieved", found=int(found.sum()), asked=len(ids))
    chosen = table.take(np.flatnonzero(found))
    got = Table.instances(chosen.ids, values[found], offer.names, id_name=table.schema.id_name)
    return Result((got,), _model(p, facts, coverage, offer.rows), summary={"coverage": coverage})


@information_retrieval.on(HOST)
async def host(
    ch: Channel,
    p: InformationRetrievalParams,
    *,
    data: Table | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Answer without learning which rows are asked for; one host takes part."""
    if ch.index:
        report.log("nothing to do: the first host takes part")
        return Result()
    table = _bound(data)
    wish: Wish = await ch.guest.receive("wish")
    if (wish.ids is not None) != p.raw_retrieval:
        raise DataProblem("guest and host do not have the same raw_retrieval; set it for both")
    names, values = _values(table, wish.columns)
    ids = table.ids.to_pylist()
    raw = None
    if wish.ids is not None:
        places = {name: place for place, name in enumerate(ids)}
        order = [places.get(name, len(ids)) for name in wish.ids.to_strings()]
        raw = np.vstack([values, np.full((1, len(names)), np.nan)])[order]
    await ch.guest.send("offer", Offer(names=names, rows=len(ids), values=raw))
    if raw is None:
        cells = np.ascontiguousarray(values, dtype="<f8").view(np.uint8)
        asked = await send_values(ch.guest, ByteRows.of(ids), cells.reshape(len(ids), -1))
        report.log("answered", asked=asked)
    return Result((), _model(p, facts, 0.0, len(ids)))


def _bound(data: Table | None) -> Table:
    if data is None:
        raise DataProblem("bind data: the guest's ids, the host's rows")
    data.require(TableKind.INSTANCES)
    if not data.rows:
        raise DataProblem("there are no rows")
    repeated = data.rows - len(pc.unique(data.ids))
    if repeated:
        raise DuplicateIds(repeated)
    return data


def _values(table: Table, columns: list[str]) -> tuple[list[str], Matrix]:
    """The columns that are asked for, shape (n, columns)."""
    label = table.schema.label
    names = columns or ([] if label is None else [label])
    if not names:
        raise DataProblem("the host's table has no label; name columns in target_cols")
    absent = [name for name in names if name not in table.schema.columns]
    if absent:
        raise NoSuchColumn(f"the host has no columns {', '.join(absent[:20])}", columns=absent)
    values = np.column_stack([table.numbers(name) for name in names])
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise NonFiniteValues(wrong)
    return names, values


def _model(p: InformationRetrievalParams, facts: JobFacts, coverage: float, rows: int) -> Model:
    """FATE's SecureInformationRetrievalParam and ...Meta messages."""
    meta = {
        "securityLevel": p.security_level,
        "obliviousTransferProtocol": p.oblivious_transfer_protocol,
        "commutativeEncryption": p.commutative_encryption,
        "nonCommittingEncryption": p.non_committing_encryption,
        "keySize": str(p.dh_params.key_length),
        "rawRetrieval": p.raw_retrieval,
    }
    param = {"coverage": coverage, "blockNum": str(rows)}
    return Model("SecureInformationRetrieval", meta, param, {"coverage": coverage}, facts.component)
