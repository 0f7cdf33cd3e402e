"""An encoder that can be differentiated: from gradients at its features to those at its word embeddings or parameters.

The pipeline is as it was afterwards: parameters, gradients, dropout, and what layers do are all put back. Threads take
turns, and meanwhile others may predict.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, NamedTuple, Sequence, Union

import numpy
from spacy.attrs import NAMES
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model

from ..errors import Errors, SeginfError
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import run_before
from ..tagger.head import on_cpu
from .frozen_layers import EMBEDDINGS, EXTRACTOR, MAXOUT, frozen_maxout, isolated, kind, reach, watched_embedding
from .model_patches import CHANGING, frozen_parameters, modules_of, other_function, separate_gradients, without_dropout
from .word_rows import PIECES, WordGradients, watched_pieces

SUBWORDS = ("PREFIX", "SUFFIX", "SHAPE")
TRANSFORMER = "spacy_transformers.layers.transformer_model"
Gradients = dict[str, numpy.ndarray]


@dataclass(frozen=True)
class Window:
    """Some tokens of a document, which local encoders read like a document of its own."""

    doc: Doc
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def vocab(self) -> Vocab:
        return self.doc.vocab

    def to_array(self, attributes: Any) -> numpy.ndarray:
        """Return the values of token attributes, as Doc.to_array does."""
        return self.doc.to_array(attributes)[self.start : self.end]


Text = Union[Doc, Window]


class Pass(NamedTuple):
    """A forward pass over a batch.

    features (list of float32, tokens x width): of each text, on the CPU.
    backward (Callable): takes gradients of the same shapes, once; returns gradients by table, or by parameter.
    """

    features: list[numpy.ndarray]
    backward: Callable[[Sequence[numpy.ndarray]], Any]


class Encoder:
    """What turns documents into the features of a tagger: a tok2vec of its own, or one that it listens to.

    reach (Optional[int]): how many tokens on each side a feature depends on; None if a whole document may matter.
    isolated (bool): whether the texts of a batch leave each other's features alone. With encoders that do not, a batch
        must be a single text.
    """

    def __init__(self, nlp: Language, tagger: CRFTagger) -> None:
        self.nlp, self.tagger = nlp, tagger
        self.tok2vec: Any = tagger.model.get_ref("tok2vec")
        self.upstream: Any = None
        listeners = [node for node in self.tok2vec.walk() if hasattr(node, "upstream_name")]
        for _, component in nlp.pipeline:
            if any(listener in getattr(component, "listeners", ()) for listener in listeners):
                self.upstream = component
        root = self.tok2vec if self.upstream is None else self.upstream.model
        self.nodes: list[Any] = list(dict.fromkeys(node for model in (root, self.tok2vec) for node in model.walk()))
        self.transformer = next((node for node in self.nodes if kind(node) == TRANSFORMER), None)
        alone = self.transformer is not None or self.tok2vec in listeners
        if listeners and (self.upstream is None or not alone):
            name = listeners[0].upstream_name
            problem = f"its encoder listens to '{name}', and no enabled component of that name can be differentiated"
            raise SeginfError(Errors.S094.format(name=tagger.name, problem=problem))
        self.reach, self.isolated = reach(root), isolated(root)
        self._attributes = _attributes(root)

    def prepare(self, docs: Sequence[Doc]) -> list[Doc]:
        """Run what comes before the encoder, on copies. Documents are returned as they are if nothing does."""
        owner = self.tagger if self.upstream is None else self.upstream
        if self.nlp.pipeline[0][1] is owner:
            return list(docs)
        return run_before(self.nlp, owner, [doc.copy() for doc in docs])

    @property
    def tables(self) -> list[str]:
        """Names of the tables of word embeddings; several may have the same name."""
        if self.transformer is not None:
            return [PIECES]
        return [self._attributes[node.id] for node in self.nodes if kind(node) in EMBEDDINGS]

    def readable(self, table: str, key: int) -> str:
        """Say what a key stands for: a word, "SHAPE Xxxx", or a piece of a word."""
        if table == PIECES:
            assert self.transformer is not None
            return str(self.transformer.tokenizer.convert_ids_to_tokens(int(key)))
        strings: Any = self.nlp.vocab.strings
        text = strings[key] if key in strings else str(key)
        return f"{table} {text}" if table in SUBWORDS else text

    @contextmanager
    def word_gradients(
        self, *, subwords: bool = True, special_tokens: bool = False
    ) -> Iterator[Callable[[Sequence[Text]], Pass]]:
        """Give, in a with-block, a function that runs a batch; its ``backward`` returns a list of WordGradients.

        A word that is looked up in several hashed rows is one vector, their sum: each row has the same gradient.
        Collisions of hashes are ignored.

        subwords (bool): include the tables of prefixes, suffixes and shapes. special_tokens (bool): include [CLS],
            [SEP] and their like.
        RAISES (ValueError): S094 if there are no word embeddings.
        """
        if not [table for table in self.tables if subwords or table not in SUBWORDS]:
            problem = "its encoder has no table of word embeddings that is learnt"
            if self.tables:
                problem += f", but of {', '.join(self.tables)}; set subwords = true"
            raise SeginfError(Errors.S094.format(name=self.tagger.name, problem=problem))
        seen: list[tuple[Model, Any, Any]] = []
        with ExitStack() as stack:
            stack.enter_context(CHANGING)
            stack.enter_context(without_dropout(self.nodes))
            stack.enter_context(separate_gradients(self.nodes))
            for node in self.nodes:
                if kind(node) == MAXOUT:
                    stack.enter_context(other_function(node, frozen_maxout))
                elif kind(node) in EMBEDDINGS:
                    watched = watched_embedding(node._func, lambda *record: seen.append(record))
                    stack.enter_context(other_function(node, watched))
                for module in modules_of(node):
                    stack.enter_context(frozen_parameters(module))
            watch = stack.enter_context(watched_pieces(self.transformer)) if self.transformer is not None else None

            def run(texts: Sequence[Text]) -> Pass:
                seen.clear()
                features, backward = self._begin(texts)

                def words(gradients: Sequence[numpy.ndarray]) -> list[WordGradients]:
                    backward(gradients)
                    if watch is not None:
                        return [watch(special_tokens)]
                    found = self._rows(seen, [len(text) for text in texts])
                    return [rows for rows in found if subwords or rows.table not in SUBWORDS]

                return Pass(features, words)

            yield run

    @contextmanager
    def parameter_gradients(self) -> Iterator[Callable[[Sequence[Text]], Pass]]:
        """Give, in a with-block, a function that runs a batch; its ``backward`` returns the gradients of all parameters
        that have any (float32 arrays by name, views that hold until the next batch)."""
        with ExitStack() as stack:
            stack.enter_context(CHANGING)
            stack.enter_context(without_dropout(self.nodes))
            servers = stack.enter_context(separate_gradients(self.nodes))
            modules = [(f"{number}", module) for number, node in enumerate(self.nodes) for module in modules_of(node)]

            def run(texts: Sequence[Text]) -> Pass:
                for server in servers:
                    for key in server.grad_keys:
                        server.set_grad(*key, 0 * server.get_grad(*key))
                for _, module in modules:
                    module.zero_grad(set_to_none=True)
                features, backward = self._begin(texts)

                def parameters(gradients: Sequence[numpy.ndarray]) -> Gradients:
                    backward(gradients)
                    found = {
                        f"{number}.{key[1]}": on_cpu(server.get_grad(*key))
                        for number, server in enumerate(servers)
                        for key in server.grad_keys
                    }
                    for number, module in modules:
                        for name, value in module.named_parameters():
                            if value.grad is not None:
                                found[f"{number}.{name}"] = value.grad.detach().cpu().numpy()
                    return found

                return Pass(features, parameters)

            yield run

    def _begin(self, texts: Sequence[Text]) -> tuple[list[numpy.ndarray], Callable[[Sequence[numpy.ndarray]], None]]:
        ops = self.tok2vec.ops
        if self.transformer is not None:
            texts = _distinct(texts)
        if self.upstream is None:
            features, backprop = self.tok2vec.begin_update(texts)
        elif self.transformer is not None:
            features, backprop = self._begin_transformer(texts)
        else:
            features, backprop = self.upstream.model.begin_update(texts)

        def backward(gradients: Sequence[numpy.ndarray]) -> None:
            backprop([ops.asarray(part, dtype=str(rows.dtype)) for part, rows in zip(gradients, features)])

        return [on_cpu(rows) for rows in features], backward

    def _begin_transformer(self, texts: Sequence[Text]) -> tuple[Any, Callable]:
        """Run a transformer component and the tagger's own pooling behind it."""
        batch, backprop_batch = self.upstream.model.begin_update(texts)
        data, backprops = batch.doc_data, []
        for layer in self.tok2vec.layers[1:]:  # behind the listener
            data, backprop = layer.begin_update(data)
            backprops.append(backprop)

        def backward(gradients: Any) -> None:
            for backprop in reversed(backprops):
                gradients = backprop(gradients)
            backprop_batch(batch.unsplit_by_doc([list(text.tensors) for text in gradients]))

        return data, backward

    def _rows(self, seen: Sequence[tuple[Model, Any, Any]], lengths: Sequence[int]) -> list[WordGradients]:
        texts = numpy.repeat(numpy.arange(len(lengths)), lengths)
        result = []
        for node, ids, gradients in seen:
            if len(ids) != len(texts):
                problem = f"its layer {node.name} reads {len(ids)} ids for {len(texts)} tokens"
                raise SeginfError(Errors.S094.format(name=self.tagger.name, problem=problem))
            keys = on_cpu(ids).astype(numpy.uint64).ravel()
            result.append(WordGradients(self._attributes[node.id], texts, keys, on_cpu(gradients)))
        return result


def _attributes(root: Model) -> dict[int, str]:
    """Name the token attribute that each embedding layer reads."""
    names: dict[int, str] = {}

    def visit(node: Model, columns: Sequence[Any]) -> None:
        for layer in node.layers:
            columns = layer.attrs["columns"] if kind(layer) == EXTRACTOR else columns
        if kind(node) in EMBEDDINGS:
            column = node.attrs.get("column") or 0
            name = columns[column] if column < len(columns) else node.name
            names[node.id] = name if isinstance(name, str) else NAMES[name]
        for layer in node.layers:
            visit(layer, columns)

    visit(root, ())
    return names


def _distinct(texts: Sequence[Text]) -> list[Text]:
    """Replace a document that comes again by a copy: transformers tell tokens apart by their document."""
    seen: set[int] = set()
    result: list[Text] = []
    for text in texts:
        result.append(text.copy() if isinstance(text, Doc) and id(text) in seen else text)
        seen.add(id(text))
    return result
