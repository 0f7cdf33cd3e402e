"""A score chosen on corrections of other documents, before anything is known of those of the training documents."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Mapping, Sequence

import numpy

from spacy_seginf.crf.schemes import type_of
from spacy_seginf.curation.scores import CHECKPOINTS, SCORES, TRUSTED, label_scores
from spacy_seginf.curation.source import LabelSource

from .learned import FEATURES, Evidence, learned_scores
from .measures import Sought, by_documents, document_figures, token_figures
from .truth import Truth

PLAIN = tuple(name for name, score in SCORES.items() if score.needs not in (TRUSTED, CHECKPOINTS))
LEARNED = "learned"
NOTHING: Mapping[str, numpy.ndarray] = MappingProxyType({})


@dataclass(frozen=True)
class Choice:
    """What corrections of other documents recommend.

    tokens (dict of str to float64, training tokens): all candidates, among them the learned one.
    documents (dict of str to float64, training documents): the same, "name, mean" and "name, max".
    token (str): the candidate with the highest average precision of tokens there. document (str): the one with the
        highest sum of AUROC and average precision of documents there.
    elsewhere (dict): what these two reached there. quality (dict): the same of all, "documents" (AUROC and average
        precision) and "tokens" (average precision).
    """

    tokens: dict[str, numpy.ndarray]
    documents: dict[str, numpy.ndarray]
    token: str
    document: str
    elsewhere: dict[str, float]
    quality: dict[str, dict[str, Any]]


def choose(both: LabelSource, corrected: Truth, more: Mapping[str, numpy.ndarray] = NOTHING) -> Choice:
    """Choose a score for training labels.

    both (LabelSource): training documents, and behind them others with their uncorrected labels, as
        ``noise_sources.with_unseen`` gives them. corrected (Truth): of these others only.
    more (dict of str to float64, tokens of both): further scores, from which is learned too.
    """
    sizes = numpy.asarray(both.data.lengths, dtype=numpy.int64)
    count = len(sizes) - len(corrected.lengths)
    first = int(sizes[:count].sum())
    scores = {**label_scores(both, PLAIN), **more}
    types = _types(both.scheme.tags)[both.labels]
    parts = slice(first), slice(first, None)
    lengths = sizes[:count].tolist(), sizes[count:].tolist()
    seen, unseen = (
        Evidence.of(
            [scores[name][rows] for name in (*FEATURES, *more)], types[rows], int(types.max(initial=0)) + 1, own
        )
        for rows, own in zip(parts, lengths)
    )
    learned, applied = learned_scores(unseen, corrected.wrong, seen)
    tokens, others = ({name: values[rows] for name, values in scores.items()} for rows in parts)
    tokens[LEARNED], others[LEARNED] = applied, learned
    units = both.units[both.units[:, 0] >= count] - [count, 0, 0]
    sought = Sought(lengths[1], units, corrected.wrong, corrected.counted)
    at_tokens = token_figures(others, sought, repeats=0)
    at_documents = document_figures(by_documents(others, lengths[1]), sought, repeats=0)
    by_token = {name: found["average_precision"][0] for name, found in at_tokens.items()}
    by_document = {name: [found["auroc"][0], found["average_precision"][0]] for name, found in at_documents.items()}
    token, document = _best(by_token), _best({name: sum(both_of) for name, both_of in by_document.items()})
    elsewhere = {
        "token_average_precision": by_token[token],
        "document_auroc": by_document[document][0],
        "document_average_precision": by_document[document][1],
    }
    quality = {"documents": by_document, "tokens": by_token}
    return Choice(tokens, by_documents(tokens, lengths[0]), token, document, elsewhere, quality)


def _types(tags: Sequence[str]) -> numpy.ndarray:
    """Number the types of tags (int64, tags)."""
    types = [type_of(tag) for tag in tags]
    numbers = {each: number for number, each in enumerate(dict.fromkeys(types))}
    return numpy.array([numbers[each] for each in types], dtype=numpy.int64)


def _best(quality: dict[str, float]) -> str:
    return max(quality, key=lambda name: (quality[name], name))
