"""HeteroLR: logistic regression over columns of several parties, with an arbiter.

The guest has labels y in -1, 1 and features, each host more features of the same rows. With s the
sum of all parties' scores w x (the guest's with the intercept), d and the loss follow the first
terms of the Taylor series at 0:

    d    = s / 4 - y / 2                     gradient_w = X^T d / n + alpha w      (L2)
    loss = ln 2 - mean(y s) / 2 + mean(s^2) / 8 + penalty

d and gradients are encrypted under the arbiter's Paillier key; the arbiter decrypts gradients and
the loss, keeps the optimizer's state over the weights of all parties, and gives each its step. Of
more than two classes, each is trained against the rest; prediction takes the likeliest.

Learns:
- the arbiter: every gradient, the loss, and with weight_diff the lengths of the parties' weights.
  Steps are its own work, so it knows all weights up to where they started. FATE's arbiter sees as
  much. It never sees a row, a label, a residual or an id;
- a host: its steps; the number of models, epochs and batches, and which of the common rows each
  batch has (hidden among others under batch_strategy random). A host that knows X and g = X^T d / n
  could solve for d, and so for the labels, in a batch with no more rows than it has columns: the
  guest asks for the widths first and refuses such batches. Many epochs still give a host many
  equations about slowly changing d, which is bounded by max_iter alone;
- the guest: its steps, the hosts' widths, and the scores w_h x of each host in clear for every row
  that is predicted or measured, so at the end for training rows too. From as many such rows as a
  host has columns, and their features, one could compute its weights; the guest has no features of
  the host.
The guest's and hosts' ids are compared by a SHA-256 of all of them, which a host that has other ids
could test guesses of the whole list against.
Parties that follow the protocol are assumed, and an arbiter that pools with nobody.

With several hosts there is no loss (it would need products of two hosts' scores), so early_stop is
weight_diff there. sqn, cross validation and stepwise search are not available.
Source: Hardy et al. 2017; FATE 1.x hetero_logistic_regression.
"""

import asyncio
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel
from federation.components.common.following import PREDICT, TRAIN, VALIDATE, Following
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.linear.batches import (
    Batch,
    check_batches,
    is_drawn,
    whole_batches,
)
from federation.components.linear.convergence import LOSS_RULES
from federation.components.linear.letters import LINEAR_MESSAGES, Course, HostBatch, UnfitLetter
from federation.components.linear.link import LOGISTIC
from federation.components.linear.lr_model import MODULE, Logistic, predictions
from federation.components.linear.optimizers import first_weights
from federation.components.linear.params import LogisticParams
from federation.components.linear.parts import Side, Trained, check_same_ids, scored
from federation.components.linear.rows import Rows, class_name, classes_of, labels_of, rows_of
from federation.components.linear.training import (
    Followed,
    Progress,
    receive_batch,
    train_as_arbiter,
    train_as_guest,
    train_as_host,
)
from federation.components.statistics.metrics import EvalType
from federation.crypto import PublicKey, generate_keypair
from federation.errors import DataProblem, InvalidParameters, Problem
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector

hetero_lr = Component(
    MODULE,
    LogisticParams,
    LINEAR_MESSAGES,
    class_name="HeteroLogisticParam",
    inputs=(Slot("train_data"), Slot("validate_data"), Slot("eval_data"), Slot("test_data")),
    model_in=True,
    isometric_in=True,
    model_out=True,
    needs=frozenset({GUEST, HOST, ARBITER}),
)


