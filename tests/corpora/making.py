"""Invented documents, the three formats written the plain way, and tags by definition."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise

import spacy
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import Decision, issue_id

WORDS = ["Ada", "Lind", "Tarnby", "Osted", "Veltra", "left", ".", "é", "\U0001d518", "שלום", "#", "O", "B-PER", "3"]
LABELS = ["PER", "LOC", "ORG"]


@st.composite
def entity_lists(draw, length, boundaries=(), apart=False):
    """Draw entities of a document; none crosses a boundary. apart: no two of one type touch within a sentence."""
    found, position = [], 0
    while position < length:
        end = min(length, position + draw(st.integers(1, 3)))
        end = min([end, *(boundary for boundary in boundaries if boundary > position)])
        label = draw(st.sampled_from(["", *LABELS]))
        touching = found and found[-1].end == position and found[-1].label == label and position not in boundaries
        if label and not (apart and touching):
            found.append(Entity(position, end, label))
        position = end
    return found


@st.composite
def documents(draw, apart=False):
    """Draw sentences (words and entities of each document; entities and sentence starts are the document's)."""
    sentences = draw(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=3))
    words = [word for sentence in sentences for word in sentence]
    starts = [sum(map(len, sentences[:number])) for number in range(1, len(sentences))]
    return words, draw(entity_lists(len(words), starts, apart)), starts


@st.composite
def regions(draw, length, entities, starts=(), apart=False):
    """Draw regions of a document that cut no entity, with what they should hold, from left to right."""
    inside = {position for entity in entities for position in range(entity.start + 1, entity.end)}
    cuts = [position for position in range(length + 1) if position not in inside]
    chosen = sorted(draw(st.sets(st.sampled_from(cuts), max_size=6)))
    found = []
    for start, end in pairwise(chosen):
        if draw(st.booleans()):
            local = [boundary - start for boundary in starts if start < boundary < end]
            held = draw(entity_lists(end - start, local, apart))
            found.append((start, end, [Entity(one.start + start, one.end + start, one.label) for one in held]))
    return found


def tags_of(words, entities, scheme, starts=()):
    """Write tags by the definitions of the schemes."""
    tags = ["O"] * len(words)
    before = None
    for entity in entities:
        size = entity.end - entity.start
        touches = before and before.end == entity.start and before.label == entity.label and entity.start not in starts
        first = {"BIO": "B", "IO": "I", "IOB1": "B" if touches else "I", "BILUO": "U" if size == 1 else "B"}[scheme]
        letters = [first, *"I" * (size - 1)]
        if scheme == "BILUO" and size > 1:
            letters[-1] = "L"
        tags[entity.start : entity.end] = [f"{letter}-{entity.label}" for letter in letters]
        before = entity
    return tags


def expected_entities(entities, changes):
    """Replace regions on a list of one entry a token."""
    cells = {position: entity for entity in entities for position in range(entity.start, entity.end)}
    for start, end, held in changes:
        for position in range(start, end):
            cells.pop(position, None)
        cells.update({position: entity for entity in held for position in range(entity.start, entity.end)})
    return sorted(set(cells.values()))


def decide(identifier, words, entities, change, choice="label", reviewer="ann", **settings):
    """Make the decision that a region holds something else (or, if "keep", what it holds)."""
    start, end, held = change
    current = tuple(one for one in entities if start <= one.start and one.end <= end)
    name = issue_id(identifier, start, end, current)
    region = tuple(words[start:end])
    return Decision(name, identifier, start, end, region, current, choice, tuple(held), reviewer, **settings)


def write_columns(
    path, texts, scheme="BIO", separator=" ", line_break="\n", bom=False, final=True, marker="-DOCSTART-"
):
    """Write documents as columns: word, part of speech, tag; a marker before each."""
    lines = []
    for number, (words, entities, starts) in enumerate(texts):
        lines += [marker.format(number=number) if marker.startswith("#") else f"{marker} -X- O", ""]
        for position, (word, tag) in enumerate(zip(words, tags_of(words, entities, scheme, starts))):
            if position in starts:
                lines.append("")
            lines.append(separator.join([word, "NN", tag]))
        lines.append("")
    text = line_break.join(lines[:-1]) + (line_break if final else "")
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode("utf8"))
    return path


def write_json_lines(path, texts, scheme="BIO", names=None, **settings):
    """Write documents as JSON lines, each with other keys too."""
    lines = []
    for number, (words, entities, _) in enumerate(texts):
        record = {"genre": "news", "tokens": words, "labels": tags_of(words, entities, scheme), "gold_labels": ["O"]}
        if names:
            record = {"id": names[number], **record}
        lines.append(json.dumps(record, **settings))
    content = "".join(line + "\n" for line in lines).encode("utf8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_binary(path, texts, names=None, **settings):
    """Write documents as a .spacy file."""
    vocab = spacy.blank("en").vocab
    docs = []
    for number, (words, entities, _) in enumerate(texts):
        doc = Doc(vocab, words=words, ents=tags_of(words, entities, "BIO"))
        if names:
            doc.user_data["id"] = names[number]
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True, **settings).to_disk(path)
    return path


def write_corpus(path, texts):
    """Write documents in the format that a file's name stands for."""
    if path.suffix == ".spacy":
        return write_binary(path, texts)
    return write_columns(path, texts) if path.suffix == ".conll" else write_json_lines(path, texts)


def read_binary(path):
    """Read the documents of a .spacy file."""
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
