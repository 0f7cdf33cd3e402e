"""What pipelines that differ in the seed predict for the same texts."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, NamedTuple, Optional, Sequence

from spacy.tokens import Doc

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..explanation.loading import load_pipeline
from ..explanation.stability import Found, Stability, key_of
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import read_as, run_before
from ..tagger.probabilities import DocProbabilities, probabilities_of


class _Predicted(NamedTuple):
    """What one pipeline says of a text. key (str): names the text, see ``key_of``."""

    key: str
    entities: set[Entity]
    probabilities: DocProbabilities
    labels: tuple[str, ...]

    def p(self, one: Entity) -> float:
        """Return the probability of an entity; of a label that the pipeline never saw it is 0."""
        known = one.label in self.labels
        return min(self.probabilities.probability(one.start, one.end, one.label), 1.0) if known else 0.0


def compare_trainings(
    pipelines: Mapping[int, Path], docs: Sequence[Doc], asked: Optional[Sequence[Sequence[Entity]]] = None
) -> Stability:
    """Let pipelines predict texts.

    pipelines (mapping): by their seeds. docs (sequence of Doc): texts; their annotation is not read.
    asked: for each text, predictions whose probability is wanted whoever predicts them.
    RAISES (ValueError): S269 if a pipeline has no crf_tagger of its own.
    """
    predicted = {seed: _predictions(path, docs) for seed, path in pipelines.items()}
    texts = {}
    for number in range(len(docs)):
        by_seed = [found[number] for found in predicted.values()]
        wanted = set(() if asked is None else asked[number]).union(*(own.entities for own in by_seed))
        texts[by_seed[0].key] = [
            Found(
                one.start, one.end, one.label, [own.p(one) for own in by_seed], [one in own.entities for own in by_seed]
            )
            for one in sorted(wanted)
        ]
    return Stability(list(pipelines), texts)


def _predictions(path: Path, docs: Sequence[Doc]) -> list[_Predicted]:
    nlp = load_pipeline(str(path))
    taggers = [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, CRFTagger) and pipe.explains is None]
    if not taggers:
        raise SeginfError(Errors.S269.format(path=path, known=", ".join(nlp.pipe_names) or "none"))
    name, tagger = taggers[-1]
    read = tagger.pipe(run_before(nlp, tagger, [read_as(nlp, doc) for doc in docs]))
    return [
        _Predicted(key_of(nlp, doc), set(tagger.target.spans(doc)), probabilities_of(doc, name), tagger.labels)
        for doc in read
    ]
