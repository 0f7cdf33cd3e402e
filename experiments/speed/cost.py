"""What an index of so many tokens costs: bytes, operations and hours by part, from what ``search`` measured.

    python -m experiments.speed.cost --tokens 1e9 --workers 64

Nothing is measured here. Rates are those of one CPU thread, one encoder and one corpus; those of GPUs are unmeasured.
Leading terms of the operations scale them to other heads (docs/scaling.md has the formulas).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any, Optional

from spacy_seginf.influence.choose import LARGEST_HESSIAN
from spacy_seginf.settings import DEFAULTS, FEATURE_DTYPES

from ..common.reporting import RESULTS, print_table

MEASURED = RESULTS / "search.json"
NEEDED = (
    *("rows", "width", "labels", "encode_seconds", "refit_seconds", "curvature_seconds", "rows_seconds"),
    *("bytes_per_token", "bytes_per_token_total", "rows_seen_exact", "search_ms_exact_32_queries"),
)
DISTRIBUTED = ("encode", "curvature", "rows")  # the other parts run in the process that was started
VALUE_BYTES = {"float32": 4, "float16": 2, "int8": 1}
MAPPED_FILES = 25  # of a shard, each of which is open while the index is
HOUR = 3600.0


@dataclass(frozen=True)
class Size:
    """Tokens, components of a token vector, labels, and the share of tokens whose label the head is not sure of."""

    tokens: float
    width: int
    labels: int
    loud: float

    @property
    def parameters(self) -> int:
        """Of the head: weights, biases and transitions."""
        return self.labels * (self.width + 1) + self.labels**2

    @property
    def exact(self) -> bool:
        """Whether the Hessian is computed; K-FAC stands in for larger heads."""
        return self.parameters <= LARGEST_HESSIAN

    def operations(self) -> dict[str, float]:
        """Count the floating point operations of each part but the encoder's, leading terms; those of the refit for one
        evaluation of its loss."""
        columns, labels = self.width + 1, self.labels
        pairs = labels * (labels - 1) * columns**2 + 2 * labels**3 * columns + 2 * labels**4
        return {
            "refit": 4 * self.tokens * labels * columns,
            "curvature": self.tokens * pairs + 7 / 3 * self.parameters**3,
            "rows": 2 * self.loud * self.tokens * self.parameters**2,
        }


def stored_bytes(size: Size, dtype: str, keep: float, measured: dict[str, Any]) -> dict[str, float]:
    """Return the bytes of an index and of its curvature, of what lies beside them while it is built, and of the arrays
    that the driver holds then."""
    labels = size.labels
    vector = VALUE_BYTES[dtype] * size.width + (4 if dtype == "int8" else 0)
    token = vector + 4 * labels + 16
    always = 12 + -(-labels // 8)  # held-out probabilities, character offsets, permitted labels
    # Entities and texts: what was measured beside the two above, in proportion to vectors and residuals.
    beside = measured["bytes_per_token_total"] - measured["bytes_per_token"] - 12 - -(-measured["labels"] // 8)
    beside *= (vector + 4 * labels) / (2 * measured["width"] + 4 * measured["labels"])
    kept = size.tokens * (keep * (token + beside) + always)
    exact = 8.0 * size.parameters**2
    factors = 8.0 * ((size.width + 1) ** 2 + labels**2 + labels**4)
    return {
        "index": kept,
        "curvature": exact if size.exact else factors,
        "staged": size.tokens * (vector + always + 4 * labels + 56),
        "driver": size.tokens * (4 * size.width + labels),
    }


def seconds_of(size: Size, measured: dict[str, Any]) -> dict[str, Optional[float]]:
    """Scale measured seconds of one CPU thread by part; None where nothing was measured that could be scaled."""
    before = Size(measured["rows"], measured["width"], measured["labels"], size.loud)
    now, then = size.operations(), before.operations()
    seconds: dict[str, Optional[float]] = {"encode": measured["encode_seconds"] * size.tokens / before.tokens}
    for part in now:
        seconds[part] = measured[f"{part}_seconds"] * now[part] / then[part] if size.exact else None
    return seconds


def read_measured() -> dict[str, Any]:
    """Read the measured rates. Ends the program if there are none."""
    if not MEASURED.exists():
        raise SystemExit(
            f"There are no measured rates: {MEASURED} is missing. Run python -m experiments.speed.search first."
        )
    measured = json.loads(MEASURED.read_text(encoding="utf8"))
    missing = [name for name in NEEDED if measured.get(name) is None]
    if missing:
        raise SystemExit(
            f"{MEASURED} lacks {', '.join(missing)}. Run all parts of python -m experiments.speed.search again."
        )
    return measured


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=float, default=1e9, help="tokens of the training corpus (default: 1e9)")
    parser.add_argument("--width", type=int, help="components of a token vector (default: as measured)")
    parser.add_argument("--labels", type=int, help="tags of the head (default: as measured)")
    parser.add_argument("--workers", type=int, default=1, help="workers of one CPU thread each (default: 1)")
    parser.add_argument("--dtype", choices=FEATURE_DTYPES, default=DEFAULTS.dtype)
    parser.add_argument("--keep", type=float, default=1.0, help="share of the labels that are kept (default: 1)")
    parser.add_argument("--shard-tokens", type=int, default=DEFAULTS.shard_tokens)
    parser.add_argument("--loud", type=float, default=0.1, help="share of uncertain tokens; assumed (default: 0.1)")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    measured = read_measured()
    size = Size(
        arguments.tokens, arguments.width or measured["width"], arguments.labels or measured["labels"], arguments.loud
    )
    operations, seconds = size.operations(), seconds_of(size, measured)
    spread = {
        part: None if value is None else value / (arguments.workers if part in DISTRIBUTED else 1)
        for part, value in seconds.items()
    }
    print(
        f"{size.tokens:,.0f} tokens, d = {size.width}, C = {size.labels}, P = {size.parameters:,}. Rates: one CPU "
        f"thread on {measured['rows']:,} tokens, d = {measured['width']}, C = {measured['labels']}, commit "
        f"{measured.get('commit', 'unknown')}. GPU rates are unmeasured."
    )
    if not size.exact:
        print(f"K-FAC stands in above {LARGEST_HESSIAN:,} parameters; what it takes is unmeasured.")
    table = [
        [
            part,
            f"{arguments.workers} workers" if part in DISTRIBUTED else "driver",
            operations[part] if part in operations and size.exact else "-",
            *("unmeasured" if value is None else value / HOUR for value in (seconds[part], spread[part])),
        ]
        for part in seconds
    ]
    print_table(["part", "where", "operations", "one thread, h", f"{arguments.workers} workers, h"], table)
    stored = stored_bytes(size, arguments.dtype, arguments.keep, measured)
    shards = -(-size.tokens // arguments.shard_tokens)
    # As many rows are scored as were, in proportion: the share that has to be seen is taken to stay the same.
    work = size.tokens * size.labels * size.width / (measured["rows"] * measured["labels"] * measured["width"])
    search_seconds = measured["search_ms_exact_32_queries"] / 1000 * work
    facts: list[list[Any]] = [
        ["index, GB", stored["index"] / 1e9],
        ["index, bytes a token", stored["index"] / size.tokens],
        ["curvature, GB", stored["curvature"] / 1e9],
        ["beside it during the build, GB", stored["staged"] / 1e9],
        ["memory of the driver, GB", stored["driver"] / 1e9],
        ["shards", f"{shards:,.0f}"],
        ["files that an open index maps", f"{shards * MAPPED_FILES:,.0f}"],
        ["rows that a search sees", measured["rows_seen_exact"] * size.tokens],
        ["search of 32 queries, s", search_seconds],
    ]
    print_table(["storage, memory, search", ""], facts)
    record = {
        **vars(arguments),
        "width": size.width,
        "labels": size.labels,
        "parameters": size.parameters,
        "operations": operations if size.exact else None,
        "seconds_one_thread": seconds,
        "seconds": spread,
        "bytes": stored,
        "shards": shards,
        "search_seconds_32_queries": search_seconds,
        "gpu_rates": None,
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
