"""Routes of FATE-Flow for what this system does not do: an honest no, with what to do instead.

An answer that pretends would cost its reader more than one that refuses: nothing here says success.
"""

from aiohttp import web

from coordinator.api.dialect import Handler, Route
from federation.errors import NotFound
from federation.fateflow.envelope import Retcode

_SERVING = "online serving is not offered: submit a predict job with the deployed version"
_PARTYS_OWN = "what a party allows is the policy of its own agent: see `party-agent grant` there"
_KEYS = "keys of parties are told when their agents join: see `coordinator invite`"
_AT_THE_PARTY = "models stay at the parties that trained them; they are not moved or rebuilt here"
_NO_CHECKPOINTS = "no checkpoints are kept: a model is stored once, when its component has ended"
_CSV_ONLY = "parties store tables that were uploaded as CSV: use data/upload"
_SERVER_FILES = (
    "no files are written on the server: fetch tracking/component/output/data/download or "
    "table/download"
)
_ONE_PROVIDER = "components come with the parties' agents; none can be registered"

REFUSED = {
    "component/hetero/merge": _AT_THE_PARTY,
    "component/woe_array/extract": _AT_THE_PARTY,
    "component/woe_array/merge": _AT_THE_PARTY,
    "checkpoint/get": _NO_CHECKPOINTS,
    "checkpoint/list": _NO_CHECKPOINTS,
    "data/download": _SERVER_FILES,
    "data/writer": _CSV_ONLY,
    "info/eggroll": "there is no Eggroll: parties compute in processes of their agents",
    "info/fateboard": "there is no FATEBoard; jobs are followed with flow-client",
    "job/log/path": "logs stay with the parties: fetch job/log/download",
    "key/public/delete": _KEYS,
    "key/public/save": _KEYS,
    "model/archive/packaging": _AT_THE_PARTY,
    "model/export": _AT_THE_PARTY,
    "model/homo/convert": _AT_THE_PARTY,
    "model/homo/deploy": _SERVING,
    "model/import": _AT_THE_PARTY,
    "model/migrate": _AT_THE_PARTY,
    "model/restore": _AT_THE_PARTY,
    "model/store": _AT_THE_PARTY,
    "permission/delete": _PARTYS_OWN,
    "permission/delete/privilege": _PARTYS_OWN,
    "permission/grant": _PARTYS_OWN,
    "permission/grant/privilege": _PARTYS_OWN,
    "permission/query": _PARTYS_OWN,
    "permission/query/privilege": _PARTYS_OWN,
    "provider/register": _ONE_PROVIDER,
    "provider/registry/get": _ONE_PROVIDER,
    "provider/update": _ONE_PROVIDER,
    "server/reload": "settings are read once, when the coordinator starts",
    "service/query": "there is no registry of services",
    "service/registry": "there is no registry of services",
    "table/add": _CSV_ONLY,
    "table/bind": _CSV_ONLY,
    "table/connector/create": _CSV_ONLY,
    "table/connector/query": _CSV_ONLY,
    "table/disable": "tables can not be disabled; delete them, or let the party's policy refuse",
    "table/disable/delete": "tables can not be disabled; use table/delete",
    "table/enable": "tables can not be disabled, and so not enabled",
    "table/schema/update": "a stored table does not change; upload it again with drop=1",
    "table/tracking/job": "which jobs read a table is told by job/query and tracking/job/data_view",
    "table/tracking/source": "what a table was made from is told by table/list of its job",
    "template/download": "examples come with the software, in its folder `examples`",
}
"""Path -> why not, and what to do instead."""


FILES = frozenset({"model/export", "template/download"})
"""What a client would write to its disk, were it offered."""


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
    Route(
        path,
        _refusing(sentence),
        f"Not offered: {sentence}",
        gives="application/octet-stream" if path in FILES else "application/json",
    )
    for path, sentence in REFUSED.items()
)
