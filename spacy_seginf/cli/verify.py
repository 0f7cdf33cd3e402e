"""`python -m spacy seginf verify`."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import typer
from spacy.cli._util import setup_gpu
from spacy.tokens import Doc
from spacy.util import minibatch
from wasabi import Printer, table

from ..crf import viterbi
from ..errors import Errors, Warnings
from ..influence.fit import HeadData, fit_head, unpack
from ..influence.gradients import Head, on_cpu
from ..influence.verification import TIGHT, RemovalExperiment, WatchedTokens
from ..pipeline.corpus import TrainingText, read_corpus
from ..pipeline.encoding import encode
from ..pipeline.influence import Influence
from ..pipeline.views import Influencers, Reference
from ..render.wording import shorten, visible
from .explain import load_indexed


@dataclass(frozen=True)
class Pair:
    """A token of the text and one of its references. predicted and actual are changes of the token's loss in nats
    when the reference's label is removed: positive supports, negative opposes."""

    token: str
    label: str
    reference: str
    reference_label: str
    document: str
    position: int
    score: float
    predicted: float
    actual: float
    converged: bool


@dataclass
class VerifyReport:
    """Pairs and how well predictions agree with refits over all of them, none left out.

    changed_labels: share of training tokens that the refit head labels otherwise than the trained one.
    """

    pairs: list[Pair] = field(default_factory=list)
    changed_labels: float = 0.0

    @property
    def pearson(self) -> float:
        """Correlation of predicted and actual effects."""
        return _pearson([pair.predicted for pair in self.pairs], [pair.actual for pair in self.pairs])

    @property
    def score_pearson(self) -> float:
        """Correlation of the scores that explanations show with actual effects."""
        return _pearson([pair.score for pair in self.pairs], [pair.actual for pair in self.pairs])

    @property
    def slope(self) -> float:
        """Slope of predicted on actual effects; 1 is right, below 1 predicts too small an effect."""
        actual = numpy.array([pair.actual for pair in self.pairs])
        predicted = numpy.array([pair.predicted for pair in self.pairs])
        variance = float(actual.var())
        return float(((actual - actual.mean()) * predicted).mean() / variance) if variance else float("nan")


def verify(
    pipeline: str, corpus: Path, text: str, *, l2: float = 10.0, top: int = 2, gpu_id: int = -1, silent: bool = True
) -> VerifyReport:
    """Refit the head without the references of a text's entities, and compare with what is predicted.

    pipeline (str): a folder that `seginf index` wrote. It is not changed.
    corpus (Path): the training corpus that the index was built over.
    text (str): the text; "-" reads standard input.
    l2 (float): penalty (l2 / 2) |theta|^2 of the refits.
    top (int): references on each side, per token of an entity.
    RAISES (ValueError): S030, S040 to S042 for missing input, S050 or S051 for an unusable l2, S052 if the corpus is
        not the index's.
    """
    msg = Printer(no_print=silent)
    setup_gpu(gpu_id, silent=True)
    nlp, influence = load_indexed(pipeline)
    tagger = influence.find_tagger()
    texts = read_corpus(nlp, Path(corpus))
    doc = nlp(sys.stdin.read().strip() if text == "-" else text)
    tokens = [token.i for ent in doc.ents for token in ent]
    references = _find_references(doc, tokens, texts, top, Path(corpus))
    report = VerifyReport()
    if references:
        msg.info(f"Encoding {len(texts):,} documents")
        features = []
        for batch in minibatch(texts, 64):
            features += [on_cpu(rows) for rows in encode(nlp, tagger, [piece.example.predicted for piece in batch])]
        allowed = [tagger.allowed_tags(piece.example) for piece in texts]
        data = HeadData(numpy.concatenate(features), numpy.concatenate(allowed), [len(rows) for rows in allowed])
        trained = Head(tagger.model).theta
        msg.info(f"Fitting {len(trained):,} parameters of the head to {len(data.allowed):,} tokens, l2 = {l2:g}")
        experiment = RemovalExperiment(data, fit_head(data, trained, l2), l2)
        optimum = experiment.optimum
        if not optimum.converged:
            warnings.warn(Warnings.W005.format(gradient=optimum.gradient, tolerance=TIGHT), stacklevel=2)
        report.changed_labels = _changed_labels(data, trained, optimum.theta)
        watched = _watch(doc, tokens, influence)
        effects = {
            row: (experiment.predicted(row, watched), *experiment.actual(row, watched))
            for row in sorted({row for _, _, row in references})
        }
        report.pairs = [
            _pair(doc[tokens[number]]._.influencers, reference, number, *effects[row])
            for number, reference, row in references
        ]
    if not silent:
        _print(report, msg, len({row for _, _, row in references}))
    return report


