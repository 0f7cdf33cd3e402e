"""The trainable component that tags entities, tokens or spans with a linear-chain CRF."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, cast

import numpy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import ensure_path, minibatch
from spacy.vocab import Vocab
from thinc.api import Config, Model, Ops, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from ..corpora.targets import Target, target_of
from ..crf import DecodingMask, negative_log_likelihood, split_rows
from ..crf.calibration import Calibration
from ..crf.decoding import Place, best_tags, limits_of, places, preset_entities
from ..crf.incorrect import incorrect_loss
from ..crf.schemes import ENTS, OUTSIDE, TAG, Entity, TagScheme
from ..errors import Errors, SeginfError, Warnings
from ..guesses import one_of
from . import CRFScores
from .handover import Handover, readers_of
from .head import on_cpu
from .probabilities import Scored, register_probabilities, remember
from .scoring import TargetScorer

OTHERS = "*"  # labels that have no least probability of their own
WRITTEN = {"tagger": "tag", "morphologizer": "pos"}  # what spaCy's components write, by factory
default_model_config = """
[model]
@architectures = "spacy_seginf.CRFTagger.v1"
learn_rate_factor = 1.0

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]


class TaggerPrediction(NamedTuple):
    """What ``predict`` returns for each document: tags (int64, tokens), features (float32, tokens x width), the
    entities that it kept, and what probabilities are computed from."""

    tags: numpy.ndarray
    features: Floats2d
    kept: tuple[Place, ...] = ()
    scored: Optional[Scored] = None


