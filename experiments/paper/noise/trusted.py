"""What corrected labels of other documents teach of training labels: losses under heads that were fitted to them, on
features of the pipeline, and on those of pipelines whose encoders have not seen the training documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, cast

import numpy
from spacy.language import Language

from spacy_seginf.crf import one_label_each
from spacy_seginf.curation.reading import clean_texts
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.trusted import losses_by, trusted_l2
from spacy_seginf.errors import SeginfError
from spacy_seginf.explanation.loading import load_pipeline
from spacy_seginf.influence.choose import fit_to_optimum
from spacy_seginf.influence.data import HeadData, subset
from spacy_seginf.influence.head import Head
from spacy_seginf.tagger.crf_tagger import CRFTagger
from spacy_seginf.tagger.fingerprint import encoder_fingerprint, head_fingerprint
from spacy_seginf.tagger.head import head_of

from ...errors import LabErrors
from .learned import FOLDS, folds_of
from .sources import annotated
from .truth import LABELS, Record, Truth

TRUSTED, UNSEEN, UNSEEN_TRUSTED = "trusted_loss", "unseen_loss", "unseen_trusted_loss"


def trusted_scores(both: LabelSource, corrected: Truth) -> numpy.ndarray:
    """Score labels by heads that were fitted to corrected ones (float64, tokens): -log p(label | text) in nats.

    both (LabelSource): training documents, and behind them others with their uncorrected labels, as
        ``noise_sources.with_unseen`` gives them. corrected (Truth): of these others only, to which heads are fitted. Of
        a document among them, the head was fitted without the documents of its fold; only its penalty was chosen on
        all of them.
    """
    count = len(both.data.lengths) - len(corrected.lengths)
    seen, others = (subset(both.data, part) for part in numpy.split(numpy.arange(len(both.data.lengths)), [count]))
    first = len(seen.allowed)
    labels = both.labels[:first], both.labels[first:]
    found = _losses(seen, labels[0], others, labels[1], corrected.gold, both.head)
    return numpy.concatenate(found)


def parts_of(records: Sequence[Record], corpus: Sequence[Record], count: int) -> numpy.ndarray:
    """Say which of ``count`` parts of a corpus each of its documents is in (int64): they are dealt out in turns, as
    scripts/split.py does. records: some of the corpus, in any order."""
    places = {record["id"]: number for number, record in enumerate(corpus)}
    return numpy.array([places[record["id"]] % count for record in records], dtype=numpy.int64)


@dataclass(frozen=True)
class Unseeing:
    """A pipeline that was trained without some of the documents.

    nlp (Language), tagger (str): the pipeline and the name of its tagger. head (Head): the tagger's.
    fingerprint (str): of head and encoder.
    """

    nlp: Language
    tagger: str
    head: Head
    fingerprint: str

    @classmethod
    def load(cls, path: str, tagger: str, tags: Sequence[str]) -> Unseeing:
        """Load a pipeline. tagger (str): name of its tagger. tags (sequence of str): what this must have.

        RAISES (ValueError): S040 for a missing pipeline, S157 for other tags.
        """
        nlp = load_pipeline(path)
        found = cast(CRFTagger, nlp.get_pipe(tagger)).tags if tagger in nlp.pipe_names else []
        if list(found) != list(tags):
            names = ", ".join(found), ", ".join(tags)
            raise SeginfError(LabErrors.S157.format(path=path, name=tagger, found=names[0], known=names[1]))
        model = cast(CRFTagger, nlp.get_pipe(tagger)).model
        return cls(nlp, tagger, head_of(model), head_fingerprint(model) + encoder_fingerprint(nlp, tagger))

    def encode(self, records: Sequence[Record]) -> HeadData:
        """Encode documents: float32 features (tokens x d), and the labels of the records as permitted ones.

        RAISES (ValueError): S003 for a label that the tagger lacks; S010, S011, S013 as ``CRFTagger.encode``.
        """
        return clean_texts(self.nlp, [annotated(self.nlp, record, LABELS) for record in records], self.tagger).data


def unseen_scores(
    pipelines: Sequence[Unseeing],
    both: LabelSource,
    train: Sequence[Record],
    dev: Sequence[Record],
    parts: numpy.ndarray,
) -> dict[str, numpy.ndarray]:
    """Score labels by pipelines that were trained without them.

    pipelines: number k has not seen part k of the documents. both (LabelSource): as for ``trusted_scores``.
    train, dev: the records of its documents. parts (int64, documents of both): the part of each.
    RETURNS (dict of str to float64, tokens): -log p(label | text) in nats under the pipeline's own head, and under one
        that was fitted to the corrected labels of dev on its features.
    """
    corrected = Truth.of(dev, both.scheme.tags)
    tokens = numpy.repeat(parts, both.data.lengths)
    first = int(sum(both.data.lengths[: len(train)]))
    labels, given = both.labels[:first], both.labels[first:]
    found = {name: numpy.zeros(len(both.labels)) for name in (UNSEEN, UNSEEN_TRUSTED)}
    for number, pipeline in enumerate(pipelines):
        mine = [record for record, part in zip(train, parts.tolist()) if part == number]
        seen, others = pipeline.encode(mine), pipeline.encode(dev)
        own = tokens == number
        at = labels[own[:first]]
        plain = losses_by(pipeline.head, seen, at), losses_by(pipeline.head, others, given)
        trusted = _losses(seen, at, others, given, corrected.gold, pipeline.head)
        for name, (of_seen, of_others) in ((UNSEEN, plain), (UNSEEN_TRUSTED, trusted)):
            found[name][own] = numpy.concatenate([of_seen, of_others[own[first:]]])
    return found


def _losses(
    seen: HeadData,
    labels: numpy.ndarray,
    others: HeadData,
    given: numpy.ndarray,
    gold: numpy.ndarray,
    start: Head,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Judge labels (ints) of documents, and given labels (ints) of others, by heads fitted to gold labels of these."""
    trusted = HeadData(others.features, one_label_each(gold, others.labels), others.lengths)
    l2 = trusted_l2(trusted)
    head = fit_to_optimum(trusted, start, l2).head
    folds, crossed = folds_of(len(others.lengths)), numpy.zeros(len(given))
    for fold in range(FOLDS):
        inside = numpy.flatnonzero(folds == fold)
        without = fit_to_optimum(subset(trusted, numpy.flatnonzero(folds != fold)), head, l2).head
        rows = others.rows(inside)
        crossed[rows] = losses_by(without, subset(others, inside), given[rows])
    return losses_by(head, seen, labels), crossed
