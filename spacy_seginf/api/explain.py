"""`python -m spacy seginf explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Optional, Sequence

import typer
from spacy.cli._util import import_code
from spacy.language import Language
from spacy.tokens import Doc
from wasabi.util import supports_ansi

from ..attribution.registered import registered_method
from ..crf.schemes import TAG
from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.detail import add_detail, add_joint, add_words
from ..explanation.extensions import STORED
from ..explanation.family_effects import joint_of_families
from ..explanation.influence import Influence
from ..explanation.loading import check_pipeline, load_indexed
from ..explanation.page import render_page
from ..explanation.plain import plain_explanations
from ..explanation.query import parse_labels
from ..explanation.terminal import WIDTH, render_terminal
from ..explanation.views import Influencers
from ..files import write_text
from ..guesses import one_of
from ..index.tables import Filter
from ..inputs import check_paths
from ..messages import Messages
from ..results import is_printed, write_json_lines, written
from .asked_text import asked_text
from .stability import warn_of_other_settings

OCCURRENCES = 5  # of each family that a page can open
LONGEST = 200  # characters of a text that is typed again
CONTRASTS = 4  # other types that a page says "why not ...?" of


def explain(
    pipeline: str,
    text: str,
    *,
    html: Optional[Path] = None,
    json: Optional[Path] = None,
    every_token: bool = False,
    top: int = 3,
    labels: Sequence[str] = (),
    documents: Sequence[str] = (),
    entities: bool = False,
    method: Optional[str] = None,
    code: Optional[Path] = None,
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
    html (Path): also write a self-contained page here. json (Path): also write the explanations here, one JSON object a
        line; "-" prints them instead of what people read.
    every_token (bool): explain all tokens instead of entities.
    top (int): references on each side; at most the top_k of the component.
    labels, documents (sequences of str): show only references with these labels, in documents with these ids.
    entities (bool): show only references that are annotated as entities.
    method (str): registered name of another attribution method; the pipeline's own if None.
    code (Path): Python file that registers methods.
    against (str): what predictions are weighed against ("why not ORG?"): a type, "O" or a tag; the most probable other
        reading if None.
    families (int): families of training labels on each side; as many as the component keeps if None.
    words (bool): also show the words behind each reference, for methods that sum over words.
    joint (bool): also compute what each prediction becomes without whole families, and with all their labels changed to
        the other reading's: Newton steps on all training documents, some seconds for each family.
    RETURNS (Doc): the explained document.
    RAISES (ValueError): S029 if ``against`` is no label, S030 if the pipeline has no index, S040 if there is no
        pipeline, S099 for an unknown method, S113 if its scores are no sums over words, S256 if the index accounts for
        nothing, S035 or S270 for joint effects of an index that can't refit, S262 for a page that can't be written,
        S264 for a label or document that there is not, S276 to S279 for what is no text.

    >>> doc = spacy_seginf.explain("indexed", "Ada Lind visited Tarnby .", silent=True)
    >>> doc.ents[0]._.influencers.supporting[0].label
    'PER'
    """
    msg = Messages(silent=silent)
    check_paths(outputs={"page": html, "explanations (--json)": written(json)})
    check_pipeline(pipeline)  # before anybody types a text
    given = asked_text(text)
    use_gpu(gpu_id)
    chosen = Filter(frozenset(labels) or None, frozenset(documents) or None, entities)
    nlp, influence, every_token = load_asked(pipeline, top, method, chosen, every_token, code)
    target, scheme = influence.find_tagger().target, influence.find_tagger().scheme
    if against is not None:
        parse_labels(scheme, against, 1)
    if words and influence.method is None:
        raise SeginfError(Errors.S113.format(method="segment influence"))
    if families is not None:
        influence.families = families
    doc = nlp(given)
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
        if not silent and not is_printed(json):
            colors, width = sys.stdout.isatty() and supports_ansi(), get_terminal_size((WIDTH, 1)).columns
            typer.echo(render_terminal(explained, doc._.get(STORED), top=top, colors=colors, width=width))
    elif every_token:
        msg.info("There is no token in this text.")
    else:
        msg.info("No entities were predicted in this text. Explain every token with --tokens.")
    if json is not None:
        write_json_lines(json, plain_explanations(explained, top))
    if html is not None:
        write_text(html, render_page(doc, explained, top=top))
        msg.good(f"Page written: {html}")
    if influence.stability is not None and any(one.agreement for one in explained):
        warn_of_other_settings(msg, influence.stability, nlp)
    if explained:
        typed = text if text.isprintable() and len(text) <= LONGEST else "TEXT"
        msg.next("verify", pipeline, typed)
    return doc


def load_asked(
    pipeline: str, top: int, method: Optional[str], where: Filter, every_token: bool, code: Optional[Path] = None
) -> tuple[Language, Influence, bool]:
    """Load an indexed pipeline to be asked in a way. code (Path): Python file that registers methods, run first.

    RETURNS: it, its influence component, and whether every token is explained: single tags make no entities.
    RAISES (ValueError): S040 if there is no such file, S264 for a label or a document that there is not, as
        ``load_indexed`` and ``registered_method``.
    """
    check_paths(files={"Python file (--code)": code})
    import_code(code)
    chosen = None if method is None else registered_method(method)
    nlp, influence = load_indexed(pipeline)
    influence.top_k, influence.where = max(top, influence.top_k), where
    if chosen is not None:
        influence.method = chosen
    scheme, index = influence.find_tagger().scheme, influence.explainer().index
    known = [*dict.fromkeys([*scheme.labels, *scheme.tags])]
    for label in where.labels or ():
        if label not in known:
            told = {"label": label, "option": "--label", "what": "label", "where": f"the pipeline {pipeline}"}
            raise SeginfError(Errors.S264.format(**told, known=one_of(known, label)))
    for name in where.documents or ():
        if not any(shard.texts("ids").among([name]).any() for shard in index.shards):
            told = {"label": name, "option": "--document", "what": "document id", "where": f"the index of {pipeline}"}
            raise SeginfError(Errors.S264.format(**told, known="the ids that explanations show"))
    return nlp, influence, every_token or scheme.name == TAG
