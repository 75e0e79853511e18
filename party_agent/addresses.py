"""A host and a port, as an owner writes them: `10.0.0.5:9381`, `agent.example:9381`, `[::1]:0`."""

import asyncio
import socket
from dataclasses import dataclass
from typing import Self

from federation.errors import AddressTaken, MalformedMessage

_MOST_CHARACTERS = 260
_PORTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address of a text.

        Raises:
            MalformedMessage: it is not a host and a port.
        """
        host, colon, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        fits = (
            colon and bare and len(text) <= _MOST_CHARACTERS and (":" not in host or bare != host)
        )
        if not fits or not (port.isascii() and port.isdigit()) or int(port) >= _PORTS:
            raise MalformedMessage("an address is host:port, an IPv6 host in brackets")
        return cls(bare, int(port))

    def __str__(self) -> str:
        """The address as it was written."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def bind(self) -> socket.socket:
        """A socket that listens here.

        Raises:
            AddressTaken: it can not be had.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            server = socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            why = error.strerror or "it failed"
            raise AddressTaken(self.host, self.port, why) from None
        server.setblocking(False)
        return server

    async def connect(self) -> socket.socket:
        """A connection to here.

        Raises:
            OSError: nobody answers.
        """
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.host else 0
        found = await loop.getaddrinfo(self.host, self.port, family=family, type=socket.SOCK_STREAM)
        kind, type_, protocol, _, at = found[0]
        end = socket.socket(kind, type_, protocol)
        end.setblocking(False)
        try:
            await loop.sock_connect(end, at)
        except BaseException:
            end.close()
            raise
        return end
