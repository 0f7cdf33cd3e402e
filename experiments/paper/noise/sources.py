"""What scores of label quality are computed from in the experiments on noise: training labels, labels of other
documents under the head that they did not train, and clean documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.attribution.instance_influence import InstanceInfluence
from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.curation.clean import TOP, clean_of
from spacy_seginf.curation.losses import marginal_losses
from spacy_seginf.curation.reading import clean_texts
from spacy_seginf.curation.scores import label_scores
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.problem import join
from spacy_seginf.influence.curvature import IdentityCurvature

from ...errors import LabErrors
from .truth import GOLD, LABELS, TOKENS, Record

OPPOSITION, SEGMENT_OPPOSITION = "clean_opposition", "segment_clean_opposition"
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
    return clean_texts(nlp, [annotated(nlp, records[number], GOLD) for number in drawn], tagger)


def with_unseen(nlp: Language, tagger: str, source: LabelSource, records: Sequence[Record]) -> LabelSource:
    """Put documents that trained nothing, with their uncorrected labels, behind the training documents.

    Their labels are judged as those of training documents are, but the head as it is has not seen them: what it says is
    held out already.
    """
    texts = clean_texts(nlp, [annotated(nlp, record, LABELS) for record in records], tagger)
    unseen = replace(source, data=texts.data, labels=texts.labels, stored=None)
    held_out = numpy.exp(-marginal_losses(unseen))
    seen = Texts([], source.data, source.labels, NOTHING)
    both = join([seen, replace(texts, docs=[], segments=NOTHING)])
    stored = numpy.concatenate([source.held_out, held_out])
    words = [*source.words, *(record[TOKENS] for record in records)]
    return replace(source, data=both.data, labels=both.labels, stored=stored, words=words)


def clean_scores(nlp: Language, tagger: str, source: LabelSource, clean: Texts) -> tuple[Scores, Scores]:
    """Score training labels by what clean documents say of them.

    RETURNS: scores of tokens (float64), and of documents (float64). Influence is that of single labels and of whole
        entities, in the metric of the source and with identity curvature, which the authors take; the loss is under a
        head that is fitted to the clean documents alone.
    """
    source = replace(source, clean=clean)
    identity = replace(source, metric=IdentityCurvature(source.data.labels, source.data.width), stored=None)
    exact = label_scores(source, [OPPOSITION, SEGMENT_OPPOSITION, "clean_disagreement", "trusted_loss"])
    plain = label_scores(identity, [OPPOSITION, SEGMENT_OPPOSITION])
    tokens = {
        "segment influence": exact[OPPOSITION],
        "entity influence": exact[SEGMENT_OPPOSITION],
        "segment influence (identity)": plain[OPPOSITION],
        "entity influence (identity)": plain[SEGMENT_OPPOSITION],
        "nearest neighbours": exact["clean_disagreement"],
        "loss under a head of their own": exact["trusted_loss"],
    }
    documents = {
        "instance influence": _instance_opposition(nlp, tagger, source),
        "instance influence (identity)": _instance_opposition(nlp, tagger, identity),
    }
    return tokens, documents


def _instance_opposition(nlp: Language, tagger: str, source: LabelSource) -> numpy.ndarray:
    """Return how strongly each training document opposes the clean ones (float64, documents): the mean of the 10 most
    negative influences of its loss on theirs (Jain et al. 2022, Eq. 2), with their sign turned."""
    clean = clean_of(source)
    training = Texts([], source.data, source.labels, _whole(source.data.lengths))
    context = Context(nlp, tagger, training, source.head, source.penalty, source.metric)
    influences = InstanceInfluence().prepare(context).scores(replace(clean, segments=_whole(clean.data.lengths)))
    return numpy.sort(-influences, axis=0)[::-1][:TOP].mean(axis=0)


def annotated(nlp: Language, record: Record, key: str) -> Doc:
    """Make a document with the entities of a record. key (str): of its labels."""
    return Doc(nlp.vocab, words=record[TOKENS], ents=record[key])


def _whole(lengths: Sequence[int]) -> numpy.ndarray:
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    return numpy.stack([numpy.arange(len(sizes)), numpy.zeros_like(sizes), sizes], axis=1)
