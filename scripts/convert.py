"""Convert tokens with labels, JSON lines or columns, to spaCy's binary format.

A line of JSON is a document: {"id": str, "tokens": [str], "labels": ["B-PER", "I-PER", "O", ...]}. Columns have a
token and its tag a line, and a blank line behind each sentence. Tags are BIO, IOB1, BILUO, BIOES or IO. Tokens are
kept as they are (no text is tokenized again); ids, the file's name and the lines of the tokens travel in
doc.user_data.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Optional

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from wasabi import msg

from spacy_seginf.corpora.column_lines import LAYOUTS
from spacy_seginf.corpora.columns import Columns
from spacy_seginf.corpora.documents import Document
from spacy_seginf.corpora.formats import format_of, read_tagged


def to_doc(vocab: Vocab, document: Document, source: Path, only: Optional[str]) -> Doc:
    """Make a Doc of a document of a file. ``only`` leaves all other entity types out."""
    kept = [entity for entity in document.entities if only is None or entity.label == only]
    missing = document.missing if only is None else ()
    doc = Doc(vocab, words=list(document.words))
    spans: list[Any] = [Span(doc, entity.start, entity.end, label=entity.label) for entity in kept]
    doc.set_ents(spans, missing=[Span(doc, token, token + 1) for token in missing])
    if document.named:
        doc.user_data["id"] = document.identifier
    doc.user_data["file"] = source.name if source.is_absolute() else source.as_posix()
    doc.user_data["lines"] = list(document.lines)
    return doc


def convert(
    source: Path,
    target: Path,
    *,
    labels_key: str = "labels",
    only: Optional[str] = None,
    columns: Optional[Columns] = None,
    format: Optional[str] = None,
    **tagged: Any,
) -> tuple[int, int]:
    """Convert a file; return the numbers of documents and tokens. The target appears only when it is complete.

    format (str), tagged: as for ``read_tagged``.
    """
    vocab = spacy.blank("en").vocab
    form = format or format_of(source) or ("columns" if source.suffix == ".csv" else "jsonl")
    corpus = read_tagged(source, format=form, labels_key=labels_key, columns=columns, **tagged)
    docs = DocBin(store_user_data=True)
    for document in corpus.documents:
        docs.add(to_doc(vocab, document, source, only or None))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    docs.to_disk(partial)
    partial.replace(target)
    return len(docs), sum(len(document.words) for document in corpus.documents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="JSON lines (.jsonl, .jsonl.gz) or columns (.conll, .tsv, ...)")
    parser.add_argument("target", type=Path, help="output, .spacy")
    parser.add_argument("--labels", default="labels", help="key of the labels in JSON lines (default: labels)")
    parser.add_argument("--only", metavar="TYPE", help="keep this entity type only")
    parser.add_argument("--format", choices=[*LAYOUTS, "jsonl"], help="default: by the source's name")
    parser.add_argument("--token-column", type=int, help="from 1 on; negative from the end (default: the format's)")
    parser.add_argument("--tag-column", type=int, help="column of the tags (default: the format's, or the last one)")
    parser.add_argument("--scheme", help="BIO, IOB1, BILUO, BIOES or IO (default: found)")
    parser.add_argument(
        "--comments",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether lines that begin with # are comments (default: found)",
    )
    parser.add_argument("--header", action="store_true", help="the first line names the columns")
    parser.add_argument("--entity-type", metavar="TYPE", help="type of entities whose tags name none (B, I, O)")
    arguments = parser.parse_args()
    if not arguments.source.exists():
        msg.fail(f"There is no file {arguments.source}", exits=1)
    columns = Columns(arguments.token_column, arguments.tag_column)
    settings = {"labels_key": arguments.labels, "only": arguments.only, "columns": columns}
    settings.update(format=arguments.format, scheme=arguments.scheme, comments=arguments.comments)
    settings.update(header=arguments.header, entity_type=arguments.entity_type)
    try:
        documents, tokens = convert(arguments.source, arguments.target, **settings)
    except ValueError as error:
        msg.fail(str(error), exits=1)
    msg.good(f"{arguments.target}: {documents:,} documents, {tokens:,} tokens")


if __name__ == "__main__":
    main()
