"""Loading pipelines, with errors that say what to do."""

from __future__ import annotations

import spacy
from spacy.language import Language

from ..errors import Errors
from .influence import Influence


def load_pipeline(model: str) -> Language:
    """Load a pipeline. RAISES (ValueError): S040 if there is none of this name or at this path."""
    try:
        return spacy.load(model)
    except OSError as error:
        if "[E050]" in str(error) or "[E053]" in str(error):
            raise ValueError(Errors.S040.format(what="pipeline", path=model)) from None
        raise


def load_indexed(pipeline: str) -> tuple[Language, Influence]:
    """Load a pipeline with an index. Of several, the last influence component is meant, whose explanations the
    extensions show. RAISES (ValueError): S030 if there is none, S040 if there is no pipeline."""
    nlp = load_pipeline(pipeline)
    for _, component in reversed(list(nlp.pipeline)):
        if isinstance(component, Influence) and component.index is not None:
            return nlp, component
    raise ValueError(Errors.S030.format(path=pipeline, what="it has no influence component with an index"))
