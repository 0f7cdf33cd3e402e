"""Planting an artifact: what changes in a corpus, and what does not."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from experiments.paper.artifact.planting import artifact_of, plant_artifacts

from ...cli.running import run_experiments


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def numbered(vocab, count):
    """Documents of four tokens, an entity of two among them."""
    words = [[f"w{number}", "Ada", "Lind", "."] for number in range(count)]
    docs = [Doc(vocab, words=own, ents=["O", "B-LOC", "I-LOC", "O"]) for own in words]
    for number, doc in enumerate(docs):
        doc.user_data["id"] = f"d{number}"
    return docs


def tags(doc):
    return [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else token.ent_iob_ for token in doc]


def words(doc):
    return [token.text for token in doc]


@pytest.mark.parametrize("count, share, planted", [(40, 0.1, 4), (40, 0.25, 10), (44, 0.1, 4), (7, 1.0, 7)])
def test_the_share_is_exact_and_everything_else_stays(vocab, count, share, planted):
    before = numbered(vocab, count)
    after = plant_artifacts(before, 3, share=share)
    assert [doc.user_data["id"] for doc in after] == [f"d{number}" for number in range(count)]
    assert sum(artifact_of(doc) is not None for doc in after) == planted
    for old, new in zip(before, after):
        place = artifact_of(new)
        if place is None:
            assert new is old
            continue
        assert words(new) == [*words(old)[:place], "special", *words(old)[place:]]
        assert tags(new) == [*tags(old)[:place], "O", "B-PER", *tags(old)[place + 1 :]]
        assert place in (0, 3)  # never inside the entity, never before it
        assert new.has_unknown_spaces
        assert artifact_of(old) is None


def test_the_seed_decides(vocab):
    def drawn(seed):
        return [artifact_of(doc) for doc in plant_artifacts(numbered(vocab, 60), seed, share=0.3)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert set(drawn(1)) == {None, 0, 3}


def test_the_word_and_the_label_are_settings(vocab):
    (doc,) = plant_artifacts(numbered(vocab, 1), 0, share=1.0, word="behold", label="LOC")
    place = artifact_of(doc)
    assert doc[place].text == "behold"
    assert doc[place + 1].ent_type_ == "LOC"


def test_neighbouring_entities_stay_apart(vocab):
    doc = Doc(vocab, words=["Ada", "saw", "Jonas"], ents=["B-PER", "O", "B-PER"])
    (new,) = plant_artifacts([doc], 0, share=1.0)
    assert [(ent.text, ent.label_) for ent in new.ents] == [("Ada", "PER"), ("saw", "PER"), ("Jonas", "PER")]


def test_documents_that_can_not_be_drawn_stay(vocab):
    empty, named, silent = Doc(vocab), Doc(vocab, words=["Ada"], ents=["B-PER"]), Doc(vocab, words=["It", "rained"])
    partly = Doc(vocab, words=["Ada", "saw", "it"], ents=["B-PER", "O", None])
    docs = [empty, named, silent, partly]
    after = plant_artifacts(docs, 0, share=1.0)
    assert after[:3] == docs[:3]
    assert tags(after[3]) == ["B-PER", "O", "B-PER", ""]  # a missing label stays missing, and is never drawn


def test_a_word_that_is_there_already_is_no_artifact(vocab):
    doc = Doc(vocab, words=["special", "Ada", "special"], ents=["B-PER", "I-PER", "O"])
    (new,) = plant_artifacts([doc], 0, share=1.0)
    assert artifact_of(new) == 2
    assert words(new) == ["special", "Ada", "special", "special"]
    assert tags(new) == ["B-PER", "I-PER", "O", "B-PER"]


def test_spaces_and_sentences_are_kept(vocab):
    parts = {"words": ["(", "so", ")", "Yes"], "spaces": [False, False, True, False]}
    for place, text, starts in (
        (0, "special (so) Yes", [True, False, False, False, True]),
        (1, "( special so) Yes", [True, False, False, False, True]),
        (3, "(so) special Yes", [True, False, False, True, False]),
    ):
        ents = ["O" if token == place else "B-LOC" for token in range(4)]
        doc = Doc(vocab, **parts, ents=ents, sent_starts=[True, False, False, True])
        (new,) = plant_artifacts([doc], 0, share=1.0)
        assert new.text == text
        assert not new.has_unknown_spaces
        assert [token.is_sent_start for token in new] == starts


def test_what_can_not_be_planted(vocab):
    docs = numbered(vocab, 4)
    with pytest.raises(ValueError, match=r"S140.*Document 1 "):
        plant_artifacts(plant_artifacts(docs, 0, share=1.0), 0, share=1.0)
    for settings in ({"share": 0.0}, {"share": 1.1}, {"word": "two words"}, {"word": ""}, {"label": " "}):
        with pytest.raises(ValueError, match=f"S141.*{next(iter(settings))}"):
            plant_artifacts(docs, 0, **settings)
    for unfit in ([], docs, [Doc(vocab, words=["It", "rained"])] * 10):
        with pytest.raises(ValueError, match="S142"):
            plant_artifacts(unfit, 0, share=0.1)


def test_the_command_writes_a_corpus_and_replaces_one(vocab, tmp_path):
    source, target = tmp_path / "train.spacy", tmp_path / "out" / "train.spacy"
    DocBin(docs=numbered(vocab, 20), store_user_data=True).to_disk(source)
    for seed in (4, 5):
        code, output = run_experiments("plant-artifact", source, target, "--seed", seed)
        assert code == 0
        assert "'special' before a PER in 2 of 20 documents" in output
        read = list(DocBin().from_disk(target).get_docs(vocab))
        expected = plant_artifacts(numbered(vocab, 20), seed)
        for found, wanted in zip(read, expected, strict=True):
            assert (words(found), tags(found), found.user_data) == (words(wanted), tags(wanted), wanted.user_data)
            assert found.has_unknown_spaces
    assert [path.name for path in target.parent.iterdir()] == ["train.spacy"]


def test_the_command_leaves_what_is_there_when_it_fails(vocab, tmp_path):
    source, target = tmp_path / "train.spacy", tmp_path / "planted.spacy"
    DocBin(docs=numbered(vocab, 2), store_user_data=True).to_disk(source)
    target.write_bytes(b"old")
    for arguments, message in (
        ((source, target, "--share", 0.1), "S142"),
        ((source, source, "--share", 1), "S143"),
        ((tmp_path / "nowhere.spacy", target), "S040"),
    ):
        code, output = run_experiments("plant-artifact", *arguments)
        assert code == 1
        assert message in output
    assert target.read_bytes() == b"old"
    assert source.stat().st_size > 100
