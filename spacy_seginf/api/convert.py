"""`python -m spacy seginf convert`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Collection, Mapping, Optional, Sequence

from spacy.tokens import DocBin

from ..corpora.docs import doc_of
from ..corpora.documents import Document
from ..corpora.formats import SPANS, find_format, read_annotated
from ..corpora.settings import ReadingSettings
from ..corpora.targets import target_of
from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..factories import blank
from ..files import write_bytes
from ..inputs import check_paths
from ..messages import Messages

Mapped = tuple[Document, list[tuple[Entity, Entity]]]  # and neighbours that have the same type by the new names


def convert(
    corpus: Path,
    output: Path,
    *,
    format: Optional[str] = None,
    only: Sequence[str] = (),
    types: Optional[Mapping[str, str]] = None,
    silent: bool = True,
    **reading: Any,
) -> tuple[int, int]:
    """Write a corpus of any format in spaCy's binary format. Ids, files and lines of the documents travel in
    doc.user_data.

    corpus (Path): a file, or a folder of brat, WebAnno or UIMA. output (Path): ends in .spacy; it may exist.
    format (str): one of ``spacy_seginf.corpora.formats.FORMATS``; told by name and content if not given.
    only (sequence of str): the types that are kept; all if empty.
    types (mapping of str): new names of types.
    reading: how the corpus is read, where it does not say it: scheme, columns, comments, header, entity_type,
        labels_key, label_names, lang, layer, text_key, utf16, misaligned; see
        ``spacy_seginf.corpora.settings.ReadingSettings``.
    RETURNS (tuple of int): how many documents and tokens were written.
    RAISES (ValueError): as ``apply_decisions`` for a corpus that can't be read; S219 if the output is the corpus, S289
        if it is not named .spacy, S290 if there is no document.

    >>> task = '{"text": "Ada Lind left Osted.", "label": [[0, 8, "PER"], [14, 19, "LOC"]]}'
    >>> Path("news.jsonl").write_text(task) > 0
    True
    >>> spacy_seginf.convert(Path("news.jsonl"), Path("news.spacy"))
    (1, 5)
    """
    msg = Messages(silent=silent)
    corpus, output = Path(corpus), Path(output)
    if output.suffix != ".spacy":
        raise SeginfError(Errors.S289.format(path=output))
    check_paths({"corpus": corpus}, outputs={"output": output})
    if (format or find_format(corpus)) in SPANS:
        reading["only"] = only  # what is not read can't overlap
    documents = read_annotated(corpus, format=format, **reading).documents
    if not documents:
        raise SeginfError(Errors.S290.format(path=corpus))
    mapped = [map_types(document, only, types or {}) for document in documents]
    vocab = blank("en").vocab
    docs = DocBin(store_user_data=True)
    for document, _ in mapped:
        doc = doc_of(vocab, document, corpus, target_of(ReadingSettings(**reading).annotation))
        if document.named:
            doc.user_data["id"] = document.identifier
        docs.add(doc)
    write_bytes(output, docs.to_bytes())
    tokens = sum(len(document.words) for document in documents)
    _report(msg, corpus, mapped)
    msg.good(f"{output}: {len(docs):,} documents, {tokens:,} tokens")
    msg.next("init-config", "CONFIG")
    return len(docs), tokens


def _report(msg: Messages, corpus: Path, mapped: Sequence[Mapped]) -> None:
    documents = [document for document, _ in mapped if document.words]
    unannotated = [document for document in documents if len(document.missing) == len(document.words)]
    if unannotated:
        msg.warn(
            f"Nobody has annotated {len(unannotated):,} documents, the first {unannotated[0].identifier}: they are "
            "kept without annotation, and training leaves them out"
        )
    merged = [(document, pair) for document, touching in mapped for pair in touching]
    if merged:
        document, (first, second) = merged[0]
        words = " ".join(document.words[first.start : second.end])
        msg.warn(
            f"{len(merged):,} pairs of touching entities have one type by the new names, and stay two, the first "
            f"{words!r} ({first.label}) in document {document.identifier} ({document.file}): tags without B- would "
            "merge them. Correct them in the corpus if they are one"
        )


def map_types(document: Document, only: Collection[str], names: Mapping[str, str]) -> Mapped:
    """Keep the entities of some types (all if ``only`` is empty), by their new names.

    What was not annotated counts as outside where only some types are kept, as nobody can tell the two apart.
    """
    kept = [entity for entity in document.entities if not only or entity.label in only]
    new = [replace(entity, label=names.get(entity.label, entity.label)) for entity in kept]
    touching = [
        (first, second)
        for before, after, first, second in zip(kept, kept[1:], new, new[1:])
        if first.end == second.start and first.label == second.label and before.label != after.label
    ]
    missing = () if only else document.missing
    return replace(document, entities=tuple(new), missing=missing), touching
