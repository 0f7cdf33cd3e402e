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
READING: Any = {}  # what stands in a command for all of these


def _options(
    format: Optional[str] = Opt(None, "--format", help=f"{FORMATS}; default: told by name and content"),
    scheme: Optional[str] = Opt(
        None,
        "--scheme",
        help="Tags of a text file: BIO, IOB1, BILUO, BIOES or IO; default: found; TAG: tokens have tags, not entities",
    ),
    target: Optional[str] = Opt(
        None,
        "--target",
        help="What is meant in .spacy files: ents, tag, pos or spans:KEY; default: ents, or tag with TAG",
    ),
    token_column: Optional[int] = Opt(
        None, "--token-column", help="Column of the tokens, from 1 on; negative from the end; default: the format's"
    ),
    tag_column: Optional[int] = Opt(None, "--tag-column", help="Column of the tags; default: the format's"),
    comments: Optional[bool] = Opt(
        None, "--comments/--no-comments", help="Whether lines of columns that begin with # are comments; default: found"
    ),
    header: bool = Opt(False, "--header", help="The first line of columns names them"),
    entity_type: Optional[str] = Opt(None, "--entity-type", help="Type of entities whose tags name none (B, I, O)"),
    labels_key: Optional[str] = Opt(
        None, "--labels-key", "--labels", help="Key of the tags in JSON; default: the format's"
    ),
    label_names: Optional[str] = Opt(
        None,
        "--label-names",
        help="What tags that are numbers stand for: O,B-PER,... or a file such as dataset_info.json",
    ),
    text_key: Optional[str] = Opt(None, "--text-key", help="Key of the text in JSON; default: the format's"),
    lang: str = Opt("en", "--lang", help="Language whose tokenizer makes the tokens of texts that have none"),
    layer: Optional[str] = Opt(None, "--layer", help="Layer of spans that is read; default: the format's"),
    only: list[str] = Opt(
        [], "--only", help="Read the entities of this type only, and leave others alone; may be repeated"
    ),
    utf16: bool = Opt(
        False, "--utf16", help="Offsets count as JavaScript and Java do, where an emoji is two characters"
    ),
    misaligned: str = Opt(
        "error", "--misaligned", help="Spans that cut tokens: error, expand (to whole tokens) or split (the tokens)"
    ),
) -> None:
    """Stand for the options, which commands get as they are written here."""


OPTIONS = inspect.signature(_options, eval_str=True).parameters


def reads_corpus(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of how a corpus is read; it gets them as ``reading``, as ``read_annotated`` has
    them."""
    signature = inspect.signature(command)
    own = [one for name, one in signature.parameters.items() if name != "reading"]
    added = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in OPTIONS.values()]

    @wraps(command)
    def with_options(**given: Any) -> None:
        command(**{name: given.pop(name) for name in list(given) if name not in OPTIONS}, reading=_settings(**given))

    with_options.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    types = {name: of for name, of in command.__annotations__.items() if name != "reading"}
    with_options.__annotations__ = {**types, **{name: one.annotation for name, one in OPTIONS.items()}}
    return with_options


def _settings(
    *, token_column: Optional[int], tag_column: Optional[int], label_names: Optional[str], only: list[str], **more: Any
) -> dict[str, Any]:
    from ..corpora.columns import Columns

    names: Any = label_names
    if label_names is not None:
        names = Path(label_names) if Path(label_names).suffix else tuple(label_names.split(","))
    return {"columns": Columns(token_column, tag_column), "label_names": names, "only": tuple(only), **more}
