"""The component that attaches to every token and entity the training labels behind its prediction."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from functools import partial
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, Union

import numpy
from spacy import util
from spacy.language import Language
from spacy.tokens import Doc, Span, Token
from spacy.training import Example

from ..attribution.method import Attribution, Texts
from ..attribution.segment_influence import SegmentInfluence
from ..crf import one_label_each
from ..crf.decoding import limits_of
from ..crf.schemes import ENTS, TAG
from ..errors import Errors, SeginfError, Warnings
from ..index.index import Index
from ..index.tables import Filter
from ..indexing.fidelity import decode, instead_of
from ..influence.data import HeadData
from ..influence.relabelling import LabelChange
from ..settings import DEFAULTS, IndexSettings
from ..tagger.crf_tagger import CRFTagger, TaggerPrediction
from ..tagger.encoding import bare_copy
from ..tagger.handover import is_paused
from ..tagger.head import on_cpu
from ..tagger.probabilities import DocProbabilities
from .account import Account, reading_in_words
from .explainer import Explainer, Explanation
from .flip_candidates import REMOVING
from .flips import BUDGET, MOST, FlipSet, flip
from .index_holder import IndexHolder
from .query import Asked, Labels, Segment, ask, parse_labels
from .reasons import surroundings
from .reference_view import Reference
from .stability import Agreement, key_of
from .storing import Answer, Sources, forget, plan_queries, segment_place, store, view
from .views import Influencers, far_apart


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
    settings: dict[str, Any] = {"tagger": tagger, "top_k": top_k, "context": context, "unit": unit, "refine": refine}
    settings["settings"] = IndexSettings(curvature, refit, l2, centre, dtype, keep, tolerance)
    component = Influence(nlp, name, **settings, families=families, explained=explain, method=method)
    if getattr(nlp.evaluate, "func", None) is not _evaluate_without_search:
        nlp.evaluate = partial(_evaluate_without_search, nlp, nlp.evaluate)  # type: ignore[method-assign]
    return component


class Influence(IndexHolder):
    """Finds the supporting and opposing training labels of every token and entity that its tagger predicts.

    Without an index it is inert, so a training config may contain it.

    >>> nlp = spacy.load("indexed")
    >>> doc = nlp("Ada Lind visited Tarnby .")
    >>> why_not = nlp.get_pipe("influence").explain(doc, doc[0:2], "ORG")
    >>> why_not.label
    'B-ORG I-ORG'
    """

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
        if tagger.min_probability:  # some are left out
            written = [{(span.start, span.end, span.label_) for span in tagger.target.read(doc)} for doc in docs]
            entities = [[one for one in found if one in left] for found, left in zip(entities, written)]
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
            agreements = self._agreements(doc, prediction.tags)
            own = self._own_probabilities(tagger, prediction)
            answers = [
                Answer(
                    explanation,
                    surroundings(words, names, *span),
                    account,
                    instead_of(tagger.scheme, predicted, head, *span),
                    agreements.get(span),
                    far_apart(own.get(span), explanation.probability),
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

    def _agreements(self, doc: Doc, tags: numpy.ndarray) -> dict[tuple[int, int], Agreement]:
        """Look up how the predictions of a text fare with other seeds, by their tokens; those of which it is known."""
        known = self.stability
        if known is None:
            return {}
        key = key_of(self.nlp, doc)
        found = (((start, end), known.of(key, start, end, label)) for start, end, label in self.predictions(tags))
        return {place: agreement for place, agreement in found if agreement is not None}

    def _own_probabilities(self, tagger: CRFTagger, prediction: TaggerPrediction) -> dict[tuple[int, int], float]:
        """Return how probable a tagger itself finds its predictions of a text, by their tokens; nothing where it
        follows another component, or an entity was there before."""
        if prediction.scored is None or tagger.explains is not None:
            return {}
        known = DocProbabilities(prediction.scored, tagger.name)
        kept = {(start, end) for start, end, _ in prediction.kept}
        places = [one for one in self.predictions(prediction.tags) if one[:2] not in kept]
        return {(start, end): known.probability(start, end, label) for start, end, label in places}

    def _accounts(
        self,
        sources: Sources,
        data: HeadData,
        tags: numpy.ndarray,
        segments: numpy.ndarray,
        others: Optional[list[list[int]]] = None,
    ) -> list[Optional[Account]]:
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
        manifest = index.manifest
        about: dict[str, Any] = {"component": self.name, "tagger": self.tagger_name}
        about.update(curvature=manifest.curvature, refit=manifest.refit, unit=self.used_unit)
        if manifest.target not in ("", ENTS):
            about["target"] = manifest.target
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


def _evaluate_without_search(nlp: Language, evaluate: Callable, examples: Iterable[Example], **settings: Any) -> Any:
    """Score a pipeline without explaining it: nobody reads the references of a development set."""
    with ExitStack() as stack:
        for _, component in nlp.components:
            if isinstance(component, Influence):
                stack.enter_context(component.paused())
        return evaluate(examples, **settings)
