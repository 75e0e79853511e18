"""HomoLR: logistic regression over rows of several parties that have the same columns.

Each party takes `aggregate_iters` epochs of steps on its own rows, with labels y in -1, 1 and
scores s = w x + b, and adds what it found, weighed by its rows, behind masks (see lasting_sum):

    gradient_w = mean(-y x / (1 + exp(y s))) + alpha w      (L2, not the intercept)
    w          = sum_i n_i w_i / sum_i n_i
    loss       = sum_i n_i (mean ln(1 + exp(-y s)) + penalty) / sum_i n_i

The last epoch is always followed by an average. use_proximal adds mu (w_i - w) to the gradient.
Of more than two classes, each is trained against the rest. Optimizers and penalties are those of
FATE before 1.10, which has them in HeteroLR alike; an optimizer's state stays at its party.

Learns:
- the arbiter: the averaged weights and loss of each round and the number of all rows; no party's
  own weights, loss or count. With one host it must not pool with a party, which could take its own
  part off;
- every party: the averages. Guest and one host alone can each compute the other's weights from the
  average and the count of rows, if it knows that; three parties or more hide in each other;
- the guest: which labels each host has; a host: the names of the guest's features, the classes of
  all parties, and whether the guest's metrics got worse. Rows, labels and predictions stay at home.
Parties that follow the protocol are assumed. While more than half of them stay, those that leave do
not disturb the others: averages are then over the rows of those who are left.

Every party predicts its own rows alone, and parts them into the folds of a cross validation alone.
With one batch an epoch and sgd the result is that of gradient descent on pooled rows. Equal to the
same steps in the clear within 1e-6.
encrypt_param and re_encrypt_batches of FATE before 1.10 have no effect: no party's weights are seen
by anyone, so hosts need not work on ciphertexts.
Source: McMahan et al. 2017; Bonawitz et al. 2017; FATE 1.x homo_logistic_regression.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from federation.channel import Channel
from federation.components.common.cross_validation import (
    Folds,
    fold_of,
    fold_reports,
    held_out,
)
from federation.components.common.following import PREDICT, TRAIN, VALIDATE, Following
from federation.components.component import JobFacts, Report, Result
from federation.components.linear.fitted import Fitted
from federation.components.linear.homo_letters import HOMO_MESSAGES, Rounds, Start
from federation.components.linear.homo_training import (
    Local,
    Watched,
    scores_of,
    train_as_arbiter,
    train_as_client,
)
from federation.components.linear.learner import FoldFit, Inputs, Share, learner
from federation.components.linear.letters import UnfitLetter
from federation.components.linear.lr_model import Logistic
from federation.components.linear.optimizers import first_weights
from federation.components.linear.params import HomoLogisticParams
from federation.components.linear.parts import Trained
from federation.components.linear.rows import Rows, class_name, classes_of, labels_of, rows_of
from federation.components.linear.telling import Telling, warned_of_checkpoints
from federation.components.statistics.metrics import EvalType
from federation.errors import DataProblem
from federation.protocols.lasting_sum import join, judge
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector


@dataclass(frozen=True, slots=True)
class HomoLogistic(Logistic):
    """What every party has of a logistic model over rows."""

    MODULE = "HomoLR"


async def _as_guest(
    ch: Channel, p: HomoLogisticParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """The guest's share of a run."""
    everyone = (*ch.all(ARBITER), *ch.hosts)
    if bound.train is None:
        done = _predicted(p, bound)
        for peer in ch.all(ARBITER):
            await peer.send("rounds", _rounds(p, "predict", [], 0))
        return done
    if p.cv_param.need_cv:
        await ch.hosts.gather("classes")
        for peer in everyone:
            await peer.send("rounds", _rounds(p, "fit", [], 0, folds=p.cv_param.folds))
        return await _folds(_as_guest, ch, p, bound, report, facts=facts)
    before = bound.before
    stages = _stages(bound, None if before is None else before.names)
    start = await _start(ch, p, stages[TRAIN], before)
    starts = [0] * len(start.weights) if before is None else [m.iters for m in before.models]
    rounds = _rounds(p, "fit", starts, start.weights.shape[1])
    for peer in everyone:
        await peer.send("rounds", rounds)
    await ch.hosts.send("start", start)
    return await _fit(ch, p, rounds, start, stages, report=report, facts=facts)


