"""Wrong predictions as text for a terminal."""

from __future__ import annotations

from ..rendering.text import shorten, visible
from .account_view import Line
from .mistake_report import LabelInContext, Mistake, MistakeReport

AROUND = 28  # characters
MARGIN = "= margin over what is annotated"


def render_mistakes_terminal(report: MistakeReport, *, top: int = 3) -> str:
    """Lay out mistakes by cause and confusion, with what to do about each cause.

    top (int): mistakes that are shown of each confusion of a cause; pages and JSON have all.
    """
    counts = f"{report.texts} texts, {report.right} right predictions, {len(report)} wrong or missed"
    lines = [f"{visible(report.corpus)}: {counts}"]
    for cause, members in report.causes.items():
        advice = report.advice(cause)
        lines += ["", f"{cause} ({len(members)})", f"  {advice.meaning} {advice.advice}"]
        lines += [f"  {visible(line)}" for line in advice.command.splitlines()]
        confusions: dict[str, list[Mistake]] = {}
        for one in members:
            confusions.setdefault(one.confusion, []).append(one)
        for confusion, found in sorted(confusions.items(), key=lambda pair: -len(pair[1])):
            lines += ["", f"  {visible(confusion)} ({len(found)})"]
            for one in found[:top]:
                lines += _mistake(one)
            if len(found) > top:
                lines.append(f"    and {len(found) - top} more")
    return "\n".join(lines)


def _mistake(one: Mistake) -> list[str]:
    lines = [f"    {visible(one.place)} ({one.kind})"]
    for name, side in (("predicted", one.predicted), ("annotated", one.gold)):
        inside = "".join(
            f"[{visible(piece.text.rstrip())}] {visible(piece.label)}{' ' * (piece.text != piece.text.rstrip())}"
            if piece.label
            else visible(piece.text)
            for piece in one.pieces(side)
        )
        lines.append(f"      {name}  {visible(one.before)[-AROUND:]}{inside}{visible(one.behind)[:AROUND]}")
    lines.append(f"      {visible(one.because)}")
    lines += [
        f"      {'taught by' if family.share > 0 else 'against it'} {family.share:+.2f}  {family.size} labels like "
        f"{_in_context(family.example)}  {visible('; '.join(family.reasons))}"
        for family in one.strongest
    ]
    lines += [f"      {line.share:+15.2f}  {line.name}" for line in (*one.rest, Line(MARGIN, one.account.margin))]
    return lines


def _in_context(label: LabelInContext) -> str:
    before, text, behind = map(visible, label.parts)
    return f"{before[-AROUND:]}[{shorten(text)}] {visible(label.label)}{behind[:AROUND]}"
