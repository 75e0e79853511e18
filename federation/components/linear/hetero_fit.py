"""How guest, hosts and arbiter of a vertical linear model train: one, or one for each class.

The guest leads: it checks rows, labels, widths and batches, then tells everyone the course, so that
parties whose parameters differ do not wait for each other in vain. Who learns what stands in the
header of the component.
"""

from dataclasses import dataclass

from federation.channel import Channel
from federation.components.common.following import TRAIN, VALIDATE, Following
from federation.components.common.unfit import UnfitLetter
from federation.components.component import JobFacts, Report
from federation.components.linear.batches import (
    Batch,
    check_batches,
    is_drawn,
    whole_batches,
)
from federation.components.linear.convergence import LOSS_RULES
from federation.components.linear.courses import loss_name
from federation.components.linear.curvature import receive_batch
from federation.components.linear.fitted import Fitted
from federation.components.linear.learner import Inputs
from federation.components.linear.letters import Course, HostBatch, Packed, SharedTerms
from federation.components.linear.optimizers import first_weights
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import (
    Side,
    Trained,
    check_same_ids,
    precision_of,
    scored,
)
from federation.components.linear.rows import Rows, class_name, labels_of
from federation.components.linear.telling import Telling, warned_of_checkpoints
from federation.components.linear.training import (
    Followed,
    train_as_arbiter,
    train_as_guest,
    train_as_host,
)
from federation.crypto import PublicKey
from federation.crypto.inner_products import slot_bits
from federation.errors import BadRequest, DataProblem, InvalidParameters, Problem
from federation.spec.party import ARBITER
from federation.tables import Table
from federation.tables.table import Vector


class OneHostOnly(BadRequest):
    """A model whose residual would need products of two hosts' shares has several hosts."""

    code = "one_host_only"

    def __init__(self, module: str) -> None:
        super().__init__(
            f"{module} works with one host only; leave the other hosts out of the job",
            module=module,
        )


