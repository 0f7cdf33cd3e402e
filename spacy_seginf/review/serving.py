"""HTTP by waitress: one thread receives requests, a few answer them, within limits of time and number."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator, Optional

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

THREADS = 8  # that answer; slow requests hold none
CONNECTIONS = 400  # at once; for a further one, that is closed which has been idle for longest
IDLE, REQUEST = 15, 30  # seconds: without a byte, and for a whole request
LARGEST_HEADER = 1 << 16  # bytes
REST = 1.0  # seconds without accepting when the process can open no more files

logging.getLogger("waitress").setLevel(logging.ERROR)  # its warnings are of floods, and would be one


def _most_connections() -> int:
    """Leave files to open for what is answered."""
    try:
        import resource
    except ImportError:  # Windows
        return CONNECTIONS
    return min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


class Parser(HTTPRequestParser):
    """A request, in whose head no browser writes a tab."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; see ``HTTPRequestParser``. RAISES (ParsingError): if it can't be read."""
        if b"\t" in header_plus:
            raise ParsingError("Tabs")
        super().parse_header(header_plus)


class Channel(HTTPChannel):
    """A connection, which is closed if a request trickles in for too long."""

    parser_class = Parser
    began = 0.0

    def received(self, data: bytes) -> bool:
        """Take bytes of a request; see ``HTTPChannel``."""
        if self.request is None:
            self.began = time.monotonic()
        elif time.monotonic() - self.began > REQUEST:
            self.will_close = True
            return False
        return bool(super().received(data))


class Server(TcpWSGIServer):
    """Serves an application on a socket that listens.

    app: for WSGI. listening (socket). largest (int): bytes of a request's body.
    """

    channel_class = Channel
    interrupted = False

    def __init__(self, app: Any, listening: socket.socket, largest: int) -> None:
        limits = Adjustments(
            sockets=[listening],
            connection_limit=CONNECTIONS + 10,  # makes room before it is reached
            channel_timeout=IDLE,
            cleanup_interval=5,
            max_request_body_size=largest,
            max_request_header_size=LARGEST_HEADER,
            asyncore_use_poll=True,
            ident=None,
        )
        place = (listening.family, listening.type, listening.proto, listening.getsockname())
        self._rests_until = 0.0
        threads = ThreadedTaskDispatcher()
        super().__init__(app, {}, _sock=listening, dispatcher=threads, adj=limits, sockinfo=place, bind_socket=False)

    def run(self) -> None:
        """Answer until all connections are closed, or SIGINT or SIGTERM comes."""
        self.task_dispatcher.set_thread_count(THREADS)
        with self._ended_by_signals():
            super().run()

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        def end(*_: object) -> None:
            self.interrupted = True  # where Python calls back while it frees objects, what is raised is lost
            raise KeyboardInterrupt

        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # which alone hears of signals
            handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            before = {number: one for number, one in handlers.items() if one not in (signal.SIG_IGN, None)}
        for number in before:
            signal.signal(number, end)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def accept(self) -> Optional[Any]:
        """Accept a connection; None if that is not possible now."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            if not self._drop_idle():
                self._rests_until = time.monotonic() + REST
            return None

    def readable(self) -> bool:
        """Tell whether to accept connections; asked in each round. RAISES (KeyboardInterrupt): after a signal."""
        if self.interrupted:
            raise KeyboardInterrupt
        if len(self.active_channels) >= _most_connections():
            self._drop_idle()
        return bool(super().readable()) and time.monotonic() >= self._rests_until

    def close_all(self) -> None:
        """Close all connections, which ends ``run``."""
        wasyncore.close_all(self._map, ignore_all=True)

    def _drop_idle(self) -> bool:
        waiting = [one for one in self.active_channels.values() if not one.requests and not one.total_outbufs_len]
        idle = [one for one in waiting if not one.will_close]
        if idle:
            # Not closed at once: a new connection could get its number, and what has just happened to the old one.
            min(idle, key=lambda channel: channel.last_activity).will_close = True
        return bool(idle)
