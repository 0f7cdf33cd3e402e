"""Operations that are killed at random moments, and what has to be there afterwards."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.api.check import check_index as check
from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.rank import find_label_issues as rank
from spacy_seginf.curation.records import read_decisions, read_ranking
from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review
from tests.torture.dying import Countdown, content_of

from .materials import Materials

DOCUMENTS = 12
FINISHED, KILLED, INTERRUPTED = "finished", "killed", "interrupted"
MOMENTS = ("time", "time", "time", "change", "torn")  # what kills are drawn from
POSTING = 3  # threads that send decisions
ROUNDS = 20  # kills of servers on one file of decisions


@dataclass
class Tally:
    """What happened. kills (int), lost (int): results or decisions that were gone, unreadable or others."""

    kills: int = 0
    lost: int = 0
    found: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def lose(self, what: str) -> None:
        """Count a loss."""
        self.lost += 1
        self.examples.append(what)

    def record(self) -> dict[str, Any]:
        """Return plain values."""
        return {"kills": self.kills, "lost": self.lost, "found": dict(self.found), "examples": self.examples[:10]}


class Child:
    """A forked process that does something. prepare (callable): called in it first."""

    def __init__(self, work: Callable[[], Any], prepare: Callable[[], Any] = lambda: None) -> None:
        self.process = os.fork()
        if self.process == 0:
            code, printed = 3, os.dup(2)
            try:
                silence()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells ignore in the background
                signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup ignores
                prepare()
                work()
                code = 0
            except KeyboardInterrupt:
                code = 4
            except BaseException:
                os.write(printed, traceback.format_exc().encode())
            finally:
                os._exit(code)

    def wait(self, seconds: float = 0.0, number: int = 0) -> str:
        """Return how it ended: FINISHED, KILLED, INTERRUPTED or "failed".

        seconds (float), number (int): which signal is sent after which time; none if 0.
        """
        if number:
            time.sleep(seconds)
            os.kill(self.process, number)
        status = os.waitpid(self.process, 0)[1]
        if os.WIFSIGNALED(status):
            return KILLED
        code = os.WEXITSTATUS(status)
        return {0: FINISHED, 4: INTERRUPTED}.get(code, "failed")


def silence() -> None:
    """Send what this process prints to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


@dataclass
class Operation:
    """A command and the states between which it leads.

    room (Path): an empty folder for each time. output (str): begins the names of its files. prepare (callable): makes
    the state before. run (callable): the command. first (str): a file that may be there before the output is.
    """

    room: Path
    output: str
    prepare: Callable[[], Any]
    run: Callable[[], Any]
    first: str = ""
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0
    changes: int = 0

    def measure(self) -> None:
        """Run it uninterrupted, to know its result, its time, and its changes of the file system."""
        self.clear()
        self.before = self.state()
        began = time.monotonic()
        assert Child(self.run).wait() == FINISHED, "it fails without a kill"
        self.seconds, self.after = time.monotonic() - began, self.state()
        self.clear()
        reading, writing = os.pipe()
        counter, write = Countdown(10**9), os.write

        def count() -> None:
            self.run()
            write(writing, str(10**9 - counter.left).encode())

        assert Child(count, counter.wrap).wait() == FINISHED
        self.changes = int(os.read(reading, 20))
        os.close(reading)
        os.close(writing)
        assert self.state() == self.after, "two uninterrupted runs differ"

    def clear(self) -> None:
        """Make the state before."""
        shutil.rmtree(self.room, ignore_errors=True)
        self.room.mkdir(parents=True)
        self.prepare()

    def state(self) -> dict[str, bytes]:
        """Read the output: all files whose names begin like it."""
        return {name: data for name, data in content_of(self.room).items() if name.startswith(self.output)}

    def left(self) -> list[str]:
        """Name what lies in the room beside the output."""
        return sorted(path.name for path in self.room.iterdir() if not path.name.startswith(self.output))

    def kill(self, rng: random.Random, tally: Tally, number: int = signal.SIGKILL) -> None:
        """Kill it once, look, and run it again."""
        self.clear()
        kind = rng.choice(MOMENTS) if number == signal.SIGKILL else "time"
        if kind == "time":
            moment: float = rng.uniform(0.02, 1.02 * self.seconds)
            ended = Child(self.run).wait(moment, number)
        else:
            moment = rng.randint(1, self.changes)
            ended = Child(self.run, Countdown(int(moment), torn=kind == "torn").wrap).wait()
        tally.kills += ended == KILLED
        where = f"{kind} {moment:.3f}, {ended}"
        found = self.state()
        if found == self.after:
            tally.found["new"] += 1
            return
        if found == self.before or found == {**self.before, self.first: self.after.get(self.first)}:
            tally.found["old"] += 1
            again = Child(self.run).wait()
            if again != FINISHED or self.state() != self.after:
                tally.lose(f"{where}: run again: {again}, {'equal' if self.state() == self.after else 'other'} result")
            elif self.left():
                tally.found["left beside after the second run"] += 1
        else:
            tally.lose(f"{where}: the output is neither the old nor the new one")


