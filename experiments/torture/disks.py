"""Disks that are full, limited, broken or read-only: a coded error, the old result, and nothing lost.

Where it may mount one, a small file system in memory is the disk. Everywhere, the size of files is limited, and the
calls of the operating system are refused from the n-th change on.
"""

from __future__ import annotations

import errno
import gc
import os
import random
import resource
import subprocess
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Callable

from spacy_seginf.api.export import export_issues as export
from spacy_seginf.api.scores import score_labels
from spacy_seginf.curation.records import read_decisions, read_ranking
from spacy_seginf.errors import SeginfError
from spacy_seginf.os_errors import os_error_message
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.state import Review
from spacy_seginf.review.static_page import write_static_page
from tests.torture.dying import Countdown

from .kills import Operation, silence
from .materials import Materials

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES)
WRITES = ("write", "fsync", "ftruncate", "mkdir", "link")  # what a full disk refuses
CODES = {0: "finished", 5: "coded"}
MB = 1 << 20


@dataclass
class Disks:
    """What happened. refused (int): operations that the disk kept from their end. lost (int): with another result than
    the old one or the new one, or without a coded error."""

    tried: int = 0
    refused: int = 0
    lost: int = 0
    raw: int = 0
    found: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def fail(self, what: str, *, raw: bool = False) -> None:
        """Count a fault."""
        self.raw, self.lost = self.raw + raw, self.lost + (not raw)
        self.examples.append(what)

    def record(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **{"tried": self.tried, "refused": self.refused, "lost": self.lost, "raw_tracebacks": self.raw},
            **{"found": dict(self.found), "examples": self.examples[:10]},
        }


class Refusal(Countdown):
    """Refuses changes of the file system from the n-th on. number (int): with which error."""

    def __init__(self, changes: int, number: int) -> None:
        super().__init__(changes)
        self.number = number

    def _dying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        space = self.number in (errno.ENOSPC, errno.EDQUOT)

        def change(*arguments: Any, **settings: Any) -> Any:
            if not space or real.__name__ in WRITES:
                self._count(arguments[0])
            return real(*arguments, **settings)

        change.__name__ = real.__name__
        return change

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def open_file(path: Any, flags: int, *arguments: Any, **settings: Any) -> Any:
            if flags & os.O_CREAT:
                self._count(path)
            return real(path, flags, *arguments, **settings)

        return open_file

    def _count(self, place: Any = None) -> None:
        self.left -= 1
        if self.left < 0:  # of an open file the system does not say which
            named = () if isinstance(place, int) else (os.fspath(place),)
            raise OSError(self.number, os.strerror(self.number), *named)


