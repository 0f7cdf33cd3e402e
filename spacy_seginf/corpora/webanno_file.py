"""A file of WebAnno TSV 3: its layers, and the lines of its tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Sequence

from ..errors import Errors, SeginfError
from .file_spans import lines_in, read_content
from .text import unreadable

TOKEN = re.compile(r"(?P<name>\d+-\d+)(?P<part>\.\d+)?\t(?P<start>\d+)-(?P<end>\d+)\t(?P<text>[^\t]*)\t?")
SPANS, OTHERS = "#T_SP=", ("#T_CH=", "#T_RL=")
USUAL_LAYER, USUAL_FEATURE = "NamedEntity", "value"


@dataclass(frozen=True)
class Layer:
    """A layer of spans. name (str). features (sequence of str): each has a column. first (int): that of the first."""

    name: str
    features: Sequence[str]
    first: int

    @property
    def columns(self) -> range:
        """Its columns, counted from the first behind the tokens."""
        return range(self.first, self.first + len(self.features))


@dataclass(frozen=True)
class TokenLine:
    """A line of a token, or of a part of one.

    number (int): from 1. name (str): sentence and token. part (bool): whether it is only a part.
    start, end (int): as the file counts, in UTF-16 code units. text (str): as written.
    cells (sequence of pairs of ints): where its columns are in the content.
    """

    number: int
    name: str
    part: bool
    start: int
    end: int
    text: str
    cells: Sequence[tuple[int, int]]


@dataclass
class TsvFile:
    """What is known of a file.

    path (Path). content (str). lines (list of TokenLine). layers (list of Layer): of spans.
    used (set of str): layers that relations lead to.
    RAISES (ValueError): S201 with the line of what can't be read.
    """

    path: Path
    content: str = ""
    lines: list[TokenLine] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.content = read_content(self.path)
        for number, (start, body, _) in enumerate(lines_in(self.content), start=1):
            match = TOKEN.match(body)
            if match:
                self._read_token(number, start, body, match)
            elif body.startswith(SPANS):
                name, *features = body[len(SPANS) :].split("|")
                self.layers.append(Layer(name, features or [""], self.columns))
                self.used |= {one[5:].partition(":")[0] for one in features if one.startswith("ROLE_")}
            elif body.startswith(OTHERS):
                self.used |= {one[3:] for one in body.split("|") if one.startswith("BT_")}
            elif body and not body.startswith("#"):
                raise unreadable(self.path, number, f"{body[:40]!r} is no token (1-1<tab>0-4<tab>word)")

    @property
    def columns(self) -> int:
        """How many columns the layers of spans have; those of relations follow."""
        return sum(len(layer.features) for layer in self.layers)

    def choose(self, wanted: Optional[str]) -> tuple[Layer, int]:
        """Choose a layer, and the column of the feature that is read.

        wanted (str): the layer's name or the end of it, and the feature behind a colon. RAISES (ValueError): S291.
        """
        name, _, feature = (wanted or USUAL_LAYER).partition(":")
        found = [layer for layer in self.layers if layer.name == name or layer.name.endswith(f".{name}")]
        if not found and wanted is None and len(self.layers) == 1:
            found = self.layers
        for layer in found[:1] if len(found) == 1 else ():
            usual = USUAL_FEATURE if len(layer.features) > 1 else layer.features[0]
            if (feature or usual) in layer.features:
                return layer, layer.first + list(layer.features).index(feature or usual)
        known = ", ".join(f"{layer.name}:{feature}" for layer in self.layers for feature in layer.features)
        raise SeginfError(Errors.S291.format(path=self.path, layer=wanted or USUAL_LAYER, known=known or "none"))

    def behind(self, line: TokenLine) -> str:
        """Return what a line says of relations."""
        cells = line.cells[self.columns :]
        return self.content[cells[0][0] : cells[-1][1]] if cells else ""

    def _read_token(self, number: int, start: int, body: str, match: re.Match[str]) -> None:
        cells = [(start + one.start(), start + one.end()) for one in re.compile(r"[^\t]+").finditer(body, match.end())]
        if len(cells) < self.columns:
            problem = f"{len(cells)} columns behind the token, where the layers of spans have {self.columns}"
            raise unreadable(self.path, number, problem)
        places = int(match["start"]), int(match["end"])
        self.lines.append(TokenLine(number, match["name"], bool(match["part"]), *places, match["text"], cells))
