"""A host of HomoLR that never sees the model: it learns on ciphertexts under the arbiter's key.

With [w] its weights, encrypted, and the loss to second order, so that steps need no more than sums:

    [d] = X [w] / 4 - y / 2          [w] <- [w] - lr (X^T [d] / n + alpha [w])

Each product adds bits after the point, so every `re_encrypt_batches` batches the arbiter encrypts
the weights anew, which the host hides behind noise; it adds them to the average behind masks like
everyone (see lasting_sum). At the end the arbiter opens the scores of the host's rows behind noise.
Who learns what stands in the header of the component.
Source: FATE before 1.10, homo_lr_host; Hardy et al. 2017 for the loss.
"""

import asyncio
import secrets
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.fitted import Fitted, Hidden
from federation.components.linear.homo_helper import HIDDEN_BITS, OPENED_BYTES
from federation.components.linear.homo_letters import Hides, Rounds
from federation.components.linear.homo_training import Local, Watched, verdict_of
from federation.components.linear.optimizers import learning_rate
from federation.components.linear.parts import Trained, mean_product
from federation.components.linear.rows import Rows
from federation.components.linear.training import Progress
from federation.crypto import Encrypted, PublicKey, concatenate
from federation.crypto.fixed_point import from_fixed
from federation.errors import ComputationProblem
from federation.protocols.lasting_sum import Member, add, add_hidden
from federation.tables.table import Matrix, Vector
from federation.wire.codec import BigIntVector

_VALUE_BITS = 40
_STATISTICAL_BITS = 40
_LOSS = np.zeros(2)
"""Such a host has no loss to add, and no rows that count in it."""


@dataclass(frozen=True, slots=True)
class HiddenSide:
    """A host's side of a training on ciphertexts."""

    local: Local
    key: PublicKey
    how: Hides

    async def trained(
        self,
        ch: Channel,
        rounds: Rounds,
        member: Member,
        *,
        signs: Vector,
        weights: Vector,
        start: int,
        watched: Watched,
        progress: Progress,
    ) -> tuple[Trained, Encrypted]:
        """One model, and its weights as they came; arguments as of `train_as_client`."""
        hidden = self.key.encrypt(weights, precision=HIDDEN_BITS)
        common = kept = hidden
        done, converged, best = start, False, -1
        for epoch in range(start, rounds.epochs):
            here, is_round = ch.scope("epoch", epoch), rounds.is_round(epoch)
            hidden = await self._passed(here, hidden, common, signs, epoch, is_round=is_round)
            if is_round:
                common = hidden = await self._averaged(here, member, hidden)
                await add(here.scope("loss"), member, _LOSS)
                converged = bool(await here.arbiter.receive("converged"))
            verdict = await verdict_of(here, rounds, watched, epoch)
            if is_round and (verdict is None or verdict.best):
                kept, best = hidden, best if verdict is None else epoch
            done = epoch + 1
            progress(done, None)
            if converged or (verdict and verdict.stop):
                break
        return Trained(np.empty(0), done, converged, best), kept

    async def _passed(
        self,
        ch: Channel,
        weights: Encrypted,
        common: Encrypted,
        signs: Vector,
        epoch: int,
        *,
        is_round: bool,
    ) -> Encrypted:
        """Weights after one epoch of own rows."""
        renewals = self.how.renewals(is_round=is_round)
        for place in range(1, len(self.local.batches) + 1):
            weights = await asyncio.to_thread(
                self._step, weights, common, signs, place - 1, learning_rate(self.local.p, epoch)
            )
            if place in renewals:
                weights = await self._renewed(ch.scope("renewal", place), weights)
        return weights

    def _step(
        self, weights: Encrypted, common: Encrypted, signs: Vector, number: int, rate: float
    ) -> Encrypted:
        local, batch = self.local, self.local.batches[number]
        matrix, counts, p = local.matrix[batch], local.rows.weight, local.p
        d = (matrix @ weights).halved(2) + -0.5 * signs[batch]
        if counts is not None:
            d = d * counts[batch]
        gradient = mean_product(matrix, d, len(batch))
        if p.penalty == "L2" and p.alpha:
            pull = np.full(len(weights), p.alpha)
            pull[len(pull) - local.intercept :] = 0.0
            gradient = gradient + weights * pull
        if p.use_proximal:
            gradient = gradient + (weights - common) * p.mu
        return weights - gradient * rate

    async def _renewed(self, ch: Channel, weights: Encrypted) -> Encrypted:
        """The same weights, with few bits after the point again."""
        worn, noise = _behind_noise(weights)
        await ch.arbiter.send("worn", worn)
        fresh: Encrypted = await ch.arbiter.receive("renewed")
        self._check(ch, fresh, weights.shape, "renewed")
        back = [-(value >> (weights.precision - HIDDEN_BITS)) for value in noise]
        return fresh + self.key.encrypt_ints(back, precision=HIDDEN_BITS)

    async def _averaged(self, ch: Channel, member: Member, weights: Encrypted) -> Encrypted:
        rows = self.local.rows.count
        count = self.key.encrypt_ints([rows << weights.precision], precision=weights.precision)
        await add_hidden(ch.scope("weights"), member, concatenate([weights * rows, count]))
        mean: Encrypted = await ch.arbiter.receive("hidden_average")
        self._check(ch, mean, weights.shape, "hidden_average")
        return mean

    def _check(self, ch: Channel, value: Encrypted, shape: tuple[int, ...], tag: str) -> None:
        fits = tuple(value.shape) == shape and value.precision == HIDDEN_BITS
        if not fits or value.key != self.key:
            raise UnfitLetter(tag, ch.arbiter.party)


async def opened_scores(ch: Channel, rows: Rows, known: Fitted, number: int) -> Matrix:
    """Scores of own rows and each model, shape (n, models), which the arbiter opens behind noise.

    Args:
        number: of the table, as the arbiter counts them.

    Raises:
        UnfitLetter: the arbiter's answer is of another size.
    """
    hidden = known.hidden
    if hidden is None:
        raise ComputationProblem("the weights of this model are not hidden")
    ch.keyring.add(hidden.key)
    ones = np.ones((rows.count, int(known.intercept)))
    matrix = np.hstack([rows.features, ones])
    lines = await asyncio.to_thread(
        lambda: concatenate([matrix @ weights for weights in hidden.weights])
    )
    worn, noise = await asyncio.to_thread(_behind_noise, lines)
    there = ch.scope("open", number)
    await there.arbiter.send("hidden_scores", worn)
    opened: BigIntVector = await there.arbiter.receive("opened")
    if len(opened) != lines.size or opened.width != OPENED_BYTES:
        raise UnfitLetter("opened", ch.arbiter.party)
    plain = [a - b for a, b in zip(opened.to_ints(), noise, strict=True)]
    return from_fixed(plain, lines.precision).reshape(-1, rows.count).T


def hidden_model(side: HiddenSide, weights: list[Encrypted]) -> Hidden:
    """What a host keeps of models it can not read."""
    return Hidden(side.key, None, tuple(weights))


def _behind_noise(values: Encrypted) -> tuple[Encrypted, list[int]]:
    """Ciphertexts with random numbers added that hide what is in them, and the numbers."""
    bits = values.precision + _VALUE_BITS + _STATISTICAL_BITS
    top = 1 << bits  # so that no sum is below 0
    noise = [top + secrets.randbits(bits) for _ in range(values.size)]
    return values + values.key.encrypt_ints(noise, precision=values.precision), noise
