"""Serving the page on this machine, and to nobody else."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Errors
from .app import make_app
from .state import Review

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

HOST = "127.0.0.1"


class ReviewServer:
    """A server that has its port and is ready to answer. ``serve`` answers until it is stopped.

    review (Review): what is reviewed. port (int): 0 takes a free one.
    RAISES (ValueError): S180 if flask is not installed, S184 if the port can't be used.
    """

    def __init__(self, review: Review, port: int = 0) -> None:
        token = secrets.token_urlsafe(24)
        # Bound here, as werkzeug would end the process when the port is in use.
        self._socket = _listen(port)
        port = self._socket.getsockname()[1]
        try:
            self._server = _make_server(self._socket, review, token, port)
        except BaseException:
            self._socket.close()
            raise
        self.address = f"http://{HOST}:{port}/{token}/"

    def serve(self) -> None:
        """Answer requests until ``stop`` is called or the process is interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()
        self._socket.close()

    def stop(self) -> None:
        """End ``serve``, from another thread."""
        self._server.shutdown()


def check_writable(path: Path) -> None:
    """Make sure that decisions can be saved, and leave nothing behind. RAISES (ValueError): S183 if they can't."""
    existed = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise ValueError(Errors.S183.format(path=path, problem=error.strerror or error)) from None


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        problem = getattr(error, "strerror", None) or error
        raise ValueError(Errors.S184.format(port=port, problem=problem)) from None
    return listening


def _make_server(listening: socket.socket, review: Review, token: str, port: int) -> BaseWSGIServer:
    app = make_app(review, token=token, port=port)
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """Addresses hold the secret, so requests are not logged."""

        def log_request(self, *arguments: object) -> None:
            """Say nothing."""

    return make_server(HOST, port, app, threaded=True, request_handler=Quiet, fd=listening.fileno())