@Language.factory(
    "crf_tagger",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "target": ENTS,
        "scheme": "BIO",
        "scorer": {"@scorers": "spacy_seginf.crf_tagger_scorer.v1"},
        "min_probability": None,
        "incorrect_spans_key": None,
        "explains": None,
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_crf_tagger(
    nlp: Language,
    name: str,
    model: Model[List[Doc], CRFScores],
    target: str,
    scheme: str,
    scorer: Optional[Callable],
    min_probability: Optional[Dict[str, float]],
    incorrect_spans_key: Optional[str],
    explains: Optional[str],
) -> CRFTagger:
    """Create a crf_tagger component.

    model (Model[List[Doc], CRFScores]): the architecture spacy_seginf.CRFTagger.v1.
    target (str): what it annotates: "ents" (doc.ents), "tag" or "pos" (tokens), or "spans:KEY" (doc.spans["KEY"], which
        must not overlap).
    scheme (str): of the tags of entities and spans: "BIO", "BILUO" or "IO". Decoding never leaves the scheme; IO has
        nothing to leave.
    scorer (Optional[Callable]): how `spacy evaluate` scores it; by default as spaCy scores this target.
    min_probability (Optional[Dict[str, float]]): by label, the probability below which what is predicted is left out;
        `seginf calibrate --precision` finds them. "*" stands for all other labels.
    incorrect_spans_key (Optional[str]): as in spaCy's ner, the key of the gold doc.spans that holds spans with labels
        that are known to be wrong ("O": the words are not all outside), which training makes improbable.
    explains (Optional[str]): the component whose predictions stand in for its own; `seginf attach` sets this. Such a
        tagger annotates nothing and does not train.
    RAISES (ValueError): S252 for an unknown target, S297 for a least probability that is none.
    """
    if isinstance(scorer, TargetScorer):
        scorer = TargetScorer(target)
    return CRFTagger(
        nlp.vocab,
        model,
        name,
        target=target,
        scheme=scheme,
        scorer=scorer,
        min_probability=min_probability,
        incorrect_spans_key=incorrect_spans_key,
        explains=explains,
    )


class CRFTagger(TrainablePipe):
    """Tags tokens with a linear-chain CRF over token vectors and writes ``doc.ents``, or another target.

    Training minimises the exact negative log-likelihood of the annotation, and -log(1 - p) of each span that is known
    to be wrong. Missing labels are summed out.

    With ``explains``, its head is the output layer of another component. It then writes nothing, hands
    that component's predictions to ``influence``, and refuses to train: a head that stayed behind while its encoder
    went on learning would explain something else.

    >>> nlp = spacy.load("pipeline")
    >>> tagger = nlp.get_pipe("crf_tagger")
    >>> isinstance(tagger, spacy_seginf.CRFTagger), tagger.labels
    (True, ('LOC', 'ORG', 'PER'))
    >>> [(ent.text, ent.label_) for ent in nlp("Ada Lind slept .").ents]
    [('Ada Lind', 'PER')]
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], CRFScores],
        name: str = "crf_tagger",
        *,
        target: str = ENTS,
        scheme: str = "BIO",
        scorer: Optional[Callable] = None,
        min_probability: Optional[Mapping[str, float]] = None,
        incorrect_spans_key: Optional[str] = None,
        explains: Optional[str] = None,
    ) -> None:
        if scheme == TAG and target == ENTS:
            if explains is None:
                raise SeginfError(Errors.S069.format(name=name))
            target = "tag"
        if target_of(target).by_token:
            scheme = TAG
        self.vocab = vocab
        self.model = model
        self.name = name
        self.cfg: dict[str, Any] = {"labels": [], "target": target, "scheme": scheme, "explains": explains}
        for label, value in (min_probability or {}).items():
            if not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise SeginfError(Errors.S297.format(name=name, label=label, value=value))
        self.min_probability = dict(min_probability or {})
        self.incorrect_spans_key = incorrect_spans_key
        self.scorer = scorer
        self.scheme = self._scheme(())
        register_probabilities()
        self.handover = Handover()
        self._calibration: tuple[Any, Calibration] = None, Calibration()  # as it is written, and as it is
        # On the device, with the mask and the device's ops that it was made for.
        self._device_mask: Optional[tuple[DecodingMask, Ops, DecodingMask]] = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types, in the order of the output layer."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes and [initialize.components] reads: the entity types."""
        return list(self.labels)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the CRF, derived from labels and scheme; a tag's position is its column in the scores."""
        return self.scheme.tags

    @property
    def explains(self) -> Optional[str]:
        """Name of the component whose predictions it hands on instead of its own."""
        return self.cfg["explains"]

    @property
    def explained(self) -> dict[str, Any]:
        """What explanations and the manifest of an index say of that component; empty if there is none."""
        if self.explains is None:
            return {}
        return {"explains": {"component": self.explains}}

    @property
    def calibration(self) -> Calibration:
        """What probabilities were fit to. RAISES (ValueError): S249 if it is damaged."""
        content = self.cfg.get("calibration")
        if content is not self._calibration[0]:  # all that is known is not read again for each batch
            try:
                self._calibration = content, Calibration.of_plain(content) if content else Calibration()
            except ValueError as error:
                raise SeginfError(Errors.S249.format(name=self.name, problem=f"of its calibration, {error}")) from None
        return self._calibration[1]

    def calibrate(self, calibration: Calibration) -> None:
        """Set how scores become probabilities."""
        self.cfg["calibration"] = None if calibration == Calibration() else calibration.plain

    @property
    def target(self) -> Target:
        """What it annotates."""
        return target_of(self.scheme.target)

    def add_label(self, label: str) -> int:
        """Add an entity type before initialization.

        label (str): the type, without prefix.
        RETURNS (int): 0 if it was there already, else 1.
        RAISES (ValueError): S002 if it contradicts the scheme, S005 if the model is initialized, E187 if it is no str.
        """
        if not isinstance(label, str):
            from spacy.errors import Errors as SpacyErrors

            raise ValueError(SpacyErrors.E187)
        if label in self.labels:
            return 0
        if self._is_initialized():
            raise SeginfError(Errors.S005.format(label=label, name=self.name, known=", ".join(self.labels)))
        self.scheme = self._scheme((*self.labels, label))
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Set labels and output layer from examples.

        get_examples (Callable): returns gold examples; their documents give the labels unless they are given.
        labels (List[str]): entity types, for example from `spacy init labels`. In this order they become tags.
        RAISES (ValueError): S004 if there are no labels, S002 if they contradict the scheme, S066 with ``explains``.
        """
        self._check_trainable()
        validate_get_examples(get_examples, "CRFTagger.initialize")
        if nlp is not None:
            self._check_alone(nlp)
            self._check_weights(nlp)
        if labels is None:
            labels = sorted(self.target.labels(example.reference for example in get_examples()))
        elif len(set(labels)) < len(labels):
            self._scheme(tuple(labels))
        key = self.incorrect_spans_key
        if key and not any(key in example.reference.spans for example in get_examples()):
            warnings.warn(Warnings.W072.format(name=self.name, key=key), stacklevel=2)
        self.calibrate(Calibration())  # that of other weights
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise SeginfError(Errors.S004.format(name=self.name, where=self.target.where))
        sample = list(islice(get_examples(), 10))
        docs = [example.predicted for example in sample]
        size = cast(CRFScores, self.model.ops.alloc2f(1, len(self.tags)))  # only its width is read
        self.model.initialize(X=docs, Y=size)

    def __call__(self, doc: Doc) -> Doc:
        """Tag a document in place."""
        return doc if self._idle([doc]) else super().__call__(doc)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Tag a stream of documents."""
        if self.explains is None:
            return super().pipe(stream, batch_size=batch_size)
        return self._pipe_if_read(stream, batch_size)

    def _pipe_if_read(self, stream: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        for docs in minibatch(stream, batch_size):
            yield from docs if self._idle(docs) else super().pipe(docs, batch_size=batch_size)

    def predict(self, docs: Iterable[Doc]) -> list[TaggerPrediction]:
        """Find the best valid tags of each document. Entities that are there already, such as those of an entity ruler,
        are kept, and no entity begins or ends with white space.

        RAISES (ValueError): S010 if the features' upstream component did not run, S011 if the tagger is untrained,
            S013 if a document is longer than its encoder allows, S014 or S015 if features or weights are not finite.
        """
        docs = list(docs)
        features = self.encode(docs)
        scores = self.model.get_ref("output_layer").predict(features)
        # Entities of the component that is explained are its predictions.
        keeps = self.explains is None and self.scheme.target == ENTS
        kept = [places(preset_entities(doc)) if keeps else () for doc in docs]
        limits = limits_of(self.scheme, docs, kept)
        found = best_tags(self.scheme, scores.emissions, scores.transitions, scores.lengths, limits, self._mask())
        flat = on_cpu(found)
        tags = split_rows(flat, scores.lengths)
        scored = remember(self.scheme, docs, scores, limits, self.calibration, flat)
        return [TaggerPrediction(*parts) for parts in zip(tags, features, kept, scored)]

    def encode(self, docs: Sequence[Doc]) -> list[Floats2d]:
        """Return the token vectors that the head reads (float32, tokens x width each), without dropout.

        RAISES (ValueError): S010, S011, S013 to S015 as ``predict``.
        """
        if not self._is_initialized():
            raise SeginfError(Errors.S011.format(name=self.name))
        if not any(len(doc) for doc in docs):
            width = self.model.get_ref("output_layer").get_dim("nI")
            return [self.model.ops.alloc2f(0, width) for _ in docs]
        xp, head = self.model.ops.xp, self.model.get_ref("output_layer")
        if not all(bool(xp.isfinite(head.get_param(name)).all()) for name in ("W", "b", "T")):
            raise SeginfError(Errors.S015.format(name=self.name))
        features = self.model.get_ref("tok2vec").predict(docs)
        # Moved to the CPU once for all documents: each move waits for the GPU.
        silent = xp.concatenate([~rows.any(axis=1) for rows in features])
        finite = xp.concatenate([xp.isfinite(rows).all(axis=1) for rows in features])
        silent, finite = on_cpu(xp.stack([silent, finite]))
        self._check_finite(docs, split_rows(finite, [len(rows) for rows in features]))
        self._check_features(docs, split_rows(silent, [len(rows) for rows in features]))
        return features

    def set_annotations(self, docs: Iterable[Doc], predictions: Iterable[TaggerPrediction]) -> None:
        """Write what is found, and leave the prediction for the influence components that read it. With ``explains``,
        write nothing and leave that component's prediction.

        RAISES (ValueError): S065 or S068 if that component predicted an unknown label, or nothing.
        """
        for doc, prediction in zip(docs, predictions):
            if self.explains is None:
                self._annotate(doc, prediction)
            readers = readers_of(self, doc)
            if readers and self.explains is not None:
                prediction = prediction._replace(tags=self.followed_tags(doc))
            self.handover.leave(doc, prediction, readers)

    def _annotate(self, doc: Doc, prediction: TaggerPrediction) -> None:
        """Write what is found and probable enough; entities that were there stay."""
        present = preset_entities(doc) if prediction.kept else []
        found, least = self.scheme.annotation(prediction.tags.tolist()), self.min_probability
        if prediction.scored is not None:
            known = prediction.scored.leave(doc, self.name, prediction.kept)
            if least:
                found = [
                    one
                    for one in found
                    if known.probability(one.start, one.end, one.label) >= least.get(one.label, least.get(OTHERS, 0.0))
                ]
        self.target.write(doc, found, present)

    def followed_tags(self, doc: Doc) -> numpy.ndarray:
        """Return what the explained component predicted, as tags of this head (int64, tokens).

        RAISES (ValueError): S065 for a label that the head lacks, S068 if there is no prediction.
        """
        if len(doc) and not self.target.is_annotated(doc):
            raise SeginfError(Errors.S068.format(name=self.name, component=self.explains, text=_shorten(doc.text)))
        try:
            return self.scheme.allowed_tags(self.target.found(doc)).argmax(axis=1)
        except KeyError as error:
            known = ", ".join(self.labels)
            message = Errors.S065.format(name=self.name, component=self.explains, label=error.args[0], known=known)
            raise SeginfError(message) from None

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[dict[str, float]] = None,
    ) -> dict[str, float]:
        """Learn from a batch. The loss is the summed negative log-likelihood in nats.

        RAISES (ValueError): S003 for a label the tagger lacks, S010 or S013 if the encoder gave tokens no features,
            S012 if the loss is not a number, S066 with ``explains``.
        """
        self._check_trainable()
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "CRFTagger.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        set_dropout_rate(self.model, drop)
        docs = [example.predicted for example in examples]
        scores, backprop = self.model.begin_update(docs)
        self._check_features(docs, split_rows(scores.silent, scores.lengths))
        loss, gradient = self.get_loss(examples, scores)
        backprop(gradient)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: CRFScores) -> tuple[float, CRFScores]:
        """Return the summed negative log-likelihood of the annotation, and of what is not wrong, and its gradient.

        RAISES (ValueError): S003 for a label the tagger lacks, S012 if the loss is not a number.
        """
        examples = list(examples)
        validate_examples(examples, "CRFTagger.get_loss")
        allowed = self.model.ops.xp.asarray(numpy.concatenate([self.allowed_tags(example) for example in examples]))
        loss = negative_log_likelihood(scores.emissions, scores.transitions, scores.lengths, allowed)
        total, d_emissions, d_transitions = float(loss.values.sum()), loss.emissions, loss.transitions
        events = [(number, event) for number, example in enumerate(examples) for event in self._incorrect(example)]
        if events:
            wrong = incorrect_loss(scores.emissions, scores.transitions, scores.lengths, events)
            total += float(wrong.values.sum())
            d_emissions, d_transitions = d_emissions + wrong.emissions, d_transitions + wrong.transitions
        if not numpy.isfinite(total):
            raise SeginfError(Errors.S012.format(name=self.name))
        return total, CRFScores(d_emissions, d_transitions, scores.lengths)

    def _incorrect(self, example: Example) -> list[numpy.ndarray]:
        """List the tags of an example that are known to be wrong together (bool, tokens x tags); see
        ``TagScheme.event``. Labels that the tagger does not have are never predicted."""
        spans = list(example.reference.spans.get(self.incorrect_spans_key or "", ()))
        aligned = example.get_aligned_spans_y2x(spans, allow_overlap=True) if spans else []
        known = {*self.labels, *([] if self.scheme.by_token else [OUTSIDE])}
        length = len(example.predicted)
        return [
            self.scheme.event(length, Entity(span.start, span.end, span.label_))
            for span in aligned
            if span.label_ in known
        ]

    def allowed_tags(self, example: Example) -> numpy.ndarray:
        """Return the tags that the gold annotation permits (bool, tokens of the predicted doc x tags).

        RAISES (ValueError): S003 for a label the tagger lacks.
        """
        try:
            return self.scheme.allowed_tags(self.target.gold(example))
        except KeyError as error:
            known = ", ".join(self.labels)
            where = f"the text {_shorten(example.reference.text)}"
            message = Errors.S003.format(where=where, label=error.args[0], name=self.name, known=known)
            raise SeginfError(message) from None

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> CRFTagger:
        """Load from bytes, in place. The output layer takes its size from the data."""
        super().from_bytes(bytes_data, exclude=exclude)
        return self._restore_labels()

    def from_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> CRFTagger:
        """Load from a folder, in place. The output layer takes its size from the data."""
        super().from_disk(ensure_path(path), exclude=exclude)
        return self._restore_labels()

    def _restore_labels(self) -> CRFTagger:
        """Make the scheme of what was read. RAISES (ValueError): S249 if labels, scheme and weights do not
        fit, S319 for a least probability of a label that there is not."""
        labels = self.cfg.get("labels")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise SeginfError(Errors.S249.format(name=self.name, problem="its labels are no list of texts"))
        self.scheme = self._scheme(self.labels)
        for label in set(self.min_probability) - {*self.labels, OTHERS} if self.labels else ():
            raise SeginfError(Errors.S319.format(name=self.name, label=label, known=", ".join(self.labels)))
        head, tags = self.model.get_ref("output_layer"), len(self.scheme.tags)
        if self._is_initialized() and len(head.get_param("W")) != tags:
            problem = f"labels and scheme make {tags} tags, and the output layer has {len(head.get_param('W'))}"
            raise SeginfError(Errors.S249.format(name=self.name, problem=problem))
        return self

    def _scheme(self, labels: tuple[str, ...]) -> TagScheme:
        # Taggers of version 0.1 have no target.
        return TagScheme(labels, str(self.cfg.get("scheme")), self.name, str(self.cfg.get("target") or ""))

    def _check_alone(self, nlp: Language) -> None:
        """Refuse others that write the same tags or spans; entities that are there stay. RAISES (ValueError): S295."""
        if self.scheme.target == ENTS:
            return
        for name, component in nlp.pipeline:
            factory = nlp.get_pipe_meta(name).factory
            written = WRITTEN.get(factory)
            if isinstance(component, CRFTagger):
                written = None if component.explains else component.scheme.target
            elif factory.startswith("spancat") or factory == "span_ruler":
                written = f"spans:{getattr(component, 'key', '')}"
            if name != self.name and written == self.scheme.target:
                both = f"'{name}' and '{self.name}'"
                raise SeginfError(Errors.S295.format(components=both, where=self.target.where))

    def _check_weights(self, nlp: Language) -> None:
        """Warn if `spacy train` would not go by its score: spaCy fills in that of entities."""
        config = nlp.config.interpolate()
        weights = {name: weight for name, weight in config["training"]["score_weights"].items() if weight}
        if config.get("paths", {}).get("train") and self.target.score not in weights:
            known = ", ".join(weights) or "no score"
            message = Warnings.W071.format(known=known, score=self.target.score, name=self.name)
            warnings.warn(message, stacklevel=3)

    def _check_trainable(self) -> None:
        """With a listener, doing nothing in ``update`` would even keep the upstream encoder from learning."""
        if self.explains is not None:
            raise SeginfError(Errors.S066.format(name=self.name, component=self.explains))

    def _idle(self, docs: Iterable[Doc]) -> bool:
        """Does nobody read what it finds? Then the pipeline costs what it did without it."""
        return self.explains is not None and not any(readers_of(self, doc) for doc in docs)

    def _is_initialized(self) -> bool:
        return bool(self.model.get_ref("output_layer").has_param("W"))

    def _mask(self) -> Optional[DecodingMask]:
        mask, ops = self.scheme.mask, self.model.ops
        if mask is None:
            return None
        known = self._device_mask  # read once: another thread may replace it
        if known is None or known[0] is not mask or known[1] is not ops:
            moved = DecodingMask(*(ops.xp.asarray(part) for part in (mask.start, mask.end, mask.follow)))
            self._device_mask = known = mask, ops, moved
        return known[2]

    def _check_finite(self, docs: Sequence[Doc], finite_rows: Sequence[Any]) -> None:
        """Refuse to tag or explain by features that are no numbers (bool arrays on the CPU, one per document)."""
        for doc, rows in zip(docs, finite_rows):
            if not rows.all():
                token = doc[int(numpy.flatnonzero(~rows)[0])]
                text = _shorten(doc.text)
                raise SeginfError(Errors.S014.format(name=self.name, token=token.text, position=token.i, text=text))

    def _check_features(self, docs: Sequence[Doc], silent_rows: Sequence[Any]) -> None:
        """Listeners answer with zeros for what upstream never saw: refuse to learn or tag from nothing.

        silent_rows (bool arrays on the CPU, one per document): tokens whose features are all zero.
        """
        for doc, rows in zip(docs, silent_rows):
            silent: list[int] = rows.nonzero()[0].tolist()
            if len(silent) == len(doc) and any(char.isprintable() and not char.isspace() for char in doc.text):
                upstream = getattr(self.model.get_ref("tok2vec"), "upstream_name", None) or "tok2vec or transformer"
                raise SeginfError(Errors.S010.format(name=self.name, upstream=upstream, text=_shorten(doc.text)))
            # White space and control characters have no word pieces and rightly no features; words always do.
            cut = [i for i in silent if any(char.isalnum() for char in doc[i].text)]
            if cut:
                raise SeginfError(
                    Errors.S013.format(
                        name=self.name,
                        count=len(cut),
                        total=len(doc),
                        token=doc[cut[0]].text,
                        position=cut[0],
                        text=_shorten(doc.text),
                    )
                )


