"""Does an index harm the tagger, and does the head that explains predict what the pipeline does?

For each corpus and training: test F1 of the pipeline before and after `seginf index` (and `seginf attach` for spaCy's
ner), and the share of the predicted entities of development and test part that the head in the index predicts too. All
are indexed with identity curvature, which takes a fraction of the time and has the same head; the embedded corpus with
the default settings too.

    OMP_NUM_THREADS=1 python -m experiments.right.harm --data DIR [--quick]
"""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy
import spacy
from scipy.stats import t as student
from spacy.training import Example

from spacy_seginf.api.attach import attach_index as attach
from spacy_seginf.api.index import build_index as index
from spacy_seginf.crf.decoding import limits_of
from spacy_seginf.evaluation.problem import decoded
from spacy_seginf.indexing.refit import Judged
from spacy_seginf.tagger.corpus import read_corpus
from spacy_seginf.tagger.head import head_of

from ..common.prepare import CACHE
from ..common.reporting import commit, finish, one_thread, parse_arguments, print_table
from ..common.strangers import CORPORA, EMBEDDED, SEEDS, corpus_file, trained

ROWS = CACHE / "right_harm"  # a run that was stopped goes on; rows of another commit do not count


def f1(nlp: Any, path: Path) -> float:
    """Score a pipeline on a corpus, as `spacy evaluate` does."""
    texts = read_corpus(nlp, path)
    return float(
        nlp.evaluate([Example(text.example.predicted.copy(), text.example.reference) for text in texts])["ents_f"]
    )


def index_of(nlp: Any) -> Any:
    """Return the index of a pipeline."""
    return nlp.get_pipe("influence").index


def shares(nlp: Any, path: Path) -> float:
    """Return the share of the pipeline's entities that the head in its index predicts too."""
    influence: Any = nlp.get_pipe("influence")
    tagger = influence.find_tagger()
    docs = [text.example.predicted for text in read_corpus(nlp, path) if len(text.example.predicted)]
    found = decoded(nlp, tagger, docs, head_of(tagger.model))
    limits = limits_of(tagger.scheme, found.docs, [()] * len(found.docs))
    return Judged(found.data, found.labels, limits).compared(tagger.scheme, influence.index.head).share


def measure(data: Optional[Path], corpus: str, component: str, seed: int, dev: bool) -> dict[str, Any]:
    """Index one training of a corpus, unless this commit has done so."""
    kept = ROWS / f"{commit()}-{corpus}-{component}-{seed}-{dev}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf8")))
    model = trained(data, corpus, component, seed)
    train, development, test = (corpus_file(data, corpus, split) for split in ("train", "dev", "test"))
    whole = corpus == EMBEDDED and seed == 0
    build = attach if component == "ner" else partial(index, curvature="exact" if whole else "identity")
    with tempfile.TemporaryDirectory() as folder:
        build(str(model), train, Path(folder) / "indexed", dev=development if dev else None)
        before, after = spacy.load(model), spacy.load(Path(folder) / "indexed")
        row = {
            "corpus": corpus,
            "component": component,
            "seed": seed,
            "with_dev": dev,
            "l2": index_of(after).manifest.l2,
            "test_f1_before": f1(before, test),
            "test_f1_after": f1(after, test),
            "kept_dev": shares(after, development),
            "kept_test": shares(after, test),
        }
    ROWS.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(row), encoding="utf8")
    return row


def run(data: Optional[Path], quick: bool) -> dict[str, Any]:
    """Measure all trainings that are asked for."""
    corpora = (EMBEDDED,) if quick else CORPORA
    jobs = [(corpus, "crf_tagger", seed, True) for seed in (SEEDS[:1] if quick else SEEDS) for corpus in corpora]
    jobs += [(corpus, "crf_tagger", 0, False) for corpus in corpora]
    jobs += [(corpus, "ner", 0, True) for corpus in corpora]
    rows = []
    for job in jobs:
        rows.append(measure(data, *job))
        print(rows[-1], flush=True)
    with_dev = [row for row in rows if row["component"] == "crf_tagger" and row["with_dev"]]
    losses = numpy.array([row["test_f1_before"] - row["test_f1_after"] for row in with_dev])
    half = (
        float(student.ppf(0.975, len(losses) - 1) * losses.std(ddof=1) / len(losses) ** 0.5) if len(losses) > 1 else 0.0
    )
    taggers = [row for row in rows if row["component"] == "crf_tagger"]
    return {
        "f1_loss_mean": float(losses.mean()),
        "f1_loss_interval": [float(losses.mean()) - half, float(losses.mean()) + half],
        "f1_loss_worst": float(losses.max()),
        "agreement_min": min(min(row["kept_dev"], row["kept_test"]) for row in taggers),
        "attach_agreement_min": min(
            min(row["kept_dev"], row["kept_test"]) for row in rows if row["component"] == "ner"
        ),
        "harm": rows,
    }


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    figures = run(arguments.data, arguments.quick)
    names = (
        "corpus",
        "component",
        "seed",
        "with_dev",
        "l2",
        "test_f1_before",
        "test_f1_after",
        "kept_dev",
        "kept_test",
    )
    print_table(names, [[row[name] for name in names] for row in figures["harm"]])
    finish("right_harm", figures, quick=arguments.quick, rows=len(figures["harm"]), seeds=SEEDS)


if __name__ == "__main__":
    main()