class Disk:
    """A small file system at a folder. RAISES (OSError): if it may not be mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder))

    def limit(self, free: int) -> None:
        """Leave so many bytes."""
        status = os.statvfs(self.folder)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        self._mount("-o", f"remount,rw,size={max(used + free, 1 << 16)}", str(self.folder))

    def read_only(self) -> None:
        """Let nobody write to it. Files that are open for writing there have to be closed before."""
        self._mount("-o", "remount,ro", str(self.folder))

    def free(self) -> None:
        """Let everybody write to it again."""
        self._mount("-o", "remount,rw,size=200m", str(self.folder))

    def unmount(self) -> None:
        """Give it back."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @staticmethod
    def _mount(*arguments: str) -> None:
        try:
            subprocess.run(["mount", *arguments], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            raise OSError(error.stderr.decode()) from None


def run_coded(work: Callable[[], Any], prepare: Callable[[], Any] = lambda: None) -> tuple[str, str]:
    """Run in a forked process, as a command does; return how it ended ("finished", "coded" or "raw") and its words."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code, message, tell = 3, "", os.write
        try:
            silence()
            prepare()
            work()
            code = 0
        except SeginfError as error:
            code, message = 5, str(error)
        except OSError as error:
            message = os_error_message(error)
            code = 3 if "A file or connection" in message else 5  # which file?
            message += traceback.format_exc() if code == 3 else ""
        except BaseException:
            message = traceback.format_exc()
        finally:
            tell(writing, message.encode()[-4000:])
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        message = pipe.read()
    status = os.waitpid(child, 0)[1]
    return CODES.get(os.waitstatus_to_exitcode(status), "raw"), message or f"status {status}"


def make_writers(made: Materials, room: Path) -> dict[str, Operation]:
    """Make the commands that write one file: scores, export, and the page of suspicions."""
    ranking = read_ranking(made.ranking)
    works: dict[str, tuple[str, Callable[[], Any]]] = {
        "scores": ("scores.jsonl", lambda: score_labels(str(made.indexed), top=20, output=room / "scores.jsonl")),
        "page": ("page.html", lambda: write_static_page(room / "page.html", Review(ranking, room / "none", "eve"))),
        "export csv": ("tasks.csv", lambda: _export(made, room / "tasks.csv", "csv")),
        "export argilla": ("tasks.json", lambda: _export(made, room / "tasks.json", "argilla")),
    }
    found = {}
    for name, (output, work) in works.items():
        old = room / output
        found[name] = Operation(room, output, lambda old=old: old.write_bytes(b"old"), work, f"{output}.settings.json")  # type: ignore[misc]
        found[name].measure()
    return found


def _export(made: Materials, path: Path, form: str) -> None:
    export(made.ranking, path, format=form, force=True)


def _nothing() -> None:
    """Prepare nothing."""


def try_disks(operations: dict[str, Operation], disk: Any, seed: int, tries: int, until: Callable[[], bool]) -> Disks:
    """Take the disk away from each operation, so many times. disk (Disk): where their rooms are; None if none is."""
    done = Disks()
    gc.collect()
    for name, operation in operations.items():
        rng = Random(f"{seed} disks {name}")
        for _ in range(tries):
            if until():
                break
            _try(name, operation, disk, rng, done)
    return done


def _try(name: str, operation: Operation, disk: Any, rng: Random, done: Disks) -> None:
    operation.clear()
    way = rng.choice(["refused", "refused", "limited", *(["full", "full", "read-only"] if disk else [])])
    done.tried += 1
    prepare: Callable[[], Any] = _nothing
    largest = max(map(len, operation.after.values()))
    if way == "refused":
        number, moment = rng.choice(REFUSALS), rng.randint(0, operation.changes)
        prepare, note = Refusal(moment, number).wrap, f"{errno.errorcode[number]} after {moment}"
    elif way == "limited":
        size = rng.randrange(largest)
        prepare, note = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)), f"files of {size} bytes"
    elif way == "full":
        size = rng.randrange(1 + 2 * sum(map(len, operation.after.values())))
        disk.limit(size)
        note = f"{size} bytes free"
    else:
        disk.read_only()
        note = "read-only"
    ended, message = run_coded(operation.run, prepare)
    if disk:
        disk.free()
    done.found[f"{way}, {ended}"] += 1
    done.refused += ended == "coded"
    where = f"{name}, {note}"
    found = operation.state()
    if ended == "raw":
        done.fail(f"{where}: {message[-700:]}", raw=True)
    if found == operation.after:
        return
    if ended == "finished":
        done.fail(f"{where}: ended well, with another result")
    elif found not in (operation.before, {**operation.before, operation.first: operation.after.get(operation.first)}):
        done.fail(f"{where}: neither the old result nor the new one: {sorted(found)}")
    else:
        again, message = run_coded(operation.run)
        if again != "finished" or operation.state() != operation.after:
            done.fail(f"{where}: run again: {again}, {message[-300:]}")
        elif operation.left():
            done.fail(f"{where}: left beside: {operation.left()}")


def try_decisions(made: Materials, room: Path, disk: Any, seed: int, tries: int, until: Callable[[], bool]) -> Disks:
    """Let a server append to a file of decisions while the disk is taken away and comes back."""
    done, ranking = Disks(), read_ranking(made.ranking)
    gc.collect()
    for number in range(tries):
        if until():
            break
        rng, path = random.Random(f"{seed} disks decisions {number}"), room / f"decisions-{number}.jsonl"
        room.mkdir(parents=True, exist_ok=True)
        done.tried += 1
        way = rng.choice(["refused", "limited", *(["full", "read-only"] if disk else [])])
        reading, writing = os.pipe()

        def work(path: Path = path, rng: Random = rng, writing: int = writing, way: str = way) -> None:
            review, tell = Review(ranking, path, "eve"), os.write
            refusal = Refusal(10**9, rng.choice(REFUSALS))
            refusal.wrap()
            for step in range(20):
                if step in (5, 12):
                    _take(way, disk, refusal, rng)
                elif step in (9, 16):
                    refusal.left = 10**9
                    if disk:
                        disk.free()
                one, choice = rng.choice(ranking.issues), rng.choice(["accept", "keep"])
                try:
                    told = review.decide([Answer(one.id, choice)])
                except SeginfError as error:
                    assert error.code == "S171", error
                    continue
                if told:
                    tell(writing, f"{one.id}\t{choice}\n".encode())

        ended, message = run_coded(work)
        os.close(writing)
        if disk:
            disk.free()
        with os.fdopen(reading) as pipe:
            confirmed = Counter(line.rstrip("\n") for line in pipe)
        done.found[f"{way}, {ended}"] += 1
        done.found["confirmed decisions that were looked for"] += confirmed.total()
        there = Counter[str]()
        if path.exists():
            there.update(f"{one.issue}\t{one.choice}" for one in read_decisions(path))
        if ended != "finished":
            done.fail(f"decisions {number}, {way}: {message[-700:]}", raw=True)
        taken_back = way in ("full", "read-only")  # what was not confirmed; elsewhere that may be refused as well
        if confirmed - there or (taken_back and there - confirmed):
            done.fail(f"decisions {number}, {way}: {confirmed - there} confirmed and gone, {there - confirmed} more")
        path.unlink(missing_ok=True)
    return done


def _take(way: str, disk: Any, refusal: Refusal, rng: Random) -> None:
    if way == "refused":
        refusal.left = rng.randrange(12)
    elif way == "limited":
        size = rng.randrange(8000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    elif way == "full":
        disk.limit(rng.randrange(3 * 4096))
    else:
        disk.read_only()
