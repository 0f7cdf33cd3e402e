"""Joint effects against refits: the 2 to 200 labels nearest to a prediction, taken away or relabelled together.

OMP_NUM_THREADS=1 python -m experiments.methods.measure_joint [--quick] [--indexed DIR --texts FILE --name NAME]
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import islice
from typing import Any

import numpy

from spacy_seginf.crf.schemes import OUTSIDE
from spacy_seginf.explanation.agreement import agreement
from spacy_seginf.explanation.flip_candidates import Pick, change_of
from spacy_seginf.explanation.joint import joint_effect, verified_effect
from spacy_seginf.explanation.question import Question

from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .questions import Pipeline, open_pipeline

QUERIES, QUICK = 100, 12
SIZES = (2, 5, 10, 20, 50, 100, 200)
CLEAR = 1e-4  # nats: an effect whose sign counts
KINDS = ("removed", "relabelled", "of the runner-up removed")


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False, given=True)
    one_thread()
    count = QUICK if arguments.quick else QUERIES
    found: list[dict[str, Any]] = []
    with ExitStack() as stack:
        pipeline = open_pipeline(arguments, stack)
        for number, asked in enumerate(islice(pipeline.asked(numpy.random.default_rng(0)), count)):
            size, kind = SIZES[number % len(SIZES)], KINDS[number % len(KINDS)]
            found.append(measure(pipeline, asked.question, size, kind))
    print_table(
        ["labels", "kind", "one step", "refined", "actual", "seconds"],
        [[one[key] for key in ("labels", "kind", "block", "refined", "actual", "seconds")] for one in found],
    )
    figures: dict[str, Any] = {"queries": len(found)}
    for name in ("block", "refined"):
        predicted, actual = (numpy.array([one[key] for one in found]) for key in (name, "actual"))
        result = agreement(predicted, actual)
        figures.update({f"{name}_pearson": result.pearson, f"{name}_slope": result.slope})
        clear = abs(actual) > CLEAR
        figures[f"{name}_sign"] = float((numpy.sign(predicted[clear]) == numpy.sign(actual[clear])).mean())
    figures["clear"] = int(sum(abs(one["actual"]) > CLEAR for one in found))
    figures["decoding_agrees"] = float(numpy.mean([one["same"] for one in found]))
    figures["converged"] = float(numpy.mean([one["converged"] for one in found]))
    seconds = [one["seconds"] for one in found]
    figures.update(seconds_median=float(numpy.median(seconds)), seconds_max=max(seconds))
    figures["largest_effect"] = float(max(abs(one["actual"]) for one in found))
    finish(f"joint_{arguments.name}", figures, quick=arguments.quick, rows=len(found), seeds=[0])


def measure(pipeline: Pipeline, question: Question, size: int, kind: str) -> dict[str, Any]:
    """Change the nearest labels of a type and compare what is predicted with a refit."""
    own, runner_up = question.place.label, other_reading(pipeline, question)
    order = pipeline.neighbours(question, runner_up if kind == KINDS[2] else own)[:size]
    new = None if kind != KINDS[1] else runner_up
    picks = [Pick(document, start, end, new) for document, start, end in pipeline.units[order].tolist()]
    change = change_of(pipeline.effects, pipeline.scheme, picks)
    block = joint_effect(question, change, steps=1)
    start = time.process_time()
    refined = joint_effect(question, change)
    seconds = time.process_time() - start
    actual = verified_effect(question, change)
    return {
        "labels": len(picks),
        "kind": kind,
        "block": block.effect,
        "refined": refined.effect,
        "actual": actual.effect,
        "seconds": seconds,
        "same": refined.becomes == actual.becomes,
        "converged": actual.verified,
    }


def other_reading(pipeline: Pipeline, question: Question) -> str:
    """Return the type that the head finds most probable there, other than its own."""
    place, data = question.place, question.data
    p = {}
    for label in pipeline.scheme.labels:
        if label != place.label:
            tags = question.tags.copy()
            tags[place.start : place.end] = pipeline.scheme.entity_tags(label, place.end - place.start)
            watched = pipeline.effects.watch(data, tags, [(0, place.start, place.end)])
            p[label] = -float(watched.losses(pipeline.effects.nothing)[0, 0])
    return max(p, key=lambda label: p[label]) if p else OUTSIDE


if __name__ == "__main__":
    main()
