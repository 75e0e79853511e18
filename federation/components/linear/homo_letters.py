"""All that the parties of a horizontal linear model say to each other."""

from typing import Literal

import numpy as np

from federation.channel import Message, Payload
from federation.components.linear.letters import Verdict
from federation.crypto import Encrypted, PublicKey
from federation.protocols.lasting_sum import LASTING_SUM_MESSAGES
from federation.spec.party import ARBITER, GUEST, HOST
from federation.wire.codec import BigIntVector


class Rounds(Payload):
    """How the run goes, which the guest decides for everyone.

    Attributes:
        starts: first epoch of each model that is trained; warm starts go on counting.
        width: how many weights a model has.
        epochs: where all of them end at the latest.
        every: epochs between two averages.
        rule: how convergence is told.
        follows: epochs after which the guest measures the model.
        stops_early: whether the guest may end a model by what it measured.
        folds: of a cross validation, each of which has its own rounds; 0: none.
    """

    stage: Literal["fit", "predict"]
    starts: list[int]
    width: int
    epochs: int
    every: int
    rule: str
    follows: list[int]
    stops_early: bool
    folds: int = 0

    def is_round(self, epoch: int) -> bool:
        """Whether the models are averaged after that epoch, counted from 0."""
        return (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs

    @property
    def sums(self) -> int:
        """How many sums there are at most: of weights and of losses, for each average."""
        return sum(
            2 * self.is_round(epoch) for start in self.starts for epoch in range(start, self.epochs)
        )


class Start(Payload):
    """Where every party starts.

    Attributes:
        names: the features, in the order of the weights.
        intercept: whether the weights end with one.
        classes: shape (c,), those of all parties, ascending.
        weights: shape (models, d).
    """

    names: list[str]
    intercept: bool
    classes: np.ndarray
    weights: np.ndarray


class Hides(Payload):
    """How a host works on ciphertexts under the arbiter's key.

    Attributes:
        hides: whether it does.
        batches: of an epoch.
        every: batches between two re-encryptions.
        opens: how many tables it wants predictions of at the end.
    """

    hides: bool
    batches: int = 1
    every: int = 1
    opens: int = 0

    def renewals(self, *, is_round: bool) -> list[int]:
        """After which batches of an epoch weights are re-encrypted; averages do that anyway."""
        last = self.batches
        due = [k for k in range(1, last + 1) if k % self.every == 0 or k == last]
        return [k for k in due if k < last or not is_round]


HOMO_MESSAGES = (
    Message("classes", (HOST, GUEST), np.ndarray, "the different labels this party has"),
    Message("rounds", (GUEST, HOST), Rounds, "how many models, epochs, averages"),
    Message("rounds", (GUEST, ARBITER), Rounds, "how many models, epochs, averages"),
    Message("start", (GUEST, HOST), Start, "names of features, classes, the first weights"),
    *LASTING_SUM_MESSAGES,
    Message("hides", (HOST, ARBITER), Hides, "whether the host works on ciphertexts, and how"),
    Message("public_key", (ARBITER, HOST), PublicKey, "what a host on ciphertexts works under"),
    Message("worn", (HOST, ARBITER), Encrypted, "weights behind noise, to be encrypted anew"),
    Message("renewed", (ARBITER, HOST), Encrypted, "the same, at few bits after the point"),
    Message("hidden_average", (ARBITER, HOST), Encrypted, "the average weights, encrypted"),
    Message("hidden_scores", (HOST, ARBITER), Encrypted, "scores of own rows behind noise"),
    Message("opened", (ARBITER, HOST), BigIntVector, "the same decrypted, noise still on"),
    Message("average", (ARBITER, GUEST), np.ndarray, "the weights of all parties, averaged"),
    Message("average", (ARBITER, HOST), np.ndarray, "the weights of all parties, averaged"),
    Message("converged", (ARBITER, GUEST), bool, "whether training has come to rest"),
    Message("converged", (ARBITER, HOST), bool, "whether training has come to rest"),
    Message("verdict", (GUEST, HOST), Verdict, "whether the model is the best yet, and the last"),
    Message("verdict", (GUEST, ARBITER), Verdict, "whether the model is the best yet, the last"),
)
"""All letters of HomoLR."""