async def _as_host(
    ch: Channel, p: HomoLogisticParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """A host's share of a run."""
    if bound.train is None:
        return _predicted(p, bound)
    await ch.guest.send("classes", np.unique(labels_of(rows_of(bound.to_learn).label)))
    rounds: Rounds = await ch.guest.receive("rounds")
    if rounds.folds != p.cv_param.folds:
        raise DataProblem("guest and host do not have the same cv_param; set it for all parties")
    if rounds.folds:
        return await _folds(_as_host, ch, p, bound, report, facts=facts)
    start: Start = await ch.guest.receive("start")
    shape = (len(rounds.starts), len(start.names) + start.intercept)
    if start.weights.shape != shape or rounds.width != shape[1] or rounds.every < 1:
        raise UnfitLetter("start", ch.guest.party)
    stages = _stages(bound, tuple(start.names))
    return await _fit(ch, p, rounds, start, stages, report=report, facts=facts)


async def _as_arbiter(
    ch: Channel, p: HomoLogisticParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """The arbiter's share of a run."""
    rounds: Rounds = await ch.guest.receive("rounds")
    if rounds.stage == "predict":
        return Result()
    if rounds.folds:
        summary: dict[str, Any] = {}
        for number, told in fold_reports(report, rounds.folds):
            result = await _as_arbiter(ch.scope("fold", number), p, bound, told, facts)
            summary[f"fold_{number}"] = result.summary
        return Result(summary={**summary, "fold_num": rounds.folds})
    if rounds.every < 1 or rounds.width < 1:
        raise UnfitLetter("rounds", ch.guest.party)
    models, state, none = [], await judge(ch), HomoLogistic((), False, (), ())
    for number, first in enumerate(rounds.starts):
        one = await train_as_arbiter(
            ch.scope("model", number),
            p,
            rounds,
            state,
            start=first,
            metric="loss" if len(rounds.starts) == 1 else f"loss.{number}",
            report=report,
            progress=_telling(p, rounds, number, none, report, facts=facts),
        )
        models.append(one)
    trained = replace(none, models=tuple(models))
    return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))


async def _folds(
    share: Share,
    ch: Channel,
    p: HomoLogisticParams,
    bound: Inputs,
    report: Report,
    *,
    facts: JobFacts,
) -> Result:
    """Part own rows, and train each fold with the others."""
    table, folds = bound.to_learn, Folds(p.cv_param, report)
    for number, part in enumerate(held_out(table.rows, p.cv_param)):
        there = ch.scope("fold", number)

        fold = fold_of(table, part, number, p.cv_param.folds, report)
        await folds.run(fold, FoldFit(share, there, p.of_fold(), bound, facts))
    return folds.result()


def _telling(
    p: HomoLogisticParams,
    rounds: Rounds,
    number: int,
    known: HomoLogistic,
    report: Report,
    *,
    facts: JobFacts,
) -> Telling:
    """What is told and kept of a model while it learns."""
    models, epochs = len(rounds.starts), rounds.epochs
    return Telling(
        p, report, facts, number, models, epochs, lambda one: replace(known, models=(one,))
    )


