"""Guest and host of every vertical linear model without an arbiter: train, or predict.

Who learns what stands in the headers of the components.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel, Message
from federation.components.common.following import PREDICT, TRAIN
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Component, JobFacts, Report, Result
from federation.components.linear.courses import loss_name, receive_course, received_course
from federation.components.linear.fitted import Fitted, Hidden
from federation.components.linear.hetero_fit import (
    GuestFit,
    HostFit,
    OneHostOnly,
)
from federation.components.linear.learner import Inputs, folds_as_guest, folds_as_host, learner
from federation.components.linear.letters import VERTICAL_MESSAGES, Course, HostBatch, SharedTerms
from federation.components.linear.params import SharedLinearParams
from federation.components.linear.parts import Trained, check_same_ids, scored
from federation.components.linear.rows import Rows
from federation.components.linear.shared_parts import (
    DATA_BITS,
    WEIGHT_BITS,
    SharedLink,
    SharedSide,
    SharedTrained,
    factors_of,
)
from federation.components.linear.shared_training import revealed, train_shared
from federation.components.linear.stepwise import Searching
from federation.components.linear.telling import Telling
from federation.crypto import Encrypted, Keys, concatenate
from federation.crypto.fixed_point import as_objects
from federation.errors import DataProblem
from federation.protocols.ring_shares import MODULUS, decoded
from federation.protocols.shared_products import (
    UnfitShare,
    pair_up,
    product_messages,
    seen,
    show,
)
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.tables.table import Matrix, Vector

SHARED_MESSAGES = (
    *VERTICAL_MESSAGES,
    *product_messages(GUEST, HOST),
    Message("converged", (GUEST, HOST), bool, "whether training has come to rest"),
    Message("movement", (HOST, GUEST), np.ndarray, "|w_t - w_(t-1)|^2, |w_t|^2 where revealed"),
    Message("inner", (HOST, GUEST), np.ndarray, "sqn: products of the host's parts, if revealed"),
    Message("mixture", (GUEST, HOST), np.ndarray, "sqn: how much of each vector a step takes"),
    Message("bends", (GUEST, HOST), bool, "sqn: whether the loss bends along the last way"),
    Message("hidden_weights", (GUEST, HOST), Encrypted, "the guest's share of the host's weights"),
    Message("hidden_scores", (HOST, GUEST), Encrypted, "[w_h x] of each row, the guest's key"),
)
"""All letters of a vertical model without an arbiter."""

_WRAP_BITS = 136
"""Multiples of 2**256 this much larger hide which multiple the sum of shares was."""


def shared(
    kind: type[Fitted], link: SharedLink, params: type[SharedLinearParams], class_name: str
) -> Component:
    """The component of a kind of vertical linear model without an arbiter.

    Args:
        class_name: of FATE's parameter class.
    """
    run = _Runs(link)
    return learner(
        kind, params, class_name, SHARED_MESSAGES, {GUEST: run.as_guest, HOST: run.as_host}
    )


@dataclass(frozen=True, slots=True)
class _Runs:
    """Both roles' shares of a run, for a kind of residual."""

    link: SharedLink

    async def as_guest(
        self, ch: Channel, p: SharedLinearParams, bound: Inputs, report: Report, facts: JobFacts
    ) -> Result:
        """The guest's share of a run."""
        if len(ch.hosts) != 1:
            raise OneHostOnly(bound.kind.MODULE)
        if bound.train is None:
            known, rows = bound.to_predict()
            await ch.hosts.send("course", Course.without_training("predict"))
            there = ch.scope(PREDICT)
            await check_same_ids(there, rows)
            scores = await _scored(there, rows, known)
            return Result((known.predictions(rows, scores, p, stage=PREDICT),))
        if p.cv_param.need_cv:
            return await folds_as_guest(self.as_guest, ch, p, bound, report, facts=facts)
        stages, before = bound.stages(), _visible(bound.before)
        if p.stepwise_param.need_stepwise:
            search = Searching(self.as_guest, ch, p, bound, stages[TRAIN], report, facts)
            return await search.as_guest()
        searching = bound.columns is not None
        fit = GuestFit(bound.kind, ch, p, stages, report, before, facts, searching)
        ready = await fit.prepared(_terms(p, stages[TRAIN], intercept=fit.intercept))
        side = await self._side(
            ch, p, ready.course, stages, report, others=ready.widths[0], keys=bound.keys
        )
        models = [
            await train_shared(
                ch.scope("model", number),
                side,
                first,
                start=ready.course.starts[number],
                batches=[HostBatch(rows=batch.rows, size=batch.size) for batch in ready.batches],
                target=self.link.target(ready.targets[number]),
                followed=fit.followed(ready, number),
                told=_Told(fit.telling(ready, number), loss_name(number, ready.course)),
            )
            for number, first in enumerate(ready.first)
        ]
        trained = await _revealed(ch, bound.kind, side, models, classes=ready.classes)
        tables = []
        for stage, rows in stages.items() if facts.wants_data else ():
            scores = await _scored(ch.scope("final", stage), rows, trained)
            tables.append(trained.predictions(rows, scores, p, stage=stage))
        data = (Table.stacked(tables),) if tables else ()
        return Result(data, trained.saved(p, facts), summary=trained.summary())

    async def as_host(
        self, ch: Channel, p: SharedLinearParams, bound: Inputs, report: Report, facts: JobFacts
    ) -> Result:
        """The host's share of a run."""
        if bound.train is None:
            known, rows = bound.to_predict()
            await receive_course(ch, "predict")
            there = ch.scope(PREDICT)
            await check_same_ids(there, rows)
            await _scored(there, rows, known)
            return Result()
        stages = bound.stages()
        searching = bound.columns is not None
        course = await received_course(ch, p, stages[TRAIN], searching=searching)
        if course.searches:
            search = Searching(self.as_host, ch, p, bound, stages[TRAIN], report, facts)
            return await search.as_host()
        if course.folds:
            return await folds_as_host(self.as_host, ch, p, bound, report, facts=facts)
        fit = HostFit(bound.kind, ch, p, course, stages, _visible(bound.before), report, facts)
        batches, others = await fit.prepared(), 0 if course.shared is None else course.shared.width
        side = await self._side(ch, p, course, fit.wanted, report, others=others, keys=bound.keys)
        models = [
            await train_shared(
                ch.scope("model", number),
                side,
                fit.first(number),
                start=start,
                batches=batches,
                target=None,
                followed=None,
                told=_Told(fit.telling(number), loss_name(number, course)),
            )
            for number, start in enumerate(course.starts)
        ]
        trained = await _revealed(ch, bound.kind, side, models, classes=())
        for stage, rows in fit.wanted.items() if course.predicts else ():
            await _scored(ch.scope("final", stage), rows, trained)
        return Result((), trained.saved(p, facts), summary=trained.summary())

    async def _side(
        self,
        ch: Channel,
        p: SharedLinearParams,
        course: Course,
        stages: dict[str, Rows],
        report: Report,
        *,
        others: int,
        keys: Keys,
    ) -> SharedSide:
        """Make keys, and what a party trains with."""
        first, terms = ch.me.role is GUEST, course.shared
        other = ch.hosts[0].party if first else ch.guest.party
        if terms is None or others < 0 or course.drawn:
            raise UnfitLetter("course", other)
        for warning in p.encrypt_param.warnings:
            report.log(warning)
        own = await keys.get(p.encrypt_param.scheme, p.encrypt_param.bits)
        duo = await pair_up(ch, other, own, first=first)
        intercept = first and terms.intercept
        matrices = {
            stage: await asyncio.to_thread(factors_of, rows.features, intercept=intercept)
            for stage, rows in stages.items()
        }
        return SharedSide(
            duo,
            stages[TRAIN],
            matrices[TRAIN],
            others,
            self.link,
            p,
            course,
            terms,
            matrices if course.follows else {},
        )


