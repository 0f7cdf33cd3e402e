"""Tests on a GPU: `pytest -m gpu`. Without one they are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from thinc.api import require_cpu
from thinc.util import has_cupy, has_cupy_gpu

GPU_ID = 0


def pytest_collection_modifyitems(items):
    """Skip the tests of this folder where there is no GPU; the hook is given those of all others, too."""
    if has_cupy_gpu:
        return
    reason = "CuPy finds no GPU" if has_cupy else "CuPy cannot be imported"
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=f"needs a GPU: {reason}"))


@pytest.fixture(autouse=True)
def back_to_the_cpu():
    """What a test chooses holds for the whole process."""
    yield
    require_cpu()
