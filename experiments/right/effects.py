"""Are the effects that users read those of refits? Read from the rows of indexes, one factor varied at a time.

Each cell builds an index over some documents of a corpus, explains development texts, and refits the head without each
reference that is shown (or with an appended label, whose effect is that of adding it). Pairs are (explained entity or
token, reference); all are kept.

    OMP_NUM_THREADS=1 python -m experiments.right.effects --data DIR [--quick]
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.index import build_index as index
from spacy_seginf.explanation.agreement import agreement
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.tagger.encoding import read_as

from ..common.reporting import finish, one_thread, parse_arguments, print_table
from ..common.strangers import EMBEDDED, corpus_file, trained

DOCUMENTS = {EMBEDDED: 36, "wikigold": 18}
STEPS = 150  # of the trainings with other schemes
PAIRS = 100
CLEAR = 1e-4  # an effect whose sign counts
MISSING = 0.1  # share of the tokens outside of entities whose labels are taken away


@dataclass(frozen=True)
class Cell:
    """A way to build an index. scheme: of the tagger. dev: whether there is a development corpus. missing: whether
    labels are. appended: whether a third of the documents is appended. settings: of the index."""

    name: str
    scheme: str = "BIO"
    dev: bool = True
    missing: bool = False
    appended: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


CELLS = (
    Cell("chosen l2"),
    Cell("without dev", dev=False),
    Cell("weak l2", settings={"l2": 1.0}),
    Cell("strong l2", settings={"l2": 1e4}),
    Cell("centre zero", settings={"centre": "zero"}),
    Cell("centre zero, weak l2", settings={"centre": "zero", "l2": 0.1}),
    Cell("BILUO", scheme="BILUO", settings={"l2": 10.0}),
    Cell("IO", scheme="IO", settings={"l2": 10.0}),
    Cell("missing labels", missing=True, settings={"l2": 10.0}),
    Cell("appended", appended=True, settings={"l2": 10.0}),
    Cell("token unit", settings={"l2": 10.0, "unit": "token"}),
    Cell("int8", settings={"l2": 10.0, "dtype": "int8"}),
    Cell("K-FAC", settings={"l2": 10.0, "curvature": "kfac"}),
)


def documents(nlp: Any, path: Path, count: int, missing: bool) -> list[Doc]:
    """Take the first documents of a corpus; some labels are taken away on demand."""
    docs = list(DocBin().from_disk(path).get_docs(nlp.vocab))[:count]
    generator = numpy.random.default_rng(0)
    for doc in docs if missing else ():
        free = [token.i for token in doc if token.ent_iob_ == "O" and generator.random() < MISSING]
        doc.set_ents(list(doc.ents), missing=[doc[i : i + 1] for i in free], default="outside")
    return docs


def save(docs: list[Doc], path: Path) -> Path:
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def measure(data: Optional[Path], corpus: str, cell: Cell, folder: Path, pairs: int) -> dict[str, Any]:
    """Build the index of a cell and compare what it shows with refits."""
    steps = 0 if cell.scheme == "BIO" else STEPS
    model = trained(data, corpus, steps=steps, scheme=cell.scheme)
    blank = spacy.load(model)
    docs = documents(blank, corpus_file(data, corpus, "train"), DOCUMENTS[corpus], cell.missing)
    first = len(docs) * 2 // 3 if cell.appended else len(docs)
    train, more = save(docs[:first], folder / "train.spacy"), save(docs[first:], folder / "more.spacy")
    dev_docs = documents(blank, corpus_file(data, corpus, "dev"), 40, False)
    dev = save(dev_docs, folder / "dev.spacy") if cell.dev else None
    index(str(model), train, folder / "indexed", dev=dev, force=True, **cell.settings)
    if cell.appended:
        append(str(folder / "indexed"), more, folder / "indexed", force=True)
    nlp = spacy.load(folder / "indexed")
    influence: Any = nlp.get_pipe("influence")
    effects, table = influence.explainer().effects, influence.explainer().table(influence.used_unit)
    shown, real, added = [], [], 0
    for doc in dev_docs:
        read = nlp(read_as(nlp, doc))
        for ent in read.ents[:3]:
            query, tags, span = influence.query(read, ent)
            watched = effects.watch(query, tags, [span])
            before = float(watched.losses(effects.nothing)[0, 0])
            for reference in ent._.influencers:
                segment = table.segment(reference.row)
                if reference.added:
                    further = SegmentChains(
                        influence.index.head, influence.index.data, influence.index.labels, numpy.array([segment])
                    )
                    step, _ = effects.refit_with(further)
                    added += 1
                    real.append(before - float(watched.losses(step)[0, 0]))
                else:
                    change = effects.without([segment])
                    step, fit = effects.refit(change, effects.predict(change))
                    real.append(float(watched.losses(step)[0, 0]) - before if fit.converged else numpy.nan)
                shown.append(reference.effect)
            if len(shown) >= pairs:
                break
        if len(shown) >= pairs:
            break
    predicted, actual = numpy.array(shown), numpy.array(real)
    good = numpy.isfinite(actual)
    found = agreement(predicted[good], actual[good])
    clear = good & (numpy.abs(actual) > CLEAR)
    signs = float((numpy.sign(predicted[clear]) == numpy.sign(actual[clear])).mean()) if clear.any() else 1.0
    return {
        "corpus": corpus,
        "cell": cell.name,
        "l2": influence.index.manifest.l2,
        "pearson": found.pearson,
        "slope": found.slope,
        "signs": signs,
        "clear": int(clear.sum()),
        "pairs": int(good.sum()),
        "unconverged": int((~good).sum()),
        "added": added,
        "largest": float(numpy.abs(actual[good]).max()),
    }


def run(data: Optional[Path], quick: bool) -> dict[str, Any]:
    """Measure all cells."""
    rows = []
    for corpus in DOCUMENTS:
        for cell in CELLS[:2] if quick else CELLS:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(data, corpus, cell, Path(folder), 10 if quick else PAIRS))
                print(rows[-1], flush=True)
    exact = [row for row in rows if row["cell"] != "K-FAC"]
    return {
        "effects_pearson_min": min(row["pearson"] for row in exact),
        "effects_slope_min": min(row["slope"] for row in exact),
        "effects_slope_max": max(row["slope"] for row in exact),
        "effects_signs_min": min(row["signs"] for row in exact),
        "effects": rows,
    }


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    figures = run(arguments.data, arguments.quick)
    names = ("corpus", "cell", "l2", "pearson", "slope", "signs", "pairs", "largest")
    print_table(names, [[row[name] for name in names] for row in figures["effects"]])
    finish("right_effects", figures, quick=arguments.quick, rows=sum(r["pairs"] for r in figures["effects"]), seeds=[0])


if __name__ == "__main__":
    main()
