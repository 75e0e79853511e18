"""HomoLR: logistic regression over rows of several parties that have the same columns.

Each party takes `aggregate_iters` epochs of steps on its own rows, with labels y in -1, 1 and
scores s = w x + b, and adds what it found, weighed by its rows, behind masks (see lasting_sum):

    gradient_w = mean(-y x / (1 + exp(y s))) + alpha w      (L2, not the intercept)
    w          = sum_i n_i w_i / sum_i n_i
    loss       = sum_i n_i (mean ln(1 + exp(-y s)) + penalty) / sum_i n_i

The last epoch is always followed by an average. use_proximal adds mu (w_i - w) to the gradient.
Of more than two classes, each is trained against the rest. Optimizers and penalties are those of
FATE before 1.10, which has them in HeteroLR alike; an optimizer's state stays at its party, and so
does what sqn remembers of the bend of its own loss, X^T diag(p (1 - p)) X / n + alpha.

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
With one batch an epoch and sgd the result is that of gradient descent on pooled rows.
A host with encrypt_param.method set, as FATE before 1.10 had it, works on ciphertexts under the
arbiter's key (see homo_hidden) and learns no weights from the letters; the arbiter of it sees sums
behind noise. Its steps follow the loss to second order, it adds nothing to the loss, and its model
predicts with the arbiter's help alone. The scores of its own rows, which it gets at the end where
the job asks for them, tell the weights once they are as many as those: then it has gained nothing.
Exact up to the fixed point: weights as of the same steps in the clear within 1e-6.
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
from federation.components.common.following import PREDICT, TRAIN
from federation.components.common.unfit import UnfitLetter
from federation.components.component import JobFacts, Report, Result
from federation.components.linear.fitted import Fitted, Hidden
from federation.components.linear.homo_helper import Helper
from federation.components.linear.homo_hidden import HiddenSide, hidden_model, opened_scores
from federation.components.linear.homo_letters import HOMO_MESSAGES, Hides, Rounds, Start
from federation.components.linear.homo_start import (
    first_of_all,
    rounds_of,
    stages_of,
    watched_in,
)
from federation.components.linear.homo_training import (
    Local,
    scores_of,
    train_as_arbiter,
    train_as_client,
)
from federation.components.linear.learner import FoldFit, Inputs, Share, learner
from federation.components.linear.lr_model import Logistic
from federation.components.linear.params import HomoLogisticParams
from federation.components.linear.parts import Trained
from federation.components.linear.rows import Rows, labels_of, rows_of
from federation.components.linear.telling import Telling, warned_of_checkpoints
from federation.errors import DataProblem
from federation.protocols.lasting_sum import join, judge
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.tables import Table


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
            await peer.send("rounds", rounds_of(p, "predict", [], 0))
        return done
    if p.cv_param.need_cv:
        await ch.hosts.gather("classes")
        for peer in everyone:
            await peer.send("rounds", rounds_of(p, "fit", [], 0, folds=p.cv_param.folds))
        return await _folds(_as_guest, ch, p, bound, report, facts=facts)
    before = bound.before
    stages = stages_of(bound, None if before is None else before.names)
    start = await first_of_all(ch, p, stages[TRAIN], before)
    starts = [0] * len(start.weights) if before is None else [m.iters for m in before.models]
    rounds = rounds_of(p, "fit", starts, start.weights.shape[1])
    for peer in everyone:
        await peer.send("rounds", rounds)
    await ch.hosts.send("start", start)
    return await _fit(ch, p, rounds, start, stages, report=report, facts=facts)


async def _as_host(
    ch: Channel, p: HomoLogisticParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """A host's share of a run."""
    if bound.train is None:
        known, rows = bound.to_predict()
        hides = known.hidden is not None
        for peer in ch.all(ARBITER):
            await peer.send("hides", Hides(hides=hides, opens=int(hides)))
        if not hides:
            return _predicted(p, bound)
        scores = await opened_scores(ch, rows, known, 0)
        return Result((known.predictions(rows, scores, p, stage=PREDICT),))
    if bound.before is not None and (p.hides or bound.before.hidden is not None):
        raise DataProblem("a host that works on ciphertexts can not go on from a model; start anew")
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
    stages = stages_of(bound, tuple(start.names))
    if p.hides:
        return await _fit_hidden(ch, p, rounds, start, stages, report=report, facts=facts)
    await ch.arbiter.send("hides", Hides(hides=False))
    return await _fit(ch, p, rounds, start, stages, report=report, facts=facts)


