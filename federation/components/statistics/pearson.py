"""HeteroPearson: correlations of columns, within each party and between guest and hosts, and VIF.

With columns z of mean 0 and deviation 1 over the same n rows,

    corr(a, b) = sum_i z_a[i] z_b[i] / n

A constant column has the correlation 0 with everything. VIF stands in `correlations`.

Between parties the guest packs its columns, in fixed point of 30 bits, into one ciphertext a row
(`federation.crypto.packing`) and sends them in the common order of rows. A host computes Z_h^T E(Z)
from them, the guest decrypts the sums, divides by n and tells each host its block. FATE computes
the same block from secret shares (SPDZ).

Learns: the guest the correlations of its columns with each host's, known by place alone; a host
those of its own columns with the guest's; nobody more. Holds against semi-honest parties; whoever
chooses its columns so that they are 0 but in one row learns of that row, whatever the protocol.
Tolerance 1e-7 between parties, exact within. Source: FATE 1.x HeteroPearson; Paillier 1999.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import Field

from federation.channel import Channel, Message, Payload, Peer
from federation.components.common.anonymous import anonymous_name
from federation.components.common.columns import numbers_of
from federation.components.common.row_order import RowOrder
from federation.components.common.training import LEAST_KEY_BITS
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.columns import chosen, features_of, instances_in
from federation.components.features.params import ALL, Indexes, Names
from federation.components.params import Params
from federation.components.statistics.correlations import standardised, variance_inflation
from federation.crypto import Encrypted, PrivateKey, PublicKey, generate_keypair, matmul
from federation.crypto.packing import Slots
from federation.errors import BadCiphertext, FixedPointOverflow, NonFiniteValues
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table
from federation.tables.table import Matrix

PRECISION = 30


class PearsonParams(Params):
    """FATE's PearsonParam."""

    column_names: Names | None = Field(None, description="names of columns")
    column_indexes: Indexes | None = Field(
        None, description="positions of columns; -1 for all, as if neither is given"
    )
    cross_parties: bool = Field(True, description="also between guest and hosts")
    need_run: bool = Field(True, description="false hands the input through")
    use_mix_rand: bool = Field(False, description="accepted, no effect: no triples are needed")
    calc_local_vif: bool = Field(True, description="vif of each party's own columns")
    fixpoint_bit_length: int = Field(
        LEAST_KEY_BITS, ge=1, le=8192, description="bits of the modulus; at least 2048 are used"
    )

    @property
    def bits(self) -> int:
        """Length of the key that is made, even."""
        return max(self.fixpoint_bit_length + self.fixpoint_bit_length % 2, LEAST_KEY_BITS)


class Start(Payload):
    """Whether hosts are asked for products, over which rows and columns.

    Attributes:
        asked: false where nothing but this letter is sent.
        digest: of the ids in the common order.
        places: where the columns stand among the guest's features.
    """

    asked: bool
    digest: bytes
    places: np.ndarray


class Products(Payload):
    """A host's columns times the guest's.

    Attributes:
        places: shape (q,), where they stand among the host's features.
        sums: for each lane the packed sums of products, joined.
    """

    places: np.ndarray
    sums: list[Encrypted]


