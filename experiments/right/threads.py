"""One pipeline for many threads: answers that differ from those of a single thread, and what a single thread pays.

A CNN tagger is trained for some steps on the embedded corpus and indexed twice: with a usual penalty, and over a part
with a weak one, under which some references are refined. Threads put requests to one loaded pipeline, whose caches are
cold at first, while another thread evaluates it over and over; each answer is compared with that of a single thread.

The cost is that of a single thread for noticing what others might change: the time of ``nlp(text)`` with warm caches,
over that without the check of head and encoder.

python -m experiments.right.threads [--quick]
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import spacy
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_seginf.api.index import build_index as index

from ..common.reporting import ROOT, finish, one_thread, parse_arguments, print_table

THREADS = 8
REQUESTS = 2000  # of both penalties, cold and warm, together
TEXTS = 40
STEPS = 300
SETTINGS = {"usual": (300.0, None), "weak": (0.1, 60)}  # penalty, and how many documents
TOLERANCE = 1e-9
REPEATS = 7  # of the measurement of the cost
DELAY = 0.0005  # seconds until another thread gets its turn: the shorter, the more they meet


class Answer(NamedTuple):
    """What is said of a text: places, labels and references in order, and all figures."""

    said: list[Any]
    figures: list[float]


class Tally:
    """Counts requests and what was wrong with them."""

    def __init__(self) -> None:
        self.requests = self.wrong = self.evaluations = 0
        self.largest = 0.0
        self.examples: list[str] = []


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    sys.setswitchinterval(DELAY)
    requests, steps = (160, 60) if arguments.quick else (REQUESTS, STEPS)
    tally, ratios, rows = Tally(), [], []
    with tempfile.TemporaryDirectory() as folder:
        corpora = prepare(Path(folder), steps)
        for name, (l2, documents) in SETTINGS.items():
            path, corpus = Path(folder) / name, Path(folder) / f"{name}.spacy"
            docs = DocBin().from_disk(corpora / "train.spacy").get_docs(spacy.blank("en").vocab)
            DocBin(docs=list(docs)[:documents], store_user_data=True).to_disk(corpus)
            index(str(corpora / "model-last"), corpus, path, l2=l2)
            before = tally.requests, tally.wrong
            refined = ask(path, corpora, requests // len(SETTINGS), tally)
            ratios.append(cost_ratio(path, corpora))
            rows.append([name, tally.requests - before[0], tally.wrong - before[1], refined, ratios[-1]])
    print_table(["index", "requests", "wrong", "refined references", "cost ratio"], rows)
    for example in tally.examples[:5]:
        print(example)
    figures = {"threads_wrong": tally.wrong, "requests": tally.requests, "largest_difference": tally.largest}
    figures.update(single_thread_cost_ratio=max(ratios), evaluations_meanwhile=tally.evaluations, threads=THREADS)
    finish("right_threads", figures, quick=arguments.quick, rows=len(rows), seeds=[0])


def prepare(folder: Path, steps: int) -> Path:
    """Convert the embedded corpus and train a tagger; return where both are."""
    for part in ("train", "dev", "test"):
        source = ROOT / "assets" / "corpus" / f"{part}.jsonl.gz"
        command = [sys.executable, "-m", "spacy", "seginf", "convert", str(source), str(folder / f"{part}.spacy")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    train = [sys.executable, "-m", "spacy", "train", str(ROOT / "configs" / "cnn.cfg"), "--output", str(folder)]
    settings: dict[str, Any] = {"paths.train": folder / "train.spacy", "paths.dev": folder / "dev.spacy"}
    settings.update({"paths.checkpoints": folder / "checkpoints", "training.max_steps": steps, "system.seed": 0})
    options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    subprocess.run([*train, *options], check=True, stdout=subprocess.DEVNULL)
    return folder


def ask(path: Path, corpora: Path, requests: int, tally: Tally) -> int:
    """Put requests to one pipeline from several threads, cold and warm; return how many references were refined."""
    alone = spacy.load(path)
    texts = texts_of(alone, corpora)
    expected = {text: answer(alone(text)) for text in texts}
    nlp = spacy.load(path)
    examples = [
        Example(nlp.make_doc(doc.text), doc) for doc in DocBin().from_disk(corpora / "dev.spacy").get_docs(nlp.vocab)
    ][:20]
    finished, begin = threading.Event(), threading.Barrier(THREADS)

    def evaluate() -> None:
        while not finished.is_set():
            nlp.evaluate(examples)
            tally.evaluations += 1

    def serve(number: int) -> None:
        draw = random.Random(number)
        begin.wait()
        for _ in range(requests // THREADS):
            text = draw.choice(texts)
            try:
                check(text, answer(nlp(text)), expected[text], tally, lock)
            except Exception as error:
                with lock:
                    tally.requests, tally.wrong = tally.requests + 1, tally.wrong + 1
                    tally.examples.append(f"{type(error).__name__}: {error}")

    lock = threading.Lock()
    threads = [threading.Thread(target=serve, args=(number,)) for number in range(THREADS)]
    referee = threading.Thread(target=evaluate)
    for thread in (referee, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    finished.set()
    referee.join()
    return sum(reference.refined for text in texts for one in alone(text)._.influencers for reference in one)


def check(text: str, found: Answer, expected: Answer, tally: Tally, lock: Any) -> None:
    """Compare an answer with that of a single thread."""
    differs = found.said != expected.said
    largest = 0.0 if differs else max(map(abs, (a - b for a, b in zip(found.figures, expected.figures))), default=0.0)
    with lock:
        tally.requests += 1
        tally.largest = max(tally.largest, largest)
        if differs or largest > TOLERANCE:
            tally.wrong += 1
            tally.examples.append(f"{text[:60]!r}: {'other references' if differs else largest}")


def answer(doc: Any) -> Answer:
    """Read all that is said of a document."""
    said, figures = [], []
    for entry in [*doc._.influencers, *(ent._.influencers for ent in doc.ents)]:
        references = [(one.doc_id, one.start, one.end, one.label, one.refined, one.doubtful) for one in entry]
        said.append((entry.text, entry.label, references))
        figures += [entry.probability, *(value for one in entry for value in (one.effect, one.score, one.log_odds))]
    return Answer(said, figures)


def texts_of(nlp: Any, corpora: Path) -> list[str]:
    """Return sentences of the test part, of some length."""
    docs = DocBin().from_disk(corpora / "test.spacy").get_docs(nlp.vocab)
    return [text for doc in docs for text in doc.text.split(" . ") if 40 < len(text) < 200][:TEXTS]


def cost_ratio(path: Path, corpora: Path) -> float:
    """Time ``nlp(text)`` over the same without the check of head and encoder, in turn; the median of the ratios."""
    nlp = spacy.load(path)
    component: Any = nlp.get_pipe("influence")
    texts = texts_of(nlp, corpora)
    explainer = component.explainer()

    def seconds() -> float:
        start = time.process_time()
        for text in texts:
            nlp(text)
        return time.process_time() - start

    seconds()
    ratios = []
    for _ in range(REPEATS):
        checked = seconds()
        component.explainer = lambda: explainer
        ratios.append(checked / seconds())
        del component.explainer
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
