"""What a pipeline is given beside the words, such as the predicate whose roles are asked for: it goes from annotated
documents to those that are read."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Sequence, Union

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example
from spacy.util import registry

from ..corpora.propositions import PREDICATE
from .predicates import given_keys

GivenSpan = tuple[str, int, int, str]  # key of doc.spans, start, end, label


def keys_given_to(nlp: Language) -> list[str]:
    """List the keys of ``doc.spans`` that models of a pipeline read."""
    models = [component.model for _, component in nlp.pipeline if hasattr(component, "model")]
    return sorted({key for model in models if hasattr(model, "walk") for key in given_keys(model)})


def given_spans(nlp: Language, doc: Doc) -> list[GivenSpan]:
    """List what a pipeline's models read of a document beside its words."""
    keys = [key for key in keys_given_to(nlp) if key in doc.spans]
    return [(key, span.start, span.end, span.label_) for key in keys for span in doc.spans[key]]


def set_given(doc: Doc, spans: Iterable[GivenSpan]) -> None:
    """Undo ``given_spans``."""
    found: dict[str, list[Span]] = {}
    for key, start, end, label in spans:
        found.setdefault(key, []).append(Span(doc, start, end, label=label))
    for key, group in found.items():
        doc.spans[key] = group


def give(keys: Sequence[str], source: Doc, target: Doc) -> None:
    """Copy the spans of some keys to a document of the same text, whose tokens may be others."""
    same = [token.text for token in source] == [token.text for token in target]
    for key in keys:
        if key not in source.spans:
            continue
        if same:
            found = [Span(target, span.start, span.end, label=span.label_) for span in source.spans[key]]
        else:
            places = [(span.start_char, span.end_char, span.label_) for span in source.spans[key]]
            moved = [target.char_span(*place, alignment_mode="expand") for place in places]
            found = [span for span in moved if span is not None]
        target.spans[key] = found


@registry.readers("spacy_seginf.PropositionCorpus.v1")
class PropositionCorpus(Corpus):
    """spaCy's corpus reader (spacy.Corpus.v1), which gives pipelines the predicate of each document beside its words.

    path (Path): a .spacy file, or a folder of them, with one predicate in each document; see
        ``spacy_seginf.propositions``. key (str): of ``doc.spans`` that holds it. limit (int): read so many at most; 0
        for all.
    """

    def __init__(self, path: Union[str, Path, None], *, key: str = PREDICATE, limit: int = 0) -> None:
        if path is None:
            from spacy.errors import Errors as SpacyErrors

            raise ValueError(SpacyErrors.E913)
        super().__init__(path, limit=limit)
        self.key = key

    def _make_example(self, nlp: Language, reference: Doc, gold_preproc: bool) -> Example:
        example: Example = super()._make_example(nlp, reference, gold_preproc)  # type: ignore[no-untyped-call]
        give([self.key], reference, example.predicted)
        return example
