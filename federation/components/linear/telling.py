"""What a party tells and keeps after every epoch: how far it is, and checkpoints of its model."""

from collections.abc import Callable
from dataclasses import dataclass

from federation.components.component import JobFacts, Report
from federation.components.linear.fitted import Fitted
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import Trained
from federation.tables.table import Vector


@dataclass(frozen=True, slots=True)
class Telling:
    """Hears how many epochs of a model are done, and its weights if the party knows them.

    A checkpoint is a whole model, so there are none of models that are trained class by class.

    Attributes:
        number: of the model, from 0, of so many `models` of so many `epochs`.
        whole: the fitted model with these weights.
    """

    p: LinearModelParams
    report: Report
    facts: JobFacts
    number: int
    models: int
    epochs: int
    whole: Callable[[Trained], Fitted]

    def __call__(self, done: int, weights: Vector | None = None) -> None:
        """Tell, and keep a checkpoint every `save_freq` epochs where the job asks for them."""
        self.report.progress(self.number * self.epochs + done, self.models * self.epochs)
        callbacks = self.p.following
        if weights is None or self.models > 1 or not callbacks.checkpoints:
            return
        if done % callbacks.save_freq == 0:
            model = self.whole(Trained(weights, done, converged=False)).saved(self.p, self.facts)
            self.facts.checkpoint(done - 1, f"epoch_{done - 1}", model)


def warned_of_checkpoints(p: LinearModelParams, report: Report, models: int) -> None:
    """Say so where checkpoints are asked for and there can be none."""
    if p.following.checkpoints and models > 1:
        report.log("ModelCheckpoint has no effect where classes are trained one after the other")
