"""All that the parties of a vertical linear model with an arbiter say to each other."""

from typing import Literal

import numpy as np
from pydantic import Field

from federation.channel import Message, Payload
from federation.components.common.unfit import UnfitLetter
from federation.crypto import Encrypted, PublicKey
from federation.spec.party import ARBITER, GUEST, HOST, Party


class SharedTerms(Payload):
    """How a run without an arbiter goes, beyond its course.

    Attributes:
        width: of the guest's weights, the intercept's among them.
        intercept: whether the last of them is one.
        reveals: whether each party sees its own weights after every step.
        hides: whether the host's weights stay encrypted at the end.
        weighted: whether rows have weights.
        norm: whether the length of shared weights is part of the loss.
        memory: how many looks at the curvature are remembered; for sqn.
    """

    width: int
    intercept: bool
    reveals: bool
    hides: bool
    weighted: bool
    norm: bool
    memory: int = 0


class Packed(Payload):
    """How shares and residuals come several in a ciphertext; see `inner_products`.

    Attributes:
        bits: of a slot.
        terms: how many numbers are added in one.
        precision: bits after the point.
    """

    bits: int = Field(gt=0, le=1 << 12)
    terms: int = Field(gt=0, le=1 << 16)
    precision: int = Field(ge=0, le=64)


class Course(Payload):
    """How the run goes, which the guest decides for everyone, so that nobody waits in vain.

    Attributes:
        starts: first epoch of each model that is trained, one model a class but of two classes
            only one; warm starts go on counting.
        epochs: where all of them end at the latest.
        batches: letters of each kind in an epoch.
        drawn: whether each epoch draws its batch anew.
        loss: whether the loss is computed.
        rule: how convergence is told.
        follows: epochs after which the guest measures the model.
        stages: whose rows are scored when it does.
        stops_early: whether the guest may end a model by what it measured.
        bends: steps over which sqn averages weights, before it looks how the loss bends; 0: never.
        folds: of a cross validation, each of which has its own course; 0: none.
        searches: whether the columns are searched for, with a course for every trial.
        predicts: whether the rows of all stages are scored at the end; only if the job asks for it.
        shared: of a run without an arbiter.
        packed: where ciphertexts hold several numbers each.
    """

    stage: Literal["fit", "predict"]
    starts: list[int]
    epochs: int
    batches: int
    drawn: bool
    loss: bool
    rule: str
    follows: list[int]
    stages: list[str]
    stops_early: bool
    bends: int = 0
    folds: int = 0
    searches: bool = False
    predicts: bool = True
    shared: SharedTerms | None = None
    packed: Packed | None = None

    @classmethod
    def without_training(
        cls, stage: Literal["fit", "predict"], folds: int = 0, *, searches: bool = False
    ) -> "Course":
        """The course of a run that trains nothing itself."""
        return cls(
            stage=stage,
            starts=[],
            epochs=0,
            batches=0,
            drawn=False,
            loss=False,
            rule="",
            follows=[],
            stages=[],
            stops_early=False,
            folds=folds,
            searches=searches,
        )


class HostBatch(Payload):
    """Rows of a batch in the common order, ascending, None for all; `size` of them count."""

    rows: np.ndarray | None
    size: int


class Trial(Payload):
    """What a stepwise search tries next.

    Attributes:
        columns: which of the host's columns take part, ascending; None for the arbiter.
        chosen: number of the trial that was best, once the search has ended; else -1.
        predicts: whether the chosen model is to score the rows.
    """

    columns: np.ndarray | None
    chosen: int = -1
    predicts: bool = False


class Forward(Payload):
    """A host's part of the scores of a batch.

    Attributes:
        share: a line of r numbers, one or several a ciphertext.
        loss: what the guest lacks for the loss: shape (1,), its mean and the host's penalty
            together; or shape (r + 1,), one a row and the penalty last, where rows are covered.
    """

    share: Encrypted
    loss: Encrypted | None


class Verdict(Payload):
    """What the guest concludes from measuring a model."""

    best: bool
    stop: bool


VERTICAL_MESSAGES = (
    Message("course", (GUEST, HOST), Course, "how many models, epochs, batches; the stages"),
    Message("ids", (GUEST, HOST), bytes, "SHA-256 of the guest's sorted ids"),
    Message("width", (HOST, GUEST), int, "number of the host's columns"),
    Message("batch", (GUEST, HOST), HostBatch, "which of the common rows are next"),
    Message("fold", (GUEST, HOST), HostBatch, "which of the common rows a fold leaves out"),
    Message("trial", (GUEST, HOST), Trial, "which of the host's columns a search tries"),
    Message("verdict", (GUEST, HOST), Verdict, "whether the model is the best yet, and the last"),
    Message("scores", (HOST, GUEST), np.ndarray, "w_h x of each row and model, in clear"),
)
"""What guest and hosts say to each other with an arbiter or without."""

LINEAR_MESSAGES = (
    *VERTICAL_MESSAGES,
    Message("trial", (GUEST, ARBITER), Trial, "whether a search goes on"),
    Message("trial_loss", (ARBITER, GUEST), float, "the last loss of a trial"),
    Message("course", (GUEST, ARBITER), Course, "how many models, epochs, batches; the stages"),
    Message("public_key", (ARBITER, GUEST), PublicKey, "what all ciphertexts are made with"),
    Message("public_key", (ARBITER, HOST), PublicKey, "what all ciphertexts are made with"),
    Message("forward", (HOST, GUEST), Forward, "the host's part of each score, encrypted"),
    Message("residual", (GUEST, HOST), Encrypted, "[d] of each row, encrypted"),
    Message("gradient", (GUEST, ARBITER), Encrypted, "[X^T d / n], one a column and intercept"),
    Message("gradient", (HOST, ARBITER), Encrypted, "[X^T d / n], one a column"),
    Message(
        "levels", (HOST, GUEST), Encrypted, "sqn: [exp(w x)] of each row, if the bend needs it"
    ),
    Message("move", (GUEST, ARBITER), np.ndarray, "sqn: the change of the guest's mean weights"),
    Message("move", (HOST, ARBITER), np.ndarray, "sqn: the change of the host's mean weights"),
    Message("loss", (GUEST, ARBITER), Encrypted, "the mean loss of a batch, encrypted"),
    Message("step", (ARBITER, GUEST), np.ndarray, "what to take off the guest's weights"),
    Message("step", (ARBITER, HOST), np.ndarray, "what to take off the host's weights"),
    Message("movement", (GUEST, ARBITER), np.ndarray, "|w_t - w_(t-1)|^2 and |w_t|^2"),
    Message("movement", (HOST, ARBITER), np.ndarray, "|w_t - w_(t-1)|^2 and |w_t|^2"),
    Message("converged", (ARBITER, GUEST), bool, "whether training has come to rest"),
    Message("converged", (ARBITER, HOST), bool, "whether training has come to rest"),
    Message("verdict", (GUEST, ARBITER), Verdict, "whether the model is the best yet, the last"),
)
"""All letters of a vertical model with an arbiter."""


def check_shape(
    value: Encrypted | np.ndarray, shape: tuple[int, ...], tag: str, party: Party
) -> None:
    """Say no to an array of another shape, or with NaN or infinity in it.

    Raises:
        UnfitLetter: it is not as the protocol has it.
    """
    fits = tuple(value.shape) == shape
    if fits and isinstance(value, np.ndarray):
        fits = value.dtype == np.float64 and bool(np.isfinite(value).all())
    if not fits:
        raise UnfitLetter(tag, party)
