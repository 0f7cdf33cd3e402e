"""Feed broken files of every kind to this package, and count what is neither a right answer nor a coded error.

    python -m experiments.torture.fuzz --seed 0 --each 300 --seconds 600

Every case is named by seed, kind and number, and can be run again alone: --kinds KIND --first NUMBER --each 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable

from spacy_seginf.errors import SeginfError

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

CPU_SECONDS = 10  # of a case that does not hang
STILL = 0.02  # CPU seconds in six times that, on a busy machine, of what waits
BATCH = 100  # cases of a process, which takes a crash or a leak with it
TIMES = 3  # how much more memory than a clean case one may take
SHM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where files are opened in a tenth of the time
FAULTS = ("raw", "wrong", "lost", "hang", "memory", "crash")


class Hang(BaseException):
    """Too long."""


def verdict_of(run: Callable[[], None]) -> tuple[str, str]:
    """Run a case: "ok", "coded", "raw", "wrong", "lost" or "hang", and where."""
    from .cases import Lost, Wrong

    used = time.process_time()

    def ring(number: int, _: object) -> None:
        nonlocal used
        before, used = used, time.process_time()
        if number == signal.SIGPROF or used - before < STILL:
            raise Hang

    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, ring)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, *[6 * CPU_SECONDS] * 2)  # for what waits without working
    try:
        run()
    except Hang:
        return "hang", f"more than {CPU_SECONDS} CPU seconds"
    except Wrong as error:
        return "wrong", str(error)
    except Lost as error:
        return "lost", str(error)
    except Exception as error:
        if isinstance(error, SeginfError):
            return "coded", str(error)[:6]
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "spacy_seginf" in frame.filename]
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "elsewhere"
        return "raw", f"{type(error).__name__} at {place}: {str(error)[:120]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "ok", ""


def batch(made: Any, room: Path, kind: str, numbers: range, seed: int, log: Path) -> None:
    """Run some cases in this process; a line of the log for each, before and after."""
    from .cases import Cases
    from .kinds import KINDS

    warnings.simplefilter("ignore")
    cases = Cases(made, room)
    clean = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with log.open("w") as lines:
        for number in numbers:
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir(parents=True)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                note, run = KINDS[kind](cases, random.Random(f"{seed} {kind} {number}"))
                lines.write(json.dumps([number, note]) + "\n")
                lines.flush()
                verdict, detail = verdict_of(run)
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > TIMES * clean:
                verdict, detail = "memory", f"{TIMES} times a clean case's, {verdict}"
            lines.write(json.dumps([number, note, verdict, detail]) + "\n")
            lines.flush()


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked process; return its status."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(3)
    return os.waitpid(child, 0)[1]


def keep_warm() -> None:
    """Let catalogue look for entry points once: it does for every small msgpack, and nobody installs anything here."""
    import catalogue

    catalogue.Registry._get_entry_points = lru_cache(None)(catalogue.Registry._get_entry_points)  # type: ignore[method-assign]


def fuzz(
    made: Any, kind: str, numbers: range, seed: int, scratch: Path, until: float
) -> tuple[Counter[str], list[str]]:
    """Run the cases of a kind; return how many had which verdict, and an example of each fault.

    made (Materials). scratch (Path): an empty folder. until (float): time after which no batch begins.
    """
    found, examples = Counter[str](), dict[str, str]()
    number, log, room = numbers.start, scratch / "log", scratch / "room"
    while number < numbers.stop and time.monotonic() < until:
        part = range(number, min(number + BATCH, numbers.stop))
        status = in_child(lambda part=part: batch(made, room, kind, part, seed, log))  # type: ignore[misc]
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        if status:
            lines.append([*(lines[-1][:2] if lines else [number, "?"]), "crash", f"status {status}"])
        for case, note, verdict, detail in (line for line in lines if len(line) == 4):
            found[verdict] += 1
            if verdict in FAULTS:
                examples.setdefault(f"{verdict}: {detail}", f"{kind} {case} ({note})")
        number = lines[-1][0] + 1 if status and lines else part.stop
        log.unlink(missing_ok=True)
    print(f"{kind}, seed {seed}:", ", ".join(f"{name} {n}" for name, n in sorted(found.items())), flush=True)
    shown = [f"{detail}; such as case {example}" for detail, example in examples.items()]
    for line in shown:
        print(f"    {line}", flush=True)
    return found, shown


def figures(counts: Counter[str]) -> dict[str, int]:
    """Return how many inputs there were, and the faults by kind."""
    raw = counts["raw"] + counts["crash"]
    found = {"fuzzed": counts.total(), "raw_tracebacks": raw, "silent_wrong": counts["wrong"]}
    return {**found, "hangs": counts["hang"], "memory": counts["memory"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--each", type=int, default=100, help="cases of each kind")
    parser.add_argument("--kinds", default="", help="separated by commas; default: all")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no batch after this time")
    parser.add_argument("--folder", type=Path, help="where the materials are kept; default: a temporary one")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    keep_warm()
    from .kinds import KINDS
    from .materials import make_materials

    with tempfile.TemporaryDirectory(dir=SHM) as scratch:
        made = make_materials((arguments.folder or Path(scratch) / "materials").resolve())
        until, counts = time.monotonic() + arguments.seconds, Counter[str]()
        numbers = range(arguments.first, arguments.first + arguments.each)
        for kind in arguments.kinds.split(",") if arguments.kinds else KINDS:
            counts.update(fuzz(made, kind, numbers, arguments.seed, Path(scratch), until)[0])
    print(json.dumps({**figures(counts), "seeds": [arguments.seed]}))
    sys.exit(any(counts[name] for name in FAULTS))


if __name__ == "__main__":
    main()
