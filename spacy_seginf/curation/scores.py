"""The registry of scores of label quality, and how to compute some of them. High is suspicious for every score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence

import numpy

from ..errors import Errors, SeginfError
from ..guesses import one_of
from .baselines import cleanlab_scores, random_scores
from .consistency import document_form_losses, form_losses
from .dynamics import low_confidence, variability
from .levels import by_document, by_segment
from .losses import (
    conditional_entropies,
    conditional_losses,
    document_losses,
    held_out_losses,
    marginal_entropies,
    marginal_losses,
    segment_losses,
)
from .misannotation import document_trusted_opposition, trusted_neighbours
from .norms import (
    document_gradient_norms,
    gradient_norms,
    segment_gradient_norms,
    segment_self_influences,
    self_influences,
)
from .opposition import segment_trusted_opposition, trusted_disagreement, trusted_opposition
from .source import LabelSource
from .trusted import trusted_losses

TokenLevel = Callable[[LabelSource], numpy.ndarray]
SegmentLevel = Callable[[LabelSource, numpy.ndarray], numpy.ndarray]
TRUSTED, CHECKPOINTS, CLEANLAB, WORDS = "trusted", "checkpoints", "cleanlab", "words"


@dataclass(frozen=True)
class LabelScore:
    """A way to tell how suspicious labels are: high is suspicious.

    name (str), description (str): for people. needs (str): "trusted" documents, "checkpoints", the package "cleanlab",
        the documents' "words", or nothing.
    tokens, segments, documents (Callable): exactly one is there, the level at which the score is defined.
    """

    name: str
    description: str
    needs: str = ""
    tokens: Optional[TokenLevel] = None
    segments: Optional[SegmentLevel] = None
    documents: Optional[TokenLevel] = None

    @property
    def level(self) -> str:
        """The level at which it is defined: "token", "segment" or "document"."""
        return "segment" if self.segments else "document" if self.documents else "token"


ALL = (
    LabelScore("document_loss", "loss of the whole document", documents=document_losses),
    LabelScore("document_gradient_norm", "gradient norm of the document's loss", documents=document_gradient_norms),
    LabelScore("conditional_loss", "-log p(label | neighbours, text)", tokens=conditional_losses),
    LabelScore("marginal_loss", "-log p(label | text)", tokens=marginal_losses),
    LabelScore("held_out_loss", "-log p(label | text), its document held out", tokens=held_out_losses),
    LabelScore("segment_loss", "-log p(labels of the entity | the others, text)", segments=segment_losses),
    LabelScore("form_loss", "the word has other labels in other documents", WORDS, tokens=form_losses),
    LabelScore("document_form_loss", "the word has other labels in its document", WORDS, tokens=document_form_losses),
    LabelScore("gradient_norm", "gradient norm of the conditional loss", tokens=gradient_norms),
    LabelScore("segment_gradient_norm", "gradient norm of the entity's loss", segments=segment_gradient_norms),
    LabelScore("marginal_entropy", "entropy of p(. | text)", tokens=marginal_entropies),
    LabelScore("conditional_entropy", "entropy of p(. | neighbours, text)", tokens=conditional_entropies),
    LabelScore("self_influence", "influence of the label on itself", tokens=self_influences),
    LabelScore("segment_self_influence", "influence of the entity on itself", segments=segment_self_influences),
    LabelScore("trusted_opposition", "how strongly the label opposes trusted ones", TRUSTED, tokens=trusted_opposition),
    LabelScore(
        "segment_trusted_opposition",
        "how strongly the entity opposes trusted labels",
        TRUSTED,
        segments=segment_trusted_opposition,
    ),
    LabelScore(
        "document_trusted_opposition",
        "how strongly the document opposes trusted ones",
        TRUSTED,
        documents=document_trusted_opposition,
    ),
    LabelScore(
        "trusted_neighbours", "likeness to trusted tokens with another label", TRUSTED, tokens=trusted_neighbours
    ),
    LabelScore(
        "trusted_loss", "-log p(label | text) by a head fitted to trusted labels", TRUSTED, tokens=trusted_losses
    ),
    LabelScore(
        "trusted_disagreement",
        "share of the most similar trusted tokens with another label",
        TRUSTED,
        tokens=trusted_disagreement,
    ),
    LabelScore(
        "low_confidence",
        "1 - mean p(label | text) over checkpoints",
        CHECKPOINTS,
        tokens=lambda source: low_confidence(source.checkpoints),
    ),
    LabelScore(
        "variability",
        "spread of p(label | text) over checkpoints",
        CHECKPOINTS,
        tokens=lambda source: variability(source.checkpoints),
    ),
    *(
        LabelScore(
            f"cleanlab_{method}",
            f"cleanlab's {method.replace('_', ' ')}",
            CLEANLAB,
            tokens=lambda source, method=method: cleanlab_scores(source, method),  # type: ignore[misc]
        )
        for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
    ),
    LabelScore("random", "chance", tokens=random_scores),
)
SCORES = {score.name: score for score in ALL}
OLD_NAMES = {  # of version 0.1
    "clean_opposition": "trusted_opposition",
    "segment_clean_opposition": "segment_trusted_opposition",
    "clean_disagreement": "trusted_disagreement",
}


def label_scores(source: LabelSource, names: Sequence[str]) -> dict[str, numpy.ndarray]:
    """Score the label of every training token (float64, tokens, in document order): high is suspicious.

    Scores of segments give every token of an entity the entity's value, and a token outside entities its own; scores of
    documents give all tokens of a document the same. Tokens without any annotation have 0, the least suspicious.

    names (sequence of str): of ``SCORES``.
    RAISES (ValueError): S106 for an unknown score, S107 if the source lacks what it needs, S105 without cleanlab.
    """
    return {name: _by_token(source, score) * source.known for name, score in _named(source, names).items()}


def segment_scores(
    source: LabelSource, names: Sequence[str], segments: numpy.ndarray, how: str = "max"
) -> dict[str, numpy.ndarray]:
    """Score segments of training documents (float64, n): high is suspicious.

    segments (ints, n x 3): document, start, end (exclusive), such as ``source.entities``; none may be empty.
    how (str): "max" or "mean" over its tokens, for scores of tokens. Segments without any annotation have 0.
    RAISES (ValueError): S029 if a segment is not inside its document, else as ``label_scores``.
    """
    segments = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3)
    known = by_segment(source.known, source.data.lengths, segments) > 0
    found = {}
    for name, score in _named(source, names).items():
        if score.segments is not None:
            found[name] = score.segments(source, segments) * known
        elif score.documents is not None:
            found[name] = score.documents(source)[segments[:, 0]] * known
        else:
            found[name] = by_segment(_by_token(source, score) * source.known, source.data.lengths, segments, how)
    return found


def document_scores(source: LabelSource, names: Sequence[str], how: str = "max") -> dict[str, numpy.ndarray]:
    """Score training documents (float64, documents): high is suspicious.

    how (str): "max" or "mean" over its tokens, for scores that are not of documents. RAISES: as ``label_scores``.
    """
    found = {}
    for name, score in _named(source, names).items():
        if score.documents is not None:
            found[name] = score.documents(source)
        else:
            found[name] = by_document(_by_token(source, score) * source.known, source.data.lengths, how)
    return found


def _by_token(source: LabelSource, score: LabelScore) -> numpy.ndarray:
    if score.tokens is not None:
        return score.tokens(source)
    if score.documents is not None:
        return numpy.repeat(score.documents(source), source.data.lengths)
    assert score.segments is not None
    units = source.units
    return numpy.repeat(score.segments(source, units), units[:, 2] - units[:, 1])


def check_names(names: Sequence[str], *, trusted: bool, checkpoints: bool, words: bool = True) -> dict[str, LabelScore]:
    """Look scores up, and make sure that what they need is there: trusted documents, checkpoints, words.

    RAISES (ValueError): S106, S107.
    """
    available = {"": True, CLEANLAB: True, TRUSTED: trusted, CHECKPOINTS: checkpoints, WORDS: words}
    found = {}
    for name in names:
        score = SCORES.get(OLD_NAMES.get(name, name))
        if score is None:
            raise SeginfError(Errors.S106.format(score=name, known=one_of(SCORES, name)))
        if not available[score.needs]:
            raise SeginfError(Errors.S107.format(score=name, needs=score.needs))
        found[name] = score
    return found


def _named(source: LabelSource, names: Sequence[str]) -> dict[str, LabelScore]:
    has_words = len(source.words) == len(source.data.lengths)
    has = {"trusted": source.trusted is not None, "checkpoints": bool(source.checkpoints), "words": has_words}
    return check_names(names, **has)
