"""JSON lines, compressed or not: {"id": str, "tokens": [str], "labels": ["B-PER", "I-PER", "O", ...]}."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from .documents import Document, Replacement, stem_of
from .json_places import replace_elements
from .json_records import JsonFile, has_surrogates
from .text import TaggedCorpus, TaggedText, unreadable


class JsonLines(TaggedCorpus):
    """A corpus of JSON lines, one a document. Empty labels are missing ones.

    path (Path): ends in .gz if it is compressed. labels_key (str): key of the labels.
    scheme (str): of the labels; found if not given. entity_type (str): of labels that name none.
    file (JsonFile): what was read already.
    RAISES (ValueError): S201 with the line of what can't be read, S242 for labels without types.
    """

    def __init__(
        self,
        path: Path,
        *,
        labels_key: str = "labels",
        scheme: Optional[str] = None,
        entity_type: Optional[str] = None,
        file: Optional[JsonFile] = None,
    ) -> None:
        self.labels_key = labels_key
        self.file = file or JsonFile(path)
        texts = [self._read_text(number) for number in range(len(self.file.records))]
        super().__init__(path, texts, scheme, entity_type)

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        new = {}
        for number, regions in replacements.items():
            values = {position: self.value_of(tag) for position, tag in self.changed_tags(number, regions).items()}
            new[number] = replace_elements(self.file.text(number), self.labels_key, values)
        return self.file.corrected(new)

    def tags_of(self, values: Sequence[Any]) -> Sequence[str]:
        """Read the labels of a document. RAISES (TypeError): if they are no tags."""
        if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise TypeError(f"{self.labels_key!r} is no list of strings")
        return values

    def value_of(self, tag: str) -> Any:
        """Return what a tag is in the file."""
        return tag

    def _read_text(self, number: int) -> TaggedText:
        record, line = self.file.records[number].value, self.file.records[number].line
        problem = self._problem(record)
        if problem:
            raise unreadable(self.file.path, line, problem)
        given = record.get("id")
        name = "" if given is None else str(given)
        identifier = name or f"{stem_of(self.file.path)}:{number + 1}"
        words = tuple(record["tokens"])
        document = Document(identifier, words, (), str(self.file.path), (line,), named=bool(name))
        return TaggedText(document, tuple(self.tags_of(record[self.labels_key])))

    def _problem(self, record: Any) -> str:
        """Say what keeps a record from being a document; empty if nothing does."""
        if not isinstance(record, dict):
            return "it is no JSON object"
        for key in ("tokens", self.labels_key):
            if key not in record:
                return f"it has no {key!r}"
        tokens = record["tokens"]
        if not (isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)):
            return "'tokens' is no list of strings"
        try:
            labels = self.tags_of(record[self.labels_key])
        except TypeError as error:
            return str(error)
        if len(tokens) != len(labels):
            return f"{len(tokens)} tokens but {len(labels)} labels"
        if "" in tokens:
            return "a token is an empty string"
        if has_surrogates(*tokens, *labels, str(record.get("id"))):
            return "its tokens, labels or id hold surrogates, which are no characters"
        return ""
