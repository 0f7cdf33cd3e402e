"""What an index was built of is edited afterwards: that is noticed, or does not matter, or the answer is of now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import numpy
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.rank import find_label_issues as rank
from spacy_seginf.corpora.documents import Document
from spacy_seginf.corpora.formats import read_annotated
from spacy_seginf.curation.records import read_decisions
from spacy_seginf.explanation.loading import load_indexed

from .cases import Case, Cases, Wrong, answers
from .materials import TEXTS

TOP = 5


def edits(cases: Cases, rng: Random) -> Case:
    """Edit something."""
    kinds = [_weights, _weights, _labels, _vocabulary, _index_files, _index_files, _ranked_corpus, _applied_corpus]
    return rng.choice(kinds)(cases, rng)


def _same(nlp: spacy.Language, expected: Any) -> None:
    if answers(nlp) != expected:
        raise Wrong("an answer of before the edit, or of neither")


def _prepared(folder: Path) -> spacy.Language:
    nlp, influence = load_indexed(str(folder))
    influence.top_k, influence.explained = 3, "entities"
    return nlp


# The tagger


def _weights(cases: Cases, rng: Random) -> Case:
    nlp = _prepared(cases.made.indexed)
    tagger: Any = nlp.get_pipe("crf_tagger")
    places = [(node, name) for node in tagger.model.walk() for name in node.param_names if node.has_param(name)]
    saved, used = rng.random() < 0.3, rng.random() < 0.5
    if used:
        answers(nlp)
    before = tagger.model.to_bytes()
    how = rng.choice(["number", "tiny", "rows", "sign", "swap", "scale"])
    node, name = rng.choice(places)
    value = node.get_param(name).copy()
    flat = value.reshape(-1)
    if how == "number":
        flat[rng.randrange(flat.size)] += rng.choice([1.0, -1e-3])
    elif how == "tiny":
        place = rng.randrange(flat.size)
        flat[place] = numpy.nextafter(flat[place], numpy.float32(9))
    elif how == "rows":
        value = value[::-1].copy()
    elif how == "sign":
        value = -value
    elif how == "scale":
        value = value * numpy.float32(1.0001)
    else:
        others = [one for one in places if one[0].get_param(one[1]).shape == value.shape and one != (node, name)]
        if others:
            other, key = rng.choice(others)
            mine = value
            value = other.get_param(key).copy()
            other.set_param(key, mine)
    if rng.random() < 0.5:
        node.get_param(name)[...] = value
    else:
        node.set_param(name, value)
    changed = tagger.model.to_bytes() != before

    def run() -> None:
        edited = nlp
        if saved:
            nlp.to_disk(cases.room / "edited")
            edited = _prepared(cases.room / "edited")
        _same(edited, cases.expected)
        if changed:
            raise Wrong("an edit of weights that nothing notices")

    return f"weights, {how} of {node.name} {name}{', saved' if saved else ''}{', used' if used else ''}", run


def _labels(cases: Cases, rng: Random) -> Case:
    folder = shutil.copytree(cases.made.indexed, cases.room / "edited")
    path = folder / "crf_tagger" / "cfg"
    record = json.loads(path.read_text())
    lists = [key for key, value in record.items() if isinstance(value, list) and len(value) > 1]
    key, how = rng.choice(lists), rng.choice(["swap", "rename", "drop", "more"])
    before = list(record[key])
    if how == "swap":
        one, other = rng.sample(range(len(before)), 2)
        record[key][one], record[key][other] = before[other], before[one]
    elif how == "rename":
        record[key][rng.randrange(len(before))] = "GPE"
    elif how == "drop":
        del record[key][rng.randrange(len(before))]
    else:
        record[key].append("GPE")
    path.write_text(json.dumps(record))
    return f"labels, {how} in {key}", lambda: _same(_prepared(folder), cases.expected)


def _vocabulary(cases: Cases, rng: Random) -> Case:
    """Norms of words are what the tagger sees of a text now; the training texts keep those that they had."""
    folder = cases.room / "edited"
    nlp = _prepared(cases.made.indexed)
    words = sorted({token.text for text in TEXTS for token in nlp.make_doc(text)})
    chosen = {word: rng.choice([*words, "unseen", ""]) for word in rng.sample(words, rng.randrange(4))}
    saved = rng.random() < 0.4
    for word, norm in chosen.items():
        nlp.vocab[word].norm_ = norm or word
    for _ in range(rng.randrange(50)):
        nlp.vocab.strings.add(f"new{rng.random()}")

    def run() -> None:
        edited = nlp
        if saved:
            nlp.to_disk(folder)
            edited = _prepared(folder)
        docs = [cases.nlp.make_doc(text) for text in TEXTS]
        seen = [{token.text: token.norm_ for token in edited.make_doc(text)} for text in TEXTS]
        for doc, norms in zip(docs, seen):
            for token in doc:
                token.norm_ = norms[token.text]
        _same(edited, answers_of(cases.nlp, docs))

    return f"norms of {sorted(chosen)}{', saved' if saved else ''}", run


def answers_of(nlp: spacy.Language, docs: list[Doc]) -> list[Any]:
    """Do what ``answers`` does, for documents."""
    found = []
    for doc in nlp.pipe(docs):
        for entity in doc.ents:
            entry = entity._.influencers
            shown = [(one.doc_id, one.start, one.effect) for one in (*entry.supporting, *entry.opposing)]
            found.append((entity.text, entity.label_, entry.probability, shown))
    return found


# The index


def _index_files(cases: Cases, rng: Random) -> Case:
    """Exchange files of the index for those of another one of the same pipeline, which is what a copy or a sync that
    was stopped half way leaves."""
    folder = shutil.copytree(cases.made.indexed, cases.room / "edited")
    other = _other_index(cases)
    target, source = folder / "influence" / "index", other / "influence" / "index"
    opened, half = rng.random() < 0.5, rng.random() < 0.8
    nlp = _prepared(folder) if opened else None
    names = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    if half:
        names = rng.sample(names, rng.randint(1, len(names)))
    for name in names:
        copy = folder / "copy"
        shutil.copyfile(source / name, copy)
        (target / name).parent.mkdir(exist_ok=True)
        copy.replace(target / name)

    def run() -> None:
        found = answers(nlp or _prepared(folder))
        known = [cases.expected] if opened else [cases.expected, answers(_prepared(other))]
        if found not in known:
            raise Wrong("an answer of two indexes at once")

    return f"{len(names)} files of another index{', opened before' if opened else ''}", run


def _other_index(cases: Cases) -> Path:
    other = cases.made.folder / "other"
    if not other.exists():
        docs = list(DocBin().from_disk(cases.made.corpus(".spacy")).get_docs(cases.nlp.vocab))[::2]
        half = cases.room.parent / "half.spacy"
        DocBin(docs=docs, store_user_data=True).to_disk(half)
        index(str(cases.made.model), half, other, l2=1.0, shard_tokens=100, dtype="int8", force=True)
    return other


# The corpus


def _edited(docs: list[Doc], rng: Random) -> tuple[str, list[Doc], bool]:
    """Edit documents; return what was done, the documents, and whether it matters to a ranking."""
    how = rng.choice(["word", "label", "bounds", "remove", "insert", "twice", "id", "order", "note", "entity"])
    number = rng.randrange(len(docs))
    doc = docs[number]
    if how == "word":
        words = [token.text for token in doc]
        words[rng.randrange(len(words))] = "Velm"
        tags = [token.ent_iob_ + ("-" + token.ent_type_ if token.ent_type_ else "") for token in doc]
        docs[number] = Doc(doc.vocab, words=words, ents=tags, user_data=doc.user_data)
    elif how in ("label", "bounds", "entity") and doc.ents:
        ents = list(doc.ents)
        place = rng.randrange(len(ents))
        ent = ents[place]
        if how == "entity" or (how == "bounds" and len(ent) == 1):
            del ents[place]
        else:
            ents[place] = Span(doc, ent.start + (how == "bounds"), ent.end, "PER" if ent.label_ != "PER" else "ORG")
        doc.ents = ents
    elif how == "remove":
        del docs[number]
    elif how in ("insert", "twice"):
        extra = doc.copy()
        if how == "insert":
            extra.user_data = {"id": "text-new"}
        docs.insert(rng.randrange(len(docs)), extra)
    elif how == "id":
        doc.user_data["id"] = "text-other"
    elif how == "order":
        docs.reverse()
    else:
        how = "note"
        doc.user_data["note"] = "x"
    return how, docs, how not in ("order", "note")


def _ranked_corpus(cases: Cases, rng: Random) -> Case:
    docs = list(DocBin().from_disk(cases.made.corpus(".spacy")).get_docs(cases.nlp.vocab))
    how, docs, matters = _edited(docs, rng)
    path = cases.room / "edited.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    first, again = cases.room / "first.jsonl", cases.room / "again.jsonl"

    def ranked(corpus: Path, output: Path) -> list[Any]:
        found = rank(str(cases.made.indexed), corpus, output, top=TOP, references=0).issues
        return [(one.id, one.score, one.suggested) for one in found]

    def run() -> None:
        import warnings

        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = ranked(path, again)
        if matters and not any(str(one.message).startswith("[W") for one in told):
            raise Wrong("a ranking of another corpus")
        if found != ranked(cases.made.corpus(".spacy"), first):
            raise Wrong("another ranking")

    return f"ranked corpus, {how}", run


def _applied_corpus(cases: Cases, rng: Random) -> Case:
    docs = list(DocBin().from_disk(cases.made.corpus(".spacy")).get_docs(cases.nlp.vocab))
    how, docs, _ = _edited(docs, rng)
    path, fixed = cases.room / "edited.spacy", cases.room / "fixed.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)

    def run() -> None:
        apply(path, fixed, [cases.made.decisions])
        made = {one.document: one for one in read_decisions(cases.made.decisions)}
        regions: dict[str, list[Any]] = {name: [] for name in made}
        for one in read_decisions(cases.made.decisions):
            regions[one.document].append(one)
        before, after = (read_annotated(one).documents for one in (path, fixed))
        for old, new in zip(before, after):
            _judge(old, new, regions.get(old.identifier, []))

    return f"applied corpus, {how}", run


def _judge(old: Document, new: Document, regions: list[Any]) -> None:
    """What was changed is what was decided about, as it was then."""
    if old.words != new.words:
        raise Wrong("other words")
    touched = set(old.entities) ^ set(new.entities)
    for entity in touched:
        if not any(one.start <= entity.start and entity.end <= one.end for one in regions):
            raise Wrong("a change that nobody decided")
    for one in regions:
        inside = [entity for entity in old.entities if one.start < entity.end and entity.start < one.end]
        fits = old.words[one.start : one.end] == one.words and sorted(inside) == sorted(one.current)
        if not fits and any(one.start < entity.end and entity.start < one.end for entity in touched):
            raise Wrong("a decision about something else was applied")
