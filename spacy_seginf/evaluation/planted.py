"""Planted systematic errors: where they are in the training corpus, and which predictions they made wrong.

A *culprit* is a training token inside a planted systematic error. A *victim* is a test token that is wrong with the
planted confusion when the tagger was trained on the planted labels, and right when it was trained on the truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..inputs import lines_of
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import read_as
from ..text_lines import without_bom_bytes

# kind: (true entity type, entity type it is confused with); "" is no entity
CONFUSIONS = {"club_as_loc": ("ORG", "LOC"), "dosage_in_intervention": ("", "INT")}


@dataclass(frozen=True)
class Victim:
    """A test token that a planted error made wrong."""

    document: int
    token: int
    text: str
    kind: str
    label: str  # wrong tag that was predicted


def read_culprits(train: Path) -> dict[tuple[str, int], str]:
    """Read which training tokens lie in planted systematic errors: (document id, token) -> kind.

    RAISES (ValueError): S040 if there is no file, S093 if it lists none.
    """
    culprits = {}
    try:
        for number, line in enumerate(lines_of(train), start=1):
            record = json.loads(without_bom_bytes(line, number))
            for planted in record["planted"]:
                if planted["kind"] in CONFUSIONS:
                    for token in range(planted["start"], planted["end"]):
                        culprits[record["id"], token] = planted["kind"]
    except FileNotFoundError:
        raise SeginfError(Errors.S040.format(what="list of planted errors", path=train)) from None
    except (OSError, EOFError, LookupError, TypeError, ValueError) as error:
        raise SeginfError(Errors.S093.format(path=train, problem=f"it lists no planted errors ({error!r})")) from None
    return culprits


def find_victims(
    docs: Sequence[Doc],
    planted: Sequence[Sequence[str]],
    truth: Sequence[Sequence[str]],
    confusions: Mapping[str, tuple[str, str]] = CONFUSIONS,
) -> list[Victim]:
    """Compare predictions with the annotation of test documents.

    docs (sequence of Doc): gold documents.
    planted, truth (tags per document): predictions after training on the planted labels and on the truth.
    confusions: true type and wrong one by kind of error; "" is no entity.
    """
    victims = []
    for number, doc in enumerate(docs):
        for token, wrong, right in zip(doc, planted[number], truth[number]):
            gold = f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"
            for kind, (true_type, confused) in confusions.items():
                if gold[2:] == true_type and wrong[2:] == confused and right == gold:
                    victims.append(Victim(number, token.i, token.text, kind, wrong))
    return victims


def predict_tags(nlp: Language, docs: Sequence[Doc]) -> list[list[str]]:
    """Tag copies of documents, without explanations; return their tags."""
    with nlp.select_pipes(disable=[name for name, component in nlp.pipeline if isinstance(component, Influence)]):
        return [tags_of(nlp, doc) for doc in nlp.pipe([read_as(nlp, doc) for doc in docs])]


def tags_of(nlp: Language, doc: Doc) -> list[str]:
    """Return the tags that a pipeline's tagger has for the entities of a document."""
    tagger = next(component for _, component in nlp.pipeline if isinstance(component, CRFTagger))
    tags = ["O"] * len(doc)
    for ent in tagger.target.read(doc):
        tags[ent.start : ent.end] = [tagger.tags[tag] for tag in tagger.scheme.entity_tags(ent.label_, len(ent))]
    return tags
