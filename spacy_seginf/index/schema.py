"""What the manifest and the seals of an index may say: checked in one place, so that nothing behind it has to."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from ..crf.schemes import PREFIXES, TAG
from ..settings import CURVATURES, FEATURE_DTYPES
from .arrays import damaged

NAME = re.compile(r"\w[\w.-]*")  # of a file or folder: nothing that leads elsewhere
MOST = 1 << 48  # more of anything does not exist


def is_text(value: Any) -> bool:
    """Is it a text?"""
    return isinstance(value, str)


def is_name(value: Any) -> bool:
    """Is it the name of a file or folder, and not a path?"""
    return isinstance(value, str) and len(value) < 256 and NAME.fullmatch(value) is not None


def is_count(value: Any) -> bool:
    """Is it a number of things?"""
    return type(value) is int and 0 <= value < MOST


def is_size(value: Any) -> bool:
    """Is it a finite number that is not negative?"""
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def among(*known: str) -> Callable[[Any], bool]:
    """Make a check for one of some texts."""
    return lambda value: isinstance(value, str) and value in known


def is_list(check: Callable[[Any], bool], length: Optional[int] = None) -> Callable[[Any], bool]:
    """Make a check for lists."""
    return lambda value: isinstance(value, list) and all(map(check, value)) and length in (None, len(value))


def is_record(fields: Mapping[str, Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """Make a check for objects that have these keys, and maybe others."""
    return lambda value: isinstance(value, dict) and all(key in value and fields[key](value[key]) for key in fields)


def is_table(check: Callable[[Any], bool], key: Callable[[Any], bool] = is_text) -> Callable[[Any], bool]:
    """Make a check for objects with values of one kind."""
    return lambda value: isinstance(value, dict) and all(key(name) and check(one) for name, one in value.items())


def _is_distinct(value: Any) -> bool:
    return is_list(is_text)(value) and 0 < len(value) == len(set(value))


FILES = is_table(is_record({"bytes": is_count, "checksums": is_list(is_count)}), is_name)
COUNTS = {"documents": is_count, "tokens": is_count, "rows": is_count, "segments": is_count}
SHARD = is_record({**COUNTS, "name": is_name, "build": is_text, "checksum": is_count})
FIDELITY = {"predicted": is_count, "shared": is_count, "missed": is_table(is_count), "added": is_table(is_count)}
MANIFEST: dict[str, Callable[[Any], bool]] = {
    **COUNTS,
    **dict.fromkeys(("encoder_fingerprint", "head_fingerprint", "hessian", "corpus", "build", "tagger"), is_text),
    **dict.fromkeys(("largest_gain", "label_l2", "l2", "fit_gradient"), is_size),
    "scheme": among(*PREFIXES, TAG),
    "target": is_text,
    "tags": _is_distinct,
    "curvature": among(*CURVATURES),
    "label_curvature": among("", *CURVATURES),
    "refit": lambda value: isinstance(value, bool),
    "centre": among("trained", "zero"),
    "agreement": is_table(is_record(FIDELITY)),
    "width": is_count,
    "held_documents": is_count,
    "explains": lambda value: value is None or is_table(lambda one: True)(value),
    "dtype": among(*FEATURE_DTYPES),
    "dropped": is_list(is_count, 2),
    "dropped_norms": is_list(is_size, 2),
    "shards": is_list(SHARD),
    "files": FILES,
}
SEAL: dict[str, Callable[[Any], bool]] = {"files": FILES, "labels": is_count}


def check_manifest(path: Path, content: dict[str, Any]) -> None:
    """Check what a manifest says; keys that it lacks are another matter. RAISES (ValueError): S032."""
    _check(path, content, MANIFEST)
    shards = content.get("shards", [])
    for key in COUNTS:
        if sum(shard[key] for shard in shards) != content.get(key, 0):
            raise damaged(path, f"its {key} are not those of its shards")
    if len({shard["name"] for shard in shards}) < len(shards):
        raise damaged(path, "it lists a shard twice")
    if content.get("held_documents", 0) > content.get("documents", 0):
        raise damaged(path, "more documents are held than there are")


def check_seal(path: Path, content: Any) -> None:
    """Check what the seal of a shard says. RAISES (ValueError): S032."""
    if not isinstance(content, dict):
        raise damaged(path, "it is no JSON object")
    missing = [key for key in SEAL if key not in content]
    if missing:
        raise damaged(path, f"{missing[0]!r} is missing")
    _check(path, content, SEAL)


def _check(path: Path, content: dict[str, Any], fields: Mapping[str, Callable[[Any], bool]]) -> None:
    for key, check in fields.items():
        if key in content and not check(content[key]):
            raise damaged(path, f"the value of {key!r} can't be: {repr(content[key])[:60]}")
