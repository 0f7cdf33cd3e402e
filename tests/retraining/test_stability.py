"""What pipelines that differ in the seed predict, and what explanations say of it."""

from __future__ import annotations

import json
import shutil

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.api.explain import explain
from spacy_seginf.api.explain_errors import explain_errors
from spacy_seginf.api.stability import measure_stability
from spacy_seginf.corpora.propositions import PREDICATE
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.explanation.causes import SEED
from spacy_seginf.explanation.display import render_document
from spacy_seginf.explanation.stability import RECORD, Agreement, Found, Stability, key_of
from spacy_seginf.explanation.terminal import render_terminal

from ..cli.running import run
from ..conftest import make_examples
from ..roles import make_roles_tagger

TEXT = "Ada Lind visited Tarnby ."


@pytest.fixture
def indexed(exact_path, tmp_path):
    return shutil.copytree(exact_path, tmp_path / "indexed")


@pytest.fixture
def texts(tmp_path):
    docs = [example.reference for example in make_examples(["[Ada Lind]/PER visited [Tarnby]/LOC .", "It rained ."])]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "texts.spacy")
    return tmp_path / "texts.spacy"


def test_a_sentence_says_who_decides():
    assert Agreement(5, 5, 0.9, 0.8, 1.0).sentence.endswith("predict it (p .80 to 1.00).")
    assert not Agreement(4, 5, 0.9, 0.8, 1.0).by_seed
    assert Agreement(3, 5, 0.6, 0.3, 0.9).sentence == (
        "3 of 5 trainings that differ in the seed predict it (p .30 to .90): decided by the seed."
    )


def test_trainings_are_compared(indexed, corpus_path, texts, tmp_path, trained):
    output = tmp_path / "seeds"
    stability = measure_stability(indexed, corpus_path, texts, output, seeds=3)
    assert [seed for seed, _ in trained] == [0, 1, 2]
    nlp = spacy.load(indexed)
    doc = nlp(TEXT)
    found = stability.found(key_of(nlp, doc), 0, 2, "PER")
    assert found.predicted == [True, False, False]
    assert found.p[0] == pytest.approx(doc.ents[0]._.probability, abs=1e-6) and found.p[1] == found.p[2]
    agreement = doc.ents[0]._.influencers.agreement
    assert agreement == found.agreement and agreement.same == 1 and agreement.by_seed
    assert agreement.sentence in render_terminal([doc.ents[0]._.influencers], colors=False, width=500)
    assert agreement.sentence in render_document(doc)
    read = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert read.ents[0]._.influencers.agreement == agreement
    assert nlp("Ada Lind slept .").ents[0]._.influencers.agreement is None
    assert Stability.read(output) == Stability.read(indexed / "influence") == stability


def test_a_stopped_run_goes_on(indexed, corpus_path, texts, tmp_path, trained):
    output = tmp_path / "seeds"
    assert measure_stability(indexed, corpus_path, texts, output, seeds=2, seed=1) is None
    assert [seed for seed, _ in trained] == [1] and not (output / RECORD).exists()
    measure_stability(indexed, corpus_path, texts, output, seeds=2)
    assert [seed for seed, _ in trained] == [1, 0]
    with pytest.raises(ValueError, match="S340"):
        measure_stability(indexed, corpus_path, texts, output, seeds=2, overrides={"training.max_steps": 3})
    with pytest.raises(ValueError, match="S340"):
        measure_stability(indexed, texts, texts, output, seeds=2)
    for wrong in ({"seeds": 1}, {"seeds": 2, "seed": 2}):
        with pytest.raises(ValueError, match="S342"):
            measure_stability(indexed, corpus_path, texts, tmp_path / "other", **wrong)
    with pytest.raises(ValueError, match="S040"):
        measure_stability(tmp_path / "nothing.cfg", corpus_path, texts, tmp_path / "other")
    assert len(trained) == 2 and not (tmp_path / "other").exists()


def test_the_record_goes_with_the_pipeline(indexed, corpus_path, texts, tmp_path, trained):
    measure_stability(indexed, corpus_path, texts, tmp_path / "seeds", seeds=2)
    nlp = spacy.load(indexed)
    nlp.to_disk(tmp_path / "copy")
    nlp.to_disk(tmp_path / "copy")  # in its own place
    copy = spacy.load(tmp_path / "copy")
    assert copy(TEXT).ents[0]._.influencers.agreement is not None
    copy.get_pipe("influence").unload_index()
    copy.to_disk(tmp_path / "copy")
    assert not (tmp_path / "copy" / "influence" / RECORD).exists()


