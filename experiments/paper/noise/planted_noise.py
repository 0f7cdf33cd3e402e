"""Section 6.2: can scores find documents whose labels were made wrong, systematically or at random?

In some documents about one topic every organisation became a place; in some others, entity types are random. The two
kinds are sought one at a time, and documents with the other kind are left out.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy
from spacy.util import registry

from spacy_seginf.curation.scores import label_scores
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.rendering.pictures import new_figure

from ...errors import LabErrors
from ..results import Result
from .choice import PLAIN
from .found_plot import plot_found
from .measures import Named, Sought, by_documents, document_figures, entity_figures, token_figures
from .pipeline import Reviewed, check_settings
from .planted_noise_rows import ABOUT, ELSEWHERE, KINDS, planted_noise_rows
from .real_noise import COMPARED
from .sources import clean_documents, clean_scores
from .truth import TOKENS, Record, read_corrected

FIGURES = {kind: f"planted_noise_{kind}_found.png" for kind in KINDS}
READ = ("segment influence", "segment influence (identity)")


@registry.misc("spacy_seginf.PlantedNoise.v1")
@dataclass(frozen=True)
class PlantedNoise:
    """Systematic and random wrong labels.

    pipelines (sequence of str): pipelines that were trained on the noise and that ``seginf index`` wrote, with exact
        curvature and a refit head, indexed over all training documents; one for each training seed.
    train (str): the documents (.jsonl.gz) with id, tokens, labels, gold_labels, sent_starts and noise: null, "random"
        or "org_to_loc". dev, test (str): documents without noise.
    topic (str): first token, in any case, of documents about the topic of the systematic noise.
    seeds (sequence of int): each draws ``clean_documents`` (int) dev documents about the topic, and as many others.
    spans (int): how many are corrected. default_score, default_how (str): what is used without clean documents.
    RAISES (ValueError): S132 for a setting that makes no sense.
    """

    pipelines: Sequence[str]
    train: str
    dev: str
    test: str
    topic: str = "SOCCER"
    seeds: Sequence[int] = (0, 1, 2)
    clean_documents: int = 10
    spans: int = 100
    default_score: str = "held_out_loss"
    default_how: str = "mean"

    def __post_init__(self) -> None:
        check_settings("PlantedNoise", asdict(self))

    def run(self, folder: Path, progress: Progress, say: Callable[[str], None]) -> Result:
        """Review every pipeline's training labels; what is finished is kept in ``folder``.

        RAISES (ValueError): S020 to S040 for an unusable pipeline, S110 without matplotlib, S130, S133 or S150 for
            unusable documents, S151 to S155 for an index of other documents or of another kind, S156 if there are too
            few clean documents, or none with noise.
        """
        new_figure(1, 1)  # rather than after all the work
        train, dev, test = (read_corrected(Path(path)) for path in (self.train, self.dev, self.test))
        for kind in KINDS.values():
            if not any(record.get("noise") == kind for record in train):
                raise SeginfError(
                    LabErrors.S156.format(found="no", what=f"documents with the noise {kind!r}", needed="some")
                )
        about = [record[TOKENS][0].lower() == self.topic.lower() for record in dev]
        pools = {
            ABOUT: [record for record, inside in zip(dev, about) if inside],
            ELSEWHERE: [record for record, inside in zip(dev, about) if not inside],
        }
        judged: list[dict[str, Any]] = []
        trusted: dict[str, list[dict[str, Any]]] = {name: [] for name in pools}
        for path in self.pipelines:
            reviewed = Reviewed.load(path, train)
            say(f"{path}: scoring {len(train)} training documents takes minutes")
            settings = (test, self.spans, self.default_score)
            judged.append(reviewed.keep(folder, "planted", settings, partial(self._judge, reviewed, test, progress)))
            say(f"{path}: {judged[-1]['counts']}")
            for name, pool in pools.items():
                for seed in self.seeds:
                    say(f"{path}: what clean documents {name} say, draw {seed}")
                    drawn = (pool, self.clean_documents, seed)
                    found = reviewed.keep(folder, "clean", drawn, partial(self._trust, reviewed, pool, seed))
                    trusted[name].append(found)
        for kind, file in FIGURES.items():
            plot_found(self._curves(kind, judged, trusted), folder / file)
        return Result(
            section="6.2",
            title="Systematic and random noise",
            rows=planted_noise_rows(judged, trusted, self.default_score, self.default_how, self.spans),
            protocol=self._protocol(),
            differences=DIFFERENCES,
            facts=self._facts(judged, trusted),
            figures={file: f"Share of the documents with {kind} noise that is found" for kind, file in FIGURES.items()},
        )

    def _judge(self, reviewed: Reviewed, test: Sequence[Record], progress: Progress) -> dict[str, Any]:
        """Measure all scores that need no clean documents."""
        started = time.process_time()
        tokens = label_scores(reviewed.source, PLAIN)
        read = {name: tokens[name] for name in {self.default_score, *COMPARED}}
        everything = reviewed.sought(reviewed.truth.counted)
        fixing = reviewed.fix(tokens[self.default_score], everything, self.spans, test, progress)
        found = {kind: _figures(by_documents(tokens, own.lengths), read, own) for kind, own in _kinds(reviewed).items()}
        counts = {kind: own.counts() for kind, own in _kinds(reviewed).items()}
        return {**found, "fixing": fixing, "counts": counts, "seconds": time.process_time() - started}

    def _trust(self, reviewed: Reviewed, pool: Sequence[Record], seed: int) -> dict[str, Any]:
        """Measure what a draw of clean documents says."""
        started = time.process_time()
        clean = clean_documents(reviewed.nlp, reviewed.tagger, pool, self.clean_documents, seed)
        tokens, documents = clean_scores(reviewed.source, clean)
        every = {**by_documents(tokens, reviewed.source.data.lengths), **documents}
        read = {name: tokens[name] for name in READ}
        found = {kind: _figures(every, read, own) for kind, own in _kinds(reviewed).items()}
        return {**found, "seconds": time.process_time() - started}

    def _curves(
        self, kind: str, judged: Sequence[dict[str, Any]], trusted: dict[str, list[dict[str, Any]]]
    ) -> dict[str, list[list[float]]]:
        shown = {}
        for name in (
            f"{self.default_score}, {self.default_how}",
            "marginal_loss, mean",
            "cleanlab_self_confidence, max",
        ):
            shown[name] = [found[kind]["documents"][name]["found"] for found in judged]
        for pool, own in trusted.items():
            for name in (
                "segment influence (identity), max",
                "segment influence, max",
                "instance influence (identity)",
            ):
                shown[f"{name}, clean documents {pool}"] = [found[kind]["documents"][name]["found"] for found in own]
        return shown

    def _facts(self, judged: Sequence[dict[str, Any]], trusted: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        facts: dict[str, Any] = {**asdict(self), "pipelines": list(self.pipelines), "seeds": list(self.seeds)}
        facts["counts"] = judged[0]["counts"]
        facts["corrected_spans"] = [found["fixing"]["corrected"] for found in judged]
        facts["fits_not_converged"] = [found["fixing"]["unfinished"] for found in judged]
        everything = [*judged, *(found for own in trusted.values() for found in own)]
        facts["seconds"] = round(sum(found["seconds"] for found in everything), 1)
        return facts

    def _protocol(self) -> list[str]:
        return [
            "The noise is the authors' own: in documents about one topic, organisations became places; in others, "
            "entity types are random. The pipelines were trained on it.",
            "Systematic noise: its documents are the relevant ones, and those with random noise are left out; and the "
            "other way round. Documents without noise count as right, whatever their real errors.",
            "Influence on clean documents: the mean of the 10 strongest oppositions of a training label to labels of "
            f"{self.clean_documents} dev documents with their corrected labels, drawn by each seed, {ABOUT} (first "
            f"token {self.topic}) or {ELSEWHERE}; of a document, the mean or the largest of its tokens.",
            "What was tried: influence of single labels and of entities, with the exact metric and with identity "
            "curvature, of the largest and of the mean token, and a head fitted to the clean documents alone; both "
            "kinds of clean documents; and all scores that need none. The best of all in hindsight is shown.",
            f"Default: {self.default_score}, {self.default_how}; nothing is chosen. Best in hindsight: chosen on the "
            "figures shown, so it is too good.",
            f"Corrections: the {self.spans} spans with the highest default score get their true labels, and the head "
            "is refit on frozen features.",
            "Intervals are bootstraps over documents, their ends averaged over pipelines and draws.",
        ]


DIFFERENCES = [
    "The authors fine-tune BigBird; here it is the encoder of the pipelines, whose head is refit to its optimum.",
    "Influence has the exact metric of the head; rows marked (identity) have the authors'.",
]


def _kinds(reviewed: Reviewed) -> dict[str, Sought]:
    """Say what is sought, by kind of noise."""
    noise = numpy.array(reviewed.truth.noise)
    found = {}
    for kind, name in KINDS.items():
        others = numpy.isin(noise, [other for other in KINDS.values() if other != name])
        found[kind] = reviewed.sought(reviewed.truth.counted & ~others, noise == name)
    return found


def _figures(documents: Named, tokens: Named, sought: Sought) -> dict[str, Any]:
    return {
        "documents": document_figures(documents, sought),
        "tokens": token_figures(tokens, sought),
        "entities": entity_figures(tokens, sought),
    }
