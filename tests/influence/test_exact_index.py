"""A small exact index: searches against dense scans, shown effects against predictions and real refits."""

import dataclasses
import pickle
import random

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.index import build_index as index
from spacy_seginf.explanation.verification import verify
from spacy_seginf.explanation.wording import caveat
from spacy_seginf.index.search import search
from spacy_seginf.index.tables import Filter
from spacy_seginf.influence.fit import loss_and_gradient
from spacy_seginf.influence.removal import LEVERAGE_FLAG
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.settings import IndexSettings
from spacy_seginf.tagger import head_parameters

from ..conftest import TEXTS, make_examples

L2 = 1.0
# The annotation of one clear person is taken away, and "Harrow Bank" is taken for a place.
SPOILT = list(TEXTS)
SPOILT[16] = "Ada Lind and [Jonas Brekke]/PER signed the letter ."
SPOILT[6] = "[Harrow Bank]/LOC closed its office in [Osted]/LOC ."
QUESTIONS = [
    "Mira Solano left Harrow Bank in Osted .",
    "Nobody met Ada Lind in Tarnby .",
    "It rained .",
    "Veltra hired Jonas Brekke on Monday .",
]


@pytest.fixture(scope="module")
def spoilt_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("spoilt") / "train.spacy"
    DocBin(docs=[example.reference for example in make_examples(SPOILT)], store_user_data=True).to_disk(path)
    return path


def build(model_path, corpus, folder, settings):
    report = index(str(model_path), corpus, folder, **vars(settings))
    return spacy.load(folder), report


