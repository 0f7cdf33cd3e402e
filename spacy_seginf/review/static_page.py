"""The review page as one file that needs no server: decisions stay in the browser until they are downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ..curation.issues import LabelIssue
from ..errors import Errors, SeginfError
from ..files import write_text
from .page import head, render
from .serialise import AROUND
from .state import Review


def write_static_page(path: Path, review: Review) -> None:
    """Write the page. RAISES (ValueError): S186 if that is not possible; then there is no half of it."""
    content = render(static_data(review), served=False)
    try:
        write_text(path, content)
    except OSError as error:
        raise SeginfError(Errors.S186.format(path=path, problem=error.strerror or error)) from None


def static_data(review: Review) -> dict[str, Any]:
    """Return everything that the page may have to show, and the exact texts that decisions need.

    Texts that are not shown as they are (long, or with control characters) are kept once each, beside what is shown:
    a decision has to name the words that it was made on.
    """
    exact: dict[str, int] = {}
    details = []
    for number, issue in enumerate(review.issues):
        detail = review.detail(number)
        details.append({**detail, "exact": _exact(issue, detail, exact)})
    data = head(review)
    for shown, family in zip(data["families"], review.tables.families):
        shown["family"] = exact.setdefault(family, len(exact))
    identifiers = "\n".join(issue.id for issue in review.issues)
    key = hashlib.sha256(f"{review.ranking.corpus}\n{identifiers}".encode("utf8", "backslashreplace")).hexdigest()[:16]
    return {**data, "rows": review.rows, "details": details, "texts": list(exact), "key": key, "first": review.first()}


def _exact(issue: LabelIssue, detail: dict[str, Any], exact: dict[str, int]) -> dict[str, Any]:
    """Return numbers of the document's id and of those words that are shown otherwise (by place among the words)."""
    first = max(issue.first, issue.start - AROUND)
    words = issue.words[first - issue.first :]
    differing = {
        place: exact.setdefault(word, len(exact))
        for place, (word, shown) in enumerate(zip(words, detail["words"]))
        if word != shown
    }
    return {"document": exact.setdefault(issue.document, len(exact)), "words": differing}
