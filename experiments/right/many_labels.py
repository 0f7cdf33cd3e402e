"""Index a corpus with many entity types, and print what that took: a process of its own, so that its peak counts.

python many_labels.py FOLDER TYPES WIDTH DOCUMENTS LONGEST [CURVATURE]
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_seginf.api.index import build_index as index
from spacy_seginf.influence.cost import CorpusSize, estimate


def sentence(types: int, length: int, draw: random.Random) -> tuple[list[str], list[str]]:
    """Make words and tags: entities of one to three tokens between others."""
    words: list[str] = []
    tags: list[str] = []
    while len(words) < length:
        others = draw.randint(1, 4)
        words += draw.choices(["the", "here", "is", "of", "said"], k=others)
        kind, size = draw.randrange(types), draw.randint(1, 3)
        words += [f"w{kind}x{draw.randrange(3)}" for _ in range(size)]
        tags += ["O"] * others + [f"B-T{kind:03}"] + [f"I-T{kind:03}"] * (size - 1)
    return words, tags


def trained(types: int, width: int, documents: int, longest: int) -> tuple[Language, list[Doc]]:
    """Train a tagger a little; return the pipeline and its corpus, in which each type occurs."""
    draw = random.Random(0)
    data = [sentence(types, draw.randint(4, 8), draw) for _ in range(documents)]
    data.append(sentence(types, longest, draw))
    for kind in range(types):
        data.append((["The", f"w{kind}x0", f"w{kind}x1", "."], ["O", f"B-T{kind:03}", f"I-T{kind:03}", "O"]))
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": width,
        "depth": 1,
        "embed_size": 1000,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": False,
    }
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"model": {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": tok2vec}})
    docs = [Doc(nlp.vocab, words=words, ents=tags) for words, tags in data]
    examples = [Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(2):
        nlp.update(examples[:50], sgd=optimizer)
    return nlp, docs


def peak() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    folder, (types, width, documents, longest) = Path(sys.argv[1]), map(int, sys.argv[2:6])
    settings: dict[str, Any] = {"curvature": sys.argv[6]} if len(sys.argv) > 6 else {}
    nlp, docs = trained(types, width, documents, longest)
    nlp.to_disk(folder / "model")
    DocBin(docs=docs).to_disk(folder / "train.spacy")
    tokens, entities = sum(map(len, docs)), sum(len(doc.ents) for doc in docs)
    tagger: Any = nlp.get_pipe("crf_tagger")
    labels = len(tagger.tags)
    size = CorpusSize(labels, width, tokens, max(map(len, docs)), entities)
    before, start = peak(), time.process_time()
    index(str(folder / "model"), folder / "train.spacy", folder / "indexed", silent=False, **settings)
    figures: dict[str, float] = {"seconds": time.process_time() - start, "before": before, "peak": peak()}
    figures["estimate"] = estimate(size, settings.get("curvature", "exact"), "float16").memory
    files = (path for path in (folder / "indexed" / "influence").rglob("*") if path.is_file())
    figures["disk"] = sum(path.stat().st_size for path in files)
    figures["estimated_disk"] = estimate(size, settings.get("curvature", "exact"), "float16").disk
    doc = spacy.load(folder / "indexed")("The w1x0 w1x1 .")
    figures["explained"], figures["labels"] = len(doc[0]._.influencers.supporting), labels
    figures["peak_explaining"] = peak()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
