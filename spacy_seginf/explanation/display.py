"""A document with its influencers, as displaCy shows entities: in a notebook, as HTML, or as a page."""

from __future__ import annotations

from html import escape
from typing import Any, Collection, Mapping, Optional
from urllib.parse import urlsplit

from markupsafe import Markup
from spacy import displacy
from spacy.displacy import EntityRenderer
from spacy.tokens import Doc
from spacy.util import is_in_jupyter

from ..corpora.targets import target_of
from ..crf.schemes import ENTS
from ..rendering.templates import template
from ..rendering.text import visible
from .extensions import register_extensions, stored_explanations
from .reference_view import Likeness
from .views import NOT_ASKED, Influencers, hubs
from .wording import caveat, provenance

NO_ENTITIES = "No entities were predicted in this text. Show every token with tokens=True."
NONE_SHOWN = "There is nothing of the wanted labels in this text."
SET_BY_OTHERS = "Not explained, because another component has set these entities, or their labels:"


def render_document(
    doc: Doc,
    top: int = 3,
    page: bool = False,
    jupyter: Optional[bool] = None,
    options: Optional[Mapping[str, Any]] = None,
    tokens: bool = False,
) -> Optional[str]:
    """Show a document as displaCy shows its entities, and below it the training labels behind each.

    doc (Doc): an explained document.
    top (int): references on each side.
    page (bool): make a complete page.
    jupyter (Optional[bool]): True to display, False to return HTML; None displays in Jupyter and returns elsewhere.
    options (Optional[mapping]): of displaCy's entities: "colors", "ents" (the labels to show), "template" and
        "kb_url_template". Colours that are registered under spacy_displacy_colors are used.
    tokens (bool): show every token with its tag instead of entities.
    RETURNS (Optional[str]): the HTML, None if it was displayed.
    RAISES (ValueError): S020 if the document is not explained, S022 if its tokens changed since.

    >>> doc = spacy_seginf.explain("indexed", "Ada Lind visited Tarnby .", silent=True)
    >>> html = spacy_seginf.render_document(doc, jupyter=False)
    >>> "Tarnby" in html
    True
    """
    html = document_html(doc, top=top, page=page, options=options, tokens=tokens)
    if displacy.RENDER_WRAPPER is not None:
        html = displacy.RENDER_WRAPPER(html)
    if jupyter or (jupyter is None and is_in_jupyter()):
        from IPython.display import HTML, display

        display(HTML(html))
        return None
    return html


def document_html(
    doc: Doc,
    *,
    top: int = 3,
    page: bool = False,
    options: Optional[Mapping[str, Any]] = None,
    tokens: bool = False,
    marked: Optional[Collection[Likeness]] = None,
) -> str:
    """Return what ``render`` shows. Everything that comes from texts, labels and ids is escaped; no script is needed.

    marked (collection): hubs, see ``views.hubs``; those of what is shown here if None.
    RAISES (ValueError): S020 if the document is not explained, S022 if its tokens changed since.
    """
    register_extensions()  # of a document that was read without the pipeline
    stored = stored_explanations(doc)
    options = dict(options or {})
    renderer = EntityRenderer(options)
    explained = [Influencers(entry, stored) for entry in stored["entities"]]
    spans = target_of(stored.get("target") or ENTS).read(doc)
    marks = [_entity_mark(span, options) for span in spans]
    if tokens:
        explained = doc._.influencers
        marks = [{"start": one.start_char, "end": one.end_char, "label": one.label} for one in explained]
    marks = [mark for mark in marks if renderer.ents is None or mark["label"].upper() in renderer.ents]
    views = {(one.start_char, one.end_char, one.label): one for one in explained if not one.unexplained}
    places = [(mark["start"], mark["end"], mark["label"]) for mark in marks]
    shown = [views[place] for place in places if place in views]
    others = [f"{doc.text[place[0] : place[1]]} {place[2]}" for place in places if place not in views]
    return template("document_page.html" if page else "document.html").render(
        language=doc.lang_ or "en",
        marked=_marked(doc, marks, renderer),
        explained=[(one, renderer.colors.get(one.label.upper(), renderer.default_color)) for one in shown],
        unexplained=(NOT_ASKED if tokens else f"{SET_BY_OTHERS} {'; '.join(others)}") if others else "",
        empty=NONE_SHOWN if spans or tokens else NO_ENTITIES,
        top=top,
        hubs=hubs(shown, top) if marked is None else marked,
        notice=provenance(stored),
        caveat=caveat(stored),
    )


def _entity_mark(ent: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an entity to displaCy, which escapes neither ids of a knowledge base nor their addresses."""
    mark = {"start": ent.start_char, "end": ent.end_char, "label": ent.label_}
    if ent.kb_id_:
        pattern = options.get("kb_url_template")
        url = pattern.format(ent.kb_id_) if pattern else "#"
        mark["kb_url"] = escape(visible(url)) if _leads_to_a_page(url) else "#"
        mark["kb_id"] = escape(visible(ent.kb_id_))
    return mark


def _leads_to_a_page(url: str) -> bool:
    """False for an address that runs a script."""
    try:
        return urlsplit(url).scheme in ("", "http", "https")
    except ValueError:
        return False


def _marked(doc: Doc, marks: list[dict[str, Any]], renderer: EntityRenderer) -> Markup:
    """Let displaCy mark a text whose control and bidirectional characters are shown as escapes.

    displaCy finds the colour by the label as it is, and shows the parameters, which it does not escape.
    """
    pieces: list[str] = []
    moved, length, end = [], 0, 0
    for mark in [*marks, None]:
        before = doc.text[end : len(doc.text) if mark is None else mark["start"]]
        pieces.append("\n".join(map(visible, before.split("\n"))))  # displaCy breaks lines there
        length += len(pieces[-1])
        if mark is None:
            break
        end = mark["end"]
        pieces.append(visible(doc.text[mark["start"] : end]))
        texts = {"text": f"<bdi>{escape(pieces[-1])}</bdi>", "label": escape(visible(mark["label"]))}
        moved.append({**mark, "start": length, "end": length + len(pieces[-1]), "params": texts})
        length += len(pieces[-1])
    title = doc.user_data.get("title")
    settings = displacy.get_doc_settings(doc)
    settings["lang"] = escape(settings["lang"])
    parsed = {"text": "".join(pieces), "ents": moved, "title": escape(visible(str(title))) if title else None}
    return Markup(renderer.render([{**parsed, "settings": settings}]).strip())
