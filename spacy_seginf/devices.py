"""Computing on a GPU, if one is asked for and there."""

from __future__ import annotations

from thinc.api import require_gpu

from .errors import Errors, SeginfError


def use_gpu(gpu_id: int) -> None:
    """Compute on a GPU from now on; below 0, on what was used before.

    RAISES (ValueError): S259 if it can't be used.
    """
    if gpu_id < 0:
        return
    try:
        require_gpu(gpu_id)
    except Exception as error:  # thinc's, CuPy's and CUDA's are of many kinds
        problem = " ".join(str(error).split()) or type(error).__name__
        raise SeginfError(Errors.S259.format(number=gpu_id, problem=problem)) from None
