"""How a run of HomoLR is set up: where all start, how it goes, which rows are looked at."""

import numpy as np

from federation.channel import Channel
from federation.components.common.following import TRAIN, VALIDATE, Following
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Report
from federation.components.linear.fitted import Fitted
from federation.components.linear.homo_letters import Rounds, Start
from federation.components.linear.homo_training import Watched
from federation.components.linear.learner import Inputs
from federation.components.linear.lr_model import Logistic
from federation.components.linear.optimizers import first_weights
from federation.components.linear.params import HomoLogisticParams
from federation.components.linear.rows import Rows, class_name, classes_of, labels_of, rows_of
from federation.components.statistics.metrics import EvalType
from federation.errors import DataProblem
from federation.tables.table import Vector


async def first_of_all(
    ch: Channel, p: HomoLogisticParams, rows: Rows, before: Fitted | None
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
    count = len(Logistic.aims(classes))
    first = [first_weights(rows.width, p, intercept=intercept) for _ in range(count)]
    return Start(
        names=list(rows.names), intercept=intercept, classes=classes, weights=np.stack(first)
    )


def rounds_of(
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


def stages_of(bound: Inputs, names: tuple[str, ...] | None) -> dict[str, Rows]:
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


def watched_in(
    p: HomoLogisticParams, rounds: Rounds, stages: dict[str, Rows], aim: float, *, report: Report
) -> Watched:
    follows = [epoch for epoch in range(rounds.epochs) if p.following.follows(epoch)]
    prefix = "" if len(rounds.starts) == 1 else f"class_{class_name(aim)}."
    deciding = VALIDATE if VALIDATE in stages else TRAIN
    marks = {
        stage: Logistic.marks(labels_of(rows.label), aim)
        for stage, rows in stages.items()
        if follows
    }
    following = Following(p.following, EvalType.BINARY, deciding, prefix)
    return Watched(frozenset(follows), stages, marks, following, report)
