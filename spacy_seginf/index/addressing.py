"""Where training tokens are, and what is written there: from shards and their rows to documents, and to words."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Collection, Sequence

import numpy

from .arrays import damaged
from .manifest import Manifest
from .shards import Shard


class Addresses:
    """The documents of an index, through all of its shards.

    manifest (Manifest), shards (sequence of Shard): of the index.
    """

    def __init__(self, manifest: Manifest, shards: Sequence[Shard]) -> None:
        self.manifest, self.shards = manifest, list(shards)
        self.first_documents = numpy.cumsum([0, *(entry["documents"] for entry in manifest.shards)])
        self.first_tokens_of_shards = numpy.cumsum([0, *(entry["tokens"] for entry in manifest.shards)])
        self.text = lru_cache(maxsize=1024)(self._text)

    @property
    def objective(self) -> int:
        """How many documents, the first ones, are part of J; the others were appended later with the head held."""
        return self.manifest.documents - self.manifest.held_documents

    def document_of(self, shard: int, token: int) -> tuple[int, int]:
        """Return the number of the document of a shard's token, and the token's number in it."""
        starts = self.shards[shard].token_starts
        local = int(numpy.searchsorted(starts, token, side="right")) - 1
        return int(self.first_documents[shard]) + local, token - int(starts[local])

    def in_documents(self, shard: int, tokens: numpy.ndarray, identifiers: Collection[str]) -> numpy.ndarray:
        """Tell which tokens of a shard are in documents with these ids (bool, tokens)."""
        chosen = self.shards[shard].texts("ids").among(identifiers)
        return chosen[numpy.searchsorted(self.shards[shard].token_starts, tokens, side="right") - 1]

    def place(self, document: int, token: int) -> tuple[str, int]:
        """Return where a token comes from: document id and token number."""
        shard, local = self._locate(document)
        return shard.texts("ids")[local], token + int(shard["first_tokens"][local])

    def words(self, document: int) -> tuple[list[str], list[bool]]:
        """Return the tokens of a document, and whether a space follows each."""
        shard, local = self._locate(document)
        offsets = shard["token_offsets"][shard.token_starts[local] : shard.token_starts[local + 1]].tolist()
        text = self.text(document)
        ends = [*(start for start, _ in offsets[1:]), len(text)]
        return [text[start:end] for start, end in offsets], [end < after for (_, end), after in zip(offsets, ends)]

    def known(self, document: int) -> numpy.ndarray:
        """Say which tokens of a document have a label (bool, tokens)."""
        shard, local = self._locate(document)
        permitted = shard["allowed"][shard.token_starts[local] : shard.token_starts[local + 1]]
        return numpy.logical_not(numpy.unpackbits(permitted, axis=1, count=shard.facts["labels"]).all(axis=1))

    def word_norms(self, document: int) -> list[tuple[int, str]]:
        """Return the tokens of a document whose norm is not that of their word, and these norms."""
        return self._beside(document)[0]

    def given_spans(self, document: int) -> list[tuple[str, int, int, str]]:
        """Return the spans of a document that the pipeline reads beside its words: key of ``doc.spans``, start, end,
        label."""
        return self._beside(document)[1]

    def _beside(self, document: int) -> tuple[list[tuple[int, str]], list[tuple[str, int, int, str]]]:
        shard, local = self._locate(document)
        text = shard.texts("word_norms")[local] if "word_norms" in shard else ""
        try:
            found = json.loads(text or "[]")
            norms, given = (found["norms"], found["given"]) if isinstance(found, dict) else (found, [])
            return (
                [(int(token), str(norm)) for token, norm in norms],
                [(str(key), int(start), int(end), str(label)) for key, start, end, label in given],
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise damaged(shard.file("word_norms.utf8").path, f"text {local} is no list of norms ({error})") from None

    def describe(self, document: int, start: int, end: int, label: str, context: int) -> dict[str, Any]:
        """Describe some tokens as plain values: text, label, document, start, end, context, offset.

        context (int): characters of text on each side at most; tokens are not cut. ``offset`` is where the tokens start
            in the context. "added" is there, and true, for documents that are no part of J.
        """
        identifier, first = self.place(document, start)
        shard, local = self._locate(document)
        first_row, behind = shard.token_starts[local : local + 2].tolist()
        rows = slice(max(first_row, first_row + start - context), min(behind, first_row + end + context))
        offsets = shard["token_offsets"][rows]  # more hardly fit
        own = first_row + start - rows.start
        begin, stop = int(offsets[own, 0]), int(offsets[own + end - start - 1, 1])
        text = self.text(document)
        left = int(offsets[offsets[:, 0] >= begin - context, 0].min())
        right = int(offsets[offsets[:, 1] <= stop + context, 1].max())
        return {
            "text": text[begin:stop],
            "label": label,
            "document": identifier,
            "start": first,
            "end": first + end - start,
            "context": text[left:right],
            "offset": begin - left,
            **({} if document < self.objective else {"added": True}),
        }

    def _text(self, document: int) -> str:
        shard, local = self._locate(document)
        return shard.texts("texts")[local]

    def _locate(self, document: int) -> tuple[Shard, int]:
        number = int(numpy.searchsorted(self.first_documents, document, side="right")) - 1
        return self.shards[number], document - int(self.first_documents[number])
