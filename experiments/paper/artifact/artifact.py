"""Section 5.2: do references find the artifact that a prediction was learned from?

A word is put before a few training tokens without a label, which get one (``artifact_planting``). Queries are tokens
after the word in other documents that a tagger trained on this gives the same label. A reference is right if it is a
training token after the word, or, for methods that name documents, if its document has one.

Several kinds of segment influence are asked, and they answer different questions. The effect is what taking away one
label would change: planted labels stand in for each other, so the largest may be that of an odd label elsewhere. The
cosine compares what labels teach, whatever the size of their effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from spacy.util import registry

from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.trial import Progress

from ...errors import LabErrors
from ..results import Result
from .pipeline import ask_pipeline
from .rows import artifact_rows

PATHS = ("pipelines", "training", "dev")


@registry.misc("spacy_seginf.Artifact.v1")
@dataclass(frozen=True)
class Artifact:
    """The experiment on a planted artifact; all lists have an entry for each training seed.

    pipelines (sequence of str): pipelines that ``seginf index`` wrote, with exact curvature.
    training, dev (sequences of str): the corpora (.spacy) with artifacts, as ``plant-artifact`` writes them:
        those that the pipelines were trained and indexed on, and those whose predictions are explained.
    RAISES (ValueError): S145 if they are no lists of the same length.
    """

    pipelines: Sequence[str]
    training: Sequence[str]
    dev: Sequence[str]

    def __post_init__(self) -> None:
        for name in PATHS:
            value = getattr(self, name)
            if isinstance(value, str) or not value or len(value) != len(self.pipelines):
                allowed = f"Give lists of the same length for {', '.join(PATHS)}: an entry for each training seed."
                raise SeginfError(LabErrors.S145.format(setting=name, value=value, allowed=allowed))

    def run(self, folder: Path, progress: Progress, say: Callable[[str], None]) -> Result:
        """Ask every pipeline, or take what is finished from the folder.

        RAISES (ValueError): as ``ask_pipeline``; S146 if there is no query at all.
        """
        found: list[dict[str, Any]] = []
        for path, training, dev in zip(self.pipelines, self.training, self.dev):
            found.append(ask_pipeline(path, Path(training), Path(dev), folder, progress))
            say(f"{path}: {found[-1]['queries']} of {found[-1]['planted']} artifacts decide a prediction")
        if not any(each["queries"] for each in found):
            raise SeginfError(LabErrors.S146.format(path=", ".join(self.dev)))
        facts: dict[str, Any] = {name: list(getattr(self, name)) for name in PATHS}
        facts.update({name: [each[name] for each in found] for name in found[0] if name != "right"})
        title = "A planted artifact: do references name what a prediction was learned from?"
        return Result("5.2", title, artifact_rows(found), PROTOCOL, DIFFERENCES, facts)


PROTOCOL = (
    "In some training and development documents, drawn by a seed, a word is put before a token outside of entities, "
    "also drawn, which becomes an entity; taggers are trained and indexed on the result.",
    "Queries are the development tokens after the word that the tagger predicts to begin an entity of this type.",
    "A query's references are all labelled training tokens; for instance influence, all training documents.",
    "Segment influence is the effect of taking a training label away in the curvature of the index, found by its exact "
    "search. Its cosine in this curvature, and dot product and cosine with identity curvature, are not corrected for "
    "leverage.",
    "Instance influence compares the gradients of whole documents, that of the query's at its predicted labels.",
    "Intervals are Wilson's, over the queries of all seeds.",
    "Base rates are those of references drawn at random: training tokens, or training documents.",
)
DIFFERENCES = (
    "A CRF, explained at the optimum of its head after training; the published numbers are of 19 queries of one "
    "training, without base rates.",
)
