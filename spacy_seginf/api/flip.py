"""`python -m spacy seginf flip`."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import typer
from wasabi import table

from ..devices import use_gpu
from ..explanation.flips import BUDGET, MOST, FlipSet, check_flip, flipped_part
from ..explanation.loading import load_indexed
from ..explanation.reference_view import Reference
from ..explanation.wording import CHEAPEST, LABELS_ALONE
from ..messages import Messages
from ..progress import MOVE, shows_progress, step
from ..rendering.text import shorten, visible
from .asked_text import asked_text

SHOWN = 20  # labels of a set


@shows_progress
def flip(
    pipeline: str,
    text: str,
    *,
    spans: Sequence[str] = (),
    to: Optional[str] = None,
    by: str = "removing",
    budget: int = BUDGET,
    most: int = MOST,
    gpu_id: int = -1,
    silent: bool = True,
) -> list[FlipSet]:
    """Find the smallest sets of training labels whose removal, or change, would change what is predicted for a text.

    pipeline (str): a folder that `seginf index` wrote.
    text (str): the text; "-" reads standard input.
    spans (sequence of str): words of the text to ask about, also where no entity is predicted; if there are none, all
        predictions that are not ``to``.
    to (str): the label that they should get, "O" for none; any other if None.
    by (str): "removing" or "relabelling" of training labels.
    budget (int): how often the head may be moved to another optimum, for each. most (int): labels of a set.
    RETURNS (list of FlipSet): one for each. Every set was confirmed by a refit of the head; where none was found,
        ``summary`` says how far the search went.
    RAISES (ValueError): S030 or S040 for missing input, S274 for words that the text does not have, S276 to S279 for
        what is no text, S029, S035, S206 and S270 to S273 as ``Influence.flip``.

    >>> (found,) = spacy_seginf.flip("indexed", "Ada Lind visited Tarnby .", spans=["Ada Lind"])
    >>> found.found, "verified by refit" in found.summary
    (True, True)
    """
    msg = Messages(silent=silent)
    given = asked_text(text)
    use_gpu(gpu_id)
    nlp, influence = load_indexed(pipeline)
    check_flip(influence.find_tagger(), to, by, budget, most)
    influence.explainer().label_effects  # noqa: B018 - refuses an index that can't refit before the text is read
    with influence.paused():
        doc = nlp(given)
    asked: list[Any] = [flipped_part(doc, words) for words in spans]
    if len(doc) and not asked:
        _, tags, _ = influence.query(doc, doc)
        predicted = influence.predictions(tags)
        asked = [doc[start:end] for start, end, label in predicted if label != to]
        if not asked:
            others = f" but {to}" if predicted else ""
            msg.info(f"No entities{others} were predicted in this text. Ask about words of it with --span.")
    found = []
    for part in asked:
        with step("Search", budget, MOVE):
            found.append(influence.flip(doc, part, to, by, budget=budget, most=most))
        if not silent:
            _print(found[-1])
    if found and not silent:
        typer.echo((CHEAPEST if any(one.found for one in found) else "") + LABELS_ALONE)
    return found


def _print(found: FlipSet) -> None:
    typer.echo(f"{visible(found.text)}  {visible(found.label)}\n  {visible(found.summary)}")
    if not found.labels:
        return
    rows = []
    for one in found.labels[:SHOWN]:
        reference = Reference(one.reference, 0.0)
        change = "removed" if one.label is None else f"to {visible(one.label)}"
        rows.append(
            (shorten(visible(reference.text), 24), visible(reference.full_label), change, visible(reference.place))
        )
    if len(found.labels) > SHOWN:
        rows.append((f"and {len(found.labels) - SHOWN} more", "", "", ""))
    typer.echo(table(rows, header=("training label", "label", "change", "where"), divider=True, max_col=60))
