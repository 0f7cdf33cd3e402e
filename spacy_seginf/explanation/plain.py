"""Explanations as plain data, for programs."""

from __future__ import annotations

from typing import Any, Iterable

from .reference_view import Reference
from .views import Influencers


def plain_explanations(explained: Iterable[Influencers], top: int) -> list[dict[str, Any]]:
    """Return what is shown of explanations as values that JSON has.

    top (int): references on each side.
    """
    return [_plain(one, top) for one in explained]


def _plain(one: Influencers, top: int) -> dict[str, Any]:
    account = one.account
    return {
        "text": one.text,
        "label": one.label,
        "start": one.start_char,
        "end": one.end_char,
        "probability": one.probability,
        "pipeline_probability": one.pipeline_probability,
        "instead": one.instead,
        "agreement": None if one.agreement is None else one.agreement._asdict(),
        "against": None if account is None else account.against,
        "margin": None if account is None else account.margin,
        "families": [
            {
                "label": family.label,
                "size": family.size,
                "share": family.share,
                "reasons": list(family.reasons),
                "example": _place(family.example),
            }
            for family in one.families
        ],
        "supporting": [_reference(reference) for reference in one.supporting[:top]],
        "opposing": [_reference(reference) for reference in one.opposing[:top]],
    }


def _reference(reference: Reference) -> dict[str, Any]:
    return {
        **_place(reference),
        "label": reference.label,
        "missing": reference.missing or None,
        "strength": reference.strength,
        "without": reference.without,
    }


def _place(reference: Reference) -> dict[str, Any]:
    place = {"document": reference.doc_id, "start": reference.start, "end": reference.end}
    return {"text": reference.text, **place, "context": reference.context}
