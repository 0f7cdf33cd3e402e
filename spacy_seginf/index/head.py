"""The files of an index that all its shards share: ``theta.npy`` (float64, P: the head) and ``metric_*.npy`` (float64:
H^-1 or its factors)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterable

import numpy

from ..influence.curvature import Metric, load_metric, metric_arrays
from .storage import save_array

THETA = "theta.npy"
METRIC = "metric_"


def write_head(folder: Path, theta: numpy.ndarray, metric: Metric) -> None:
    """Write a head and its metric."""
    save_array(folder, Path(THETA).stem, theta)
    for name, array in metric_arrays(metric).items():
        save_array(folder, f"{METRIC}{name}", array)


def read_metric(files: Iterable[str], read: Callable[[str], Any], curvature: str, labels: int, width: int) -> Metric:
    """Read the metric that is among some files.

    files (str): their names. read (Callable): opens the array in one of them. curvature, labels, width: as for
    ``load_metric``.
    """
    arrays = {name[len(METRIC) : -len(".npy")]: read(name) for name in files if name.startswith(METRIC)}
    content = {name: array[:] if array.shape else array[()] for name, array in arrays.items()}
    return load_metric(curvature, content, labels, width)


def open_head(folder: Path, curvature: str, labels: int, width: int) -> tuple[numpy.ndarray, Metric]:
    """Map the head and the metric of an index that has no manifest yet, so nothing to check them by."""

    def read(name: str) -> numpy.ndarray:
        return numpy.load(folder / name, mmap_mode="r").view(numpy.ndarray)

    files = sorted(path.name for path in folder.glob("*.npy"))
    return numpy.load(folder / THETA), read_metric(files, read, curvature, labels, width)
