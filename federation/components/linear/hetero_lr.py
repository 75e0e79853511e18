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
  equations about slowly changing d, which is bounded by max_iter alone, and labels are one of two
  values, which helps to guess them; batches many times as large as any width are the remedy;
- the guest: its steps, the hosts' widths, and the scores w_h x of each host in clear for every row
  that is predicted or measured, so at the end for training rows too. From as many such rows as a
  host has columns, and their features, one could compute its weights; the guest has no features of
  the host.
The guest's and hosts' ids are compared by a SHA-256 of all of them, which a host that has other ids
could test guesses of the whole list against.
Parties that follow the protocol are assumed, and an arbiter that pools with nobody.

Row weights, where the table carries them, multiply d and not the loss.
With several hosts there is no loss (it would need products of two hosts' scores), so early_stop is
weight_diff there. sqn, cross validation and stepwise search are not available.
Source: Hardy et al. 2017; FATE 1.x hetero_logistic_regression.
"""

from federation.channel import Channel
from federation.components.common.following import PREDICT, TRAIN, VALIDATE
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.linear.hetero_lr_fit import (
    GuestFit,
    fit_as_arbiter,
    fit_as_host,
    receive_course,
)
from federation.components.linear.letters import LINEAR_MESSAGES, Course
from federation.components.linear.lr_model import MODULE, Logistic, predictions
from federation.components.linear.params import LogisticParams
from federation.components.linear.parts import check_same_ids, scored
from federation.components.linear.rows import Rows, rows_of
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table

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
    fit = GuestFit(ch, p, stages, report, before)
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
        await receive_course(ch, "predict")
        await _score_as_host(ch.scope(PREDICT), rows, known)
        return Result()
    stages = {TRAIN: rows_of(train_data, None if before is None else before.names)}
    if (held_out := validate_data or eval_data) is not None:
        stages[VALIDATE] = rows_of(held_out, stages[TRAIN].names)
    if not stages[TRAIN].width:
        raise DataProblem("this host's table has no feature; leave the host out of the job")
    trained = await fit_as_host(ch, p, stages, before, report)
    return Result((), trained.saved(p, facts), summary=trained.summary())


@hetero_lr.on(ARBITER)
async def arbiter(ch: Channel, p: LogisticParams, *, report: Report, facts: JobFacts) -> Result:
    """Make the key, decrypt gradients, say steps; nothing to do for a prediction."""
    course: Course = await ch.guest.receive("course")
    if course.stage == "predict":
        return Result()
    trained = await fit_as_arbiter(ch, p, course, report)
    return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))


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
