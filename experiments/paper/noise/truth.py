"""Which labels of an indexed corpus are wrong: its documents matched with their corrected labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import numpy

from spacy_seginf.crf.schemes import type_of
from spacy_seginf.errors import SeginfError
from spacy_seginf.index.index import Index

from ...errors import LabErrors
from ..records import read_records

TOKENS, LABELS, GOLD = "tokens", "labels", "gold_labels"
Record = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """What is known of the labels of some documents.

    gold (int64, tokens): their corrected labels, as numbers of the tagger's tags. wrong (bool, tokens): labels that
        differ from these. lengths (list of int): tokens of each document.
    counted (bool, documents): whether a document takes part; "in_paper" of its record. noise (list of str): what was
        done to each, "" for nothing.
    """

    gold: numpy.ndarray
    wrong: numpy.ndarray
    lengths: list[int]
    counted: numpy.ndarray
    noise: list[str]

    @classmethod
    def of(cls, records: Sequence[Record], tags: Sequence[str]) -> Truth:
        """Read records in their order. RAISES (ValueError): S154 for a corrected label that is none of the tags."""
        numbers = {tag: number for number, tag in enumerate(tags)}
        gold, wrong = [], []
        for record in records:
            for label, corrected in zip(record[LABELS], record[GOLD]):
                if corrected not in numbers:
                    raise SeginfError(LabErrors.S154.format(id=record["id"], label=corrected, known=", ".join(tags)))
                gold.append(numbers[corrected])
                wrong.append(label != corrected)
        return cls(
            numpy.array(gold, dtype=numpy.int64),
            numpy.array(wrong, dtype=bool),
            [len(record[TOKENS]) for record in records],
            numpy.array([record.get("in_paper", True) for record in records], dtype=bool),
            [record.get("noise") or "" for record in records],
        )


def read_corrected(path: Path) -> list[Record]:
    """Read documents with labels and corrected labels.

    RAISES (ValueError): S130 if there is no file, S133 if a line is no such document, S150 if an id is missing or not
        the only one of its kind.
    """
    records = read_records(path, (TOKENS, LABELS, GOLD))
    seen = set()
    for number, record in enumerate(records, start=1):
        if record.get("id") is None or record["id"] in seen:
            raise SeginfError(LabErrors.S150.format(path=path, number=number, id=record.get("id")))
        seen.add(record["id"])
    return records


def match(index: Index, records: Sequence[Record]) -> list[Record]:
    """Return the records of the documents of an index, in its order.

    RAISES (ValueError): S151 if a document has no record, S152 if it has another number of tokens, S153 if it has other
        labels.
    """
    by_id = {str(record["id"]): record for record in records}
    tags, starts = index.manifest.tags, index.data.starts
    found = []
    for document, length in enumerate(index.data.lengths):
        identifier, first = index.place(document, 0)
        record = by_id.get(identifier)
        if record is None:
            raise SeginfError(LabErrors.S151.format(id=identifier, path=index.folder))
        if first or length != len(record[TOKENS]):
            counts = (len(record[TOKENS]), length)
            raise SeginfError(LabErrors.S152.format(id=identifier, path=index.folder, counts=counts, first=first))
        labels = index.labels[starts[document] : starts[document] + length].tolist()
        # Only types: conversion may have made I- the beginning of an entity.
        if [type_of(tags[label]) for label in labels] != [type_of(label) for label in record[LABELS]]:
            raise SeginfError(LabErrors.S153.format(id=identifier, path=index.folder))
        found.append(record)
    return found