@pytest.fixture(scope="module")
def built(model_path, spoilt_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exact") / "exact"
    nlp, report = build(model_path, spoilt_path, folder, IndexSettings("exact", True, L2, "zero"))
    return nlp, report, folder


@pytest.fixture(scope="module")
def nlp(built):
    """Do not change it."""
    return built[0]


@pytest.fixture(scope="module")
def explainer(nlp):
    return nlp.get_pipe("influence").explainer()


@pytest.fixture(scope="module")
def docs(nlp):
    return list(nlp.pipe(QUESTIONS))


def entity_docs(docs):
    found = [doc for doc in docs if doc.ents]
    assert found
    return found


def all_segments(table):
    return [table.segment(row) for row in range(len(table))]


def all_types(table):
    """Tag of the first token of each segment, and the one that it should have where an entity is missing."""
    return numpy.concatenate([part.types for part in table.parts])


def training_tokens(nlp):
    return nlp.get_pipe("influence").index.data, nlp.get_pipe("influence").index.labels


def watch(nlp, doc, spans, labels=None):
    """The segments of a document under the head (document encoded anew)."""
    influence = nlp.get_pipe("influence")
    data, tags, _ = influence.query(doc, doc)
    if labels is not None:
        tags = tags.copy()
        tags[spans[0][0] : spans[0][1]] = labels
    return influence.explainer().effects.watch(data, tags, [(0, *span) for span in spans])


def test_the_head_is_at_its_optimum(nlp, built, model_path):
    _, report, _ = built
    data, _ = training_tokens(nlp)
    manifest = nlp.get_pipe("influence").index.manifest
    head = nlp.get_pipe("influence").index.head
    gradient = abs(loss_and_gradient(data, head, L2)[1]).max()
    assert gradient <= 1e-8
    assert (manifest.curvature, manifest.refit, manifest.l2, manifest.hessian) == ("exact", True, L2, "full")
    assert manifest.fit_gradient == report.refit.gradient <= 1e-8
    # and the pipeline keeps its own
    trained = head_parameters(spacy.load(model_path).get_pipe("crf_tagger").model.get_ref("output_layer"))
    kept = head_parameters(nlp.get_pipe("crf_tagger").model.get_ref("output_layer"))
    for before, after in zip(trained, kept):
        numpy.testing.assert_array_equal(before, after)


def test_the_refit_report(built):
    _, report, _ = built
    assert report.refit.converged and report.refit.l2 == L2 and report.refit.tried == {}
    agreement = report.refit.corpora["training"]
    assert agreement.head_score > agreement.score > 0  # a half-trained head has something to learn
    assert report.curvature == "exact" and len(report.seconds) == 4
    assert report.segments == sum(text.count("]/") for text in SPOILT) + report.missing_entities


def test_the_penalty_is_chosen_on_a_development_corpus(model_path, corpus_path, spoilt_path, tmp_path):
    settings = IndexSettings("identity", True, None, "zero")
    report = index(str(model_path), spoilt_path, tmp_path / "out", dev=corpus_path, **vars(settings))
    losses = report.refit.tried
    assert report.refit.l2 == min(losses, key=losses.__getitem__) and len(losses) > 1
    assert set(report.refit.corpora) == {"training", "development"}


@pytest.mark.parametrize("unit", ["token", "entity"])
def test_rows_are_the_corrected_gradients(explainer, unit):
    """H^-1 times a stored row solves (H - H_k) x = g."""
    effects, table = explainer.effects, explainer.table(unit)
    matrix = numpy.linalg.inv(explainer.index.metric.inverse)
    rows = numpy.unique(numpy.linspace(0, len(table) - 1, 25).astype(int))
    checked = 0
    for row in rows:
        if table.leverage(row) > 0.9:
            continue
        segment = table.segment(row)
        chains = effects.chains([segment])
        gradient = chains.gradients()[0]
        stored = table.gradients(numpy.array([row]))[0]
        if table.leverage(row) == 0.0:  # tokens that are certain are not corrected
            numpy.testing.assert_allclose(stored, gradient, atol=1e-6)
            assert abs(chains.factors().residuals).max() <= 1e-3
            continue
        x = explainer.index.metric.apply(stored[None])[0]
        left = matrix @ x - chains.curvature_product(x[None]).gradients()[0]
        numpy.testing.assert_allclose(left, gradient, atol=1e-4 * numpy.linalg.norm(gradient))
        size = numpy.sqrt(stored @ x)
        assert table.norms[row] == pytest.approx(size, rel=1e-4)
        plain = numpy.sqrt(gradient @ explainer.index.metric.apply(gradient[None])[0])
        assert table.self_influence[row] == pytest.approx(plain, rel=1e-4)
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("unit", ["token", "entity"])
def test_search_is_a_dense_scan(nlp, docs, explainer, unit):
    table = explainer.table(unit)
    rows = table.gradients(numpy.arange(len(table)))
    metric = explainer.index.metric
    for doc in docs:
        influence = nlp.get_pipe("influence")
        data, tags, _ = influence.query(doc, doc)
        spans = [(0, t, t + 1) for t in range(len(doc))] + [(0, e.start, e.end) for e in doc.ents] + [(0, 0, len(doc))]
        watched = explainer.effects.watch(data, tags, numpy.array(spans))
        queries = watched.gradients()
        scores = queries @ metric.apply(rows).T
        sizes = numpy.sqrt(numpy.einsum("qp,qp->q", queries, metric.apply(queries)))
        # Cauchy-Schwarz, which ends a search
        assert (abs(scores) <= sizes[:, None] * table.norms * (1 + 1e-5)).all()
        found = search(table, explainer._queries(data, tags, watched, unit), 6)
        for number, line in enumerate(scores):
            tolerance = 1e-5 * sizes[number] * table.norms[0]
            for hits, signed in ((found.supporting, line), (found.opposing, -line)):
                best = numpy.sort(signed[signed > 0])[::-1][:6]
                kept = hits.rows[number][hits.rows[number] >= 0]
                numpy.testing.assert_allclose(abs(hits.scores[number][: len(best)]), best, rtol=1e-3, atol=tolerance)
                numpy.testing.assert_allclose(hits.scores[number][: len(kept)], line[kept], rtol=1e-3, atol=tolerance)


def test_norms_fall(explainer):
    for unit in ("token", "entity"):
        norms = explainer.table(unit).norms
        assert len(norms) and (numpy.diff(norms) <= 0).all() and norms[0] > 0


def test_effects_are_predictions_and_agree_with_refits(nlp, docs, explainer):
    effects, table = explainer.effects, explainer.table("entity")
    refits, shown, real, odds = {}, [], [], []
    for doc in entity_docs(docs)[:2]:
        for entity in doc.ents:
            watched = watch(nlp, doc, [(entity.start, entity.end)])
            base = watched.losses()[0, 0]
            entry = entity._.influencers
            assert entry.probability == pytest.approx(numpy.exp(-base), rel=1e-6)
            assert len(entry.supporting) and len(entry) > 2
            values = [r.effect for r in entry.supporting]
            assert values == sorted(values, reverse=True)
            values = [r.effect for r in entry.opposing]
            assert values == sorted(values)
            for reference in entry:
                row = reference._data["row"]
                change = effects.without([table.segment(row)])
                if row not in refits:
                    refits[row], fit = effects.refit(change)
                    assert fit.converged
                assert reference.refined == (table.leverage(row) > LEVERAGE_FLAG) and not reference.doubtful
                after = watched.losses(refits[row] if reference.refined else effects.predict(change))[0, 0]
                tolerance = {"rel": 1e-4, "abs": 1e-6} if reference.refined else {"rel": 1e-3, "abs": 1e-5}
                assert reference.effect == pytest.approx(after - base, **tolerance)
                assert (reference.effect > 0) == reference.supports
                truth = watched.losses(refits[row])[0, 0]
                shown.append(reference.effect)
                real.append(truth - base)
                p, q = numpy.exp(-base), numpy.exp(-truth)
                odds.append((reference.log_odds, numpy.log(q / (1 - q)) - numpy.log(p / (1 - p))))
    assert len(refits) > 5
    assert numpy.corrcoef(shown, real)[0, 1] > 0.99
    assert numpy.corrcoef(*zip(*odds))[0, 1] > 0.99


def test_refining_all_references(built, docs):
    again = spacy.load(built[2], config={"components": {"influence": {"refine": 1}}})
    effects = again.get_pipe("influence").explainer().effects
    (doc,) = again.pipe(QUESTIONS[:1])
    entity = doc.ents[0]
    watched = watch(again, doc, [(entity.start, entity.end)])
    base = watched.losses()[0, 0]
    for reference in entity._.influencers:
        assert reference.refined
        table, row = again.get_pipe("influence").explainer().table("entity"), reference._data["row"]
        step, _ = effects.refit(effects.without([table.segment(row)]))
        truth = watched.losses(step)[0, 0] - base
        assert reference.effect == pytest.approx(truth, rel=1e-5, abs=1e-7)


def effects_segment(nlp, reference):
    return nlp.get_pipe("influence").explainer().table("entity").segment(reference._data["row"])


def test_references_point_to_the_training_text(docs):
    references = {example.reference.user_data["id"]: example.reference for example in make_examples(SPOILT)}
    seen = 0
    for doc in docs:
        for entry in doc._.influencers:
            for reference in entry:
                text = references[reference.doc_id]
                assert text[reference.start : reference.end].text == reference.text
                assert "".join(reference.context_parts) in text.text
                if reference.missing:
                    assert reference.label == "O"
                else:
                    ent = text[reference.start].ent_type_
                    assert reference.label == ent
                seen += 1
    assert seen > 20


def explained(entry):
    return [(r.doc_id, r.start, r.end, r.label) for r in entry]


def effects_of(entry):
    return [[r.effect, r.score] for r in entry]


def assert_same(entry, other):
    """The same references with the same effects, up to float32 rounding of features in batches of other shapes."""
    assert entry.text == other.text and entry.label == other.label
    assert entry.probability == pytest.approx(other.probability, rel=1e-4)
    assert explained(entry) == explained(other)
    numpy.testing.assert_allclose(effects_of(entry), effects_of(other), rtol=1e-3, atol=1e-6)


def test_tokens_inside_an_entity_share_its_references(docs):
    shared = 0
    for doc in docs:
        for entity in doc.ents:
            for token in entity:
                assert explained(token._.influencers) == explained(entity._.influencers)
                assert effects_of(token._.influencers) == effects_of(entity._.influencers)
                assert token._.influencers.probability == entity._.influencers.probability
                assert token._.influencers.text == token.text
                shared += len(entity) > 1
        for token in doc:
            if not token.ent_type_:
                assert token._.influencers.label == "O"
    assert shared


def test_explaining_another_label(nlp, docs):
    influence, effects = nlp.get_pipe("influence"), nlp.get_pipe("influence").explainer().effects
    doc = entity_docs(docs)[0]
    entity = doc.ents[0]
    other = next(label for label in ("ORG", "LOC", "PER") if label != entity.label_)
    found = influence.explain(doc, entity, other)
    tags = influence.find_tagger().scheme.entity_tags(other, len(entity))
    watched = watch(nlp, doc, [(entity.start, entity.end)], tags)
    base = watched.losses()[0, 0]
    assert found.probability == pytest.approx(numpy.exp(-base), rel=1e-6)
    assert found.probability < entity._.influencers.probability
    table = influence.explainer().table("entity")
    for reference in found:
        change = effects.without([table.segment(reference._data["row"])])
        step = effects.refit(change)[0] if reference.refined else effects.predict(change)
        truth = watched.losses(step)[0, 0] - base
        assert reference.effect == pytest.approx(truth, rel=1e-3, abs=1e-5)
    assert found.supporting and {r.label for r in found.supporting} != {entity.label_}


def test_explaining_the_same_label_is_what_is_stored(nlp, docs):
    influence = nlp.get_pipe("influence")
    for doc in entity_docs(docs):
        for entity in doc.ents:
            for labels in (None, entity.label_):
                found = influence.explain(doc, entity, labels)
                assert explained(found) == explained(entity._.influencers)
                numpy.testing.assert_allclose(effects_of(found), effects_of(entity._.influencers), rtol=1e-3, atol=1e-6)


def test_explaining_a_whole_document(nlp, docs):
    influence = nlp.get_pipe("influence")
    doc = entity_docs(docs)[0]
    found = influence.explain(doc, doc)
    watched = watch(nlp, doc, [(0, len(doc))])
    base = watched.losses()[0, 0]
    assert found.probability == pytest.approx(numpy.exp(-base), rel=1e-6)
    assert found.text == doc.text and found.label.split()[: len(doc)] == [
        f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else "O" for t in doc
    ]
    assert len(found.supporting)
    reference = found.supporting[0]
    step, _ = influence.explainer().effects.refit(
        influence.explainer().effects.without([effects_segment(nlp, reference)])
    )
    assert reference.effect == pytest.approx(watched.losses(step)[0, 0] - base, rel=0.2)


def test_a_filter_that_permits_nothing(nlp, docs):
    doc = entity_docs(docs)[0]
    found = nlp.get_pipe("influence").explain(doc, doc.ents[0], where=Filter(labels=frozenset(["NOSUCH"])))
    assert found.supporting == found.opposing == () and 0 < found.probability <= 1


def test_explaining_a_token_and_a_list_of_tags(nlp, docs):
    influence, doc = nlp.get_pipe("influence"), docs[0]
    found = influence.explain(doc, doc[0], "O")
    assert found.label == "O" and found.text == doc[0].text
    found = influence.explain(doc, doc[0:2], ["B-ORG", "I-ORG"])
    assert found.label == "B-ORG I-ORG"
    assert found.probability == pytest.approx(influence.explain(doc, doc[0:2], "ORG").probability, rel=1e-9)


def test_probabilities_of_all_labels_add_up(nlp, docs):
    influence, doc = nlp.get_pipe("influence"), docs[0]
    tags = influence.find_tagger().scheme.tags
    assert sum(influence.explain(doc, doc[1], tag).probability for tag in tags) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "labels", ["XYZ", ["B-PER", "I-PER", "I-PER"], ["B-PER", "nothing"], "B-XYZ"], ids=["type", "many", "tag", "typed"]
)
def test_labels_that_do_not_fit(nlp, docs, labels):
    with pytest.raises(ValueError, match=r"\[S029\]"):
        nlp.get_pipe("influence").explain(docs[0], docs[0][0:2], labels)


