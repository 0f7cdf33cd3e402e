"""The stages of training at which a method compares gradients: checkpoints, or the finished pipeline alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import numpy
from spacy.language import Language
from spacy.util import minibatch

from ..influence.head import Head
from ..influence.segments import SegmentFactors
from ..tagger.checkpoints import read_checkpoints
from ..tagger.crf_tagger import CRFTagger, find_tagger
from ..tagger.head import head_of, on_cpu
from .encoder_gradients import Encoder
from .method import Context, Texts

BATCH = 64  # documents that are encoded at a time


@dataclass(frozen=True)
class Stage:
    """An encoder and its head.

    nlp (Language), tagger (CRFTagger): the pipeline at this stage. head (Head): the tagger's.
    learn_rate (float): how much the stage counts. finished (bool): whether it is the pipeline that is explained, whose
        features and head are at hand.
    """

    nlp: Language
    tagger: CRFTagger
    head: Head
    learn_rate: float
    finished: bool = False

    def encoder(self) -> Encoder:
        """Return what differentiates the encoder."""
        return Encoder(self.nlp, self.tagger)

    def encoded(self, texts: Texts) -> Texts:
        """Return the same segments with this stage's features."""
        if self.finished:
            return texts
        encoder = self.encoder()
        rows: list[numpy.ndarray] = []
        for docs in minibatch(texts.docs, BATCH):
            if encoder.upstream is None:
                features = self.tagger.encode(encoder.prepare(docs))
            else:  # components hand features on through the documents, which belong to the caller
                prepared = [doc.copy() for doc in encoder.prepare(docs)]
                features = self.tagger.encode(list(encoder.upstream.pipe(prepared, batch_size=BATCH)))
            rows += [on_cpu(part) for part in features if len(part)]
        empty = numpy.zeros((0, texts.data.features.shape[1]), dtype=numpy.float32)
        return replace(texts, data=replace(texts.data, features=numpy.concatenate([empty, *rows])))

    def factors(self, texts: Texts) -> SegmentFactors:
        """Return minus the gradients of the segments' conditional losses with respect to the head."""
        return self.encoded(texts).chains(self.head).factors()


def load_stages(context: Context, checkpoints: Optional[str]) -> list[Stage]:
    """Load the stages; all of them stay in memory.

    checkpoints (Optional[str]): the folder of a CheckpointLogger; the pipeline itself, at learning rate 1, if None.
        Checkpoints at learning rate 0 count for nothing and are left out.
    RAISES (ValueError): S090 to S093 as ``read_checkpoints`` and ``Checkpoint.load``.
    """
    if checkpoints is None:
        tagger = find_tagger(context.nlp, context.tagger)
        return [Stage(context.nlp, tagger, context.head, 1.0, finished=True)]
    stages = []
    for checkpoint in read_checkpoints(Path(checkpoints)):
        if checkpoint.learn_rate:
            nlp = checkpoint.load(context.nlp, context.tagger)
            tagger = find_tagger(nlp, context.tagger)
            stages.append(Stage(nlp, tagger, head_of(tagger.model), checkpoint.learn_rate))
    return stages
