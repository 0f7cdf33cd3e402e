"""A pipeline with its index, the corpus beside it, and texts with right labels, opened for curation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Optional, Sequence

import numpy
from spacy.language import Language

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..explanation.judged_texts import read_gold
from ..explanation.loading import load_indexed
from ..index.index import Index
from ..rendering.text import shorten, visible
from ..tagger.corpus import TrainingText
from ..tagger.crf_tagger import CRFTagger
from .alignment import CorpusAlignment, as_tagged
from .decisions import merge_decisions
from .predictors import Trusted
from .records import Decision
from .regions import Correction
from .source import LabelSource
from .texts import trusted_texts


@dataclass(frozen=True)
class Session:
    """What curation works with. nlp (Language), tagger (CRFTagger), index (Index), alignment (CorpusAlignment)."""

    nlp: Language
    tagger: CRFTagger
    index: Index
    alignment: CorpusAlignment

    @cached_property
    def source(self) -> LabelSource:
        """Training labels. RAISES (ValueError): S035 if the index was pruned."""
        return LabelSource.of(self.index)

    @cached_property
    def missing(self) -> list[tuple[int, int, int, str]]:
        """Entities that the index found missing from the annotation: (document, start, end, type)."""
        found: list[tuple[int, int, int, str]] = []
        if self.source.scheme.by_token:
            return found
        for row in range(len(self.index.segments)):
            document, start, end = self.index.segments.segment(row)
            if self.source.labels[self.source.data.starts[document] + start] == 0:
                found.append((document, start, end, str(self.index.segments.reference(row).get("missing") or "")))
        return found

    def read_gold(self, path: Optional[Path]) -> Optional[list[TrainingText]]:
        """Read texts with right labels, and encode nothing yet. RAISES (ValueError): as ``read_gold``."""
        return None if path is None else read_gold(self.nlp, self.tagger, path)

    def read_trusted(self, path: Optional[Path]) -> Optional[Trusted]:
        """Read and encode texts with right labels. RAISES (ValueError): as ``read_gold``."""
        return self.trusted(self.read_gold(path))

    def trusted(self, texts: Optional[Sequence[TrainingText]]) -> Optional[Trusted]:
        """Encode texts with right labels."""
        if texts is None:
            return None
        trusted = trusted_texts(self.nlp, [text.example for text in texts], self.tagger.name)
        certain = numpy.zeros(len(trusted.labels), dtype=bool)
        documents, starts, _ = trusted.segments.T
        certain[trusted.data.starts[documents] + starts] = True
        return Trusted(
            trusted.data,
            trusted.labels,
            certain,
            [text.identifier for text in texts],
            [text.first_token for text in texts],
            [[token.text for token in text.example.predicted] for text in texts],
        )

    def decided(self, decisions: Sequence[Decision]) -> list[Correction]:
        """Find decided regions in the index, the latest last; those that no document of the index has whole are left
        out. Conflicts between reviewers decide nothing.

        RAISES (ValueError): S213 if a decision does not fit the corpus.
        """
        agreed, _ = merge_decisions(decisions)
        found = [self._decided(decision) for decision in sorted(agreed, key=lambda one: one.time)]
        return [decided for decided in found if decided is not None]

    def annotated(self, document: int, start: int, end: int) -> tuple[Entity, ...]:
        """Return the entities that the corpus has among some tokens of a document of the index, numbered as in the
        corpus. Tags of the scheme IO can't tell entities of one type apart that touch; the corpus can."""
        name, first = self.index.place(document, 0)
        return self.alignment.among(name, start + first, end + first)

    def _decided(self, decision: Decision) -> Optional[Correction]:
        fits = False
        if decision.document in self.alignment:
            words, _ = self.alignment.words(decision.document, decision.start, decision.end)
            inside = self.alignment.among(decision.document, decision.start, decision.end)
            fits = words == decision.words and inside == tuple(sorted(decision.current))
        if not fits:
            where = visible(f"{decision.document}, tokens {decision.start}-{decision.end - 1}")
            raise SeginfError(Errors.S213.format(where=where, words=shorten(visible(" ".join(decision.words)))))
        place = self.alignment.in_index(decision.document, decision.start, decision.end)
        if place is None:
            return None
        moved = decision.start - place[1]
        current, outcome = (
            tuple(one.moved(-moved) for one in as_tagged(self.tagger.scheme, entities))
            for entities in (decision.current, decision.outcome or ())
        )
        document, start, end = place
        return Correction(start, end, outcome, document, current)


def open_session(pipeline: str, corpus: Path) -> Session:
    """Open a pipeline with an index, and the corpus that was indexed.

    RAISES (ValueError): S030 without an index, S040 or S042 for missing or wrong input, S211 if ids are there twice,
        S212 if index and corpus do not belong together, S221 under identity curvature.
    """
    nlp, influence = load_indexed(pipeline)
    index, tagger = influence.explainer().index, influence.find_tagger()
    if index.manifest.curvature == "identity":
        raise SeginfError(Errors.S221.format(path=pipeline))
    return Session(nlp, tagger, index, CorpusAlignment(index, nlp, corpus, tagger.scheme))
