"""The cost of an index is said before the work, and what does not fit is refused in words."""

import pytest

from spacy_seginf.indexing.cost import announce_cost
from spacy_seginf.influence.cost import CorpusSize

SIZE = CorpusSize(labels=401, width=32, tokens=5000, longest=2000, entities=900)


def test_said():
    said = []
    cost = announce_cost(SIZE, "exact", "float16", True, said.append, free=10**11)
    (line,) = said
    assert "401 tags" in line and "K-FAC" in line and "100.0 GB are free" in line and "on disk" in line
    assert f"{cost.memory / 1e9:.1f} GB" in line


def test_refused():
    said = []
    with pytest.raises(ValueError, match=r"\[S222\] 401 tags .*GB of memory, and 50 MB are free.*half as many"):
        announce_cost(SIZE, "exact", "float16", True, said.append, free=5 * 10**7)
    wide = CorpusSize(labels=60, width=70, tokens=5000, longest=50)
    with pytest.raises(ValueError, match=r"--curvature kfac \(.*\), or --curvature identity \("):
        announce_cost(wide, "exact", "float16", True, said.append, free=5 * 10**7)
    assert not said


def test_what_is_appended_computes_no_curvature():
    size, said = CorpusSize(labels=40, width=120, tokens=5000, longest=50), []
    whole = announce_cost(size, "exact", "float16", True, said.append, free=10**11).memory
    held = announce_cost(size, "exact", "float16", False, said.append, free=10**11, held=True).memory
    assert held < 0.8 * whole
    with pytest.raises(ValueError, match=r"What needs less: fewer documents at a time\."):
        announce_cost(size, "exact", "float16", False, said.append, free=10**6, held=True)
