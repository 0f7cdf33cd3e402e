"""The files of an index that all its shards share: ``theta.npy`` (float64, P: the head that explains), ``centre.npy``
(float64, P: where its penalty is centred, unless that is the origin) and ``metric_*.npy`` (float64: H^-1 or its
factors). Where the centre is a trained head, which remembers the labels, there is a second head with a metric that has
nothing but labels, ``label_theta.npy`` and ``label_metric_*.npy``: what speaks of labels themselves asks that one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterable, Optional

import numpy

from ..influence.curvature import Metric, load_metric, metric_arrays
from ..influence.head import Head
from .storage import save_array

THETA = "theta.npy"
CENTRE = "centre.npy"
METRIC = "metric_"
LABEL_HEAD = "label_"  # before the names of the second head's files


def write_head(folder: Path, head: Head, metric: Metric, centre: Optional[Head] = None, prefix: str = "") -> None:
    """Write a head, its metric, and the centre of its penalty. prefix (str): "", or LABEL_HEAD for the second head."""
    save_array(folder, prefix + Path(THETA).stem, head.packed)
    if centre is not None:
        save_array(folder, prefix + Path(CENTRE).stem, centre.packed)
    for name, array in metric_arrays(metric).items():
        save_array(folder, f"{prefix}{METRIC}{name}", array)


def read_metric(
    files: Iterable[str],
    read: Callable[[str], Any],
    curvature: str,
    labels: int,
    width: int,
    prefix: str = "",
    check: Callable[[str, dict[str, Any], int, int], None] = lambda *facts: None,
) -> Metric:
    """Read the metric that is among some files, of the head with a prefix.

    files (str): their names. read (Callable): opens the array in one of them. curvature, labels, width: as for
    ``load_metric``. check (Callable): is given the curvature, the opened arrays, labels and width before they are read.
    """
    start = f"{prefix}{METRIC}"
    arrays = {name[len(start) : -len(".npy")]: read(name) for name in files if name.startswith(start)}
    check(curvature, arrays, labels, width)
    content = {name: array[:] if array.shape else array[()] for name, array in arrays.items()}
    return load_metric(curvature, content, labels, width)


def open_head(folder: Path, curvature: str, labels: int, width: int, prefix: str = "") -> tuple[Head, Metric]:
    """Map a head and the metric of an index that has no manifest yet, so nothing to check them by."""

    def read(name: str) -> numpy.ndarray:
        return numpy.load(folder / name, mmap_mode="r").view(numpy.ndarray)

    files = sorted(path.name for path in folder.glob("*.npy"))
    head = Head.unpacked(numpy.load(folder / f"{prefix}{THETA}"), labels)
    return head, read_metric(files, read, curvature, labels, width, prefix)
