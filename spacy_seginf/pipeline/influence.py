"""The component that attaches to every token and entity the training labels behind its prediction."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

import numpy
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, Warnings
from ..files import replace_folder
from ..influence.fingerprint import encoder_fingerprint, head_fingerprint
from ..influence.gradients import Head, TokenGradients
from ..influence.index import Index
from ..influence.search import Hits, Queries, SearchResult, search
from .crf_tagger import PREDICTION_HOOK, CRFTagger, TaggerPrediction
from .extensions import STORED, register_extensions

CURVATURES = ("identity",)


@Language.factory(
    "influence",
    requires=["doc.ents"],
    assigns=["doc._.influencers", "token._.influencers", "span._.influencers"],
    default_config={"tagger": "crf_tagger", "top_k": 5, "context": 40, "curvature": "identity"},
)
def make_influence(nlp: Language, name: str, tagger: str, top_k: int, context: int, curvature: str) -> Influence:
    """Create an influence component. `python -m spacy seginf index` gives it an index.

    tagger (str): name of the crf_tagger whose predictions are explained.
    top_k (int): how many supporting and how many opposing references are kept for each token and entity.
    context (int): characters of training text kept on each side of a reference.
    curvature (str): "identity", the metric of the paper's experiments.
    """
    component = Influence(nlp, name, tagger=tagger, top_k=top_k, context=context, curvature=curvature)
    if getattr(nlp.evaluate, "func", None) is not _evaluate_without_search:
        nlp.evaluate = partial(_evaluate_without_search, nlp, nlp.evaluate)  # type: ignore[method-assign]
    return component


class Influence(Pipe):
    """Finds the supporting and opposing training labels of every token and entity that its tagger predicts.

    Without an index it is inert, so a training config may contain it.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "influence",
        *,
        tagger: str = "crf_tagger",
        top_k: int = 5,
        context: int = 40,
        curvature: str = "identity",
    ) -> None:
        if curvature not in CURVATURES:
            raise ValueError(Errors.S027.format(curvature=curvature, known=", ".join(CURVATURES)))
        for setting, value, least in (("top_k", top_k, 1), ("context", context, 0)):
            if value < least:
                allowed = f"It must be at least {least}."
                raise ValueError(Errors.S028.format(setting=setting, name=name, value=value, allowed=allowed))
        register_extensions()
        self.nlp = nlp
        self.vocab = nlp.vocab
        self.name = name
        self.tagger_name = tagger
        self.top_k = top_k
        self.context = context
        self.curvature = curvature
        self.index: Optional[Index] = None
        self._head: Optional[Head] = None
        self._warned = False
        self._paused = False
        self._connect()

    def __call__(self, doc: Doc) -> Doc:
        """Explain one document in place. The features come from the tagger: no second encoder pass."""
        error_handler = self.get_error_handler()
        try:
            self.explain([doc])
        except Exception as error:
            error_handler(self.name, self, [doc], error)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Explain a stream of documents. A failing document is passed to the error handler alone."""
        error_handler = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self.explain(docs)
            except Exception:
                for doc in docs:  # one by one, so that a bad document does not take the others with it
                    try:
                        self.explain([doc])
                    except Exception as error:
                        error_handler(self.name, self, [doc], error)
                    else:
                        yield doc
            else:
                yield from docs

    def explain(self, docs: Sequence[Doc]) -> None:
        """Store explanations of the tagger's predictions on documents that it has just tagged.

        RAISES (ValueError): S023, S024 or S026 if the tagger is missing, of another kind, or did not run;
            S025 if the index belongs to another pipeline.
        """
        if self._paused:
            return
        if self.index is None:
            if not self._warned:
                warnings.warn(Warnings.W001.format(name=self.name), stacklevel=2)
                self._warned = True
            return
        head = self._checked_head()
        tagger = self.find_tagger()
        predictions = [self._prediction(doc) for doc in docs]
        lengths = [len(doc) for doc in docs]
        if not sum(lengths):
            for doc in docs:
                doc._.set(STORED, self._payload([], [], []))
        else:
            tags = numpy.concatenate([prediction.tags for prediction in predictions])
            gradients = head.gradients([prediction.features for prediction in predictions], tags, lengths)
            segments, entities = _segments(docs, predictions, tagger)
            found = search(self.index, Queries(gradients.factors, segments), self.top_k)
            self._store(docs, head, gradients, segments, entities, found, tagger)
        for doc in docs:
            del doc.user_hooks[PREDICTION_HOOK]

    def load_index(self, folder: Path) -> None:
        """Open an index. RAISES (ValueError): S030, S031, S032 if it is missing, of another version, or damaged."""
        self.index = Index(folder)
        self._head = None
        self._connect()

    def unload_index(self) -> None:
        """Close the index; the component is inert again."""
        self.index = None
        self._head = None
        self._connect()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Skip the search in a with-block, as `spacy evaluate` does."""
        before, self._paused = self._paused, True
        self._connect()
        try:
            yield
        finally:
            self._paused = before
            self._connect()

    def to_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> None:
        """Write the index, if there is one, to an ``index`` folder. The index it replaces goes last."""
        folder = util.ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        target = (folder / "index").absolute()
        if self.index is None:
            if target.exists():
                shutil.rmtree(target)
            return
        if target.exists() and target.samefile(self.index.folder):
            return
        copy = Path(tempfile.mkdtemp(prefix=".index-", dir=folder))
        try:
            shutil.copytree(self.index.folder, copy, dirs_exist_ok=True)
            replace_folder(copy, target)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def from_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> Influence:
        """Open the index in a pipeline folder, if there is one."""
        folder = util.ensure_path(path) / "index"
        if folder.exists():
            self.load_index(folder)
        else:
            self.unload_index()
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the path of the index, not its content: pickling ``nlp`` copies no training data."""
        path = None if self.index is None else str(self.index.folder.absolute())
        return srsly.msgpack_dumps({"index": path})

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Influence:
        """Open the index at the serialized path. RAISES (ValueError): S030 if it is not there any more."""
        path = srsly.msgpack_loads(bytes_data)["index"]
        if path is not None:
            self.load_index(Path(path))
        else:
            self.unload_index()
        return self

    def _connect(self) -> None:
        """Have the tagger leave its predictions on documents as long as they are read here."""
        if self.tagger_name in self.nlp.component_names:
            tagger = self.nlp.get_pipe(self.tagger_name)
            if isinstance(tagger, CRFTagger):
                tagger.keep_predictions = self.index is not None and not self._paused

    def find_tagger(self) -> CRFTagger:
        """Return the explained tagger. RAISES (ValueError): S023 if there is none, S024 if it is no crf_tagger."""
        if self.tagger_name not in self.nlp.component_names:
            known = ", ".join(self.nlp.component_names)
            raise ValueError(Errors.S023.format(name=self.name, tagger=self.tagger_name, known=known))
        tagger = self.nlp.get_pipe(self.tagger_name)
        if not isinstance(tagger, CRFTagger):
            kind = type(tagger).__name__
            raise ValueError(Errors.S024.format(name=self.name, tagger=self.tagger_name, kind=kind))
        return tagger

    def _checked_head(self) -> Head:
        """Is the index this pipeline's? The small head is checked every time (the tagger may go on learning in this
        process), the encoder on first use."""
        assert self.index is not None
        tagger, manifest = self.find_tagger(), self.index.manifest
        if list(tagger.tags) != manifest.tags:
            raise ValueError(Errors.S025.format(what="the list of labels"))
        if head_fingerprint(tagger.model) != manifest.head_fingerprint:
            raise ValueError(Errors.S025.format(what="the tagger's head"))
        if self._head is None:
            if encoder_fingerprint(self.nlp, self.tagger_name) != manifest.encoder_fingerprint:
                raise ValueError(Errors.S025.format(what="the encoder"))
            self._head = Head(tagger.model)
        return self._head

    def _prediction(self, doc: Doc) -> TaggerPrediction:
        prediction: Any = doc.user_hooks.get(PREDICTION_HOOK)
        if prediction is None:
            self._connect()
            raise ValueError(Errors.S026.format(name=self.name, tagger=self.tagger_name))
        return prediction

    def _store(
        self,
        docs: Sequence[Doc],
        head: Head,
        gradients: TokenGradients,
        segments: numpy.ndarray,
        entities: Sequence[Sequence[tuple[int, int, str]]],
        found: SearchResult,
        tagger: CRFTagger,
    ) -> None:
        query, offset = 0, 0
        for doc, doc_entities in zip(docs, entities):
            table = _ReferenceTable(self.index, self.context)  # type: ignore[arg-type]
            tokens, spans = [], []
            for token in doc:
                label = tagger.tags[int(gradients.labels[offset + token.i])]
                probability = float(gradients.probabilities[offset + token.i])
                place = (token.idx, token.idx + len(token), token.text)
                tokens.append(_explanation(place, label, probability, found, query, table))
                query += 1
            for start, end, label in doc_entities:
                span = doc[start:end]
                probability = head.segment_probability(gradients, slice(offset, offset + len(doc)), start, end)
                place = (span.start_char, span.end_char, span.text)
                spans.append(_explanation(place, label, probability, found, query, table))
                query += 1
            doc._.set(STORED, self._payload(table.references, tokens, spans))
            offset += len(doc)

    def _payload(self, references: list, tokens: list, entities: list) -> dict[str, Any]:
        return {
            "tagger": self.tagger_name,
            "curvature": self.curvature,
            "references": references,
            "tokens": tokens,
            "entities": entities,
            **self.find_tagger().explained,
        }


class _ReferenceTable:
    """References of a document, each described once however many tokens share it."""

    def __init__(self, index: Index, context: int) -> None:
        self._index = index
        self._context = context
        self._numbers: dict[int, int] = {}
        self.references: list[dict[str, Any]] = []

    def pairs(self, hits: Hits, query: int) -> list[list[Any]]:
        """Return [reference number, score] of every hit of a query, best first."""
        found = zip(hits.rows[query].tolist(), hits.scores[query].tolist())
        return [[self._number(row), score] for row, score in found if row >= 0]

    def _number(self, row: int) -> int:
        if row not in self._numbers:
            self._numbers[row] = len(self.references)
            self.references.append(self._index.reference(row, self._context))
        return self._numbers[row]


def _explanation(
    place: tuple[int, int, str], label: str, probability: float, found: SearchResult, query: int, table: _ReferenceTable
) -> dict[str, Any]:
    start, end, text = place
    return {
        "start": start,
        "end": end,
        "text": text,
        "label": label,
        "probability": probability,
        "supporting": table.pairs(found.supporting, query),
        "opposing": table.pairs(found.opposing, query),
        "rows_seen": int(found.rows_seen[query]),
    }


def _segments(
    docs: Sequence[Doc], predictions: Sequence[TaggerPrediction], tagger: CRFTagger
) -> tuple[numpy.ndarray, list[list[tuple[int, int, str]]]]:
    """Return the token range of each query in the order of storing: per document its tokens, then its entities."""
    ranges: list[tuple[int, int]] = []
    entities = []
    offset = 0
    for doc, prediction in zip(docs, predictions):
        ranges += [(offset + position, offset + position + 1) for position in range(len(doc))]
        found = tagger.scheme.entities(prediction.tags)
        ranges += [(offset + start, offset + end) for start, end, _ in found]
        entities.append(found)
        offset += len(doc)
    return numpy.asarray(ranges, dtype=numpy.int64), entities


def _evaluate_without_search(nlp: Language, evaluate: Callable, examples: Iterable[Example], **settings: Any) -> Any:
    """Score a pipeline without explaining it: nobody reads the references of a development set."""
    with ExitStack() as stack:
        for _, component in nlp.components:
            if isinstance(component, Influence):
                stack.enter_context(component.paused())
        return evaluate(examples, **settings)
