"""The page itself: one template, one style and one script for both ways to show it."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ..crf.schemes import TAG
from ..curation.records import VERSION
from .serialise import brief
from .state import Review

PAGES = Path(__file__).parent / "pages"
# One script: what a part needs is in a part before it.
PARTS = (
    *("dom", "model", "regions", "served", "file", "texts", "whole", "statistics", "item"),
    *("list", "editor", "actions", "notes", "bulk", "running", "keys", "main"),
)


def head(review: Review) -> dict[str, Any]:
    """Return what a page needs to begin with: tables, and what was decided."""
    tables = review.tables
    following = review.changes(0)["next"]  # before the states, so that no change is in neither
    return {
        "version": VERSION,
        "corpus": review.ranking.corpus,
        "reviewer": review.reviewer,
        "total": len(review.issues),
        "labels": review.labels(),
        "choices": tables.choices,
        "byToken": review.ranking.scheme == TAG,
        "families": [{"shown": brief(family)} for family in tables.families],
        "states": review.states(),
        "others": review.others.shown(tables),
        "command": review.command,
        "next": following,
    }


def render(data: dict[str, Any], *, served: bool) -> str:
    """Return the page.

    data (dict): what it shows. served (bool): whether a server is behind it; if not, the page brings its policy along.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((PAGES / "review.html").read_text(encoding="utf8"))
    style, script = (Markup(part) for part in _parts())
    return template.render(
        data=_embedded(data), style=style, script=script, policy="" if served else policy(served=False), served=served
    )


def policy(*, served: bool) -> str:
    """Return the content security policy: this script and this style, and nothing from anywhere else."""
    digests = (base64.b64encode(hashlib.sha256(part.encode("utf8")).digest()).decode("ascii") for part in _parts())
    style, script = (f"'sha256-{digest}'" for digest in digests)
    rules = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    rules += [f"script-src {script}", f"style-src {style}"]
    if served:
        rules += ["connect-src 'self'", "frame-ancestors 'none'"]  # the latter is not for pages without a server
    return "; ".join(rules)


@cache
def _parts() -> tuple[str, str]:
    scripts = [(PAGES / f"{part}.js").read_text(encoding="utf8") for part in PARTS]
    script = '(() => {\n"use strict";\n' + "\n".join(scripts) + "})();\n"
    return (PAGES / "review.css").read_text(encoding="utf8"), script


def _embedded(data: dict[str, Any]) -> Markup:
    """Write JSON that ends no script element, whatever is in it; ASCII only, so U+2028 is an escape as well."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
