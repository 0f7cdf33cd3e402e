"""The place that contradicts an annotation, by looking at every run of tokens."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.api.rank import find_label_issues
from spacy_seginf.curation.counterexamples import Counterexamples, contradiction
from spacy_seginf.curation.ranking import ScoredIssue
from spacy_seginf.curation.records import read_ranking
from spacy_seginf.curation.regions import touching
from spacy_seginf.curation.usage import WordUse


class Places:
    """What is asked of an index: each two of its documents are pieces of one."""

    def place(self, document, token):
        return f"news-{document // 2}", token

    def describe(self, document, start, end, label, context):
        return {"document": document, "start": start, "end": end, "label": label}


def entities_of(source, document):
    first = int(source.data.starts[document])
    rows = slice(first, first + source.data.lengths[document])
    return source.scheme.annotation(source.labels[rows].tolist(), source.known[rows].tolist())


def contrary(source, document, start, end):
    """List the places that contradict one: (in the same document, cosine, document, start, annotation)."""

    def inside(number, first):
        length = end - start
        found = touching(first, first + length, entities_of(source, number))
        known = source.known[source.data.starts[number] + first :][:length].all()
        if not known or any(one.start < first or one.end > first + length for one in found):
            return None
        return [(one.start - first, one.end - first, one.label) for one in found]

    def mean(number, first):
        vector = source.data.features[source.data.starts[number] + first :][: end - start].mean(axis=0)
        return vector / numpy.linalg.norm(vector)

    found = []
    for number, words in enumerate(source.words):
        for first in range(len(words) - (end - start) + 1):
            same = [one.casefold() for one in words[first : first + end - start]] == [
                one.casefold() for one in source.words[document][start:end]
            ]
            held = inside(number, first)
            if same and held is not None and held != inside(document, start):
                cosine = float(mean(number, first) @ mean(document, start))
                found.append((number // 2 == document // 2, cosine, number, first, held))
    return found


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_the_most_like_of_those_in_the_document_or_else_of_all(two_types, seed):
    generator = numpy.random.default_rng(seed)
    words = [[str(word) for word in generator.choice(["Ada", "ada", "x"], size=n)] for n in two_types.data.lengths]
    source = replace(two_types, words=words)
    spans = [(d, one.start, one.end) for d in range(len(words)) for one in entities_of(source, d)]
    spans += [(0, 4, 5), (3, 0, 2), (4, 6, 8)]
    examples = Counterexamples(Places(), source, WordUse(source, numpy.array(spans)))
    for number, (document, start, end) in enumerate(spans):
        issue = ScoredIssue(document, start, end, (), (), 1.0, 0.5, 0.5, 0, 0)
        found, expected = examples.of(number, issue), contrary(source, document, start, end)
        if not expected:
            assert found is None
            continue
        same, cosine, *_ = max(expected)
        (one,) = [one for one in expected if one[2:4] == (found["document"], found["start"])]
        assert one[0] == same and one[1] == pytest.approx(cosine, abs=1e-5)
        held = one[4]
        if not held:
            assert found["label"] == "O"
        elif held[0][:2] == (0, end - start):
            assert found["label"] == held[0][2]
        else:
            assert found["label"].count("]/") == len(held)


def test_a_sentence():
    found = {"text": "the Hague", "label": "the [Hague]/LOC", "document": "news-7", "start": 3, "end": 5}
    found |= {"context": "He left the Hague \u202e today", "offset": 8}
    said = "“the Hague” is the [Hague]/LOC in news-7, tokens 3-4: “...He left the Hague \\u202e today...”"
    assert contradiction(found) == said
    told = contradiction({**found, "label": "O", "file": "train.conll", "line": 40})
    assert told.startswith("“the Hague” is no entity in news-7, train.conll, line 40: ")


def test_in_a_ranking(exact_path, corpus_path, tmp_path, monkeypatch):
    names_are_one = "spacy_seginf.curation.usage.folded"  # the corpus does not contradict itself
    monkeypatch.setattr(names_are_one, lambda word: "name" if word.istitle() else word)
    path = tmp_path / "issues.jsonl"
    ranking = find_label_issues(str(exact_path), corpus_path, path, unlikely=True, references=0)
    assert read_ranking(path) == ranking
    found = [(one, *one.counterexamples) for one in ranking.issues if one.counterexamples]
    assert found
    for issue, example in found:
        assert example["document"] and example["context"][example["offset"] :].startswith(example["text"])
        assert len(example["text"].split()) == len(issue.region)
        assert contradiction(example) in issue.reasons
        assert [example["label"]] != [one.label for one in issue.current] or "]" in example["label"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[1:]:  # as earlier versions wrote it
        del line["counterexamples"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_ranking(path).issues == tuple(replace(one, counterexamples=()) for one in ranking.issues)
