"""The rows of section 6.1."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy

from spacy_seginf.curation.levels import HOW
from spacy_seginf.evaluation.intervals import Estimate

from ..results import Row
from .rows import MEASURES, best_of, document_rows, fixing_rows, reading_rows, value_row
from .trusted import TRUSTED, UNSEEN, UNSEEN_TRUSTED

Found = Sequence[dict[str, Any]]
TAUGHT = {
    TRUSTED: "loss under a head fitted to the corrected labels of all dev documents",
    UNSEEN: "loss by the pipeline that has not seen the document",
    UNSEEN_TRUSTED: "loss by the encoder that has not seen the document, under a head fitted to corrected dev labels",
}
NAN = float("nan")
GOALS = (">= 0.86", ">= 0.55")
# By key: the score, and what is published of it. The authors' influence has identity curvature.
PLAIN: dict[str, tuple[str, tuple[Optional[float], Optional[float]]]] = {
    "instance_loss": ("document_loss, max", (0.823, 0.503)),
    "token_loss_mean": ("marginal_loss, mean", (0.823, 0.476)),
    "random": ("random, max", (None, None)),
}
CLEAN: dict[str, tuple[str, tuple[Optional[float], Optional[float]]]] = {
    "segment_influence_mean": ("segment influence, mean", (None, None)),
    "segment_influence_max": ("segment influence, max", (None, None)),
    "entity_influence_mean": ("entity influence, mean", (None, None)),
    "entity_influence_max": ("entity influence, max", (None, None)),
    "identity_segment_influence_mean": ("segment influence (identity), mean", (0.793, 0.400)),
    "identity_segment_influence_max": ("segment influence (identity), max", (0.782, 0.379)),
    "instance_influence": ("instance influence", (None, None)),
    "identity_instance_influence": ("instance influence (identity)", (0.369, 0.179)),
    "nearest_neighbours": ("nearest neighbours, mean", (0.511, None)),
    "neighbour_disagreement": ("neighbour disagreement, mean", (None, None)),
    "clean_head_mean": ("loss under a head of their own, mean", (None, None)),
    "clean_head_max": ("loss under a head of their own, max", (None, None)),
}


def real_noise_rows(judged: Found, trusted: Found, default: str, spans: int) -> list[Row]:
    """Make all rows. judged: figures of each pipeline. trusted: those of each pipeline and draw of clean documents.
    default (str): the default score of documents, such as "held_out_loss, mean". spans (int): how many are corrected.
    """
    few = "" if len(judged) > 1 else "There is one pipeline: seeds vary the clean documents only."
    documents = [found["documents"] for found in judged]
    clean = [found["documents"] for found in trusted]
    chosen = [found["documents"][found["document_choice"]] for found in judged]
    names = ", ".join(sorted({found["document_choice"] for found in judged}))
    best = best_of(documents, list(documents[0]), "auroc")
    best_clean = best_of(clean, list(clean[0]), "auroc")
    hindsight, pool = max(
        ((best, documents), (best_clean, clean)),
        key=lambda pair: float(numpy.mean([own[pair[0]]["auroc"][0] for own in pair[1]])),
    )
    rows = document_rows("chosen", f"Documents, score chosen on dev ({names})", chosen, goals=GOALS, note=few)
    by_token = [found["documents"][f"{found['token_choice']}, max"] for found in judged]
    names = ", ".join(sorted({found["token_choice"] for found in judged}))
    title = f"Documents, largest score of a token, chosen for tokens on dev ({names})"
    rows += document_rows("chosen_for_tokens", title, by_token, goals=GOALS, note=few)
    title = f"Documents, default score ({default})"
    rows += document_rows("default", title, [own[default] for own in documents], main=True)
    title = f"Documents, best in hindsight ({hindsight})"
    rows += document_rows("hindsight", title, [own[hindsight] for own in pool], note="Too good.", main=True)
    for key, (name, published) in PLAIN.items():
        rows += document_rows(key, f"Documents, {name}", [own[name] for own in documents], published)
    for name in TAUGHT:
        if f"{name}, max" in documents[0]:
            for how in HOW:
                title = f"Documents, {TAUGHT[name]}: {how}"
                rows += document_rows(f"{name}_{how}", title, [own[f"{name}, {how}"] for own in documents])
    for key, (name, published) in CLEAN.items():
        note = "Published: 0.367 to 0.511." if key == "nearest_neighbours" else ""
        rows += document_rows(key, f"Documents, {name}", [own[name] for own in clean], published, note=note)
    shown = {default, *(name for name, _ in PLAIN.values()), *(f"{name}, {how}" for name in TAUGHT for how in HOW)}
    for name in documents[0]:
        if name not in shown:
            rows += document_rows(_key(name), f"Documents, {name}", [own[name] for own in documents])
    rows += _dev_rows(judged)
    rows += _label_rows(judged, default)
    return rows + fixing_rows([found["fixing"]["f1"] for found in judged], spans)


def _dev_rows(judged: Found) -> list[Row]:
    """Make rows of what every score reached on dev, by which one was chosen."""
    quality = [found["quality_on_dev"] for found in judged]
    rows = []
    for name in quality[0]["documents"]:
        for number, (measure, title) in enumerate(MEASURES.items()):
            values = [(own["documents"][name][number], NAN, NAN) for own in quality]
            rows.append(value_row(f"on_dev_{_key(name)}_{measure}", f"Dev documents, {name}: {title}", values))
    for name in quality[0]["tokens"]:
        values = [(own["tokens"][name], NAN, NAN) for own in quality]
        rows.append(value_row(f"on_dev_{_key(name)}_token", f"Dev tokens, {name}: average precision", values))
    return rows


def _key(name: str) -> str:
    return name.replace(", ", "_")


def _label_rows(judged: Found, default: str) -> list[Row]:
    """Compare scores by what a reader of tokens and of entities finds."""
    tokens = [found["tokens"] for found in judged]
    cleanlab = best_of(tokens, [name for name in tokens[0] if name.startswith("cleanlab_")], "average_precision")
    score = default.split(", ")[0]
    rows = []
    for level in ("token", "entity"):
        table = "tokens" if level == "token" else "entities"
        chosen = [found[table][found["token_choice"]] for found in judged]
        names = ", ".join(sorted({found["token_choice"] for found in judged}))
        rows += reading_rows(level, "chosen", f"score chosen on dev ({names})", chosen, main=True)
        taught = [(name, name, what) for name, what in TAUGHT.items() if name in tokens[0]]
        for key, name, what in (
            *taught,
            ("default", score, f"default score ({score})"),
            ("cleanlab", cleanlab, f"best of cleanlab's in hindsight ({cleanlab})"),
            ("token_loss", "marginal_loss", "loss of tokens"),
            ("random", "random", "chance"),
        ):
            rows += reading_rows(level, key, what, [found[table][name] for found in judged], main=key == "cleanlab")
        if level == "token":
            gains = [
                own["average_precision"][0] - found[table][cleanlab]["average_precision"][0]
                for own, found in zip(chosen, judged)
            ]
            title = (
                "Tokens, average precision: score chosen on dev minus the best of cleanlab's on the same predictions"
            )
            rows.append(
                Row("token_gain_over_cleanlab", title, Estimate(float(numpy.mean(gains)), NAN, NAN), gains, goal=">= 0")
            )
    return rows
