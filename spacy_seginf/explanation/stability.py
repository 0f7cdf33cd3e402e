"""Is a prediction decided by the labels, or by the seed? What pipelines predict that differ in nothing but the seed.

The record is kept beside an index, text by text, so that explanations of the same texts can say it.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import dot_to_object
from thinc.api import Config

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..files import json_text, write_text
from ..rendering.text import short_probability
from ..tagger.given import given_spans

RECORD = "stability.json"  # beside an index, and in the folder of the trainings
AGREED = 0.8  # of the trainings: with fewer, the seed decides


class Agreement(NamedTuple):
    """How a prediction fares in trainings that differ in the seed.

    same (int): of the trainings, those that predict it. trainings (int). mean, lowest, highest (float): its
    probability, with its boundaries, by these.
    """

    same: int
    trainings: int
    mean: float
    lowest: float
    highest: float

    @property
    def by_seed(self) -> bool:
        """Whether the seed decides: some trainings predict it, and too many do not."""
        return self.same < AGREED * self.trainings

    @property
    def sentence(self) -> str:
        """All of it in words."""
        range_of_p = f"p {short_probability(self.lowest)} to {short_probability(self.highest)}"
        told = f"{self.same} of {self.trainings} trainings that differ in the seed predict it ({range_of_p})"
        return f"{told}: decided by the seed." if self.by_seed else f"{told}."


@dataclass(frozen=True)
class Found:
    """What was found in one text. label, start, end: as an entity; a tag of one token. p (list of float): its
    probability by each training. predicted (list of bool): by which trainings it is predicted."""

    start: int
    end: int
    label: str
    p: list[float]
    predicted: list[bool]

    @property
    def agreement(self) -> Agreement:
        """The trainings taken together."""
        return Agreement(sum(self.predicted), len(self.p), sum(self.p) / len(self.p), min(self.p), max(self.p))


@dataclass(frozen=True)
class Stability:
    """What pipelines that differ in the seed predict for some texts.

    seeds (list of int). texts (dict): by ``key_of``, all that any of them predicts, and what the pipeline predicts that
    is asked about. settings (dict): what they were trained with, by dotted names; empty in older records.
    """

    seeds: list[int]
    texts: dict[str, list[Found]]
    settings: dict[str, Any] = field(default_factory=dict)

    def other_settings(self, config: Config) -> str:
        """Say what the config of a pipeline sets otherwise than the trainings had it; empty if nothing."""
        told = []
        for name, value in self.settings.items():
            with suppress(KeyError):  # a setting that the pipeline does not know may have had its default
                own = dot_to_object(config, name)
                if own != value:
                    told.append(f"{name} {value} instead of {own}")
        return ", ".join(told)

    def found(self, key: str, start: int, end: int, label: str) -> Optional[Found]:
        """Look up a prediction; None if nothing is known of the text, or nobody predicts that there."""
        known = self.texts.get(key, ())
        return next((one for one in known if (one.start, one.end, one.label) == (start, end, label)), None)

    def of(self, key: str, start: int, end: int, label: str) -> Optional[Agreement]:
        """Do the same, with the trainings taken together."""
        found = self.found(key, start, end, label)
        return None if found is None else found.agreement

    def same_reading(self, key: str, start: int, end: int, reading: Sequence[Entity]) -> Optional[int]:
        """Count the trainings that predict just this between two tokens; None if nothing is known of the text."""
        found = self.texts.get(key)
        if found is None:
            return None
        wanted = {(one.start, one.end, one.label) for one in reading}
        inside = [one for one in found if one.start < end and start < one.end]
        by_training = (
            {(one.start, one.end, one.label) for one in inside if one.predicted[number]}
            for number in range(len(self.seeds))
        )
        return sum(own == wanted for own in by_training)

    def write(self, folder: Path) -> Path:
        """Write the record to a folder, all or nothing, and return its file."""
        path = folder / RECORD
        write_text(path, json_text(asdict(self)) + "\n")
        return path

    @classmethod
    def read(cls, folder: Path) -> Optional[Stability]:
        """Read the record in a folder; None if there is none. RAISES (ValueError): S341 if it is damaged."""
        path = folder / RECORD
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf8"))
            seeds = [int(seed) for seed in content["seeds"]]
            texts = {key: [Found(**one) for one in found] for key, found in content["texts"].items()}
            settings = dict(content.get("settings", {}))
            if any(not len(one.p) == len(one.predicted) == len(seeds) > 0 for found in texts.values() for one in found):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SeginfError(Errors.S341.format(path=path)) from None
        return cls(seeds, texts, settings)


def key_of(nlp: Language, doc: Doc) -> str:
    """Name a text by its words, and by what a pipeline is given beside them, such as a predicate (24 hex digits)."""
    content = repr(([token.text for token in doc], given_spans(nlp, doc)))
    return hashlib.sha256(content.encode("utf8", "backslashreplace")).hexdigest()[:24]
