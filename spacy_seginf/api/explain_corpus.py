"""`python -m spacy seginf explain` with a corpus in the place of a text."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Any, Optional, Sequence

import typer
from markupsafe import Markup
from spacy.tokens import Doc
from wasabi.util import supports_ansi

from ..devices import use_gpu
from ..explanation.corpus_texts import read_texts
from ..explanation.display import document_html
from ..explanation.extensions import STORED
from ..explanation.plain import plain_explanations
from ..explanation.terminal import render_terminal
from ..explanation.views import hubs
from ..files import write_text
from ..index.tables import Filter
from ..inputs import check_paths
from ..messages import Messages
from ..progress import TEXT, advance, shows_progress, step
from ..rendering.templates import template
from ..rendering.text import visible
from ..results import is_printed, write_json_lines, written
from ..tagger.encoding import read_as
from .explain import load_asked


@shows_progress
def explain_corpus(
    pipeline: str,
    corpus: Path,
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
    gpu_id: int = -1,
    silent: bool = True,
) -> list[Doc]:
    """Explain the predictions for all documents of a corpus; its annotation is not read (see ``explain_errors``).

    corpus (Path): .spacy, CoNLL columns or JSON lines, told apart by the name; or a folder of .spacy files.
    html (Path): also write one self-contained page of all documents here. json (Path): also write the explanations
        here, one JSON object a line, with the ids of their documents; "-" prints them instead of what people read.
    pipeline, every_token, top, labels, documents, entities, method, code: as for ``explain``.
    RETURNS (list of Doc): the explained documents, in the order of the corpus; empty ones are left out.
    RAISES (ValueError): as ``explain``; S040 to S042, S200 and S201 for a corpus that can't be read.

    >>> docs = spacy_seginf.explain_corpus("indexed", Path("more.spacy"))
    >>> len(docs), docs[0][0].text, len(docs[0][0]._.influencers.supporting) > 0
    (2, 'Norvik', True)
    """
    msg = Messages(silent=silent)
    check_paths({"corpus": Path(corpus)}, outputs={"page": html, "explanations (--json)": written(json)})
    use_gpu(gpu_id)
    chosen = Filter(frozenset(labels) or None, frozenset(documents) or None, entities)
    nlp, influence, every_token = load_asked(pipeline, top, method, chosen, every_token, code)
    target = influence.find_tagger().target
    texts = read_texts(nlp, Path(corpus))
    names = [name for name, _ in texts]
    docs = []
    with step("Explanations", len(texts), TEXT):
        for doc in nlp.pipe(read_as(nlp, doc) for _, doc in texts):
            docs.append(doc)
            advance(1, TEXT)
    colors = sys.stdout.isatty() and supports_ansi()
    rows: list[dict[str, Any]] = []
    views = [doc._.influencers if every_token else [span._.influencers for span in target.read(doc)] for doc in docs]
    marked = hubs(chain.from_iterable(views), top)
    for name, doc, explained in zip(names, docs, views):
        if json is not None:
            rows += [{"document": name, **one} for one in plain_explanations(explained, top)]
        if not silent and explained and not is_printed(json):
            typer.echo(f"\n{visible(name)}")
            typer.echo(render_terminal(explained, doc._.get(STORED), top=top, colors=colors, marked=marked))
    if not silent:
        msg.info(f"Explained: {len(docs)} documents")
    if json is not None:
        write_json_lines(json, rows)
    if html is not None:
        settings: dict[str, Any] = {"top": top, "tokens": every_token, "marked": marked}
        shown = [(name, Markup(document_html(doc, **settings))) for name, doc in zip(names, docs)]
        write_text(html, template("corpus.html").render(documents=shown))
        msg.good(f"Page written: {html}")
    return docs
