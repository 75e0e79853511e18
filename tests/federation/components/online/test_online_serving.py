"""A served model, asked in one process over sealed letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.channel import Channel
from federation.channel.memory import MemoryRelay, run_together
from federation.components.common.quiet import Quiet
from federation.components.component import JobFacts, Model
from federation.components.linear.link import sigmoid
from federation.components.online.params import ServingParams
from federation.components.online.serving import MESSAGES, serving
from federation.components.online.steps import NotServable
from federation.components.registry import find_component
from federation.components.store import CsvUpload, Received, StoredTable
from federation.errors import TableNotFound, Unavailable
from federation.spec.orders import TableName
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Schema, Table

G, H, H2 = Party(GUEST, "1"), Party(HOST, "2"), Party(HOST, "3")
WEIGHTS = {G: [0.5, -1.0, 0.25], H: [2.0, 1.0], H2: [-1.5]}
"""The guest's end with an intercept."""
NAMES = {G: ("a", "b"), H: ("p", "q"), H2: ("z",)}
TABLE = TableName(namespace="n", name="features")
ROWS = {
    H: {"id": ["u", "v", "w"], "p": ["1", "2", "x"], "q": ["0", "0.5", "1"]},
    H2: {"id": ["v", "u", "t"], "z": ["3", "0.1", "7"]},
}


class Over(Exception):
    """Nothing more is asked."""


@dataclass
class Asked:
    asked: Any
    told: Any = None

    def answer(self, value: Any) -> None:
        self.told = value


@dataclass
class Script:
    """Questions, one list at a time; then it is over."""

    turns: list[list[Asked]] = field(default_factory=list)

    async def take(self) -> list[Asked]:
        if not self.turns:
            raise Over
        return self.turns.pop(0)


@dataclass
class Store:
    """A party's table of features."""

    columns: Mapping[str, Sequence[str]] | None

    def stored(self, name: TableName) -> StoredTable:
        if self.columns is None:
            raise TableNotFound(name.namespace, name.name)
        return StoredTable(name, self.open(name).schema, 3)

    def open(self, name: TableName) -> Table:
        if self.columns is None:
            raise TableNotFound(name.namespace, name.name)
        return raw(self.columns)

    def receive(self, upload: CsvUpload, progress: Any) -> Received:
        raise Unavailable("nothing is uploaded here")


def raw(columns: Mapping[str, Sequence[str]]) -> Table:
    frame = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    return Table(Schema("id", tuple(columns)[1:]), frame)


def models_of(party: Party) -> tuple[Model, ...]:
    """A DataTransform and a HeteroLR of known weights."""
    names = list(NAMES[party])
    learned = {
        "features": names,
        "label": None,
        "match_id": None,
        "missing": [{}, {}],
        "outlier": [{}, {}],
    }
    read = Model("DataTransform", {}, {}, {"params": {}, "learned": learned}, "read_0")
    state = {
        "names": names,
        "intercept": party == G,
        "classes": [0.0, 1.0] if party == G else [],
        "weights": np.array([WEIGHTS[party]]),
        "iters": [1],
    }
    return read, Model("HeteroLR", {}, {}, state, "lr_0")


STEPS = [
    {"component": "read_0", "module": "DataTransform", "model": "read_0", "inputs": {"data": ""}},
    {"component": "join_0", "module": "Intersection", "inputs": {"data": "read_0"}},
    {
        "component": "lr_0",
        "module": "HeteroLR",
        "model": "lr_0",
        "inputs": {"test_data": "join_0"},
    },
]


def question(*rows: tuple[str, Mapping[str, Any]]) -> Asked:
    return Asked({"rows": [{"id": row_id, "features": features} for row_id, features in rows]})


