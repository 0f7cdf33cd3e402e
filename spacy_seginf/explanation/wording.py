"""What every rendering says in the same words."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ..rendering.text import visible

IDENTITY = (
    "Scores are inner products of gradients of the tagger's head (identity curvature): positive supports the "
    "prediction, negative opposes it. They rank training labels and are no prediction of retraining; the encoder has "
    "seen these labels too. Compare scores within one prediction only: they shrink as p nears 1."
)
EXACT = (
    "The strength of a single label is by how much the prediction's log-odds would fall if it were removed and the "
    "head that explains refit: positive supports the prediction, negative opposes it. `seginf verify` refits and "
    "compares. A star marks figures that were refined on all training documents until the head was at its new optimum, "
    "because one step was doubtful; a question mark those that stay doubtful. This is the effect on the head alone: "
    "the encoder has seen the label too, and what it learned from it is not counted."
)
PULLED = (
    " The head that explains is held near the trained one, which remembers the label and by which the pipeline "
    "predicts. Where the two differ, that is said."
)
ADDED = (
    " Labels marked as appended are not among those that the head has learned from: their strength is by how much "
    "adding them would make the log-odds rise."
)
NOT_REFIT = (
    " The index keeps the trained head, which is not at the optimum that such predictions assume: take them for a "
    "ranking."
)
K_FAC = " The curvature is approximated (K-FAC), so effects are rough."
ALWAYS = " p is the probability of the prediction given the predicted labels around it. Finding nothing proves nothing."
HEAD_ONLY = (
    "All this is about the head that explains, at its optimum on frozen features. The encoder has seen the labels too, "
    "and what it learned from them is not counted."
)
LABELS_ALONE = (
    "All this is about the head that labels alone make of the encoder's features, at its optimum. The encoder has seen "
    "the labels too, and what it learned from them is not counted: training anew may turn out otherwise."
)
CHEAPEST = (
    "Such a set is the cheapest way that was found to another prediction: it says what would change it, and not what "
    "it comes from. `seginf explain` says that. "
)
ACCOUNT = (
    "A family is a group of training labels of one kind in like contexts. Its share is what its labels add to the "
    "log-odds of the prediction over the other reading that is named, under the head that training labels alone make "
    "of the encoder's features; the shares and the lines below them add up exactly. A share says what the head was "
    "made of, not what it would become without these labels. "
)
METHOD = (
    "Scores are those of the method '{method}': positive supports the prediction, negative opposes it. They rank "
    "training labels and are no prediction of retraining; `seginf evaluate` shows how well they do."
)


def caveat(stored: Optional[Mapping[str, Any]]) -> str:
    """Say what the figures are and what they are not.

    stored (Mapping): what ``doc._.seginf`` holds.
    """
    stored = stored or {}
    account = ACCOUNT if stored.get("families") else ""
    if stored.get("method"):
        return account + METHOD.format(method=visible(stored["method"])) + ALWAYS
    if stored.get("curvature") == "identity":
        text = account + IDENTITY + (PULLED if stored.get("centre") == "trained" else "")
        return text + ALWAYS
    text = account + EXACT + ("" if stored.get("refit", True) else NOT_REFIT)
    if stored.get("centre") == "trained":
        text += PULLED
    if any(reference.get("added") for reference in stored.get("references", ())):
        text += ADDED
    if stored.get("curvature") == "kfac":
        text += K_FAC
    return text + ALWAYS


def provenance(stored: Optional[Mapping[str, Any]]) -> str:
    """Say whose predictions are explained if they are not the tagger's own; else nothing.

    stored (Mapping): what ``doc._.seginf`` holds.
    """
    explains = (stored or {}).get("explains")
    if not explains:
        return ""
    return (
        f"The predictions are those of the component '{visible(explains['component'])}', explained through a CRF head "
        "close to its own last layer; p and scores are that head's."
    )
