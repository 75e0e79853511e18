"""A learning component of the linear family: its ports, and the shell that trains fold by fold.

Each role's share of a run is a coroutine that the family gives; here are the inputs it sees, and
how a vertical family goes through the folds of a cross validation: the guest parts the common rows
and tells the hosts which ones each fold leaves out.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from federation.channel import Channel, Message
from federation.components.common.cross_validation import Fold, Folds, fold_of, held_out
from federation.components.common.following import TRAIN, VALIDATE
from federation.components.common.unfit import UnfitLetter
from federation.components.component import (
    Component,
    JobFacts,
    Model,
    Report,
    Result,
    keep_nothing,
)
from federation.components.linear.curvature import receive_batch
from federation.components.linear.fitted import Fitted
from federation.components.linear.letters import Course, HostBatch
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import check_same_ids
from federation.components.linear.rows import Rows, rows_of
from federation.crypto import Keys
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, Role
from federation.tables import Table


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a party has bound.

    Attributes:
        kind: the model's.
        train: rows to learn from; without them the component predicts.
        held_out: rows to measure on.
        test: rows to predict.
        before: a model to go on from, or to predict with.
        columns: the features that a search tries, none perhaps; None for all of the table.
        keys: that this party has made in the run, for every fold or trial.
    """

    kind: type[Fitted]
    train: Table | None
    held_out: Table | None
    test: Table | None
    before: Fitted | None
    columns: tuple[str, ...] | None = None
    keys: Keys = field(default_factory=Keys)

    @property
    def to_learn(self) -> Table:
        """Rows to learn from.

        Raises:
            DataProblem: there are none.
        """
        if self.train is None:
            raise DataProblem("bind train_data to train")
        return self.train

    def stages(self, exposure: str | None = None) -> dict[str, Rows]:
        """Rows to learn from, and those to measure on if there are any."""
        names = self.columns if self.before is None else self.before.names
        stages = {TRAIN: rows_of(self.to_learn, names, exposure=exposure)}
        if self.held_out is not None:
            names = stages[TRAIN].names
            stages[VALIDATE] = rows_of(self.held_out, names, exposure=exposure)
        return stages

    def to_predict(self, exposure: str | None = None) -> tuple[Fitted, Rows]:
        """The model and the rows of a prediction.

        Raises:
            DataProblem: one of them is missing.
        """
        table = self.test or self.held_out
        if table is None:
            raise DataProblem("bind train_data to train, or test_data and a model to predict")
        if self.before is None:
            raise DataProblem(
                "a prediction needs a model; bind the model of a trained " + self.kind.MODULE
            )
        return self.before, rows_of(table, self.before.names, exposure=exposure)


Share = Callable[[Channel, Any, Inputs, Report, JobFacts], Awaitable[Result]]
"""A role's share of a run: channel, parameters, inputs, report, facts."""


def learner(
    kind: type[Fitted],
    params: type[LinearModelParams],
    class_name: str,
    messages: tuple[Message, ...],
    shares: Mapping[Role, Share],
) -> Component:
    """The component of a kind of linear model.

    Args:
        class_name: of FATE's parameter class.
        shares: of every role that the component needs; the arbiter's sees no inputs.
    """
    component = Component(
        kind.MODULE,
        params,
        messages,
        class_name=class_name,
        inputs=(Slot("train_data"), Slot("validate_data"), Slot("eval_data"), Slot("test_data")),
        model_in=True,
        isometric_in=True,
        model_out=True,
        needs=frozenset(shares),
    )

    @component.on(*shares)
    async def share(
        ch: Channel,
        p: LinearModelParams,
        *,
        train_data: Table | None,
        validate_data: Table | None,
        eval_data: Table | None,
        test_data: Table | None,
        model: Model | None,
        report: Report,
        facts: JobFacts,
    ) -> Result:
        """A role's share of a run: train, or predict where there is nothing to train with."""
        before = None if model is None else kind.restored(model)
        measured = validate_data or eval_data
        bound = Inputs(kind, train_data, measured, test_data, before)
        return await shares[ch.me.role](ch, p, bound, report, facts)

    return component


async def folds_as_guest(
    share: Share,
    ch: Channel,
    p: LinearModelParams,
    bound: Inputs,
    report: Report,
    *,
    facts: JobFacts,
) -> Result:
    """Part the rows, tell the hosts how, and train each fold."""
    rows = bound.stages(p.exposure)[TRAIN]
    parts = list(held_out(rows.count, p.cv_param))
    await ch.hosts.gather("width")
    course = Course.without_training("fit", folds=len(parts))
    for peer in (*ch.all(ARBITER), *ch.hosts):
        await peer.send("course", course)
    await check_same_ids(ch, rows)
    folds = Folds(p.cv_param, report)
    for number, part in enumerate(parts):
        there = ch.scope("fold", number)
        await there.hosts.send("fold", HostBatch(rows=part, size=len(part)))
        fold = fold_of(bound.to_learn, np.sort(rows.order[part]), number, len(parts), report)
        await folds.run(fold, FoldFit(share, there, p.of_fold(), bound, facts))
    return folds.result()


async def folds_as_host(
    share: Share,
    ch: Channel,
    p: LinearModelParams,
    bound: Inputs,
    report: Report,
    *,
    facts: JobFacts,
) -> Result:
    """Train each fold on the rows that the guest says."""
    rows, count = bound.stages()[TRAIN], p.cv_param.folds
    await check_same_ids(ch, rows)
    folds = Folds(p.cv_param, report)
    for number in range(count):
        there = ch.scope("fold", number)
        letter = await receive_batch(there, rows, "fold")
        if letter.rows is None:
            raise UnfitLetter("fold", ch.guest.party)
        fold = fold_of(bound.to_learn, np.sort(rows.order[letter.rows]), number, count, report)
        await folds.run(fold, FoldFit(share, there, p.of_fold(), bound, facts))
    return folds.result()


@dataclass(frozen=True, slots=True)
class FoldFit:
    """Trains a fold as a party would train all of its rows."""

    share: Share
    ch: Channel
    p: LinearModelParams
    bound: Inputs
    facts: JobFacts

    async def __call__(self, fold: Fold) -> Result:
        keys = self.bound.keys
        bound = Inputs(self.bound.kind, fold.train, fold.validate, None, None, keys=keys)
        # The shell measures what a fold predicts, and keeps no model.
        inside = replace(self.facts, outputs=None, checkpoint=keep_nothing)
        return await self.share(self.ch, self.p, bound, fold.report, inside)