@dataclass(slots=True)
class GuestFit:
    """A training as the guest leads it; `kind` is the model's.

    Attributes:
        searching: whether this is a trial of a search, where a host may have no columns.
    """

    kind: type[Fitted]
    ch: Channel
    p: LinearModelParams
    stages: dict[str, Rows]
    report: Report
    before: Fitted | None
    facts: JobFacts
    searching: bool = False

    async def run(self) -> Fitted:
        """Train every model with hosts and arbiter; errors as of `prepared`."""
        ready, rows = await self.prepared(), self.stages[TRAIN]
        key = await _key(self.ch)
        side = Side.of(rows, self.kind.LINK, self.p, ready.course, key, intercept=ready.intercept)
        models = [
            await train_as_guest(
                self.ch.scope("model", number),
                side,
                ready.targets[number],
                ready.first[number],
                start=ready.course.starts[number],
                batches=ready.batches,
                followed=self.followed(ready, number),
                progress=self.telling(ready, number),
            )
            for number in range(len(ready.aims))
        ]
        return self.kind(rows.names, ready.intercept, ready.classes, tuple(models))

    @property
    def intercept(self) -> bool:
        """Whether the guest learns one."""
        before = self.before
        return self.p.init_param.fit_intercept if before is None else before.intercept

    async def prepared(self, shared: SharedTerms | None = None) -> "Ready":
        """Check rows and batches, set the course, and tell everyone.

        Args:
            shared: of a run without an arbiter.

        Raises:
            DataProblem: rows or labels can not be learned from.
            InvalidParameters: early_stop asks for a loss that several hosts do not have.
            OneHostOnly: this kind of model is not for several hosts.
            BatchTooSmall: a host could compute labels.
        """
        ch, p, rows = self.ch, self.p, self.stages[TRAIN]
        classes, intercept = self._classes(), self.intercept
        if not rows.width and not intercept:
            raise DataProblem("the guest has no feature; set fit_intercept")
        batches, widths = await self._batches()
        course = self._course(classes, batches, shared)
        for peer in (*ch.all(ARBITER), *ch.hosts):
            await peer.send("course", course)
        for stage, stage_rows in self.stages.items():
            await check_same_ids(ch.scope(stage), stage_rows)
        for number, batch in enumerate(batches):
            taken = None if batch.size == rows.count else batch.rows
            letter = HostBatch(rows=taken, size=batch.size)
            await ch.scope("batches", number).hosts.send("batch", letter)
        labels, aims, before = labels_of(rows.label), self.kind.aims(classes), self.before
        return Ready(
            course,
            batches,
            tuple(classes.tolist()),
            aims,
            intercept,
            [self.kind.targets(labels, aim) for aim in aims],
            [first_weights(rows.width, p, intercept=intercept) for _ in aims]
            if before is None
            else [model.weights for model in before.models],
            widths,
        )

    async def predicted(self, trained: Fitted) -> tuple[Table, ...]:
        """Predictions of the training rows and of the held-out ones after them, if wanted."""
        if not self.facts.wants_data:
            return ()
        tables = []
        for stage, rows in self.stages.items():
            there = self.ch.scope("final", stage)
            scores = await scored(there, rows, trained.weights, intercept=trained.intercept)
            tables.append(trained.predictions(rows, scores, self.p, stage=stage))
        return (Table.stacked(tables),)

    def _classes(self) -> Vector:
        classes = self.kind.classes_in(self.stages[TRAIN].label)
        if VALIDATE in self.stages:
            labels_of(self.stages[VALIDATE].label)
        if self.before is not None and self.before.classes != tuple(classes.tolist()):
            raise DataProblem("the labels are not those the model was made with")
        return classes

    async def _batches(self) -> tuple[list[Batch], list[int]]:
        """The batches of every epoch, none if each draws its own; and the hosts' widths."""
        ch, p, rows = self.ch, self.p, self.stages[TRAIN]
        if self.kind.LINK.scale is not None and len(ch.hosts) > 1:
            raise OneHostOnly(self.kind.MODULE)
        if p.early_stop in LOSS_RULES and len(ch.hosts) > 1:
            raise InvalidParameters([Problem("early_stop", _NO_LOSS)])
        widths: list[int] = await ch.hosts.gather("width")
        for peer, width in zip(ch.hosts, widths, strict=True):
            if width < 1 - self.searching:
                raise UnfitLetter("width", peer.party)
        drawn = is_drawn(rows.count, p)
        batches = [] if drawn else whole_batches(rows.ranks, p, max(widths))
        sizes = [p.batch_size] if drawn else [batch.size for batch in batches]
        if p.optimizer == "sqn":
            sizes.append(min(rows.count, p.sqn_param.sample_size))
        check_batches(sizes, widths, [str(peer.party) for peer in ch.hosts])
        return batches, widths

    def _course(self, classes: Vector, batches: list[Batch], shared: SharedTerms | None) -> Course:
        p, callbacks = self.p, self.p.following
        starts = [0] * len(self.kind.aims(classes))
        if self.before is not None:
            starts = [model.iters for model in self.before.models]
            self.report.log("training goes on from a model", epochs_so_far=max(starts))
            if min(starts) >= p.max_iter:
                self.report.log("the model has seen max_iter epochs already; raise max_iter")
        warned_of_checkpoints(p, self.report, len(starts))
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
            predicts=self.facts.wants_data,
            stops_early=callbacks.early_stopping_rounds is not None,
            bends=p.sqn_param.update_interval_L if p.optimizer == "sqn" else 0,
            shared=shared,
            packed=None if shared else self._packed(drawn=not batches),
        )

    def _packed(self, *, drawn: bool) -> Packed | None:
        """Several numbers a ciphertext, where nothing is done to single ones."""
        rows, terms, precision = self.stages[TRAIN], len(self.ch.hosts) + 1, precision_of(self.p)
        if not self.kind.LINK.small or drawn or rows.weight is not None:
            return None
        bits = slot_bits(rows.count, terms, precision)
        return Packed(bits=bits, terms=terms, precision=precision)

    def telling(self, ready: "Ready", number: int) -> Telling:
        """What is told and kept of a model while it learns."""
        names, classes = self.stages[TRAIN].names, ready.classes
        return Telling(
            self.p,
            self.report,
            self.facts,
            number,
            len(ready.aims),
            self.p.max_iter,
            lambda one: self.kind(names, ready.intercept, classes, (one,)),
        )

    def followed(self, ready: "Ready", number: int) -> Followed:
        """What is measured of a model while it learns."""
        several, aim = len(ready.aims) > 1, ready.aims[number]
        prefix = f"class_{class_name(aim)}." if several else ""
        deciding = VALIDATE if VALIDATE in self.stages else TRAIN
        labels = {
            stage: self.kind.marks(labels_of(rows.label), aim)
            for stage, rows in self.stages.items()
            if ready.course.follows
        }
        following = Following(self.p.following, self.kind.KIND, deciding, prefix)
        return Followed(self.stages, labels, following, self.report, self.kind.LINK.mean)


