"""Files of decisions that others damage, and servers that go on appending to them: nothing confirmed may be lost."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from random import Random

from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.issues import Ranking
from spacy_seginf.curation.records import Decision, decision_line, read_decisions
from spacy_seginf.errors import SeginfError
from spacy_seginf.review.decide import Answer, decide
from spacy_seginf.review.state import Review

from .cases import Case, Cases, Lost
from .mutations import broken_bytes

REVIEWERS = ("eve", "bob")
STEPS = 12
HARMLESS = ("", "torn", "CR", "CRLF", "BOM", "zeros", "torn zeros", "blank lines", "no line break")
MEANWHILE = ("torn", "CR", "CRLF", "copied", "cut", "removed", "moved", "appended", "restart")
AnswerKey = tuple[str, str, str]


def damaged(content: bytes, kind: str, rng: Random) -> bytes:
    """Do to a file of decisions what crashes and other programs do to it."""
    if kind in ("torn", "torn zeros"):
        last = content.rstrip(b"\r\n").replace(b"\r", b"\n").rfind(b"\n") + 1
        content = content[: rng.randrange(last, len(content) + 1)]
    if kind in ("zeros", "torn zeros"):
        content += bytes(rng.choice([1, 100, 5000]))
    elif kind in ("CR", "CRLF"):
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", {"CR": b"\r"}.get(kind, b"\r\n"))
    elif kind == "BOM":
        content = b"\xef\xbb\xbf" + content.removeprefix(b"\xef\xbb\xbf")
    elif kind == "blank lines":
        content = content.replace(b"\n", b"\n\n", rng.randrange(5)) + b"\n"
    elif kind == "no line break":
        content = content.rstrip(b"\r\n")
    return content


def decision_files(cases: Cases, rng: Random) -> Case:
    """Let one or two servers append to a file that was damaged before, and is again meanwhile."""
    ranking, path = read_once(cases), cases.room / "decisions.jsonl"
    content = cases.made.decisions.read_bytes()
    kind = rng.choice([*HARMLESS, "bytes"])
    content = broken_bytes(content, rng)[1] if kind == "bytes" else damaged(content, kind, rng)
    path.write_bytes(content)
    servers, twins, seed = rng.choice([1, 2]), rng.random() < 0.3, rng.random()
    return f"{kind or 'whole'}, {servers} servers", lambda: _work(ranking, path, servers, twins, Random(seed))


def read_once(cases: Cases) -> Ranking:
    """Return the ranking of the materials."""
    from spacy_seginf.curation.records import read_ranking

    return read_ranking(cases.made.ranking)


def _work(ranking: Ranking, path: Path, servers: int, twins: bool, rng: Random) -> None:
    names = [REVIEWERS[0 if twins else number] for number in range(servers)]
    reviews = [Review(ranking, path, name) for name in names]  # or a coded error, and nobody was told anything
    before = Counter(map(_key, read_decisions(path)))
    confirmed: Counter[AnswerKey] = Counter()
    for _ in range(STEPS):
        number = rng.randrange(servers)
        if rng.random() < 0.25:
            what = rng.choice(MEANWHILE)
            if what == "restart":
                reviews[number].close()
                reviews[number] = Review(ranking, path, names[number])
            else:
                _disturb(path, what, ranking, rng)
            continue
        batch = [
            Answer(one.id, rng.choice(["accept", "keep", "skip"]))
            for one in rng.sample(ranking.issues, rng.choice([1, 1, 3]))
        ]
        try:
            changes = reviews[number].decide(batch)
        except SeginfError:  # was not confirmed
            continue
        confirmed.update((names[number], reviews[number].issues[one["number"]].id, one["choice"]) for one in changes)
    for review in reviews:
        review.close()
    there = Counter(map(_key, read_decisions(path)))
    if twins:  # of one reviewer, who may say the same twice in a second: that is one line
        confirmed = Counter(set(confirmed))
    for what, wanted in (("confirmed", confirmed), ("read before", before)):
        if wanted - there:
            raise Lost(f"{what}, and not in the file")


def _disturb(path: Path, what: str, ranking: Ranking, rng: Random) -> None:
    """Do what no server does."""
    if not path.exists():
        return
    content = path.read_bytes()
    if what == "torn":  # by a writer that was killed
        line = decision_line(decide(ranking, rng.choice(ranking.issues), Answer("", "keep"), "zoe")).encode()
        if content.endswith((b"\n", b"\r")):
            path.write_bytes(content + line[: rng.randrange(1, len(line) - 2)])
    elif what == "appended":
        append_decisions(path, [decide(ranking, rng.choice(ranking.issues), Answer("", "keep"), "zoe")])
    elif what == "copied":
        copy = path.with_name("copy")
        shutil.copyfile(path, copy)
        copy.replace(path)
    elif what == "cut":
        os.truncate(path, rng.randrange(len(content) + 1))
    elif what == "removed":
        path.unlink()
    elif what == "moved":
        path.rename(path.with_name("moved"))
    else:
        path.write_bytes(damaged(content, what, rng))


def _key(decision: Decision) -> AnswerKey:
    return decision.reviewer, decision.issue, decision.choice