def _print(report: VerifyReport, msg: Printer, refits: int) -> None:
    if not report.pairs:
        msg.info("No entities were predicted in this text, so there is nothing to verify.")
        return
    header = ("token", "training label", "where", "score", "predicted", "actual")
    rows = [
        (
            f"{shorten(visible(pair.token), 20)} {visible(pair.label)}",
            f"{shorten(visible(pair.reference), 20)} {visible(pair.reference_label)}",
            f"{shorten(visible(pair.document), 30)}, token {pair.position}",
            f"{pair.score:+.3g}",
            f"{pair.predicted:+.3g}",
            f"{pair.actual:+.3g}" + ("" if pair.converged else " (not converged)"),
        )
        for pair in report.pairs
    ]
    typer.echo(table(rows, header=header, divider=True, aligns=("l", "l", "l", "r", "r", "r"), max_col=60))
    typer.echo(
        "Predicted and actual: change of the token's loss (nats) when the head is refit without the label. Positive: "
        "the label supports the prediction; negative: it opposes it."
    )
    typer.echo(
        f"{len(report.pairs)} pairs, {refits} refits. Predicted against actual: Pearson {report.pearson:.3f}, slope "
        f"{report.slope:.2f}. Scores shown by explanations against actual: Pearson {report.score_pearson:.3f}."
    )
    typer.echo(
        f"All this is about the head at its optimum on frozen features; it labels {report.changed_labels:.2%} of the "
        "training tokens otherwise than the trained head. The encoder has seen the labels too."
    )


def _watch(doc: Doc, tokens: list[int], influence: Influence) -> WatchedTokens:
    """Take the features of tokens, and their labels and neighbours as predicted."""
    tagger = influence.find_tagger()
    with influence.paused():
        copy = influence.nlp(doc.text)
    features = on_cpu(tagger.encode([copy])[0])
    tags = numpy.array([-1, *(tagger.tags.index(entry.label) for entry in doc._.influencers), -1])
    chosen = numpy.array(tokens, dtype=int)
    return WatchedTokens(features[chosen], tags[chosen + 1], tags[chosen], tags[chosen + 2])


def _find_references(
    doc: Doc, tokens: list[int], texts: list[TrainingText], top: int, corpus: Path
) -> list[tuple[int, Reference, int]]:
    """Return (number among the tokens, reference, training token) of every reference to verify.

    RAISES (ValueError): S052 if a reference is not in the corpus, so before anything long begins.
    """
    rows: dict[tuple[str, int, str], int] = {}
    count = 0
    for piece in texts:
        for token in piece.example.predicted:
            rows.setdefault((piece.identifier, piece.first_token + token.i, token.text), count)
            count += 1
    found = []
    for number, position in enumerate(tokens):
        entry = doc[position]._.influencers
        for reference in (*entry.supporting[:top], *entry.opposing[:top]):
            row = rows.get((reference.doc_id, reference.start, reference.text))
            if row is None:
                raise ValueError(Errors.S052.format(path=corpus, document=reference.doc_id, token=reference.start))
            found.append((number, reference, row))
    return found


def _pair(
    entry: Influencers,
    reference: Reference,
    number: int,
    predicted: numpy.ndarray,
    actual: numpy.ndarray,
    converged: bool,
) -> Pair:
    return Pair(
        token=entry.text,
        label=entry.label,
        reference=reference.text,
        reference_label=reference.label,
        document=reference.doc_id,
        position=reference.start,
        score=reference.effect,
        predicted=float(predicted[number]),
        actual=float(actual[number]),
        converged=converged,
    )


def _changed_labels(data: HeadData, before: numpy.ndarray, after: numpy.ndarray) -> float:
    changed = 0
    for features, _, lengths in data.batches():
        labels = []
        for theta in (before, after):
            weights, transitions = unpack(theta, data.labels)
            labels.append(viterbi(features @ weights.T, transitions, lengths))
        changed += int((labels[0] != labels[1]).sum())
    return changed / len(data.allowed)


def _pearson(left: list[float], right: list[float]) -> float:
    if len(left) < 2 or numpy.std(left) == 0 or numpy.std(right) == 0:
        return float("nan")
    return float(numpy.corrcoef(left, right)[0, 1])
