"""The component that attaches to every token and entity the training labels behind its prediction."""

from __future__ import annotations

import gc
import shutil
import tempfile
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, Union

import numpy
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, Token
from spacy.training import Example

from ..attribution.method import Attribution, Method, Texts
from ..attribution.segment_influence import SegmentInfluence
from ..crf import one_label_each
from ..crf.decoding import limits_of
from ..crf.schemes import TAG
from ..errors import Errors, SeginfError, Warnings
from ..files import replace_folder
from ..index.index import Index
from ..index.tables import Filter
from ..indexing.fidelity import decode, instead_of
from ..influence.data import HeadData
from ..influence.relabelling import LabelChange
from ..settings import DEFAULTS, IndexSettings
from ..tagger.crf_tagger import CRFTagger, TaggerPrediction, find_tagger
from ..tagger.encoding import bare_copy
from ..tagger.fingerprint import encoder_fingerprint, encoder_stamp, head_fingerprint
from ..tagger.handover import is_paused, pausing, register
from ..tagger.head import on_cpu
from .account import Account, Accountant, reading_in_words
from .candidates import REMOVING
from .explainer import Explainer, Explanation, rows_of
from .extensions import register_extensions
from .flips import BUDGET, MOST, FlipSet, flip
from .method_explainer import MethodExplainer, index_context
from .query import Asked, Labels, Segment, ask, parse_labels
from .rationale import Rationale
from .reasons import surroundings
from .reference_view import Reference
from .settings import check_component
from .storing import Answer, Sources, forget, plan_queries, segment_place, store, view
from .views import Influencers

METHOD_FOLDER = "method"  # beside the index
_PREPARING = RLock()  # of methods, one at a time; of the module, so that components can be pickled


@Language.factory(
    "influence",
    requires=["doc.ents"],
    assigns=["doc._.influencers", "token._.influencers", "span._.influencers"],
    default_config={
        "tagger": "crf_tagger",
        "top_k": 5,
        "context": 40,
        "unit": "entity",
        "refine": 0,
        "families": 3,
        **DEFAULTS.config(),
        "explain": "all",
        "method": None,
    },
)
def make_influence(
    nlp: Language,
    name: str,
    tagger: str,
    top_k: int,
    context: int,
    unit: str,
    refine: int,
    families: int,
    curvature: str,
    refit: bool,
    l2: Optional[float],
    centre: str,
    dtype: str,
    keep: float,
    tolerance: float,
    explain: str,
    method: Optional[Any],
) -> Influence:
    """Create an influence component. `python -m spacy seginf index` gives it an index.

    tagger (str): name of the crf_tagger whose predictions are explained.
    top_k (int): how many supporting and how many opposing references are kept for each token and entity.
    context (int): characters of training text kept on each side of a reference.
    unit (str): what references are and what is explained. "entity": training entities, annotated or missing from the
        annotation; a token inside an entity has the references of the entity. "token": single tokens.
    refine (int): if positive, every reference that is shown is refined as those are for which one step is doubtful: by
        further Newton steps on the true removal objective, until the head is at its new optimum. Each reads the whole
        index; there are 60 at most, or this many if that is more.
    families (int): how many families of training labels are kept on each side of each margin; 0 for no account.
    curvature, refit, l2, centre, dtype, keep, tolerance: how `seginf index` computes the index, see ``IndexSettings``.
    explain (str): "all" tokens, or "entities": only the tokens of predicted entities, which is several times faster.
    method (Method): how training labels are scored, a block with a registered function such as
        @misc = "spacy_seginf.TracInWE.v1". Influence in the index's curvature, found by its exact search, if None.
    """
    settings = IndexSettings(curvature, refit, l2, centre, dtype, keep, tolerance)
    component = Influence(
        nlp,
        name,
        tagger=tagger,
        top_k=top_k,
        context=context,
        unit=unit,
        refine=refine,
        families=families,
        settings=settings,
        explained=explain,
        method=method,
    )
    if getattr(nlp.evaluate, "func", None) is not _evaluate_without_search:
        nlp.evaluate = partial(_evaluate_without_search, nlp, nlp.evaluate)  # type: ignore[method-assign]
    return component


