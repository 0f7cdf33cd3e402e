"""What is missing is installed from where this package came from: messages print the line that works."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import urlsplit
from urllib.request import url2pathname

PACKAGE = "spacy_seginf"


def with_extra(extra: str) -> str:
    """Return what `pip install` takes for this package with an extra: a folder or wheel, if that is what it was
    installed from (PEP 610), else its name."""
    with suppress(PackageNotFoundError, ValueError, KeyError, AttributeError):
        origin = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
        if origin["url"].startswith("file:"):
            editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
            return f'{editable}"{url2pathname(urlsplit(origin["url"]).path)}[{extra}]"'
    return f'"{PACKAGE}[{extra}]"'