@hetero_lr.on(GUEST)
async def guest(
    ch: Channel,
    p: LogisticParams,
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
    before = None if model is None else Logistic.restored(model)
    if train_data is None:
        rows = _to_predict(before, test_data or eval_data or validate_data)
        return await _predict_as_guest(ch, p, *rows)
    names = None if before is None else before.names
    stages = {TRAIN: rows_of(train_data, names)}
    if (held_out := validate_data or eval_data) is not None:
        stages[VALIDATE] = rows_of(held_out, stages[TRAIN].names)
    fit = _GuestFit(ch, p, stages, report, before)
    trained = await fit.run()
    table = await fit.predicted(trained)
    return Result((table,), trained.saved(p, facts), summary=trained.summary())


@hetero_lr.on(HOST)
async def host(
    ch: Channel,
    p: LogisticParams,
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
    before = None if model is None else Logistic.restored(model)
    if train_data is None:
        known, rows = _to_predict(before, test_data or eval_data or validate_data)
        await _course(ch, "predict")
        await _score_as_host(ch.scope(PREDICT), rows, known)
        return Result()
    stages = {TRAIN: rows_of(train_data, None if before is None else before.names)}
    if (held_out := validate_data or eval_data) is not None:
        stages[VALIDATE] = rows_of(held_out, stages[TRAIN].names)
    if not stages[TRAIN].width:
        raise DataProblem("this host's table has no feature; leave the host out of the job")
    trained = await _fit_as_host(ch, p, stages, before, report)
    return Result((), trained.saved(p, facts), summary=trained.summary())


@hetero_lr.on(ARBITER)
async def arbiter(ch: Channel, p: LogisticParams, *, report: Report, facts: JobFacts) -> Result:
    """Make the key, decrypt gradients, say steps; nothing to do for a prediction."""
    course: Course = await ch.guest.receive("course")
    if course.stage == "predict":
        return Result()
    for warning in p.encrypt_param.warnings:
        report.log(warning)
    method, bits = p.encrypt_param.scheme, p.encrypt_param.bits
    public, private = await asyncio.to_thread(generate_keypair, method, bits)
    ch.keyring.add(public)
    for peer in (ch.guest, *ch.hosts):
        await peer.send("public_key", public)
    models = []
    for number, start in enumerate(course.starts):
        one = await train_as_arbiter(
            ch.scope("model", number),
            p,
            course,
            private,
            start=start,
            metric=_of_model("loss", number, course),
            report=report,
            progress=_progress(report, number, course),
        )
        models.append(one)
    trained = Logistic((), False, (), tuple(models))
    return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))


@dataclass(slots=True)
class _GuestFit:
    """A training as the guest leads it."""

    ch: Channel
    p: LogisticParams
    stages: dict[str, Rows]
    report: Report
    before: Logistic | None

    async def run(self) -> Logistic:
        ch, p, rows = self.ch, self.p, self.stages[TRAIN]
        classes = self._classes()
        intercept = p.init_param.fit_intercept if self.before is None else self.before.intercept
        if not rows.width and not intercept:
            raise DataProblem("the guest has no feature; set fit_intercept")
        batches = await self._batches()
        course = self._course(classes, batches)
        for peer in (ch.arbiter, *ch.hosts):
            await peer.send("course", course)
        for stage, stage_rows in self.stages.items():
            await check_same_ids(ch.scope(stage), stage_rows)
        for number, batch in enumerate(batches):
            taken = None if batch.size == rows.count else batch.rows
            letter = HostBatch(rows=taken, size=batch.size)
            await ch.scope("batches", number).hosts.send("batch", letter)
        key = await _key(ch)
        side = Side.of(rows, LOGISTIC, p, course, key, intercept=intercept)
        models = []
        for number, positive in enumerate(classes[1:] if len(classes) == 2 else classes):
            first = first_weights(rows.width, p, intercept=intercept)
            one = await train_as_guest(
                ch.scope("model", number),
                side,
                np.where(rows.label == positive, 1.0, -1.0),
                first if self.before is None else self.before.models[number].weights,
                start=course.starts[number],
                batches=batches,
                followed=self._followed(number, float(positive), course),
                progress=_progress(self.report, number, course),
            )
            models.append(one)
        return Logistic(rows.names, intercept, tuple(classes.tolist()), tuple(models))

    async def predicted(self, trained: Logistic) -> Table:
        """Predictions of the training rows, and of the held-out ones after them."""
        tables = []
        for stage, rows in self.stages.items():
            there = self.ch.scope("final", stage)
            scores = await scored(there, rows, trained.weights, intercept=trained.intercept)
            threshold = self.p.predict_param.threshold
            tables.append(
                predictions(rows, scores, trained.classes, threshold=threshold, stage=stage)
            )
        return Table.stacked(tables)

    def _classes(self) -> Vector:
        classes = classes_of(self.stages[TRAIN].label)
        if VALIDATE in self.stages:
            labels_of(self.stages[VALIDATE].label)
        if self.before is not None and self.before.classes != tuple(classes.tolist()):
            raise DataProblem("the labels are not those the model was made with")
        return classes

    async def _batches(self) -> list[Batch]:
        """The batches of every epoch, none if each draws its own; refused if they tell labels."""
        ch, p, rows = self.ch, self.p, self.stages[TRAIN]
        if p.early_stop in LOSS_RULES and len(ch.hosts) > 1:
            raise InvalidParameters([Problem("early_stop", _NO_LOSS)])
        widths: list[int] = await ch.hosts.gather("width")
        for peer, width in zip(ch.hosts, widths, strict=True):
            if width < 1:
                raise UnfitLetter("width", peer.party)
        drawn = is_drawn(rows.count, p)
        batches = [] if drawn else whole_batches(rows.ranks, p, max(widths))
        sizes = [p.batch_size] if drawn else [batch.size for batch in batches]
        check_batches(sizes, widths, [str(peer.party) for peer in ch.hosts])
        return batches

    def _course(self, classes: Vector, batches: list[Batch]) -> Course:
        p, callbacks = self.p, self.p.following
        count = 1 if len(classes) == 2 else len(classes)
        starts = [0] * count
        if self.before is not None:
            starts = [model.iters for model in self.before.models]
            self.report.log("training goes on from a model", epochs_so_far=max(starts))
        if callbacks.checkpoints:
            self.report.log("ModelCheckpoint has no effect: only the last model is kept")
        follows = [epoch for epoch in range(p.max_iter) if callbacks.follows(epoch)]
        return Course(
            stage="fit",
            starts=starts,
            epochs=p.max_iter,
            batches=len(batches) or 1,
            drawn=not batches,
            loss=len(self.ch.hosts) == 1,
            rule=p.early_stop,
            follows=follows,
            stages=list(self.stages),
            stops_early=callbacks.early_stopping_rounds is not None,
        )

    def _followed(self, number: int, positive: float, course: Course) -> Followed:
        prefix = "" if len(course.starts) == 1 else f"class_{class_name(positive)}."
        deciding = VALIDATE if VALIDATE in self.stages else TRAIN
        labels = {
            stage: (labels_of(rows.label) == positive).astype(np.float64)
            for stage, rows in self.stages.items()
            if course.follows
        }
        following = Following(self.p.following, EvalType.BINARY, deciding, prefix)
        return Followed(self.stages, labels, following, self.report)