class Influence(Pipe):
    """Finds the supporting and opposing training labels of every token and entity that its tagger predicts.

    Without an index it is inert, so a training config may contain it.

    >>> nlp = spacy.load("indexed")
    >>> doc = nlp("Ada Lind visited Tarnby .")
    >>> why_not = nlp.get_pipe("influence").explain(doc, doc[0:2], "ORG")
    >>> why_not.label
    'B-ORG I-ORG'
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "influence",
        *,
        tagger: str = "crf_tagger",
        top_k: int = 5,
        context: int = 40,
        unit: str = "entity",
        refine: int = 0,
        families: int = 3,
        settings: IndexSettings = DEFAULTS,
        explained: str = "all",
        method: Optional[Method] = None,
    ) -> None:
        least = {"top_k": (top_k, 1), "context": (context, 0), "refine": (refine, 0), "families": (families, 0)}
        check_component(name, unit, explained, method, least)
        register_extensions()
        self.nlp = nlp
        self.vocab = nlp.vocab
        self.name = name
        self.tagger_name = tagger
        self.top_k = top_k
        self.context = context
        self.unit = unit
        self.refine = refine
        self.families = families
        self.settings = settings
        self.explained = explained
        self.method = method
        self.where: Optional[Filter] = None  # which references may be found
        self.index: Optional[Index] = None
        # Read once and replaced as a whole, because several threads may use a pipeline.
        self._explainer: Optional[Explainer] = None
        self._method_explainer: Optional[MethodExplainer] = None
        self._sources: Optional[Sources] = None
        self._encoder: Optional[tuple[Any, str]] = None  # stamp and fingerprint of the encoder, as last seen
        self._warned = False
        register(self)

    def __setstate__(self, state: Any) -> None:
        """Arrive in another process."""
        super().__setstate__(state)  # type: ignore[misc]  # Cython's
        register_extensions()
        register(self)

    def __call__(self, doc: Doc) -> Doc:
        """Explain one document in place. The features come from the tagger: no second encoder pass."""
        error_handler = self.get_error_handler()
        try:
            self.annotate([doc])
        except Exception as error:
            error_handler(self.name, self, [doc], error)
        finally:
            self._done([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Explain a stream of documents. A failing document is passed to the error handler alone."""
        error_handler = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self.annotate(docs)
            except Exception:
                for doc in docs:  # one by one, so that a bad document does not take the others with it
                    try:
                        self.annotate([doc])
                    except Exception as error:
                        error_handler(self.name, self, [doc], error)
                    else:
                        yield doc
            else:
                yield from docs
            finally:
                self._done(docs)

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Store explanations of the tagger's predictions on documents that it has just tagged.

        RAISES (ValueError): S023, S024 or S026 if the tagger is missing, of another kind, or did not run;
            S025 if the index belongs to another pipeline.
        """
        if is_paused(self):
            return
        if self.index is None:
            if not self._warned:
                warnings.warn(Warnings.W001.format(name=self.name), stacklevel=2)
                self._warned = True
            return
        for doc in docs:
            forget(doc, self.name)
        explainer, tagger = self.explainer(), self.find_tagger()
        predictions = [self._prediction(tagger, doc) for doc in docs]
        lengths = [len(doc) for doc in docs]
        entities = [tagger.scheme.entities(prediction.tags) for prediction in predictions]
        plans = [plan_queries(len(doc), found, self.used_unit, self.explained) for doc, found in zip(docs, entities)]
        explanations: list[Explanation] = []
        accounts: list[Optional[Account]] = []
        sources = self.sources(explainer)  # once: another thread may exchange the index
        own_tags = numpy.zeros(0, dtype=numpy.int64)
        if sum(lengths):
            tags = numpy.concatenate([prediction.tags for prediction in predictions])
            features = numpy.concatenate([on_cpu(p.features) for p in predictions if len(p.features)])
            data = HeadData(features, one_label_each(tags, len(tagger.tags)), lengths)
            segments = [(number, *span) for number, plan in enumerate(plans) for span in plan.spans]
            by_search = self._by_search(explainer.index.manifest.curvature)
            accounts = self._accounts(sources, data, tags, numpy.array(segments))
            copies = docs if by_search else [bare_copy(self.nlp, doc) for doc in docs]
            explanations = self._explain(explainer, Texts(copies, data, tags, numpy.array(segments)), self.where)
            if explainer.index.manifest.refit or tagger.explains:  # the head that explains is not what predicts
                limits = limits_of(tagger.scheme, docs, [prediction.kept for prediction in predictions])
                own_tags = decode(tagger.scheme, data, explainer.index.head, limits)
            else:
                own_tags = tags
        start = place = 0
        for doc, prediction, found, plan in zip(docs, predictions, entities, plans):
            mine = slice(start, start + len(plan.spans))
            start = mine.stop
            tags_of_doc = [tagger.tags[tag] for tag in prediction.tags]
            about = self._about(explainer.index)
            head = own_tags[place : place + len(doc)].tolist()
            place += len(doc)
            words, predicted = [token.text for token in doc], prediction.tags.tolist()
            names = sources.rationale.names(predicted)
            answers = [
                Answer(
                    explanation,
                    surroundings(words, names, *span),
                    account,
                    instead_of(tagger.scheme, predicted, head, *span),
                )
                for span, explanation, account in zip(plan.spans, explanations[mine], accounts[mine])
            ]
            store(doc, tags_of_doc, found, plan, answers, sources, about)
        self._done(docs)

    def explain(
        self,
        doc: Doc,
        segment: Segment,
        labels: Labels = None,
        where: Optional[Filter] = None,
        against: Labels = None,
    ) -> Influencers:
        """Explain any part of a document, for other labels too: "why not ORG?". The document is encoded anew, and not
        changed.

        doc (Doc): a document; everything outside the segment is held at the tags that the tagger predicts.
        segment (Span, Token or Doc): what to explain.
        labels (str or sequence of str): an entity type or "O", or one tag per token; the tags it has if None.
        where (Filter): which references may be found; what the component's ``where`` permits if None.
        against (str or sequence of str): the other reading that the account weighs these labels against, given as
            ``labels`` are; the most probable one if None.
        RAISES (ValueError): S020 without an index, S023 to S026 as for documents of the pipeline, S029 for labels that
            do not fit.
        """
        explainer = self.explainer()
        data, tags, span = self.query(doc, segment, labels)
        texts = Texts([bare_copy(self.nlp, doc)], data, tags, numpy.array([span]))
        (found,) = self._explain(explainer, texts, where or self.where)
        place = segment_place(doc, *span[1:])
        names = [self.find_tagger().tags[tag] for tag in tags[span[1] : span[2]]]
        sources = self.sources(explainer)
        query = surroundings([token.text for token in doc], sources.rationale.names(tags.tolist()), *span[1:])
        others = self._other_reading(place[2], tags[span[1] : span[2]].tolist(), against)
        (account,) = self._accounts(sources, data, tags, numpy.array([span]), others)
        return view(place, " ".join(names), Answer(found, query, account), sources)

    def sources(self, explainer: Optional[Explainer] = None) -> Sources:
        """Return what references and families are described by.

        explainer (Explainer): what has found them; ``explainer()`` if None. RAISES (ValueError): as ``explainer``.
        """
        index, scheme = (explainer or self.explainer()).index, self.find_tagger().scheme
        known = self._sources
        table = rows_of(index, self.used_unit)
        if known is None or known.table is not table or known.context != self.context:
            accountant = Accountant(index, scheme) if index.has_evidence else None
            known = Sources(table, self.used_unit, self.context, Rationale(index, scheme), accountant)
            self._sources = known
        return known

    def _accounts(
        self,
        sources: Sources,
        data: HeadData,
        tags: numpy.ndarray,
        segments: numpy.ndarray,
        others: Optional[list[list[int]]] = None,
    ) -> list[Optional[Account]]:
        """Account for segments, against other readings if they are given."""
        accountant = sources.accountant
        if accountant is None or not self.families:
            return [None] * len(segments)
        return accountant.accounts(data, tags, segments, self.families, others)

    def _other_reading(self, text: str, tags: Sequence[int], against: Labels) -> Optional[list[list[int]]]:
        """Read what a prediction is to be weighed against: the tags of the only segment."""
        if against is None:
            return None
        if self.sources().accountant is None:
            raise SeginfError(Errors.S256.format(path=self.explainer().index.folder))
        scheme = self.find_tagger().scheme
        other = parse_labels(scheme, against, len(tags))
        if other == list(tags):
            raise SeginfError(Errors.S257.format(label=reading_in_words(scheme, other), text=text))
        return [other]

    def _explain(self, explainer: Explainer, queries: Texts, where: Optional[Filter]) -> list[Explanation]:
        """Explain by the exact search where its scores are asked for, else by the method's own."""
        if self._by_search(explainer.index.manifest.curvature):
            asked = queries.data, queries.labels, queries.segments
            return explainer.explain(*asked, self.used_unit, self.top_k, where, refine=self.refine)
        return self._by_method(explainer).explain(queries, self.top_k, where)

    def words_behind(self, doc: Doc, segment: Segment, reference: Reference) -> list[tuple[str, float]]:
        """Say which words carried a reference's score, for methods that sum over words, such as TracInWE.

        doc, segment: what was explained. reference: one of its references.
        RETURNS: words that both texts have, with what they contribute, the largest first; their sum is the score. Empty
            if the texts share no word.
        RAISES (ValueError): S020 to S029 as ``explain``; S113 if the component's method does not sum over words.
        """
        data, tags, span = self.query(doc, segment)
        attribution = None if self.method is None else self.method_explainer().attribution
        if attribution is None or type(attribution).words is Attribution.words:
            name = "segment influence" if self.method is None else self.method.name
            raise SeginfError(Errors.S113.format(method=name))
        queries = Texts([bare_copy(self.nlp, doc)], data, tags, numpy.array([span]))
        return attribution.words(queries, 0, reference.row)

    def _by_search(self, curvature: str) -> bool:
        method = self.method
        return method is None or (isinstance(method, SegmentInfluence) and method.is_search(curvature))

    def method_explainer(self, *, storing: bool = False) -> MethodExplainer:
        """Return what scores training labels by the component's ``method``. The first call may take long: it prepares
        the method, with a warning, unless `seginf index` has done so.

        storing (bool): no warning: this is what `seginf index` does.
        RAISES (ValueError): S020 to S026 as ``explainer``; S035 if the index was pruned; those of the method.
        """
        return self._by_method(self.explainer(), storing=storing)

    def _by_method(self, explainer: Explainer, *, storing: bool = False) -> MethodExplainer:
        method, table = self.method, explainer.table(self.used_unit)
        assert method is not None
        with _PREPARING:  # others wait for what takes long, rather than doing it too
            known = self._method_explainer
            if known is None or known.method is not method or known.table is not table:
                context = index_context(self.nlp, self.tagger_name, explainer.index, self.used_unit)
                folder = explainer.index.folder.parent / METHOD_FOLDER
                self._method_explainer = known = MethodExplainer(context, table, method, folder, storing=storing)
        return known

    def best_changes(
        self, doc: Doc, segment: Union[Span, Token], labels: Union[str, Sequence[str]], top: int = 3
    ) -> list[LabelChange]:
        """Find the single changes of a training label that would help a prediction most.

        doc, segment, labels: as for ``explain``; labels are what the segment should have been given.
        top (int): how many.
        RETURNS: changes, best first, each with the segment's probability of these labels before and after it.
        RAISES (ValueError): S020 to S029 as ``explain``; S071 with identity curvature, which predicts no effects.
        """
        explainer = self.explainer()
        if not explainer.exact:
            raise SeginfError(Errors.S071)
        data, tags, span = self.query(doc, segment, labels)
        scheme = self.find_tagger().scheme
        return explainer.best_changes(data, tags, numpy.array([span]), self.used_unit, scheme, top, self.context)

    def flip(
        self,
        doc: Doc,
        segment: Union[Span, Token],
        to: Optional[str] = None,
        by: str = REMOVING,
        *,
        budget: int = BUDGET,
        most: int = MOST,
    ) -> FlipSet:
        """Find the smallest set of training labels whose removal, or change, would change a prediction.

        The search is greedy, with effects that are computed again as the head moves; then labels are put back as long
        as the prediction stays away. A set is returned only if the head, refit without it, decodes the whole text
        otherwise. It asks the head that labels alone make of the features (``Index.label_head``), and says so where
        that one predicts something else than the pipeline.

            influence.flip(doc, doc.ents[0]).summary
            influence.flip(doc, doc.ents[0], to="ORG", by="relabelling").labels

        doc (Doc), segment (Span or Token): a predicted entity, or tokens outside of all ("what would make it one?").
        to (str): the label that it should get, "O" for none; any other if None.
        by (str): what is done to training labels: "removing" or "relabelling".
        budget (int): how often the head may be moved to another optimum: what a search costs.
        most (int): labels of a set, at most.
        RETURNS (FlipSet): the set, or what was found out where there is none.
        RAISES (ValueError): S020 to S029 as ``explain``; S035 if the index was pruned, S270 if it has no head at its
            optimum; S271 or S272 if ``to`` is no label, or there already; S206 or S273 for other settings.
        """
        settings: dict[str, Any] = {"to": to, "by": by, "budget": budget, "most": most, "context": self.context}
        return flip(self.explainer(), self.find_tagger(), doc, self.query(doc, segment), **settings)

    def explainer(self) -> Explainer:
        """Return what searches the index, after checking that the index is this pipeline's. ``explainer().effects`` is
        the interface for research: gradients, scores, removal, relabelling and refits of any training segments.

        Head and encoder are checked every time, because the tagger may go on learning in this process: the small head
        by all its numbers, the encoder by a stamp, and by all its numbers if that is a new one.
        RAISES (ValueError): S020 without an index, S025 if it belongs to another pipeline.
        """
        index = self.index
        if index is None:
            raise SeginfError(Errors.S020)
        tagger, manifest = self.find_tagger(), index.manifest
        if list(tagger.tags) != manifest.tags:
            raise SeginfError(Errors.S025.format(what="the list of labels"))
        if head_fingerprint(tagger.model) != manifest.head_fingerprint:
            raise SeginfError(Errors.S025.format(what="the tagger's head"))
        if self._encoder_fingerprint() != manifest.encoder_fingerprint:
            raise SeginfError(Errors.S025.format(what="the encoder"))
        explainer = self._explainer
        if explainer is None or explainer.index is not index:
            self._explainer = explainer = Explainer(index)
        return explainer

    def _encoder_fingerprint(self) -> str:
        """Return the encoder's fingerprint, which takes long where it is large, so it is kept under a stamp."""
        stamp, known = encoder_stamp(self.nlp, self.tagger_name), self._encoder
        if known is None or known[0] != stamp:
            self._encoder = known = stamp, encoder_fingerprint(self.nlp, self.tagger_name)
        return known[1]

    def load_index(self, folder: Path) -> None:
        """Open an index. RAISES (ValueError): S030, S031, S032 if it is missing, of another version, or damaged."""
        self._exchange(Index(folder))

    def check_method(self) -> None:
        """Make sure, before an index is built, that ``store_method`` will have what it needs.

        RAISES (ValueError): S028 if the index is to be pruned; those of the method.
        """
        if self.method is not None and self.method.stored:
            if self.settings.keep < 1 or self.settings.tolerance > 0:
                value = f"{self.settings.keep}, with a tolerance of {self.settings.tolerance}"
                allowed = f"The method '{self.method.name}' needs all labels: 1 and 0."
                raise SeginfError(Errors.S028.format(setting="keep", what="the index", value=value, allowed=allowed))
            self.method.check(self.nlp, self.tagger_name)

    def store_method(self) -> None:
        """Prepare the component's method, if it is a slow one, and write its files beside the index."""
        if self.method is not None and self.method.stored and self.index is not None:
            folder = self.index.folder.parent / METHOD_FOLDER
            attribution = self.method_explainer(storing=True).attribution
            folder.mkdir()
            attribution.save(folder)

    def unload_index(self) -> None:
        """Close the index; the component is inert again."""
        self._exchange(None)

    def _exchange(self, index: Optional[Index]) -> None:
        known, self.index = self.index, index
        self._explainer = self._method_explainer = self._sources = None
        if known is not None:
            del known
            gc.collect()  # an index and its tables refer to each other, so only this lets their mapped files go

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Skip the search in a with-block, as `spacy evaluate` does; other threads go on explaining."""
        with pausing(self):
            yield

    def reads(self, tagger: Any, doc: Doc) -> bool:
        """Will this component explain what a tagger predicts of a document?

        It may be part of other pipelines than that which it was made for, or be called by itself; in doubt it will.
        """
        if self.index is None or is_paused(self) or self.tagger_name not in self.nlp.component_names:
            return False
        if self.nlp.get_pipe(self.tagger_name) is not tagger:
            return False
        enabled = [component for _, component in self.nlp.pipeline]
        return doc.vocab is not self.nlp.vocab or (self in enabled and tagger in enabled)

    def to_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> None:
        """Write the index, if there is one, to an ``index`` folder, and the files of a stored method beside it. What
        they replace goes last."""
        folder = util.ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        own = None if self.index is None else self.index.folder
        for name, source in ((METHOD_FOLDER, own and own.parent / METHOD_FOLDER), ("index", own)):
            target = (folder / name).absolute()
            if source is None or not source.exists():
                shutil.rmtree(target, ignore_errors=True)
            elif not (target.exists() and target.samefile(source)):
                _replace_by_copy(source, target)

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

    def find_tagger(self) -> CRFTagger:
        """Return the explained tagger. RAISES (ValueError): S023 if there is none, S024 if it is no crf_tagger."""
        return find_tagger(self.nlp, self.tagger_name)

    def _prediction(self, tagger: CRFTagger, doc: Doc) -> TaggerPrediction:
        prediction: Optional[TaggerPrediction] = tagger.handover.read(doc)
        if prediction is None:
            raise SeginfError(Errors.S026.format(name=self.name, tagger=self.tagger_name))
        return prediction

    def _done(self, docs: Iterable[Doc]) -> None:
        """Let the tagger's predictions go."""
        tagger = dict(self.nlp.components).get(self.tagger_name)
        if isinstance(tagger, CRFTagger):
            for doc in docs:
                tagger.handover.done(doc, self)

    def query(self, doc: Doc, segment: Segment, labels: Labels = None) -> Asked:
        """Encode a document anew; return its features, its tags with the segment at other labels, and the segment, as
        ``Explainer`` and ``HeadEffects`` take them.

        doc, segment, labels: as for ``explain``.
        """
        return ask(self.nlp, self.find_tagger(), doc, segment, labels)

    def _about(self, index: Index) -> dict[str, Any]:
        """What is stored on a document beside its explanations."""
        manifest = index.manifest
        about: dict[str, Any] = {"component": self.name, "tagger": self.tagger_name}
        about.update(curvature=manifest.curvature, refit=manifest.refit, unit=self.used_unit)
        if manifest.refit:
            about["centre"] = manifest.centre
        if not self._by_search(manifest.curvature):
            assert self.method is not None
            about["method"] = self.method.name
        return {**about, **self.find_tagger().explained}

    def predictions(self, tags: numpy.ndarray) -> list[tuple[int, int, str]]:
        """List what tags predict: entities, or single tags (start, end, label)."""
        tagger = self.find_tagger()
        if tagger.scheme.name == TAG:
            return [(token, token + 1, tagger.tags[tag]) for token, tag in enumerate(tags)]
        return tagger.scheme.entities(tags)

    @property
    def used_unit(self) -> str:
        """Schemes without entities have single tokens only."""
        return "token" if self.find_tagger().scheme.name == TAG else self.unit


def _replace_by_copy(source: Path, target: Path) -> None:
    copy = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        shutil.copytree(source, copy, dirs_exist_ok=True)
        replace_folder(copy, target)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _evaluate_without_search(nlp: Language, evaluate: Callable, examples: Iterable[Example], **settings: Any) -> Any:
    """Score a pipeline without explaining it: nobody reads the references of a development set."""
    with ExitStack() as stack:
        for _, component in nlp.components:
            if isinstance(component, Influence):
                stack.enter_context(component.paused())
        return evaluate(examples, **settings)
