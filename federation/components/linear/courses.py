"""How a host learns the course that the guest lets a vertical run go."""

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.letters import Course
from federation.components.linear.params import LinearModelParams
from federation.components.linear.rows import Rows
from federation.crypto.inner_products import slot_bits
from federation.errors import DataProblem
from federation.spec.party import HOST


async def receive_course(ch: Channel, stage: str) -> Course:
    """How the guest lets the run go.

    Raises:
        DataProblem: it runs another stage than this host's inputs mean.
    """
    course: Course = await ch.guest.receive("course")
    if course.stage != stage:
        raise DataProblem(
            f"the guest's inputs mean {course.stage} and this host's mean {stage}; "
            "bind the same inputs at all parties"
        )
    return course


async def received_course(
    ch: Channel, p: LinearModelParams, rows: Rows, *, searching: bool = False
) -> Course:
    """How the guest lets a training go, once it knows how many columns this host has.

    Raises:
        DataProblem: this host has none, or its parameters or inputs do not fit the guest's.
        UnfitLetter: slots are too narrow to hide what lies beside inner products.
    """
    if not rows.width and not searching:
        raise DataProblem("this host's table has no feature; leave the host out of the job")
    await ch.guest.send("width", rows.width)
    course = await receive_course(ch, "fit")
    if course.folds != p.cv_param.folds:
        raise DataProblem("guest and host do not have the same cv_param; set it for all parties")
    if course.searches != p.stepwise_param.need_stepwise:
        raise DataProblem(
            "guest and host do not have the same stepwise_param; set it for all parties"
        )
    packed = course.packed
    if packed is not None:
        needed = slot_bits(rows.count, packed.terms, packed.precision)
        if packed.terms <= len(ch.parties[HOST]) or packed.bits < needed:
            raise UnfitLetter("course", ch.guest.party)
    return course


def loss_name(number: int, course: Course) -> str:
    """The metric of a model's loss, with its number where there are several."""
    return "loss" if len(course.starts) == 1 else f"loss.{number}"
