"""Loading pipelines, with errors that say what to do."""

from __future__ import annotations

import warnings
from pathlib import Path

from spacy.language import Language
from spacy.util import is_package

from ..errors import Errors, SeginfError, Warnings
from ..factories import load
from ..files import recover_folder
from ..inputs import check_kind, check_there
from ..tagger.crf_tagger import CRFTagger
from .influence import Influence

LONGEST = 300  # characters of others' messages


def load_pipeline(model: str) -> Language:
    """Load a pipeline.

    RAISES (ValueError): S040 if there is none of this name or at this path, S263 if there is a file, S224 if something
        in its folder is no file, S248 if its files can't be read.
    """
    folder = Path(model)
    recover_folder(folder)
    check_pipeline(model)
    for path in folder.rglob("*"):
        check_kind(path, folders=True)
    try:
        return load(model)
    except MemoryError:
        raise
    except Exception as error:  # whatever spaCy and the packages of components raise when they read damaged files
        if isinstance(error, SeginfError):
            raise
        if isinstance(error, OSError) and ("[E050]" in str(error) or "[E053]" in str(error)):
            raise SeginfError(Errors.S040.format(what="pipeline", path=model)) from None
        problem = " ".join(str(error).split())[:LONGEST] or type(error).__name__
        raise SeginfError(Errors.S248.format(path=model, problem=problem)) from error


def check_pipeline(model: str) -> None:
    """See whether there may be a pipeline, without loading it. RAISES (ValueError): S040 if there is nothing, S263 if
    there is a file."""
    path = Path(model)
    if path.is_file():
        hint = f": first train with {path}" if path.suffix == ".cfg" else ""
        raise SeginfError(Errors.S263.format(path=path, hint=hint))
    if not is_package(str(model)) and not str(model).startswith("blank:"):
        check_there(path, "pipeline")


def load_indexed(pipeline: str) -> tuple[Language, Influence]:
    """Load a pipeline with an index. Of several, the last influence component is meant, whose explanations the
    extensions show, with a warning (W070). RAISES (ValueError): S030 if there is none, S040 if there is no pipeline."""
    nlp = load_pipeline(pipeline)
    found = indexed_components(nlp, pipeline)
    if len(found) > 1:
        known = ", ".join(component.name for component in found)
        warnings.warn(Warnings.W070.format(known=known, name=found[-1].name), stacklevel=2)
    return nlp, found[-1]


def indexed_components(nlp: Language, pipeline: str) -> list[Influence]:
    """List the components with an index, in their order. RAISES (ValueError): S030 if there is none.

    pipeline (str): what errors call it.
    """
    found = [part for _, part in nlp.pipeline if isinstance(part, Influence) and part.index is not None]
    if not found:
        what = "it has no influence component with an index"
        raise SeginfError(Errors.S030.format(path=pipeline, what=what, advice=_how_to_index(nlp, pipeline)))
    return found


def _how_to_index(nlp: Language, pipeline: str) -> str:
    """Say which command makes an index for a pipeline that has none."""
    if any(isinstance(part, CRFTagger) for _, part in nlp.pipeline):
        return f"Build one with `python -m spacy seginf index {pipeline} CORPUS OUTPUT`."
    return f"Its ner or tagger gets one by `python -m spacy seginf attach {pipeline} CORPUS OUTPUT`."
