"""TracIn at the first layer: training labels whose words' embeddings are pulled where the query's words need them.

Yeh et al. 2022, "First is Better Than Last for Language Data Influence", section 4 (TracIn-WE): gradients with respect
to word embeddings, of which only those of shared words have inner products,

    score(q, k) = sum over checkpoints i of eta_i  sum over words w in both texts of <g_i(q, w), g_i(k, w)>

with g_i(k, w) the gradient of the conditional loss of segment k at the embedding of w, summed over the places where its
text has w, and eta_i the learning rate. A positive score supports the labels of q, a negative one opposes them.
Segments whose texts share no word have score 0.

A word in spaCy's hashed tables is the sum of four rows, which all get the gradient of the sum; here it counts as one
vector, so scores are a quarter of what the rows have, and words that share a row by accident do not meet.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.util import registry

from ..errors import Errors, SeginfError
from ..tagger.checkpoints import read_checkpoints
from .method import Attribution, Context, Method, Texts
from .settings import check_choice, check_least
from .stages import Stage, load_stages
from .word_gradients import strongest, word_gradients
from .word_tables import DTYPES, ENTRY_BYTES, Entries, WordTable

SETTINGS = "tracin_we.json"
VERSION = 1
NAME = "spacy_seginf.TracInWE.v1"


@registry.misc(NAME)
@dataclass(frozen=True)
class TracInWE(Method):
    """TracIn with the gradients of word embeddings.

    checkpoints (Optional[str]): folder of a CheckpointLogger; the pipeline itself, at learning rate 1, if None.
    subwords (bool): count the tables of prefixes, suffixes and shapes as well, where the encoder has them.
    special_tokens (bool): count a transformer's [CLS], [SEP] and their like, which all texts share.
    kept (Optional[int]): how many words of a training segment are kept per checkpoint, those with the strongest
        gradients; all if None.
    bytes_per_segment (Optional[int]): keep no more words than fit into so many bytes for all checkpoints, but at least
        one; no limit if None. It does not hold for queries.
    dtype (str): precision in which gradients are kept, "float16" or "float32".
    asked (Optional[int]): how many words of a query count, those with the strongest gradients; all if None. With
        ``kept`` and ``asked`` at k it is the paper's TracIn-WE-Topk.
    RAISES (ValueError): S095 for settings that make no sense.
    """

    checkpoints: Optional[str] = None
    subwords: bool = True
    special_tokens: bool = False
    kept: Optional[int] = None
    bytes_per_segment: Optional[int] = 16384
    dtype: str = "float16"
    asked: Optional[int] = None
    name = "TracIn-WE"
    cost = "prepare: one backward pass per few hundred segments and checkpoint; query: products with shared words only"
    stored = True

    def __post_init__(self) -> None:
        check_least("TracInWE", "kept", self.kept, 1)
        check_least("TracInWE", "asked", self.asked, 1)
        check_least("TracInWE", "bytes_per_segment", self.bytes_per_segment, 1)
        check_choice("TracInWE", "dtype", self.dtype, DTYPES)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides which vectors are kept."""
        return {name: value for name, value in asdict(self).items() if name not in ("checkpoints", "asked")}

    def limit(self, width: int, stages: int) -> Optional[int]:
        """Return how many vectors of a width are kept per segment and stage; None for all."""
        limits = [] if self.kept is None else [self.kept]
        if self.bytes_per_segment is not None:
            size = numpy.dtype(self.dtype).itemsize * width + ENTRY_BYTES
            limits.append(max(1, self.bytes_per_segment // (size * max(1, stages))))
        return min(limits, default=None)

    def prepare(self, context: Context) -> WordScores:
        """Compute the gradients of the training segments.

        RAISES (ValueError): S090 to S093 for checkpoints that can't be used, S094 without word embeddings.
        """
        stages = load_stages(context, self.checkpoints)
        indices = [self._index(stage, context, len(stages)) for stage in stages]
        return WordScores(self, context, stages, indices)

    def check(self, nlp: Language, tagger: str) -> None:
        """Load the checkpoints. RAISES (ValueError): S090 to S093 for those that can't be used."""
        for checkpoint in read_checkpoints(Path(self.checkpoints)) if self.checkpoints is not None else ():
            checkpoint.load(nlp, tagger)

    def load(self, context: Context, folder: Path) -> Optional[WordScores]:
        """Open what ``WordScores.save`` wrote; None if that was for other segments, another pipeline or other settings.

        RAISES (ValueError): S090 to S092 for checkpoints that can't be used; S093 if files are damaged.
        """
        stages = load_stages(context, self.checkpoints)
        path = folder / SETTINGS
        if not path.exists():
            return None
        try:
            record = json.loads(path.read_text(encoding="utf8"))
            version, identity, names = record["version"], record["identity"], record["tables"]
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise SeginfError(
                Errors.S093.format(path=path, problem=f"it is no record of gradients ({error!r})")
            ) from None
        if version != VERSION or identity != _identity(self, context, stages) or len(names) != len(stages):
            return None
        count = len(context.training)
        indices = [
            [(str(name), WordTable.load(folder, f"{stage}-{table}", count)) for table, name in enumerate(of_stage)]
            for stage, of_stage in enumerate(names)
        ]
        return WordScores(self, context, stages, indices)

    def _index(self, stage: Stage, context: Context, stages: int) -> list[tuple[str, WordTable]]:
        names: list[str] = []
        parts: dict[int, list[Entries]] = defaultdict(list)
        widths: list[int] = []
        for words in context.progress(self._gradients(stage, context.training)):
            names = words.names
            widths = [entries.vectors.shape[1] for entries in words.tables]
            limit = self.limit(max(widths), stages)
            for table, entries in enumerate(strongest(words.tables, limit)):
                parts[table].append(entries)
        return [(name, WordTable.build(parts.pop(i), widths[i], self.dtype)) for i, name in enumerate(names)]

    def _gradients(self, stage: Stage, texts: Texts) -> Any:
        encoder = stage.encoder()
        return word_gradients(stage, encoder, texts, subwords=self.subwords, special_tokens=self.special_tokens)


class WordScores(Attribution):
    """An inverted index of the training segments' gradients, for each checkpoint and table."""

    def __init__(
        self,
        method: TracInWE,
        context: Context,
        stages: Sequence[Stage],
        indices: Sequence[list[tuple[str, WordTable]]],
    ) -> None:
        self._method, self._context, self._stages, self._indices = method, context, stages, indices
        self._count = len(context.training)
        total = sum(table.nbytes for index in indices for _, table in index)
        self.bytes_per_segment = total / max(1, self._count)

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Score all training segments (float64, queries x segments); 0 for those that share no word."""
        result = numpy.zeros((len(queries), self._count))
        for stage, index in zip(self._stages, self._indices):
            for words in self._method._gradients(stage, queries):
                for entries, (_, table) in zip(strongest(words.tables, self._method.asked), index):
                    table.add_products(result, entries, stage.learn_rate)
        return result

    def words(self, queries: Texts, number: int, row: int) -> list[tuple[str, float]]:
        """Split a score by the words that carried it.

        queries (Texts), number (int): the query. row (int): the training segment.
        RETURNS: words that both texts have, the largest contribution first whatever its sign; their sum is the score.
            Empty if they share none. Prefixes, suffixes and shapes are called so: "SHAPE Xxxx".
        """
        query = replace(queries, segments=queries.segments[number : number + 1])
        result: dict[str, float] = defaultdict(float)
        for stage, index in zip(self._stages, self._indices):
            encoder = stage.encoder()
            for words in self._method._gradients(stage, query):
                for entries, (name, table) in zip(strongest(words.tables, self._method.asked), index):
                    products = stage.learn_rate * table.products(entries, row)
                    for place in numpy.flatnonzero(products):
                        result[encoder.readable(name, int(entries.keys[place]))] += float(products[place])
        return sorted(result.items(), key=lambda item: -abs(item[1]))

    def save(self, folder: Path) -> None:
        """Write the index to an empty folder."""
        for stage, index in enumerate(self._indices):
            for number, (_, table) in enumerate(index):
                table.save(folder, f"{stage}-{number}")
        names = [[name for name, _ in index] for index in self._indices]
        identity = _identity(self._method, self._context, self._stages)
        record = {"version": VERSION, "identity": identity, "tables": names}
        (folder / SETTINGS).write_text(json.dumps(record, indent=2) + "\n", encoding="utf8")


def _identity(method: TracInWE, context: Context, stages: Sequence[Stage]) -> str:
    """Tell apart what gradients were computed for: settings, texts, segments with their labels, and heads."""
    digest = hashlib.blake2b(json.dumps(method.settings, sort_keys=True).encode(), digest_size=16)
    training = context.training
    for doc in training.docs:
        digest.update(doc.text.encode("utf8", errors="backslashreplace"))
    for array in (training.segments, training.labels, numpy.asarray(training.data.lengths)):
        digest.update(numpy.ascontiguousarray(array, dtype=numpy.int64).tobytes())
    for stage in stages:
        digest.update(numpy.append(stage.head.packed, stage.learn_rate).tobytes())
    return digest.hexdigest()
