"""Small answers that clients write to disk."""

from aiohttp import web


def attachment(content: bytes, filename: str) -> web.Response:
    """A file of which the client writes the bytes to disk."""
    safe = "".join(c for c in filename if c.isalnum() or c in "._-") or "file"
    return web.Response(
        body=content,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename={safe}"},
    )
