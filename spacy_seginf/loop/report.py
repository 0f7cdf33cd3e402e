"""What a loop of curation gave, as a page in Markdown."""

from __future__ import annotations

from typing import Any, Mapping

from ..rendering.markdown import markdown_table, markdown_text


def curation_page(result: Mapping[str, Any]) -> str:
    """Write a page of what ``loop.json`` holds."""
    parts = ["# Find, decide, correct, train again", ""]
    if "read" in result:
        parts += [
            f"{result['read']:,} items reviewed, {result['spans']:,} spans: {result['wrong']:,} of them were wrong "
            f"(mean precision of an item: {result['precision']:.2f}).",
            "",
        ]
        rows = [[kind, *(str(count) for count in counts.values())] for kind, counts in result["by_kind"].items()]
        parts += [markdown_table(["suspected", "read", "wrong", "of these, the suggestion was right"], rows), ""]
    changes = f"{result['changed']:,} regions changed, {result['kept']:,} confirmed"
    parts += [f"{changes}, {result['conflicts']:,} left as decisions contradict each other.", ""]
    if "scores" in result:
        names = list(result["scores"])
        labels = list(dict.fromkeys(label for scores in result["scores"].values() for label in scores))
        rows = [
            [markdown_text(label) or "all", *(f"{result['scores'][name].get(label, 0.0):.4f}" for name in names)]
            for label in labels
        ]
        parts += ["## F1 on the test texts, one training each", "", markdown_table(["entity type", *names], rows), ""]
    if result.get("recovered") is not None:
        parts += [f"Won back: {result['recovered']:.0%} of what the wrong labels cost.", ""]
    if "curves" in result:
        parts += ["## Reading in other orders", ""]
        rows = [
            [name, str(count), f"{found:.1%}", f"{score:.4f}"]
            for name, curve in result["curves"].items()
            for count, found, score in zip(curve["reviewed"], curve["wrong_found"], curve["f1"])
        ]
        header = ["order", "items reviewed", "wrong tokens found", "F1 of the head refit"]
        note = "The head is refit on frozen features, which the wrong labels have shaped; the table above trains anew."
        parts += [markdown_table(header, rows), "", note, "", "A family is one item with all its spans.", ""]
    return "\n".join(parts)
