"""What is measured in a checkout of any version, each task in a process of its own that imports that checkout:

python experiments/speed/house_tasks.py TASK FOLDER    (with PYTHONPATH=CHECKOUT)

The last line that is printed is a JSON object. Only what all versions have is used: the command line, the names of
``spacy_seginf.crf``, and the search as its explainer calls it.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import inspect
import io
import json
import os
import pkgutil
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

import spacy_seginf

PACKAGE = Path(spacy_seginf.__file__).parent
CORPUS = Path(__file__).resolve().parents[2] / "assets" / "corpus"
TRAIN, TEXTS = 40, 200  # documents
STEPS = 30  # updates of the tagger
ENCODER = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 3,
    "subword_features": True,
}
# Whose head is the trained one, so that versions explain the same head.
HEADS = {"exact": ["--no-refit", "--l2", "1"], "identity": ["--no-refit"]}


def command(*arguments: object) -> None:
    """Run `python -m spacy seginf ...` in this process, silently."""
    from spacy.cli._util import app

    importlib.import_module("spacy_seginf.cli")
    with contextlib.redirect_stdout(io.StringIO()):
        app(["seginf", *map(str, arguments)], standalone_mode=False)


def documents(name: str, count: int) -> list[Doc]:
    """Read documents of the embedded corpus."""
    vocab = spacy.blank("en").vocab
    docs = []
    with gzip.open(CORPUS / f"{name}.jsonl.gz", "rt", encoding="utf8") as lines:
        for line in list(lines)[:count]:
            record = json.loads(line)
            docs.append(Doc(vocab, words=record["tokens"], ents=record["labels"], user_data={"id": record["id"]}))
    return docs


def prepare(folder: Path) -> dict[str, Any]:
    """Train a small tagger, and write its corpus."""
    docs = documents("train", TRAIN)
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "train.spacy")
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"model": {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": ENCODER}})
    examples = [Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01  # type: ignore[attr-defined]
    for _ in range(STEPS):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(folder / "tagger")
    return {}


class Walk:
    """The files of the package in the order in which somebody reads them who follows a call: each function once, when
    it is first entered. A return is a step to a file that was read from before."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()
        self.files: list[str] = []

    def __call__(self, frame: Any, event: str, argument: object) -> None:
        code = frame.f_code
        function = code.co_flags & inspect.CO_OPTIMIZED  # no module, no body of a class
        if event != "call" or not function or code in self._seen or not code.co_filename.startswith(str(PACKAGE)):
            return
        self._seen.add(code)
        if not self.files or self.files[-1] != code.co_filename:
            self.files.append(code.co_filename)

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Follow what a with-block calls, in all threads."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]


def walk(folder: Path) -> dict[str, Any]:
    """Follow `index`, `explain` and `rank`."""
    for module in pkgutil.walk_packages([str(PACKAGE)], "spacy_seginf."):
        with contextlib.suppress(ImportError):  # of a package that is not installed
            importlib.import_module(module.name)
    text = " ".join(token.text for token in documents("dev", 1)[0])
    indexed = folder / "walked"
    commands = {
        "index": ("index", folder / "tagger", folder / "train.spacy", indexed, "--quiet"),
        "explain": ("explain", indexed, text),
        "rank": ("rank", indexed, folder / "train.spacy", "--output", folder / "ranking.jsonl", "--quiet"),
    }
    found = {}
    for name, arguments in commands.items():
        walked = Walk()
        with walked.recorded():
            command(*arguments)
        files = len(set(walked.files))
        found[name] = {"files": files, "returns": len(walked.files) - files}
    return found


def explained(folder: Path) -> dict[str, Any]:
    """Explain texts by the trained head. Of each text: places of references, probabilities, effects and scores."""
    docs = documents("dev", TEXTS)
    found: dict[str, Any] = {}
    for curvature, options in HEADS.items():
        indexed = folder / f"indexed_{curvature}"
        inputs = folder / "tagger", folder / "train.spacy", indexed
        command("index", *inputs, "--quiet", "--curvature", curvature, *options)
        nlp = spacy.load(indexed)
        found[curvature] = [_entries(nlp(Doc(nlp.vocab, words=[token.text for token in doc]))) for doc in docs]
    return found


def _entries(doc: Doc) -> list[Any]:
    entries = []
    for influencers in doc._.influencers:
        references = [*influencers.supporting, *influencers.opposing]
        places = [[reference.doc_id, reference.start, reference.end] for reference in references]
        numbers = [number for reference in references for number in (reference.effect, reference.score)]
        entries.append([places, [influencers.probability, *numbers]])
    return entries


def crf(folder: Path) -> dict[str, Any]:
    """Seconds of the likelihood with its gradient, and of Viterbi."""
    from spacy_seginf.crf import negative_log_likelihood, one_label_each, viterbi

    seconds = 0.0
    for batch, steps, size in ((32, 128, 9), (8, 512, 9), (32, 128, 25), (8, 512, 25)):
        generator = numpy.random.default_rng(0)
        emissions = generator.normal(size=(batch * steps, size)).astype("float32") * 2
        transitions = generator.normal(size=(size, size)).astype("float32")
        lengths = [steps] * batch
        allowed = one_label_each(generator.integers(0, size, size=batch * steps), size)
        seconds += _median(lambda: negative_log_likelihood(emissions, transitions, lengths, allowed))
        seconds += _median(lambda: viterbi(emissions, transitions, lengths))
    return {"seconds": seconds}


def _median(function: Callable[[], object], repeats: int = 20) -> float:
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return float(numpy.median(seconds[1:]))


def search(folder: Path) -> dict[str, Any]:
    """Seconds that explanations spend in the exact search, by the index that ``explained`` has built."""
    nlp = spacy.load(folder / "indexed_exact")
    texts = [Doc(nlp.vocab, words=[token.text for token in doc]) for doc in documents("dev", TEXTS)]
    explainer = sys.modules[type(nlp.get_pipe("influence").explainer()).__module__]  # type: ignore[attr-defined]
    plain: Callable[..., Any] = explainer.search  # type: ignore[attr-defined]
    spent = [0.0]

    def timed(*arguments: Any, **settings: Any) -> Any:
        start = time.perf_counter()
        found = plain(*arguments, **settings)
        spent[0] += time.perf_counter() - start
        return found

    list(nlp.pipe(text.copy() for text in texts))  # all of the index has been read
    explainer.search = timed  # type: ignore[attr-defined]
    list(nlp.pipe(texts))
    return {"seconds": spent[0]}


TASKS = {"prepare": prepare, "walk": walk, "explained": explained, "crf": crf, "search": search}

if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    print(json.dumps(TASKS[sys.argv[1]](Path(sys.argv[2]))))
