"""Reasons beside references: what they share with a prediction, read off words and labels of the training corpus."""

from __future__ import annotations

from spacy_seginf.explanation.label_reasons import Rationale
from spacy_seginf.explanation.reasons import ONLY_DIRECTION, Surroundings
from spacy_seginf.index.index import Index
from spacy_seginf.indexing.build import compute_index
from spacy_seginf.tagger.corpus import TrainingText

from ..conftest import TEXTS, copy_pipeline, make_examples
from .fixtures import EXACT


def test_a_neighbour_without_a_label_has_none(tagger_nlp, tmp_path):
    """The fully trained tagger would call it a person; nobody else has."""
    nlp = copy_pipeline(tagger_nlp)
    examples = make_examples(TEXTS, nlp.vocab)
    doc = examples[0].reference
    assert [token.text for token in doc[:4]] == ["Ada", "Lind", "visited", "Tarnby"]
    doc.set_ents([ent for ent in doc.ents if ent.label_ == "LOC"], missing=[doc[0:2]], default="outside")
    texts = [TrainingText(example, example.reference.user_data["id"]) for example in examples]
    compute_index(nlp, "crf_tagger", texts, tmp_path / "index", settings=EXACT)
    index = Index(tmp_path / "index")
    scheme = nlp.get_pipe("crf_tagger").scheme
    assert index.known(0).tolist() == [False, False, *[True] * (len(doc) - 2)]
    assert all(index.known(document).all() for document in range(1, len(TEXTS)))
    assert scheme.tags[index.labels[1]] == "I-PER"  # what the index fills in

    def reasons(word):
        place = next(row for row in range(len(index.tokens)) if index.tokens.reference(row)["text"] == word)
        query = Surroundings(("greeted",), "x", "y", "PER", "LOC")
        return Rationale(index, scheme).reference_reasons(query, place, "token")

    assert reasons("visited") == ["LOC behind", "the shape xxxx"]
    assert reasons("met") == ["PER before"]
    assert reasons("Shares") == [ONLY_DIRECTION]
