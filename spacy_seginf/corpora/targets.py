"""What a tagger annotates: entities, fine-grained tags, parts of speech, or the spans of one key of ``doc.spans``. How
each is read off documents and examples, and written to them, is known here alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Iterable, Optional, Sequence

from spacy.parts_of_speech import IDS as PARTS
from spacy.scorer import Scorer, get_ner_prf
from spacy.strings import StringStore
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.training.iob_utils import doc_to_biluo_tags

from ..crf.schemes import ENTS, OUTSIDE, Entity, biluo_tags
from ..errors import Errors, SeginfError
from ..guesses import one_of

SPANS = "spans:"
GAPS = "missing"  # attribute of a group of spans: tokens of which nothing is said
MISSING = None  # in what is annotated, token by token


class Target(ABC):
    """One annotation of documents.

    name (str): "ents", "tag", "pos" or "spans:KEY". by_token (bool): whether it is a tag of every token. what, where
    (str): what it is called in messages, and where documents have it. score (str): the main key of spaCy's scores.
    """

    by_token = False
    name: str
    what: str
    where: str
    score: str

    @abstractmethod
    def is_annotated(self, doc: Doc) -> bool:
        """Tell whether anything is said of a document, be it that there is nothing."""

    @abstractmethod
    def spans(self, doc: Doc) -> list[Entity]:
        """List what is annotated, in order; each tag of a token is one of one token."""

    def read(self, doc: Doc) -> list[Span]:
        """List the same as spans of the document."""
        return [Span(doc, one.start, one.end, label=one.label) for one in self.spans(doc)]

    @abstractmethod
    def missing(self, doc: Doc) -> tuple[int, ...]:
        """List the tokens of which nothing is said."""

    @abstractmethod
    def gold(self, example: Example) -> list[Optional[str]]:
        """Return the annotation of each token of the predicted document: BILUO, or tags of tokens; None is missing."""

    @abstractmethod
    def found(self, doc: Doc) -> list[Optional[str]]:
        """Return what stands on a document in the same way."""

    @abstractmethod
    def write(
        self, doc: Doc, annotation: Iterable[Entity], present: Sequence[Span] = (), missing: Sequence[int] = ()
    ) -> None:
        """Write what a whole document is annotated with; each tag of a token is one of one token.

        present (sequence of Span): entities that stay, and blocked spans (without a label). missing (ints): tokens of
            which nothing is said.
        """

    @abstractmethod
    def take_away(self, doc: Doc, known: set[str]) -> list[str]:
        """Make labels that are not known missing ones; return them."""

    @abstractmethod
    def scores(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """Score predictions as spaCy does."""

    def labels(self, docs: Iterable[Doc]) -> set[str]:
        """Collect the labels of documents."""
        return {one.label for doc in docs for one in self.spans(doc)}

    @property
    def score_weights(self) -> dict[str, Optional[float]]:
        """What a training of this target goes by; see [training.score_weights]."""
        return {self.score: 1.0}


class Entities(Target):
    """``doc.ents``."""

    name, what, where, score = ENTS, "entities", "doc.ents", "ents_f"

    def is_annotated(self, doc: Doc) -> bool:
        return bool(doc.has_annotation("ENT_IOB"))

    def spans(self, doc: Doc) -> list[Entity]:
        return [Entity(entity.start, entity.end, entity.label_) for entity in doc.ents]

    def read(self, doc: Doc) -> list[Span]:
        return list(doc.ents)

    def missing(self, doc: Doc) -> tuple[int, ...]:
        return tuple(token.i for token in doc if not token.ent_iob)

    def gold(self, example: Example) -> list[Optional[str]]:
        return list(example.get_aligned_ner())

    def found(self, doc: Doc) -> list[Optional[str]]:
        return list(doc_to_biluo_tags(doc))

    def write(
        self, doc: Doc, annotation: Iterable[Entity], present: Sequence[Span] = (), missing: Sequence[int] = ()
    ) -> None:
        taken = {token for span in present for token in range(span.start, span.end)}
        free = [one for one in annotation if taken.isdisjoint(range(one.start, one.end))]
        added = [Span(doc, one.start, one.end, label=one.label) for one in free]
        kept, blocked = [span for span in present if span.label], [span for span in present if not span.label]
        doc.set_ents(
            [*kept, *added], blocked=blocked, missing=[doc[token : token + 1] for token in missing], default="outside"
        )

    def take_away(self, doc: Doc, known: set[str]) -> list[str]:
        ents = [ent for ent in doc.ents if ent.label_ not in known]
        missing = [doc[token.i : token.i + 1] for token in doc if not token.ent_iob]
        doc.set_ents(
            [ent for ent in doc.ents if ent.label_ in known],
            missing=[*missing, *(doc[ent.start : ent.end] for ent in ents)],
            default="outside",
        )
        return [ent.label_ for ent in ents]

    def scores(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        return get_ner_prf(examples, **settings)

    @property
    def score_weights(self) -> dict[str, Optional[float]]:
        return {"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None}


class TokenTags(Target):
    """An attribute of tokens: ``token.tag_`` or ``token.pos_``."""

    by_token = True

    def __init__(self, name: str, what: str) -> None:
        self.name, self.what, self.where, self.score = name, what, f"token.{name}_", f"{name}_acc"
        self.attribute = name.upper()

    def impossible(self, labels: Iterable[str]) -> list[str]:
        """List labels that tokens can't have, in order."""
        return sorted(set(labels) - set(PARTS)) if self.attribute == "POS" else []

    def stored(self, label: str) -> int:
        """Return the number that spaCy keeps for a label."""
        return int(PARTS[label]) if self.attribute == "POS" else int(StringStore().add(label))

    def _of(self, token: Any) -> str:
        return str(getattr(token, f"{self.name}_"))

    def is_annotated(self, doc: Doc) -> bool:
        return bool(doc.has_annotation(self.attribute))

    def spans(self, doc: Doc) -> list[Entity]:
        return [Entity(token.i, token.i + 1, self._of(token)) for token in doc if self._of(token)]

    def missing(self, doc: Doc) -> tuple[int, ...]:
        return tuple(token.i for token in doc if not self._of(token))

    def gold(self, example: Example) -> list[Optional[str]]:
        return [tag or MISSING for tag in example.get_aligned(self.attribute, as_string=True)]

    def found(self, doc: Doc) -> list[Optional[str]]:
        return [self._of(token) or MISSING for token in doc]

    def write(
        self, doc: Doc, annotation: Iterable[Entity], present: Sequence[Span] = (), missing: Sequence[int] = ()
    ) -> None:
        found = {one.start: one.label for one in annotation}
        for label in self.impossible(found.values())[:1]:
            known = ", ".join(sorted(filter(None, PARTS)))
            raise SeginfError(Errors.S310.format(label=label, where=self.where, known=known))
        for token in doc:
            setattr(token, f"{self.name}_", found.get(token.i, ""))

    def take_away(self, doc: Doc, known: set[str]) -> list[str]:
        tokens = [token for token in doc if self._of(token) and self._of(token) not in known]
        names = [self._of(token) for token in tokens]
        for token in tokens:
            setattr(token, f"{self.name}_", "")
        return names

    def scores(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        return Scorer.score_token_attr(examples, self.name, **settings)


class KeyedSpans(Target):
    """The spans of one key of ``doc.spans``, which must not overlap: layers that do are one component each."""

    def __init__(self, key: str) -> None:
        self.key, self.name = key, f"{SPANS}{key}"
        self.where, self.what = f"doc.spans[{key!r}]", f"spans of {key!r}"
        self.score = f"spans_{key}_f"

    def is_annotated(self, doc: Doc) -> bool:
        return self.key in doc.spans

    def spans(self, doc: Doc) -> list[Entity]:
        found = sorted(Entity(span.start, span.end, span.label_) for span in doc.spans.get(self.key, ()))
        for one, other in zip(found, found[1:]):
            if other.start < one.end:
                texts = [f"{doc[span.start : span.end].text!r} {span.label}" for span in (one, other)]
                message = Errors.S251.format(where=self.where, one=texts[0], other=texts[1], start=other.start)
                raise SeginfError(message)
        return found

    def missing(self, doc: Doc) -> tuple[int, ...]:
        if not self.is_annotated(doc):
            return tuple(range(len(doc)))
        return tuple(doc.spans[self.key].attrs.get(GAPS, ()))

    def gold(self, example: Example) -> list[Optional[str]]:
        if not self.is_annotated(example.reference):
            return [MISSING] * len(example.predicted)
        spans = self.read(example.reference)
        result: list[Optional[str]] = [OUTSIDE] * len(example.predicted)
        unknown = [token for span in spans for token in range(span.start, span.end)]  # unless it can be aligned
        for token in (*unknown, *self.missing(example.reference)):
            for place in example.alignment.y2x[token : token + 1]:
                result[place] = MISSING
        for span in example.get_aligned_spans_y2x(spans, allow_overlap=False):
            result[span.start : span.end] = biluo_tags(span.label_, len(span))
        return result

    def found(self, doc: Doc) -> list[Optional[str]]:
        result: list[Optional[str]] = [OUTSIDE] * len(doc)
        for one in self.spans(doc):
            result[one.start : one.end] = biluo_tags(one.label, one.end - one.start)
        return result

    def write(
        self, doc: Doc, annotation: Iterable[Entity], present: Sequence[Span] = (), missing: Sequence[int] = ()
    ) -> None:
        before = {(span.start, span.end, span.label_): span for span in doc.spans.get(self.key, ())}
        attributes = dict(doc.spans[self.key].attrs) if self.key in doc.spans else {}
        places = [(one.start, one.end, one.label) for one in annotation]
        made = [before.get(place) or Span(doc, place[0], place[1], label=place[2]) for place in places]
        if missing:
            attributes[GAPS] = list(missing)
        doc.spans[self.key] = SpanGroup(doc, name=self.key, attrs=attributes, spans=made)

    def take_away(self, doc: Doc, known: set[str]) -> list[str]:
        unknown = [span for span in doc.spans[self.key] if span.label_ not in known]
        labels = [span.label_ for span in unknown]
        gaps = {*self.missing(doc), *(token for span in unknown for token in range(span.start, span.end))}
        self.write(doc, [one for one in self.spans(doc) if one.label in known], missing=sorted(gaps))
        return labels

    def scores(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        settings = {**settings, "attr": f"spans_{self.key}", "getter": lambda doc, _: doc.spans.get(self.key, [])}
        return Scorer.score_spans(examples, has_annotation=self.is_annotated, **settings)


ENTITIES, TAGS, PARTS_OF_SPEECH = Entities(), TokenTags("tag", "tags"), TokenTags("pos", "parts of speech")
KNOWN: dict[str, Target] = {one.name: one for one in (ENTITIES, TAGS, PARTS_OF_SPEECH)}


def target_of(name: str) -> Target:
    """Return a target by its name. RAISES (ValueError): S252 if there is none of this name."""
    if name in KNOWN:
        return KNOWN[name]
    if name.startswith(SPANS) and name != SPANS:
        return KeyedSpans(name[len(SPANS) :])
    raise SeginfError(Errors.S252.format(target=name, known=one_of([*KNOWN, f"{SPANS}KEY"], name)))
