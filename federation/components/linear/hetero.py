"""Guest, host and arbiter of every vertical linear model with an arbiter: train, or predict.

Who learns what stands in the headers of the components.
"""

from dataclasses import dataclass

from federation.channel import Channel
from federation.components.common.following import PREDICT, TRAIN, VALIDATE
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.linear.fitted import Fitted
from federation.components.linear.hetero_fit import (
    GuestFit,
    fit_as_arbiter,
    fit_as_host,
    receive_course,
)
from federation.components.linear.letters import LINEAR_MESSAGES, Course
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

    def stages(self, exposure: str | None = None) -> dict[str, Rows]:
        """Rows to learn from, and those to measure on if there are any."""
        if self.train is None:
            raise DataProblem("bind train_data to train")
        names = None if self.before is None else self.before.names
        stages = {TRAIN: rows_of(self.train, names, exposure=exposure)}
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
        course: Course = await ch.guest.receive("course")
        if course.stage == "predict":
            return Result()
        trained = await fit_as_arbiter(kind, ch, p, course, report)
        return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))

    return component


async def as_guest(
    ch: Channel,
    p: LinearModelParams,
    bound: Inputs,
    report: Report,
    facts: JobFacts,
) -> Result:
    """The guest's share of a run."""
    if bound.train is None:
        known, rows = bound.to_predict(p.exposure)
        return await _predict_as_guest(ch, p, known, rows)
    fit = GuestFit(bound.kind, ch, p, bound.stages(p.exposure), report, bound.before)
    trained = await fit.run()
    table = await fit.predicted(trained)
    return Result((table,), trained.saved(p, facts), summary=trained.summary())


async def as_host(
    ch: Channel,
    p: LinearModelParams,
    bound: Inputs,
    report: Report,
    facts: JobFacts,
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
    trained = await fit_as_host(bound.kind, ch, p, stages, bound.before, report=report)
    return Result((), trained.saved(p, facts), summary=trained.summary())


async def _predict_as_guest(ch: Channel, p: LinearModelParams, known: Fitted, rows: Rows) -> Result:
    course = Course(
        stage="predict",
        starts=[],
        epochs=0,
        batches=0,
        drawn=False,
        loss=False,
        rule="",
        follows=[],
        stages=[PREDICT],
        stops_early=False,
    )
    for peer in (*ch.all(ARBITER), *ch.hosts):
        await peer.send("course", course)
    there = ch.scope(PREDICT)
    await check_same_ids(there, rows)
    scores = await scored(there, rows, known.weights, intercept=known.intercept)
    return Result((known.predictions(rows, scores, p, stage=PREDICT),))
