"""A review server and a pipeline that explain and answer for a while: no memory, file or thread is gained, no answer
changes, no confirmed decision is lost."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from spacy_seginf.curation.records import read_decisions, read_ranking
from spacy_seginf.curation.references import References
from spacy_seginf.explanation.display import render_document
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.page import render_page
from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review

from .cases import answers
from .kills import Child
from .materials import TEXTS, Materials

REFUSED = ("token", "host", "nonsense", "half", "large")
POSTING = 3  # threads that ask
DECISIONS = 1500  # new ones; each stays in memory
MEMORY = 16 << 20  # bytes more than after the beginning
FILES, THREADS = 12, 2  # more than then
ENDED = "ended"  # a file: enough was explained
BEGINNING = 0.35  # share of the time in which caches fill


@dataclass
class Usage:
    """What a process held when it was looked at: bytes, open files, threads."""

    seen: list[tuple[float, int, int, int]] = field(default_factory=list)

    def look(self, process: int, when: float) -> None:
        """Look once. when (float): share of the time that is over."""
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        files, threads = (sum(1 for _ in Path(f"/proc/{process}/{name}").iterdir()) for name in ("fd", "task"))
        self.seen.append((when, pages * os.sysconf("SC_PAGE_SIZE"), files, threads))

    def growth(self) -> dict[str, int]:
        """Return how much more was held in the last part than at most before the middle."""
        middle = (1 + BEGINNING) / 2
        early = [one[1:] for one in self.seen if BEGINNING <= one[0] < middle] or [self.seen[0][1:]]
        late = [one[1:] for one in self.seen if one[0] >= (1 + middle) / 2] or [self.seen[-1][1:]]
        names = ("memory", "files", "threads")
        return {name: min(a) - max(b) for name, a, b in zip(names, zip(*late), zip(*early))}


def soak(made: Materials, room: Path, seed: int, seconds: float) -> dict[str, Any]:
    """Ask both for so many seconds; return what was asked, and what did not hold."""
    room.mkdir(parents=True, exist_ok=True)
    path, ended, faults = room / "decisions.jsonl", threading.Event(), list[str]()
    reading, writing = os.pipe()

    def serve() -> None:
        references = References(load_indexed(str(made.indexed))[1].explainer().index)
        server = ReviewServer(Review(read_ranking(made.ranking), path, "eve", references.of))
        os.write(writing, server.address.encode() + b"\n")
        server.serve()

    server = Child(serve)
    told_reading, told_writing = os.pipe()
    explainer = Child(lambda: _explain(made, room, seed, told_writing))
    os.close(writing)
    os.close(told_writing)
    with os.fdopen(reading) as pipe:
        address = pipe.readline().strip()
    told = os.fdopen(told_reading)
    ready = told.readline()
    began = time.monotonic()
    asking = [_Asking(address, made, Random(f"{seed} soak {number}"), faults) for number in range(POSTING)]
    threads = [threading.Thread(target=one.run, args=(ended,)) for one in asking]
    for thread in threads:
        thread.start()
    usage, own = Usage(), Usage()
    while ready and time.monotonic() - began < seconds:
        share = (time.monotonic() - began) / seconds
        usage.look(server.process, share)
        own.look(explainer.process, share)
        time.sleep(0.2)
    ended.set()
    (room / ENDED).touch()
    for thread in threads:
        thread.join()
    with told:
        explained = json.loads((ready and told.read()) or '{"faults": ["the pipeline ended"], "documents": 0}')
    explainer.wait()
    server.wait(0.01, 2)
    confirmed = sum((one.confirmed for one in asking), Counter[tuple[str, str]]())
    there = Counter((one.issue, one.choice) for one in read_decisions(path)) if path.exists() else Counter()
    lost = (confirmed - there).total()
    growth = {"server": usage.growth(), "pipeline": own.growth()}
    for name, grown in growth.items():
        for what, most in (("memory", MEMORY), ("files", FILES), ("threads", THREADS)):
            if grown[what] > most:
                faults.append(f"{name} gained {grown[what]} ({what})")
    requests = sum((one.asked for one in asking), Counter[str]())
    faults += explained["faults"]
    return {
        **{"seconds": round(time.monotonic() - began), "requests": requests.total(), "by_kind": dict(requests)},
        **{"documents": explained["documents"], "confirmed": confirmed.total(), "lost": lost, "growth": growth},
        **{"faults": len(set(faults)), "examples": sorted(set(faults))[:10]},
    }


def _explain(made: Materials, room: Path, seed: int, telling: int) -> None:
    """Explain, show, store and load documents in turns; each answer is that of the first time."""
    nlp, influence = load_indexed(str(made.indexed))
    influence.top_k, influence.explained = 3, "entities"
    rng, faults, documents, expected = Random(f"{seed} soak"), set[str](), 0, answers(nlp)
    texts = [*TEXTS, *(f"{one[:-1]}and {other}" for one in TEXTS for other in TEXTS)]
    shown: dict[str, str] = {}
    os.write(telling, b"ready\n")
    while not (room / ENDED).exists():
        what = rng.choice(["answers", "pipe", "page", "stored", "why", "broken"])
        if what == "answers":
            if answers(nlp) != expected:
                faults.add("another answer")
        elif what == "broken":
            try:
                influence.load_index(room / "none")
            except ValueError:
                influence.load_index(made.index)
        else:
            for doc in nlp.pipe(rng.choices(texts, k=4), batch_size=rng.choice([1, 3])):
                documents += 1
                if what == "stored":
                    doc = type(doc)(nlp.vocab).from_bytes(doc.to_bytes())
                if what == "why" and doc.ents:
                    influence.explain(doc, doc.ents[0], "ORG")
                    influence.best_changes(doc, doc.ents[0], "LOC")
                explained = [ent._.influencers for ent in doc.ents]
                page = str(render_document(doc, jupyter=False)) + render_page(doc, explained)
                if (first := shown.setdefault(doc.text, page)) != page:
                    faults.add(f"another page ({what}): {_difference(first, page)}")
    os.write(telling, json.dumps({"faults": sorted(faults), "documents": documents}).encode())


def _difference(first: str, then: str) -> str:
    """Show two pages from a little before the first character that differs."""
    same = next((place for place, (a, b) in enumerate(zip(first, then)) if a != b), min(len(first), len(then)))
    start = max(0, same - 60)
    return f"{first[start : start + 120]!r} became {then[start : start + 120]!r}"


class _Asking:
    """Sends requests of all kinds to a server."""

    def __init__(self, address: str, made: Materials, rng: Random, faults: list[str]) -> None:
        self.host, _, token = address.removeprefix("http://").partition("/")
        self.base, self.rng, self.faults = f"/{token}", rng, faults
        self.issues = read_ranking(made.ranking).issues
        self.confirmed, self.asked = Counter[tuple[str, str]](), Counter[str]()
        self._answers: dict[str, Any] = {}

    def run(self, ended: threading.Event) -> None:
        """Ask until it has ended."""
        kinds = ["page", "items", "item", "item", "news", "decide", "decide", *REFUSED]
        while not ended.is_set():
            kind = self.rng.choice(kinds)
            try:
                getattr(self, f"_{kind}")()
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.faults.append(f"{kind}: {type(error).__name__} {str(error)[:80]}")
            self.asked[kind] += 1

    def _get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self._send("GET", path, None, headers)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _expect(self, kind: str, status: int, wanted: int) -> None:
        if status != wanted:
            self.faults.append(f"{kind}: status {status}")

    def _page(self) -> None:
        status, content = self._get(self.base)
        self._expect("page", status, 200)
        if b"</html>" not in content:
            self.faults.append("half a page")

    def _always_the_same(self, path: str) -> None:
        status, content = self._get(self.base + path)
        self._expect(path, status, 200)
        if self._answers.setdefault(path, content) != content:
            self.faults.append(f"another answer of {path}")

    def _items(self) -> None:
        self._always_the_same("items")

    def _item(self) -> None:
        self._always_the_same(f"items/{self.rng.randrange(len(self.issues))}")

    def _news(self) -> None:
        status, content = self._get(f"{self.base}decisions?since={self.rng.choice(['0', '5', '-1', 'x', '999999'])}")
        self._expect("news", status, 200)
        json.loads(content)

    def _decide(self) -> None:
        one = self.rng.choice(self.issues)
        often = self.confirmed.total() < DECISIONS // POSTING
        choice = self.rng.choice(["accept", "keep", "skip"]) if often else "keep"
        body = json.dumps([{"issue": one.id, "choice": choice}])
        status, content = self._send("POST", f"{self.base}decisions", body, {"Content-Type": "application/json"})
        self._expect("decide", status, 200)
        if json.loads(content)["changes"]:
            self.confirmed[one.id, choice] += 1

    def _token(self) -> None:
        self._expect("token", self._get("/wrong/items")[0], 403)

    def _host(self) -> None:
        self._expect("host", self._get(f"{self.base}items", Host="elsewhere.example")[0], 403)

    def _nonsense(self) -> None:
        body = self.rng.choice(["[", "{}", "[[[]]]", "[]", '[{"issue": 1}]', "[" * 5000])
        status, _ = self._send("POST", f"{self.base}decisions", body, {"Content-Type": "application/json"})
        self._expect("nonsense", status, 400)

    def _half(self) -> None:
        host, _, port = self.host.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 99\r\n"[: self.rng.randrange(40)])

    def _large(self) -> None:
        self._expect("large", self._get(f"/{'x' * 9000}/items")[0], 403)
