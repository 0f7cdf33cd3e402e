"""The best tags that keep spaCy's invariants, against all sequences of tags, on both devices."""

import itertools

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_seginf.crf import viterbi
from spacy_seginf.crf.decoding import best_tags, limits_of, preset_entities
from spacy_seginf.crf.schemes import TagScheme

from .fake_device import install

SCHEMES = ["BIO", "BILUO", "IO"]
VOCAB = spacy.blank("en").vocab


def make_doc(words, ents=(), blocked=()):
    doc = Doc(VOCAB, words=words)
    doc.set_ents([Span(doc, *ent) for ent in ents], blocked=[Span(doc, *span) for span in blocked])
    return doc


def random_docs(generator, count=12):
    """Documents of words and blanks in any order, some of nothing but blanks, one of no tokens."""
    docs = [make_doc([]), make_doc([" "]), make_doc(["\n", " "]), make_doc(["word"])]
    while len(docs) < count:
        words = [str(generator.choice(["w", "x", " ", "\n"])) for _ in range(generator.integers(2, 6))]
        docs.append(make_doc(words))
    return docs


def is_valid(scheme, doc, tags):
    """By what spaCy asks of entities, and of the scheme; entities and blocked tokens of the document stay."""
    mask = scheme.mask
    if mask is not None and len(tags):
        if not (mask.start[tags[0]] and mask.end[tags[-1]]):
            return False
        if not all(mask.follow[pair] for pair in zip(tags, tags[1:])):
            return False
    present = {(span.start, span.end): span for span in preset_entities(doc)}
    found = {(start, end): label for start, end, label in scheme.entities(tags)}
    for place, span in present.items():
        if span.label_ in scheme.labels:
            if found.get(place) != span.label_:
                return False
        elif any(tags[token] for token in range(*place)):
            return False
    new = [place for place in found if place not in present]
    return not any(doc[start].is_space or doc[end - 1].is_space for start, end in new)


def best_by_enumeration(scheme, doc, emissions, transitions):
    best, found = -numpy.inf, None
    for tags in itertools.product(range(len(scheme.tags)), repeat=len(doc)):
        if is_valid(scheme, doc, tags):
            score = sum(emissions[range(len(doc)), tags]) + sum(transitions[pair] for pair in zip(tags, tags[1:]))
            if score > best:
                best, found = score, tags
    return found


def check(scheme, docs, generator, blanks_like=2.0):
    lengths = [len(doc) for doc in docs]
    emissions = generator.normal(size=(sum(lengths), len(scheme.tags))) * 2
    emissions[:, 1:] += blanks_like  # entities are tempting everywhere
    transitions = generator.normal(size=(len(scheme.tags),) * 2)
    tags = best_tags(scheme, emissions, transitions, lengths, limits_of(scheme, docs))
    start = 0
    for doc in docs:
        rows = slice(start, start + len(doc))
        start += len(doc)
        if len(doc):
            assert tags[rows].tolist() == list(best_by_enumeration(scheme, doc, emissions[rows], transitions))
            alone = best_tags(scheme, emissions[rows], transitions, [len(doc)], limits_of(scheme, [doc]))
            assert alone.tolist() == tags[rows].tolist()
    return emissions, transitions, lengths, tags


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_no_entity_begins_or_ends_with_a_blank(name, seed):
    generator = numpy.random.default_rng(seed)
    scheme = TagScheme(("A", "B") if name != "BILUO" else ("A",), name)
    docs = random_docs(generator)
    *scores, tags = check(scheme, docs, generator)
    plain = viterbi(*scores, scheme.mask)
    assert (plain != tags).any(), "nothing had to be ruled out"


@pytest.mark.parametrize("name", SCHEMES)
def test_blanks_may_be_inside(name):
    scheme = TagScheme(("A", "B"), name)
    doc = make_doc(["w", " ", "\n", "w", " "])
    emissions = numpy.zeros((5, len(scheme.tags)))
    emissions[:, [n for n, tag in enumerate(scheme.tags) if tag.endswith("B")]] = 5.0
    tags = best_tags(scheme, emissions, numpy.zeros((len(scheme.tags),) * 2), [5], limits_of(scheme, [doc]))
    assert scheme.entities(tags) == [(0, 4, "B")]


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("seed", range(3))
def test_entities_that_are_there_stay(name, seed):
    generator = numpy.random.default_rng(seed)
    scheme = TagScheme(("A", "B") if name != "BILUO" else ("A",), name)
    last = scheme.labels[-1]
    docs = [
        make_doc(["w", "w", "w", "w"], [(1, 3, "A")]),
        make_doc(["w", "w", "w", "w"], [(0, 1, last), (2, 3, "A")]),
        make_doc(["w", " ", "w", "w"], [(2, 3, "OTHER")]),
        make_doc(["w", " ", "w", " "], [(0, 2, "A")]),  # as spaCy does, whatever its tokens are
        make_doc(["w", "w", "w"], [], [(1, 2)]),
        make_doc(["w", " ", "w", "w"]),
        make_doc(["w", "w"]),
    ]
    check(scheme, docs, generator, blanks_like=1.0)


def test_documents_that_demand_nothing_are_decoded_as_before():
    scheme = TagScheme(("A",))
    assert limits_of(scheme, [make_doc(["w", "x"]), make_doc([])]) is None
    assert limits_of(TagScheme(("NN", "VB"), "TAG"), [make_doc(["w", " "])]) is None
    limits = limits_of(scheme, [make_doc(["w", "x"]), make_doc([" "])])
    assert limits.limited.tolist() == [False, True]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("name", SCHEMES)
def test_devices_agree(name, long, monkeypatch):
    """Recursions step by step on the CPU, and scans on a device."""
    device = install(monkeypatch).asarray
    generator = numpy.random.default_rng(5)
    scheme = TagScheme(("A", "B"), name)
    docs = random_docs(generator)
    if long:
        words = [str(word) for word in generator.choice(["w", " "], size=180)]
        docs.append(make_doc(words, [(40, 43, "B"), (100, 101, "OTHER")]))
    lengths = [len(doc) for doc in docs]
    emissions = generator.normal(size=(sum(lengths), len(scheme.tags))) * 2
    transitions = generator.normal(size=(len(scheme.tags),) * 2)
    limits = limits_of(scheme, docs)
    host = best_tags(scheme, emissions, transitions, lengths, limits)
    mask = None
    if scheme.mask is not None:
        mask = type(scheme.mask)(*(device(part) for part in (scheme.mask.start, scheme.mask.end, scheme.mask.follow)))
    there = best_tags(scheme, device(emissions), device(transitions), lengths, limits, mask)
    assert there.get().tolist() == host.tolist()
