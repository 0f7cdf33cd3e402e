"""How much memory is free, and what is said when it is not enough."""

import numpy
import pytest

from spacy_seginf.machine import available_memory, coded_memory_errors


@pytest.fixture
def proc(tmp_path):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable:  3000 kB\n")
    (tmp_path / "proc" / "self" / "statm").write_text("10 5 1 1 0 3 0\n")
    return tmp_path / "proc"


def test_of_the_machine(proc, tmp_path):
    assert available_memory(proc, tmp_path / "none") == 3000 * 1024


@pytest.mark.parametrize("limit, expected", [("max", 3000 * 1024), ("2000000", 2000000 - 900000 + 100000)])
def test_of_a_control_group(proc, tmp_path, limit, expected):
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 800000\ninactive_file 100000\n")
    assert available_memory(proc, tmp_path) == expected


def test_of_an_older_control_group(proc, tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("500000\n")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("700000\n")
    assert available_memory(proc, tmp_path) == 0


def test_of_this_machine():
    free = available_memory()
    assert free is None or free > 0


def test_a_memory_error_in_words():
    @coded_memory_errors()
    def work():
        numpy.zeros(2**62, dtype=numpy.int8)

    with pytest.raises(ValueError, match=r"\[S223\].*Unable to allocate.*--curvature kfac"):
        work()
    with pytest.raises(KeyError), coded_memory_errors():
        raise KeyError("others stay what they are")
