"""The server under slow, huge and too many requests, beside another server, and when it is told to end."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import read_decisions, write_ranking
from spacy_seginf.review import serving
from spacy_seginf.review.app import LARGEST
from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review

from .making import small_ranking


def ask(server, path="", said=None, **headers):
    port = int(server.address.split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    token = server.address.rstrip("/").rpartition("/")[2]
    body = None if said is None else json.dumps(said)
    kind = {} if said is None else {"Content-Type": "application/json"}
    connection.request("GET" if said is None else "POST", f"/{token}/{path}", body, {**kind, **headers})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if answer.headers.get_content_type().endswith("json") else content


def begin(server, content=b"GET / HTTP/1.1\r\nHost: x"):
    connection = socket.create_connection(("127.0.0.1", int(server.address.split(":")[2].split("/")[0])), timeout=20)
    connection.sendall(content)
    return connection


def test_half_requests_hold_no_threads(serve, monkeypatch):
    monkeypatch.setattr(serving, "CONNECTIONS", 60)
    server, _ = serve(small_ranking())
    before = threading.active_count()
    held = [begin(server) for _ in range(200)]
    assert ask(server, "items")[0] == 200
    assert threading.active_count() <= before + serving.THREADS
    assert ask(server, "items/0")[0] == 200
    for connection in held:
        connection.close()


@pytest.mark.parametrize("trickling", [False, True])
def test_slow_requests_are_cut(serve, monkeypatch, trickling):
    monkeypatch.setattr(serving, "IDLE", 30 if trickling else 1)
    monkeypatch.setattr(serving, "REQUEST", 1)
    server, _ = serve(small_ranking())
    connection = begin(server)
    with pytest.raises(OSError) if trickling else pytest.raises(StopIteration):
        while True:
            if trickling:
                time.sleep(0.05)
                connection.sendall(b"x")  # until the other side has closed
            elif not connection.recv(1):
                raise StopIteration


def test_too_large_a_body_is_refused(serve):
    server, path = serve(small_ranking())
    length = f"Content-Length: {LARGEST + 1}\r\n\r\n".encode()
    assert b" 413 " in begin(server, b"POST / HTTP/1.1\r\nHost: x\r\n" + length).recv(100)
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * (serving.LARGEST_HEADER + 1) + b"\r\n\r\n"
    assert b" 431 " in begin(server, head).recv(100)
    assert ask(server, "items")[0] == 200 and not path.exists()


def test_a_host_with_a_tab(serve):
    server, _ = serve(small_ranking())
    host = server.address.split("/")[2]
    assert ask(server, "items", Host=host)[0] == 200
    assert ask(server, "items", Host=host + "\t")[0] == 400


def test_two_servers_on_one_file_hear_each_other(serve):
    ranking = small_ranking()
    one, path = serve(ranking)
    other, _ = serve(replace(ranking, labels=(*ranking.labels, "GPE")))
    first, second = ranking.issues[:2]
    ask(one, "decisions", [{"issue": first.id, "choice": "keep"}])
    news = ask(other, "decisions?since=0")[1]
    assert [(change["number"], change["choice"]) for change in news["changes"]] == [(0, "keep")] and news[
        "labels"
    ] == []
    entity = {"start": second.start, "end": second.end, "label": "GPE"}
    ask(other, "decisions", [{"issue": second.id, "choice": "label", "entities": [entity]}])
    ask(other, "decisions", [{"issue": first.id, "choice": "undo"}])
    news = ask(one, "decisions?since=1")[1]
    assert [(change["number"], change["choice"]) for change in news["changes"]] == [(1, "label"), (0, "")]
    (label,) = news["labels"]
    assert label == [news["changes"][0]["entities"][0][2], {"label": "GPE", "shown": "GPE"}]
    assert [one.choice for one in read_decisions(path)] == ["keep", "label", "undo"]
    assert read_decisions(path)[1].entities == (Entity(second.start, second.end, "GPE"),)


def test_what_was_confirmed_is_written_again_at_the_end(serve):
    ranking = small_ranking()
    server, path = serve(ranking)
    said = [{"issue": one.id, "choice": "keep"} for one in ranking.issues[:3]]
    assert ask(server, "decisions", said)[0] == 200
    path.unlink()
    assert ask(server, "decisions", said) == (200, {"changes": []})
    assert len(read_decisions(path)) == 3, "it was asked again, and is there again"
    path.unlink()
    server.stop()
    while not path.exists():
        time.sleep(0.01)
    assert [one.issue for one in read_decisions(path)] == [one.id for one in ranking.issues[:3]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_tells_its_address_to_a_pipe_and_ends_cleanly(tmp_path, number):
    (tmp_path / "indexed").mkdir()
    write_ranking(tmp_path / "issues.jsonl", small_ranking())
    command = [sys.executable, "-m", "spacy", "seginf", "review", "indexed", "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert running.stdout is not None
    printed = []
    for line in running.stdout:
        printed.append(line)
        if re.search(r"http://127\.0\.0\.1:\d+/\S{32}/", line):
            break
    time.sleep(0.5)  # until it serves
    running.send_signal(number)
    rest = running.stdout.read()
    assert running.wait() == 0 and "decisions saved" in rest and "Traceback" not in rest


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_python_swallows_ends_the_server(tmp_path, monkeypatch):
    class Freed:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass  # the handler runs in here, where nothing can be raised

    server = ReviewServer(Review(small_ranking(), tmp_path / "decisions.jsonl", "eve"))
    asked = []
    readable = server._server.readable

    def once():
        asked.append(Freed() if not asked else None)
        asked[0] = None
        return readable()

    monkeypatch.setattr(server._server, "readable", once)
    # What a shell starts in the background ignores Ctrl-C, and so does the server there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server.serve()
        assert 1 <= len(asked) <= 3 and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
