"""Guest, host and arbiter of every vertical linear model with an arbiter: train, or predict.

Who learns what stands in the headers of the components.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from federation.channel import Channel
from federation.components.common.cross_validation import (
    Fold,
    Folds,
    fold_of,
    fold_reports,
    held_out,
)
from federation.components.common.following import PREDICT, TRAIN, VALIDATE
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.linear.curvature import receive_batch
from federation.components.linear.fitted import Fitted
from federation.components.linear.hetero_fit import (
    GuestFit,
    fit_as_arbiter,
    fit_as_host,
    receive_course,
)
from federation.components.linear.letters import LINEAR_MESSAGES, Course, HostBatch, UnfitLetter
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import check_same_ids, scored
from federation.components.linear.rows import Rows, rows_of
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
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
    """

    kind: type[Fitted]
    train: Table | None
    held_out: Table | None
    test: Table | None
    before: Fitted | None

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
        names = None if self.before is None else self.before.names
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


def vertical(kind: type[Fitted], params: type[LinearModelParams], class_name: str) -> Component:
    """The component of a kind of vertical linear model.

    Args:
        class_name: of FATE's parameter class.
    """
    component = Component(
        kind.MODULE,
        params,
        LINEAR_MESSAGES,
        class_name=class_name,
        inputs=(Slot("train_data"), Slot("validate_data"), Slot("eval_data"), Slot("test_data")),
        model_in=True,
        isometric_in=True,
        model_out=True,
        needs=frozenset({GUEST, HOST, ARBITER}),
    )

    def inputs(
        train: Table | None, held_out: Table | None, test: Table | None, model: Model | None
    ) -> Inputs:
        before = None if model is None else kind.restored(model)
        return Inputs(kind, train, held_out, test, before)

    @component.on(GUEST)
    async def guest(
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
        """Train with labels and own columns, or predict."""
        bound = inputs(train_data, validate_data or eval_data, test_data, model)
        return await as_guest(ch, p, bound, report, facts)

    @component.on(HOST)
    async def host(
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
        """Train with own columns, or give own scores to the guest."""
        bound = inputs(train_data, validate_data or eval_data, test_data, model)
        return await as_host(ch, p, bound, report, facts)

    @component.on(ARBITER)
    async def arbiter(
        ch: Channel, p: LinearModelParams, *, report: Report, facts: JobFacts
    ) -> Result:
        """Make the key, decrypt gradients, say steps; nothing to do for a prediction."""
        return await as_arbiter(kind, ch, p, report, facts)

    return component


async def as_guest(
    ch: Channel, p: LinearModelParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """The guest's share of a run."""
    if bound.train is None:
        known, rows = bound.to_predict(p.exposure)
        return await _predict_as_guest(ch, p, known, rows)
    if p.cv_param.need_cv:
        return await _folds_as_guest(ch, p, bound, report, facts)
    stages = bound.stages(p.exposure)
    fit = GuestFit(bound.kind, ch, p, stages, report, bound.before, facts.wants_data)
    trained = await fit.run()
    tables = await fit.predicted(trained)
    return Result(tables, trained.saved(p, facts), summary=trained.summary())


async def as_host(
    ch: Channel, p: LinearModelParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """A host's share of a run."""
    if bound.train is None:
        known, rows = bound.to_predict()
        await receive_course(ch, "predict")
        there = ch.scope(PREDICT)
        await check_same_ids(there, rows)
        await scored(there, rows, known.weights, intercept=False)
        return Result()
    stages = bound.stages()
    if not stages[TRAIN].width:
        raise DataProblem("this host's table has no feature; leave the host out of the job")
    await ch.guest.send("width", stages[TRAIN].width)
    course = await receive_course(ch, "fit")
    if course.folds != p.cv_param.folds:
        raise DataProblem("guest and host do not have the same cv_param; set it for all parties")
    if course.folds:
        return await _folds_as_host(ch, p, bound, report, facts)
    trained = await fit_as_host(
        bound.kind, ch, p, course, stages=stages, before=bound.before, report=report
    )
    return Result((), trained.saved(p, facts), summary=trained.summary())


async def as_arbiter(
    kind: type[Fitted], ch: Channel, p: LinearModelParams, report: Report, facts: JobFacts
) -> Result:
    """The arbiter's share of a run."""
    course: Course = await ch.guest.receive("course")
    if course.stage == "predict":
        return Result()
    if not course.folds:
        trained = await fit_as_arbiter(kind, ch, p, course, report)
        return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))
    summary: dict[str, Any] = {}
    for number, told in fold_reports(report, course.folds):
        result = await as_arbiter(kind, ch.scope("fold", number), p, told, facts)
        summary[f"fold_{number}"] = result.summary
    return Result(summary={**summary, "fold_num": course.folds})


async def _folds_as_guest(
    ch: Channel, p: LinearModelParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """Part the rows, tell the hosts how, and train each fold."""
    rows = bound.stages(p.exposure)[TRAIN]
    parts = list(held_out(rows.count, p.cv_param))
    await ch.hosts.gather("width")
    course = Course.without_training("fit", folds=len(parts))
    for peer in (ch.arbiter, *ch.hosts):
        await peer.send("course", course)
    await check_same_ids(ch, rows)
    folds = Folds(p.cv_param, report)
    for number, part in enumerate(parts):
        there = ch.scope("fold", number)
        await there.hosts.send("fold", HostBatch(rows=part, size=len(part)))
        fold = fold_of(bound.to_learn, np.sort(rows.order[part]), number, len(parts), report)
        await folds.run(fold, _Fit(as_guest, there, p.of_fold(), bound, facts))
    return folds.result()


async def _folds_as_host(
    ch: Channel, p: LinearModelParams, bound: Inputs, report: Report, facts: JobFacts
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
        await folds.run(fold, _Fit(as_host, there, p.of_fold(), bound, facts))
    return folds.result()


@dataclass(frozen=True, slots=True)
class _Fit:
    """Trains a fold as a party would train all of its rows."""

    share: Callable[[Channel, LinearModelParams, Inputs, Report, JobFacts], Awaitable[Result]]
    ch: Channel
    p: LinearModelParams
    bound: Inputs
    facts: JobFacts

    async def __call__(self, fold: Fold) -> Result:
        bound = Inputs(self.bound.kind, fold.train, fold.validate, None, None)
        wanted = replace(self.facts, outputs=None)  # the shell measures what a fold predicts
        return await self.share(self.ch, self.p, bound, fold.report, wanted)


async def _predict_as_guest(ch: Channel, p: LinearModelParams, known: Fitted, rows: Rows) -> Result:
    for peer in (*ch.all(ARBITER), *ch.hosts):
        await peer.send("course", Course.without_training("predict"))
    there = ch.scope(PREDICT)
    await check_same_ids(there, rows)
    scores = await scored(there, rows, known.weights, intercept=known.intercept)
    return Result((known.predictions(rows, scores, p, stage=PREDICT),))
