"""Archives that are joined while they stream."""

import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.fateflow import archive

Client = TestClient[web.Request, web.Application]
Serve = Callable[[Any], Awaitable[Client]]


async def cut(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def joined(blocks: AsyncIterator[bytes]) -> bytes:
    return b"".join([block async for block in blocks])


def tar_of(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def files_of(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        found = {}
        for info in tar:
            file = tar.extractfile(info)
            assert file is not None
            found[info.name] = file.read()
        return found


async def passed(tar: bytes, within: str = "guest/9999", size: int = 7) -> dict[str, bytes]:
    return files_of(await joined(archive.packed(archive.entries(cut(tar, size), within))))


async def test_archives_of_two_parties_become_one() -> None:
    async def both() -> AsyncIterator[bytes]:
        for party in ("guest/9999", "host/10000"):
            tar = tar_of({f"{party}/INFO.log": party.encode() * 500, f"{party}/ERROR.log": b""})
            async for block in archive.entries(cut(tar), party):
                yield block

    assert files_of(await joined(archive.packed(both()))) == {
        "guest/9999/INFO.log": b"guest/9999" * 500,
        "guest/9999/ERROR.log": b"",
        "host/10000/INFO.log": b"host/10000" * 500,
        "host/10000/ERROR.log": b"",
    }


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(
        st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True),
        st.one_of(st.binary(max_size=2000), st.integers(0, 4).map(lambda n: b"\0" * 512 * n)),
        max_size=4,
    ),
    size=st.integers(1, 3000),
)
async def test_every_file_passes_unaltered_however_it_is_cut(
    files: dict[str, bytes], size: int
) -> None:
    expected = {f"guest/1/{name}": content for name, content in files.items()}
    assert await passed(tar_of(files), "guest/1", size) == expected


async def test_names_that_lead_elsewhere_do_not_pass() -> None:
    tar = tar_of(
        {
            "../../etc/passwd": b"x",
            "/etc/passwd": b"x",
            "guest/9999/../../x": b"x",
            "..\\x": b"x",
            "host/10000/INFO.log": b"forged",
            "INFO.log": b"mine",
        }
    )
    assert await passed(tar) == {
        "guest/9999/host/10000/INFO.log": b"forged",
        "guest/9999/INFO.log": b"mine",
    }


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE]
)
async def test_links_folders_and_devices_do_not_pass(kind: bytes) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        info = tarfile.TarInfo("guest/9999/x")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    assert await passed(sink.getvalue()) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", tar_of({"x": b"y" * 3000})[:60], tar_of({"x": b"y" * 30_000})[:-60]],
    ids=["empty", "no gzip", "cut early", "cut late"],
)
async def test_a_broken_archive_is_named(content: bytes) -> None:
    with pytest.raises(archive.BrokenArchive):
        await passed(content)


async def test_gzip_around_something_else_is_named() -> None:
    async def noise() -> AsyncIterator[bytes]:
        yield b"no tar " * 1000

    with pytest.raises(archive.BrokenArchive):
        await passed(await joined(archive.packed(noise())))


async def test_what_was_packed_a_thousandfold_is_unpacked_in_small_blocks() -> None:
    tar = tar_of({"zeros": b"\0" * 20_000_000})
    sizes = [len(block) async for block in archive.entries(cut(tar, len(tar)), "guest/1")]
    assert max(sizes) <= archive.BLOCK_BYTES
    assert sum(sizes) > 20_000_000


async def test_an_error_before_the_first_blocks_can_still_be_answered(
    aiohttp_client: Serve,
) -> None:
    async def fails_at_once() -> AsyncIterator[bytes]:
        yield b"x"
        raise archive.BrokenArchive("why")

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return await archive.attached(request, "x.tar.gz", fails_at_once())
        except archive.BrokenArchive as error:
            return web.json_response({"retmsg": error.message})

    app = web.Application()
    app.router.add_get("/", handler)
    answer = await (await (await aiohttp_client(app)).get("/")).json()
    assert "broken archive: why" in answer["retmsg"]


async def test_an_error_later_on_breaks_the_body_off(aiohttp_client: Serve) -> None:
    async def fails_late() -> AsyncIterator[bytes]:
        yield b"x" * 200_000
        raise archive.BrokenArchive("why")

    async def handler(request: web.Request) -> web.StreamResponse:
        return await archive.attached(request, "x.tar.gz", fails_late())

    app = web.Application()
    app.router.add_get("/", handler)
    response = await (await aiohttp_client(app)).get("/")
    with pytest.raises(ClientPayloadError):
        await response.read()
