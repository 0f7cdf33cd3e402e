"""How well scores find wrong labels: by document, by token and by entity, and how far one has to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

import numpy

from spacy_seginf.curation.levels import HOW, by_document, by_segment

from ...common.retrieval import evaluate_retrieval, rank

READ = (50, 100, 200, 500)  # tokens or spans
REPEATS = 200  # of the bootstrap
LABEL_REPEATS = 100  # of that of tokens and spans, which are many
Named = Mapping[str, numpy.ndarray]


@dataclass(frozen=True)
class Sought:
    """Documents in which wrong labels are sought.

    lengths (ints, documents): their tokens. units (int64, n x 3): their entities, and each token outside.
    wrong (bool, tokens). kept (bool, documents): which of them take part. documents (bool, documents): which of them
        are relevant; those with a wrong label if None.
    """

    lengths: Sequence[int]
    units: numpy.ndarray
    wrong: numpy.ndarray
    kept: numpy.ndarray
    documents: Optional[numpy.ndarray] = None

    @property
    def relevant(self) -> numpy.ndarray:
        """Relevant documents (bool, documents)."""
        return by_document(self.wrong, self.lengths) > 0 if self.documents is None else self.documents

    @property
    def owners(self) -> numpy.ndarray:
        """The document of each token (int64, tokens)."""
        return numpy.repeat(numpy.arange(len(self.lengths)), self.lengths)

    def counts(self) -> dict[str, int]:
        """Count what takes part, as plain values."""
        kept = self.kept[self.owners]
        return {
            "documents": int(self.kept.sum()),
            "relevant_documents": int(self.relevant[self.kept].sum()),
            "tokens": int(kept.sum()),
            "wrong_tokens": int(self.wrong[kept].sum()),
        }


def by_documents(tokens: Named, lengths: Sequence[int]) -> dict[str, numpy.ndarray]:
    """Aggregate scores of tokens in each way; a name becomes "name, mean" or "name, max"."""
    return {f"{name}, {how}": by_document(values, lengths, how) for name, values in tokens.items() for how in HOW}


def document_figures(documents: Named, sought: Sought, repeats: int = REPEATS) -> dict[str, dict[str, Any]]:
    """Measure scores of documents (float64): AUROC, average precision, how many have to be read for all relevant ones
    ("read_until_all"), and which share of these is found among the first ones ("found", from 0 documents on)."""
    relevant = sought.relevant[sought.kept]
    found = {}
    for name, values in documents.items():
        figures = evaluate_retrieval(values[sought.kept], relevant, at=(), repeats=repeats).figures()
        curve = found_by_reading(values[sought.kept], relevant)
        until = int(numpy.argmax(curve >= 1.0 - 1e-9)) if relevant.any() else None
        found[name] = {**figures, "read_until_all": until, "found": curve.round(4).tolist()}
    return found


def token_figures(tokens: Named, sought: Sought, repeats: int = LABEL_REPEATS) -> dict[str, dict[str, Any]]:
    """Measure scores of tokens (float64): average precision, and precision among those read first. The bootstrap draws
    documents."""
    owners = sought.owners
    kept = sought.kept[owners]
    groups, wrong = owners[kept], sought.wrong[kept]
    return {
        name: evaluate_retrieval(values[kept], wrong, at=READ, groups=groups, repeats=repeats).figures()
        for name, values in tokens.items()
    }


def entity_figures(tokens: Named, sought: Sought) -> dict[str, dict[str, Any]]:
    """Measure the same of spans: entities, and each token outside. A span has the highest score of its tokens, and is
    wrong if one of them is."""
    units = sought.units[sought.kept[sought.units[:, 0]]]
    wrong = by_segment(sought.wrong, sought.lengths, units) > 0
    return {
        name: evaluate_retrieval(
            by_segment(values, sought.lengths, units), wrong, at=READ, groups=units[:, 0], repeats=LABEL_REPEATS
        ).figures()
        for name, values in tokens.items()
    }


def found_by_reading(scores: numpy.ndarray, relevant: numpy.ndarray) -> numpy.ndarray:
    """Return which share of relevant items is expected among the first 0, 1, ... n of the highest scores (float64,
    n + 1), over the orders of items of equal score."""
    ranking = rank(scores, relevant)
    seen, found = (numpy.concatenate([[0.0], numpy.cumsum(part)]) for part in (ranking.total, ranking.relevant))
    return numpy.interp(numpy.arange(len(scores) + 1), seen, found) / max(float(found[-1]), 1.0)


def chance_until_all(documents: int, relevant: int) -> float:
    """Return how many documents a random order has to be read for all relevant ones, on average."""
    return relevant * (documents + 1) / (relevant + 1)