def test_segments_that_do_not_fit(nlp, docs):
    influence = nlp.get_pipe("influence")
    for segment in (docs[1][0:2], docs[1][0], docs[1], docs[0][1:1]):
        with pytest.raises(ValueError, match=r"\[S029\]"):
            influence.explain(docs[0], segment)


def answers(entry):
    return entry.text, entry.label, explained(entry)


def test_explaining_an_untagged_document(nlp, docs):
    """The tagger's predictions are taken from a copy, which it tags."""
    influence = nlp.get_pipe("influence")
    for doc in entity_docs(docs):
        bare = nlp.make_doc(doc.text)
        for entity in doc.ents:
            found = influence.explain(bare, bare[entity.start : entity.end])
            tags = influence.find_tagger().scheme.entity_tags(entity.label_, len(entity))
            assert found.label == " ".join(influence.find_tagger().tags[tag] for tag in tags)
            assert found.probability == pytest.approx(entity._.influencers.probability, rel=1e-4)
            assert explained(found) == explained(entity._.influencers)
        assert not bare.ents and not bare.user_hooks  # not changed


def test_entities_of_a_later_component_do_not_matter(nlp, docs):
    influence = nlp.get_pipe("influence")
    doc = entity_docs(docs)[0]
    entity = doc.ents[0]
    (changed,) = nlp.pipe([doc.text])
    changed.ents = []
    other = "LOC" if entity.label_ != "LOC" else "PER"
    for ents in ([], [spacy.tokens.Span(changed, entity.start, entity.end, other)]):
        changed.ents = ents
        numpy.testing.assert_array_equal(influence.query(changed, changed)[1], influence.query(doc, doc)[1])
        found = influence.explain(changed, changed[entity.start : entity.end])
        assert answers(found) == answers(influence.explain(doc, entity))
        assert [(ent.start, ent.end, ent.label_) for ent in changed.ents] == [(e.start, e.end, e.label_) for e in ents]


