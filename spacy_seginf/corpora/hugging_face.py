"""Data sets of Hugging Face as JSON: {"tokens": [str], "ner_tags": [int]}, and elsewhere what the integers mean."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Sequence

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..inputs import read_file
from .documents import Replacement
from .json_lines import JsonLines
from .json_records import JsonFile
from .recognise import tags_key
from .settings import ReadingSettings
from .tags import MISSING

FILES = ("dataset_info.json", "dataset_infos.json", "features.json")
UNLABELLED = (-1, -100)


@dataclass(frozen=True)
class LabelNames:
    """What integer tags stand for.

    names (sequence of str): from 0 on; empty if nobody says it. path (Path): the corpus, for messages.
    """

    names: Sequence[str]
    path: Path

    def tag(self, value: Any) -> str:
        """Return the tag of a value. RAISES (TypeError): if it is neither a tag nor the number of one; S286 if there
        are no names."""
        if isinstance(value, str):
            return value
        if type(value) is not int:
            raise TypeError(f"{value!r} is no tag, and no number of one")
        if value in UNLABELLED:
            return MISSING
        if not self.names:
            raise SeginfError(Errors.S286.format(path=self.path, number=value))
        if not 0 <= value < len(self.names):
            raise TypeError(f"the tag {value} is none of 0 to {len(self.names) - 1}, which have names")
        return self.names[value]

    def problem(self, tags: Sequence[str]) -> str:
        """Say which tag no number stands for; empty if all have one."""
        return next((f"no number stands for {tag} (--label-names)" for tag in tags if tag not in self.names), "")


def label_names(path: Path, key: str, given: Optional[Sequence[str] | Path], features: Any = None) -> LabelNames:
    """Find what integers stand for: said by somebody, by the file itself, or by one beside it.

    path (Path): the corpus. key (str): of its tags. given (sequence of str, or Path to a file of features).
    features (Any): those of the file itself. RAISES (ValueError): S040 or S286 for a file that does not say it.
    """
    if isinstance(given, Path):
        if not given.is_file():
            raise SeginfError(Errors.S040.format(what="file of label names", path=given))
        names = _names_in(_read_json(given), key)
        if not names:
            raise SeginfError(Errors.S287.format(path=given, key=key))
        return LabelNames(names, path)
    if given:
        return LabelNames(given, path)
    beside = (_read_json(path.with_name(name)) for name in FILES if path.with_name(name).is_file())
    return LabelNames(next(filter(None, (_names_in(value, key) for value in (features, *beside))), []), path)


class HuggingFaceLines(JsonLines):
    """A data set of Hugging Face as JSON lines or as one list.

    RAISES (ValueError): S201 with the line of what can't be read, S286 if nothing says what integers stand for.
    """

    def __init__(self, path: Path, settings: ReadingSettings) -> None:
        file = JsonFile(path)
        keys = (tags_key(record.value) for record in file.records if isinstance(record.value, dict))
        key = settings.labels_key or next(filter(None, keys), "ner_tags")
        self.names = label_names(path, key, settings.label_names)
        self._numbers = False  # whether tags are numbers
        super().__init__(path, file=file, labels_key=key, scheme=settings.scheme, entity_type=settings.entity_type)

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        problem = super().unwritable(number, replacement, entities)
        if problem or not self._numbers:
            return problem
        return self.names.problem(list(self.changed_tags(number, [replacement]).values()))

    def tags_of(self, values: Any) -> Sequence[str]:
        if not isinstance(values, list):
            raise TypeError(f"{self.labels_key!r} is no list")
        self._numbers |= any(type(value) is int for value in values)
        return [self.names.tag(value) for value in values]

    def value_of(self, tag: str) -> Any:
        return list(self.names.names).index(tag) if self._numbers else tag


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_file(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        problem = f"not JSON ({error})"
        raise SeginfError(Errors.S201.format(path=path, place="the whole file", problem=problem)) from None


def _names_in(value: Any, key: str) -> list[str]:
    """Find the names of a feature's classes, however deep."""
    if not isinstance(value, dict):
        return []
    if key in value:
        return _class_names(value[key])
    return next(filter(None, (_names_in(one, key) for one in value.values())), [])


def _class_names(feature: Any) -> list[str]:
    if isinstance(feature, list):
        return next(filter(None, map(_class_names, feature)), [])
    if not isinstance(feature, dict):
        return []
    names = feature.get("names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    return next(filter(None, map(_class_names, feature.values())), [])
