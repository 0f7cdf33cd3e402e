"""Labels of the same word elsewhere, against a loop."""

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.curation.consistency import document_form_losses, form_losses
from spacy_seginf.curation.scores import label_scores

from . import definitions


def test_against_a_loop(source):
    places = definitions.tokens(source)
    words = [word for document in source.words for word in document]
    for compute, inside in ((form_losses, False), (document_form_losses, True)):
        expected = []
        for row, document, _ in places:
            others = [
                source.labels[other]
                for other, owner, _ in places
                if words[other] == words[row]
                and source.known[other]
                and (owner == document and other != row if inside else owner != document)
            ]
            if inside and not source.known[row]:
                others = others[1:]  # what it says of tokens without annotation is not used
            same = sum(label == source.labels[row] for label in others)
            expected.append(-numpy.log((same + source.held_out[row]) / (len(others) + 1)))
        found = compute(source)
        known = source.known
        numpy.testing.assert_allclose(found[known], numpy.array(expected)[known], rtol=1e-9)
        assert (found[known] > 0).all()


def test_contradicted_labels_are_suspicious(source):
    """All occurrences of a word but one have the same label: that one is the most suspicious."""
    labels = numpy.zeros_like(source.labels)
    labels[4] = 1
    words = [["same"] * length for length in source.data.lengths]
    found = form_losses(replace(source, labels=labels, words=words))
    assert found.argmax() == 4 and found[4] > 5 * numpy.delete(found, 4).max()


def test_new_words_have_the_held_out_loss(source):
    words = [[f"{number}-{token}" for token in range(length)] for number, length in enumerate(source.data.lengths)]
    found = label_scores(replace(source, words=words), ["form_loss", "document_form_loss", "held_out_loss"])
    for name in ("form_loss", "document_form_loss"):
        numpy.testing.assert_allclose(found[name], found["held_out_loss"], rtol=1e-6)


def test_words_must_be_given(source):
    with pytest.raises(ValueError, match=r"S107.*form_loss.*words"):
        label_scores(replace(source, words=()), ["form_loss"])