def _terms(p: SharedLinearParams, rows: Rows, *, intercept: bool) -> SharedTerms:
    """How the run goes, as the guest's parameters have it."""
    return SharedTerms(
        width=rows.width + intercept,
        intercept=intercept,
        reveals=p.reveal_every_iter,
        hides=p.hides,
        weighted=rows.weight is not None,
        norm=p.penalty == "L2" and p.alpha > 0 and not p.reveal_every_iter,
        memory=p.sqn_param.memory_M,
    )


def _visible(before: Fitted | None) -> Fitted | None:
    """A model to go on from.

    Raises:
        DataProblem: nobody knows the host's weights.
    """
    if before is not None and before.hidden is not None:
        raise DataProblem(
            "the host's weights of this model are encrypted, so training can not go on from it; "
            "start anew, or from a model of reveal_strategy respectively"
        )
    return before


@dataclass(frozen=True, slots=True)
class _Told:
    """Tells of losses, how many epochs of all models are done, and checkpoints of known weights."""

    telling: Telling
    metric: str

    def __call__(self, epoch: int, loss: float | None, weights: Vector | None) -> None:
        self.telling(epoch + 1, weights)
        if loss is not None:
            points = [(epoch, loss)]
            self.telling.report.metric(
                "train", self.metric, "LOSS", points, unit_name="iters", curve_name="loss"
            )


