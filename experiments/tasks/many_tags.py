"""An index of a tagger with 300 tags: memory, passes of the encoder, time.

    OMP_NUM_THREADS=1 python -m experiments.tasks.many_tags --data DIR [--quick]

The tags are made up: universal parts of speech of UD English EWT with the end of the word, the 300 most frequent such
pairs; all others of a part of speech are one. The tagger is trained for a few steps, and the penalty is given: choosing
it takes a fit for each that is tried. The index is built in a process of its own, which measures its own peak. Every
fit ends after FIT_STEPS steps, far from its optimum, so seconds are not those of an index that is fit for use: that
takes longer. More steps encode nothing again, and need 0.3 GB at most, for what they remember of gradients.
"""

from __future__ import annotations

import gzip
import json
import resource
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.influence import choose
from spacy_seginf.influence.fit import Fit
from spacy_seginf.tagger.crf_tagger import CRFTagger

from ..common.prepare import CACHE
from ..common.reporting import finish, one_thread, parse_arguments
from .training import config_of, trained

FIT_STEPS = 3
TAGS, STEPS, QUICK_STEPS, QUICK_DOCUMENTS, L2 = 300, 200, 20, 3, 10.0
LONGEST = 4 * 3600.0  # seconds that an index may take


def corpus_of_many_tags(data: Path, split: str, documents: int) -> Path:
    """Write a part of the corpus with the made-up tags."""
    target = CACHE / "corpora" / f"many_tags-{split}-{documents}.spacy"
    if target.exists():
        return target
    counts: Counter[str] = Counter()
    records = {}
    for name in ("train", split):
        with gzip.open(data / "ud_ewt" / f"{name}.jsonl.gz", "rt", encoding="utf8") as lines:
            records[name] = [json.loads(line) for line in lines]
    for record in records["train"]:
        counts.update(_pairs(record))
    own = {tag for tag, _ in counts.most_common(TAGS - 20)}
    docs, vocab = DocBin(attrs=["ORTH", "SPACY", "TAG"], store_user_data=True), spacy.blank("en").vocab
    for record in records[split][: documents or None]:
        tags = [pair if pair in own else pair.partition("|")[0] for pair in _pairs(record)]
        docs.add(Doc(vocab, words=record["tokens"], tags=tags, user_data={"id": record["id"]}))
    target.parent.mkdir(parents=True, exist_ok=True)
    docs.to_disk(target)
    return target


def _pairs(record: dict[str, Any]) -> list[str]:
    return [f"{tag}|{word[-2:].lower()}" for word, tag in zip(record["tokens"], record["labels"])]


def _index(model: str, train: Path, folder: str, result: Any) -> None:
    """Build the index in a process of its own, and send what it took."""
    one_thread()
    encode, tokens = CRFTagger.encode, [0]

    def counted(self: CRFTagger, docs: Any) -> Any:
        tokens[0] += sum(len(doc) for doc in docs)
        return encode(self, docs)

    CRFTagger.encode = counted  # type: ignore[method-assign]
    newton = choose.newton

    def few_steps(*given: Any, **settings: Any) -> Fit:
        return newton(*given, **{**settings, "iterations": FIT_STEPS})

    choose.newton = few_steps  # type: ignore[assignment]
    start = time.perf_counter()
    report = build_index(model, train, Path(folder), l2=L2)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found = {
        "fit_steps": FIT_STEPS,
        "curvature": report.curvature,
        "rows": report.rows,
        "tokens_encoded": tokens[0],
        "seconds": seconds,
    }
    result.put({**found, "peak_gib": peak})


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    steps, documents = (QUICK_STEPS, QUICK_DOCUMENTS) if arguments.quick else (STEPS, 0)
    train, dev = (corpus_of_many_tags(arguments.data, split, documents) for split in ("train", "dev"))
    model = trained(config_of({"factory": "crf_tagger", "target": "tag"}, "tag_acc"), train, dev, 0, steps)
    nlp = spacy.load(model)
    docs = list(DocBin().from_disk(train).get_docs(nlp.vocab))
    tokens = sum(len(doc) for doc in docs)
    figures: dict[str, Any] = {"tags": len(nlp.get_pipe("crf_tagger").labels), "tokens": tokens}  # type: ignore[attr-defined]
    with TemporaryDirectory() as folder:
        context = get_context("spawn")
        result = context.Queue()
        process = context.Process(target=_index, args=(str(model), train, f"{folder}/indexed", result))
        process.start()
        figures |= result.get(timeout=LONGEST)
        process.join()
        figures["passes"] = figures.pop("tokens_encoded") / tokens
        files = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        figures["index_gib"] = files / 2**30
    finish(
        "tasks",
        {f"many_tags_{name}": value for name, value in figures.items()},
        quick=arguments.quick,
        rows=1,
        seeds=[0],
        parts=["many tags"],
    )


if __name__ == "__main__":
    main()
