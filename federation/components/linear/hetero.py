"""Guest, host and arbiter of every vertical linear model with an arbiter: train, or predict.

Who learns what stands in the headers of the components.
"""

from typing import Any

from federation.channel import Channel
from federation.components.common.cross_validation import fold_reports
from federation.components.common.following import PREDICT, TRAIN
from federation.components.component import Component, JobFacts, Report, Result
from federation.components.linear.courses import receive_course, received_course
from federation.components.linear.fitted import Fitted
from federation.components.linear.hetero_fit import (
    GuestFit,
    HostFit,
    fit_as_arbiter,
)
from federation.components.linear.learner import Inputs, folds_as_guest, folds_as_host, learner
from federation.components.linear.letters import LINEAR_MESSAGES, Course
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import check_same_ids, scored
from federation.components.linear.rows import Rows
from federation.components.linear.stepwise import Searching
from federation.spec.party import ARBITER, GUEST, HOST


def vertical(kind: type[Fitted], params: type[LinearModelParams], class_name: str) -> Component:
    """The component of a kind of vertical linear model with an arbiter.

    Args:
        class_name: of FATE's parameter class.
    """
    shares = {GUEST: as_guest, HOST: as_host, ARBITER: as_arbiter}
    return learner(kind, params, class_name, LINEAR_MESSAGES, shares)


async def as_guest(
    ch: Channel, p: LinearModelParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """The guest's share of a run."""
    if bound.train is None:
        known, rows = bound.to_predict(p.exposure)
        return await _predict_as_guest(ch, p, known, rows)
    if p.cv_param.need_cv:
        return await folds_as_guest(as_guest, ch, p, bound, report, facts=facts)
    stages = bound.stages(p.exposure)
    if p.stepwise_param.need_stepwise:
        return await Searching(as_guest, ch, p, bound, stages[TRAIN], report, facts).as_guest()
    searching = bound.columns is not None
    fit = GuestFit(bound.kind, ch, p, stages, report, bound.before, facts, searching)
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
    searching = bound.columns is not None
    course = await received_course(ch, p, stages[TRAIN], searching=searching)
    if course.searches:
        return await Searching(as_host, ch, p, bound, stages[TRAIN], report, facts).as_host()
    if course.folds:
        return await folds_as_host(as_host, ch, p, bound, report, facts=facts)
    trained = await HostFit(bound.kind, ch, p, course, stages, bound.before, report, facts).run()
    return Result((), trained.saved(p, facts), summary=trained.summary())


async def as_arbiter(
    ch: Channel, p: LinearModelParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """The arbiter's share of a run."""
    course: Course = await ch.guest.receive("course")
    if course.stage == "predict":
        return Result()
    if course.searches:
        return await Searching(as_arbiter, ch, p, bound, None, report, facts).as_arbiter()
    if not course.folds:
        trained = await fit_as_arbiter(bound, ch, p, course, report, facts=facts)
        return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))
    summary: dict[str, Any] = {}
    for number, told in fold_reports(report, course.folds):
        result = await as_arbiter(ch.scope("fold", number), p, bound, told, facts)
        summary[f"fold_{number}"] = result.summary
    return Result(summary={**summary, "fold_num": course.folds})


async def _predict_as_guest(ch: Channel, p: LinearModelParams, known: Fitted, rows: Rows) -> Result:
    for peer in (*ch.all(ARBITER), *ch.hosts):
        await peer.send("course", Course.without_training("predict"))
    there = ch.scope(PREDICT)
    await check_same_ids(there, rows)
    scores = await scored(there, rows, known.weights, intercept=known.intercept)
    return Result((known.predictions(rows, scores, p, stage=PREDICT),))
