"""What each tool writes when its annotator answers. Each takes a file of tasks and the cases, in the same order."""

from __future__ import annotations

import csv
import io
import json

import spacy
from spacy.tokens import DocBin, Span

from spacy_seginf.exchange.windows import utf16_length, window_of


def spans_of(case, length=len):
    window = window_of(case.issue, length)
    return [(entity, *window.characters(entity)) for entity in case.left]


def prodigy(path, cases):
    tasks = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines() if line]
    for task, case in zip(tasks, cases, strict=True):
        if case.choice == "untouched":
            continue
        task["answer"] = {"keep": "reject", "skip": "ignore"}.get(case.choice, "accept")
        if case.choice == "leave":
            task["spans"] = [{"start": a, "end": b, "label": entity.label} for entity, a, b in spans_of(case)]
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks))


def label_studio(path, cases, length=len):
    tasks = json.loads(path.read_text(encoding="utf8"))
    for number, (task, case) in enumerate(zip(tasks, cases, strict=True)):
        task["id"] = 1000 + number
        (annotation,) = task["annotations"]
        if case.choice == "accept":  # a copy of the prediction, beside the annotation that was imported
            task["annotations"].append({**task["predictions"][0], "lead_time": 2.5})
        elif case.choice == "keep":
            annotation["lead_time"] = 1.25
        elif case.choice == "skip":
            annotation["was_cancelled"] = True
        elif case.choice == "leave":
            annotation["lead_time"] = 3.5
            window = window_of(case.issue)
            annotation["result"] = [
                {
                    "id": f"x{start}",
                    "from_name": "label",
                    "to_name": "text",
                    "type": "labels",
                    "value": {
                        "start": start,
                        "end": end,
                        "labels": [entity.label],
                        "text": window.text_of(entity).replace("\n", "\\n"),
                    },
                }
                for entity, start, end in spans_of(case, length)
            ]
    path.write_text(json.dumps(tasks))


def label_studio_before_1_4(path, cases):
    label_studio(path, cases, utf16_length)


def argilla(path, cases):
    records = json.loads(path.read_text(encoding="utf8"))
    for record, case in zip(records, cases, strict=True):
        value = record["suggestions"]["entities"]["value"]
        if case.choice == "leave":
            spans = spans_of(case, utf16_length)
            value = [{"start": start, "end": end, "label": entity.label} for entity, start, end in spans]
        verdict = "keep" if case.choice == "keep" else "marked"
        status = {"skip": "discarded", "untouched": "draft"}.get(case.choice, "submitted")
        user = {"user_id": "7b1", "status": status}
        record["responses"] = {"verdict": [{"value": verdict, **user}]}
        if value:  # Argilla leaves out what is empty
            record["responses"]["entities"] = [{"value": value, **user}]
    path.write_text(json.dumps(records))


def argilla_flat(path, cases):
    argilla(path, cases)
    rows = []
    for record in json.loads(path.read_text()):
        row = {"id": record["id"], "status": "completed", **record["fields"], **record["metadata"]}
        for question in ("entities", "verdict"):
            given = record["responses"].get(question, [])
            row[f"{question}.responses"] = [one["value"] for one in given] or None
            row[f"{question}.responses.users"] = [one["user_id"] for one in given] or None
            row[f"{question}.responses.status"] = [one["status"] for one in given] or None
        rows.append(row)
    path.write_text(json.dumps(rows))


def incorrect_spans(path, cases):
    docs = list(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))
    for doc, case in zip(docs, cases, strict=True):
        if case.choice in ("skip", "untouched"):
            continue
        one = case.issue
        left = case.left
        if case.choice in ("accept", "keep"):
            others = set(one.entities) - set(one.current)
            left = others.union(one.suggested if case.choice == "accept" else one.current)
        doc.ents = [Span(doc, e.start - one.first, e.end - one.first, e.label) for e in sorted(left)]
    DocBin(docs=docs, store_user_data=True).to_disk(path)


def jsonl(path, cases):
    rows = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines() if line]
    for row, case in zip(rows, cases, strict=True):
        _answer(row, case)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def table(path, cases, delimiter=","):
    content = path.read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    for row, case in zip(rows, cases, strict=True):
        _answer(row, case)
        if case.choice == "leave":
            row["entities"] = json.dumps(row["entities"])
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(written.getvalue().encode("utf8"))


def table_with_semicolons(path, cases):
    table(path, cases, ";")


def _answer(row, case):
    row["decision"] = {"leave": "label", "untouched": ""}.get(case.choice, case.choice)
    if case.choice == "leave":
        row["entities"] = [[entity.start, entity.end, entity.label] for entity in case.left]
