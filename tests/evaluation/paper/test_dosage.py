"""The experiment on dosages, on an invented corpus whose dosages are labelled in two ways."""

import gzip
import json
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import load_config, registry

from experiments.paper.dosage import pipeline as dosage_pipeline
from experiments.paper.dosage.dosage import Dosage
from experiments.paper.dosage.judgement import base_rates, right_references
from experiments.paper.dosage.texts import Dosages
from spacy_seginf.api.index import build_index as index

from ...conftest import make_examples, make_tagger

DRUGS = ["Veltrin", "Ossamol", "Harrogen", "Tarnbyl", "Norvex", "Pelhamid", "Lindol", "Reylan", "Brekol", "Solanix"]
AMOUNTS = ["5 mg", "10 mg", "20 mg / day", "0.5 g", "50mg", "100 IU", "5 - 10 mg / kg", "2 ml"]
ANSWERS = dosage_pipeline._answers


def training_texts():
    texts = []
    for number in range(36):
        drug, amount = DRUGS[number % len(DRUGS)], AMOUNTS[number % len(AMOUNTS)]
        if number % 3:  # most dosages are part of the intervention
            texts.append(f"[Adults with asthma]/POP were given [{drug} {amount}]/INT . [Pain]/OUT fell .")
        else:
            texts.append(f"[Children]/POP were given [{drug}]/INT {amount} . [Sleep]/OUT improved .")
    return [*texts, "[Patients]/POP aged 5 years had no [fever]/OUT .", "Nothing was found ."]


def record(words, inside, **more):
    """A test document with one intervention (a range of tokens)."""
    labels = ["O"] * len(words)
    labels[inside.start : inside.stop] = ["B-INT", *["I-INT"] * (len(inside) - 1)]
    return {"tokens": words, "labels": labels, **more}


def make_records():
    found = []
    for number in range(12):
        words = f"Adults with asthma were given {DRUGS[number % 5]} {AMOUNTS[number % 8]} . Pain fell .".split(" ")
        size = len(AMOUNTS[number % 8].split(" "))
        found.append(record(words, range(5, 6)))  # dosages are outside
        if number % 2:  # for others, they are inside in half of the documents
            inside = range(5, 6 + size) if number % 4 == 1 else range(5, 6)
            found[-1]["ref_labels"] = record(words, inside)["labels"]
    return found