def test_mistakes_of_few_trainings_are_called_so(indexed, texts, tmp_path):
    docs = list(DocBin(store_user_data=True).from_disk(texts).get_docs(spacy.blank("en").vocab))
    docs[0].ents = [Span(docs[0], 0, 2, label="ORG"), docs[0].ents[1]]
    DocBin(docs=docs, store_user_data=True).to_disk(texts)
    (before,) = explain_errors(str(indexed), texts).mistakes
    key = key_of(spacy.load(indexed), docs[0])
    for share, seeds in ((1, 4), (3, 4)):
        predicted = [number < share for number in range(seeds)]
        others = [Found(0, 2, "ORG", [0.5] * seeds, [not one for one in predicted])]
        found = [Found(0, 2, "PER", [0.5] * seeds, predicted), *others]
        Stability(list(range(seeds)), {key: found}).write(indexed / "influence")
        (mistake,) = explain_errors(str(indexed), texts).mistakes
        if share == 1:
            assert mistake.cause == SEED and mistake.proposals == ()
            assert "1 predict this, and 3 what is annotated" in mistake.because
        else:
            assert mistake.cause == before.cause


def test_readings_are_compared_as_wholes():
    found = [Found(0, 2, "PER", [0.9, 0.1], [True, False]), Found(1, 2, "ORG", [0.1, 0.9], [False, True])]
    stability = Stability([0, 1], {"key": found})
    assert stability.same_reading("key", 0, 2, [Entity(0, 2, "PER")]) == 1
    assert stability.same_reading("key", 0, 2, []) == 0
    assert stability.same_reading("key", 2, 3, []) == 2
    assert stability.same_reading("other", 0, 2, []) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"seeds": [0], "texts": {"a": [{}]}}', '{"seeds": ["x"], "texts": {}}', "\xff"],
)
def test_a_damaged_record(indexed, content):
    (indexed / "influence" / RECORD).write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match="S341"):
        spacy.load(indexed)(TEXT)


def test_the_command(indexed, corpus_path, texts, tmp_path, trained):
    output = tmp_path / "seeds"
    code, printed = run("seginf", "stability", indexed, corpus_path, texts, "-o", output, "--seeds", "2")
    assert code == 0 and "decided by the seed" in printed and f"explain {indexed}" in printed
    assert json.loads((output / RECORD).read_text())["seeds"] == [0, 1]
    code, printed = run("seginf", "stability", indexed, corpus_path, texts, "-o", tmp_path / "x", "-x")
    assert code == 1 and not (tmp_path / "x").exists()


def test_trainings_with_other_settings_are_told(indexed, corpus_path, texts, tmp_path, trained, capsys):
    output, steps = tmp_path / "seeds", spacy.load(indexed).config["training"]["max_steps"]
    stability = measure_stability(indexed, corpus_path, texts, output, seeds=2)
    assert stability.settings["training.max_steps"] == steps
    explain_errors(str(indexed), texts, silent=False)
    told = capsys.readouterr().err
    assert "seginf stability" not in told
    other = {"training.max_steps": steps + 1}
    measure_stability(indexed, corpus_path, texts, tmp_path / "other", seeds=2, overrides=other, silent=False)
    explain_errors(str(indexed), texts, silent=False)
    explain(str(indexed), TEXT)
    words = f"`seginf stability` has trained with training.max_steps {steps + 1} instead of {steps} "
    assert capsys.readouterr().err.count(words) == 3
    stability.write(indexed / "influence")
    record = indexed / "influence" / RECORD
    old = {name: value for name, value in json.loads(record.read_text()).items() if name != "settings"}
    record.write_text(json.dumps(old))
    assert Stability.read(indexed / "influence").settings == {}


def test_texts_with_other_predicates_are_others():
    nlp = make_roles_tagger()
    docs = [Doc(nlp.vocab, words=["She", "saw", "him", "leave"]) for _ in range(2)]
    for doc, place in zip(docs, (1, 3)):
        doc.spans[PREDICATE] = [Span(doc, place, place + 1, label="V")]
    assert key_of(nlp, docs[0]) != key_of(nlp, docs[1])
    plain = spacy.blank("en")  # which reads words alone
    assert key_of(plain, docs[0]) == key_of(plain, docs[1])


def test_what_trains_no_tagger_of_its_own_is_refused(indexed, corpus_path, texts, tmp_path, trained):
    for change in ('factory = "crf_tagger"\nexplains = "ner"', 'factory = "ner"'):
        config = (indexed / "config.cfg").read_text().replace("explains = null\n", "")
        (tmp_path / "other.cfg").write_text(config.replace('factory = "crf_tagger"', change))
        with pytest.raises(ValueError, match=r"S344.*crf_tagger"):
            measure_stability(tmp_path / "other.cfg", corpus_path, texts, tmp_path / "seeds", seeds=2)
    assert not trained and not (tmp_path / "seeds").exists()