def test_changing_the_refinement_after_first_use(built):
    nlp = spacy.load(built[2])
    influence = nlp.get_pipe("influence")
    explainer = influence.explainer()
    (doc,) = nlp.pipe(QUESTIONS[:1])
    entity = doc.ents[0]
    before, before_effects = list(entity._.influencers), effects_of(entity._.influencers)
    assert any(not reference.refined for reference in before)
    influence.refine = 6
    (again,) = nlp.pipe(QUESTIONS[:1])
    after = list(again.ents[0]._.influencers)
    assert all(reference.refined for reference in after)
    assert influence.explainer() is explainer  # nothing is read or computed anew
    table = explainer.table("entity")
    watched = watch(nlp, doc, [(entity.start, entity.end)])
    base = watched.losses()[0, 0]
    for reference in after:
        step, _ = explainer.effects.refit(explainer.effects.without([table.segment(reference.row)]))
        assert reference.effect == pytest.approx(watched.losses(step)[0, 0] - base, rel=1e-5, abs=1e-7)
    influence.refine = 0
    (doc,) = nlp.pipe(QUESTIONS[:1])
    assert [reference.refined for reference in doc.ents[0]._.influencers] == [r.refined for r in before]
    numpy.testing.assert_allclose(effects_of(doc.ents[0]._.influencers), before_effects, rtol=1e-3, atol=1e-6)


