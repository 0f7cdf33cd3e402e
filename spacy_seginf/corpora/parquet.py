"""Data sets of Hugging Face in parquet files, by pyarrow."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..extras import with_extra
from ..inputs import check_kind
from .documents import Document, Replacement, stem_of
from .hugging_face import label_names
from .recognise import TAG_KEYS
from .settings import ReadingSettings
from .text import TaggedCorpus, TaggedText

METADATA = b"huggingface"  # under which a file's schema has its features


class ParquetCorpus(TaggedCorpus):
    """A data set in a parquet file. What is not changed is written again by the same schema, not byte by byte.

    RAISES (ValueError): S201 for what can't be read, S285 without pyarrow, S286 if nothing says what integers stand
        for.
    """

    def __init__(self, path: Path, settings: ReadingSettings) -> None:
        check_kind(path)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            facts = {"what": path, "library": "pyarrow", "package": with_extra("parquet")}
            raise SeginfError(Errors.S285.format(**facts)) from None
        self._arrow = pyarrow
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
            self._table = self._file.read()
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise _unreadable(path, "the whole file", (str(error).splitlines() or ["no parquet"])[0]) from None
        columns = self._table.column_names
        self._key = settings.labels_key or next((key for key in TAG_KEYS if key in columns), "ner_tags")
        for key in ("tokens", self._key):
            if key not in columns:
                raise _unreadable(path, "its schema", f"there is no column {key!r} (--labels-key names the tags')")
        features = json.loads((self._table.schema.metadata or {}).get(METADATA, b"{}"))
        self._names = label_names(path, self._key, settings.label_names, features)
        values = {key: self._table.column(key).to_pylist() for key in ("tokens", self._key)}
        ids = self._table.column("id").to_pylist() if "id" in columns else [None] * self._table.num_rows
        self._values = values[self._key]
        self._numbers = any(type(value) is int for row in self._values for value in row or ())
        rows = enumerate(zip(values["tokens"], self._values, ids), start=1)
        texts = [self._read_row(path, number, *row) for number, row in rows]
        super().__init__(path, texts, settings.scheme, settings.entity_type)

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        problem = super().unwritable(number, replacement, entities)
        if problem or not self._numbers:
            return problem
        return self._names.problem(list(self.changed_tags(number, [replacement]).values()))

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        rows = list(self._values)
        names = list(self._names.names)
        for number, regions in replacements.items():
            row = list(rows[number])
            for position, tag in self.changed_tags(number, regions).items():
                row[position] = names.index(tag) if self._numbers else tag
            rows[number] = row
        index = self._table.column_names.index(self._key)
        field = self._table.schema.field(index)
        table = self._table.set_column(index, field, self._arrow.array(rows, type=field.type))
        table = table.replace_schema_metadata(self._table.schema.metadata)
        stored, out = self._file.metadata, io.BytesIO()
        groups = stored.num_row_groups
        size = max(stored.row_group(0).num_rows, 1) if groups else None
        packed = stored.row_group(0).column(0).compression if groups else "NONE"
        self._arrow.parquet.write_table(table, out, row_group_size=size, compression=packed)
        return out.getvalue()

    def _read_row(self, path: Path, number: int, tokens: Any, values: Any, name: Any) -> TaggedText:
        place = f"row {number}"
        if not (isinstance(tokens, list) and all(isinstance(token, str) and token for token in tokens)):
            raise _unreadable(path, place, "its tokens are no list of words")
        if not isinstance(values, list) or len(values) != len(tokens):
            raise _unreadable(path, place, f"{len(tokens)} tokens but {len(values or ())} tags")
        try:
            tags = tuple(map(self._names.tag, values))
        except TypeError as error:
            raise _unreadable(path, place, str(error)) from None
        identifier = str(name) if name not in (None, "") else f"{stem_of(path)}:{number}"
        named = name not in (None, "")
        return TaggedText(Document(identifier, tuple(tokens), (), str(path), (number,), named=named), tags)


def _unreadable(path: Path, place: str, problem: str) -> ValueError:
    return SeginfError(Errors.S201.format(path=path, place=place, problem=problem))
