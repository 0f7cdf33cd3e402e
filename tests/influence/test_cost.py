"""What an index is expected to take."""

from dataclasses import replace

import pytest

from spacy_seginf.influence.cost import CorpusSize, estimate, used_curvature

GIGABYTE = 10**9
SMALL = CorpusSize(labels=9, width=96, tokens=20_000, longest=60, entities=3000)


def test_few_labels_take_little():
    cost = estimate(SMALL, "exact", "float16")
    assert used_curvature(SMALL, "exact") == "exact"
    assert 0.02 * GIGABYTE < cost.memory < GIGABYTE
    assert 0.004 * GIGABYTE < cost.disk < 0.1 * GIGABYTE


@pytest.mark.parametrize("labels, width", [(401, 32), (401, 300), (121, 400)])
def test_many_labels_fit(labels, width):
    size = replace(SMALL, labels=labels, width=width, longest=2000)
    assert used_curvature(size, "exact") == "kfac"
    for dtype in ("float32", "float16", "int8"):
        assert estimate(size, "exact", dtype).memory < 3 * GIGABYTE


@pytest.mark.parametrize("larger", [{"labels": 120}, {"width": 200}, {"tokens": 10**6}, {"longest": 10**5}])
def test_more_takes_more(larger):
    for curvature in ("kfac", "identity"):
        cost, more = (estimate(size, curvature, "float16").memory for size in (SMALL, replace(SMALL, **larger)))
        assert more > cost


def test_options_that_need_less():
    wide = replace(SMALL, labels=60, width=70)
    assert used_curvature(wide, "exact") == "exact"
    needs = [estimate(wide, curvature, "float16").memory for curvature in ("exact", "kfac", "identity")]
    assert needs[0] > needs[1] > needs[2]
    disks = [estimate(wide, "exact", dtype).disk for dtype in ("float32", "float16", "int8")]
    assert disks == sorted(disks, reverse=True)
    assert estimate(wide, "identity", "int8", refit=False).memory < needs[2]
