"""Evidence of other spans in the same slot of a document."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.crf import one_label_each
from spacy_seginf.curation.candidates import Regions, find_regions
from spacy_seginf.curation.slots import slot_evidence
from spacy_seginf.influence.data import HeadData

MATCHES = "Osted AT Tarnby . Veltra AT Harrow . Pelham AT Norvik . Solano AT Lind ."
# "A" and "B" of two types: the teams at home are A but one, which is not annotated; Norvik is B.
TAGS = [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 3, 0, 1, 0, 0, 0]


@pytest.fixture
def matches(two_types):
    """Two documents of four matches each; in the second nobody plays in the same words."""
    words = MATCHES.split()
    others = [word if word.istitle() else f"{word}{'x' * place}" for place, word in enumerate(words)]
    labels = numpy.array(TAGS * 2)
    data = HeadData(numpy.zeros((32, 6), dtype=numpy.float32), one_label_each(labels, 5), [16, 16])
    source = replace(two_types, data=data, labels=labels, words=[words, others])
    return Regions(source, find_regions(source, [(0, 14, 15, "A"), (1, 14, 15, "A")]))


def test_other_spans_in_the_slot(matches):
    evidence = numpy.random.default_rng(0).normal(size=len(matches.owners))
    found = slot_evidence(matches, evidence)
    assert not found[matches.firsts].any()

    def place(document, start, held):
        """Find the candidate that holds a type there, or nothing."""
        for first, region in zip(matches.firsts.tolist(), matches.regions):
            current = region.candidates[0]
            begins = current[0].start if len(current) == 1 else region.start
            if region.document == document and len(current) <= 1 and begins == start:
                for number, candidate in enumerate(region.candidates):
                    if [(one.start, one.end, one.label) for one in candidate] == held:
                        return first + number

    def relabelled(start, label, document=0):
        return place(document, start, [(start, start + 1, label)])

    # Behind "[] AT" and before ". []": Tarnby and Harrow are A; Norvik is B and of another change; Lind is last.
    first, second = relabelled(2, "B"), relabelled(6, "B")
    assert found[first] == pytest.approx(evidence[second] / 2) and found[second] == pytest.approx(evidence[first] / 2)
    for change in (relabelled(10, "A"), relabelled(14, "A"), relabelled(2, "B", 1), place(0, 2, [(1, 3, "A")])):
        assert change is not None and found[change] == 0.0
    # Before "AT []" and behind ".": Veltra, Pelham and Solano.
    removed = [place(0, start, []) for start in (4, 8, 12)]
    for number, one in enumerate(removed):
        rest = [evidence[other] for other in removed if other != one]
        # Solano's match ends with what is no entity, so that its words are others.
        expected = 0.0 if number == 2 else evidence[removed[1 - number]] / 2
        assert found[one] == pytest.approx(expected) and len(rest) == 2


def test_nothing_in_question(two_types):
    none = Regions(two_types, [])
    assert len(slot_evidence(none, numpy.zeros(0))) == 0