async def _as_arbiter(
    ch: Channel, p: HomoLogisticParams, bound: Inputs, report: Report, facts: JobFacts
) -> Result:
    """The arbiter's share of a run."""
    rounds: Rounds = await ch.guest.receive("rounds")
    if rounds.stage == "predict":
        hidden = None if bound.before is None else bound.before.hidden
        told = await _told(ch)
        if told and hidden is None:
            raise DataProblem("a host's model is encrypted; bind the model at the arbiter too")
        if hidden is not None:
            ch.keyring.add(hidden.key)
            await Helper(told, hidden.private).open(ch)
        return Result()
    if rounds.folds:
        summary: dict[str, Any] = {}
        for number, inner in fold_reports(report, rounds.folds):
            result = await _as_arbiter(ch.scope("fold", number), p, bound, inner, facts)
            summary[f"fold_{number}"] = result.summary
        return Result(summary={**summary, "fold_num": rounds.folds})
    if rounds.every < 1 or rounds.width < 1:
        raise UnfitLetter("rounds", ch.guest.party)
    told, private = await _told(ch), None
    if told:
        public, private = await bound.keys.get(p.encrypt_param.scheme, p.encrypt_param.bits)
        ch.keyring.add(public)
        for party in told:
            await ch.peer(party).send("public_key", public)
    helper, state = Helper(told, private), await judge(ch)
    state.hidden, state.private = frozenset(told), private
    models, none = [], HomoLogistic((), False, (), ())
    for number, first in enumerate(rounds.starts):
        one = await train_as_arbiter(
            ch.scope("model", number),
            p,
            rounds,
            state,
            helper=helper,
            start=first,
            metric="loss" if len(rounds.starts) == 1 else f"loss.{number}",
            report=report,
            progress=_telling(p, rounds, number, none, report, facts=facts),
        )
        models.append(one)
    await helper.open(ch)
    kept = None if private is None else Hidden(private.public, private)
    trained = replace(none, models=tuple(models), hidden=kept)
    return Result((), trained.saved(p, facts), summary=trained.summary(arbiter=True))


async def _told(ch: Channel) -> dict[Party, Hides]:
    """Which hosts work on ciphertexts, and how."""
    letters: list[Hides] = await ch.hosts.gather("hides")
    for peer, letter in zip(ch.hosts, letters, strict=True):
        if letter.batches < 1 or letter.every < 1 or letter.opens < 0:
            raise UnfitLetter("hides", peer.party)
    return {
        peer.party: letter for peer, letter in zip(ch.hosts, letters, strict=True) if letter.hides
    }


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
            watched=watched_in(p, rounds, stages, aim, report=report),
            progress=_telling(p, rounds, number, known, report, facts=facts),
        )
        models.append(one)
    trained = replace(known, models=tuple(models))
    wanted = stages.items() if facts.wants_data else ()
    tables = [_table(trained, each, p, stage) for stage, each in wanted]
    data = (Table.stacked(tables),) if tables else ()
    return Result(data, trained.saved(p, facts), summary=trained.summary())


async def _fit_hidden(
    ch: Channel,
    p: HomoLogisticParams,
    rounds: Rounds,
    start: Start,
    stages: dict[str, Rows],
    *,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Train every model on ciphertexts; the arbiter opens the scores of own rows."""
    rows = stages[TRAIN]
    local = Local.of(rows, p, intercept=start.intercept)
    wanted = stages if facts.wants_data else {}
    batches, every = len(local.batches), p.re_encrypt_batches
    how = Hides(hides=True, batches=batches, every=every, opens=len(wanted))
    await ch.arbiter.send("hides", how)
    side = HiddenSide(local, ch.keyring.known(await ch.arbiter.receive("public_key")), how)
    member = await join(ch, rounds.sums)
    known = HomoLogistic(rows.names, start.intercept, tuple(start.classes.tolist()), ())
    models, weights = [], []
    for number, aim in enumerate(HomoLogistic.aims(start.classes)):
        one, kept = await side.trained(
            ch.scope("model", number),
            rounds,
            member,
            signs=HomoLogistic.targets(labels_of(rows.label), aim),
            weights=start.weights[number],
            start=rounds.starts[number],
            watched=watched_in(p, rounds, stages, aim, report=report),
            progress=_telling(p, rounds, number, known, report, facts=facts),
        )
        models.append(one)
        weights.append(kept)
    trained = replace(known, models=tuple(models), hidden=hidden_model(side, weights))
    tables = []
    for number, (stage, each) in enumerate(wanted.items()):
        scores = await opened_scores(ch, each, trained, number)
        tables.append(trained.predictions(each, scores, p, stage=stage))
    data = (Table.stacked(tables),) if tables else ()
    return Result(data, trained.saved(p, facts), summary=trained.summary())


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
