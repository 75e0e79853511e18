"""HomoLR: logistic regression over rows of several parties that have the same columns.

Each party takes `aggregate_iters` epochs of steps on its own rows, with labels y in -1, 1 and
scores s = w x + b, and adds what it found, weighed by its rows, behind masks (see secure_sum):

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
Parties that follow the protocol are assumed; all must stay until the end.

Every party predicts its own rows alone. With one batch an epoch and sgd the result is that of
gradient descent on pooled rows. Equal to the same steps in the clear within 1e-6.
encrypt_param and re_encrypt_batches of FATE before 1.10 have no effect: no party's weights are seen
by anyone, so hosts need not work on ciphertexts.
Source: McMahan et al. 2017; Bonawitz et al. 2017; FATE 1.x homo_logistic_regression.
"""

from dataclasses import dataclass

import numpy as np

from federation.channel import Channel
from federation.components.common.following import PREDICT, TRAIN, VALIDATE, Following
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.linear.homo_letters import HOMO_MESSAGES, Rounds, Start
from federation.components.linear.homo_training import (
    Local,
    Watched,
    scores_of,
    train_as_arbiter,
    train_as_client,
)
from federation.components.linear.letters import UnfitLetter
from federation.components.linear.lr_model import Logistic
from federation.components.linear.optimizers import first_weights
from federation.components.linear.params import HomoLogisticParams
from federation.components.linear.parts import Trained
from federation.components.linear.rows import Rows, class_name, classes_of, labels_of, rows_of
from federation.components.statistics.metrics import EvalType
from federation.errors import DataProblem
from federation.protocols.secure_sum import agree
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector

homo_lr = Component(
    "HomoLR",
    HomoLogisticParams,
    HOMO_MESSAGES,
    class_name="HomoLogisticParam",
    inputs=(Slot("train_data"), Slot("validate_data"), Slot("eval_data"), Slot("test_data")),
    model_in=True,
    isometric_in=True,
    model_out=True,
    needs=frozenset({GUEST, HOST, ARBITER}),
)


@dataclass(frozen=True, slots=True)
class HomoLogistic(Logistic):
    """What every party has of a logistic model over rows."""

    MODULE = "HomoLR"


@homo_lr.on(GUEST)
async def guest(
    ch: Channel,
    p: HomoLogisticParams,
    *,
    train_data: Table | None,
    validate_data: Table | None,
    eval_data: Table | None,
    test_data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Say how the run goes and train with own rows, or predict them."""
    before = None if model is None else HomoLogistic.restored(model)
    held_out = validate_data or eval_data
    if train_data is None:
        done = _predicted(p, before, test_data or held_out)
        for peer in ch.all(ARBITER):
            await peer.send("rounds", _rounds(p, "predict", [], 0))
        return done
    stages = _stages(train_data, held_out, None if before is None else before.names)
    start = await _start(ch, p, stages[TRAIN], before)
    starts = [0] * len(start.weights) if before is None else [m.iters for m in before.models]
    rounds = _rounds(p, "fit", starts, start.weights.shape[1])
    for peer in (ch.arbiter, *ch.hosts):
        await peer.send("rounds", rounds)
    await ch.hosts.send("start", start)
    return await _fit(ch, p, rounds, start, stages, report=report, facts=facts)


@homo_lr.on(HOST)
async def host(
    ch: Channel,
    p: HomoLogisticParams,
    *,
    train_data: Table | None,
    validate_data: Table | None,
    eval_data: Table | None,
    test_data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Train with own rows from where the guest says, or predict them."""
    held_out = validate_data or eval_data
    if train_data is None:
        before = None if model is None else HomoLogistic.restored(model)
        return _predicted(p, before, test_data or held_out)
    await ch.guest.send("classes", np.unique(labels_of(rows_of(train_data).label)))
    rounds: Rounds = await ch.guest.receive("rounds")
    start: Start = await ch.guest.receive("start")
    shape = (len(rounds.starts), len(start.names) + start.intercept)
    if start.weights.shape != shape or rounds.width != shape[1] or rounds.every < 1:
        raise UnfitLetter("start", ch.guest.party)
    stages = _stages(train_data, held_out, tuple(start.names))
    return await _fit(ch, p, rounds, start, stages, report=report, facts=facts)


@homo_lr.on(ARBITER)
async def arbiter(ch: Channel, p: HomoLogisticParams, *, report: Report, facts: JobFacts) -> Result:
    """Average what the parties found; nothing to do for a prediction."""
    rounds: Rounds = await ch.guest.receive("rounds")
    if rounds.stage == "predict":
        return Result()
    if rounds.every < 1 or rounds.width < 1:
        raise UnfitLetter("rounds", ch.guest.party)
    models = []
    for number, first in enumerate(rounds.starts):
        one = await train_as_arbiter(
            ch.scope("model", number),
            p,
            rounds,
            start=first,
            metric="loss" if len(rounds.starts) == 1 else f"loss.{number}",
            report=report,
            progress=_Progress(report, number, rounds),
        )
        models.append(one)
    trained = HomoLogistic((), False, (), tuple(models))
    return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))


