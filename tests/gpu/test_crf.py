"""The mathematics on a GPU equals that on a CPU."""

from __future__ import annotations

import numpy
import pytest

from ..crf.device_cases import Inputs, cases

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name,function,lengths,dtype,span", cases(), ids=lambda value: str(value)[:60])
def test_same_on_both_devices(name, function, lengths, dtype, span):
    import cupy

    expected = function(Inputs(numpy.asarray, lengths, dtype, span))
    found = function(Inputs(cupy.asarray, lengths, dtype, span))
    rtol, atol = (1e-10, 1e-9) if dtype == "float64" else (1e-4, 1e-3)
    for result, wanted in zip(found, expected, strict=True):
        if isinstance(wanted, float):
            assert result == pytest.approx(wanted, abs=1e-9)
            continue
        assert isinstance(result, cupy.ndarray)
        assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype)
        numpy.testing.assert_allclose(result.get(), wanted, rtol=rtol, atol=atol)
