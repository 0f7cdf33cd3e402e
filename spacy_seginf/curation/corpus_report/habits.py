"""Spans that are alike and labelled differently: the same words, the same slot, or words with and without an edge."""

from __future__ import annotations

from collections import Counter
from typing import Iterator

from ...crf.schemes import OUTSIDE
from ..structure.keys import form_keys, template_keys, window_keys
from .annotations import Annotations, entities_only, ordered
from .records import Finding

LEAST = 3  # spans that make a habit

Edge = tuple[str, str, str]  # "first" or "last", a word, and the other words or the type


def contradicted_forms(annotations: Annotations) -> list[Finding]:
    """The same words as entities of different types."""
    keys = form_keys(annotations.spans).numbers.tolist()
    return annotations.contradictions(keys, entities_only(annotations.spans), annotations.written)


def contradicted_in_document(annotations: Annotations) -> list[Finding]:
    """The same words with different labels, or none, in one document."""
    spans = annotations.spans
    keys = list(zip(form_keys(spans).numbers.tolist(), spans.documents.tolist()))

    def what(rows: list[int]) -> str:
        return f"{annotations.written(rows)} ({annotations.documents[spans.documents[rows[0]]].identifier})"

    return annotations.contradictions(keys, range(len(spans)), what)


def contradicted_templates(annotations: Annotations) -> list[Finding]:
    """The same slot of the same sentence with different types; of sentences that occur once, the words around."""
    spans = annotations.spans
    templates, windows = template_keys(spans), window_keys(spans)
    rows = entities_only(spans)
    counts = Counter(templates.numbers[rows].tolist())
    keys, names = {}, {}
    for row in rows:
        template, window = int(templates.numbers[row]), int(windows.numbers[row])
        whole = template >= 0 and counts[template] >= LEAST
        name = templates.names[template] if whole else f"... {windows.names[window]} ..."
        if sum(any(map(str.isalpha, word)) for word in name.split()) >= (1 if whole else 2):
            keys[row], names[row] = (whole, template if whole else window), name
    sizes = Counter(keys.values())
    kept = [row for row, key in keys.items() if sizes[key] >= LEAST]
    found = annotations.contradictions([keys.get(row) for row in range(len(spans))], kept, lambda own: names[own[0]])
    return [one for one in found if _is_habit(one)]


def unannotated_twins(annotations: Annotations) -> list[Finding]:
    """Words that are an entity in some places, and none in others."""
    spans = annotations.spans
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in range(len(spans)):
        groups.setdefault(spans.form(row), []).append(row)
    found = []
    for form, rows in groups.items():
        labels = [annotations.labels[row] for row in rows]
        if OUTSIDE in labels:
            found.append(annotations.finding(" ".join(form), rows, labels))
    return ordered(found)


def moving_boundaries(annotations: Annotations) -> list[Finding]:
    """The same words with and without a word at their edge: "[the Hague]" and "the [Hague]"."""
    inside: dict[Edge, list[int]] = {}
    outside: dict[Edge, list[int]] = {}
    for row, side, word, rest, within in _edges(annotations):
        (inside if within else outside).setdefault((side, word, rest), []).append(row)
    found = []
    for side, word, rest in inside.keys() & outside.keys():
        rows = [*inside[side, word, rest], *outside[side, word, rest]]
        whole, part = f"[{word} {rest}]", f"{word} [{rest}]"
        if side == "last":
            whole, part = f"[{rest} {word}]", f"[{rest}] {word}"
        readings = [whole] * len(inside[side, word, rest]) + [part] * len(outside[side, word, rest])
        found.append(annotations.finding(whole[1:-1], rows, readings))
    return ordered(found)


def edge_words(annotations: Annotations) -> list[Finding]:
    """Words that belong to the entities of a type beside them in some places, and not in others."""
    groups: dict[Edge, list[tuple[int, bool]]] = {}
    for row, side, word, _, within in _edges(annotations):
        groups.setdefault((side, word, annotations.labels[row]), []).append((row, within))
    found = []
    for (side, word, label), members in groups.items():
        if len({within for _, within in members}) == 2:
            what = f"{word} ... ({label})" if side == "first" else f"... {word} ({label})"
            readings = ["part of the entity" if within else "beside it" for _, within in members]
            found.append(annotations.finding(what, [row for row, _ in members], readings))
    return ordered(one for one in found if _is_habit(one))


def _edges(annotations: Annotations) -> Iterator[tuple[int, str, str, str, bool]]:
    """Yield, for each entity, the words at its edges with the rest of it, and those beside it, which are outside of
    entities, with all of it: (row, side, word, other words, whether the word is inside)."""
    spans = annotations.spans
    taken: set[tuple[int, int]] = set()
    rows = entities_only(spans)
    places = {row: (int(spans.documents[row]), int(spans.starts[row]), int(spans.ends[row])) for row in rows}
    for document, start, end in places.values():
        taken.update((document, token) for token in range(start, end))
    for row, (document, start, end) in places.items():
        words = [word.casefold() for word in spans.words[document][max(0, start - 1) : end + 1]]
        own = words[start > 0 :][: end - start]
        if len(own) > 1:
            yield row, "first", own[0], " ".join(own[1:]), True
            yield row, "last", own[-1], " ".join(own[:-1]), True
        begins = set(annotations.sentences[document])
        if start > 0 and (document, start - 1) not in taken and start not in begins:
            yield row, "first", words[0], " ".join(own), False
        if end < len(spans.words[document]) and (document, end) not in taken and end not in begins:
            yield row, "last", words[-1], " ".join(own), False


def _is_habit(finding: Finding) -> bool:
    """Whether one reading is that of most."""
    return max(finding.counts.values()) >= max(LEAST, 2 * len(finding.occurrences))