async def ask(
    *turns: list[Asked],
    hosts: tuple[Party, ...] = (H,),
    steps: Any = None,
    stores: Mapping[Party, Store] | None = None,
    models: tuple[Model, ...] | None = None,
) -> MemoryRelay:
    """Ask a model that is served by `hosts` too; answers are in the questions."""
    params = ServingParams.parse({"steps": STEPS if steps is None else steps, "patience_s": 30})
    parties = {GUEST: ("1",), HOST: tuple(host.party_id for host in hosts)}
    relay = MemoryRelay()

    def role(party: Party) -> Any:
        facts = JobFacts(
            "job",
            "task",
            0,
            "serving_0",
            party,
            0,
            parties,
            tables=() if party == G else (TABLE,),
            store=None if party == G else (stores or {}).get(party) or Store(ROWS[party]),
            questions=Script(list(turns)) if party == G else None,
        )
        ports = {"isometric_model": models or models_of(party)}
        return lambda ch: serving.run(ch, params, ports, Quiet(), facts)

    letters = serving.messages_with(params)
    roles = {party: role(party) for party in (G, *hosts)}
    with pytest.raises(Over):
        await run_together(roles, letters, relay=relay)
    return relay


def score(own: Sequence[float], *shares: float) -> float:
    return float(sigmoid(np.array([np.dot(own, WEIGHTS[G][:2]) + WEIGHTS[G][2] + sum(shares)]))[0])


def u_at(host: Party) -> float:
    """What row `u` adds at a host."""
    return {H: 2.0 * 1 + 1.0 * 0, H2: -1.5 * 0.1}[host]


async def test_an_answer_is_the_score_of_all_parties_columns() -> None:
    one = question(("u", {"a": 1.0, "b": "2"}))
    await ask([one])
    (told,) = one.told["rows"]
    assert told["code"] == "ok"
    assert told["score"] == pytest.approx(score([1, 2], u_at(H)), abs=1e-12)


async def test_several_hosts_add_their_parts() -> None:
    one = question(("u", {"a": 1, "b": 2}))
    await ask([one], hosts=(H, H2))
    expected = score([1, 2], u_at(H), u_at(H2))
    assert one.told["rows"][0]["score"] == pytest.approx(expected, abs=1e-12)


async def test_questions_that_wait_together_get_their_own_answers() -> None:
    first = question(("v", {"a": 0, "b": 0}), ("u", {"a": 3, "b": 0}))
    second = question(("u", {"a": 0, "b": 1}), ("u", {"a": 0, "b": 1}))
    relay = await ask([first, second])
    share_v = 2.0 * 2 + 1.0 * 0.5
    scores = [row["score"] for row in first.told["rows"]]
    assert scores == pytest.approx([score([0, 0], share_v), score([3, 0], u_at(H))], abs=1e-12)
    assert second.told["rows"][0] == second.told["rows"][1]
    passes = [row for row in relay.ledger if row.tag == "lookup"]
    assert len(passes) == 2, "one to greet, one for both questions"


async def test_rows_that_only_some_hosts_have_are_told_and_stop_no_other() -> None:
    one = question(*((row_id, {"a": 0, "b": 0}) for row_id in ("u", "t", "nobody", "v")))
    await ask([one], hosts=(H, H2))
    told = one.told["rows"]
    assert [row["code"] for row in told] == ["ok", "unknown_id", "unknown_id", "ok"]
    assert told[1]["message"] == "host:2 has no row of this id"
    assert told[0]["score"] == pytest.approx(score([0, 0], u_at(H), u_at(H2)), abs=1e-12)


async def test_a_row_of_the_host_that_the_model_can_not_take_is_told() -> None:
    one = question(("w", {"a": 0, "b": 0}), ("u", {"a": 0, "b": 0}))
    await ask([one])
    assert [row["code"] for row in one.told["rows"]] == ["unfit_row", "ok"]
    assert "x" not in str(one.told["rows"][0]["message"]).split()


