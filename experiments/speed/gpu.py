"""How fast a GPU trains, indexes and explains, beside one thread of the CPU of the same machine.

    OMP_NUM_THREADS=1 python -m experiments.speed.gpu --data DIR

Both devices do the same: `nlp.update` in the batches of configs/cnn.cfg, `seginf index` with a given penalty (in the
paper's setting, and for exact effects), and `nlp.pipe` of the indexed pipeline. The tagger that is indexed is trained
for a few steps only. First uses of a GPU, which compile kernels, are not counted. Last come the recursions over time,
step by step and as scans. Without a GPU, its figures are null.
"""

from __future__ import annotations

import platform
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

import numpy
import spacy
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from thinc.api import get_current_ops, require_cpu, require_gpu
from thinc.util import has_cupy, has_cupy_gpu

from spacy_seginf.api.index import build_index as index
from spacy_seginf.crf.arrays import time_major
from spacy_seginf.crf.messages import recursive_messages, scanned_messages
from spacy_seginf.crf.viterbi import recursive_paths, scanned_paths

from ..common.prepare import ROOT, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .tagger import fresh

GPU_ID = 0
WARM_UP = 3
LABELS = 9
LENGTHS = (32, 128, 512, 4096)  # tokens of a sequence
BATCH = 8  # sequences
RECURSIONS: dict[str, Callable] = {
    "messages, steps": recursive_messages,
    "messages, scan": scanned_messages,
    "Viterbi, steps": recursive_paths,
    "Viterbi, scan": scanned_paths,
}
WHAT = {
    "training_words_per_second": "training: words",
    "identity_index_tokens_per_second": "index, paper's setting: tokens",
    "exact_index_tokens_per_second": "index, exact effects: tokens",
    "explained_per_second": "explaining: predictions",
}


def missing() -> Optional[str]:
    """Say why there is no GPU to measure; None if there is one."""
    if has_cupy_gpu:
        return None
    return "CuPy finds no GPU" if has_cupy else "CuPy cannot be imported"


def device_name(gpu: bool) -> str:
    """Return the name that the device's maker gave it."""
    if gpu:
        import cupy

        name = cupy.cuda.runtime.getDeviceProperties(GPU_ID)["name"]
        return name.decode() if isinstance(name, bytes) else str(name)
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def use(gpu: bool) -> None:
    """Make what is loaded from now on compute on this device."""
    if gpu:
        require_gpu(GPU_ID)
    else:
        require_cpu()


def timed(gpu: bool, work: Callable[[], object]) -> float:
    """Return the seconds that work takes, to the end of what it has launched."""
    start = time.perf_counter()
    work()
    if gpu:
        import cupy

        cupy.cuda.runtime.deviceSynchronize()
    return time.perf_counter() - start


def training_speed(gpu: bool, data: Path, steps: int) -> float:
    """Return words per second of updates of an untrained pipeline."""
    use(gpu)
    nlp, batches = fresh("cnn", data)
    optimizer = nlp.create_optimizer()
    chosen = [batches[step % len(batches)] for step in range(WARM_UP + steps)]

    def update(some: list) -> None:
        for batch in some:
            nlp.update(batch, sgd=optimizer, drop=0.1)

    timed(gpu, lambda: update(chosen[:WARM_UP]))
    counted = chosen[WARM_UP:]
    seconds = timed(gpu, lambda: update(counted))
    return sum(len(example.predicted) for batch in counted for example in batch) / seconds


def indexing_speed(gpu: bool, model: Path, texts: Path, output: Path, curvature: str, *, refit: bool) -> float:
    """Return tokens per second of `seginf index`, loading and writing included."""
    use(gpu)
    settings: dict[str, Any] = {"curvature": curvature, "refit": refit, "l2": 1.0, "force": True}
    reports = []
    gpu_id = GPU_ID if gpu else -1
    seconds = timed(gpu, lambda: reports.append(index(str(model), texts, output, gpu_id=gpu_id, **settings)))
    return reports[0].tokens / seconds


def explaining_speed(gpu: bool, indexed: Path, texts: list[list[str]]) -> float:
    """Return predictions (tokens and entities) explained per second by nlp.pipe, which tags them first."""
    use(gpu)
    nlp = spacy.load(indexed)
    docs = [Doc(nlp.vocab, words=words) for words in texts]
    list(nlp.pipe([Doc(nlp.vocab, words=texts[0])]))
    explained: list = []
    seconds = timed(gpu, lambda: explained.extend(nlp.pipe(docs)))
    return sum(len(doc) + len(doc.ents) for doc in explained) / seconds


