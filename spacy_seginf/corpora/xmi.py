"""UIMA's XMI, as INCEpTION, WebAnno and DKPro write it, read by dkpro-cassis and changed element by element."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence
from xml.sax.saxutils import quoteattr

from ..errors import Errors, SeginfError
from ..extras import with_extra
from .file_spans import FileSpans, files_in, name_in, read_content
from .offsets import Annotation, Utf16
from .settings import ReadingSettings
from .spans import Edit, SpanChange, SpanText
from .text import unreadable

LAYER = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity:value"
TOKEN = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"
TYPE_SYSTEMS = ("TypeSystem.xml", "typesystem.xml")
ELEMENT = r"<(?P<tag>[\w.-]+:[\w.-]+)\s[^<>]*?\bxmi:id=[\"']{id}[\"'][^<>]*?(?:/>|>\s*</(?P=tag)>)"
ATTRIBUTE = r"(?<=\s){name}=(?P<value>\"[^\"]*\"|'[^']*')"
MEMBERS = re.compile(r"<cas:View\b[^<>]*?\bmembers=[\"'](?P<ids>[^\"']*)[\"']")


class XmiCorpus(FileSpans):
    """An XMI file, or a folder of them, with the type system beside them.

    RAISES (ValueError): S201 for what can't be read, S280 to S284, S285 without dkpro-cassis, S291 if the layer isn't
        known, S292 without a type system.
    """

    def __init__(self, path: Path, settings: ReadingSettings) -> None:
        try:
            import cassis
        except ImportError:
            facts = {"what": path, "library": "dkpro-cassis", "package": with_extra("uima")}
            raise SeginfError(Errors.S285.format(**facts)) from None
        self._cassis = cassis
        self._layer, _, self._feature = (settings.layer or LAYER).partition(":")
        self._feature = self._feature or "value"
        self._referred: dict[Path, set[int]] = {}  # spans that others refer to
        self.contents = {}
        texts = [self._read_text(path, file) for file in files_in(path, "*.xmi")]
        super().__init__(path, texts, settings)

    def change_problem(self, number: int, change: SpanChange) -> str:
        file = self.texts[number].file
        if change.old is None:
            return "" if self._tag(file) else f"the file has no {self._layer} after whose likeness one could be made"
        if change.new is None and change.old.key in self._referred[file]:
            return f"another annotation refers to the {change.old.label} (xmi:id {change.old.key}): change both there"
        return ""

    def edits(self, number: int, changes: Sequence[SpanChange]) -> Iterator[Edit]:
        text = self.texts[number]
        content = self.contents[text.file]
        units = Utf16(text.text)
        last = max(map(int, re.findall(r"\bxmi:id=[\"'](\d+)[\"']", content)), default=0)
        gone, added, elements = [], [], []
        for change in changes:
            found = self._element(text.file, change.old.key) if change.old is not None else None
            if change.new is None:
                if found is not None and change.old is not None:
                    gone.append(change.old.key)
                    yield found.start(), found.end(), ""
                continue
            new = {"begin": units.encode(change.new.start), "end": units.encode(change.new.end)}
            values = {name: str(value) for name, value in new.items()} | {self._feature: change.new.label}
            if found is not None:
                yield from _attributes(found, values)
                continue
            last += 1
            added.append(last)
            sofa = re.search(r"<cas:Sofa\b[^<>]*?\bxmi:id=[\"'](\d+)[\"']", content)
            pairs = {"xmi:id": str(last), "sofa": sofa[1] if sofa else "1", **values}
            written = " ".join(f"{name}={quoteattr(value)}" for name, value in pairs.items())
            elements.append(f"<{self._tag(text.file)} {written}/>")
        members = MEMBERS.search(content)
        if members is not None and (gone or added):
            ids = [one for one in members["ids"].split() if int(one) not in gone]
            if elements:
                yield members.start(), members.start(), "".join(elements)
            yield *members.span("ids"), " ".join([*ids, *map(str, added)])

    def _tag(self, file: Path) -> str:
        """Return the tag of the layer's elements, as the namespaces of a file have it; empty if they have none."""
        folder, _, name = self._layer.rpartition(".")
        space = f"http:///{folder.replace('.', '/')}.ecore"
        match = re.search(rf"xmlns:([\w.-]+)=[\"']{re.escape(space)}[\"']", self.contents[file])
        return f"{match[1]}:{name}" if match else ""

    def _element(self, file: Path, number: int) -> Optional[re.Match[str]]:
        return re.search(ELEMENT.replace("{id}", str(number)), self.contents[file])

    def _read_text(self, path: Path, file: Path) -> SpanText:
        content = self.contents[file] = read_content(file)
        if "<!DOCTYPE" in content or "<!ENTITY" in content:
            raise unreadable(file, 1, "it declares entities of its own, which no XMI does")
        cas = self._load(file, content)
        text = cas.sofa_string
        if not isinstance(text, str):
            raise unreadable(file, 1, "it has no text")
        try:
            spans, tokens = cas.select(self._layer), cas.select(TOKEN) if cas.typesystem.contains_type(TOKEN) else []
        except Exception:  # of a type that the type system lacks
            raise self._no_layer(file, cas) from None
        if not cas.typesystem.get_type(self._layer).get_feature(self._feature):
            raise self._no_layer(file, cas)
        annotations = []
        for span in spans:
            label = span[self._feature]
            if not isinstance(label, str) or not label:
                raise unreadable(file, 1, f"the {span.type.name} with xmi:id {span.xmiID} has no {self._feature}")
            annotations.append(Annotation(span.begin, span.end, label, f"xmi:id {span.xmiID}", span.xmiID))
        self._referred[file] = _referred(cas)
        places = [(token.begin, token.end) for token in tokens] or None
        return SpanText(name_in(path, file), text, annotations, "", file, tokens=places)

    def _load(self, file: Path, content: str) -> Any:
        beside = (file.with_name(name) for name in TYPE_SYSTEMS)
        system = next((one for one in beside if one.is_file()), None)
        if system is None:
            raise SeginfError(Errors.S292.format(path=file))
        types = read_content(system)
        try:
            return self._cassis.load_cas_from_xmi(content, typesystem=self._cassis.load_typesystem(types))
        except Exception as error:  # of lxml and of cassis, which have no common base
            problem = (str(error).splitlines() or [type(error).__name__])[0]
            raise unreadable(file, 1, f"no XMI of {system.name} ({problem})") from None

    def _no_layer(self, file: Path, cas: Any) -> ValueError:
        known = ", ".join(sorted({one.type.name for one in cas.select_all_annotations()}))
        return SeginfError(Errors.S291.format(path=file, layer=f"{self._layer}:{self._feature}", known=known or "none"))


def _attributes(element: re.Match[str], values: dict[str, str]) -> Iterator[Edit]:
    """Yield new values of the attributes of an element."""
    for name, value in values.items():
        match = re.search(ATTRIBUTE.replace("{name}", re.escape(name)), element[0])
        if match is not None and match["value"] != quoteattr(value):
            start, end = (element.start() + place for place in match.span("value"))
            yield start, end, quoteattr(value)


def _referred(cas: Any) -> set[int]:
    """Return the ids of what other feature structures refer to."""
    found: set[int] = set()
    for one in cas.select_all_fs():
        for feature in one.type.all_features:
            value = getattr(one, feature.name, None)
            for other in getattr(value, "elements", None) or (value if isinstance(value, list) else [value]):
                if feature.name != "sofa" and getattr(other, "xmiID", None) is not None:
                    found.add(other.xmiID)
    return found
