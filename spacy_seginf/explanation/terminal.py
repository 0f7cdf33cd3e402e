"""Explanations as text for a terminal."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Mapping, Optional

from wasabi import color

from ..rendering.text import clipped, columns_of, first_words, last_words, short_probability, visible, wrapped
from .account_view import Account, Family, Line
from .reference_view import Folded, Likeness
from .views import Influencers, hubs
from .wording import caveat, provenance

COLORS = {"supports": "blue", "opposes": "yellow"}
WIDTH = 100
LEAST_WIDTH = 40
NARROW = 72  # below it, there are no bars
BAR = 12
LEAST_CONTEXT = 16
INDENT = "  "


def render_terminal(
    explained: Iterable[Influencers],
    stored: Optional[Mapping[str, Any]] = None,
    *,
    top: int = 3,
    colors: bool = True,
    width: int = WIDTH,
    marked: Optional[Collection[Likeness]] = None,
) -> str:
    """Lay out the families and the references of tokens or entities.

    stored (Mapping): what ``doc._.seginf`` holds; it tells what kind of figures these are.
    top (int): references on each side.
    colors (bool): ANSI colours, in addition to the words.
    width (int): columns that lines may take, 40 at least.
    marked (collection): hubs, see ``views.hubs``; those of what is explained here if None.
    """
    explained = list(explained)
    layout = _Layout(max(width, LEAST_WIDTH), colors, hubs(explained, top) if marked is None else marked)
    for influencers in explained:
        layout.explanation(influencers, top)
    layout.add("")
    for text in (provenance(stored), caveat(stored)):
        layout.text(text, "")
    return "\n".join(layout.lines)


class _Layout:
    def __init__(self, width: int, colors: bool, marked: Collection[Likeness]) -> None:
        self.lines: list[str] = []
        self._width, self._colors, self._marked = width, colors, marked

    def add(self, line: str) -> None:
        self.lines.append(line)

    def text(self, text: str, indent: str) -> None:
        self.lines += [indent + line for line in wrapped(visible(text), self._width - len(indent))]

    def explanation(self, one: Influencers, top: int) -> None:
        parts = [clipped(visible(one.text), self._width // 2), clipped(visible(one.label), self._width // 3)]
        parts += [] if one.probability is None else [f"p = {one.probability:.2f}"]
        self.lines += ["", color("   ".join(parts), bold=True) if self._colors else "   ".join(parts)]
        for remark in one.remarks:
            self.text(remark, INDENT)
        if one.unexplained:
            self.text(one.unexplained, INDENT)
            return
        if one.account is not None:
            self.account(one.account)
            self.add(f"{INDENT}Single labels:")
        for relation, references in one.sides(top):
            for each in references:
                self.reference(each)
            if not references:
                self.add(f"{INDENT}{relation:<9} no training label of this kind")

    def account(self, account: Account) -> None:
        """Add an account: its sentence, its families, and what else adds up to the margin."""
        self.text(account.sentence, INDENT)
        largest = max((abs(family.share) for family in account.families), default=0.0)
        for family in account.families:
            self.family(family, largest, account.probability)
        indent = " " * (len(INDENT) + 10 + self._bar)
        total = Line(f"= margin over {visible(account.against)}", account.margin)
        for line in (*account.rest, total):
            first, *more = wrapped(line.name, max(self._width - len(indent) - 10, LEAST_CONTEXT))
            self.add(f"{indent}{_share(line.share):>8}  {first}")
            self.lines += [f"{indent}{'':10}{each}" for each in more]

    def family(self, family: Family, largest: float, now: float) -> None:
        """Add a family: a line with its bar, share and size, one with a typical member, one with its reasons.

        now (float): p under the head that is accounted for.
        """
        bar = ""
        if self._bar:
            filled = round((self._bar - 1) * abs(family.share) / largest) if largest else 0
            bar = f"{'█' * filled or '▏':<{self._bar}}"
        start = f"{INDENT}{self._relation(family.relation)} {bar}{_share(family.share):>8}  "
        self.add(start + clipped(visible(family.count), self._width - len(INDENT) - 20 - self._bar))
        self.text(_joint(family, now), " " * (2 * len(INDENT) + 2))
        indent = " " * (2 * len(INDENT) + 2)
        self.context(f"{indent}like ", len(indent) + 5, *family.like)
        self.text("; ".join(family.reasons), indent)

    def reference(self, each: Folded) -> None:
        """Add a reference: a line with its strength and context, one with its place, what would change, and why."""
        reference = each.reference
        start = f"{INDENT}{self._relation(reference.relation)} {reference.figure:>10}  "
        taken, indent = len(INDENT) + 10 + max(len(reference.figure), 10) + 2, " " * (2 * len(INDENT) + 2)
        if not self._bar:
            self.add(start.rstrip())
            start, taken = indent, len(indent)
        self.context(start, taken, *reference.context_parts, reference.full_label)
        told = [each.place, reference.change, *reference.reasons, each.remark(self._marked)]
        self.text("; ".join(filter(None, told)), indent)
        if reference.words:
            parts = (f"{word} {part:+.3g}" for word, part in reference.words[:8])
            self.text(f"words behind it: {', '.join(parts)}", indent)

    def context(self, start: str, taken: int, before: str, text: str, behind: str, label: str = "") -> None:
        """Add a labelled text in its context, cut between words to fit. start (str): what is before it, so many columns
        wide."""
        left = max(self._width - taken, LEAST_CONTEXT)
        shown = f"[{clipped(visible(text), left // 2 - 2)}]"
        if label:
            shown += f" {clipped(visible(label), left // 3)}"
        around = max(left - columns_of(shown), 0)
        after = first_words(visible(behind), around // 2)
        before = last_words(visible(before), around - columns_of(after)).lstrip()
        self.add(f"{start}{before}{shown}{after}".rstrip())

    def _relation(self, relation: str) -> str:
        padded = f"{relation:<9}"
        return color(padded, fg=COLORS[relation]) if self._colors else padded

    @property
    def _bar(self) -> int:
        return BAR if self._width >= NARROW else 0


def _share(share: float) -> str:
    return f"{share:+.1f}" if abs(share) >= 10 else f"{share:+.2f}"


def _joint(family: Family, now: float) -> str:
    """Say what the prediction becomes without a family, if it is known: "p .87 -> .42 without them, .03 relabelled"."""
    named = (("without them", family.without), ("relabelled", family.relabelled))
    told = [f"{short_probability(p)} {name}" for name, p in named if p is not None]
    return f"p {short_probability(now)} -> {', '.join(told)}" if told else ""
