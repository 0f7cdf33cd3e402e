"""How far probabilities of entities can be trusted on CoNLL-2003: calibrated ones of the CRF tagger beside the scores
of spaCy's spancat, and of its ner (trained greedily, as by default) by beam search, over the same encoder and for the
same steps.

    OMP_NUM_THREADS=1 python -m experiments.tasks.confidence --data DIR [--quick]

Each is calibrated on the development part, in the same way, entities that the training part does not have apart (and
like others, for comparison), and measured on the test part: expected calibration error (15 bins of equal mass), Brier
score, log score, and the area under the risk-coverage curve: of its own predictions, and of as many of the most
probable ones as the one that predicts fewest has (aurc_common), since who predicts less makes fewer errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.api.calibrate import calibrate
from spacy_seginf.crf.calibration import (
    Calibration,
    brier,
    calibration_error,
    fit_lines,
    form_of,
    log_score,
    risk_coverage,
)
from spacy_seginf.explanation.calibrated_texts import annotated_forms

from ..common.prepare import CACHE, NER, SEEDS, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .training import config_of, trained

STEPS, QUICK_STEPS = 500, 100
LONGEST = 6  # words of a span that spancat scores
BEAM = {"beam_width": 16, "beam_density": 0.0001}
DOUBT = 1e-6
SPANCAT: dict[str, Any] = {
    "@architectures": "spacy.SpanCategorizer.v1",
    "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 128},
    "scorer": {"@layers": "spacy.LinearLogistic.v1", "nO": None, "nI": None},
}
CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "crf_tagger": ({"factory": "crf_tagger"}, "ents_f"),
    "ner": ({"factory": "ner", "model": NER}, "ents_f"),
    "spancat": (
        {
            "factory": "spancat",
            "model": SPANCAT,
            "spans_key": "sc",
            "suggester": {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": LONGEST},
        },
        "spans_sc_f",
    ),
}
MEASURES = ("ece", "brier", "log_score", "aurc", "aurc_common", "errors", "predicted")
Scored = tuple[str, float, str, bool]  # label, probability, its words as they are compared, whether it is right


def with_spans(path: Path) -> Path:
    """Write a corpus with its entities also as spans, which are what spancat learns."""
    target = CACHE / "corpora" / f"spans-{path.name}"
    if not target.exists():
        vocab = spacy.blank("en").vocab
        docs = list(DocBin().from_disk(path).get_docs(vocab))
        for doc in docs:
            doc.spans["sc"] = [Span(doc, ent.start, ent.end, label=ent.label_) for ent in doc.ents]
        DocBin(docs=docs, store_user_data=True).to_disk(target)
    return target


def scored(nlp: Language, component: str, path: Path) -> list[Scored]:
    """Predict a corpus; list its predictions with their probabilities, as they come from the component."""
    found = []
    for gold in DocBin().from_disk(path).get_docs(nlp.vocab):
        right = {(ent.start, ent.end, ent.label_) for ent in gold.ents}
        doc = nlp(Doc(nlp.vocab, words=[token.text for token in gold]))
        for start, end, label, probability in _predictions(nlp, component, doc):
            probability = min(max(probability, DOUBT), 1.0 - DOUBT)  # a beam of one parse is certain of all
            form = form_of(token.text for token in doc[start:end])
            found.append((label, probability, form, (start, end, label) in right))
    return found


def _predictions(nlp: Language, component: str, doc: Doc) -> Iterator[tuple[int, int, str, float]]:
    if component == "spancat":
        spans = doc.spans["sc"]
        for span, score in zip(spans, spans.attrs["scores"]):
            yield span.start, span.end, span.label_, float(score)
    elif component == "ner":
        ner: Any = nlp.get_pipe("ner")
        (scores,) = ner.scored_ents(ner.beam_parse([doc], **BEAM))
        for ent in doc.ents:
            yield ent.start, ent.end, ent.label_, float(scores.get((ent.start, ent.end, ent.label_), 0.0))
    else:
        for ent in doc.ents:
            yield ent.start, ent.end, ent.label_, ent._.probability


def calibrated(found: list[Scored], calibration: Calibration) -> numpy.ndarray:
    """Return the probabilities of predictions (floats)."""
    return numpy.array([calibration.of(label, probability, form) for label, probability, form, _ in found])


def measures(found: list[Scored], calibration: Calibration) -> dict[str, float]:
    """Score calibrated probabilities."""
    right, said = numpy.array([one[-1] for one in found], dtype=bool), calibrated(found, calibration)
    return {
        "ece": calibration_error(said, right),
        "brier": brier(said, right),
        "log_score": log_score(said, right),
        "aurc": float(risk_coverage(said, right).mean()),
        "errors": float(1 - right.mean()),
        "predicted": len(found),
    }


def run(data: Path, component: str, seed: int, steps: int) -> tuple[dict[str, dict[str, float]], numpy.ndarray]:
    """Train, calibrate on dev and measure on test: before, after, and after with new entities calibrated like others
    ("alike"). Also return the share of errors among the most probable 1, 2, ... predictions."""
    train, dev, test = (with_spans(corpus(data, split)) for split in ("train", "dev", "test"))
    model = trained(config_of(*CONFIGS[component]), train, dev, seed, steps)
    nlp = spacy.load(model)
    found, fitted = scored(nlp, component, test), Calibration()
    result = {"before": measures(found, fitted)}
    for when, training in (("alike", None), ("after", train)):
        if component == "crf_tagger":  # as users do
            report = calibrate(str(model), dev, model.parent / "calibrated", training=training, force=True)
            result["before"]["dev_ece_across_folds"] = report.scores["after"]["calibration_error"]
            found = scored(spacy.load(model.parent / "calibrated"), component, test)
        else:
            labels, probabilities, forms, right = (list(part) for part in zip(*scored(nlp, component, dev)))
            known = annotated_forms(nlp, training) if training else {}
            new = numpy.array([Calibration(known=known).is_new(*one) for one in zip(labels, forms)])
            lines = fit_lines(labels, numpy.array(probabilities), numpy.array(right), new)
            fitted = Calibration(1.0, lines, known)
        result[when] = measures(found, fitted)
    return result, risk_coverage(calibrated(found, fitted), numpy.array([one[-1] for one in found], dtype=bool))


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    steps, seeds = (QUICK_STEPS, SEEDS[:1]) if arguments.quick else (STEPS, SEEDS)
    found: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in CONFIGS}
    for seed in seeds:
        curves = {}
        for component in CONFIGS:
            result, curves[component] = run(arguments.data, component, seed, steps)
            found[component].append(result)
            print(component, seed, result, flush=True)
        common = min(map(len, curves.values()))
        for component, curve in curves.items():
            found[component][-1]["after"]["aurc_common"] = float(curve[:common].mean())
    mean = {
        component: {
            when: {key: float(numpy.mean([one[when].get(key, numpy.nan) for one in runs])) for key in MEASURES}
            for when in ("before", "alike", "after")
        }
        for component, runs in found.items()
    }
    rows = [[name, when, *one.values()] for name, both in mean.items() for when, one in both.items()]
    print_table(["component", "calibrated", *MEASURES], rows)
    figures = {
        "ece": mean["crf_tagger"]["after"]["ece"],
        "ece_largest": max(one["after"]["ece"] for one in found["crf_tagger"]),
        "ece_alike": mean["crf_tagger"]["alike"]["ece"],
        "aurc_alike": {name: every["alike"]["aurc"] for name, every in mean.items()},
        "ece_dev_across_folds": float(
            numpy.mean([one["before"]["dev_ece_across_folds"] for one in found["crf_tagger"]])
        ),
        "aurc": mean["crf_tagger"]["after"]["aurc"],
        "aurc_spancat": mean["spancat"]["after"]["aurc"],
        "aurc_ner_beam": mean["ner"]["after"]["aurc"],
        "aurc_common": {name: both["after"]["aurc_common"] for name, both in mean.items()},
        "confidence": {name: both["after"] for name, both in mean.items()},
        "confidence_by_seed": found,
        "confidence_steps": steps,
    }
    finish("tasks", figures, quick=arguments.quick, rows=len(seeds), seeds=seeds, parts=["confidence"])


if __name__ == "__main__":
    main()