hetero_pearson = Component(
    "HeteroPearson",
    PearsonParams,
    messages=(
        Message("start", (GUEST, HOST), Start, "whether products are asked for, and over what"),
        Message("public_key", (GUEST, HOST), PublicKey, "of the guest, for this task"),
        Message("columns", (GUEST, HOST), list[Encrypted], "the guest's columns, packed by row"),
        Message("products", (HOST, GUEST), Products, "sums of products, still encrypted"),
        Message("correlations", (GUEST, HOST), np.ndarray, "the block of this host"),
    ),
    class_name="PearsonParam",
    inputs=(Slot("data"), Slot("train_data")),
    model_out=True,
    needs=frozenset({GUEST}),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """One party's columns in the common order of rows.

    Attributes:
        names: of the chosen columns.
        places: where they stand among the features.
        z: shape (n, p), mean 0 and deviation 1, or all 0 where a column is constant.
    """

    names: tuple[str, ...]
    places: list[int]
    z: Matrix
    common: RowOrder

    @property
    def corr(self) -> Matrix:
        """Shape (p, p)."""
        return np.asarray(np.clip(self.z.T @ self.z / len(self.z), -1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Block:
    """Correlations with another party's columns.

    Attributes:
        places: shape (q,), where they stand among its features.
        corr: shape (p, q), own columns by theirs.
    """

    party: Party
    places: list[int]
    corr: Matrix


@dataclass(frozen=True, slots=True)
class Found:
    """What one party knows at the end."""

    own: Columns
    vif: list[float]
    blocks: list[Block] = field(default_factory=list)


@hetero_pearson.on(GUEST)
async def guest(
    ch: Channel,
    p: PearsonParams,
    *,
    data: Table | None,
    train_data: Table | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Own correlations, and those with the columns of every host."""
    table = instances_in(data or train_data)
    own = _columns(table, p)
    asked = p.cross_parties and bool(ch.hosts) and bool(own.names)
    places = np.array(own.places, dtype=np.int64)
    await ch.hosts.send("start", Start(asked=asked, digest=own.common.digest, places=places))
    blocks = await _ask(ch, p, own) if asked else []
    return _result(table, Found(own, _vif_if(p, own), blocks), report, facts)


@hetero_pearson.on(HOST)
async def host(
    ch: Channel,
    p: PearsonParams,
    *,
    data: Table | None,
    train_data: Table | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Own correlations, and those with the guest's columns if it asks."""
    table = instances_in(data or train_data)
    own = _columns(table, p)
    start: Start = await ch.guest.receive("start")
    blocks = [await _answer(ch, p, own, start)] if start.asked else []
    return _result(table, Found(own, _vif_if(p, own), blocks), report, facts)


# --- between parties -----------------------------------------------------------------------------


def lanes_of(rows: int, columns: int, key: PublicKey) -> list[Slots]:
    """How columns lie in plaintexts; what does not fit one goes into further ones, called lanes.

    No z is beyond sqrt(n), and the z of one column are n at most in all, signs apart; so a host's
    factors, of PRECISION bits, add up to less than 2 n 2**PRECISION.

    Raises:
        PackingOverflow: so many rows do not fit even one slot.
    """

    def slots(count: int) -> Slots:
        largest = float(np.sqrt(rows)) + 1
        return Slots.for_sums(count, largest=largest, terms=rows << PRECISION + 1, precision=30)

    room = slots(1).fits_in(key)
    return [slots(min(room, columns - first)) for first in range(0, columns, room)]


def _spans(lanes: list[Slots]) -> list[slice]:
    ends = np.cumsum([lane.count for lane in lanes]).tolist()
    return [slice(end - lane.count, end) for lane, end in zip(lanes, ends, strict=True)]


async def _ask(ch: Channel, p: PearsonParams, own: Columns) -> list[Block]:
    public, private = await asyncio.to_thread(generate_keypair, "paillier", p.bits)
    ch.keyring.add(public)
    await ch.hosts.send("public_key", public)
    lanes = lanes_of(len(own.z), len(own.names), public)

    def encrypted() -> list[Encrypted]:
        spans = _spans(lanes)
        return [
            lane.encrypt(public, own.z[:, span]) for lane, span in zip(lanes, spans, strict=True)
        ]

    await ch.hosts.send("columns", await asyncio.to_thread(encrypted))
    learnt = await asyncio.gather(*(_learn(peer, own, lanes, private) for peer in ch.hosts))
    return [block for block in learnt if block.places]


async def _learn(peer: Peer, own: Columns, lanes: list[Slots], private: PrivateKey) -> Block:
    products: Products = await peer.receive("products")
    places, sums = products.places, products.sums
    fits = places.dtype == np.int64 and places.ndim == 1 and bool((places >= 0).all())
    if not fits or len(sums) != (len(lanes) if len(places) else 0):
        raise UnfitLetter("products", peer.party)

    def opened() -> Matrix:
        parts = [
            lane.opened(private, part, (len(places),))
            for lane, part in zip(lanes, sums, strict=True)
        ]
        return np.hstack(parts).T * 2.0**-PRECISION / len(own.z)

    corr = np.zeros((len(own.names), 0))
    if len(places):
        try:
            corr = np.clip(await asyncio.to_thread(opened), -1.0, 1.0)
        except (FixedPointOverflow, BadCiphertext):
            raise UnfitLetter("products", peer.party) from None
    await peer.send("correlations", corr)
    return Block(peer.party, places.tolist(), corr)


async def _answer(ch: Channel, p: PearsonParams, own: Columns, start: Start) -> Block:
    own.common.check(start.digest, str(ch.guest.party))
    key = await ch.guest.receive("public_key")
    ch.keyring.add(key)
    columns: list[Encrypted] = await ch.guest.receive("columns")
    theirs = start.places
    if theirs.dtype != np.int64 or theirs.ndim != 1 or not len(theirs) or (theirs < 0).any():
        raise UnfitLetter("start", ch.guest.party)
    lanes = lanes_of(len(own.z), len(theirs), key)
    wanted = (len(own.z),)
    if len(columns) != len(lanes) or any(lane.shape != wanted for lane in columns):
        raise UnfitLetter("columns", ch.guest.party)
    places = own.places if p.cross_parties else []
    fixed = np.rint(np.ldexp(own.z, PRECISION)).astype(np.int64).T[: len(places)]

    def multiplied() -> list[Encrypted]:
        if not places:
            return []
        return [lane.joined(matmul(fixed, part)) for lane, part in zip(lanes, columns, strict=True)]

    sums = await asyncio.to_thread(multiplied)
    letter = Products(places=np.array(places, dtype=np.int64), sums=sums)
    await ch.guest.send("products", letter)
    block = await ch.guest.receive("correlations")
    if block.dtype != np.float64 or block.shape != (len(theirs), len(places)):
        raise UnfitLetter("correlations", ch.guest.party)
    return Block(ch.guest.party, theirs.tolist(), block.T)


# --- within a party ------------------------------------------------------------------------------


def _columns(table: Table, p: PearsonParams) -> Columns:
    """The chosen columns, standardised.

    Raises:
        NoSuchColumn: a column is named that is not there.
        NonFiniteValues: values are missing or infinite.
        DataProblem: a column holds text.
    """
    features = features_of(table)
    indexes = p.column_indexes
    if indexes is None and p.column_names is None:
        indexes = [ALL]
    names = chosen(features, indexes, p.column_names)
    common = RowOrder.of(table)
    x = np.empty((table.rows, len(names)))
    for at, name in enumerate(names):
        x[:, at] = numbers_of(table, name)[common.order]
    wrong = int(np.count_nonzero(~np.isfinite(x)))
    if wrong:
        raise NonFiniteValues(wrong)
    return Columns(names, [features.index(name) for name in names], standardised(x), common)


def _vif_if(p: PearsonParams, own: Columns) -> list[float]:
    return variance_inflation(own.corr).tolist() if p.calc_local_vif else []


# --- the model -----------------------------------------------------------------------------------


def _result(table: Table, found: Found, report: Report, facts: JobFacts) -> Result:
    report.metric("statistic", "correlation", "CORRELATION_GRAPH")
    report.log("columns are correlated", columns=len(found.own.names), parties=len(found.blocks))
    summary = _summary(found, facts.party)
    return Result(data=(table,), model=_model(table, found, facts), summary=summary)


def _across(found: Found, me: Party) -> Matrix:
    """Guest columns by host columns, whoever looks."""
    if not found.blocks:
        return np.zeros((0, 0))
    corr = np.hstack([block.corr for block in found.blocks])
    return corr if me.role is GUEST else corr.T


def _summary(found: Found, me: Party) -> dict[str, Any]:
    own = found.own
    made: dict[str, Any] = {
        "num_local_features": len(own.names),
        "local_corr": own.corr.tolist(),
    }
    if found.vif:
        made["vif"] = dict(zip(own.names, found.vif, strict=True))
    if found.blocks:
        made["num_remote_features"] = sum(len(block.places) for block in found.blocks)
        made["corr"] = _across(found, me).tolist()
    return made


def _model(table: Table, found: Found, facts: JobFacts) -> Model:
    """FATE's PearsonModelParam and PearsonModelMeta."""
    me, own, corr = facts.party, found.own, _across(found, facts.party)
    anonymous = [anonymous_name(me, place) for place in own.places]
    remote = [[anonymous_name(b.party, place) for place in b.places] for b in found.blocks]
    in_order = [list(own.names), *remote] if me.role is GUEST else [*remote, list(own.names)]
    parties = [me, *(block.party for block in found.blocks)]
    shapes = list(corr.shape) if found.blocks else [len(own.names)]
    param = {
        "party": _fate_name(me),
        "parties": [_fate_name(party) for party in sorted(parties)],
        "shape": len(own.names),
        "shapes": shapes,
        "names": list(own.names),
        "corr": corr.ravel().tolist(),
        "localCorr": own.corr.ravel().tolist(),
        "allNames": [{"names": names} for names in in_order],
        "anonymousMap": [
            {"anonymous": hidden, "name": name}
            for hidden, name in zip(anonymous, own.names, strict=True)
        ],
        "modelName": "HeteroPearson",
        "localVif": found.vif,
    }
    state = {
        "names": list(own.names),
        "local_corr": own.corr.tolist(),
        "vif": found.vif,
        "remote": [
            {
                "role": block.party.role.value,
                "party_id": block.party.party_id,
                "places": block.places,
                "corr": block.corr.tolist(),
            }
            for block in found.blocks
        ],
    }
    return Model("HeteroPearson", {"shapes": shapes}, param, state, facts.component)


def _fate_name(party: Party) -> str:
    return f"({party.role.value},{party.party_id})"
