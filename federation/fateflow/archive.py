"""Archives as streams: tar.gz made of files as they come, and of the archives parties send.

Nothing is held but a block. What a party sends is rebuilt entry by entry: only plain files pass,
and only below the seat's own folder, since FATE's clients unpack what they get without a look.
Format: POSIX.1-1988 ustar with GNU long names, in gzip (RFC 1952).
"""

import json
import tarfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

import structlog
from aiohttp import web

from federation.errors import PeerMisbehaved, StaleState

GZIP = 31
"""zlib's word for a gzip header and the largest window."""
LEVEL = 1
"""A seventh of the time of zlib's default, for archives a tenth larger."""
BLOCK_BYTES = 64 * 1024
END = b"\0" * (2 * tarfile.BLOCKSIZE)

log = structlog.get_logger(__name__)


class BrokenArchive(PeerMisbehaved):
    """An archive that a party sends is none, or breaks off."""

    code = "broken_archive"

    def __init__(self, why: str) -> None:
        super().__init__(f"a party sent a broken archive: {why}", why=why)


async def packed(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A tar.gz of tar entries."""
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    async with _closing(content) as blocks:
        async for block in blocks:
            if out := packer.compress(block):
                yield out
    yield packer.compress(END) + packer.flush()


def entry(name: str, content: bytes) -> bytes:
    """A small file as a tar entry."""
    return header(name, len(content)) + content + padding(len(content))


async def table_entries(
    name: str, columns: Sequence[str], read: Callable[[], AsyncIterator[bytes]]
) -> AsyncIterator[bytes]:
    """A table as `<name>.meta` and `<name>.csv`; it is read twice and never held.

    Args:
        read: gives the CSV; once for its size, then for its bytes.

    Raises:
        StaleState: it changed meanwhile.
    """
    yield entry(f"{name}.meta", json.dumps({"header": list(columns)}).encode())
    size = sum([len(block) async for block in read()])
    yield header(f"{name}.csv", size)
    sent = 0
    async for block in read():
        sent += len(block)
        yield block
    if sent != size:
        raise StaleState(f"table {name}")
    yield padding(size)


def header(name: str, size: int, mtime_s: int = 0) -> bytes:
    """What stands before a file of `size` bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, mtime_s
    return info.tobuf(tarfile.GNU_FORMAT)


def padding(size: int) -> bytes:
    """What stands behind a file of `size` bytes."""
    return b"\0" * (-size % tarfile.BLOCKSIZE)


async def entries(archive: AsyncIterator[bytes], within: str) -> AsyncIterator[bytes]:
    """The plain files of a tar.gz as tar entries; without an end mark, so that archives join.

    Args:
        archive: a tar.gz as it comes.
        within: folder that all names are put below, unless they are already.

    Raises:
        BrokenArchive: it is no tar.gz, or breaks off.
    """
    async with _closing(_unpacked(archive)) as blocks:
        source = _Source(blocks)
        while any(first := b"".join([part async for part in source.next(tarfile.BLOCKSIZE)])):
            info = _parsed(first)
            name = _name_within(info.name, within) if info.isreg() else ""
            if name:
                yield header(name, info.size, int(info.mtime))
            async for part in source.next(info.size + len(padding(info.size))):
                if name:
                    yield part


async def attached(
    request: web.Request, filename: str, content: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send bytes as a file, as they come.

    An error before the first 64 KiB is answered like any other. One that comes later ends the
    connection in the middle of the body, so that nobody takes a part for the whole.
    """
    head = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename={filename}",
    }
    async with _closing(content) as blocks:
        start = bytearray()
        async for block in blocks:
            start += block
            if len(start) >= BLOCK_BYTES:
                break
        else:
            return web.Response(body=bytes(start), headers=head)
        response = web.StreamResponse(headers=head)
        await response.prepare(request)
        try:
            await response.write(bytes(start))
            async for block in blocks:
                await response.write(block)
            await response.write_eof()
        except Exception as error:
            log.warning("download broke off", path=request.path, error=str(error))
            if request.transport is not None:
                request.transport.abort()
        return response


class _Source:
    """Bytes to be taken by number, out of blocks as they come."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    async def next(self, count: int) -> AsyncIterator[bytes]:
        """The next `count` bytes.

        Raises:
            BrokenArchive: there are fewer.
        """
        while count:
            if not self._rest:
                try:
                    self._rest = await anext(self._blocks)
                except StopAsyncIteration:
                    raise BrokenArchive("it has no end") from None
            part, self._rest = self._rest[:count], self._rest[count:]
            count -= len(part)
            yield part


async def _unpacked(archive: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What a gzip stream holds, in bounded blocks however well it was packed."""
    unpacker = zlib.decompressobj(wbits=GZIP)
    async with _closing(archive) as blocks:
        async for block in blocks:
            rest = block
            while rest:
                try:
                    yield unpacker.decompress(rest, BLOCK_BYTES)
                except zlib.error as error:
                    raise BrokenArchive(str(error)) from None
                rest = unpacker.unconsumed_tail


def _parsed(block: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError as error:
        raise BrokenArchive(str(error)) from None
    if info.size < 0:
        raise BrokenArchive("a file of less than no bytes")
    return info


def _name_within(name: str, folder: str) -> str:
    """The name below `folder`; empty for a name that leads elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        return ""
    inside = path if path.is_relative_to(folder) else PurePosixPath(folder) / path
    return str(inside)


@asynccontextmanager
async def _closing(blocks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close a generator at once, not when it is collected: a party may be sending into it."""
    try:
        yield blocks
    finally:
        if isinstance(blocks, AsyncGenerator):
            await blocks.aclose()
