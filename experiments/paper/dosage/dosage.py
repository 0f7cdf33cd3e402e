"""Section 6.3: do a wrong prediction's references show that the training labels contradict each other?

In EBM-NLP a dosage is labelled as part of the intervention in some documents and as outside in others. Queries are the
last tokens of test dosages that are predicted as an intervention and labelled as outside. When the gold label is
explained, as the authors do, training dosages labelled outside support it, and those labelled as an intervention
oppose it; when the prediction is explained, it is the other way round. A reference is right if it is in such a dosage
("token"), or if its document has one ("example"); a pair conflicts as it should if both of its references are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from spacy.util import registry

from spacy_seginf.errors import Errors, SeginfError
from spacy_seginf.evaluation.trial import Progress

from ...errors import LabErrors
from ..records import read_records
from ..results import Result
from .pipeline import ask_pipeline
from .rows import dosage_rows
from .texts import LABELS, OTHER_LABELS, TOKENS


@registry.misc("spacy_seginf.Dosage.v1")
@dataclass(frozen=True)
class Dosage:
    """The experiment on dosages.

    pipelines (sequence of str): pipelines that ``seginf index`` wrote, one for each training seed: IO labels, exact
        curvature, indexed over all training documents. test (str): .jsonl or .jsonl.gz with "tokens", "labels" and
        perhaps "ref_labels".
    intervention (str): entity type of interventions. window (int): a dosage is at most so many tokens away from a
        token that is labelled as an intervention.
    RAISES (ValueError): S162 for a setting that makes no sense.
    """

    pipelines: Sequence[str]
    test: str
    intervention: str = "INT"
    window: int = 10

    def __post_init__(self) -> None:
        if not self.pipelines or isinstance(self.pipelines, str) or len(set(self.pipelines)) < len(self.pipelines):
            allowed = "Give a list of different pipelines, one for each training seed."
            raise SeginfError(LabErrors.S162.format(setting="pipelines", value=self.pipelines, allowed=allowed))
        if self.window < 0:
            allowed = "Give a number of tokens, 0 or more."
            raise SeginfError(LabErrors.S162.format(setting="window", value=self.window, allowed=allowed))

    def run(self, folder: Path, progress: Progress, say: Callable[[str], None]) -> Result:
        """Ask every pipeline, or take what is finished from the folder.

        RAISES (ValueError): S020 to S040 for an unusable pipeline; S130, S133 or S041 for an unusable test file; S161
            for a pipeline that can't be asked about dosages.
        """
        records = read_records(Path(self.test), (TOKENS, LABELS), optional=(OTHER_LABELS,))
        records = [record for record in records if record[TOKENS]]
        if not records:
            raise SeginfError(Errors.S041.format(path=self.test))
        found: list[dict[str, Any]] = []
        for path in self.pipelines:
            found.append(ask_pipeline(path, records, self.intervention, self.window, folder, progress))
            say(f"{path}: {', '.join(f'{n} dosages ({group})' for group, n in found[-1]['queries'].items())}")
        facts: dict[str, Any] = {
            "pipelines": list(self.pipelines),
            "window": self.window,
            "test_documents": len(records),
        }
        facts["test_documents_with_ref_labels"] = sum(record.get(OTHER_LABELS) is not None for record in records)
        for name in ("queries", "dosages", "base_rates", "seconds"):
            facts[name] = [each[name] for each in found]
        return Result(
            "6.3",
            "Dosages: contradicting training labels behind a wrong prediction",
            dosage_rows(found),
            PROTOCOL,
            DIFFERENCES,
            facts,
        )


PROTOCOL = (
    "Dosages are found by patterns: a number or a range, and a unit of mass, volume, activity or dose rate, at most a "
    "window of tokens away from a token labelled as an intervention; a dosage is labelled as its last token is.",
    "Queries are the last tokens of test dosages that are labelled as outside and predicted as an intervention.",
    f"The test labels are those of the corpus ({LABELS}), and the authors' ({OTHER_LABELS}) where a document has them.",
    "The gold labels of the document are explained, as the authors do, and also the predicted ones; a pair of "
    "references is right if the one for the label outside is in a dosage that is outside, and the other one in a "
    "dosage that is part of an intervention. By example, it is enough that their documents have such a dosage.",
    "Segment influence is the effect of taking one training label away, found by the exact search of the index; with "
    "identity curvature, it is the dot product or the cosine of gradients, without a correction for leverage.",
    "Influence through emissions alone is the cosine of gradients with respect to W only, as a softmax over single "
    "tokens has no transitions. It was added after the figures of the other kinds on these test documents had been "
    "seen: dosages that contradict each other have other labels beside them as well, and shared transitions hide "
    "contradicting features.",
    "Nearest neighbours are those of the same label (supporting) and those of another one (opposing), by the cosine of "
    "token vectors.",
    "Intervals of shares are Wilson's, for the mean number of queries of a pipeline; that of F1 is a bootstrap over "
    "test documents.",
    "Base rates are those of two training tokens that are drawn at random among those with the labels in question, and "
    "of two random documents for instance influence.",
)
DIFFERENCES = (
    "A CRF over IO labels; the authors took a softmax over single tokens here.",
    "About half of the crowd-labelled training documents, and another encoder unless one is named.",
    "The published numbers are of 48 queries, without base rates, and of other patterns for dosages.",
)
