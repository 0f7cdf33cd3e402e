"""How a corpus is read, where its name and content do not say it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Collection, Optional, Sequence

from ..crf.schemes import ENTS, TAG
from ..errors import Errors, SeginfError
from ..guesses import one_of
from .columns import Columns
from .tags import ALIASES, SCHEMES
from .targets import target_of

MISALIGNED = ("error", "expand", "split")


@dataclass(frozen=True)
class ReadingSettings:
    """Settings of a reader; each format has some of them.

    scheme (str): of tags: one of ``SCHEMES`` or ``ALIASES``; found if not given. TAG if the tags of tokens are meant,
        such as their parts of speech, instead of entities.
    target (str): what is meant in .spacy files, which hold everything: "ents", "tag", "pos" or "spans:KEY"; entities if
        not given, or tags with the scheme TAG.
    columns, comments, header: as for ``ColumnCorpus``. entity_type (str): of tags that name none.
    labels_key (str): key of the labels in JSON; the format's if not given.
    label_names (sequence of str, or Path): what integer labels stand for, or a file of features that says it.
    lang (str): whose tokenizer makes the tokens of texts that have none.
    layer (str): the layer that is read, by the format's name of it. only (sequence of str): the types that are read.
    text_key (str): key of the text in JSON; the format's if not given.
    utf16 (bool): whether offsets count as JavaScript and Java do, where an emoji is two characters.
    misaligned (str): what becomes of spans that cut tokens: one of ``MISALIGNED``.
    RAISES (ValueError): S206 or S252 for values that can't be.
    """

    scheme: Optional[str] = None
    target: Optional[str] = None
    columns: Optional[Columns] = None
    comments: Optional[bool] = None
    header: bool = False
    entity_type: Optional[str] = None
    labels_key: Optional[str] = None
    label_names: Optional[Sequence[str] | Path] = None
    lang: str = "en"
    layer: Optional[str] = None
    only: Sequence[str] = ()
    text_key: Optional[str] = None
    utf16: bool = False
    misaligned: str = "error"

    def __post_init__(self) -> None:
        if self.scheme is not None:
            scheme = ALIASES.get(self.scheme, self.scheme)
            if scheme not in SCHEMES:
                known = one_of((*SCHEMES, *ALIASES), scheme)
                raise SeginfError(Errors.S206.format(setting="--scheme", value=scheme, known=known))
            object.__setattr__(self, "scheme", scheme)
        target_of(self.annotation)
        if self.misaligned not in MISALIGNED:
            known = one_of(MISALIGNED, self.misaligned)
            raise SeginfError(Errors.S206.format(setting="--misaligned", value=self.misaligned, known=known))

    @property
    def annotation(self) -> str:
        """The name of the target that is meant."""
        return self.target or ("tag" if self.scheme == TAG else ENTS)

    def check_used(self, path: Path, format: str, used: Collection[str]) -> None:
        """Refuse settings that mean nothing for a format. RAISES (ValueError): S288."""
        if self.scheme == TAG and format not in TAGGED:
            raise SeginfError(Errors.S288.format(setting="--scheme TAG", path=path, format=format))
        for field in fields(self):
            if field.name in CHECKED and field.name not in used and getattr(self, field.name) != field.default:
                setting = f"--{field.name.replace('_', '-')}"
                raise SeginfError(Errors.S288.format(setting=setting, path=path, format=format))


# Others say how something would be read that need not be there.
CHECKED = ("layer", "only", "text_key", "label_names", "target")
TAGGED = ("spacy", "columns", "conll", "conllu", "jsonl", "hf")  # formats in which each token can have a tag
