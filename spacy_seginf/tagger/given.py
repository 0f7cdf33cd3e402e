"""What a pipeline is given beside the words, such as the predicate whose roles are asked for: it goes from annotated
documents to those that are read."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence, Union

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example
from spacy.util import registry

from ..corpora.propositions import PREDICATE
from .predicates import given_keys


def keys_given_to(nlp: Language) -> list[str]:
    """List the keys of ``doc.spans`` that models of a pipeline read."""
    models = [component.model for _, component in nlp.pipeline if hasattr(component, "model")]
    return sorted({key for model in models if hasattr(model, "walk") for key in given_keys(model)})


def give(keys: Sequence[str], source: Doc, target: Doc) -> None:
    """Copy the spans of some keys to a document of the same text, whose tokens may be others."""
    for key in keys:
        if key not in source.spans:
            continue
        spans = []
        for span in source.spans[key]:
            if len(source) == len(target):
                spans.append(Span(target, span.start, span.end, label=span.label_))
            else:
                found = target.char_span(span.start_char, span.end_char, span.label_, alignment_mode="expand")
                spans += [] if found is None else [found]
        target.spans[key] = spans


@registry.readers("spacy_seginf.PropositionCorpus.v1")
class PropositionCorpus(Corpus):
    """spaCy's corpus reader (spacy.Corpus.v1), which gives pipelines the predicate of each document beside its words.

    path (Path): a .spacy file, or a folder of them, with one predicate in each document; see
        ``spacy_seginf.propositions``. key (str): of ``doc.spans`` that holds it. limit (int): read so many at most; 0
        for all.
    """

    def __init__(self, path: Union[str, Path, None], *, key: str = PREDICATE, limit: int = 0) -> None:
        super().__init__(path, limit=limit)  # type: ignore[arg-type]  # spacy.Corpus.v1 refuses no path when it is read
        self.key = key

    def _make_example(self, nlp: Language, reference: Doc, gold_preproc: bool) -> Example:
        example: Example = super()._make_example(nlp, reference, gold_preproc)  # type: ignore[no-untyped-call]
        give([self.key], reference, example.predicted)
        return example