def test_best_changes(nlp, docs):
    influence, explainer = nlp.get_pipe("influence"), nlp.get_pipe("influence").explainer()
    effects, scheme = explainer.effects, influence.find_tagger().scheme
    doc = entity_docs(docs)[0]
    entity = doc.ents[-1]
    other = next(label for label in ("ORG", "LOC", "PER") if label != entity.label_)
    changes = influence.best_changes(doc, entity, other, top=3)
    assert len(changes) == 3
    assert [c.after for c in changes] == sorted((c.after for c in changes), reverse=True)
    tags = scheme.entity_tags(other, len(entity))
    watched = watch(nlp, doc, [(entity.start, entity.end)], tags)
    before = numpy.exp(-watched.losses()[0, 0])
    starts = {place: row for row, place in enumerate(all_segments(explainer.table("entity")))}
    documents = {example.reference.user_data["id"]: n for n, example in enumerate(make_examples(SPOILT))}
    for change in changes:
        assert change.before == pytest.approx(before, rel=1e-6)
        assert change.after > change.before
        place = documents[change.reference["document"]], change.reference["start"], change.reference["end"]
        assert place in starts
        assert change.label != change.reference["label"]
        length = place[2] - place[1]
        new = [0] * length if change.label == "O" else scheme.entity_tags(change.label, length)
        relabelled = effects.relabelled(place, numpy.array(new))
        step, fit = effects.refit(relabelled)
        assert fit.converged
        assert change.refit and change.after == pytest.approx(numpy.exp(-watched.losses(step)[0, 0]), rel=1e-5)
        assert change.after > 2 * before


def test_a_missing_entity_is_a_reference(nlp, built, explainer):
    _, report, _ = built
    table = explainer.table("entity")
    missing = numpy.flatnonzero(all_types(table)[:, 1] >= 0)
    assert len(missing) == report.missing_entities > 0
    described = [table.reference(row) for row in missing]
    assert all(entry["label"] == "O" and entry["missing"] in ("PER", "ORG", "LOC") for entry in described)
    found = [entry for entry in described if entry["document"] == "news-16" and entry["text"] == "Ada Lind"]
    assert found and found[0]["missing"] == "PER"
    # it speaks against the same words being a person
    (doc,) = nlp.pipe(["Ada Lind and Jonas Brekke signed the letter ."])
    entry = nlp.get_pipe("influence").explain(doc, doc[0:2], "PER")
    opposing = [r for r in entry.opposing if r.missing]
    assert ("news-16", 0, 2) in {(r.doc_id, r.start, r.end) for r in opposing}
    assert all(r.label == "O" and r.effect < 0 for r in opposing)


