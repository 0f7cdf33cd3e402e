"""JSON lines: only the labels that change are rewritten, wherever they are in the line."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.corpora.documents import Replacement
from spacy_seginf.corpora.json_lines import JsonLines
from spacy_seginf.corpora.json_places import replace_elements
from spacy_seginf.crf.schemes import Entity

from .making import documents, expected_entities, regions, write_json_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
STYLES = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), ("  ,\t", " : ")]),
    }
)


@given(st.lists(st.text(), min_size=1, max_size=6), st.dictionaries(st.text(), VALUES, max_size=4), STYLES, st.data())
def test_elements_are_replaced_in_place(strings, others, style, data):
    others.pop("labels", None)
    before, after = dict(list(others.items())[:2]), dict(list(others.items())[2:])
    new = data.draw(st.dictionaries(st.integers(0, len(strings) - 1), st.text()))

    def line(labels):
        return " " + json.dumps({**before, "labels": labels, **after}, **style) + "\r\n"

    changed = replace_elements(line(strings), "labels", new)
    expected = [new.get(position, value) for position, value in enumerate(strings)]
    if style["ensure_ascii"]:
        assert changed == line(expected)
    assert repr(json.loads(changed)) == repr({**before, "labels": expected, **after})  # repr, because of NaN


def test_the_last_of_two_keys_counts():
    line = '{"labels": ["a"], "x": {"labels": ["b"]}, "labels": ["c"]}'
    assert replace_elements(line, "labels", {0: "d"}) == line.replace('"c"', '"d"')


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["BIO", "BILUO", "IOB1", "IO"]), st.sampled_from([".jsonl", ".jsonl.gz"]), STYLES)
def test_only_labels_of_changed_lines_change(data, scheme, suffix, style):
    apart = scheme == "IO"
    texts = [
        (words, entities, [])
        for words, entities, _ in data.draw(st.lists(documents(apart), min_size=1, max_size=4))
        if scheme != "IO" or not any(a.end == b.start and a.label == b.label for a, b in zip(entities, entities[1:]))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = write_json_lines(Path(folder) / f"train{suffix}", texts, scheme, **style)
        corpus = JsonLines(path, scheme=scheme)
        assert [(list(one.words), list(one.entities)) for one in corpus.documents] == [text[:2] for text in texts]
        replacements, expected = {}, []
        for number, (words, entities, _) in enumerate(texts):
            changes = data.draw(regions(len(words), entities, (), apart))
            held = expected_entities(entities, changes)
            found = [Replacement(start, end, tuple(inner)) for start, end, inner in changes]
            if any(corpus.unwritable(number, one, held) for one in found):
                found, held = [], entities
            replacements[number] = found
            expected.append((words, held, []))
        content = corpus.corrected(replacements)
        again = write_json_lines(Path(folder) / "again.jsonl", expected, scheme, **style)
        assert (gzip.decompress(content) if suffix.endswith("gz") else content) == again.read_bytes()
        assert corpus.corrected(replacements) == content


def corpus_of(folder, content, name="train.jsonl", **how):
    path = folder / name
    path.write_bytes(content)
    return JsonLines(path, **how)


def test_everything_else_is_kept(tmp_path):
    content = (
        b'\xef\xbb\xbf{"labels" :[ "O","B-PER" ], "tokens":["\\u00e9", "Ada"], "n": 1.50, "labels_2": ["B-PER"]}\r\n'
        b'\n{"id": 7, "tokens": ["\xc3\xa9"], "labels": ["O"]}   '
    )
    corpus = corpus_of(tmp_path, content)
    assert [(one.identifier, one.lines, one.named) for one in corpus.documents] == [
        ("train:1", (1,), False),
        ("7", (3,), True),
    ]
    changed = corpus.corrected({0: [Replacement(1, 2, (Entity(1, 2, "LOC"),))], 1: [Replacement(0, 1, ())]})
    assert changed == content.replace(b'"O","B-PER" ]', b'"O","B-LOC" ]')


def test_other_labels(tmp_path):
    content = b'{"tokens": ["Ada"], "labels": ["B-PER"], "gold_labels": ["O"]}\n'
    corpus = corpus_of(tmp_path, content, labels_key="gold_labels")
    assert corpus.documents[0].entities == ()
    changed = corpus.corrected({0: [Replacement(0, 1, (Entity(0, 1, "\u00d6RT"),))]})
    assert changed == content.replace(b'["O"]', b'["B-\\u00d6RT"]')


def test_missing_labels(tmp_path):
    content = b'{"tokens": ["Ada", "Lind", "left"], "labels": ["", "", "O"]}'
    corpus = corpus_of(tmp_path, content)
    assert corpus.documents[0].missing == (0, 1)
    changed = corpus.corrected({0: [Replacement(1, 2, (Entity(1, 2, "PER"),))]})
    assert changed == content.replace(b'["", "",', b'["", "B-PER",')


def test_names_of_compressed_files(tmp_path):
    content = gzip.compress(b'{"tokens": ["Ada"], "labels": ["O"]}\n')
    assert corpus_of(tmp_path, content, "train.jsonl.gz").documents[0].identifier == "train:1"


def test_a_tag_that_is_none(tmp_path):
    with pytest.raises(ValueError, match=r"\[S201\] .*train\.jsonl, line 2: 'PER' is no tag"):
        corpus_of(tmp_path, b'\n{"tokens": ["Ada"], "labels": ["PER"]}\n')
