"""Which training labels taught the tagger that? A CRF tagger for spaCy, and influence functions for its predictions.

Everything here is imported when it is first used, so that ``import spacy_seginf`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .forks import keep_torch_working
from .moved import find_moved_modules

if TYPE_CHECKING:
    from .api.append import append_to_index as append_to_index
    from .api.apply import apply_decisions as apply_decisions
    from .api.apply import unapply_decisions as unapply_decisions
    from .api.attach import attach_index as attach_index
    from .api.calibrate import calibrate as calibrate
    from .api.check import check_index as check_index
    from .api.convert import convert as convert
    from .api.crossfit import crossfit as crossfit
    from .api.decide import decide_labels as decide_labels
    from .api.diff import compare_corpora as compare_corpora
    from .api.diff import measure_agreement as measure_agreement
    from .api.evaluate import evaluate_methods as evaluate_methods
    from .api.explain import explain as explain
    from .api.explain_corpus import explain_corpus as explain_corpus
    from .api.explain_errors import explain_errors as explain_errors
    from .api.export import export_issues as export_issues
    from .api.flip import flip as flip
    from .api.guideline import write_guideline as write_guideline
    from .api.import_answers import import_answers as import_answers
    from .api.index import build_index as build_index
    from .api.index_report import IndexReport as IndexReport
    from .api.index_report import report_index as report_index
    from .api.init_config import init_config as init_config
    from .api.preview import preview as preview
    from .api.rank import find_label_issues as find_label_issues
    from .api.refit import refit_pipeline as refit_pipeline
    from .api.relabel import relabel_corpus as relabel_corpus
    from .api.report import report_corpus as report_corpus
    from .api.roles import find_roles as find_roles
    from .api.scores import score_labels as score_labels
    from .api.stability import measure_stability as measure_stability
    from .api.verify import verify as verify
    from .api.verify_pipeline import verify_pipeline as verify_pipeline
    from .attribution.method import Attribution as Attribution
    from .attribution.method import Context as Context
    from .attribution.method import Method as Method
    from .attribution.method import Texts as Texts
    from .corpora.propositions import propositions as propositions
    from .curation.preview import Preview as Preview
    from .curation.preview import PreviewChange as PreviewChange
    from .errors import SeginfError as SeginfError
    from .explanation.account_view import Account as Account
    from .explanation.account_view import Family as Family
    from .explanation.detail import add_detail as add_detail
    from .explanation.display import render_document as render_document
    from .explanation.flips import FlipLabel as FlipLabel
    from .explanation.flips import FlipSet as FlipSet
    from .explanation.influence import Influence as Influence
    from .explanation.mistake_report import Mistake as Mistake
    from .explanation.mistake_report import MistakeReport as MistakeReport
    from .explanation.views import Influencers as Influencers
    from .explanation.views import Reference as Reference
    from .index.index import Index as Index
    from .settings import IndexSettings as IndexSettings
    from .tagger.crf_tagger import CRFTagger as CRFTagger

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
    "decide_labels": "api.decide",
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
    "unapply_decisions": "api.apply",
    "verify": "api.verify",
    "verify_pipeline": "api.verify_pipeline",
    "write_guideline": "api.guideline",
}
__all__ = list(PLACES)

keep_torch_working()
find_moved_modules()


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{PLACES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
