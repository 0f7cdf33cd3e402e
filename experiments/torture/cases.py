"""One broken input of each kind, and what has to hold if it is accepted."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any, Callable

import spacy

from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.api.check import check_index as check
from spacy_seginf.api.export import export_issues as export
from spacy_seginf.api.import_answers import import_answers
from spacy_seginf.corpora.formats import read_annotated
from spacy_seginf.curation.records import read_decisions, read_ranking, write_ranking
from spacy_seginf.evaluation.method_blocks import read_methods
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.index.manifest import MANIFEST, _checksum
from spacy_seginf.index.shards import SEAL
from spacy_seginf.index.storage import file_checksums
from spacy_seginf.review.page import head
from spacy_seginf.review.state import Review

from .materials import TEXTS, Materials
from .mutations import broken_array, broken_bytes, broken_json, broken_json_lines

Case = tuple[str, Callable[[], None]]
LINES = [
    *(
        "",
        "x",
        "a b c d",
        "x\tB-",
        "x\tI-PER",
        "# newdoc id = ../x",
        "-DOCSTART- O",
        "x\tB-PER\0",
        " \tO",
        "\ufeffx\tO",
    ),
    *("x\tB-=cmd", "x\tO" * 3000, "x\t", "x\tb-per", "x\tE-PER", "x\u0085y\tO", "\x1c\tO", "\u200b\tO", "\u2028\tO"),
    *("#tag\tO", "#a=b\tB-LOC", "#id=7\tO", "# a = b\tO", "#", "#tag", "3-4\tO", "# text", "\t", "1\t2\t3", '"\tO'),
]


class Wrong(AssertionError):
    """An accepted input that gave something else than it should have."""


def answers(nlp: spacy.Language) -> list[Any]:
    """Explain some entities, as plain values."""
    found = []
    for doc in nlp.pipe(TEXTS):
        for entity in doc.ents:
            entry = entity._.influencers
            shown = [(one.doc_id, one.start, one.effect) for one in (*entry.supporting, *entry.opposing)]
            found.append((entity.text, entity.label_, entry.probability, shown))
    return found


def numbers(shown: list[tuple[str, int, float]]) -> list[float]:
    """Return the effects."""
    return [effect for _, _, effect in shown]


class Lost(AssertionError):
    """Something that was confirmed, and is gone."""


class Cases:
    """Makes cases. made (Materials): what is broken. room (Path): an empty folder for each."""

    def __init__(self, made: Materials, room: Path) -> None:
        self.made, self.room = made, room
        self.nlp, self.influence = load_indexed(str(made.indexed))
        self.influence.top_k, self.influence.explained = 3, "entities"
        self.expected = answers(self.nlp)

    def damaged(self, rng: Random) -> Case:
        """Break a file of an index by accident."""
        folder = shutil.copytree(self.made.index, self.room / "index")
        path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
        kind = rng.choice(["bytes"] * 4 + ["drop", "folder", "link", "swap", "json"])
        content = path.read_bytes()
        if kind == "bytes" or (kind == "json" and path.suffix != ".json"):
            kind, content = broken_bytes(content, rng)
            path.write_bytes(content)
        elif kind == "json":
            record = json.loads(content)
            kind = broken_json(record, rng)
            path.write_text(json.dumps(record))
        elif kind == "swap":
            other = rng.choice(sorted(folder.rglob("*.npy")))
            path.write_bytes(other.read_bytes())
        else:
            path.unlink()
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(rng.choice(["/nonexistent", path.name, "/dev/zero", "/etc/passwd"]))
        return f"{path.name} {kind}", lambda: self._use(folder, exactly=True)

    def resealed(self, rng: Random) -> Case:
        """Break an index, and put all checksums right."""
        folder = shutil.copytree(self.made.index, self.room / "index")
        shard = rng.choice(sorted(folder.glob("shard-*")))
        manifest = json.loads((folder / MANIFEST).read_text())
        kind = rng.choice(["manifest", "manifest", "seal", "array", "array", "array", "text"])
        seal = json.loads((shard / SEAL).read_text())
        if kind == "array":
            kind = broken_array(rng.choice(sorted([*shard.glob("*.npy"), *folder.glob("*.npy")])), rng)
        elif kind == "text":
            path = rng.choice(sorted(shard.glob("*.utf8")))
            kind, content = f"{path.name}", bytearray(path.read_bytes())
            if content:
                content[rng.randrange(len(content))] = rng.randrange(256)
            path.write_bytes(content)
        for owner, files in ((shard, seal["files"]), (folder, manifest["files"])):
            for name in files:
                files[name] = {"bytes": (owner / name).stat().st_size, "checksums": file_checksums(owner / name)}
        if kind == "seal":
            kind = f"seal {broken_json(seal, rng)}"
        (shard / SEAL).write_text(json.dumps(seal))
        for entry in manifest["shards"]:
            entry["checksum"] = zlib.crc32((folder / entry["name"] / SEAL).read_bytes())
        manifest.pop("checksum")
        if kind == "manifest":
            kind = f"manifest {broken_json(manifest, rng)}"
        manifest["checksum"] = _checksum(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))
        return kind, lambda: self._use(folder, exactly=False)

    def _use(self, folder: Path, *, exactly: bool) -> None:
        self.influence.load_index(folder)
        found = answers(self.nlp)
        check(folder)
        opened: Any = self.influence.index
        for table in (opened.tokens, opened.segments):
            for row in {0, len(table) - 1} & set(range(len(table))):
                table.reference(row)
        if exactly and found != self.expected:
            raise Wrong("other answers")
        if not all(isfinite(number) for *_, probability, shown in found for number in (probability, *numbers(shown))):
            raise Wrong("answers that are not finite")

    def rankings(self, rng: Random) -> Case:
        """Break a ranking; review, show and export it."""
        note, content = broken_json_lines(self.made.ranking.read_bytes(), rng)
        path, again = self.room / "s.jsonl", self.room / "again.jsonl"
        path.write_bytes(content)
        form = rng.choice(["prodigy", "label-studio", "argilla", "incorrect-spans", "jsonl", "csv"])

        def run() -> None:
            ranking = read_ranking(path)
            write_ranking(again, ranking)
            review = Review(ranking, self.room / "none.jsonl", "eve")
            json.dumps({"rows": review.rows, "head": head(review)}, allow_nan=False)
            for number in range(len(review.issues)):
                json.dumps(review.detail(number), allow_nan=False)
            ranking._repr_html_()
            export(path, self.room / "tasks", format=form, force=True)

        return note, run

    def decisions(self, rng: Random) -> Case:
        """Break decisions; apply them."""
        note, content = broken_json_lines(self.made.decisions.read_bytes(), rng)
        path, fixed = self.room / "d.jsonl", self.room / "fixed.spacy"
        path.write_bytes(content)

        def run() -> None:
            plan = apply(self.made.corpus(".spacy"), fixed, [path])
            before, after = (read_annotated(one).documents for one in (self.made.corpus(".spacy"), fixed))
            for number, (old, new) in enumerate(zip(before, after)):
                tokens = {t for one in plan.changes if one.document == number for t in range(one.start, one.end)}
                kept = [[one for one in side.entities if one.start not in tokens] for side in (old, new)]
                if old.words != new.words or kept[0] != kept[1]:
                    raise Wrong("changes outside of regions")
            Review(read_ranking(self.made.ranking), path, "eve")

        return note, run

    def corpora(self, rng: Random) -> Case:
        """Break a corpus; read it, and write it again."""
        suffix = rng.choice([".spacy", ".jsonl", ".jsonl.gz", ".conll", ".conll", ".conll"])
        path = self.room / f"c{suffix}"
        line = ""
        if suffix == ".conll":
            lines = self.made.corpus(suffix).read_text(encoding="utf8").split("\n")
            line = rng.choice(LINES)
            lines.insert(rng.randrange(len(lines)), line)
            content, note = "\n".join(lines).encode("utf8"), repr(line[:20])
            if rng.random() < 0.3:
                line = ""
                note, content = broken_bytes(content, rng)
        elif suffix == ".spacy":
            note, content = broken_bytes(self.made.corpus(suffix).read_bytes(), rng)
        else:
            note, content = broken_json_lines(self.made.corpus(".jsonl").read_bytes(), rng)
            if suffix == ".jsonl.gz":
                content = gzip.compress(content)
                if rng.random() < 0.4:
                    note, content = broken_bytes(content, rng)
        path.write_bytes(content)

        def run() -> None:
            read = read_annotated(path)
            if suffix != ".spacy":
                again = read.corrected({})
                assert isinstance(again, bytes)
                if (gzip.decompress(again) if suffix == ".jsonl.gz" else again) != (
                    gzip.decompress(content) if suffix == ".jsonl.gz" else content
                ):
                    raise Wrong("a corpus without changes is written otherwise")
            word, _, tag = line.partition("\t")
            held = {one for document in read.documents for one in document.words} & {word, word.removeprefix("\ufeff")}
            if tag and not held and not word.startswith(("# ", "-DOCSTART-")) and word:
                raise Wrong(f"the word {word!r} is lost")

        return f"{suffix} {note}", run

    def answer_files(self, rng: Random) -> Case:
        """Break what an annotation tool gives back."""
        form, suffix = rng.choice([("prodigy", ".jsonl"), ("jsonl", ".jsonl"), ("csv", ".csv"), ("argilla", ".json")])
        path = self.room / f"answers{suffix}"
        export(self.made.ranking, path, format=form, top=8, force=True)
        content = path.read_bytes()
        if suffix == ".jsonl":
            content = content.replace(b'"decision": ""', b'"decision": "accept"')
            note, content = broken_json_lines(content, rng)
        elif suffix == ".json" and rng.random() < 0.7:
            tasks = json.loads(content)
            note = broken_json(tasks, rng)
            content = json.dumps(tasks).encode("utf8")
        else:
            note, content = broken_bytes(content.replace(b"\n,", b"\naccept,"), rng)
        path.write_bytes(content)
        target = self.room / "imported.jsonl"

        def run() -> None:
            import_answers(self.made.ranking, path, target, reviewer="eve", format=form)
            if target.exists():
                read_decisions(target)

        return f"{form} {note}", run

    def configs(self, rng: Random) -> Case:
        """Break a config of methods, or a file of a pipeline."""
        if rng.random() < 0.5:
            note, content = broken_bytes(self.made.config.read_bytes(), rng)
            path = self.room / "methods.cfg"
            path.write_bytes(content)

            def read() -> None:
                read_methods(path)

            return note, read
        folder = shutil.copytree(self.made.indexed, self.room / "pipeline")
        files = ["config.cfg", "meta.json", "crf_tagger/cfg", "crf_tagger/model", "vocab/strings.json", "tokenizer"]
        path = folder / rng.choice(files)
        if path.name in ("meta.json", "cfg") and rng.random() < 0.7:
            record = json.loads(path.read_bytes())
            note = broken_json(record, rng)
            path.write_text(json.dumps(record))
        else:
            note, content = broken_bytes(path.read_bytes(), rng)
            path.write_bytes(content)

        def run() -> None:
            nlp, influence = load_indexed(str(folder))
            influence.explained = "entities"
            answers(nlp)

        return f"{path.name} {note}", run