_NO_LOSS = "diff and abs need the loss, which several hosts do not have; use weight_diff"


async def _fit_as_host(
    ch: Channel, p: LogisticParams, stages: dict[str, Rows], before: Logistic | None, report: Report
) -> Logistic:
    rows = stages[TRAIN]
    await ch.guest.send("width", rows.width)
    course = await _course(ch, "fit")
    absent = [stage for stage in course.stages if stage not in stages]
    if absent:
        raise DataProblem(
            f"the guest has {absent[0]} data and this host has none; bind it here too"
        )
    stages = {stage: stages[stage] for stage in course.stages}
    for stage, stage_rows in stages.items():
        await check_same_ids(ch.scope(stage), stage_rows)
    batches = []
    if not course.drawn:
        batches = [
            await receive_batch(ch.scope("batches", number), rows)
            for number in range(course.batches)
        ]
    if before is not None and len(before.models) != len(course.starts):
        raise DataProblem("this host's model has another number of classes than the guest's")
    side = Side.of(rows, LOGISTIC, p, course, await _key(ch), intercept=False)
    models: list[Trained] = []
    for number, start in enumerate(course.starts):
        first = first_weights(rows.width, p, intercept=False)
        one = await train_as_host(
            ch.scope("model", number),
            side,
            first if before is None else before.models[number].weights,
            start=start,
            batches=batches,
            stages=stages,
            progress=_progress(report, number, course),
        )
        models.append(one)
    trained = Logistic(rows.names, False, (), tuple(models))
    for stage, stage_rows in stages.items():
        there = ch.scope("final", stage)
        await scored(there, stage_rows, trained.weights, intercept=False)
    return trained


async def _predict_as_guest(ch: Channel, p: LogisticParams, known: Logistic, rows: Rows) -> Result:
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
    threshold = p.predict_param.threshold
    table = predictions(rows, scores, known.classes, threshold=threshold, stage=PREDICT)
    return Result((table,))


async def _score_as_host(ch: Channel, rows: Rows, known: Logistic) -> None:
    await check_same_ids(ch, rows)
    await scored(ch, rows, known.weights, intercept=False)


def _to_predict(known: Logistic | None, table: Table | None) -> tuple[Logistic, Rows]:
    """The model and the rows of a prediction.

    Raises:
        DataProblem: one of them is missing.
    """
    if table is None:
        raise DataProblem("bind train_data to train, or test_data and a model to predict")
    if known is None:
        raise DataProblem("a prediction needs a model; bind the model of a trained HeteroLR")
    return known, rows_of(table, known.names)


async def _course(ch: Channel, stage: str) -> Course:
    course: Course = await ch.guest.receive("course")
    if course.stage != stage:
        raise DataProblem(
            f"the guest's inputs mean {course.stage} and this host's mean {stage}; "
            "bind the same inputs at all parties"
        )
    return course


async def _key(ch: Channel) -> PublicKey:
    key: PublicKey = await ch.arbiter.receive("public_key")
    ch.keyring.add(key)
    return key


def _of_model(metric: str, number: int, course: Course) -> str:
    """The metric's name, with the model's number where there are several."""
    return metric if len(course.starts) == 1 else f"{metric}.{number}"


def _progress(report: Report, number: int, course: Course) -> Progress:
    def told(done: int) -> None:
        report.progress(number * course.epochs + done, len(course.starts) * course.epochs)

    return told
