"""Section 6.1: which training labels of CoNLL-2003 are wrong?

Documents are sorted by scores of label quality. Which score is used is chosen on the corrections of the development
part, whose labels trained nothing; what is known of the training labels only judges.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy
from spacy.util import registry

from spacy_seginf.curation.scores import CLEANLAB, SCORES
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.rendering.pictures import new_figure

from ...errors import LabErrors
from ..results import Result
from .choice import choose
from .found_plot import plot_found
from .measures import Named, by_documents, document_figures, entity_figures, token_figures
from .pipeline import Reviewed, check_settings
from .real_noise_rows import real_noise_rows
from .rows import best_of
from .sources import clean_documents, clean_scores, with_unseen
from .trusted import TRUSTED, Unseeing, parts_of, trusted_scores, unseen_scores
from .truth import Record, Truth, read_corrected

FIGURE = "real_noise_found.png"
CLEANLAB_SCORES = tuple(name for name, score in SCORES.items() if score.needs == CLEANLAB)
COMPARED = (*CLEANLAB_SCORES, "marginal_loss", "random")


@registry.misc("spacy_seginf.RealNoise.v1")
@dataclass(frozen=True)
class RealNoise:
    """Real wrong labels.

    pipelines (sequence of str): pipelines that ``seginf index`` wrote, with exact curvature and a refit head, indexed
        over all training documents; one for each training seed.
    unseen_pipelines (sequence of str): pipelines trained without a part of the documents: of n, number k has not seen
        the documents k, k + n, k + 2n ... of ``train``, from 0. None if there are none.
    train, dev, test (str): documents (.jsonl.gz) with id, tokens, labels, gold_labels and sent_starts.
    seeds (sequence of int): each draws ``clean_documents`` (int) dev documents that hold corrections.
    spans (int): how many are corrected. default_score, default_how (str): what is used where nothing can be chosen.
    RAISES (ValueError): S132 for a setting that makes no sense.
    """

    pipelines: Sequence[str]
    train: str
    dev: str
    test: str
    unseen_pipelines: Sequence[str] = ()
    seeds: Sequence[int] = (0, 1, 2)
    clean_documents: int = 10
    spans: int = 100
    default_score: str = "held_out_loss"
    default_how: str = "mean"

    def __post_init__(self) -> None:
        check_settings("RealNoise", asdict(self))
        unseen = self.unseen_pipelines
        if isinstance(unseen, str) or len(unseen) == 1 or len(set(unseen)) < len(unseen):
            allowed = "Give a list of two different ones or more, each trained without its own part, or none."
            raise SeginfError(
                LabErrors.S132.format(name="RealNoise", setting="unseen_pipelines", value=unseen, allowed=allowed)
            )

    def run(self, folder: Path, progress: Progress, say: Callable[[str], None]) -> Result:
        """Review every pipeline's training labels; what is finished is kept in ``folder``.

        RAISES (ValueError): S020 to S040 for an unusable pipeline, S110 without matplotlib, S130, S133 or S150 for
            unusable documents, S151 to S155 for an index of other documents or of another kind.
        """
        new_figure(1, 1)  # rather than after all the work
        train, dev, test = (read_corrected(Path(path)) for path in (self.train, self.dev, self.test))
        corrected = [
            record for record in dev if record.get("in_paper", True) and record["labels"] != record["gold_labels"]
        ]
        judged: list[dict[str, Any]] = []
        trusted: list[dict[str, Any]] = []
        for path in self.pipelines:
            reviewed = Reviewed.load(path, train)
            tags = reviewed.source.scheme.tags
            unseeing = [Unseeing.load(other, reviewed.tagger, tags) for other in self.unseen_pipelines]
            heads = [own.fingerprint for own in unseeing]
            settings = (dev, test, self.spans, self.default_score, self.default_how, heads)
            say(f"{path}: scoring {len(train)} training and {len(dev)} dev documents takes minutes")
            judge = partial(self._judge, reviewed, train, dev, test, unseeing, progress)
            judged.append(reviewed.keep(folder, "judged", settings, judge))
            say(f"{path}: chosen on dev: {judged[-1]['document_choice']}; by token: {judged[-1]['token_choice']}")
            for seed in self.seeds:
                say(f"{path}: what clean documents say, draw {seed}")
                drawn = (dev, self.clean_documents, seed)
                trusted.append(reviewed.keep(folder, "clean", drawn, partial(self._trust, reviewed, corrected, seed)))
        plot_found(self._curves(judged, trusted), folder / FIGURE)
        return Result(
            section="6.1",
            title="Real noise: finding wrong training labels",
            rows=real_noise_rows(judged, trusted, self._default(), self.spans),
            protocol=self._protocol(dev, judged[0]["counts"]),
            differences=DIFFERENCES,
            facts=self._facts(judged, trusted),
            figures={FIGURE: "Share of the documents with wrong labels that is found by reading suspicious ones first"},
        )

    def _default(self) -> str:
        return f"{self.default_score}, {self.default_how}"

    def _judge(
        self,
        reviewed: Reviewed,
        train: Sequence[Record],
        dev: Sequence[Record],
        test: Sequence[Record],
        unseeing: Sequence[Unseeing],
        progress: Progress,
    ) -> dict[str, Any]:
        """Choose a score on dev, and measure all scores that need no draw of clean documents."""
        started = time.process_time()
        both = with_unseen(reviewed.nlp, reviewed.tagger, reviewed.source, dev)
        corrected = Truth.of(dev, reviewed.source.scheme.tags)
        more = {TRUSTED: trusted_scores(both, corrected)}
        if unseeing:
            count = len(unseeing)
            parts = numpy.concatenate([parts_of(reviewed.records, train, count), parts_of(dev, dev, count)])
            more.update(unseen_scores(unseeing, both, reviewed.records, dev, parts))
        choice = choose(both, corrected, more)
        sought = reviewed.sought(reviewed.truth.counted)
        documents = by_documents(choice.tokens, sought.lengths)
        read = {name: choice.tokens[name] for name in {choice.token, self.default_score, *more, *COMPARED}}
        return {
            "document_choice": choice.document,
            "token_choice": choice.token,
            "on_dev": choice.elsewhere,
            "quality_on_dev": choice.quality,
            "documents": document_figures(documents, sought),
            "tokens": token_figures(read, sought),
            "entities": entity_figures(read, sought),
            "fixing": reviewed.fix(choice.tokens[choice.token], sought, self.spans, test, progress),
            "counts": sought.counts(),
            "seconds": time.process_time() - started,
        }

    def _trust(self, reviewed: Reviewed, corrected: Sequence[Record], seed: int) -> dict[str, Any]:
        """Measure what a draw of clean documents says."""
        started = time.process_time()
        clean = clean_documents(reviewed.nlp, reviewed.tagger, corrected, self.clean_documents, seed)
        tokens, documents = clean_scores(reviewed.source, clean)
        sought = reviewed.sought(reviewed.truth.counted)
        every: Named = {**by_documents(tokens, sought.lengths), **documents}
        return {
            "documents": document_figures(every, sought),
            "seconds": time.process_time() - started,
        }

    def _curves(
        self, judged: Sequence[dict[str, Any]], trusted: Sequence[dict[str, Any]]
    ) -> dict[str, list[list[float]]]:
        chosen = [found["documents"][found["document_choice"]]["found"] for found in judged]
        shown = {"chosen on dev": chosen}
        names = list(judged[0]["documents"])
        best = best_of([found["documents"] for found in judged], names, "auroc")
        shown[f"best in hindsight ({best})"] = [found["documents"][best]["found"] for found in judged]
        for name in (self._default(), "document_loss, mean", "marginal_loss, mean", "cleanlab_self_confidence, max"):
            shown[name] = [found["documents"][name]["found"] for found in judged]
        for name in ("segment influence, max", "segment influence, mean", "instance influence"):
            shown[name] = [found["documents"][name]["found"] for found in trusted]
        return shown

    def _facts(self, judged: Sequence[dict[str, Any]], trusted: Sequence[dict[str, Any]]) -> dict[str, Any]:
        facts: dict[str, Any] = {**asdict(self), "pipelines": list(self.pipelines), "seeds": list(self.seeds)}
        facts["unseen_pipelines"] = list(self.unseen_pipelines)
        for name in ("document_choice", "token_choice", "on_dev", "counts"):
            facts[name] = [found[name] for found in judged]
        facts["corrected_spans"] = [found["fixing"]["corrected"] for found in judged]
        facts["fits_not_converged"] = [found["fixing"]["unfinished"] for found in judged]
        facts["seconds"] = round(sum(found["seconds"] for found in (*judged, *trusted)), 1)
        return facts

    def _protocol(self, dev: Sequence[Record], counts: dict[str, int]) -> list[str]:
        counted = [record["labels"] != record["gold_labels"] for record in dev if record.get("in_paper", True)]
        shares = sum(counted) / len(counted), counts["relevant_documents"] / counts["documents"]
        return [
            "A training label is wrong where it differs from the corrected one; a document, where one of its labels "
            "is. Documents of 800 tokens or more train and are scored, but are not counted, as in the paper.",
            "Chosen on dev: every score is computed for the uncorrected dev labels too, to which nothing was fitted "
            "(they chose the checkpoint and the penalty). So are the loss under a head that is fitted to dev's "
            "corrected labels, and a score that is learned from them (logistic regression on other scores and on "
            "the type of the label); for dev itself, both are cross-fitted by documents, but not nested: the "
            "penalty of the fitted head is chosen on all of dev, and what the learned score is fitted to on other "
            "documents has seen the document's correction. Pipelines that were trained on a part of the documents "
            "judge the labels of the others. The score with the highest sum of AUROC and average precision of dev "
            "documents is chosen for documents, the one with the highest average precision of dev tokens for "
            "tokens. Corrections of training labels play no part in it.",
            f"{shares[0]:.0%} of the dev documents hold corrections, and {shares[1]:.0%} of the training documents. If "
            "the latter were corrected less thoroughly, what dev teaches finds labels that are wrong and were left "
            "alone, and these count against a score.",
            "What was tried: losses, entropies, gradient norms and self-influence of tokens, entities and documents, "
            "also with the document held out of the head; labels of the same word elsewhere; heads fitted to corrected "
            "labels; encoders that have not seen the document; and a learned mixture of some of these. Figures of each "
            "are below.",
            f"Default: {self._default()}. Best in hindsight: chosen on the figures shown, so it is too good.",
            "Influence on clean documents: the mean of the 10 strongest oppositions of a training label to labels of "
            f"{self.clean_documents} dev documents with their corrected labels, drawn by each seed among those that "
            "hold corrections; of a document, the mean or the largest of its tokens.",
            f"Corrections: the {self.spans} spans with the highest score chosen for tokens get their true labels, and "
            "the head is refit on frozen features.",
            "Intervals are bootstraps over documents, their ends averaged over pipelines and draws.",
        ]


DIFFERENCES = [
    "The authors fine-tune BigBird; here it is the encoder of the pipelines, whose head is refit to its optimum.",
    "Influence has the exact metric of the head; rows marked (identity) have the authors'.",
]
