"""What is done for each shard of an index: encoding its documents, computing its rows, writing them sorted.

The same functions run in this process and on the workers of a cluster, which find everything on shared storage.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..crf.schemes import TagScheme
from ..factories import load
from ..index.documents import Documents, Source, write_documents
from ..index.head import LABEL_HEAD, open_head
from ..index.storage import save_array
from ..index.writing import write_rows
from ..influence.effects import HeadEffects
from ..influence.fit import hessian
from ..influence.head import Head
from ..influence.held_out import leave_one_document_out
from ..influence.pair_rows import pair_arrays, stored_pairs
from ..influence.removal import LEVERAGE_FLAG
from ..influence.rows import SegmentRows, TokenRows, segment_rows, token_rows
from ..influence.segments import SegmentFactors
from ..progress import DOCUMENT, advance
from ..tagger.crf_tagger import CRFTagger, find_tagger
from ..tagger.encoding import encode
from ..tagger.head import on_cpu

BATCH_WORDS = 8192  # encoded at once, unless a document is longer
ROW_STAGES = 3  # of computing rows, each of which counts all documents
ROWS = "rows"  # folder beside the encoded documents of a shard
Advance = Callable[[int], Any]


@dataclass(frozen=True)
class EncodeTask:
    """Documents to encode.

    folder (Path): where they go. key (str): see ``documents_key``. dtype (str): precision of token vectors.
    docs (bytes): what ``pack_docs`` made of them. sources (list of Source): everything else that is kept of them.
    pipeline (Path), tagger (str), gpu (int): for workers, which load the pipeline themselves.
    """

    folder: Path
    key: str
    dtype: str
    docs: bytes
    sources: Sequence[Source]
    pipeline: Path
    tagger: str
    gpu: int = -1


@dataclass(frozen=True)
class HessianTask:
    """A part of the Hessian. documents (Path): encoded documents. head (Head). free (bool): see ``hessian``."""

    documents: Path
    head: Head
    free: bool


@dataclass(frozen=True)
class RowsTask:
    """Rows to compute.

    documents (Path): the encoded documents. index (Path): where the head and the metric are.
    curvature, l2, scheme, largest_gain: of the head. held (bool): the documents are no part of J, so
    rows say what adding their labels would do. label_curvature, label_l2: of the second head, if there is one.
    """

    documents: Path
    index: Path
    curvature: str
    l2: float
    scheme: TagScheme
    largest_gain: float
    held: bool = False
    label_curvature: str = ""
    label_l2: float = 0.0


@dataclass(frozen=True)
class WriteTask:
    """Rows to write, sorted.

    documents (Path): the encoded documents with their rows. folder (Path): the shard. floors: norms up to which token
    rows and entity rows are dropped.
    """

    documents: Path
    folder: Path
    build: str
    dtype: str
    floors: tuple[float, float]


@dataclass(frozen=True)
class RowsReport:
    """What rows were computed: entities that may be missing from the annotation, and labels by leverage above one
    half."""

    missing_entities: int
    flagged: int


def write_encoded(
    nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], task: EncodeTask, advance: Advance = lambda count: None
) -> None:
    """Encode documents and write them to the folder of a task, which is sealed at the end.

    advance (Callable): is told how many documents were encoded, as they are.
    """
    shutil.rmtree(task.folder, ignore_errors=True)
    write_documents(task.folder, task.key, task.sources, _by_length(nlp, tagger, docs, advance), task.dtype)


def encode_remotely(task: EncodeTask) -> int:
    """Encode documents on a worker; return how many."""
    nlp = _worker_pipeline(task.pipeline, task.gpu)
    tagger = find_tagger(nlp, task.tagger)
    docs = unpack_docs(task.docs, nlp.vocab)
    write_encoded(nlp, tagger, docs, task)
    return len(docs)


def pack_docs(docs: Sequence[Doc]) -> bytes:
    """Serialize documents with everything that an encoder may read."""
    return srsly.msgpack_dumps([doc.to_bytes() for doc in docs])


def unpack_docs(packed: bytes, vocab: Vocab) -> list[Doc]:
    """Undo ``pack_docs``."""
    return [Doc(vocab).from_bytes(one) for one in srsly.msgpack_loads(packed)]


def accumulate_hessian(task: HessianTask) -> numpy.ndarray:
    """Return what a shard's documents add to the Hessian (float64, P x P), without the penalty."""
    return hessian(Documents(task.documents).data, task.head, 0.0, free=task.free)


