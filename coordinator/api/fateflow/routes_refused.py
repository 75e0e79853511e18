"""Routes of FATE-Flow for what this system does not do: an honest no, with what to do instead.

An answer that pretends would cost its reader more than one that refuses: nothing here says success.
"""

from aiohttp import web

from coordinator.api.dialect import Handler, Route
from federation.errors import NotFound
from federation.fateflow.envelope import Retcode

_SERVING = (
    "models are deployed to no other server: model/load and model/bind answer online here, and "
    "model/export has the files that model/homo/convert makes"
)
_AT_THE_PARTY = (
    "models of several parties are not put together, or one would learn the others': model/export "
    "gives each party's own share"
)
_NO_EVIDENCE = (
    "a host's model takes in no weights of evidence, since they tell of the guest's labels: hosts "
    "turn columns into bin numbers (transform_type bin_num)"
)
_ONE_PROVIDER = "components come with the parties' agents; none can be registered"

REFUSED = {
    "component/hetero/merge": _AT_THE_PARTY,
    "component/woe_array/merge": _NO_EVIDENCE,
    "model/homo/deploy": _SERVING,
    "provider/register": _ONE_PROVIDER,
    "provider/update": _ONE_PROVIDER,
    "server/reload": "settings are read once, when the coordinator starts",
    "service/query": "there is no registry of services",
    "service/registry": "there is no registry of services",
}
"""Path -> why not, and what to do instead."""


class NotOffered(NotFound):
    """A route of FATE-Flow whose work is not done here."""

    code = "not_offered"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, retcode=int(Retcode.EXCEPTION_ERROR))


def _refusing(sentence: str) -> Handler:
    async def refuse(_: web.Request) -> web.Response:
        raise NotOffered(sentence)

    return refuse


ROUTES = tuple(
    Route(path, _refusing(sentence), f"Not offered: {sentence}")
    for path, sentence in REFUSED.items()
)
