"""A no of the server."""

from collections.abc import Mapping
from typing import Any


class FlowError(Exception):
    """The server said no.

    Attributes:
        retcode: FATE's code.
        answer: the whole answer.
    """

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("retmsg") or "the server said no without a reason"))
        self.retcode = answer.get("retcode")
        self.answer = dict(answer)


def accepted(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, if it is a yes.

    Raises:
        FlowError: it is a no.
    """
    if answer.get("retcode") != 0:
        raise FlowError(answer)
    return answer
