"""Causes of wrong predictions: what each means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING_NEAR, CONTRADICTED, MISLABELLED = "nothing near", "contradicted", "mislabelled"
BOUNDARY, UNCLEAR, SEED = "boundary habit", "luck or unclear", "decided by the seed"
SINGLE_TAGS = "python -m spacy seginf scores {pipeline} --level token"  # labels that are no entities can't be ranked


@dataclass(frozen=True)
class Cause:
    """meaning, advice (str): sentences. command (str): with {pipeline} and {corpus}; "" if none helps."""

    meaning: str
    advice: str
    command: str = ""


CAUSES: dict[str, Cause] = {
    MISLABELLED: Cause(
        "Training labels like it say what was predicted, and may be wrong themselves.",
        "Look at the labels that are named, and correct those that are wrong. Where they are right, the tagger takes a "
        "likeness too far: annotate more texts like this one.",
        "python -m spacy seginf explain {pipeline} {corpus} --errors --decisions proposed.jsonl\n"
        "python -m spacy seginf apply TRAIN.spacy FIXED.spacy proposed.jsonl --dry-run",
    ),
    CONTRADICTED: Cause(
        "Training labels like it say both: what was predicted, and what is right.",
        "Decide which is right, write it into the guideline, and put the other labels right.",
        "python -m spacy seginf rank {pipeline} TRAIN.spacy --mistakes {corpus}",
    ),
    BOUNDARY: Cause(
        "Training labels like it begin or end where the prediction does.",
        "Decide where such entities begin and end, and put the labels right that are named.",
        "python -m spacy seginf explain {pipeline} {corpus} --errors --decisions proposed.jsonl\n"
        "python -m spacy seginf apply TRAIN.spacy FIXED.spacy proposed.jsonl --dry-run",
    ),
    NOTHING_NEAR: Cause(
        "No training label like it says what is right.",
        "Annotate more texts like these, add them to the training corpus, and train again.",
    ),
    SEED: Cause(
        "Most trainings that differ in nothing but the seed do not make this mistake.",
        "Change no labels for its sake: more labels like what is right would settle it.",
    ),
    UNCLEAR: Cause(
        "Most training labels near it say what is right, or they say nothing clear.",
        "Train with another seed, or longer: there is little in the labels to put right.",
    ),
}
