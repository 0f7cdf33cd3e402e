"""From documents to the features that a tagger's head reads, in one pass.

An explanation is only as good as its second reading: it must find the features that the pipeline found. So documents
are never rebuilt of their words elsewhere; the copies made here are what the pipeline was given.
"""

from __future__ import annotations

import hashlib
import json
from itertools import takewhile
from typing import Any, Iterable, Iterator, Sequence

import numpy
from spacy.attrs import DEP, HEAD, LEMMA, POS, SENT_START, TAG
from spacy.language import Language
from spacy.pipeline import AttributeRuler, Pipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.types import Floats2d

from .crf_tagger import CRFTagger
from .given import give, keys_given_to

# What components may say that they assign, and the attribute that holds it.
ATTRIBUTES = {"tag": TAG, "pos": POS, "lemma": LEMMA, "is_sent_start": SENT_START}
OWN = "seginf"  # in the names of what this package stores on documents


def bare_copy(nlp: Language, doc: Doc) -> Doc:
    """Copy a document as it was before the pipeline annotated it, for a second reading.

    Kept are its tokens with spaces and norms (those of tokenizer exceptions, such as "not" for "n't", are the token's
    own) and whatever no enabled component says it assigns: sentence starts, tags, morphology, vectors or user data that
    came with the document, and what its models are given, such as a predicate. Entities are never kept.
    """
    copy = _copy_tokens(nlp.vocab, doc)
    assigned = assigned_attributes(nlp)
    kept = [number for name, number in ATTRIBUTES.items() if f"token.{name}" not in assigned]
    kept = [number for number in kept if doc.has_annotation(number)]
    if not {"token.dep", "token.head"} & assigned and doc.has_annotation(DEP):
        kept = [HEAD, DEP, *(number for number in kept if number != SENT_START)]  # heads imply sentences
    _copy_attributes(copy, doc, kept)
    if "token.morph" not in assigned and doc.has_annotation("MORPH"):
        token: Any  # spaCy's stubs lack set_morph
        for token, source in zip(copy, doc):
            token.set_morph(str(source.morph))
    tokenized = nlp.make_doc(doc.text) if "token.norm" in assigned else doc
    if _same_tokens(tokenized, doc):
        set_norms(copy, own_norms(tokenized))
    if "doc.tensor" not in assigned:
        copy.tensor = doc.tensor
    copy.has_unknown_spaces = doc.has_unknown_spaces
    copy.user_data = {key: value for key, value in doc.user_data.items() if not _is_assigned(key, assigned)}
    give(keys_given_to(nlp), doc, copy)
    return copy


def read_as(nlp: Language, gold: Doc) -> Doc:
    """Make what the pipeline would read, of a document of a corpus: spaCy's readers do the same.

    gold (Doc): an annotated document. Nothing but its text, or its words where its spaces are not known, is read, and
        what the pipeline's models are given, such as a predicate. Where the tokenizer would cut the text into other
        tokens, the corpus's tokens are kept.
    """
    made = None if gold.has_unknown_spaces else nlp.make_doc(gold.text)
    if made is None or not _same_tokens(made, gold):
        made = _copy_tokens(nlp.vocab, gold)
    give(keys_given_to(nlp), gold, made)
    return made


def example_of(nlp: Language, gold: Doc) -> Example:
    """Pair a document of a corpus with what the pipeline would read; see ``read_as``."""
    return Example(read_as(nlp, gold), gold)


def encode(nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], batch_size: int = 64) -> list[Floats2d]:
    """Run the enabled components before the tagger, then the tagger's encoder.

    RETURNS (list of float32, tokens x width): features per document.
    RAISES (ValueError): S010, S011, S013 as ``CRFTagger.encode``.
    """
    return tagger.encode(run_before(nlp, tagger, docs, batch_size))


def run_before(nlp: Language, tagger: Pipe, docs: Sequence[Doc], batch_size: int = 64) -> list[Doc]:
    """Run the enabled components before one, which need not be a tagger."""
    stream: Iterable[Doc] = docs
    for _, component in nlp.pipeline:
        if component is tagger:
            break
        pipe = getattr(component, "pipe", None)
        stream = pipe(stream, batch_size=batch_size) if pipe else map(component, stream)
    return list(stream)


def encoding_settings(nlp: Language, tagger: str) -> str:
    """Hash the configs of all components that ``encode`` runs (hex): what no parameter shows, such as how a
    transformer's spans are cut."""
    names = [*takewhile(lambda name: name != tagger, nlp.pipe_names), tagger]
    configs = {name: nlp.get_pipe_config(name) for name in names}
    return hashlib.sha256(json.dumps(configs, sort_keys=True, default=repr).encode()).hexdigest()


def assigned_attributes(nlp: Language) -> set[str]:
    """Collect what the enabled components say they assign, such as "token.tag"; an attribute ruler's patterns do."""
    found: set[str] = set()
    for name, component in nlp.pipeline:
        found.update(nlp.get_pipe_meta(name).assigns)
        if isinstance(component, AttributeRuler):
            found.update(f"token.{attribute}" for pattern in component.patterns for attribute in _ruled(pattern))
    return found


def own_norms(doc: Doc) -> list[tuple[int, str]]:
    """List the tokens whose norm is not that of their word (token, norm): the exceptions of tokenizers."""
    return [(token.i, token.norm_) for token in doc if token.norm != doc.vocab[token.orth].norm]


def set_norms(doc: Doc, norms: Iterable[tuple[int, str]]) -> None:
    """Undo ``own_norms``."""
    for number, norm in norms:
        doc[number].norm_ = norm


def _copy_tokens(vocab: Vocab, doc: Doc) -> Doc:
    return Doc(vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])


def _copy_attributes(copy: Doc, doc: Doc, attributes: Any) -> None:
    if not len(doc) or not attributes:
        return
    values: Any = doc.to_array(attributes).reshape(len(doc), len(attributes))
    if copy.vocab.strings is not doc.vocab.strings:
        for attribute, column in zip(attributes, values.T):
            if attribute in (TAG, LEMMA, DEP):
                for key in numpy.unique(column[column != 0]).tolist():
                    copy.vocab.strings.add(doc.vocab.strings[key])
    copy.from_array(attributes, values)


def _ruled(pattern: dict[str, Any]) -> Iterator[str]:
    for attribute in pattern["attrs"]:
        name = str(attribute).lower()
        yield {"sent_start": "is_sent_start"}.get(name, name)


def _same_tokens(left: Doc, right: Doc) -> bool:
    return len(left) == len(right) and all(
        (one.text, one.whitespace_) == (other.text, other.whitespace_) for one, other in zip(left, right)
    )


def _is_assigned(key: Any, assigned: set[str]) -> bool:
    """Is an entry of user data a component's, or an explanation of this package?"""
    if not (isinstance(key, tuple) and len(key) > 1 and key[0] == "._."):
        return False
    return OWN in str(key[1]) or bool({f"{owner}._.{key[1]}" for owner in ("doc", "token", "span")} & assigned)
