"""Options of the commands that read a corpus of any format: how it is read."""

from __future__ import annotations

import inspect
from functools import wraps
from pathlib import Path
from typing import Any, Callable, Optional

from spacy.cli._util import Opt

FORMATS = (
    "spacy, columns, conll, conllu, conllu-misc, germeval, jsonl, hf, prodigy, doccano, label-studio, brat, "
    "spacy-json, spacy-tuples, webanno or xmi"
)
FORMAT = Opt(None, "--format", help=f"{FORMATS}; default: told by name and content")
SCHEME = Opt(
    None,
    "--scheme",
    help="Tags of a text file: BIO, IOB1, BILUO, BIOES or IO; default: found; TAG: tokens have tags, not entities",
)
TARGET = Opt(
    None, "--target", help="What is meant in .spacy files: ents, tag, pos or spans:KEY; default: ents, or tag with TAG"
)
TOKEN_COLUMN = Opt(
    None, "--token-column", help="Column of the tokens, from 1 on; negative from the end; default: the format's"
)
TAG_COLUMN = Opt(None, "--tag-column", help="Column of the tags; default: the format's")
COMMENTS = Opt(
    None, "--comments/--no-comments", help="Whether lines of columns that begin with # are comments; default: found"
)
HEADER = Opt(False, "--header", help="The first line of columns names them")
ENTITY_TYPE = Opt(None, "--entity-type", help="Type of entities whose tags name none (B, I, O)")
LABELS_KEY = Opt(None, "--labels-key", "--labels", help="Key of the tags in JSON; default: the format's")
LABEL_NAMES = Opt(
    None, "--label-names", help="What tags that are numbers stand for: O,B-PER,... or a file such as dataset_info.json"
)
TEXT_KEY = Opt(None, "--text-key", help="Key of the text in JSON; default: the format's")
LANG = Opt("en", "--lang", help="Language whose tokenizer makes the tokens of texts that have none")
LAYER = Opt(None, "--layer", help="Layer of spans that is read; default: the format's")
ONLY = Opt([], "--only", help="Read the entities of this type only, and leave others alone; may be repeated")
UTF16 = Opt(False, "--utf16", help="Offsets count as JavaScript and Java do, where an emoji is two characters")
MISALIGNED = Opt(
    "error", "--misaligned", help="Spans that cut tokens: error, expand (to whole tokens) or split (the tokens)"
)


READING: Any = {}  # what stands in a command for all of these
OPTIONS: dict[str, tuple[Any, Any]] = {
    "format": (Optional[str], FORMAT),
    "scheme": (Optional[str], SCHEME),
    "target": (Optional[str], TARGET),
    "token_column": (Optional[int], TOKEN_COLUMN),
    "tag_column": (Optional[int], TAG_COLUMN),
    "comments": (Optional[bool], COMMENTS),
    "header": (bool, HEADER),
    "entity_type": (Optional[str], ENTITY_TYPE),
    "labels_key": (Optional[str], LABELS_KEY),
    "label_names": (Optional[str], LABEL_NAMES),
    "text_key": (Optional[str], TEXT_KEY),
    "lang": (str, LANG),
    "layer": (Optional[str], LAYER),
    "only": (list[str], ONLY),
    "utf16": (bool, UTF16),
    "misaligned": (str, MISALIGNED),
}


def reads_corpus(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of how a corpus is read; it gets them as ``reading``, as ``read_annotated`` has
    them."""
    signature = inspect.signature(command)
    own = [one for name, one in signature.parameters.items() if name != "reading"]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, kind, default=option, annotation=of) for name, (of, option) in OPTIONS.items()]

    @wraps(command)
    def with_options(**given: Any) -> None:
        command(**{name: given.pop(name) for name in list(given) if name not in OPTIONS}, reading=_settings(**given))

    with_options.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    types = {name: of for name, of in command.__annotations__.items() if name != "reading"}
    with_options.__annotations__ = {**types, **{name: of for name, (of, _) in OPTIONS.items()}}
    return with_options


def _settings(
    *,
    token_column: Optional[int],
    tag_column: Optional[int],
    label_names: Optional[str],
    only: list[str],
    **more: Any,
) -> dict[str, Any]:
    from ..corpora.columns import Columns

    names: Any = label_names
    if label_names is not None:
        names = Path(label_names) if Path(label_names).suffix else tuple(label_names.split(","))
    return {"columns": Columns(token_column, tag_column), "label_names": names, "only": tuple(only), **more}
