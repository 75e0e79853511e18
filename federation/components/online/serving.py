"""Serving: a loaded model answers, as long as its job runs.

    guest   ids of a pass                      -> hosts
    host    looks each id up in its own table: which it has and can use        -> guest
    all     the steps of the prediction, with the components a predict job runs

So a request's score is the one of a predict job over the same rows. Requests that wait together
are one pass. The guest's features and the hosts' never leave them; what does is what the model's
own component declares for a prediction, under its own tags.

Learns: each host which ids were asked for and when; the guest which of them each host has, and what
the model's component tells it in a predict job (of linear models each host's part of the score);
whoever asks, the score.
Tolerance: scores as of batch prediction within 1e-6.
Source: FATE-Serving 2.x, hetero inference (its host feature adapter is the host's table here).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.channel import Channel, Message, Payload
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.online.params import ServingParams
from federation.components.online.requests import (
    BAD_REQUEST,
    OK,
    Pass,
    Row,
    Wanted,
    wanted_by,
)
from federation.components.online.steps import (
    Line,
    NotServable,
    kept,
    line_of,
    messages_of,
    with_ids,
)
from federation.components.registry import components
from federation.errors import DataProblem, TableNotFound, TripactError, Unavailable
from federation.spec.dsl import SERVING
from federation.spec.orders import TableName
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.wire.codec import StringVector

UNKNOWN_ID = "unknown_id"
UNFIT_ROW = "unfit_row"
NO_ANSWER = "host_no_answer"

ABSENT, USABLE, UNFIT = 0, 1, 2
"""What a host says of an id."""

_LOOK_AGAIN_S = 1.0


class Lookup(Payload):
    """Ids of one pass."""

    number: int
    ids: StringVector


class Found(Payload):
    """ABSENT, USABLE or UNFIT for each id, uint8, shape (n,)."""

    rows: np.ndarray


class Kept(Payload):
    """Which rows go on, bool, shape (n,)."""

    rows: np.ndarray


MESSAGES = (
    Message("lookup", (GUEST, HOST), Lookup, "ids of the rows that are asked about"),
    Message("found", (HOST, GUEST), Found, "which of them this host has and can use"),
    Message("kept", (GUEST, HOST), Kept, "with several hosts: which of them all hosts have"),
)


def _letters(params: ServingParams) -> tuple[Message, ...]:
    return messages_of(params, components())


serving = Component(
    SERVING,
    ServingParams,
    MESSAGES,
    isometric_in=True,
    data_out=0,
    need_deploy=False,
    resident=True,
    letters=_letters,
)


@serving.on(GUEST)
async def guest(
    ch: Channel,
    p: ServingParams,
    *,
    isometric_model: tuple[Model, ...],
    report: Report,
    facts: JobFacts,
) -> Result:
    """Answer questions of this party until the job is stopped."""
    line = _line(p, isometric_model)
    desk = _Guest(ch, p, facts, line, wanted_by(line.entries))
    if facts.questions is None:
        raise Unavailable("nobody can ask this seat")
    await desk.greet()
    report.log("ready to answer", model_version=p.model_version, features=len(desk.wanted.features))
    while True:
        waiting = await facts.questions.take()
        await desk.answer(Pass.of(waiting))


@serving.on(HOST)
async def host(
    ch: Channel,
    p: ServingParams,
    *,
    isometric_model: tuple[Model, ...],
    report: Report,
    facts: JobFacts,
) -> Result:
    """Look ids up for the guest until the job is stopped."""
    desk = _Host(ch, facts, _line(p, isometric_model), _Features(facts))
    await desk.rehearse()
    report.log("ready to look up", rows=desk.features.table.rows)
    while True:
        lookup: Lookup = await ch.guest.receive("lookup")
        try:
            await desk.serve(lookup)
        except TripactError as error:
            report.log(f"a request failed: {error.message}", code=error.code)


def _line(p: ServingParams, models: Sequence[Model]) -> Line:
    return line_of(p, models, components())


# --- guest ---------------------------------------------------------------------------------------


class _Guest:
    """One pass after another."""

    def __init__(
        self, ch: Channel, p: ServingParams, facts: JobFacts, line: Line, wanted: Wanted
    ) -> None:
        self.ch = ch
        self.p = p
        self.facts = facts
        self.line = line
        self.wanted = wanted
        self.number = 0
        # A horizontal model's component may meet others in its training, and has none to meet here.
        self.asks = line.meets and len(ch.hosts) > 0

    async def greet(self) -> None:
        """Wait until every host is ready."""
        if self.asks:
            await self._looked_up(self._next(), [])

    async def answer(self, pass_: Pass) -> None:
        """Answer all questions of a pass."""
        try:
            rows = pass_.open
            self.wanted.check(rows)
            for row in rows if self.asks else ():
                if not row.id:
                    row.fail(BAD_REQUEST, "sendToRemoteFeatureData names no id for the hosts")
            for start in range(0, len(rows), self.p.most_rows):
                part = [r for r in rows[start : start + self.p.most_rows] if r.answer is None]
                if part:
                    await self._answer(part)
        finally:
            for row in pass_.open:
                row.fail(NO_ANSWER, "the request was given up")
            pass_.close()

    async def _answer(self, rows: Sequence[Row]) -> None:
        here = self._next()
        try:
            made = await self._prepared(here, rows)
            if made is None:
                rows = [row for row in rows if await self._prepared(here, [row]) is not None]
                made = await self._prepared(here, rows)
            if made and rows:
                await self._predict(here, rows, made)
        except TimeoutError:
            hosts = ", ".join(str(peer.party) for peer in here.hosts)
            for row in rows:
                row.fail(
                    NO_ANSWER,
                    f"{hosts} gave no answer within {self.p.patience_s:g} s; see that its agent "
                    "is connected",
                )
        except TripactError as error:
            for row in rows:
                row.fail(error.code, error.message)

    async def _prepared(self, here: Channel, rows: Sequence[Row]) -> dict[str, Table] | None:
        """What the own steps make of some rows; None if they can not take them."""
        if not rows:
            return {}
        try:
            return await self.line.prepare(here, self.wanted.table(rows), self.facts)
        except DataProblem as error:
            if len(rows) == 1:
                rows[0].fail(BAD_REQUEST, error.message)
            return None

    async def _predict(self, here: Channel, rows: Sequence[Row], made: dict[str, Table]) -> None:
        async with asyncio.timeout(self.p.patience_s if self.asks else None):
            if self.asks:
                known = await self._looked_up(here, rows)
                if not known.any():
                    return
                made = kept(made, known)
            predicted = await self.line.finish(here, made, self.facts)
        if predicted is None:
            raise NotServable(self.p.steps[-1].component, "it made no predictions")
        _give(rows, predicted)

    async def _looked_up(self, here: Channel, rows: Sequence[Row]) -> npt.NDArray[np.bool_]:
        """Which rows all hosts have; the others are answered. Shape (n,)."""
        ids = StringVector.from_strings([row.id for row in rows])
        await self.ch.hosts.send("lookup", Lookup(number=self.number, ids=ids))
        known = np.ones(len(rows), dtype=bool)
        for peer, found in zip(here.hosts, await here.hosts.gather("found"), strict=True):
            if found.rows.shape != known.shape:
                raise DataProblem(f"{peer.party} told of other rows than it was asked for")
            for row, word in zip(rows, found.rows.tolist(), strict=True):
                _note(row, word, str(peer.party))
            known &= found.rows == USABLE
        if len(here.hosts) > 1:
            await here.hosts.send("kept", Kept(rows=known))
        return known

    def _next(self) -> Channel:
        self.number += 1
        return self.ch.scope("request", self.number)


def _note(row: Row, word: int, party: str) -> None:
    if word == ABSENT:
        row.fail(UNKNOWN_ID, f"{party} has no row of this id", party=party)
    elif word != USABLE:
        row.fail(UNFIT_ROW, f"{party} has a row of this id that the model can not take")


def _give(rows: Sequence[Row], predicted: Table) -> None:
    """Answer rows from a table of predictions, in whatever order it is."""
    frame = predicted.frame
    names = ("predict_score", "predict_result", "predict_detail")
    columns = [frame.column(name).to_pylist() for name in names]
    for place, score, result, detail in zip(predicted.ids.to_pylist(), *columns, strict=True):
        rows[int(place)].answer = {
            "code": OK,
            "score": score,
            "result": result,
            "detail": detail,
        }


# --- host ----------------------------------------------------------------------------------------


class _Features:
    """The host's table by id; read anew when it has been replaced. Of repeated ids the first."""

    def __init__(self, facts: JobFacts) -> None:
        if facts.store is None or not facts.tables:
            raise Unavailable(
                "this host has no table to look features up in: name one in the conf of the load, "
                "or [[serving]] in the party's policy"
            )
        self._store = facts.store
        self._name: TableName = facts.tables[0]
        self._looked_at = 0.0
        self._read()

    def fresh(self) -> None:
        """See whether the table was replaced, not more often than each second.

        Raises:
            TableNotFound: it was deleted.
        """
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_S:
            self._looked_at = now
            if self._store.stored(self._name).created_ms != self._created_ms:
                self._read()

    def places(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """Where each id stands, -1 for none; shape (n,)."""
        return np.array([self._places.get(each, -1) for each in ids], dtype=np.int64)

    def _read(self) -> None:
        self._created_ms = self._store.stored(self._name).created_ms
        self._looked_at = time.monotonic()
        self.table = self._store.open(self._name)
        ids = self.table.ids.to_pylist()
        self._places: Mapping[str, int] = dict(
            zip(reversed(ids), reversed(range(len(ids))), strict=True)
        )


@dataclass(slots=True)
class _Host:
    """Serves one lookup after another."""

    ch: Channel
    facts: JobFacts
    line: Line
    features: _Features

    async def rehearse(self) -> None:
        """Try the first row, so that a table that does not fit is noticed when the model loads.

        Raises:
            DataProblem: it does not fit the model.
        """
        if self.features.table.rows:
            await self.line.prepare(self.ch, self.features.table.take([0]), self.facts)

    async def serve(self, lookup: Lookup) -> None:
        """Answer one lookup, and take part in the prediction of what is left of it."""
        here = self.ch.scope("request", lookup.number)
        ids = lookup.ids.to_strings()
        words, made = await self._found(here, ids)
        await here.guest.send("found", Found(rows=words))
        usable = words == USABLE
        if len(self.ch.parties.get(HOST, ())) > 1:
            common: Kept = await here.guest.receive("kept")
            usable = np.asarray(common.rows, dtype=bool)[usable]
            made = kept(made, usable) if made else made
        if usable.any() and made:
            await self.line.finish(here, made, self.facts)

    async def _found(
        self, here: Channel, ids: Sequence[str]
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Table]]:
        """What to say of each id, and what this host's steps make of the usable ones."""
        words = np.zeros(len(ids), dtype=np.uint8)
        try:
            self.features.fresh()
        except TableNotFound:
            return np.full(len(ids), UNFIT, dtype=np.uint8), {}
        places = self.features.places(ids)
        wanted = np.flatnonzero(places >= 0)
        words[wanted] = USABLE
        made = await self._prepared(here, places, wanted)
        if made is None:
            for row in wanted:
                if await self._prepared(here, places, np.array([row])) is None:
                    words[row] = UNFIT
            made = await self._prepared(here, places, np.flatnonzero(words == USABLE))
        return words, made or {}

    async def _prepared(
        self, here: Channel, places: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
    ) -> dict[str, Table] | None:
        """What the own steps make of some rows; None if they can not take them."""
        if not len(rows):
            return {}
        table = with_ids(self.features.table.take(places[rows]), rows)
        try:
            return await self.line.prepare(here, table, self.facts)
        except DataProblem:
            return None