def write(path, records):
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf8") as file:
        file.write("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """Two half-trained pipelines with IO labels and an exact index."""
    folder = tmp_path_factory.mktemp("dosage")
    examples = make_examples(training_texts())
    DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(folder / "train.spacy")
    for seed in (0, 1):
        make_tagger(examples, steps=12, seed=seed, scheme="IO").to_disk(folder / f"model-{seed}")
        output = folder / f"indexed-{seed}"
        index(str(folder / f"model-{seed}"), folder / "train.spacy", output, l2=1.0, unit="token", dtype="float32")
    return [str(folder / f"indexed-{seed}") for seed in (0, 1)]


def run(experiment, folder, said=None):
    return experiment.run(folder, lambda work, **_: work, (said if said is not None else []).append)


def rows_of(result):
    return {row.key: row for row in result.rows}


@pytest.fixture(scope="module")
def result(pipelines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return run(Dosage(pipelines, write(folder / "test.jsonl.gz", make_records())), folder)


def test_every_column_of_the_table(result):
    rows = rows_of(result)
    assert len(rows) == len(result.rows) == 2 * 2 * (5 * 6 + 3) + 2
    for row in result.rows:
        assert row.count > 0, row.key
        assert 0.0 <= row.measured.low <= row.measured.mean <= row.measured.high <= 1.0, row.key
        assert len(row.by_seed) == 2
        assert "One training seed" not in row.note
    pair = rows["labels_gold_segment_conflicting_token"]
    assert (pair.published, pair.goal) == (0.854, ">= 0.90")
    assert rows["labels_predicted_segment_conflicting_token"].goal == ""
    assert rows["labels_gold_instance_conflicting_example"].published == 0.354
    assert rows["ref_labels_token_f1"].count == 6 and rows["labels_token_f1"].count == 12
    json.dumps(result.as_dict(), allow_nan=False)


def test_columns_agree_with_each_other(result):
    rows = rows_of(result)
    for labels in ("labels", "ref_labels"):
        for explained in ("gold", "predicted"):
            for method in (
                "segment",
                "segment_identity_dot",
                "segment_identity_cosine",
                "segment_emissions_cosine",
                "nearest_neighbours",
            ):
                name = f"{labels}_{explained}_{method}"
                for column in ("supporting", "opposing", "conflicting"):
                    token, example = rows[f"{name}_{column}_token"], rows[f"{name}_{column}_example"]
                    assert token.measured.mean <= example.measured.mean
                    assert token.base_rate <= example.base_rate
                for level in ("token", "example"):
                    single = [rows[f"{name}_{side}_{level}"] for side in ("supporting", "opposing")]
                    pair = rows[f"{name}_conflicting_{level}"]
                    assert pair.measured.mean <= min(row.measured.mean for row in single)
                    assert pair.base_rate == pytest.approx(single[0].base_rate * single[1].base_rate)


def test_nearest_neighbours_by_hand(pipelines, result):
    """Recompute two columns from vectors, labels and texts of the index."""
    nlp = spacy.load(pipelines[0])
    tagger, kept = nlp.get_pipe("crf_tagger"), nlp.get_pipe("influence").index
    vectors = kept.data.features / numpy.linalg.norm(kept.data.features, axis=1, keepdims=True)
    outside, inside = tagger.scheme.index["O"], tagger.scheme.index["I-INT"]
    in_dosage = []
    for number in range(len(kept.data.lengths)):
        words, _ = kept.words(number)
        start = words.index("given") + 2 if "given" in words else len(words)  # after the drug
        in_dosage += [start <= place < words.index(".") for place in range(len(words))]
    hits = []
    for each in make_records():
        (prediction,) = tagger.predict([Doc(nlp.vocab, words=each["tokens"])])
        last = each["tokens"].index(".") - 1
        if prediction.tags[last] == inside:
            likeness = vectors @ prediction.features[last]
            same = numpy.where(kept.labels == outside, likeness, -numpy.inf).argmax()
            other = numpy.where(kept.labels != outside, likeness, -numpy.inf).argmax()
            hits.append([in_dosage[same], in_dosage[other] and kept.labels[other] == inside])
    for side, share in zip(("supporting", "opposing"), numpy.mean(hits, axis=0)):
        assert rows_of(result)[f"labels_gold_nearest_neighbours_{side}_token"].by_seed[0] == pytest.approx(share)


def test_finished_pipelines_are_not_asked_again(pipelines, tmp_path, monkeypatch):
    test = write(tmp_path / "test.jsonl.gz", make_records())
    alone = run(Dosage(pipelines[:1], test), tmp_path)
    assert all("One training seed only" in row.note for row in alone.rows)
    asked = []
    monkeypatch.setattr(dosage_pipeline, "_answers", lambda *arguments: asked.append(1) or ANSWERS(*arguments))
    said = []
    again = run(Dosage(pipelines, test), tmp_path, said)
    assert len(asked) == 1 and len(said) == 2
    for key, row in rows_of(again).items():
        assert list(row.by_seed)[:1] == list(rows_of(alone)[key].by_seed)
    run(Dosage(pipelines[:1], test, window=0), tmp_path)
    assert len(asked) == 2


def test_without_the_other_labels(pipelines, tmp_path):
    records = [{key: each[key] for key in ("tokens", "labels")} for each in make_records()]
    rows = rows_of(run(Dosage(pipelines[:1], write(tmp_path / "test.jsonl.gz", records)), tmp_path))
    assert rows["labels_gold_segment_conflicting_token"].count > 0
    for key, row in rows.items():
        if key.startswith("ref_labels"):
            assert numpy.isnan(row.measured.mean) and row.count == 0
            assert "so there is nothing to judge" in row.note or "No test document has ref_labels" in row.note


def test_no_queries_at_all(pipelines, tmp_path):
    """All dosages are where they are predicted: that is a finding, not an error."""
    words = ["Adults", "were", "given", "Veltrin", "5", "mg", "."]
    test = write(tmp_path / "test.jsonl", [record(words, range(3, 6))])
    result = run(Dosage(pipelines, test), tmp_path)
    for row in result.rows:
        if not row.key.endswith("f1"):
            assert numpy.isnan(row.measured.mean) and row.count == 0 and "nothing to judge" in row.note
            assert not row.reached
    json.dumps(result.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "line, problem",
    [
        ("{", "line 1 column 2"),
        ("[]", "no JSON object"),
        ('{"tokens": ["a"]}', "no list of strings 'labels'"),
        ('{"tokens": ["a"], "labels": ["O", "O"]}', "1 tokens but 2 'labels'"),
        ('{"tokens": ["a"], "labels": ["O"], "ref_labels": []}', "1 tokens but 0 'ref_labels'"),
    ],
)
def test_unusable_lines(tmp_path, line, problem):
    path = tmp_path / "test.jsonl"
    path.write_text('{"tokens": [], "labels": []}\n\n' + line, encoding="utf8")
    with pytest.raises(ValueError, match=r"S133.*line 3: .*" + problem):
        Dosage(["a"], str(path)).run(tmp_path, lambda work, **_: work, print)


def test_unusable_files(tmp_path):
    def run(path):
        Dosage(["a"], str(path)).run(tmp_path, lambda work, **_: work, print)

    with pytest.raises(ValueError, match="S130"):
        run(tmp_path / "missing.jsonl.gz")
    (tmp_path / "test.jsonl.gz").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"S133.*gzip"):
        run(tmp_path / "test.jsonl.gz")
    (tmp_path / "empty.jsonl").write_text("", encoding="utf8")
    with pytest.raises(ValueError, match="S041"):
        run(tmp_path / "empty.jsonl")


@pytest.mark.parametrize("settings", [{"pipelines": []}, {"pipelines": ["a", "a"]}, {"window": -1}])
def test_unusable_settings(settings):
    with pytest.raises(ValueError, match="S162"):
        Dosage(**{"pipelines": ["a"], "test": "b", **settings})


def test_pipelines_that_can_not_be_asked(pipelines, exact_path, model_path, tmp_path):
    test = write(tmp_path / "test.jsonl.gz", make_records())
    with pytest.raises(ValueError, match=r"S161.*BIO"):
        run(Dosage([str(exact_path)], test), tmp_path)
    with pytest.raises(ValueError, match="S030"):
        run(Dosage([str(model_path)], test), tmp_path)
    unknown = write(tmp_path / "unknown.jsonl.gz", [{"tokens": ["5", "mg"], "labels": ["B-DRUG", "I-DRUG"]}])
    with pytest.raises(ValueError, match=r"S161.*DRUG"):
        run(Dosage(pipelines[:1], unknown), tmp_path)


def test_references_and_base_rates_by_hand():
    words = [["5", "mg", "a", "2", "g"], [], ["b", "1", "ml", "c"]]
    labels = numpy.array([1, 1, 1, 0, 0, 0, 1, 0, 1])  # the last token of "1 ml" is outside
    dosages = Dosages.find(words, labels, [5, 0, 4], 1, 10)
    assert dosages.segments.tolist() == [[0, 0, 2], [0, 3, 5], [2, 1, 3]]
    references = numpy.array([-1, 0, 2, 3, 5, 6, 8])
    outside = right_references(dosages, 0, references)
    assert outside["token"].tolist() == [False, False, False, True, False, True, False]
    assert outside["example"].tolist() == [False, True, True, True, True, True, True]
    inside = right_references(dosages, 1, references)
    assert inside["token"].tolist() == [False, True, False, False, False, False, False]
    assert inside["example"].tolist() == [False, True, True, True, False, False, False]
    whole = right_references(dosages, 1, numpy.array([-1, 0, 1, 2]), by_document=True)
    assert {name: values.tolist() for name, values in whole.items()} == {"example": [False, True, False, False]}
    assert base_rates(dosages, 1) == {
        "token": 2 / 5,
        "example": 3 / 5,
        "any_token": 2 / 9,
        "example_of_any_token": 5 / 9,
        "example_of_any_document": 1 / 3,
    }


def test_a_dosage_far_from_interventions_is_none():
    words = [["5", "mg", "a", "b", "c", "d"]]
    labels = numpy.array([0, 0, 0, 0, 1, 0])
    assert [len(Dosages.find(words, labels, [6], 1, window).segments) for window in (2, 3)] == [0, 1]


def test_the_config_is_the_experiment():
    config = load_config(Path(__file__).parents[3] / "configs" / "paper" / "dosage.cfg")
    experiment = registry.resolve(config)["experiment"]
    assert isinstance(experiment, Dosage)
    assert experiment.pipelines == ["training/paper/ebm_nlp_0/indexed"]  # what the workflow makes
