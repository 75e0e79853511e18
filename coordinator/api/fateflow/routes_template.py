"""`/v1/template/download` and `/v1/job/log/path`: examples to start from, and where logs are."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.keys import JOBS
from federation.errors import NotFound
from federation.fateflow import archive
from federation.fateflow.envelope import reply
from federation.fateflow.reading import flag_of, read_body, text_of
from federation.fateflow.seats import party_of, role_of

FOLDERS = (
    Path(__file__).parents[2] / "examples",
    Path(__file__).parents[3] / "examples",
)
"""Where examples are: with an installed package, or beside the source."""
DATA = ".csv"
KINDS = frozenset({".json", ".md", ".toml"})


class NoExamples(NotFound):
    """This installation brings no examples."""

    code = "no_examples"

    def __init__(self) -> None:
        super().__init__("this installation brings no examples: they come with the source")


async def template(request: web.Request) -> web.StreamResponse:
    """Examples of DSL and conf as tar.gz; with the data they use where `min_data` is set."""
    data = flag_of(await read_body(request), "min_data", default=True)
    folder = next((each for each in FOLDERS if each.is_dir()), None)
    if folder is None:
        raise NoExamples
    kinds = KINDS | ({DATA} if data else set())
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in kinds and path.is_file()]
    return await archive.attached(
        request, "template.tar.gz", archive.packed(_entries(folder, files))
    )


async def log_path(request: web.Request) -> web.Response:
    """Where a job's logs are: with their parties, each below the home of its agent."""
    body = await read_body(request)
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    role, party_id = role_of(body), party_of(body)
    seat = next(
        (s for s in job.seats if role in (None, s.role) and party_id in (None, s.party_id)),
        job.initiator,
    )
    where = f"logs/{job.job_id}/{seat.role.value}/{seat.party_id}"
    return reply({"logs_directory": where, "party_id": seat.party_id})


async def _entries(folder: Path, files: list[Path]) -> AsyncIterator[bytes]:
    for path in files:
        name = str(Path("examples") / path.relative_to(folder))
        yield archive.entry(name, path.read_bytes())


ROUTES = (
    Route(
        "template/download",
        template,
        "Examples as tar.gz",
        {"min_data": "flag"},
        gives="application/octet-stream",
    ),
    Route("job/log/path", log_path, "Where a job's logs are", {"job_id*": "text"}),
)
