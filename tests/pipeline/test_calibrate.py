"""`seginf calibrate`: probabilities that fit, and thresholds, in a pipeline that otherwise is what it was."""

import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_seginf.api.calibrate import calibrate, report_lines
from spacy_seginf.api.index import build_index
from spacy_seginf.crf.calibration import Calibration, form_of
from spacy_seginf.errors import SeginfError
from spacy_seginf.explanation.calibrated_texts import annotated_forms

from ..cli.running import run
from ..conftest import TEXTS, make_examples, make_tagger, read_annotated


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline that has learned half of the texts, and the rest as a development corpus."""
    folder = tmp_path_factory.mktemp("calibrate")
    examples = make_examples(TEXTS)
    make_tagger(examples[::2], steps=12).to_disk(folder / "pipeline")
    DocBin(docs=[one.reference for one in examples[1::2]], store_user_data=True).to_disk(folder / "dev.spacy")
    DocBin(docs=[one.reference for one in examples[::2]], store_user_data=True).to_disk(folder / "train.spacy")
    return folder


def tagged(path, text=TEXTS[1]):
    nlp = spacy.load(path)
    return nlp(Doc(nlp.vocab, words=read_annotated(text)[0]))


def test_it_predicts_what_it_did_with_other_probabilities(folder, tmp_path):
    report = calibrate(str(folder / "pipeline"), folder / "dev.spacy", tmp_path / "calibrated")
    before, after = tagged(folder / "pipeline"), tagged(tmp_path / "calibrated")
    assert [(ent.text, ent.label_) for ent in before.ents] == [(ent.text, ent.label_) for ent in after.ents]
    assert any(abs(one._.probability - other._.probability) > 1e-3 for one, other in zip(before.ents, after.ents))
    for ent in after.ents:
        plain = after._.probabilities._batch.distribution.entity(0, ent.start, ent.end, ent.label_)
        assert ent._.probability == pytest.approx(report.found.of(ent.label_, plain))
    assert set(report.scores) == {"before", "after"} and report.entities > 10


def test_entities_that_are_new_are_calibrated_apart(folder, tmp_path, monkeypatch):
    corpora = folder / "dev.spacy", folder / "train.spacy"
    known = annotated_forms(spacy.blank("en"), corpora[1])
    docs = DocBin().from_disk(corpora[1]).get_docs(spacy.blank("en").vocab)
    assert {(label, form) for label in known for form in known[label]} == {
        (ent.label_, form_of(token.text for token in ent)) for doc in docs for ent in doc.ents
    }
    alike = calibrate(str(folder / "pipeline"), corpora[0], tmp_path / "alike")
    apart = calibrate(str(folder / "pipeline"), corpora[0], tmp_path / "apart", training=corpora[1])
    assert not alike.found.known and apart.found.known in ({}, known)
    assert apart.scores["after"]["log_score"] <= alike.scores["after"]["log_score"]
    monkeypatch.setattr("spacy_seginf.api.calibrate.log_score", lambda probabilities, _: -probabilities.std())
    told = calibrate(str(folder / "pipeline"), corpora[0], tmp_path / "told", training=corpora[1])
    assert told.found.known == known
    assert "training corpus does not have" in report_lines(told)[-1]
    for text in TEXTS:
        doc = tagged(tmp_path / "told", text)
        for ent in doc.ents:
            plain = doc._.probabilities._batch.distribution.entity(0, ent.start, ent.end, ent.label_)
            words = form_of(token.text for token in ent)
            assert ent._.probability == pytest.approx(told.found.of(ent.label_, plain, words))


def test_a_training_corpus_without_entities_is_refused(folder, tmp_path):
    DocBin(docs=[Doc(spacy.blank("en").vocab, words=["Nothing", "here"], ents=["O", "O"])]).to_disk(
        tmp_path / "no.spacy"
    )
    with pytest.raises(SeginfError, match="S317"):
        calibrate(str(folder / "pipeline"), folder / "dev.spacy", tmp_path / "out", training=tmp_path / "no.spacy")
    assert not (tmp_path / "out").exists()


def test_again_it_is_fit_to_the_scores_themselves(folder, tmp_path):
    once = calibrate(str(folder / "pipeline"), folder / "dev.spacy", tmp_path / "once")
    twice = calibrate(str(tmp_path / "once"), folder / "dev.spacy", tmp_path / "twice")
    assert twice.found.temperature == pytest.approx(once.found.temperature)
    assert twice.scores["before"] == pytest.approx(once.scores["before"])


def test_thresholds_leave_out_what_is_improbable(folder, tmp_path):
    report = calibrate(str(folder / "pipeline"), folder / "dev.spacy", tmp_path / "strict", precision=0.9)
    nlp = spacy.load(tmp_path / "strict")
    examples = make_examples(TEXTS[1::2], nlp.vocab)
    docs = [nlp(Doc(nlp.vocab, words=[token.text for token in one.reference])) for one in examples]
    for ent in (ent for doc in docs for ent in doc.ents):
        assert ent._.probability >= report.thresholds.get(ent.label_, report.thresholds["*"])
    plain = spacy.load(folder / "pipeline")
    every = [plain(Doc(plain.vocab, words=[token.text for token in doc])) for doc in docs]
    assert sum(len(doc.ents) for doc in docs) < sum(len(doc.ents) for doc in every)
    scored = [plain.evaluate(make_examples(TEXTS[1::2], plain.vocab)), nlp.evaluate(examples)]
    assert scored[1]["ents_p"] > scored[0]["ents_p"]


def test_an_index_stays(folder, tmp_path):
    build_index(str(folder / "pipeline"), folder / "train.spacy", tmp_path / "indexed")
    calibrate(str(tmp_path / "indexed"), folder / "dev.spacy", tmp_path / "both", precision=0.9)
    doc = tagged(tmp_path / "both", TEXTS[0])
    assert doc.ents[0]._.influencers.supporting


def test_least_probabilities_can_be_written_in_a_config(folder):
    config = spacy.load(folder / "pipeline").config
    config["components"]["crf_tagger"]["min_probability"] = {"PER": 1.0, "*": 0.0}
    nlp = spacy.blank("en").from_config(config).from_disk(folder / "pipeline")
    labels = {ent.label_ for text in TEXTS for ent in nlp(Doc(nlp.vocab, words=read_annotated(text)[0])).ents}
    assert labels and "PER" not in labels
    config["components"]["crf_tagger"]["min_probability"] = {"PERS": 1.0}
    with pytest.raises(SeginfError, match=r"S319.*PERS.*PER"):
        spacy.blank("en").from_config(config).from_disk(folder / "pipeline")
    with pytest.raises(SeginfError, match="S297"):
        spacy.blank("en").add_pipe("crf_tagger", config={"min_probability": {"PER": 2}})


def test_the_command(folder, tmp_path):
    pytest.importorskip("matplotlib")
    command = ["seginf", "calibrate", folder / "pipeline", folder / "dev.spacy", tmp_path / "out"]
    code, shown = run(*command, "--precision", "0.9", "--plot", tmp_path / "fit.png")
    assert code == 0, shown
    assert "calibration error" in shown and "Temperature" in shown
    assert (tmp_path / "fit.png").stat().st_size > 1000
    code, shown = run(*command)
    assert code == 1 and "S043" in shown
    code, shown = run(*command, "--force", "--precision", "2")
    assert code == 1 and "S206" in shown


def test_nothing_to_fit_to_is_an_error(folder, tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["It", "rained"], ents=["O", "O"])
    doc.user_data["id"] = "dry"
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "dry.spacy")
    with pytest.raises(SeginfError, match="S296"):
        calibrate(str(folder / "pipeline"), tmp_path / "dry.spacy", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_calibration_is_an_error(folder, tmp_path):
    calibrate(str(folder / "pipeline"), folder / "dev.spacy", tmp_path / "broken")
    path = tmp_path / "broken" / "crf_tagger" / "cfg"
    content = json.loads(path.read_text("utf8"))
    content["calibration"]["temperature"] = -1
    path.write_text(json.dumps(content), "utf8")
    with pytest.raises(SeginfError, match="S249"):
        tagged(tmp_path / "broken")


def test_training_anew_forgets_the_calibration(folder, tmp_path):
    calibrate(str(folder / "pipeline"), folder / "dev.spacy", tmp_path / "out")
    nlp = spacy.load(tmp_path / "out")
    tagger = nlp.get_pipe("crf_tagger")
    before, examples = tagger.calibration, make_examples(TEXTS[:4], nlp.vocab)
    losses = [nlp.update(examples, losses={})["crf_tagger"] for _ in range(3)]
    assert losses[-1] < losses[0] and tagger.calibration == before
    tagger.initialize(lambda: examples, nlp=nlp)
    assert tagger.calibration == Calibration()


def test_thresholds_that_were_set_by_hand_stay(folder, tmp_path):
    nlp = spacy.load(folder / "pipeline")
    nlp.get_pipe_config("crf_tagger")["min_probability"] = {"*": 0.97}
    nlp.to_disk(tmp_path / "strict")
    calibrate(str(tmp_path / "strict"), folder / "dev.spacy", tmp_path / "out")
    assert spacy.load(tmp_path / "out").get_pipe("crf_tagger").min_probability == {"*": 0.97}


def test_tags_of_tokens_stay_one_distribution(folder, tmp_path):
    vocab, docs = spacy.blank("en").vocab, []
    for number, text in enumerate(TEXTS):
        words, _ = read_annotated(text)
        tags = ["PUNCT" if word in ",." else "PROPN" if word[0].isupper() else "NOUN" for word in words]
        docs.append(Doc(vocab, words=words, pos=tags, user_data={"id": str(number)}))
    examples = [Example(Doc(vocab, words=[token.text for token in doc]), doc) for doc in docs]
    make_tagger(examples[::2], steps=12, target="pos").to_disk(tmp_path / "pos")
    DocBin(docs=docs[1::2], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    report = calibrate(str(tmp_path / "pos"), tmp_path / "dev.spacy", tmp_path / "out", precision=0.99)
    assert not report.found.lines and report.found.temperature != 1.0
    nlp = spacy.load(tmp_path / "out")
    for doc in docs[1::2]:
        tagged = nlp(Doc(nlp.vocab, words=[token.text for token in doc]))
        for token in tagged:
            assert sum(token._.label_probs.values()) == pytest.approx(1.0)
            best, probability = next(iter(token._.label_probs.items()))
            least = report.thresholds.get(best, report.thresholds["*"])
            assert token.pos_ in (best, "") and (probability >= least - 1e-6 or not token.pos_)


def test_one_document_is_too_few(folder, tmp_path):
    docs = list(DocBin().from_disk(folder / "dev.spacy").get_docs(spacy.blank("en").vocab))[:8]
    for doc in docs:
        doc.user_data.clear()
    whole = Doc.from_docs(docs)
    whole.user_data["id"] = "all"
    DocBin(docs=[whole], store_user_data=True).to_disk(tmp_path / "one.spacy")
    with pytest.raises(SeginfError, match="S309"):
        calibrate(str(folder / "pipeline"), tmp_path / "one.spacy", tmp_path / "out")


def test_the_encoder_does_not_run_again(folder, monkeypatch):
    nlp = spacy.load(folder / "pipeline")
    docs = list(nlp.pipe(Doc(nlp.vocab, words=read_annotated(text)[0]) for text in TEXTS[:4]))
    encoder = nlp.get_pipe("crf_tagger").model.get_ref("tok2vec")
    monkeypatch.setattr(encoder, "_func", lambda *_: pytest.fail("the encoder ran again"))
    assert all(0 < ent._.probability <= 1 for doc in docs for ent in doc.ents)
    assert docs[0]._.k_best(2) and docs[0][0]._.label_probs
