"""Evidence: the exact share of each training label in the margin of a prediction over the most probable other one.

Shares add up to the margin (see ``influence.evidence``); they say what a head is made of. What would change without a
label is another question, which segment influence answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from spacy.util import registry

from ..crf.covariance import sum_rows
from ..errors import Errors, SeginfError
from ..influence.choose import fit_to_optimum
from ..influence.evidence import contrasts, marginal_residuals, other_readings
from ..influence.head import Head
from ..influence.penalty import Penalty
from .method import Attribution, Context, Method, Texts


@registry.misc("spacy_seginf.Evidence.v1")
@dataclass(frozen=True)
class Evidence(Method):
    """Score training segments by their shares in the margin, under the head that training labels alone make.

    RAISES (ValueError): S258 where there is no penalty, without which no head is a sum over labels.
    """

    name = "evidence"
    cost = "one pass over the training documents; one product per query, segment and label in question"

    def prepare(self, context: Context) -> Attribution:
        """Compute the residuals of all training tokens given their whole texts."""
        return _EvidenceAttribution(context)


class _EvidenceAttribution(Attribution):
    def __init__(self, context: Context) -> None:
        self._head, self._l2 = _label_head(context)
        tagger = context.nlp.get_pipe(context.tagger)
        self._mask = tagger.scheme.mask  # type: ignore[attr-defined]
        data, segments = context.training.data, context.training.segments
        rows = data.rows_of(segments)
        self._lengths = (segments[:, 2] - segments[:, 1]).tolist()
        self._features = data.features[rows]
        self._residuals = marginal_residuals(data, self._head)[rows]
        self.bytes_per_segment = 2.0 * self._residuals.shape[1] * len(rows) / max(len(segments), 1)

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return shares in nats (float64, queries x training segments); 0 where no other labels are permitted."""
        result = numpy.zeros((len(queries), len(self._lengths)))
        asked = queries.data, queries.labels
        for number, segment in enumerate(queries.segments[:, None]):
            (other,) = other_readings(self._head, self._mask, *asked, segment)
            if other[0] >= 0:
                contrast = contrasts(*asked, segment, numpy.array(other))
                shares = contrast.token_shares(self._features, self._residuals, self._l2)
                result[number] = sum_rows(shares.T, self._lengths)[:, 0]
        return result


def _label_head(context: Context) -> tuple[Head, float]:
    """Return the head that labels make, and its l2; it is fitted here if nobody has done so."""
    if context.label_head is not None:
        head, penalty = context.label_head
    else:
        head, penalty = context.head, context.penalty
    if not penalty.l2:
        raise SeginfError(Errors.S258)
    if penalty.centre is not None:
        head = fit_to_optimum(context.training.data, Head.zeros(context.training.data), Penalty(penalty.l2)).head
    return head, penalty.l2
