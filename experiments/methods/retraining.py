"""Train a whole pipeline anew, encoder and head, on documents some of whose labels are missing."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config, minibatch, registry

from spacy_seginf.attribution.method import Texts
from spacy_seginf.crf import one_label_each
from spacy_seginf.crf.schemes import TAG, TagScheme
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.refits import rows_of
from spacy_seginf.explanation.influence import Influence
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.tagger.checkpoints import CheckpointWriter
from spacy_seginf.tagger.crf_tagger import CRFTagger
from spacy_seginf.tagger.encoding import bare_copy, encode
from spacy_seginf.tagger.head import head_of, on_cpu

from ..errors import LabErrors

BATCH = 64
THIRDS = 3  # of a training, after each of which there is a checkpoint


@dataclass(frozen=True)
class Retraining:
    """How a pipeline is trained: by the config of another one, without that one's influence components.

    nlp (Language): the other one. tagger (str): its crf_tagger. steps (int): updates.
    """

    nlp: Language
    tagger: str
    steps: int

    def __post_init__(self) -> None:
        """RAISES (ValueError): S111 if the tagger explains another component, which would have to be trained; S112 if
        the config has components that are frozen or that annotate during training."""
        explained = self.component(self.nlp)
        if explained.explains is not None:
            raise SeginfError(LabErrors.S111.format(name=self.tagger, component=explained.explains))
        training = self.nlp.config["training"]
        others = [*training.get("frozen_components", []), *training.get("annotating_components", [])]
        if others:
            raise SeginfError(LabErrors.S112.format(components=", ".join(others)))

    def component(self, nlp: Language) -> CRFTagger:
        """Return the tagger of a pipeline."""
        tagger: Any = nlp.get_pipe(self.tagger)
        return tagger

    def annotated(self, training: Texts, missing: numpy.ndarray) -> list[Doc]:
        """Write training labels to copies of documents.

        missing (int64, n x 3): segments without labels. They are whole entities, or in none: spaCy can't say that a
            label is missing inside an entity.
        """
        unknown = numpy.array(training.data.allowed.all(axis=1), dtype=bool)
        unknown[rows_of(training.data, missing)] = True
        result = []
        for doc, start in zip(training.docs, training.data.starts.tolist()):
            rows = slice(start, start + len(doc))
            result.append(bare_copy(self.nlp, doc))
            _annotate(result[-1], self.component(self.nlp).scheme, training.labels[rows], unknown[rows])
        return result

    def train(
        self, documents: Sequence[Doc], seed: int, steps: Optional[int] = None, checkpoints: Optional[Path] = None
    ) -> Language:
        """Train with the config's optimizer, batcher and dropout, without evaluations between. Parameters and batches
        begin with the seed, so two trainings with the same seed differ by their annotation only.

        documents (sequence of Doc): annotated. steps (int): other than the usual number. checkpoints (Path): where the
            pipeline is saved at each third of the way, as a CheckpointLogger does.
        """
        config = self.nlp.config.copy()
        inert = [name for name, component in self.nlp.components if isinstance(component, Influence)]
        config["nlp"]["pipeline"] = [name for name in config["nlp"]["pipeline"] if name not in inert]
        for name in inert:
            config["components"].pop(name, None)
        labels = {"labels": list(self.component(self.nlp).labels)}  # all trainings number their tags alike
        config["initialize"]["components"][self.tagger] = labels
        fix_random_seed(seed)
        nlp = load_model_from_config(config, auto_fill=True)
        examples = [Example(bare_copy(nlp, doc), _moved(nlp, doc)) for doc in documents]
        optimizer = nlp.initialize(lambda: examples)
        fix_random_seed(seed)
        training = config.interpolate()["training"]
        batcher = registry.resolve({"batcher": training["batcher"]})["batcher"]
        total = self.steps if steps is None else steps
        writer = None if checkpoints is None else CheckpointWriter(checkpoints)
        saved = {-(-total * part // THIRDS) for part in range(1, THIRDS + 1)}
        for step, batch in enumerate(islice(_batches(examples, batcher), total), start=1):
            nlp.update(batch, sgd=optimizer, drop=training["dropout"])
            if writer is not None and step in saved:
                writer.save(nlp, step, float(optimizer.learn_rate))
            optimizer.step_schedules()
        with nlp.use_params(optimizer.averages or {}):  # what `spacy train` saves
            return nlp.from_bytes(nlp.to_bytes())

    def seconds(self, documents: Sequence[Doc], steps: int = 4) -> float:
        """Estimate how long a training takes, from some steps."""
        start = time.perf_counter()
        self.train(documents, 0, 1)
        once = time.perf_counter() - start
        start = time.perf_counter()
        self.train(documents, 0, 1 + steps)
        step = max(time.perf_counter() - start - once, 0.0) / steps
        return once + step * self.steps

    def losses(self, nlp: Language, queries: Texts) -> numpy.ndarray:
        """Return the losses of queries' labels under a trained pipeline, its own head included (float64, queries)."""
        tagger = self.component(nlp)
        features = [
            on_cpu(rows)
            for batch in minibatch(queries.docs, BATCH)
            for rows in encode(nlp, tagger, [bare_copy(nlp, doc) for doc in batch])
        ]
        allowed = one_label_each(queries.labels, len(tagger.tags))
        data = HeadData(numpy.concatenate(features), allowed, queries.data.lengths)
        head = head_of(tagger.model)
        return SegmentChains(head, data, queries.labels, queries.segments).losses(numpy.zeros((1, head.size)))[0]


def _batches(examples: list[Example], batcher: Any) -> Iterator[Sequence[Example]]:
    """Yield batches for ever, in another order each time round."""
    while True:
        random.shuffle(examples)
        yield from batcher(examples)


def _moved(nlp: Language, doc: Doc) -> Doc:
    """Copy an annotated document to the vocabulary of another pipeline."""
    return Doc(nlp.vocab).from_bytes(doc.to_bytes())


def _annotate(doc: Doc, scheme: TagScheme, tags: numpy.ndarray, absent: numpy.ndarray) -> None:
    if scheme.name == TAG:
        for token, tag, free in zip(doc, tags, absent):
            token.tag_ = "" if free else scheme.tags[tag]
        return
    known = [entity for entity in scheme.entities(tags) if not absent[entity[0] : entity[1]].any()]
    doc.set_ents(
        [Span(doc, start, end, label=label) for start, end, label in known],
        missing=[doc[token : token + 1] for token in numpy.flatnonzero(absent).tolist()],
        default="outside",
    )
