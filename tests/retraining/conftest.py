"""Fixtures of trainings that are repeated."""

from __future__ import annotations

import shutil

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.loop import training

from ..influence.fixtures import exact_nlp, exact_path, model_path, paper_path, unsure_nlp

__all__ = ["exact_nlp", "exact_path", "model_path", "paper_path", "unsure_nlp"]


@pytest.fixture
def trained(exact_path, tagger_nlp, monkeypatch):
    """Trainings are left out: the first seed gives the pipeline that there is, others one that knows nothing. The list
    has, for each, its seed and its corpus."""
    runs = []

    def train(config, output, corpus, overrides, gpu_id):
        docs = list(DocBin(store_user_data=True).from_disk(corpus).get_docs(spacy.blank("en").vocab))
        runs.append((overrides["training.seed"], docs))
        shutil.copytree(exact_path, output / "model-last")
        if overrides["training.seed"]:
            tagger = spacy.load(exact_path).get_pipe("crf_tagger")
            for node in tagger.model.get_ref("output_layer").walk():
                for name in node.param_names:
                    node.set_param(name, 0 * node.get_param(name))
            tagger.to_disk(output / "model-last" / "crf_tagger")
        return output / "model-last"

    monkeypatch.setattr(training, "train_again", train)
    return runs