@dataclass(frozen=True, slots=True)
class _Progress:
    """Tells how many epochs of all models are done."""

    report: Report
    number: int
    rounds: Rounds

    def __call__(self, done: int) -> None:
        epochs = self.rounds.epochs
        self.report.progress(self.number * epochs + done, len(self.rounds.starts) * epochs)


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
    masks, rows = await agree(ch), stages[TRAIN]
    local = Local.of(rows, p, intercept=start.intercept)
    models: list[Trained] = []
    for number, aim in enumerate(HomoLogistic.aims(start.classes)):
        one = await train_as_client(
            ch.scope("model", number),
            local,
            rounds,
            masks,
            signs=HomoLogistic.targets(labels_of(rows.label), aim),
            weights=start.weights[number],
            start=rounds.starts[number],
            watched=_watched(p, rounds, stages, aim, report=report),
            progress=_Progress(report, number, rounds),
        )
        models.append(one)
    classes = tuple(start.classes.tolist())
    trained = HomoLogistic(rows.names, start.intercept, classes, tuple(models))
    tables = [_table(trained, each, p, stage) for stage, each in stages.items()]
    return Result((Table.stacked(tables),), trained.saved(p, facts), summary=trained.summary())


async def _start(
    ch: Channel, p: HomoLogisticParams, rows: Rows, before: HomoLogistic | None
) -> Start:
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


def _rounds(p: HomoLogisticParams, stage: str, starts: list[int], width: int) -> Rounds:
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
    )


def _stages(train: Table, held_out: Table | None, names: tuple[str, ...] | None) -> dict[str, Rows]:
    """Rows to learn from, and those to measure on if there are any.

    Raises:
        DataProblem: the columns are not those that all parties have.
    """
    stages = {TRAIN: rows_of(train, names)}
    if names is not None and (more := set(rows_of(train).names) - set(names)):
        raise DataProblem(
            f"{len(more)} columns are not in the guest's table or model: "
            f"{', '.join(sorted(more)[:20])}; parties of HomoLR have the same columns"
        )
    if held_out is not None:
        stages[VALIDATE] = rows_of(held_out, stages[TRAIN].names)
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


def _predicted(p: HomoLogisticParams, known: HomoLogistic | None, table: Table | None) -> Result:
    """Predictions of own rows, if this party has any.

    Raises:
        DataProblem: rows or model are missing.
    """
    if table is None:
        raise DataProblem("bind train_data to train, or test_data and a model to predict")
    if known is None:
        raise DataProblem("a prediction needs a model; bind the model of a trained HomoLR")
    return Result((_table(known, rows_of(table, known.names), p, PREDICT),))


def _table(known: HomoLogistic, rows: Rows, p: HomoLogisticParams, stage: str) -> Table:
    scores = scores_of(rows, known.weights, intercept=known.intercept)
    return known.predictions(rows, scores, p, stage=stage)
