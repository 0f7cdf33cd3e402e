"""Servers in threads."""

from __future__ import annotations

import threading

import pytest

from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review


@pytest.fixture
def serve(tmp_path):
    """Return a function that serves a ranking in a thread, and gives the server and the file of its decisions."""
    running = []

    def start(ranking, name="decisions.jsonl", reviewer="ada", **settings):
        path = tmp_path / name
        server = ReviewServer(Review(ranking, path, reviewer, **settings))
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        running.append((server, thread))
        return server, path

    yield start
    for server, thread in running:
        if thread.is_alive():
            server.stop()
            thread.join()