def test_nothing_annotated_is_called_missing(explainer):
    table = explainer.table("entity")
    places = all_segments(table)
    assert len(set(places)) == len(places)
    allowed = explainer.index.data.allowed
    starts = explainer.index.data.starts
    for (document, start, end), (_, missing) in zip(places, all_types(table)):
        outside = allowed[starts[document] + start : starts[document] + end, 0]
        assert outside.all() if missing >= 0 else not outside.any()


def snapshot(docs):
    return {doc.text: list(doc._.influencers) for doc in docs}


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_batches_and_order_do_not_matter(nlp, docs, batch_size):
    texts = list(QUESTIONS)
    random.Random(batch_size).shuffle(texts)
    found = snapshot(nlp.pipe(texts, batch_size=batch_size))
    for text, entries in snapshot(docs).items():
        assert len(entries) == len(found[text]) > 0
        for entry, other in zip(entries, found[text]):
            assert_same(entry, other)


@pytest.mark.parametrize("way", ["disk", "pickle", "bytes"])
def test_answers_survive_serialization(nlp, docs, way, tmp_path):
    if way == "disk":
        nlp.to_disk(tmp_path / "copy")
        again = spacy.load(tmp_path / "copy")
    elif way == "pickle":
        again = pickle.loads(pickle.dumps(nlp))
    else:
        again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    for doc, other in zip(docs, again.pipe(QUESTIONS)):
        for entry, copy in zip(doc._.influencers, other._.influencers):
            assert_same(entry, copy)
    doc = next(again.pipe(QUESTIONS[:1]))
    for left, right in zip(
        again.get_pipe("influence").best_changes(doc, doc.ents[0], "LOC"),
        nlp.get_pipe("influence").best_changes(docs[0], docs[0].ents[0], "LOC"),
    ):
        assert left.reference == right.reference and left.label == right.label
        assert left.after == pytest.approx(right.after, rel=1e-4)


def test_token_unit(built, nlp):
    again = spacy.load(built[2], config={"components": {"influence": {"unit": "token"}}})
    influence = again.get_pipe("influence")
    assert influence.used_unit == "token"
    (doc,) = again.pipe(QUESTIONS[:1])
    effects, table = influence.explainer().effects, influence.explainer().table("token")
    for token in doc:
        entry = token._.influencers
        watched = watch(again, doc, [(token.i, token.i + 1)])
        base = watched.losses()[0, 0]
        assert entry.probability == pytest.approx(numpy.exp(-base), rel=1e-6)
        for reference in list(entry)[:3]:
            assert reference.end == reference.start + 1
            assert reference.label in influence.find_tagger().tags
            change = effects.without([table.segment(reference._data["row"])])
            step = effects.refit(change)[0] if reference.refined else effects.predict(change)
            truth = watched.losses(step)[0, 0] - base
            assert reference.effect == pytest.approx(truth, rel=2e-3, abs=1e-5)
    assert doc.ents
    for entity in doc.ents:  # entities have their own entry, of training tokens
        entry = entity._.influencers
        assert entry.text == entity.text and len(entry)
        assert all(reference.end == reference.start + 1 for reference in entry)


def test_held_out_column(explainer, nlp):
    effects = explainer.effects
    data = effects.data
    assert explainer.index.held_out.shape == (len(data.allowed),)
    assert ((explainer.index.held_out >= 0) & (explainer.index.held_out <= 1 + 1e-6)).all()
    stored, real = [], []
    for document in (0, 2, 6, 16):
        whole = (document, 0, data.lengths[document])
        step, _ = effects.refit(effects.without([whole]))
        rows = slice(int(data.starts[document]), int(data.starts[document]) + data.lengths[document])
        unary = SegmentChains(effects.head.moved(step[0]), data, effects.labels, [whole]).chain.unary
        stored += explainer.index.held_out[rows].tolist()
        real += (unary * data.allowed[rows]).sum(axis=1).tolist()
    assert numpy.corrcoef(stored, real)[0, 1] > 0.99
    # the entity that is missing from the annotation: its "O" is improbable without it
    starts = data.starts[16]
    assert explainer.index.held_out[starts : starts + 2].max() < numpy.median(explainer.index.held_out)