def compute_rows(task: RowsTask) -> RowsReport:
    """Compute the gradients of a shard's labels and keep them, in the order of the documents, beside its documents."""
    documents = Documents(task.documents)
    effects = head_effects(task, documents)
    corrected = task.curvature != "identity"
    judge = label_effects(task, documents) if task.label_curvature else effects
    held_out = leave_one_document_out(judge, task.scheme, corrected=corrected and not task.held)
    tokens = token_rows(effects, held_out.probabilities, corrected=corrected)
    advance(len(documents.data.lengths), DOCUMENT)
    segments = segment_rows(effects, held_out, task.scheme, corrected=corrected)
    advance(len(documents.data.lengths), DOCUMENT)
    folder = rows_folder(task.documents)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for prefix, rows in (("token", tokens), ("segment", segments), ("factor", segments.factors)):
        for field in fields(rows):
            if field.name not in ("factors", "features", "pairs"):
                save_array(folder, f"{prefix}_{field.name}", getattr(rows, field.name))
    for name, values in pair_arrays(segments.factors.pairs).items():
        save_array(folder, f"factor_{name}", values)
    return RowsReport(len(held_out.missing), int((tokens.leverage > LEVERAGE_FLAG).sum()))


def head_effects(task: RowsTask, documents: Documents) -> HeadEffects:
    """Return the researchers' interface over the documents of a shard, under the head and metric of its index."""
    data = documents.data
    head, metric = open_head(task.index, task.curvature, data.labels, data.width)
    return HeadEffects(data, head, task.l2, metric, largest_gain=task.largest_gain, adding=task.held)


def label_effects(task: RowsTask, documents: Documents) -> HeadEffects:
    """Return the same under the second head, which no trained head has told of labels."""
    data = documents.data
    head, metric = open_head(task.index, task.label_curvature, data.labels, data.width, LABEL_HEAD)
    return HeadEffects(data, head, task.label_l2, metric)


def load_rows(documents: Documents) -> tuple[TokenRows, SegmentRows]:
    """Read the rows that ``compute_rows`` kept."""
    folder = rows_folder(documents.shard.folder)
    columns: dict[str, dict[str, Any]] = {"token": {}, "segment": {}, "factor": {}}
    for path in sorted(folder.glob("*.npy")):
        prefix, _, name = path.stem.partition("_")
        columns[prefix][name] = numpy.load(path, allow_pickle=False)
    tokens = TokenRows(**columns["token"])
    positions = columns["segment"]["positions"]
    factor, data = columns["factor"], documents.data
    features = data.features[data.rows_of(positions)]
    pairs = stored_pairs(factor, factor.__getitem__, slice(None))
    factors = SegmentFactors(features, factor["residuals"], pairs, factor["lengths"])
    return tokens, SegmentRows(factors=factors, **columns["segment"])


def rows_folder(documents: Path) -> Path:
    """Return where the rows of encoded documents are kept."""
    return documents.with_name(f"{documents.name}-{ROWS}")


def norms_of(documents: Path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the norms of token rows (labelled tokens only) and of entity rows that ``compute_rows`` kept."""
    folder = rows_folder(documents)
    known = ~Documents(documents).allowed.all(axis=1)
    return numpy.load(folder / "token_norms.npy")[known], numpy.load(folder / "segment_norms.npy")


def write_shard(task: WriteTask) -> dict[str, Any]:
    """Write a shard of the index; return what the manifest says of it."""
    documents = Documents(task.documents)
    shutil.rmtree(task.folder, ignore_errors=True)
    tokens, segments = load_rows(documents)
    return write_rows(task.folder, documents, tokens, segments, task.build, task.dtype, task.floors)


def _by_length(
    nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], advance: Advance
) -> Iterator[tuple[int, numpy.ndarray]]:
    """Encode documents, those of like length together, longest first."""
    order = sorted(range(len(docs)), key=lambda number: -len(docs[number]))
    start = 0
    while start < len(order):
        stop, words = start, 0
        while stop < len(order) and (stop == start or words + len(docs[order[stop]]) <= BATCH_WORDS):
            words += len(docs[order[stop]])
            stop += 1
        batch = order[start:stop]
        yield from zip(batch, map(on_cpu, encode(nlp, tagger, [docs[number] for number in batch])))
        advance(len(batch))
        start = stop


@lru_cache(maxsize=1)
def _worker_pipeline(path: Path, gpu: int) -> Language:
    if gpu >= 0:
        spacy.require_gpu(gpu)
    return load(str(path))
