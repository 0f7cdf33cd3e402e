"""Explanations by any attribution method, over the segments of an index."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Optional, Sequence, overload

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..attribution.method import Attribution, Context, Method, Progress, Texts
from ..errors import Warnings
from ..index.dense import best_rows
from ..index.index import Index
from ..index.tables import Filter
from ..tagger.encoding import set_norms
from ..tagger.given import set_given
from .explainer import Explanation, Found, Table, rows_of

SCORES = 1 << 24  # that are computed at a time


class IndexedDocs(Sequence[Doc]):
    """The documents of an index, without annotation. They are made when they are asked for.

    index (Index), vocab (Vocab).
    """

    def __init__(self, index: Index, vocab: Vocab) -> None:
        self._index, self._vocab = index, vocab

    def __len__(self) -> int:
        return int(self._index.first_documents[-1])

    @overload
    def __getitem__(self, number: int) -> Doc: ...

    @overload
    def __getitem__(self, number: slice) -> list[Doc]: ...

    def __getitem__(self, number: int | slice) -> Doc | list[Doc]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number = int(number) % len(self)
        words, spaces = self._index.words(number)
        doc = Doc(self._vocab, words=words, spaces=spaces)
        set_norms(doc, self._index.word_norms(number))
        set_given(doc, self._index.given_spans(number))
        return doc


def index_context(nlp: Language, tagger: str, index: Index, unit: str, progress: Progress = iter) -> Context:
    """Return what methods learn from: all documents of an index, and its rows of a unit in their order.

    nlp (Language), tagger (str): the pipeline that the index was built for. unit (str): "entity" or "token".
    RAISES (ValueError): S035 if the index was pruned.
    """
    positions = rows_of(index, unit).positions()
    training = Texts(IndexedDocs(index, nlp.vocab), index.data, index.labels, positions)
    own, _, penalty = index.label_head
    return Context(nlp, tagger, training, index.head, index.penalty, index.metric, progress, (own, penalty))


class MethodExplainer:
    """Explains by the scores of a method, all of them computed for every query.

    context (Context): as ``index_context`` gives it. table (Table): its rows. method (Method).
    folder (Path): where the method's own files are, if it is one that is stored. storing (bool): whether this is to
        write them, so that there is nothing to warn of.
    """

    def __init__(
        self, context: Context, table: Table, method: Method, folder: Optional[Path] = None, *, storing: bool = False
    ) -> None:
        self.method, self.table, self._head = method, table, context.head
        stored: Optional[Attribution] = None
        if method.stored and folder is not None and folder.exists():
            stored = method.load(context, folder)
        if stored is None and method.stored and not storing:
            warnings.warn(Warnings.W006.format(method=method.name), stacklevel=2)
        self.attribution: Attribution = method.prepare(context) if stored is None else stored

    def explain(self, queries: Texts, k: int, where: Optional[Filter] = None) -> list[Explanation]:
        """Find the k training segments with the highest positive scores, and the k with the lowest negative ones.

        queries (Texts): predictions. where (Filter): which references may be found; all if None.
        """
        size = max(1, SCORES // max(len(self.table), 1))
        k = min(k, max(len(self.table), 1))  # more than all would only take memory
        parts = [replace(queries, segments=queries.segments[n : n + size]) for n in range(0, len(queries), size)]
        return [explanation for part in parts for explanation in self._explain(part, k, where)]

    def _explain(self, queries: Texts, k: int, where: Optional[Filter]) -> list[Explanation]:
        scores = self.attribution.scores(queries)
        rows = numpy.arange(len(self.table))
        if where is not None:
            chosen = zip(self.table.select(where), self.table.first_rows.tolist())
            rows = numpy.concatenate([part + first for part, first in chosen])
            scores = scores[:, rows]
        result = best_rows(self.table, rows, scores, k)
        losses = queries.chains(self._head).losses()[0]
        sides = [
            [
                [Found(row, score, score) for row, score in zip(*pair) if row >= 0]
                for pair in zip(side.rows.tolist(), side.scores.tolist())
            ]
            for side in (result.supporting, result.opposing)
        ]
        return [
            Explanation(math.exp(-loss), supporting, opposing, len(rows))
            for loss, supporting, opposing in zip(losses.tolist(), *sides)
        ]