async def _fit(
    ch: Channel,
    p: HomoLogisticParams,
    rounds: Rounds,
    start: Start,
    stages: dict[str, Rows],
    *,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Train every model with own rows, and predict them."""
    if p.encrypt_param.method and "encrypt_param" in p.model_fields_set:
        report.log("encrypt_param has no effect: weights are added behind masks")
    member, rows = await join(ch, rounds.sums), stages[TRAIN]
    local = Local.of(rows, p, intercept=start.intercept)
    known = HomoLogistic(rows.names, start.intercept, tuple(start.classes.tolist()), ())
    warned_of_checkpoints(p, report, len(rounds.starts))
    models: list[Trained] = []
    for number, aim in enumerate(HomoLogistic.aims(start.classes)):
        one = await train_as_client(
            ch.scope("model", number),
            local,
            rounds,
            member,
            signs=HomoLogistic.targets(labels_of(rows.label), aim),
            weights=start.weights[number],
            start=rounds.starts[number],
            watched=_watched(p, rounds, stages, aim, report=report),
            progress=_telling(p, rounds, number, known, report, facts=facts),
        )
        models.append(one)
    trained = replace(known, models=tuple(models))
    wanted = stages.items() if facts.wants_data else ()
    tables = [_table(trained, each, p, stage) for stage, each in wanted]
    data = (Table.stacked(tables),) if tables else ()
    return Result(data, trained.saved(p, facts), summary=trained.summary())


async def _start(ch: Channel, p: HomoLogisticParams, rows: Rows, before: Fitted | None) -> Start:
    """Where all start, from the classes of all parties."""
    own = np.unique(labels_of(rows.label))
    theirs: list[Vector] = await ch.hosts.gather("classes")
    for peer, labels in zip(ch.hosts, theirs, strict=True):
        if labels.ndim != 1 or labels.dtype != np.float64 or not np.isfinite(labels).all():
            raise UnfitLetter("classes", peer.party)
    classes = classes_of(np.concatenate([own, *theirs]))
    if before is not None:
        if before.classes != tuple(classes.tolist()):
            raise DataProblem("the labels are not those the model was made with")
        return Start(
            names=list(before.names),
            intercept=before.intercept,
            classes=classes,
            weights=before.weights,
        )
    intercept = p.init_param.fit_intercept
    if not rows.width and not intercept:
        raise DataProblem("there is no feature; set fit_intercept")
    count = len(HomoLogistic.aims(classes))
    first = [first_weights(rows.width, p, intercept=intercept) for _ in range(count)]
    return Start(
        names=list(rows.names), intercept=intercept, classes=classes, weights=np.stack(first)
    )


def _rounds(
    p: HomoLogisticParams, stage: str, starts: list[int], width: int, *, folds: int = 0
) -> Rounds:
    callbacks = p.following
    return Rounds(
        stage="fit" if stage == "fit" else "predict",
        starts=starts,
        width=width,
        epochs=p.max_iter,
        every=p.aggregate_iters,
        rule=p.early_stop,
        follows=[epoch for epoch in range(p.max_iter) if callbacks.follows(epoch)],
        stops_early=callbacks.early_stopping_rounds is not None,
        folds=folds,
    )


def _stages(bound: Inputs, names: tuple[str, ...] | None) -> dict[str, Rows]:
    """Rows to learn from, and those to measure on if there are any.

    Raises:
        DataProblem: the columns are not those that all parties have.
    """
    table = bound.to_learn
    stages = {TRAIN: rows_of(table, names)}
    if names is not None and (more := set(rows_of(table).names) - set(names)):
        raise DataProblem(
            f"{len(more)} columns are not in the guest's table or model: "
            f"{', '.join(sorted(more)[:20])}; parties of HomoLR have the same columns"
        )
    if bound.held_out is not None:
        stages[VALIDATE] = rows_of(bound.held_out, stages[TRAIN].names)
    return stages


def _watched(
    p: HomoLogisticParams, rounds: Rounds, stages: dict[str, Rows], aim: float, *, report: Report
) -> Watched:
    follows = [epoch for epoch in range(rounds.epochs) if p.following.follows(epoch)]
    prefix = "" if len(rounds.starts) == 1 else f"class_{class_name(aim)}."
    deciding = VALIDATE if VALIDATE in stages else TRAIN
    marks = {
        stage: HomoLogistic.marks(labels_of(rows.label), aim)
        for stage, rows in stages.items()
        if follows
    }
    following = Following(p.following, EvalType.BINARY, deciding, prefix)
    return Watched(frozenset(follows), stages, marks, following, report)


def _predicted(p: HomoLogisticParams, bound: Inputs) -> Result:
    """Predictions of own rows."""
    known, rows = bound.to_predict()
    return Result((_table(known, rows, p, PREDICT),))


def _table(known: Fitted, rows: Rows, p: HomoLogisticParams, stage: str) -> Table:
    scores = scores_of(rows, known.weights, intercept=known.intercept)
    return known.predictions(rows, scores, p, stage=stage)


homo_lr = learner(
    HomoLogistic,
    HomoLogisticParams,
    "HomoLogisticParam",
    HOMO_MESSAGES,
    {GUEST: _as_guest, HOST: _as_host, ARBITER: _as_arbiter},
)