def test_kfac_index(model_path, spoilt_path, tmp_path):
    nlp, report = build(model_path, spoilt_path, tmp_path / "kfac", IndexSettings("kfac", True, L2, "zero"))
    influence = nlp.get_pipe("influence")
    assert report.curvature == influence.index.manifest.curvature == "kfac"
    (doc,) = nlp.pipe(QUESTIONS[:1])
    effects, table = influence.explainer().effects, influence.explainer().table("entity")
    shown, real = [], []
    for entity in doc.ents[:1]:
        watched = watch(nlp, doc, [(entity.start, entity.end)])
        base = watched.losses()[0, 0]
        for reference in list(entity._.influencers)[:6]:
            assert numpy.isfinite([reference.effect, reference.score, reference.log_odds]).all()
            step, fit = effects.refit(effects.without([table.segment(reference._data["row"])]))
            assert fit.converged
            shown.append(reference.effect)
            real.append(watched.losses(step)[0, 0] - base)
    assert len(shown) > 5
    assert numpy.corrcoef(shown, real)[0, 1] > 0.9


def test_identity_index(model_path, spoilt_path, tmp_path):
    settings = IndexSettings("identity", False, None)
    nlp, report = build(model_path, spoilt_path, tmp_path / "identity", settings)
    influence = nlp.get_pipe("influence")
    assert report.curvature == "identity" and report.refit is None
    explainer = influence.explainer()
    for unit in ("token", "entity"):
        table = explainer.table(unit)
        rows = table.gradients(numpy.arange(len(table)))
        numpy.testing.assert_allclose(table.norms, numpy.linalg.norm(rows, axis=1), rtol=1e-4, atol=1e-6)
        expected = explainer.effects.gradients(all_segments(table))
        numpy.testing.assert_allclose(rows, expected, atol=1e-4)
    (doc,) = nlp.pipe(QUESTIONS[:1])
    for entity in doc.ents:
        gradient = watch(nlp, doc, [(entity.start, entity.end)]).gradients()[0]
        table = explainer.table("entity")
        dense = table.gradients(numpy.arange(len(table))) @ gradient
        supporting = [reference.effect for reference in entity._.influencers.supporting]
        numpy.testing.assert_allclose(supporting, numpy.sort(dense)[::-1][: len(supporting)], rtol=1e-3)
        for reference in entity._.influencers:
            assert reference.log_odds is None and reference.effect == reference.score
            assert reference.effect == pytest.approx(dense[reference._data["row"]], rel=1e-3)
    with pytest.raises(ValueError, match=r"\[S071\]"):
        influence.best_changes(doc, doc.ents[0], "LOC")


@pytest.mark.parametrize("curvature", ["exact", "identity"])
def test_without_a_refit_the_head_stays(model_path, unsure_nlp, spoilt_path, tmp_path, curvature):
    nlp, report = build(model_path, spoilt_path, tmp_path / "out", IndexSettings(curvature, False, L2))
    assert report.refit is None
    assert not nlp.get_pipe("influence").index.manifest.refit
    heads = [
        head_parameters(pipeline.get_pipe("crf_tagger").model.get_ref("output_layer")) for pipeline in (nlp, unsure_nlp)
    ]
    for kept, original in zip(*heads):
        numpy.testing.assert_array_equal(kept, original)
    (doc,) = nlp.pipe(QUESTIONS[:1])
    (other,) = unsure_nlp.pipe(QUESTIONS[:1])
    assert [(e.text, e.label_) for e in doc.ents] == [(e.text, e.label_) for e in other.ents]
    assert all(numpy.isfinite(reference.effect) for entry in doc._.influencers for reference in entry)


def test_verify_with_relabelling(nlp):
    (doc,) = nlp.pipe(["Ada Lind left Osted ."])
    assert doc.ents
    report = verify(nlp.get_pipe("influence"), doc, top=1, relabel=True)
    assert report.l2 == L2
    changes = {pair.change == "removed" for pair in report.singles()}
    assert changes == {True, False}
    assert all(pair.converged for pair in report.pairs)
    assert report.refined.pearson > 0.99 and report.refined.sign == 1.0
    assert 0.9 < report.refined.slope < 1.1
    assert report.predicted.pearson > 0.95 and report.predicted.sign == 1.0
    assert 0.8 < report.predicted.slope < 1.2
    assert not any(pair.elsewhere for pair in report.pairs)
    together = [pair for pair in report.pairs if pair.reference is None]
    assert together
    largest = max(abs(pair.actual) for pair in report.pairs)
    assert all(abs(pair.refined - pair.actual) <= 0.05 * largest for pair in report.pairs)
    for pair in together:
        singles = [p.predicted for p in report.singles() if (p.text, p.change) == (pair.text, "removed")]
        assert pair.summed == pytest.approx(sum(singles))
    scheme = nlp.get_pipe("crf_tagger").scheme
    for pair in report.singles():
        if pair.change != "removed":
            assert pair.change in ("O", *scheme.labels) and pair.change != pair.reference["label"]


