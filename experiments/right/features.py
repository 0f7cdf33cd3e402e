"""Does every second reading of a text find the features that the pipeline found? In five languages, for texts with
contractions, abbreviations and addresses, with and without components before the tagger: the largest difference.

OMP_NUM_THREADS=1 python -m experiments.right.features
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.util import fix_random_seed

from spacy_seginf.api.index import build_index as index
from spacy_seginf.curation.texts import trusted_texts
from spacy_seginf.evaluation.problem import decoded
from spacy_seginf.explanation.method_explainer import IndexedDocs
from spacy_seginf.index.documents import Documents, Source
from spacy_seginf.indexing.shard_tasks import EncodeTask, encode_remotely, pack_docs
from spacy_seginf.tagger.corpus import read_corpus, read_judging
from spacy_seginf.tagger.encoding import bare_copy, encode, example_of
from spacy_seginf.tagger.head import head_of, on_cpu

from ..common.reporting import finish, one_thread, parse_arguments, print_table

TEXTS = {
    "en": ["I'm sure they won't, isn't it? See https://a.example/b?c.", "Mr. O'Hara left in Jan. at 5p.m., didn't he?"],
    "de": ["Das ist z.B. Dr. Huber, s. www.huber.example!", "Wie geht's dir? Am 3. Jan. um 5 Uhr, d.h. heute."],
    "fr": ["Aujourd'hui, l'abbé M. Dupont n'est pas là.", "Voir https://a.example/x, c'est-à-dire p. 5."],
    "ar": ["ذهب د. سامي إلى المدرسة.", "انظر https://a.example/ب الآن."],
    "zh": ["他在北京工作。", "见 https://a.example/b 吧。"],
}
ATTRIBUTES = ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "SENT_START"]


def make_pipeline(lang: str, components: bool) -> Language:
    """Make a tagger with random weights that reads all of ATTRIBUTES."""
    fix_random_seed(0)
    nlp = spacy.blank(lang)
    if components:
        nlp.add_pipe("sentencizer")
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 32, "attrs": ATTRIBUTES, "rows": [500] * 6}
    layers = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 32, "depth": 2, "window_size": 1}
    encoder = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {**embed, "include_static_vectors": False},
        "encode": {**layers, "maxout_pieces": 2},
    }
    nlp.add_pipe("crf_tagger", config={"model": {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": encoder}})
    nlp.initialize(lambda: [example_of(nlp, doc) for doc in annotated(nlp, lang)])
    return nlp


def annotated(nlp: Language, lang: str) -> list[Doc]:
    """Tokenize the texts, and label a token of each."""
    docs = [nlp.make_doc(text) for text in TEXTS[lang]]
    for number, doc in enumerate(docs):
        doc.set_ents([Span(doc, 1, 2, label="A")], default="outside")
        doc.user_data["id"] = f"{lang}-{number}"
    return docs


def of_pipeline(nlp: Language, texts: Sequence[str]) -> list[numpy.ndarray]:
    """Record the features that `nlp` tags by."""
    tagger: Any = nlp.get_pipe("crf_tagger")
    seen: list[numpy.ndarray] = []
    predict = tagger.predict

    def recorded(docs: Any) -> Any:
        found = predict(docs)
        seen.extend(on_cpu(prediction.features) for prediction in found)
        return found

    tagger.predict = recorded
    try:
        for text in texts:
            nlp(text)
    finally:
        del tagger.predict
    return seen


def readings(lang: str, components: bool, folder: Path) -> tuple[numpy.ndarray, dict[str, numpy.ndarray]]:
    """Read the texts in every way there is. RETURNS: the features of the pipeline, and by way (tokens x width)."""
    nlp = make_pipeline(lang, components)
    nlp.to_disk(folder / "model")
    gold = annotated(nlp, lang)
    corpus = folder / "corpus.spacy"
    DocBin(docs=gold, store_user_data=True).to_disk(corpus)
    index(str(folder / "model"), corpus, folder / "indexed", dev=corpus, l2=10.0, dtype="float32")
    indexed = spacy.load(folder / "indexed")
    influence: Any = indexed.get_pipe("influence")
    tagger: Any = indexed.get_pipe("crf_tagger")
    explained = [indexed(text) for text in TEXTS[lang]]
    head = head_of(tagger.model)

    def encoded(docs: Sequence[Doc]) -> numpy.ndarray:
        return numpy.concatenate([on_cpu(rows) for rows in encode(indexed, tagger, docs)])

    def remote() -> numpy.ndarray:
        docs = [text.example.predicted for text in read_corpus(indexed, corpus)]
        allowed = numpy.ones((1, len(tagger.tags)), dtype=bool)
        sources = [Source("", doc.text, [(0, 0)] * len(doc), allowed.repeat(len(doc), axis=0)) for doc in docs]
        task = EncodeTask(folder / "shard", "", "float32", pack_docs(docs), sources, folder / "indexed", "crf_tagger")
        encode_remotely(task)
        return Documents(folder / "shard").data.features[:]

    ways: dict[str, Callable[[], numpy.ndarray]] = {
        "explain, verify": lambda: numpy.concatenate([influence.query(doc, doc)[0].features for doc in explained]),
        "index": lambda: influence.index.data.features,
        "--dev": lambda: encoded([text.example.predicted for text in read_judging(indexed, tagger, corpus)]),
        "--clean": lambda: (
            trusted_texts(indexed, [text.example for text in read_corpus(indexed, corpus)]).data.features
        ),
        "referee": lambda: decoded(indexed, tagger, gold, head).data.features,
        "documents of the index": lambda: encoded(
            [bare_copy(indexed, doc) for doc in IndexedDocs(influence.index, indexed.vocab)]
        ),
        "--scheduler": remote,
    }
    return numpy.concatenate(of_pipeline(indexed, TEXTS[lang])), {name: way() for name, way in ways.items()}


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    worst: dict[str, dict[str, float]] = {}
    tokens = 0
    for lang in ["en", "zh"] if arguments.quick else TEXTS:
        for components in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                expected, found = readings(lang, components, Path(folder))
            tokens += len(expected)
            for way, features in found.items():
                error = float(numpy.abs(features - expected).max()) if features.shape == expected.shape else numpy.inf
                own = worst.setdefault(way, {})
                own[lang] = max(own.get(lang, 0.0), error)
    print_table(["reading", *next(iter(worst.values()))], [[way, *own.values()] for way, own in worst.items()])
    figures: dict[str, Any] = {"feature_error_max": max(error for own in worst.values() for error in own.values())}
    figures["by_reading"] = {way: max(own.values()) for way, own in worst.items()}
    finish("right_features", figures, quick=arguments.quick, rows=tokens, seeds=[0])


if __name__ == "__main__":
    main()
