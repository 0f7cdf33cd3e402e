"""The mathematics stays on the device of its arguments, shown with a stand-in for cupy. tests/gpu has a real GPU."""

from __future__ import annotations

import sys

import numpy
import pytest

from spacy_seginf.crf import forward_backward, viterbi
from spacy_seginf.crf.arrays import array_module
from spacy_seginf.crf.scan import scan

from .device_cases import LONG, SHORT, Inputs, cases
from .fake_device import DeviceArray, install


@pytest.mark.parametrize("name,function,lengths,dtype,span", [pytest.param(*case, id=case[0]) for case in cases()])
def test_stays_on_the_device(name, function, lengths, dtype, span, monkeypatch):
    expected = function(Inputs(numpy.asarray, lengths, dtype, span))
    fake = install(monkeypatch)
    found = function(Inputs(fake.asarray, lengths, dtype, span))
    assert len(found) == len(expected) > 0
    for result, wanted in zip(found, expected):
        if isinstance(wanted, float):
            assert result == pytest.approx(wanted, abs=1e-12)
            continue
        assert isinstance(result, DeviceArray)
        assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype)
        # long sequences are scanned there, in double precision
        atol = 1e-9 if dtype == "float64" else 1e-3
        numpy.testing.assert_allclose(result.get(), wanted, rtol=1e-12 if dtype == "float64" else 1e-5, atol=atol)


def test_the_stand_in_refuses_what_cupy_refuses(monkeypatch):
    fake = install(monkeypatch)
    here, there = numpy.ones(3), fake.asarray(numpy.ones(3))
    assert array_module(there) is fake and array_module(here) is numpy
    for mix in (
        lambda: here + there,
        lambda: there + here,
        lambda: numpy.exp(there),
        lambda: numpy.concatenate([there, there]),
        lambda: fake.exp(here),
        lambda: numpy.asarray(there),
        lambda: there.__setitem__(slice(0, 3), here),
    ):
        with pytest.raises(TypeError):
            mix()


@pytest.mark.parametrize("lengths,scanned", [(SHORT, False), (LONG, True)])
def test_only_long_sequences_on_a_gpu_are_scanned(lengths, scanned, monkeypatch):
    fake = install(monkeypatch)
    calls = []
    for place in ("messages", "viterbi"):
        module = sys.modules[f"spacy_seginf.crf.{place}"]
        monkeypatch.setattr(module, "scan", lambda *arguments: calls.append(1) or scan(*arguments))
    for put in (numpy.asarray, fake.asarray):
        inputs = Inputs(put, lengths)
        forward_backward(*inputs.batch)
        viterbi(*inputs.batch)
        expected = 3 if scanned and put != numpy.asarray else 0  # messages, best scores, back pointers
        assert len(calls) == expected
