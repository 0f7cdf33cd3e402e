"""One indexed pipeline whose training labels are reviewed, and what is kept of its review."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

import numpy
from spacy.language import Language

from spacy_seginf.api.explain import load_indexed
from spacy_seginf.curation.levels import by_segment
from spacy_seginf.curation.scores import SCORES
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.texts import trusted_texts
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.problem import problem_key
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.files import write_text

from ...errors import LabErrors
from .corrected import f1_figures, fixed_counts
from .measures import Sought
from .sources import annotated
from .truth import GOLD, Record, Truth, match

VERSION = 3  # of what is kept; another one repeats everything
DRAWN = 0  # seed of the random spans


@dataclass(frozen=True)
class Reviewed:
    """A pipeline, its training labels and what is known of them.

    tagger (str): name of its tagger. records: of its documents, in their order. key (str): names the index and the
        documents with their corrections.
    """

    nlp: Language
    tagger: str
    source: LabelSource
    records: Sequence[Record]
    truth: Truth
    key: str

    @classmethod
    def load(cls, path: str, train: Sequence[Record]) -> Reviewed:
        """Load an indexed pipeline. train: records of its training documents, at least.

        RAISES (ValueError): S030, S035 or S040 without a complete index, S151 to S154 if it is not of these documents,
            S155 for another curvature or a head that was not refit.
        """
        nlp, influence = load_indexed(path)
        index = influence.explainer().index
        manifest = index.manifest
        if manifest.curvature != "exact" or not manifest.refit:
            raise SeginfError(
                LabErrors.S155.format(
                    path=path, curvature=manifest.curvature, refit="refit" if manifest.refit else "not refit"
                )
            )
        source = LabelSource.of(index)
        records = match(index, train)
        key = problem_key(index, [], (VERSION, json.dumps(records)))
        return cls(nlp, influence.tagger_name, source, records, Truth.of(records, manifest.tags), key)

    def sought(self, kept: numpy.ndarray, documents: Optional[numpy.ndarray] = None) -> Sought:
        """Say what is sought: wrong labels in documents that are kept (bool, documents). documents (bool, documents):
        which are relevant; those with a wrong label if None."""
        return Sought(self.source.data.lengths, self.source.units, self.truth.wrong, kept, documents)

    def keep(self, folder: Path, name: str, settings: Any, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what was computed before, or compute it and keep it. settings (Any): what else it depends on."""
        digest = hashlib.sha256(repr((self.key, settings)).encode()).hexdigest()[:16]
        path = folder / f"{name}-{digest}.json"
        if not path.exists():
            write_text(path, json.dumps(compute()))
        return json.loads(path.read_text(encoding="utf8"))

    def fix(
        self, scores: numpy.ndarray, sought: Sought, spans: int, test: Sequence[Record], progress: Progress
    ) -> dict[str, Any]:
        """Correct the most suspicious spans, as many random ones, and all wrong ones.

        scores (float64, tokens). test: records of documents, of which the corrected labels count.
        RETURNS: "f1" as ``f1_figures``, "unfinished" fits, and how many of the "corrected" spans were wrong.
        """
        texts = trusted_texts(self.nlp, [annotated(self.nlp, record, GOLD) for record in test], self.tagger)
        sets = correction_sets(scores, sought, spans)
        counts, unfinished = fixed_counts(self.source, self.truth.gold, sets, texts, progress)
        wrong = {name: int(by_segment(sought.wrong, sought.lengths, own).sum()) for name, own in sets.items()}
        return {"f1": f1_figures(counts, "nothing"), "unfinished": unfinished, "corrected": wrong}


def correction_sets(scores: numpy.ndarray, sought: Sought, spans: int) -> dict[str, numpy.ndarray]:
    """Return spans (int64, n x 3) of the documents that take part: none, the most suspicious ones, random ones, and all
    that are wrong. scores (float64, tokens)."""
    units = sought.units[sought.kept[sought.units[:, 0]]]
    order = numpy.argsort(-by_segment(scores, sought.lengths, units), kind="stable")
    drawn = numpy.random.default_rng(DRAWN).permutation(len(units))
    return {
        "nothing": units[:0],
        "flagged": units[order[:spans]],
        "random": units[drawn[:spans]],
        "all": units[by_segment(sought.wrong, sought.lengths, units) > 0],
    }


def check_settings(experiment: str, settings: dict[str, Any]) -> None:
    """Check what both experiments on noise have. RAISES (ValueError): S132 for a setting that makes no sense."""
    allowed = {}
    for name, values in (("pipelines", settings["pipelines"]), ("seeds", settings["seeds"])):
        if isinstance(values, str) or not values or len(set(values)) < len(values):
            allowed[name] = "Give a list of different ones."
    for name in ("clean_documents", "spans"):
        if settings[name] < 1:
            allowed[name] = "It must be at least 1."
    if settings["default_score"] not in SCORES or SCORES[settings["default_score"]].needs in ("trusted", "checkpoints"):
        allowed["default_score"] = "Give a score of `seginf scores` that needs no clean documents or checkpoints."
    if settings["default_how"] not in ("mean", "max"):
        allowed["default_how"] = "Give mean or max."
    for name, problem in allowed.items():
        value = settings[name]
        raise SeginfError(LabErrors.S132.format(name=experiment, setting=name, value=value, allowed=problem))
