"""A wire tap: passes TCP bytes on to a server, and keeps a copy of them."""

import socket
import threading
from pathlib import Path


class Tap:
    """Listens on a free port; what goes either way is appended to `record`.

    Frames from a websocket client are masked (RFC 6455), those to a client are not: a relayed
    letter can be read on its second leg.
    """

    def __init__(self, server_port: int, record: Path) -> None:
        self._server_port = server_port
        self._record = record.open("ab", buffering=0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:  # the server is gone; its agents dial again
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while block := source.recv(1 << 16):
                self._record.write(block)
                sink.sendall(block)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()
