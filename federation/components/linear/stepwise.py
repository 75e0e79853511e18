"""A stepwise search over the columns of all parties, each trial trained in full.

The guest leads: it tells each host which of its columns take part, everyone trains, the arbiter
tells the guest the last loss, which without an arbiter it knows, and the guest steps on by AIC or
BIC. -2 ln L is 2 n times the loss; for linear regression n ln(2 loss). The intercept is always
fitted and counted.

Learns: the guest the loss of every trial and the host's number of columns; a host which of its
columns are tried, and kept; the arbiter what it learns of every training. Else as in the component,
of every trial; so a party that sees its own weights sees those of each trial.
Source: FATE 1.x hetero_stepwise.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from federation.channel import Channel
from federation.components.common.quiet import Quiet
from federation.components.common.stepwise import Features, criterion, search
from federation.components.common.unfit import UnfitLetter
from federation.components.component import JobFacts, Report, Result, keep_nothing
from federation.components.linear.fitted import Fitted
from federation.components.linear.learner import Inputs, Share
from federation.components.linear.letters import Course, Trial
from federation.components.linear.link import LINEAR, Diverged
from federation.components.linear.params import LinearModelParams
from federation.components.linear.rows import Rows
from federation.errors import InvalidParameters, Problem
from federation.spec.party import ARBITER, HOST

Columns = npt.NDArray[np.int64] | None
"""Which of a party's columns take part, ascending; None at the arbiter."""

_LEAST_LOSS = 1e-300
_ONE_HOST = "a search compares losses, which several hosts do not have; leave hosts out of the job"


