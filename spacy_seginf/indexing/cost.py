"""What an index will take, said before the work; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional, Sequence

from ..errors import Errors, SeginfError
from ..influence.cost import CorpusSize, Cost, estimate, used_curvature
from ..machine import available_memory
from ..tagger import head_parameters
from ..tagger.corpus import TrainingText
from ..tagger.crf_tagger import CRFTagger

NAMES = {"exact": "the exact Hessian", "kfac": "K-FAC", "identity": "no curvature"}
GIGABYTE = 1e9


def corpus_size(
    tagger: CRFTagger,
    texts: Sequence[TrainingText],
    dev: Optional[Sequence[TrainingText]],
    shard_tokens: int,
    earlier_tokens: int = 0,
) -> CorpusSize:
    """Count what the cost depends on. earlier_tokens (int): of documents that are encoded already."""
    weights, _, _ = head_parameters(tagger.model.get_ref("output_layer"))
    labels, width = weights.shape
    lengths = [len(text.example.predicted) for text in texts]
    entities = sum(len(tagger.target.spans(text.example.reference)) for text in texts if not tagger.scheme.by_token)
    dev_tokens = sum(len(text.example.predicted) for text in dev or ())
    longest = max(lengths, default=0)
    return CorpusSize(labels, width, sum(lengths) + earlier_tokens, longest, entities, dev_tokens, shard_tokens)


def announce_cost(
    size: CorpusSize,
    curvature: str,
    dtype: str,
    refit: bool,
    say: Callable[[str], None],
    free: Optional[int] = None,
    *,
    held: bool = False,
) -> Cost:
    """Say how much memory and disk an index will take, from above.

    curvature, dtype, refit: as in ``IndexSettings``. held (bool): as for ``estimate``. say (Callable): is told.
    free (int): bytes that there are; found out if None.
    RAISES (ValueError): S222 if there is less memory than that.
    """
    cost = estimate(size, curvature, dtype, refit=refit, held=held)
    free = available_memory() if free is None else free
    used = used_curvature(size, curvature)
    if free is not None and cost.memory > free:
        if held:
            less = ["fewer documents at a time"]
        else:
            others = {other: estimate(size, other, dtype, refit=refit).memory for other in ("kfac", "identity")}
            small = {name: need for name, need in others.items() if need < 0.9 * cost.memory}
            less = [f"--curvature {name} ({_gigabytes(need)})" for name, need in small.items()]
            fewer = estimate(replace(size, labels=size.labels // 2 + 1), curvature, dtype, refit=refit).memory
            less.append(f"half as many entity types ({_gigabytes(fewer)})")
        needs = {"need": _gigabytes(cost.memory), "free": _gigabytes(free), "options": ", or ".join(less)}
        raise SeginfError(Errors.S222.format(labels=size.labels, parameters=size.parameters, **needs))
    known = "" if free is None else f" ({_gigabytes(free)} are free)"
    say(
        f"{size.labels} tags and {size.width} features make {size.parameters:,} parameters, so with {NAMES[used]} this "
        f"takes up to {_gigabytes(cost.memory)} of memory{known} and about {_gigabytes(cost.disk)} on disk"
    )
    return cost


def _gigabytes(size: int) -> str:
    return f"{max(size, 0) / GIGABYTE:,.1f} GB" if size >= 0.1 * GIGABYTE else f"{max(size, 0) / 1e6:,.0f} MB"
