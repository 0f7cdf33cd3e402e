"""Corpora as annotation tools write them, made after the tools' own descriptions of their formats.

A text is its id, its words, which single spaces part, and its entities.
"""

from __future__ import annotations

import json
from itertools import accumulate

from spacy_seginf.crf.schemes import Entity

from .making import tags_of

SENTENCE = "The mayor of Tarnby , Jonas Brekke , left Osted on Monday with Mira Solano ."
WORDS = tuple(SENTENCE.split())
ENTITIES = (Entity(3, 4, "LOC"), Entity(5, 7, "PER"), Entity(9, 10, "LOC"), Entity(13, 15, "PER"))
EMOJI = ("\U0001f600", *WORDS[1:])
TEXTS = [
    ("7", WORDS, ENTITIES),
    ("8", ("It", "rained", "."), ()),
    ("9", EMOJI, ENTITIES),
    ("10", WORDS, ENTITIES),
]
# Regions that get other entities, by the number of the text: other types and boundaries, fewer and more entities.
CHANGES = {
    0: [(3, 4, (Entity(3, 4, "ORG"),)), (5, 7, (Entity(6, 7, "PER"),)), (9, 10, ())],
    1: [(0, 1, (Entity(0, 1, "ORG"),))],
    2: [(3, 4, ()), (5, 7, (Entity(5, 6, "PER"), Entity(6, 7, "LOC"))), (11, 12, (Entity(11, 12, "ORG"),))],
    3: [(1, 2, (Entity(1, 2, "PER"),)), (9, 10, (Entity(9, 10, "ORG"),)), (13, 15, (Entity(13, 14, "PER"),))],
}


def changed(texts, changes):
    """Return the texts with the entities that they should have."""
    found = []
    for number, (name, words, entities) in enumerate(texts):
        regions = changes.get(number, [])
        kept = [one for one in entities if not any(start <= one.start < end for start, end, _ in regions)]
        found.append((name, words, tuple(sorted([*kept, *(one for *_, held in regions for one in held)]))))
    return found


def characters(words, entity):
    """Return where an entity begins and ends in the text."""
    starts = [0, *accumulate(len(word) + 1 for word in words)]
    return starts[entity.start], starts[entity.end] - 1


def utf16(text, place):
    """Count characters as Java does."""
    return len(text[:place].encode("utf-16-le")) // 2


def write_lines(path, records, **style):
    path.write_text("".join(json.dumps(record, **style) + "\n" for record in records), encoding="utf8")
    return path


def write_prodigy(folder, texts):
    records = []
    for number, (name, words, entities) in enumerate(texts):
        tokens = []
        for position, word in enumerate(words):
            start, end = characters(words, Entity(position, position + 1, ""))
            tokens.append({"text": word, "start": start, "end": end, "id": position, "ws": position + 1 < len(words)})
        spans = []
        for one in entities:
            start, end = characters(words, one)
            place = {"token_start": one.start, "token_end": one.end - 1}
            spans.append({"start": start, "end": end, "label": one.label, **place})
        record = {"id": name, "text": " ".join(words), "_input_hash": -number, "tokens": tokens, "spans": spans}
        records.append({**record, "_view_id": "ner_manual", "answer": "accept", "meta": {"score": 0.50}})
    return write_lines(folder / "train.jsonl", records, separators=(",", ":"))


def write_doccano(folder, texts):
    records = []
    for name, words, entities in texts:
        spans = [[*characters(words, one), one.label] for one in entities]
        records.append({"id": int(name), "text": " ".join(words), "label": spans, "Comments": []})
    return write_lines(folder / "train.jsonl", records, ensure_ascii=False)


def write_spacy_tuples(folder, texts):
    pairs = [
        [" ".join(words), {"entities": [[*characters(words, one), one.label] for one in entities]}]
        for _, words, entities in texts
    ]
    (folder / "train.json").write_text(json.dumps(pairs, separators=(", ", ":  ")), encoding="utf8")
    return folder / "train.json"


def write_spacy_json(folder, texts):
    documents = []
    for name, words, entities in texts:
        tags = tags_of(words, entities, "BILUO")
        tokens = [
            {"id": number, "orth": word, "space": " " * (number + 1 < len(words)), "tag": "NN", "ner": tag}
            for number, (word, tag) in enumerate(zip(words, tags))
        ]
        spans = [[*characters(words, one), one.label] for one in entities]
        paragraph = {"raw": " ".join(words), "sentences": [{"tokens": tokens, "brackets": []}], "entities": spans}
        documents.append({"id": int(name), "paragraphs": [{**paragraph, "cats": []}]})
    (folder / "train.json").write_text(json.dumps(documents), encoding="utf8")
    return folder / "train.json"


NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def write_hugging_face(folder, texts):
    records = []
    for name, words, entities in texts:
        tags = [NAMES.index(tag) for tag in tags_of(words, entities, "BIO")]
        records.append({"id": name, "tokens": list(words), "pos_tags": [7] * len(words), "ner_tags": tags})
    feature = {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"}
    features = {"tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}, "ner_tags": feature}
    (folder / "dataset_info.json").write_text(json.dumps({"description": "", "features": features}))
    return write_lines(folder / "train.jsonl", records, ensure_ascii=False)


def write_bioes(folder, texts):
    lines = []
    for name, words, entities in texts:
        lines.append(f"# id = {name}")
        tags = [tag.replace("L-", "E-").replace("U-", "S-") for tag in tags_of(words, entities, "BILUO")]
        lines += [f"{word}\tNN\t{tag}" for word, tag in zip(words, tags)]
        lines.append("")
    (folder / "train.conll").write_bytes("\r\n".join(lines).encode("utf8"))
    return folder / "train.conll"


WEBANNO = (
    "#FORMAT=WebAnno TSV 3.3\n"
    "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue\n"
    "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n\n\n"
)


def write_webanno(folder, texts):
    """Write a file a text; spans of several tokens are numbered in the order of the text."""
    for name, words, entities in texts:
        text, number = " ".join(words), 0
        cells = {}
        for one in entities:
            number += one.end - one.start > 1
            mark = f"[{number}]" if one.end - one.start > 1 else ""
            cells.update(dict.fromkeys(range(one.start, one.end), (f"*{mark}", f"{one.label}{mark}")))
        lines = [f"#Text={text}"]
        for position, word in enumerate(words):
            start, end = (utf16(text, place) for place in characters(words, Entity(position, position + 1, "")))
            identifier, value = cells.get(position, ("_", "_"))
            lines.append(f"1-{position + 1}\t{start}-{end}\t{word}\tNN\t_\t{identifier}\t{value}\t")
        path = folder / "corpus" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(WEBANNO + "\n".join(lines) + "\n", encoding="utf8")
    return folder / "corpus"


def write_brat(folder, texts):
    for name, words, entities in texts:
        text = " ".join(words)
        lines = []
        for number, one in enumerate(entities, start=1):
            start, end = characters(words, one)
            lines.append(f"T{number}\t{one.label} {start} {end}\t{text[start:end]}\n")
        if entities:
            lines.insert(1, "A1\tNegation T4\n")
            lines.append("#1\tAnnotatorNotes T4\tsure\n")
        path = folder / "corpus" / f"{name}.ann"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(lines), encoding="utf8")
        path.with_suffix(".txt").write_text(text, encoding="utf8")
    (folder / "corpus" / "annotation.conf").write_text("[entities]\nPER\nLOC\nORG\n")
    return folder / "corpus"


def write_label_studio(folder, texts, key="annotations"):
    tasks = []
    for name, words, entities in texts:
        text = " ".join(words)
        regions = []
        for number, one in enumerate(entities):
            start, end = characters(words, one)
            value = {"start": start, "end": end, "text": text[start:end], "labels": [one.label]}
            names = {"id": f"r{number}", "from_name": "ner", "to_name": "txt", "type": "labels", "origin": "manual"}
            regions.append({"value": value, **names})
        annotation = {"id": 1, "was_cancelled": False, "result": regions, "lead_time": 3.25}
        tasks.append({"id": int(name), "data": {"text": text, "meta": {"a": 1}}, key: [annotation], "predictions": []})
    (folder / "train.json").write_text(json.dumps(tasks, indent=2), encoding="utf8")
    return folder / "train.json"


# Formats whose files are what they would be if the changes had been there from the first.
EXACT = {
    "prodigy": write_prodigy,
    "doccano": write_doccano,
    "spacy-tuples": write_spacy_tuples,
    "spacy-json": write_spacy_json,
    "hf": write_hugging_face,
    "columns": write_bioes,
}
WRITERS = {**EXACT, "webanno": write_webanno, "brat": write_brat, "label-studio": write_label_studio}