async def _revealed(
    ch: Channel,
    kind: type[Fitted],
    side: SharedSide,
    models: Sequence[SharedTrained],
    *,
    classes: tuple[float, ...],
) -> Fitted:
    """The model as a party keeps it: its own weights, or those of the host encrypted."""
    known, sealed = [], []
    for number, one in enumerate(models):
        there, weights = ch.scope("reveal", number), np.empty(0)
        if not side.terms.hides:
            weights = await revealed(there, side, one.weights)
        elif side.duo.first:
            given = side.duo.public.encrypt_ints(one.weights.others.tolist())
            await there.hosts.send("hidden_weights", given)
            weights = decoded(await seen(there, side.duo, one.weights.own), WEIGHT_BITS)
        else:
            await show(there, side.duo, one.weights.others)
            theirs: Encrypted = await there.guest.receive("hidden_weights")
            if theirs.shape != one.weights.own.shape or theirs.key != side.duo.theirs:
                raise UnfitShare("hidden_weights", side.duo.other)
            sealed.append((theirs + one.weights.own).refreshed())
        known.append(
            Trained(
                weights,
                one.iters,
                one.converged,
                one.best,
                one.losses,
                one.best_loss,
                one.measured,
            )
        )
    hidden = None
    if side.terms.hides:
        first = side.duo.first
        hidden = Hidden(
            side.duo.public if first else side.duo.theirs,
            side.duo.private if first else None,
            tuple(sealed),
        )
    return kind(side.rows.names, side.intercept, classes, tuple(known), hidden)


async def _scored(ch: Channel, rows: Rows, known: Fitted) -> Matrix:
    """As `parts.scored`; the host's scores travel encrypted where it does not know its weights.

    Raises:
        UnfitShare: they are not one a row and model.
    """
    hidden = known.hidden
    if hidden is None:
        return await scored(ch, rows, known.weights, intercept=known.intercept)
    ch.keyring.add(hidden.key)
    if hidden.private is None:
        lines = await asyncio.to_thread(_hidden_scores, rows, hidden)
        await ch.guest.send("hidden_scores", lines)
        return np.empty((rows.count, 0))
    own = rows.features @ known.weights[:, : rows.width].T
    if known.intercept:
        own = own + known.weights[:, -1]
    letter: Encrypted = await ch.hosts[0].receive("hidden_scores")
    if letter.shape != (own.size,) or letter.precision:
        raise UnfitShare("hidden_scores", ch.hosts[0].party)
    integers = await asyncio.to_thread(hidden.private.decrypt_ints, letter)
    theirs = decoded(as_objects(integers, (own.size,)) % MODULUS, WEIGHT_BITS + DATA_BITS)
    return np.asarray(own + theirs.reshape(own.shape[::-1]).T)


def _hidden_scores(rows: Rows, hidden: Hidden) -> Encrypted:
    """[w_h x] of each model and row, shape (models * n,)."""
    matrix = factors_of(rows.features, intercept=False)
    lines = concatenate([matrix @ line for line in hidden.weights])
    noise = [secrets.randbits(_WRAP_BITS) * MODULUS for _ in range(lines.size)]
    return lines + as_objects(noise, (lines.size,))
