"""Which order decisions make of a ranking."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.feedback import feedback_factors
from spacy_seginf.curation.issues import LabelIssue
from spacy_seginf.curation.looks import in_looks
from spacy_seginf.curation.reranking import KIND, Reranker


class Facts:
    """What is asked of an index: features of documents of one token each, in two clusters."""

    def __init__(self, features):
        self.folder, self.features, self.data = "index", numpy.asarray(features, dtype=numpy.float32), self
        self.lengths, self.starts = [1] * len(features), numpy.arange(len(features))
        self.manifest, self.width = self, len(features[0])

    def place(self, document, token):
        return f"news-{document}", token


def issues(changes, families=()):
    found = []
    for number, (kind, current, suggested) in enumerate(changes):
        sides = [tuple(Entity(0, 1, label) for label in side) for side in (current, suggested)]
        family = families[number] if families else ""
        place = f"id-{number}", f"news-{number}", 0, 1, kind
        found.append(LabelIssue(*place, *sides, 3.0 / (1.0 + number / 30), 0.1, 0.9, family=family))
    return found


CLUB = ("relabel", ["LOC"], ["ORG"])
FIELD = [[1, 0.05 * number, 0] if number % 2 else [0.05 * number, 0, 1] for number in range(8)]


def test_without_decisions_those_looks_come_first_at_which_most_is_wrong():
    found = issues([CLUB] * 8)
    made = Reranker(found, Facts(FIELD)).order({})
    assert made.numbers == [*range(8)] and made.scores == [one.score for one in found]
    families = ["", "", "a", "a", "", "b", "b", "b"]
    made = Reranker(issues([CLUB] * 8, families), Facts(FIELD)).order({})
    wrong = [1 - numpy.exp(-one.score) for one in found]
    assert sum(wrong[5:]) > wrong[2] + wrong[3] > wrong[0]
    assert made.numbers == [5, 6, 7, 2, 3, 0, 1, 4]


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.floats(0.0, 9.0)), max_size=12))
def test_looks(rows):
    families, scores = [family for family, _ in rows], [score for _, score in rows]
    looks = in_looks(families, scores)
    assert sorted(number for look in looks for number in look) == [*range(len(rows))]
    for look in looks:
        (family,) = {families[number] for number in look}
        assert len(look) == (1 if family is None else families.count(family))
        assert [scores[number] for number in look] == sorted((scores[number] for number in look), reverse=True)
    wrong = [sum(1.0 - math.exp(-scores[number]) for number in look) for look in looks]
    assert wrong == pytest.approx(sorted(wrong, reverse=True))


def test_what_is_like_an_error_comes_up_and_what_is_like_a_kept_label_goes_down():
    reranker = Reranker(issues([CLUB] * 8), Facts(FIELD))
    made = reranker.order({1: True, 0: False, 2: False})
    still_open = [number for number in made.numbers if number > 2]
    assert still_open[:3] == [3, 5, 7] and sorted(made.numbers) == [*range(8)]
    assert made.scores[3] > 2.7 and made.scores[4] < 2.6


def test_decisions_on_a_kind_say_something_of_the_kind():
    kinds = [CLUB if number % 2 else ("remove", ["PER"], []) for number in range(8)]
    made = Reranker(issues(kinds), Facts(numpy.eye(8).tolist())).order({0: False, 2: False})
    assert sorted(made.numbers[-4:]) == [0, 2, 4, 6] and made.scores[1] == pytest.approx(2.9, rel=0.2)


def test_the_factors_are_those_of_the_gaussian_process():
    found = issues([CLUB] * 8)
    reranker = Reranker(found, Facts(FIELD))
    traits = reranker._traits
    unit = numpy.array(FIELD) / numpy.linalg.norm(FIELD, axis=1, keepdims=True)
    distances = 1 - unit @ unit.T
    spread = numpy.median([distances[a, b] for a in range(8) for b in range(8) if a != b])
    assert traits.spread == pytest.approx(spread, rel=0.2)  # of pairs that are drawn
    everything = numpy.arange(8)
    numpy.testing.assert_allclose(
        traits.near(everything, everything), numpy.exp(-distances / (0.5 * traits.spread)) + KIND, atol=1e-5
    )
    scores = numpy.array([one.score for one in found])
    factors = feedback_factors(scores, traits, numpy.array([0, 1]), numpy.array([False, True]))
    numpy.testing.assert_allclose(reranker.order({1: True, 0: False}).scores, scores * factors)


def test_families_stay_together():
    families = ["", "b", "a", "b", "a", "", "b", "a"]
    made = Reranker(issues([CLUB] * 8, families), Facts(FIELD)).order({1: True})
    for family in "ab":
        places = [place for place, number in enumerate(made.numbers) if families[number] == family]
        assert places == [*range(places[0], places[0] + 3)]


def test_issues_that_the_index_lacks():
    found = issues([CLUB] * 8)
    found[7] = replace(found[7], document="elsewhere")
    made = Reranker(found, Facts(FIELD)).order({1: True, 7: False})
    assert made.scores[7] == found[7].score
    with pytest.raises(ValueError, match=r"S300.*8 issues"):
        Reranker([replace(one, document="elsewhere") for one in found], Facts(FIELD))
    assert Reranker([], Facts(FIELD)).order({}).numbers == []


def test_a_few_of_many_decisions_tell_of_all(monkeypatch):
    monkeypatch.setattr("spacy_seginf.curation.feedback.MOST", 20)
    features = numpy.random.default_rng(0).normal(size=(400, 6))
    features[::2, 0] += 6
    reranker = Reranker(issues([CLUB] * 400), Facts(features.tolist()))
    made = reranker.order({number: number % 2 == 0 for number in range(200)})
    rest = [number for number in made.numbers if number >= 200]
    assert sum(number % 2 == 0 for number in rest[:100]) > 90


def test_scores_that_are_no_numbers():
    found = [replace(one, score=float("nan")) for one in issues([CLUB] * 8)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = Reranker(found, Facts(FIELD)).order({1: True})
    assert sorted(made.numbers) == [*range(8)] and all(numpy.isfinite(made.scores))
