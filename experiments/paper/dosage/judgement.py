"""Are references in dosages of the right label, and how often would random ones be?"""

from __future__ import annotations

import numpy

from .texts import Dosages

TOKEN, EXAMPLE = "token", "example"
ANYWHERE, DOCUMENT = "example_of_any_token", "example_of_any_document"
ANY = "any_token"


def right_references(
    dosages: Dosages, label: int, references: numpy.ndarray, *, by_document: bool = False
) -> dict[str, numpy.ndarray]:
    """Judge one reference for each query.

    dosages (Dosages): of the training documents. label (int): what the dosage should be labelled as.
    references (int64, queries): training tokens, or documents if ``by_document``; -1 is none, and wrong.
    RETURNS (bool, queries): by "example", whether the document has such a dosage; and by "token", whether the token is
        in one, unless ``by_document``.
    """
    there = references >= 0
    documents = references if by_document else dosages.documents[references]
    right = {EXAMPLE: dosages.documents_with(label)[documents] & there}
    return right if by_document else {**right, TOKEN: dosages.tokens_in(label)[references] & there}


def base_rates(dosages: Dosages, label: int) -> dict[str, float]:
    """Say how often a random reference would be right for a label.

    RETURNS: "token" and "example" of a random token with the label; "any_token" and "example_of_any_token" of any
        random token; "example_of_any_document" of a random document.
    """
    inside, holding = dosages.tokens_in(label), dosages.documents_with(label)
    by_token = holding[dosages.documents]
    own = dosages.labels == label
    return {
        TOKEN: _mean(inside[own]),
        EXAMPLE: _mean(by_token[own]),
        ANY: _mean(inside),
        ANYWHERE: _mean(by_token),
        DOCUMENT: _mean(holding),
    }


def _mean(values: numpy.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
