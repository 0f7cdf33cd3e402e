"""Which training labels taught the tagger that? A CRF tagger for spaCy, and influence functions for its predictions.

Everything here is imported when it is first used, so that ``import spacy_seginf`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .forks import keep_torch_working
from .moved import find_moved_modules

if TYPE_CHECKING:
    from .api.append import append_to_index
    from .api.apply import apply_decisions
    from .api.attach import attach_index
    from .api.calibrate import calibrate
    from .api.check import check_index
    from .api.convert import convert
    from .api.crossfit import crossfit
    from .api.diff import compare_corpora, measure_agreement
    from .api.evaluate import evaluate_methods
    from .api.explain import explain
    from .api.explain_corpus import explain_corpus
    from .api.explain_errors import explain_errors
    from .api.export import export_issues
    from .api.flip import flip
    from .api.guideline import write_guideline
    from .api.import_answers import import_answers
    from .api.index import build_index
    from .api.index_report import IndexReport, report_index
    from .api.init_config import init_config
    from .api.preview import preview
    from .api.rank import find_label_issues
    from .api.refit import refit_pipeline
    from .api.relabel import relabel_corpus
    from .api.report import report_corpus
    from .api.roles import find_roles
    from .api.scores import score_labels
    from .api.stability import measure_stability
    from .api.unapply import unapply_decisions
    from .api.verify import verify
    from .api.verify_pipeline import verify_pipeline
    from .attribution.method import Attribution, Context, Method, Texts
    from .corpora.propositions import propositions
    from .curation.preview import Preview, PreviewChange
    from .errors import SeginfError
    from .explanation.account_view import Account, Family
    from .explanation.detail import add_detail
    from .explanation.display import render_document
    from .explanation.flips import FlipLabel, FlipSet
    from .explanation.influence import Influence
    from .explanation.mistake_report import Mistake, MistakeReport
    from .explanation.views import Influencers, Reference
    from .index.index import Index
    from .settings import IndexSettings
    from .tagger.crf_tagger import CRFTagger

__version__ = "0.1.0"
PLACES = {
    "Account": "explanation.account_view",
    "Attribution": "attribution.method",
    "CRFTagger": "tagger.crf_tagger",
    "Context": "attribution.method",
    "Family": "explanation.account_view",
    "FlipLabel": "explanation.flips",
    "FlipSet": "explanation.flips",
    "Index": "index.index",
    "IndexReport": "api.index_report",
    "IndexSettings": "settings",
    "Influence": "explanation.influence",
    "Influencers": "explanation.views",
    "Method": "attribution.method",
    "Mistake": "explanation.mistake_report",
    "MistakeReport": "explanation.mistake_report",
    "Preview": "curation.preview",
    "PreviewChange": "curation.preview",
    "Reference": "explanation.views",
    "SeginfError": "errors",
    "Texts": "attribution.method",
    "add_detail": "explanation.detail",
    "append_to_index": "api.append",
    "apply_decisions": "api.apply",
    "attach_index": "api.attach",
    "build_index": "api.index",
    "calibrate": "api.calibrate",
    "check_index": "api.check",
    "compare_corpora": "api.diff",
    "convert": "api.convert",
    "crossfit": "api.crossfit",
    "evaluate_methods": "api.evaluate",
    "explain": "api.explain",
    "explain_corpus": "api.explain_corpus",
    "explain_errors": "api.explain_errors",
    "export_issues": "api.export",
    "find_label_issues": "api.rank",
    "find_roles": "api.roles",
    "flip": "api.flip",
    "import_answers": "api.import_answers",
    "init_config": "api.init_config",
    "measure_agreement": "api.diff",
    "measure_stability": "api.stability",
    "preview": "api.preview",
    "propositions": "corpora.propositions",
    "refit_pipeline": "api.refit",
    "relabel_corpus": "api.relabel",
    "render_document": "explanation.display",
    "report_corpus": "api.report",
    "report_index": "api.index_report",
    "score_labels": "api.scores",
    "unapply_decisions": "api.unapply",
    "verify": "api.verify",
    "verify_pipeline": "api.verify_pipeline",
    "write_guideline": "api.guideline",
}
__all__ = [  # what PLACES names; a literal, so that editors see it
    "Account",
    "Attribution",
    "CRFTagger",
    "Context",
    "Family",
    "FlipLabel",
    "FlipSet",
    "Index",
    "IndexReport",
    "IndexSettings",
    "Influence",
    "Influencers",
    "Method",
    "Mistake",
    "MistakeReport",
    "Preview",
    "PreviewChange",
    "Reference",
    "SeginfError",
    "Texts",
    "add_detail",
    "append_to_index",
    "apply_decisions",
    "attach_index",
    "build_index",
    "calibrate",
    "check_index",
    "compare_corpora",
    "convert",
    "crossfit",
    "evaluate_methods",
    "explain",
    "explain_corpus",
    "explain_errors",
    "export_issues",
    "find_label_issues",
    "find_roles",
    "flip",
    "import_answers",
    "init_config",
    "measure_agreement",
    "measure_stability",
    "preview",
    "propositions",
    "refit_pipeline",
    "relabel_corpus",
    "render_document",
    "report_corpus",
    "report_index",
    "score_labels",
    "unapply_decisions",
    "verify",
    "verify_pipeline",
    "write_guideline",
]

keep_torch_working()
find_moved_modules()


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{PLACES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