@dataclass(frozen=True, slots=True)
class Ready:
    """What a guest trains with, once everyone knows the course.

    Attributes:
        aims: what each model is to find.
        targets: of each model, the labels as the link has them, shape (n,).
        first: of each model, the weights to start from.
        widths: of the hosts.
    """

    course: Course
    batches: list[Batch]
    classes: tuple[float, ...]
    aims: list[float]
    intercept: bool
    targets: list[Vector]
    first: list[Vector]
    widths: list[int]


_NO_LOSS = "diff and abs need the loss, which several hosts do not have; use weight_diff"


@dataclass(frozen=True, slots=True)
class HostFit:
    """A training at a host, as the guest's course has it; `kind` is the model's."""

    kind: type[Fitted]
    ch: Channel
    p: LinearModelParams
    course: Course
    stages: dict[str, Rows]
    before: Fitted | None
    report: Report
    facts: JobFacts

    async def run(self) -> Fitted:
        """A host's side of the whole training, and its scores for the predictions after it."""
        batches, rows, course = await self.prepared(), self.stages[TRAIN], self.course
        key = await _key(self.ch)
        side = Side.of(rows, self.kind.LINK, self.p, course, key, intercept=False)
        models: list[Trained] = []
        for number, start in enumerate(course.starts):
            one = await train_as_host(
                self.ch.scope("model", number),
                side,
                self.first(number),
                start=start,
                batches=batches,
                stages=self.wanted,
                progress=self.telling(number),
            )
            models.append(one)
        trained = self.kind(rows.names, False, (), tuple(models))
        for stage, stage_rows in self.wanted.items() if course.predicts else ():
            there = self.ch.scope("final", stage)
            await scored(there, stage_rows, trained.weights, intercept=False)
        return trained

    def telling(self, number: int) -> Telling:
        """What is told and kept of a model while it learns."""
        names, models = self.stages[TRAIN].names, len(self.course.starts)
        return Telling(
            self.p,
            self.report,
            self.facts,
            number,
            models,
            self.course.epochs,
            lambda one: self.kind(names, False, (), (one,)),
        )

    @property
    def wanted(self) -> dict[str, Rows]:
        """The rows that the guest wants scored."""
        return {stage: self.stages[stage] for stage in self.course.stages}

    async def prepared(self) -> list[HostBatch]:
        """Check that rows are those of the guest, and learn the batches; none if drawn anew.

        Raises:
            DataProblem: inputs are not those of the guest.
            IdsDiffer: rows are others.
        """
        course, before = self.course, self.before
        absent = [stage for stage in course.stages if stage not in self.stages]
        if absent:
            raise DataProblem(
                f"the guest has {absent[0]} data and this host has none; bind it here too"
            )
        for stage, stage_rows in self.wanted.items():
            await check_same_ids(self.ch.scope(stage), stage_rows)
        batches = []
        if not course.drawn:
            batches = [
                await receive_batch(self.ch.scope("batches", number), self.stages[TRAIN])
                for number in range(course.batches)
            ]
        known = 0 if before is None else len(before.models)
        if known != (len(course.starts) if any(course.starts) else 0):
            raise DataProblem("guest and host do not start from models of one training")
        return batches

    def first(self, number: int) -> Vector:
        """The weights that a model starts from."""
        if self.before is not None:
            return self.before.models[number].weights
        return first_weights(self.stages[TRAIN].width, self.p, intercept=False)


async def fit_as_arbiter(
    bound: Inputs,
    ch: Channel,
    p: LinearModelParams,
    course: Course,
    report: Report,
    *,
    facts: JobFacts,
) -> Fitted:
    """The arbiter's side of the whole training: the run's key, then model after model."""
    for warning in p.encrypt_param.warnings:
        report.log(warning)
    public, private = await bound.keys.get(p.encrypt_param.scheme, p.encrypt_param.bits)
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
            metric=loss_name(number, course),
            report=report,
            progress=Telling(
                p,
                report,
                facts,
                number,
                len(course.starts),
                course.epochs,
                lambda one: bound.kind((), False, (), (one,)),
            ),
        )
        models.append(one)
    return bound.kind((), False, (), tuple(models))


async def _key(ch: Channel) -> PublicKey:
    key: PublicKey = ch.keyring.known(await ch.arbiter.receive("public_key"))
    return key