def _shorten(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def choose_tagger(nlp: Language, path: str, chosen: Optional[str] = None, among: Sequence[str] = ()) -> CRFTagger:
    """Return the tagger that is meant.

    path (str): the pipeline, for messages. chosen (str): its name, if it was given. among (sequence of str): those that
        come into question otherwise; all if empty.
    RAISES (ValueError): S044 if there is none, S188 if there are several, S189 if the chosen one is none.
    """
    taggers = [name for name, component in nlp.pipeline if isinstance(component, CRFTagger)]
    if not taggers:
        raise SeginfError(Errors.S044.format(path=path, known=", ".join(nlp.pipe_names)))
    wanted = list(dict.fromkeys(among)) or taggers
    if chosen is None and len(wanted) > 1:
        raise SeginfError(Errors.S188.format(path=path, known=", ".join(wanted)))
    if chosen is not None and chosen not in taggers:
        raise SeginfError(Errors.S189.format(tagger=chosen, path=path, known=one_of(taggers, chosen)))
    return find_tagger(nlp, chosen or wanted[0])


def find_tagger(nlp: Language, name: str) -> CRFTagger:
    """Return a tagger of a pipeline. RAISES (ValueError): S023 if there is none, S024 if it is no crf_tagger."""
    if name not in nlp.component_names:
        raise SeginfError(Errors.S023.format(tagger=name, known=", ".join(nlp.component_names)))
    tagger = nlp.get_pipe(name)
    if not isinstance(tagger, CRFTagger):
        raise SeginfError(Errors.S024.format(tagger=name, kind=type(tagger).__name__))
    return tagger