def recursion_times(gpu: bool, length: int, repeats: int) -> dict[str, float]:
    """Return milliseconds (medians) of messages and of best paths, step by step and by a scan."""
    use(gpu)
    xp = get_current_ops().xp
    generator = numpy.random.default_rng(0)
    emissions = xp.asarray(generator.normal(size=(BATCH * length, LABELS)))
    transitions = xp.asarray(generator.normal(size=(LABELS, LABELS)))
    layout = time_major([length] * BATCH, xp)
    medians = {}
    for name, compute in RECURSIONS.items():
        work = partial(compute, emissions, transitions, layout)
        seconds = [timed(gpu, work) for _ in range(repeats + 1)][1:]
        medians[name] = 1e3 * float(numpy.median(seconds))
    return medians


def prepare(data: Path, folder: Path, documents: int, steps: int) -> tuple[Path, Path, list[list[str]]]:
    """Train a tagger for some steps on the CPU; return it, a corpus of so many documents to index, texts to explain."""
    vocab = spacy.blank("en").vocab
    found = {split: list(DocBin().from_disk(corpus(data, split)).get_docs(vocab)) for split in ("train", "dev")}
    overrides: dict[str, Any] = {"training.max_steps": steps, "training.eval_frequency": steps}
    for split, docs in found.items():
        overrides[f"paths.{split}"] = str(folder / f"{split}.spacy")
        DocBin(docs=docs[:documents], store_user_data=True).to_disk(overrides[f"paths.{split}"])
    train(ROOT / "configs" / "cnn.cfg", folder / "trained", use_gpu=-1, overrides=overrides)
    texts = [[token.text for token in doc] for doc in found["dev"][: max(1, documents // 10)]]
    return folder / "trained" / "model-last", folder / "train.spacy", texts


def measure(gpu: bool, data: Path, model: Path, texts: Path, queries: list[list[str]], steps: int) -> list[float]:
    """Return training words, indexed tokens (the paper's setting; in full) and explained predictions per second."""
    speeds = [training_speed(gpu, data, steps)]
    with tempfile.TemporaryDirectory(prefix="seginf-") as folder:
        output = Path(folder) / "indexed"
        if gpu:
            indexing_speed(gpu, model, texts, output, "exact", refit=True)
        speeds.append(indexing_speed(gpu, model, texts, output, "identity", refit=False))
        speeds.append(indexing_speed(gpu, model, texts, output, "exact", refit=True))
        speeds.append(explaining_speed(gpu, output, queries))
    return speeds


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    documents, steps = (30, 5) if arguments.quick else (300, 100)
    devices = [False] if missing() else [False, True]
    names = {"cpu": device_name(False), "gpu": None if missing() else device_name(True)}
    with tempfile.TemporaryDirectory(prefix="seginf-") as folder:
        model, texts, queries = prepare(arguments.data, Path(folder), documents, 20 if arguments.quick else 200)
        speeds = [measure(gpu, arguments.data, model, texts, queries, steps) for gpu in devices]
        tokens = sum(len(doc) for doc in DocBin().from_disk(texts).get_docs(spacy.blank("en").vocab))
    print(f"CPU, one thread: {names['cpu']}")
    print(f"GPU: {names['gpu'] or f'none, so all its figures are unmeasured ({missing()})'}")
    print_table(
        ["per second", "CPU", "GPU"],
        [
            [what, *(f"{speed[row]:,.0f}" for speed in speeds), *["unmeasured"] * (2 - len(speeds))]
            for row, what in enumerate(WHAT.values())
        ],
    )
    times = {gpu: {length: recursion_times(gpu, length, 5) for length in LENGTHS} for gpu in devices}
    listed = [["GPU" if gpu else "CPU", n, *times[gpu][n].values()] for gpu in devices for n in LENGTHS]
    print_table(["device", f"{BATCH} x tokens", *(f"{name} ms" for name in RECURSIONS)], listed)
    figures: dict[str, Any] = {"cpu": names["cpu"], "gpu": names["gpu"]}
    for number, device in enumerate(("cpu", "gpu")):
        measured = number < len(devices)
        for row, key in enumerate(WHAT):
            figures[f"{device}_{key}"] = speeds[number][row] if measured else None
        figures[f"{device}_recursion_ms"] = times[devices[number]] if measured else None
    finish("gpu", figures, quick=arguments.quick, rows=tokens, seeds=[0])


if __name__ == "__main__":
    main()
