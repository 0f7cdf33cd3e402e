"""Serving the page on this machine, and to nobody else."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ..errors import Errors, SeginfError
from ..extras import with_extra
from ..inputs import check_kind
from .app import LARGEST, Actions, make_app
from .state import Review

HOST = "127.0.0.1"


class ReviewServer:
    """A server that has its port and is ready to answer. ``serve`` answers until it is stopped.

    review (Review): what is reviewed. port (int): 0 takes a free one. actions: see ``make_app``.
    RAISES (ValueError): S180 if flask or waitress is not installed, S184 if the port can't be used.
    """

    def __init__(self, review: Review, port: int = 0, actions: Actions = {}) -> None:  # noqa: B006
        token = secrets.token_urlsafe(24)
        self._review = review
        self._socket = _listen(port)
        port = self._socket.getsockname()[1]
        try:
            app = make_app(review, token=token, port=port, actions=actions)
            self._server = _server_class()(app, self._socket, LARGEST)
        except BaseException:
            self._socket.close()
            raise
        self.address = f"http://{HOST}:{port}/{token}/"

    def serve(self) -> None:
        """Answer requests until ``stop`` is called or the process is interrupted.

        RAISES (ValueError): S171 if the file of decisions was taken away, and can't be written again.
        """
        try:
            self._server.run()
        finally:
            self.close()
            self._review.close()

    def close(self) -> None:
        """Give the port back, after what is being answered."""
        self._server.task_dispatcher.shutdown()
        self._server.close_all()
        self._socket.close()

    def stop(self) -> None:
        """End ``serve``, from another thread."""
        with suppress(OSError):  # it has ended already
            self._server.trigger.pull_trigger(self._server.close_all)


def check_port(port: int) -> None:
    """See whether a page can be served, before anything is read for it.

    RAISES (ValueError): S180 if flask or waitress is not installed, S184 if the port can't be used.
    """
    _server_class()
    _listen(port).close()


def _server_class() -> Any:
    try:
        from .serving import Server
    except ImportError:
        raise SeginfError(Errors.S180.format(package=with_extra("review"))) from None
    return Server


def check_writable(path: Path) -> None:
    """Make sure that decisions can be saved, and change no file. RAISES (ValueError): S183 if they can't, S224 if there
    is no file, but something else."""
    try:
        if path.exists():
            check_kind(path, folders=True)  # which can't be opened
            path.open("ab").close()
        folder = path.resolve().parent
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()  # where a lock will be
    except (OSError, RuntimeError) as error:  # links in a circle
        raise SeginfError(Errors.S183.format(path=path, problem=getattr(error, "strerror", None) or error)) from None


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # on Windows others could listen on the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        problem = getattr(error, "strerror", None) or error
        raise SeginfError(Errors.S184.format(port=port, problem=problem)) from None
    return listening