def make_operations(made: Materials, room: Path) -> dict[str, Operation]:
    """Make index, append (both with identity and exact curvature), apply and rank, on a few documents."""
    base = room.parent / "base"
    base.mkdir(parents=True, exist_ok=True)
    vocab = spacy.load(made.model).vocab
    docs = list(DocBin().from_disk(made.corpus(".spacy")).get_docs(vocab))[:DOCUMENTS]
    for name, part in (("all", docs), ("first", docs[: DOCUMENTS - 4]), ("more", docs[DOCUMENTS - 4 :])):
        DocBin(docs=part, store_user_data=True).to_disk(base / f"{name}.spacy")
    quick: dict[str, Any] = {"curvature": "identity", "refit": False, "shard_tokens": 30}
    exact: dict[str, Any] = {"curvature": "exact", "l2": 1.0, "shard_tokens": 30}
    model, output = str(made.model), room / "out"
    operations = {}
    for name, settings in (("identity", quick), ("exact", exact)):
        old, first = base / f"old-{name}", base / f"first-{name}"
        index(model, base / "first.spacy", first, **settings)
        index(model, base / "first.spacy", old, **{**settings, "shard_tokens": 70})

        def build(settings: dict[str, Any] = settings) -> None:
            index(model, base / "all.spacy", output, force=True, **settings)

        def grow() -> None:
            append(str(output), base / "more.spacy", output, shard_tokens=20, force=True)

        operations[f"index {name}"] = Operation(room, "out", lambda old=old: shutil.copytree(old, output), build)  # type: ignore[misc]
        operations[f"append {name}"] = Operation(room, "out", lambda old=first: shutil.copytree(old, output), grow)  # type: ignore[misc]
    operations["index new"] = Operation(
        room, "out", lambda: None, lambda: index(model, base / "all.spacy", output, **quick)
    )
    for suffix in (".spacy", ".jsonl"):
        operations[f"apply {suffix}"] = Operation(
            room,
            f"fixed{suffix}",
            lambda: None,
            lambda s=suffix: apply(made.corpus(s), room / f"fixed{s}", [made.decisions]),  # type: ignore[misc]
            first=f"fixed{suffix}.diff",
        )
    operations["rank"] = Operation(
        room,
        "ranked.jsonl",
        lambda: shutil.copyfile(made.ranking, room / "ranked.jsonl"),
        lambda: rank(str(made.indexed), made.corpus(".spacy"), room / "ranked.jsonl", top=20, references=3),
    )
    for operation in operations.values():
        operation.measure()
    for name in ("index identity", "append exact"):
        operations[name].clear()
        assert check(output)
    return operations


def kill_reviews(
    made: Materials, room: Path, seed: int, kills: int, until: float, number_of_signal: int = signal.SIGKILL
) -> Tally:
    """Kill servers of decisions that are sent to them by several threads; a few servers write to each file.

    until (float): time after which no more are killed.
    """
    tally, ranking = Tally(), read_ranking(made.ranking)
    rng, confirmed = random.Random(f"{seed} review {number_of_signal}"), 0
    decisions, said = room / "decisions.jsonl", dict[str, list[str]]()
    for number in range(kills):
        if time.monotonic() > until:
            break
        if number % ROUNDS == 0:
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir(parents=True)
            said.clear()
        reading, writing = os.pipe()

        def serve(writing: int = writing) -> None:
            server = ReviewServer(Review(ranking, decisions, "eve"))
            os.write(writing, server.address.encode() + b"\n")
            server.serve()

        child = Child(serve)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            address = pipe.readline().strip()
        if not address:
            tally.lose(f"kill {number}: no server starts on what was left")
            child.wait()
            break
        ended = threading.Event()
        draws = [random.Random(f"{seed} {number} {poster}") for poster in range(POSTING)]
        parts = [ranking.issues[poster::POSTING] for poster in range(POSTING)]
        posters = [
            threading.Thread(target=_post, args=(address, [one.id for one in part], draw, said, ended))
            for part, draw in zip(parts, draws)
        ]
        for poster in posters:
            poster.start()
        tally.found[child.wait(rng.uniform(0.01, 0.25), number_of_signal)] += 1
        ended.set()
        for poster in posters:
            poster.join()
        tally.kills += number_of_signal == signal.SIGKILL
        confirmed += _judge(decisions, said, tally, number)
    tally.found["confirmed decisions that were looked for"] = confirmed
    return tally


def _post(address: str, ids: list[str], rng: random.Random, said: dict[str, list[str]], ended: threading.Event) -> None:
    """Send decisions until the server is gone, and note what was confirmed."""
    host, _, token = address.removeprefix("http://").partition("/")
    while not ended.is_set():
        batch = [
            {"issue": one, "choice": rng.choice(["accept", "keep", "skip"])}
            for one in rng.sample(ids, min(len(ids), rng.choice([1, 1, 3, 10])))
        ]
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            connection.request("POST", f"/{token}decisions", json.dumps(batch), {"Content-Type": "application/json"})
            if connection.getresponse().status != 200:
                return
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        for one in batch:
            choices = said.setdefault(one["issue"], [])
            if choices[-1:] != [one["choice"]]:  # what is said again is not written again
                choices.append(one["choice"])


def _judge(path: Path, said: dict[str, list[str]], tally: Tally, number: int) -> int:
    """Compare a file with what was confirmed; one more of each issue may have been under way. Those are noted as
    said from then on, as the next server takes them up. Return how many confirmed decisions were looked for."""
    try:
        found = read_decisions(path) if path.exists() else []
    except ValueError as error:
        tally.lose(f"kill {number}: {error}")
        return 0
    written: dict[str, list[str]] = {}
    for one in found:
        written.setdefault(one.issue, []).append(one.choice)
    for issue, choices in said.items():
        there = written.get(issue, [])
        if there[: len(choices)] != choices or len(there) > len(choices) + 1:
            tally.lose(f"kill {number}: of {issue} were confirmed {choices}, and there are {there}")
    said.clear()
    said.update(written)
    return sum(map(len, said.values()))
