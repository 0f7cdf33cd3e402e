"""The rows of section 6.2."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

import numpy

from spacy_seginf.evaluation.intervals import Estimate

from ..results import Row
from .measures import chance_until_all
from .rows import best_of, document_rows, fixing_rows, reading_rows

Found = Sequence[dict[str, Any]]
KINDS = {"systematic": "org_to_loc", "random": "random"}  # and their names in the data
ABOUT, ELSEWHERE = "about the topic", "about something else"
NAN = float("nan")
INFLUENCE = ("segment influence", "entity influence")
LABELS_KEPT = "marginal_loss, mean"
# Published AUROC: of the loss, and of influence with clean documents about something else, by kind of noise.
PUBLISHED_LOSS = {"systematic": 0.836, "random": 0.957}
PUBLISHED: dict[str, dict[str, float]] = {
    "systematic": {
        "segment influence (identity), max": 0.870,
        "segment influence (identity), mean": 0.878,
        "instance influence (identity)": 0.714,
    },
    "random": {"segment influence (identity), mean": 0.903},
}
GOAL, ALL_WITHIN, BEST, GAP = ">= 0.97", "<= 60", ">= 0.96", "<= 0.03"


def planted_noise_rows(judged: Found, trusted: Mapping[str, Found], score: str, how: str, spans: int) -> list[Row]:
    """Make all rows. judged: figures of each pipeline. trusted: by what clean documents are about, those of each
    pipeline and draw. score, how (str): the default. spans (int): how many are corrected."""
    few = "" if len(judged) > 1 else "There is one pipeline: seeds vary the clean documents only."
    default = f"{score}, {how}"
    rows: list[Row] = []
    for kind in KINDS:
        plain = [found[kind]["documents"] for found in judged]
        clean = {name: [found[kind]["documents"] for found in own] for name, own in trusted.items()}
        rows += _documents(kind, "default", f"default score ({default})", [own[default] for own in plain], main=True)
        published = PUBLISHED_LOSS[kind]
        loss = [own[LABELS_KEPT] for own in plain]
        rows += _documents(kind, "token_loss_mean", LABELS_KEPT, loss, published)
        rows += _documents(kind, "instance_loss", "document_loss", [own["document_loss, max"] for own in plain])
        rows += _documents(kind, "random_order", "chance", [own["random, max"] for own in plain])
        for about, pool in clean.items():
            for name in pool[0]:
                influence = name.startswith(INFLUENCE)
                wanted = kind == "systematic" and about == ABOUT and influence
                figures = PUBLISHED[kind].get(name) if about == ELSEWHERE else None
                key = f"{_key(name)}_{'topic' if about == ABOUT else 'other'}"
                what = f"{name}, clean documents {about}"
                rows += _documents(kind, key, what, [own[name] for own in pool], figures, wanted, few)
        rows += _hindsight(kind, plain, clean, default)
        rows += _labels(kind, judged, trusted, score)
    return rows + fixing_rows([found["fixing"]["f1"] for found in judged], spans)


def _documents(
    kind: str,
    key: str,
    what: str,
    found: Found,
    published: Optional[float] = None,
    wanted: bool = False,
    note: str = "",
    main: bool = False,
) -> list[Row]:
    """Make the rows of one score. wanted (bool): whether the goals of segment influence are its own."""
    title = f"Documents with {kind} noise, {what}"
    goals = (GOAL if wanted else "", "")
    rows = document_rows(f"{kind}_{key}", title, found, (published, None), goals, note, main)
    until = [float(figures["read_until_all"]) for figures in found]
    items, relevant = found[0]["items"], found[0]["relevant"]
    rows.append(
        Row(
            f"{kind}_{key}_read_until_all",
            f"{title}: documents to read for all {relevant}",
            Estimate(float(numpy.mean(until)), NAN, NAN),
            until,
            base_rate=chance_until_all(items, relevant),
            goal=ALL_WITHIN if wanted else "",
            count=items,
        )
    )
    return rows


def _hindsight(kind: str, plain: Found, clean: Mapping[str, Found], default: str) -> list[Row]:
    """Make the rows of the best score, and of what the default lacks."""
    pools = {"": plain, **{f", clean documents {about}": pool for about, pool in clean.items()}}
    ranked = []
    for about, pool in pools.items():
        name = best_of(pool, list(pool[0]), "auroc")
        ranked.append((float(numpy.mean([own[name]["auroc"][0] for own in pool])), f"{name}{about}", name, pool))
    best, what, name, pool = max(ranked, key=lambda entry: entry[:2])
    goals = (BEST if kind == "random" else "", "")
    title = f"Documents with {kind} noise, best in hindsight ({what})"
    rows = document_rows(
        f"{kind}_hindsight", title, [own[name] for own in pool], goals=goals, note="Too good.", main=True
    )
    lacking = best - float(numpy.mean([own[default]["auroc"][0] for own in plain]))
    title = f"Documents with {kind} noise, AUROC of the best in hindsight minus that of the default"
    return [*rows, Row(f"{kind}_default_lacks", title, Estimate(lacking, NAN, NAN), goal=GAP)]


def _labels(kind: str, judged: Found, trusted: Mapping[str, Found], score: str) -> list[Row]:
    """Make the rows of what a reader of tokens and of entities finds."""
    rows: list[Row] = []
    plain = [found[kind] for found in judged]
    names = [name for name in plain[0]["tokens"] if name.startswith("cleanlab_")]
    cleanlab = best_of([found["tokens"] for found in plain], names, "average_precision")
    compared = (
        ("default", score, f"default score ({score})", plain),
        ("cleanlab", cleanlab, f"best of cleanlab's in hindsight ({cleanlab})", plain),
        ("token_loss", "marginal_loss", "loss of tokens", plain),
        ("random", "random", "chance", plain),
        ("influence", INFLUENCE[0], f"segment influence, clean documents {ABOUT}", [f[kind] for f in trusted[ABOUT]]),
    )
    for level, table in (("token", "tokens"), ("entity", "entities")):
        for key, name, what, pool in compared:
            found = [own[table][name] for own in pool]
            rows += reading_rows(
                level, f"{kind}_{key}", f"{kind} noise, {what}", found, main=key in ("default", "cleanlab")
            )
    return rows


def _key(name: str) -> str:
    return "".join(each for each in name.lower().replace(" ", "_") if each.isalnum() or each == "_")