@dataclass(slots=True)
class Searching:
    """A search, or one party's part in it.

    Attributes:
        share: how the party trains.
        rows: to learn from, with every column; None at the arbiter.
        results: of the trials so far.
        numbers: of the trials, by features.
    """

    share: Share
    ch: Channel
    p: LinearModelParams
    bound: Inputs
    rows: Rows | None
    report: Report
    facts: JobFacts
    results: list[Result] = field(default_factory=list)
    numbers: dict[Features, int] = field(default_factory=dict)

    async def as_guest(self) -> Result:
        """Search; the model that was found.

        Raises:
            InvalidParameters: there are several hosts.
        """
        ch, rows = self.ch, self.rows
        if len(ch.hosts) != 1 or rows is None:
            raise InvalidParameters([Problem("stepwise_param.need_stepwise", _ONE_HOST)])
        (width,) = await ch.hosts.gather("width")
        course = Course.without_training("fit", searches=True)
        for peer in (*ch.all(ARBITER), *ch.hosts):
            await peer.send("course", course)
        every = [(0, column) for column in range(rows.width)]
        every += [(1, column) for column in range(width)]
        found = await search(self.p.stepwise_param, frozenset(every), self._tried)
        number, predicts = self.numbers[found.features], self.facts.wants_data
        theirs, own = _columns(found.features, 1), _columns(found.features, 0)
        await self._tell(theirs, chosen=number, predicts=predicts)
        told = {"step": len(found.scores) - 1, "scores": list(found.scores)}
        self.report.log("the search has ended", features=len(found.features), **told)
        chosen = self.results[number]
        data = await self._predicted(own, chosen) if predicts else ()
        return replace(chosen, data=data, summary={**(chosen.summary or {}), "stepwise": told})

    async def as_host(self) -> Result:
        """Train with the columns that the guest says, until it has found the best ones.

        Raises:
            UnfitLetter: it names columns or trials that there are not.
        """
        width = 0 if self.rows is None else self.rows.width
        while True:
            trial: Trial = await self.ch.guest.receive("trial")
            columns = trial.columns
            if columns is None or not {*columns.tolist()} <= {*range(width)}:
                raise UnfitLetter("trial", self.ch.guest.party)
            if trial.chosen >= 0:
                break
            self.results.append(await self._trained(columns))
        chosen = self._chosen(trial)
        if trial.predicts:
            await self._predicted(columns, chosen)
        return chosen

    async def as_arbiter(self) -> Result:
        """Train as often as the guest says, and tell it the losses."""
        while True:
            trial: Trial = await self.ch.guest.receive("trial")
            if trial.chosen >= 0:
                break
            there = self.ch.scope("trial", len(self.results))
            result = await self._trained(None)
            self.results.append(result)
            await there.guest.send("trial_loss", _last_loss(result))
        chosen = self._chosen(trial)
        if trial.predicts:
            await self._predicted(None, chosen)
        return chosen

    async def _tried(self, features: Features) -> float:
        """Train with these columns; AIC or BIC.

        Raises:
            Diverged: the loss is no number.
        """
        number, rows = len(self.results), 0 if self.rows is None else self.rows.count
        self.numbers[features] = number
        await self._tell(_columns(features, 1))
        self.results.append(await self._trained(_columns(features, 0)))
        loss = await self._loss(number)
        deviance = 2.0 * rows * loss
        if self.bound.kind.LINK is LINEAR:
            deviance = rows * math.log(max(2.0 * loss, _LEAST_LOSS))
        fitted = len(features) + self.p.init_param.fit_intercept
        score = criterion(self.p.stepwise_param, deviance, rows=rows, fitted=fitted)
        if not math.isfinite(score):
            raise Diverged
        self.report.log("tried", number=number, features=len(features), score=score)
        self.report.metric("train", f"stepwise_{number}", "STEPWISE", [(len(features), score)])
        return score

    async def _tell(self, columns: Columns, *, chosen: int = -1, predicts: bool = False) -> None:
        """Tell everyone of a trial, and the host which of its columns take part."""
        for role, named in ((HOST, columns), (ARBITER, None)):
            trial = Trial(columns=named, chosen=chosen, predicts=predicts)
            await self.ch.all(role).send("trial", trial)

    async def _loss(self, number: int) -> float:
        """What a trial ended with: as the arbiter tells, or as the guest knows without one."""
        if not self.ch.all(ARBITER):
            return _last_loss(self.results[number])
        return float(await self.ch.scope("trial", number).arbiter.receive("trial_loss"))

    def _chosen(self, trial: Trial) -> Result:
        if trial.chosen >= len(self.results):
            raise UnfitLetter("trial", self.ch.guest.party)
        return self.results[trial.chosen]

    async def _trained(self, columns: Columns) -> Result:
        there = self.ch.scope("trial", len(self.results))
        unread = replace(self.facts, outputs=(), checkpoint=keep_nothing)
        bound = self._bound(columns, None)
        return await self.share(there, self.p.of_fold(), bound, Muted(self.report), unread)

    async def _predicted(self, columns: Columns, chosen: Result) -> tuple[Any, ...]:
        """Predictions of the chosen model: a training that it has ended already."""
        before = None if chosen.model is None else self.bound.kind.restored(chosen.model)
        ended = self.p.of_fold().model_copy(update={"max_iter": 1})
        bound, there = self._bound(columns, before), self.ch.scope("chosen")
        result = await self.share(there, ended, bound, Muted(self.report), self.facts)
        return result.data

    def _bound(self, columns: Columns, before: Fitted | None) -> Inputs:
        """The inputs, with these of their features."""
        if self.rows is None or columns is None:
            return self.bound
        names = tuple(self.rows.names[column] for column in columns.tolist())
        return replace(self.bound, before=before, columns=names)


@dataclass(frozen=True, slots=True)
class Muted(Quiet):
    """Of a trial only the log lines are told."""

    report: Report

    def log(self, message: str, **facts: Any) -> None:
        """Write one line."""
        self.report.log(message, **facts)


def _columns(features: Features, party: int) -> npt.NDArray[np.int64]:
    return np.array(sorted(c for owner, c in features if owner == party), dtype=np.int64)


def _last_loss(result: Result) -> float:
    """The loss a training ended with; of several classes all together."""
    summary = result.summary or {}
    histories = [
        one["loss_history"]
        for one in (summary, *summary.values())
        if isinstance(one, dict) and one.get("loss_history")
    ]
    return float(sum(history[-1] for history in histories))