def test_verify_finds_nothing_in_a_text_without_entities(nlp):
    (doc,) = nlp.pipe(["."])
    assert not doc.ents
    assert verify(nlp.get_pipe("influence"), doc).pairs == []


@pytest.mark.parametrize("l2", [0.0, -3.0, float("nan"), float("inf")])
@pytest.mark.parametrize("curvature,refit", [("exact", True), ("exact", False), ("kfac", False), ("identity", True)])
def test_a_penalty_must_be_positive(model_path, spoilt_path, tmp_path, l2, curvature, refit):
    with pytest.raises(ValueError, match=r"\[S028\] The setting l2 "):
        index(str(model_path), spoilt_path, tmp_path / "out", curvature=curvature, refit=refit, l2=l2, centre="zero")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("setting,code", [({"curvature": "diagonal"}, "S028"), ({"unit": "sentence"}, "S028")])
def test_settings_are_checked_before_the_corpus_is_read(model_path, tmp_path, setting, code):
    (tmp_path / "damaged.spacy").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"\[{code}\]"):
        index(str(model_path), tmp_path / "damaged.spacy", tmp_path / "out", **setting)
    assert not (tmp_path / "out").exists()


def test_settings_of_the_function_are_written(model_path, spoilt_path, tmp_path):
    report = index(
        str(model_path), spoilt_path, tmp_path / "out", curvature="identity", refit=True, l2=2.0, unit="token"
    )
    assert (report.curvature, report.refit.l2) == ("identity", 2.0)
    nlp = spacy.load(tmp_path / "out")
    config = nlp.get_pipe_config("influence")
    assert [config[key] for key in ("curvature", "refit", "l2", "unit")] == ["identity", True, 2.0, "token"]
    assert nlp.get_pipe("influence").used_unit == "token"


def test_an_unknown_curvature(unsure_nlp):
    blank = spacy.blank("en")
    with pytest.raises(ValueError, match=r"\[S028\]"):
        blank.add_pipe("influence", config={"curvature": "diagonal"})


@pytest.mark.parametrize(
    "setting", [{"unit": "sentence"}, {"top_k": 0}, {"context": -1}, {"refine": -1}], ids=lambda s: next(iter(s))
)
def test_bad_settings(setting):
    with pytest.raises(ValueError, match=r"\[S028\]") as caught:
        spacy.blank("en").add_pipe("influence", config=setting)
    assert next(iter(setting)) in str(caught.value)


@pytest.mark.parametrize("why", ["few steps", "no refit", "pruned"])
def test_what_can_not_be_refined_says_so(built, model_path, spoilt_path, tmp_path, monkeypatch, why):
    if why == "few steps":
        monkeypatch.setattr("spacy_seginf.explanation.explainer.MOST_REFINEMENTS", 1)
        nlp = spacy.load(built[2])
    else:
        change = {"refit": False} if why == "no refit" else {"keep": 0.5}
        settings = dataclasses.replace(IndexSettings("exact", True, 0.1), **change)
        nlp, _ = build(model_path, spoilt_path, tmp_path / "other", settings)
    table = nlp.get_pipe("influence").explainer().table("entity")
    docs = list(nlp.pipe([*QUESTIONS, *(example.text for example in make_examples(TEXTS))]))
    doubtful = [r for doc in docs for entry in doc._.influencers for r in entry if r.doubtful]
    assert doubtful and all(table.leverage(r.row) > LEVERAGE_FLAG and not r.refined for r in doubtful)
    for doc in docs:
        for entry in doc._.influencers:
            assert all(r.refined or r.doubtful for r in entry if table.leverage(r.row) > LEVERAGE_FLAG)
    assert doubtful[0].figure.endswith("?") and "question mark" in caveat(docs[0]._.seginf)
    again = next(DocBin(docs=docs[:1], store_user_data=True).get_docs(nlp.vocab))
    assert [r.doubtful for e in again._.influencers for r in e] == [
        r.doubtful for e in docs[0]._.influencers for r in e
    ]
    if why == "no refit":
        doc = next(doc for doc in docs if doc.ents)
        changes = nlp.get_pipe("influence").best_changes(
            doc, doc.ents[0], "ORG" if doc.ents[0].label_ != "ORG" else "PER"
        )
        assert changes and not any(change.refit for change in changes)