async def test_every_missing_feature_is_listed() -> None:
    one = question(("u", {}), ("u", {"b": 1}), ("u", {"a": 1, "b": 1, "more": 2}))
    await ask([one])
    told = one.told["rows"]
    assert [row["code"] for row in told] == ["missing_features", "missing_features", "ok"]
    assert [row.get("features") for row in told[:2]] == [["a", "b"], ["a"]]


async def test_a_text_in_place_of_a_number_stops_no_other_row() -> None:
    one = question(("u", {"a": "tall", "b": 1}), ("u", {"a": 1, "b": 1}))
    await ask([one])
    bad, good = one.told["rows"]
    assert (bad["code"], good["code"]) == ("bad_request", "ok")
    assert "a" in bad["message"]
    assert "tall" not in bad["message"]


async def test_a_row_without_an_id_is_not_looked_up() -> None:
    one = question(("", {"a": 1, "b": 1}))
    relay = await ask([one])
    assert one.told["rows"][0]["code"] == "bad_request"
    assert sum(row.tag == "lookup" for row in relay.ledger) == 1


async def test_what_leaves_is_what_the_served_component_declares() -> None:
    relay = await ask([question(("u", {"a": 1, "b": 2}))], hosts=(H, H2))
    declared = {m.tag for m in (*MESSAGES, *find_component("HeteroLR").messages)}
    assert {row.tag for row in relay.ledger} <= declared
    from_hosts = {row.tag for row in relay.ledger if row.sender != str(G)}
    assert from_hosts == {"found", "scores"}


async def test_no_id_or_feature_of_a_request_leaves_but_the_ids_looked_up() -> None:
    relay = await ask([question(("u", {"a": 12345.5, "b": 2}))])
    from_guest = [row.tag for row in relay.ledger if row.sender == str(G)]
    assert set(from_guest) == {"lookup", "course", "ids"}


async def test_a_horizontal_model_answers_at_the_guest_alone_and_needs_no_id() -> None:
    read, fitted = models_of(G)
    homo = replace(fitted, module="HomoLR")
    step = {**STEPS[2], "module": "HomoLR", "inputs": {"test_data": "read_0"}}
    one = question(("", {"a": 1, "b": 2}))
    relay = await ask([one], hosts=(), steps=[STEPS[0], step], models=(read, homo))
    assert one.told["rows"][0]["score"] == pytest.approx(score([1, 2]), abs=1e-12)
    assert relay.ledger == []


async def test_a_host_whose_table_is_gone_can_not_load() -> None:
    params = ServingParams.parse({"steps": STEPS})
    facts = JobFacts(
        "job",
        "task",
        0,
        "serving_0",
        H,
        0,
        {GUEST: ("1",), HOST: ("2",)},
        tables=(TABLE,),
        store=Store(None),
    )

    async def host(ch: Channel) -> Any:
        return await serving.run(ch, params, {"isometric_model": models_of(H)}, Quiet(), facts)

    async def guest(ch: Channel) -> Any:
        return await ch.hosts.gather("found")

    with pytest.raises(TableNotFound):
        await run_together({G: guest, H: host}, serving.messages_with(params))


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([], "no step that predicts"),
        ([{**STEPS[0], "module": "Union"}], "whole tables"),
        ([{**STEPS[2], "inputs": {"test_data": ""}}], "a DataTransform must read the rows"),
        ([{**STEPS[0], "model": "other_0"}], "no model of other_0"),
    ],
)
async def test_what_can_not_be_served_is_named_when_it_is_loaded(steps: Any, why: str) -> None:
    params = ServingParams.parse({"steps": steps})
    facts = JobFacts("job", "task", 0, "serving_0", G, 0, {GUEST: ("1",)}, questions=Script())

    async def guest(ch: Channel) -> Any:
        return await serving.run(ch, params, {"isometric_model": models_of(G)}, Quiet(), facts)

    with pytest.raises(NotServable, match=why):
        await run_together({G: guest}, serving.messages_with(params))
