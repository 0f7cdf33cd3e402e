"""What scores of label quality are computed from in the experiments on noise: training labels, labels of other
documents under the head that they did not train, and clean documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.attribution.method import Texts
from spacy_seginf.curation.losses import marginal_losses
from spacy_seginf.curation.scores import document_scores, label_scores
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.texts import trusted_texts
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.problem import join
from spacy_seginf.influence.curvature import IdentityCurvature

from ...errors import LabErrors
from .truth import GOLD, LABELS, TOKENS, Record

OPPOSITION, SEGMENT_OPPOSITION = "trusted_opposition", "segment_trusted_opposition"
INSTANCE_OPPOSITION = "document_trusted_opposition"
Scores = dict[str, numpy.ndarray]
NOTHING = numpy.zeros((0, 3), dtype=numpy.int64)


def clean_documents(nlp: Language, tagger: str, records: Sequence[Record], count: int, seed: int) -> Texts:
    """Draw so many documents, and encode them with their corrected labels.

    RAISES (ValueError): S156 if there are fewer.
    """
    if len(records) < count:
        raise SeginfError(
            LabErrors.S156.format(found=len(records), what="documents to draw clean ones from", needed=count)
        )
    drawn = numpy.random.default_rng(seed).permutation(len(records))[:count].tolist()
    return trusted_texts(nlp, [annotated(nlp, records[number], GOLD) for number in drawn], tagger)


def with_unseen(nlp: Language, tagger: str, source: LabelSource, records: Sequence[Record]) -> LabelSource:
    """Put documents that trained nothing, with their uncorrected labels, behind the training documents.

    Their labels are judged as those of training documents are, but the head as it is has not seen them: what it says is
    held out already.
    """
    texts = trusted_texts(nlp, [annotated(nlp, record, LABELS) for record in records], tagger)
    unseen = replace(source, data=texts.data, labels=texts.labels, stored=None)
    held_out = numpy.exp(-marginal_losses(unseen))
    seen = Texts([], source.data, source.labels, NOTHING)
    both = join([seen, replace(texts, docs=[], segments=NOTHING)])
    stored = numpy.concatenate([source.held_out, held_out])
    words = [*source.words, *(record[TOKENS] for record in records)]
    return replace(source, data=both.data, labels=both.labels, stored=stored, words=words)


def clean_scores(source: LabelSource, clean: Texts) -> tuple[Scores, Scores]:
    """Score training labels by what clean documents say of them.

    RETURNS: scores of tokens (float64), and of documents (float64). Influence is that of single labels and of whole
        entities, in the metric of the source and with identity curvature, which the authors take; the loss is under a
        head that is fitted to the clean documents alone.
    """
    source = replace(source, trusted=clean)
    identity = replace(source, metric=IdentityCurvature(source.data.labels, source.data.width), stored=None)
    names = [OPPOSITION, SEGMENT_OPPOSITION, "trusted_neighbours", "trusted_disagreement", "trusted_loss"]
    exact = label_scores(source, names)
    plain = label_scores(identity, [OPPOSITION, SEGMENT_OPPOSITION])
    tokens = {
        "segment influence": exact[OPPOSITION],
        "entity influence": exact[SEGMENT_OPPOSITION],
        "segment influence (identity)": plain[OPPOSITION],
        "entity influence (identity)": plain[SEGMENT_OPPOSITION],
        "nearest neighbours": exact["trusted_neighbours"],
        "neighbour disagreement": exact["trusted_disagreement"],
        "loss under a head of their own": exact["trusted_loss"],
    }
    documents = {
        name: document_scores(own, [INSTANCE_OPPOSITION])[INSTANCE_OPPOSITION]
        for name, own in (("instance influence", source), ("instance influence (identity)", identity))
    }
    return tokens, documents


def annotated(nlp: Language, record: Record, key: str) -> Doc:
    """Make a document with the entities of a record. key (str): of its labels."""
    return Doc(nlp.vocab, words=record[TOKENS], ents=record[key])
