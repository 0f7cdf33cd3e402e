"""Convert token-labelled JSON lines to spaCy's binary format.

Each line is a document: {"id": str, "tokens": [str], "labels": ["B-PER", "I-PER", "O", ...]}, BIO or IO labels.
Tokens are kept as they are (no text is tokenized again), and ids travel in doc.user_data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence

import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from wasabi import msg


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line numbers and documents of a .jsonl or .jsonl.gz file."""
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, json.loads(line.decode("utf8"))
    except ValueError as error:  # also what is not UTF-8
        raise ValueError(f"{path}, line {number}: not JSON ({error})") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}, after line {number}: not a complete gzip file ({error})") from None


def to_doc(vocab: Vocab, record: dict[str, Any], labels_key: str, only: Optional[str]) -> Doc:
    """Make a Doc from a record. ``only`` turns the labels of all other entity types to O."""
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    for key in ("tokens", labels_key):
        if key not in record:
            raise ValueError(f"it has no {key!r}")
        if not (isinstance(record[key], list) and all(isinstance(value, str) for value in record[key])):
            raise ValueError(f"{key!r} is no list of strings")
    tokens, labels = record["tokens"], repair_bio(record[labels_key])
    if len(tokens) != len(labels):
        raise ValueError(f"{len(tokens)} tokens but {len(labels)} labels")
    if only:
        labels = [label if label[2:] == only else "O" for label in labels]
    doc = Doc(vocab, words=tokens, ents=labels)
    if record.get("id") is not None:
        doc.user_data["id"] = str(record["id"])
    return doc


def repair_bio(labels: Sequence[str]) -> list[str]:
    """Let every entity start with B-: IO labels and I- after another type become valid BIO."""
    repaired: list[str] = []
    for label in labels:
        before = repaired[-1] if repaired else "O"
        repaired.append(f"B-{label[2:]}" if label[:2] == "I-" and before[2:] != label[2:] else label)
    return repaired


def convert(source: Path, target: Path, *, labels_key: str = "labels", only: Optional[str] = None) -> tuple[int, int]:
    """Convert a file; return the numbers of documents and tokens. The target appears only when it is complete."""
    nlp = spacy.blank("en")
    docs = DocBin(store_user_data=True)
    documents = tokens = 0
    for number, record in read_lines(source):
        try:
            doc = to_doc(nlp.vocab, record, labels_key, only)
        except ValueError as error:
            raise ValueError(f"{source}, line {number}: {error}") from None
        docs.add(doc)
        documents, tokens = documents + 1, tokens + len(doc)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    docs.to_disk(partial)
    partial.replace(target)
    return documents, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="JSON lines, .jsonl or .jsonl.gz")
    parser.add_argument("target", type=Path, help="output, .spacy")
    parser.add_argument("--labels", default="labels", help="key of the labels (default: labels)")
    parser.add_argument("--only", metavar="TYPE", help="keep this entity type only")
    arguments = parser.parse_args()
    if not arguments.source.exists():
        msg.fail(f"There is no file {arguments.source}", exits=1)
    try:
        documents, tokens = convert(
            arguments.source, arguments.target, labels_key=arguments.labels, only=arguments.only
        )
    except ValueError as error:
        msg.fail(str(error), exits=1)
    msg.good(f"{arguments.target}: {documents:,} documents, {tokens:,} tokens")


if __name__ == "__main__":
    main()
