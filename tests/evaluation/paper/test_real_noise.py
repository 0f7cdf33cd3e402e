"""Section 6.1 on an invented corpus: what is chosen on dev, and what is reported."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from experiments.paper.noise import pipeline as noise_pipeline
from experiments.paper.noise import trusted as noise_trusted
from experiments.paper.noise.choice import LEARNED, PLAIN, choose
from experiments.paper.noise.pipeline import Reviewed
from experiments.paper.noise.real_noise import FIGURE, RealNoise
from experiments.paper.noise.sources import annotated, with_unseen
from experiments.paper.noise.trusted import (
    TRUSTED,
    UNSEEN,
    UNSEEN_TRUSTED,
    Unseeing,
    parts_of,
    trusted_scores,
    unseen_scores,
)
from experiments.paper.noise.truth import Truth, read_corrected
from spacy_seginf.curation.texts import checkpoint_marginals

from .noisy_corpora import dev_records, noisy_records, run, write

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(scope="module")
def settings(noisy_pipelines, noisy_paths):
    return {"pipelines": noisy_pipelines, **noisy_paths, "clean_documents": 4, "spans": 12}


@pytest.fixture(scope="module")
def finished(settings, tmp_path_factory):
    """A result and the folder of its run."""
    folder = tmp_path_factory.mktemp("real")
    return run(RealNoise(**settings), folder), folder


def test_rows(finished):
    result, folder = finished
    rows = {row.key: row for row in result.rows}
    assert len(rows) == len(result.rows)
    json.dumps(result.as_dict(), allow_nan=False)
    assert (folder / FIGURE).stat().st_size > 1000 and list(result.figures) == [FIGURE]
    assert rows["chosen_auroc"].goal == ">= 0.86" and rows["chosen_average_precision"].goal == ">= 0.55"
    assert rows["instance_loss_auroc"].published == 0.823 and rows["instance_loss_auroc"].base_rate == 0.5
    counted = [each for each in noisy_records() if each.get("in_paper", True)]
    wrong = [each for each in counted if each["labels"] != each["gold_labels"]]
    assert rows["chosen_average_precision"].base_rate == pytest.approx(len(wrong) / len(counted))
    assert len(rows["chosen_auroc"].by_seed) == 2 and len(rows["segment_influence_mean_auroc"].by_seed) == 6
    best = max(row.measured.mean for key, row in rows.items() if key.endswith("_auroc"))
    assert rows["hindsight_auroc"].measured.mean == best > 0.7
    for row in result.rows:
        assert math.isnan(row.measured.low) or row.measured.low <= row.measured.mean <= row.measured.high, row.key
    gain = rows["token_chosen_average_precision"].measured.mean - rows["token_cleanlab_average_precision"].measured.mean
    assert rows["token_gain_over_cleanlab"].measured.mean == pytest.approx(gain)
    assert rows["test_f1_gain_all"].measured.mean == pytest.approx(
        rows["test_f1_all"].measured.mean - rows["test_f1_nothing"].measured.mean
    )
    assert rows["test_f1_gain_all"].measured.mean > 0
    assert result.facts["counts"][0]["documents"] == len(counted)
    assert not any(result.facts["fits_not_converged"])


def test_an_interrupted_run_goes_on(finished, settings, monkeypatch):
    result, folder = finished
    kept = sorted(folder.glob("*.json"))
    assert len(kept) == 2 + 6
    monkeypatch.setattr(Reviewed, "fix", None)  # not needed again
    said = []
    again = run(RealNoise(**settings), folder, said)
    assert len(said) == 2 * (1 + 1 + 3) and "draw 2" in said[-1]
    assert again.as_dict() == result.as_dict()
    monkeypatch.undo()
    for name in ("judged", "clean"):
        next(path for path in kept if path.name.startswith(name)).unlink()
    assert {row.key: row.by_seed for row in run(RealNoise(**settings), folder).rows} == {
        row.key: row.by_seed for row in result.rows
    }


def test_what_is_chosen_knows_nothing_of_the_training_corrections(settings, tmp_path):
    """Training labels whose corrections are others are scored alike."""
    records = noisy_records()
    generator = numpy.random.default_rng(0)
    shuffled = [{**each, "gold_labels": generator.permutation(each["gold_labels"]).tolist()} for each in records]
    dev = dev_records()
    choices = []
    for given in (records, shuffled):
        reviewed = Reviewed.load(settings["pipelines"][0], given)
        both = with_unseen(reviewed.nlp, reviewed.tagger, reviewed.source, dev)
        corrected = Truth.of(dev, reviewed.source.scheme.tags)
        choices.append(choose(both, corrected, {TRUSTED: trusted_scores(both, corrected)}))
    one, other = choices
    assert (one.token, one.document, one.elsewhere) == (other.token, other.document, other.elsewhere)
    for name in (*PLAIN, LEARNED, TRUSTED):
        numpy.testing.assert_array_equal(one.tokens[name], other.tokens[name])
    changed = {
        **settings,
        "train": write(tmp_path / "train.jsonl.gz", shuffled),
        "pipelines": settings["pipelines"][:1],
    }
    result = run(RealNoise(**{**changed, "seeds": [0]}), tmp_path)
    assert result.facts["document_choice"] == [one.document] and result.facts["token_choice"] == [one.token]
    assert "one pipeline" in next(row.note for row in result.rows if row.key == "chosen_auroc")


def test_a_head_fitted_to_corrections_without_the_document(settings, monkeypatch):
    """Of a dev document, the head has not seen the correction: another one there changes nothing but the penalty."""
    monkeypatch.setattr(noise_trusted, "trusted_l2", lambda trusted: 0.3)
    reviewed = Reviewed.load(settings["pipelines"][0], noisy_records())
    dev = dev_records()
    both = with_unseen(reviewed.nlp, reviewed.tagger, reviewed.source, dev)
    tags = reviewed.source.scheme.tags
    found = trusted_scores(both, Truth.of(dev, tags))
    changed = [{**each, "gold_labels": ["O"] * len(each["tokens"])} if not n else each for n, each in enumerate(dev)]
    other = trusted_scores(both, Truth.of(changed, tags))
    first = len(reviewed.source.labels)
    rows = slice(first, first + len(dev[0]["tokens"]))
    numpy.testing.assert_allclose(found[rows], other[rows], rtol=1e-5, atol=1e-8)
    assert numpy.abs(found - other).max() > 0.01
    wrong = reviewed.truth.wrong
    assert found[:first][wrong].mean() > 2 * found[:first][~wrong].mean()


def test_every_document_is_judged_by_the_pipeline_that_has_not_seen_it(settings):
    reviewed = Reviewed.load(settings["pipelines"][0], noisy_records())
    dev = dev_records()
    both = with_unseen(reviewed.nlp, reviewed.tagger, reviewed.source, dev)
    tags = reviewed.source.scheme.tags
    pipelines = [Unseeing.load(path, reviewed.tagger, tags) for path in settings["pipelines"]]
    parts = numpy.arange(len(both.data.lengths)) % 2
    found = unseen_scores(pipelines, both, reviewed.records, dev, parts)
    docs = [annotated(reviewed.nlp, record, "labels") for record in (*reviewed.records, *dev)]
    probabilities = checkpoint_marginals([each.nlp for each in pipelines], docs, both.labels, reviewed.tagger)
    tokens = numpy.repeat(parts, both.data.lengths)
    for part, own in enumerate(probabilities):
        numpy.testing.assert_allclose(
            found[UNSEEN][tokens == part], -numpy.log(own[tokens == part]), rtol=1e-4, atol=1e-6
        )
    assert numpy.abs(probabilities[0] - probabilities[1]).max() > 0.01
    assert (found[UNSEEN_TRUSTED] > 0).all() and numpy.abs(found[UNSEEN_TRUSTED] - found[UNSEEN]).max() > 0.01


def test_parts_are_those_that_the_split_leaves_out(tmp_path):
    """Whatever the order of the index: a document belongs to the fold without which a pipeline was trained."""
    records = noisy_records()
    vocab = spacy.blank("en").vocab
    docs = [annotated(spacy.blank("en"), record, "labels") for record in records]
    for doc, record in zip(docs, records):
        doc.user_data["id"] = record["id"]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "all.spacy")
    shuffled = [records[number] for number in numpy.random.default_rng(0).permutation(len(records))]
    parts = parts_of(shuffled, records, 2)
    for fold in (0, 1):
        target = tmp_path / f"{fold}.spacy"
        command = [sys.executable, "scripts/split.py", str(tmp_path / "all.spacy"), str(target), "--fold", str(fold)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        trained = {doc.user_data["id"] for doc in DocBin().from_disk(target).get_docs(vocab)}
        judged = {record["id"] for record, part in zip(shuffled, parts) if part == fold}
        assert not trained & judged and trained | judged == {record["id"] for record in records}


def test_pipelines_that_have_not_seen_a_part(settings, tmp_path):
    result = run(RealNoise(**{**settings, "unseen_pipelines": settings["pipelines"]}), tmp_path)
    rows = {row.key: row for row in result.rows}
    for name in (TRUSTED, UNSEEN, UNSEEN_TRUSTED):
        assert rows[f"{name}_max_auroc"].by_seed and rows[f"token_{name}_average_precision"].by_seed
        assert 0 <= rows[f"on_dev_{name}_token"].measured.mean <= 1
        assert len(rows[f"on_dev_{name}_max_auroc"].by_seed) == 2
    with pytest.raises(ValueError, match=r"S157.*B-ORG"):
        Unseeing.load(settings["pipelines"][0], "crf_tagger", ["O", "B-X", "I-X"])
    with pytest.raises(ValueError, match="S040"):
        run(RealNoise(**{**settings, "unseen_pipelines": [str(tmp_path / "a"), str(tmp_path / "b")]}), tmp_path)


def test_unseen_documents_are_judged_as_they_are(settings):
    reviewed = Reviewed.load(settings["pipelines"][0], noisy_records())
    source, dev = reviewed.source, dev_records()
    both = with_unseen(reviewed.nlp, reviewed.tagger, source, dev)
    count = len(source.labels)
    numpy.testing.assert_array_equal(both.held_out[:count], source.held_out)
    rows = numpy.arange(count, len(both.labels))
    numpy.testing.assert_allclose(both.held_out[rows], both.marginals[rows, both.labels[rows]], rtol=1e-6)
    tags = source.scheme.tags
    assert [tags[label] for label in both.labels[rows]] == [label for each in dev for label in each["labels"]]
    assert list(map(list, both.words))[-1] == dev[-1]["tokens"]


def test_documents_that_do_not_match(settings, tmp_path):
    records = noisy_records()

    def load(changed):
        return Reviewed.load(settings["pipelines"][0], changed)

    with pytest.raises(ValueError, match=r"S151.*news-0"):
        load(records[1:])
    shorter = {**records[0], **{key: records[0][key][:-1] for key in ("tokens", "labels", "gold_labels")}}
    with pytest.raises(ValueError, match=r"S152.*news-0"):
        load([shorter, *records[1:]])
    with pytest.raises(ValueError, match=r"S153.*news-0"):
        load([{**records[0], "labels": ["O"] * len(records[0]["labels"])}, *records[1:]])
    with pytest.raises(ValueError, match=r"S154.*news-0.*B-XYZ"):
        load([{**records[0], "gold_labels": ["B-XYZ", *records[0]["gold_labels"][1:]]}, *records[1:]])
    assert load(records[::-1]).truth.wrong.tolist() == load(records).truth.wrong.tolist()
    for broken in ([records[0], records[0]], [{**records[0], "id": None}]):
        with pytest.raises(ValueError, match=r"S150.*line"):
            read_corrected_of(tmp_path, broken)
    with pytest.raises(ValueError, match="S133"):
        read_corrected_of(tmp_path, [{**records[0], "gold_labels": []}])
    with pytest.raises(ValueError, match="S130"):
        RealNoise(**{**settings, "dev": str(tmp_path / "none.jsonl.gz")}).run(tmp_path, None, print)


def read_corrected_of(folder, records):
    write(folder / "records.jsonl.gz", records)
    return read_corrected(folder / "records.jsonl.gz")


def test_too_few_clean_documents(settings, tmp_path):
    with pytest.raises(ValueError, match=r"S156.*6 documents.*50"):
        run(RealNoise(**{**settings, "clean_documents": 50}), tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pipelines", []),
        ("pipelines", "one"),
        ("seeds", [1, 1]),
        ("unseen_pipelines", ["one"]),
        ("unseen_pipelines", "one"),
        ("spans", 0),
        ("clean_documents", 0),
        ("default_score", "trusted_opposition"),
        ("default_how", "median"),
    ],
)
def test_settings(settings, name, value):
    with pytest.raises(ValueError, match=f"S132.*{name}"):
        RealNoise(**{**settings, name: value})


def test_another_curvature_is_refused(settings, monkeypatch):
    index = Reviewed.load(settings["pipelines"][0], noisy_records())
    assert index.truth.wrong.any()
    nlp, influence = noise_pipeline.load_indexed(settings["pipelines"][0])
    object.__setattr__(influence.index.manifest, "refit", False)
    monkeypatch.setattr(noise_pipeline, "load_indexed", lambda path: (nlp, influence))
    with pytest.raises(ValueError, match=r"S155.*not refit"):
        Reviewed.load(settings["pipelines"][0], noisy_records())
