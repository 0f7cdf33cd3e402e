"""`python -m spacy seginf explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Optional, Sequence

import typer
from spacy.cli._util import setup_gpu
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import Printer
from wasabi.util import supports_ansi

from ..attribution.registered import registered_method
from ..crf.schemes import TAG
from ..explanation.detail import add_detail, add_joint, add_words
from ..explanation.extensions import STORED
from ..explanation.family_effects import joint_of_families
from ..explanation.influence import Influence
from ..explanation.loading import load_indexed
from ..explanation.page import render_page
from ..explanation.terminal import WIDTH, render_terminal
from ..explanation.views import Influencers
from ..files import write_text
from ..index.tables import Filter
from .asked_text import asked_text

OCCURRENCES = 5  # of each family that a page can open
CONTRASTS = 4  # other types that a page says "why not ...?" of


def explain(
    pipeline: str,
    text: str,
    *,
    html: Optional[Path] = None,
    every_token: bool = False,
    top: int = 3,
    labels: Sequence[str] = (),
    documents: Sequence[str] = (),
    entities: bool = False,
    method: Optional[str] = None,
    against: Optional[str] = None,
    families: Optional[int] = None,
    words: bool = False,
    joint: bool = False,
    gpu_id: int = -1,
    silent: bool = False,
) -> Doc:
    """Tag a text and show the training labels behind its entities (or tokens).

    pipeline (str): a folder that `seginf index` wrote.
    text (str): the text; "-" reads standard input.
    html (Path): also write a self-contained page here.
    every_token (bool): explain all tokens instead of entities.
    top (int): references on each side; at most the top_k of the component.
    labels, documents (sequences of str): show only references with these labels, in documents with these ids.
    entities (bool): show only references that are annotated as entities.
    method (str): registered name of another attribution method; the pipeline's own if None.
    against (str): what predictions are weighed against ("why not ORG?"): a type, "O" or a tag; the most probable other
        reading if None.
    families (int): families of training labels on each side; as many as the component keeps if None.
    words (bool): also show the words behind each reference, for methods that sum over words.
    joint (bool): also compute what each prediction becomes without whole families, and with all their labels changed to
        the other reading's: Newton steps on all training documents, some seconds for each family.
    RETURNS (Doc): the explained document.
    RAISES (ValueError): S029 if ``against`` is no label, S030 if the pipeline has no index, S040 if there is no
        pipeline, S099 for an unknown method, S113 if its scores are no sums over words, S256 if the index accounts for
        nothing, S035 or S270 for joint effects of an index that can't refit, S276 to S279 for what is no text.

    >>> doc = spacy_seginf.explain("indexed", "Ada Lind visited Tarnby .", silent=True)
    >>> doc.ents[0]._.influencers.supporting[0].label
    'PER'
    """
    msg = Printer(no_print=silent)
    setup_gpu(gpu_id, silent=True)
    chosen = Filter(frozenset(labels) or None, frozenset(documents) or None, entities)
    nlp, influence, every_token = load_asked(pipeline, top, method, chosen, every_token)
    target = influence.find_tagger().target
    if families is not None:
        influence.families = families
    doc = nlp(asked_text(text))
    explained: list[Influencers] = (
        doc._.influencers if every_token else [span._.influencers for span in target.read(doc)]
    )
    opened = {} if html is None else {"occurrences": OCCURRENCES, "contrasts": CONTRASTS}
    if against is not None or opened:
        add_detail(influence, doc, explained, against=against, **opened)
    if words:
        add_words(influence, doc, explained)
    if joint:
        add_joint(explained, joint_of_families(influence, doc))
    if explained:
        if not silent:
            colors, width = sys.stdout.isatty() and supports_ansi(), get_terminal_size((WIDTH, 1)).columns
            typer.echo(render_terminal(explained, doc._.get(STORED), top=top, colors=colors, width=width))
    elif every_token:
        msg.info("There is no token in this text.")
    else:
        msg.info("No entities were predicted in this text. Explain every token with --tokens.")
    if html is not None:
        write_text(html, render_page(doc, explained, top=top))
        msg.good(f"Page written: {html}")
    return doc


def load_asked(
    pipeline: str, top: int, method: Optional[str], where: Filter, every_token: bool
) -> tuple[Language, Influence, bool]:
    """Load an indexed pipeline to be asked in a way.

    RETURNS: it, its influence component, and whether every token is explained: single tags make no entities.
    """
    nlp, influence = load_indexed(pipeline)
    influence.top_k, influence.where = max(top, influence.top_k), where
    if method is not None:
        influence.method = registered_method(method)
    return nlp, influence, every_token or influence.find_tagger().scheme.name == TAG
