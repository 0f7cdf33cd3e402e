"""Building an index of CoNLL-2003 and searching it, against scans, captum and faiss in the same run.

OMP_NUM_THREADS=1 python -m experiments.speed.search --data DIR [--parts build search million pipe cluster]

The index is that of the fine-tuned MiniLM over the training corpus; queries are all tokens of test entities. Each
part is a run of its own, whose comparisons are among themselves: its figures take the place of its earlier ones.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

import numpy
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.api.index import override_settings, prepare_influence
from spacy_seginf.crf import one_label_each
from spacy_seginf.explanation.influence import Influence
from spacy_seginf.explanation.saving import save_with_index
from spacy_seginf.index.index import Index
from spacy_seginf.index.manifest import Manifest
from spacy_seginf.index.queries import CurvedQueries, Factors, Queries, SearchQueries
from spacy_seginf.index.search import SearchResult, search
from spacy_seginf.index.tables import Filter
from spacy_seginf.indexing.build import (
    BuildReport,
    Unencoded,
    compute_index,
    encode_shards,
    split_texts,
)
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.settings import IndexSettings
from spacy_seginf.tagger.corpus import TrainingText, read_corpus
from spacy_seginf.tagger.fingerprint import encoder_fingerprint
from spacy_seginf.tagger.head import on_cpu

from ..common.prepare import CACHE, checkpoint, corpus
from ..common.reporting import RESULTS, ROOT, commit, finish, one_thread, print_table
from .dense_scan import dense_scan
from .resampled import resample
from .rivals import CAPTUM_CHUNKS, DenseScan, captum_search, faiss_search

PARTS = ("build", "search", "million", "pipe", "cluster")
TOP = 10
BATCH = 32  # queries searched at once where time is measured
REPEATS = 20
CHECKED = 256  # queries compared with a scan in float64
SUBSAMPLES = (15_000, 50_000, 100_000)  # tokens of documents drawn without replacement
MILLION = 1_000_000
CLUSTER_SHARD = 16_000  # tokens; small enough that two workers end together
WORK = CACHE / "search"


@dataclass(frozen=True)
class Setting:
    """A pipeline with an index: its name, and how it is built."""

    name: str
    settings: IndexSettings
    unit: str

    @property
    def folder(self) -> Path:
        return WORK / self.name


EXACT = Setting("exact", IndexSettings("exact"), "entity")
KFAC = Setting("kfac", IndexSettings("kfac"), "entity")
IDENTITY = Setting("identity", IndexSettings("identity", refit=False), "token")


class Corpora:
    """The trained pipeline and its corpora."""

    def __init__(self, data: Path, *, quick: bool) -> None:
        self.model = checkpoint("transformer", 0, data)
        self.train, self.dev, self.test = (corpus(data, split) for split in ("train", "dev", "test"))
        self.limit = 60 if quick else 10**9

    def pipeline(self) -> tuple[Language, Influence]:
        """Load the pipeline; return it with its influence component."""
        nlp = spacy.load(self.model)
        return nlp, prepare_influence(nlp, str(self.model))

    def texts(self, nlp: Language, path: Path) -> list[TrainingText]:
        return read_corpus(nlp, path)[: self.limit]

    def bare(self, nlp: Language, path: Path) -> list[Doc]:
        """Documents without annotation."""
        return _bare(nlp, self.texts(nlp, path))


def _bare(nlp: Language, texts: Sequence[TrainingText]) -> list[Doc]:
    return [Doc(nlp.vocab, words=[token.text for token in text.example.predicted]) for text in texts]


def seconds_of(function: Callable[[], Any]) -> tuple[float, Any]:
    """Time a call; return the seconds and what it returned."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def consume(nlp: Language, docs: Sequence[Doc]) -> None:
    """Run a pipeline over documents, and read all explanations that it gives: single effects, shares of families."""
    for doc in nlp.pipe(docs):
        if doc.has_extension("seginf") and doc._.seginf is not None:
            for entry in (*doc._.influencers, *(ent._.influencers for ent in doc.ents)):
                for _ in (*entry, *entry.families):
                    pass


# Building


def build_part(corpora: Corpora, settings: Sequence[Setting]) -> dict[str, Any]:
    """Encode the corpus once against one nlp.pipe pass, shard by shard in turns, so that a machine that slows down does
    so for both; then build the indexes from what was encoded."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    nlp, influence = corpora.pipeline()
    tagger = influence.tagger_name
    texts = corpora.texts(nlp, corpora.train)
    manifest = Manifest(tagger, "", [], "", encoder_fingerprint(nlp, tagger), dtype=EXACT.settings.dtype)
    staging, shard_tokens = WORK / "encoded", EXACT.settings.shard_tokens
    component: Any = nlp.get_pipe(tagger)
    consume(nlp, _bare(nlp, texts[:4]))
    passed = encoding = 0.0
    for number, part in enumerate(split_texts(texts, shard_tokens)):
        docs = _bare(nlp, part)
        passed += seconds_of(partial(consume, nlp, docs))[0]
        wanted = [Unencoded(part, staging, number)]
        encode = partial(encode_shards, nlp, component, wanted, manifest, 2 * shard_tokens)
        encoding += seconds_of(encode)[0]
    table, reports = [], {}
    for setting in settings:
        reports[setting.name] = report = build_from(corpora, setting, staging)
        table.append([setting.name, encoding, *report.seconds, (encoding + sum(report.seconds)) / passed])
    header = [
        "index",
        "encoding and writing s",
        "development corpus s",
        "refit s",
        "curvature s",
        "rows s",
        "all/passes",
    ]
    print_table(header, table)
    print(f"nlp.pipe over the same documents: {passed:.1f} s")
    exact = reports["exact"]
    total = encoding + sum(exact.seconds)
    return {
        "pipe_seconds": passed,
        "encode_seconds": encoding,
        **dict(zip(("development_seconds", "refit_seconds", "curvature_seconds", "rows_seconds"), exact.seconds)),
        "build_over_pipe": encoding / passed,
        "build_total_over_pipe": total / passed,
        "l2": exact.refit.l2 if exact.refit else None,
        "flagged": exact.flagged,
    }


def build_from(corpora: Corpora, setting: Setting, encoded: Path) -> BuildReport:
    """Build an index from shards that are encoded already, and save it with its pipeline."""
    nlp, influence = corpora.pipeline()
    override_settings(influence, vars(setting.settings), setting.unit)
    texts, dev = corpora.texts(nlp, corpora.train), corpora.texts(nlp, corpora.dev)

    def build(folder: Path, staging: Path) -> BuildReport:
        shutil.copytree(encoded, staging, copy_function=os.link)
        return compute_index(
            nlp, influence.tagger_name, texts, folder, dev=dev, settings=setting.settings, staging=staging
        )

    return save_with_index(influence, setting.folder, build)


# Searching


class Searched:
    """An index, and all tokens of test entities as queries."""

    def __init__(self, setting: Setting, corpora: Corpora) -> None:
        nlp = spacy.load(setting.folder)
        component: Any = nlp.get_pipe("influence")
        self.explainer, self.index = component.explainer(), component.index
        tagger = component.find_tagger()
        self.exact = self.index.manifest.curvature != "identity"
        docs = corpora.bare(nlp, corpora.test)
        with component.paused():
            for _, pipe in nlp.pipeline:
                if pipe is tagger:
                    break
                docs = list(pipe.pipe(docs))  # type: ignore[attr-defined]
        predictions = tagger.predict(docs)
        tags = numpy.concatenate([prediction.tags for prediction in predictions])
        lengths = [len(doc) for doc in docs]
        features = numpy.concatenate([on_cpu(prediction.features) for prediction in predictions])
        self.data = HeadData(features, one_label_each(tags, len(tagger.tags)), lengths)
        self.tags = tags
        documents = numpy.repeat(numpy.arange(len(docs)), lengths)
        inside = numpy.arange(len(tags)) - self.data.starts[documents]
        chosen = numpy.flatnonzero(tags != 0)
        self.segments = numpy.stack([documents, inside, inside + 1], axis=1)[chosen]

    @cached_property
    def chains(self) -> SegmentChains:
        return SegmentChains(self.index.head, self.data, self.tags, self.segments)

    @cached_property
    def gradients(self) -> numpy.ndarray:
        return self.chains.gradients().astype(numpy.float32)

    def factors(self, numbers: numpy.ndarray) -> TokenFactors:
        residuals = self.chains.factors().residuals[numbers].astype(numpy.float32)
        chains = self.chains
        return TokenFactors(chains.features[numbers], residuals, chains.previous[numbers], chains.following[numbers])

    def queries(self, numbers: numpy.ndarray) -> SearchQueries:
        if self.exact:
            return CurvedQueries(self.index.metric, self.gradients[numbers].astype(numpy.float64))
        every = numpy.arange(len(numbers))
        return Queries(self.factors(numbers), numpy.stack([every, every + 1], axis=1))

    def batches(self, size: int, count: Optional[int] = None, seed: int = 0) -> list[numpy.ndarray]:
        """Draw batches of queries without replacement."""
        order = numpy.random.default_rng(seed).permutation(len(self.segments))
        starts = range(0, len(order) - size + 1 if count else len(order), size)
        return [order[start : start + size] for start in starts][:count]

    def all_rows(self) -> tuple[TokenFactors, numpy.ndarray]:
        """All rows in memory, in float32, and their labels."""
        rows = numpy.arange(len(self.index.tokens))
        labels = numpy.concatenate([part.labels[: len(part), 1] for part in self.index.tokens.parts])
        return self.index.tokens.factors(rows), labels


def search_part(corpora: Corpora) -> dict[str, Any]:
    """Rows seen, agreement with scans, and speed, for both metrics."""
    figures: dict[str, Any] = {}
    table, speeds = [], []
    for setting in (IDENTITY, EXACT):
        searched = Searched(setting, corpora)
        rows_table, sizes = searched.index.tokens, searched.index.manifest
        seen, norms = [], []
        cold, _ = seconds_of(partial(_search_once, searched))
        for numbers in searched.batches(512):
            seen.append(search(rows_table, searched.queries(numbers), TOP).rows_seen / len(rows_table))
            norms.append(searched.queries(numbers).norms())
        shares = numpy.concatenate(seen)
        key = f"rows_seen_{setting.name}"
        figures[key] = float(shares.mean())
        figures[f"{key}_p95"], figures[f"{key}_worst"] = float(numpy.quantile(shares, 0.95)), float(shares.max())
        table.append([setting.name, len(rows_table), len(shares), *_spread(shares)])
        trend = {}
        for tokens in SUBSAMPLES:
            if tokens >= sizes.tokens:
                continue
            where, count = _subsample(searched.index, tokens)
            found = [
                search(rows_table, searched.queries(numbers), TOP, where).rows_seen / count
                for numbers in searched.batches(512, 4)
            ]
            trend[tokens] = _spread(numpy.concatenate(found))
            table.append([setting.name, count, sum(map(len, found)), *trend[tokens]])
        figures[f"{key}_trend"] = {str(tokens): spread[0] for tokens, spread in trend.items()}
        figures[f"identical_{setting.name}"] = _compare_with_scan(searched)
        speeds.append(_speed(searched, setting.name, figures))
        figures[f"first_search_ms_{setting.name}"] = 1000 * cold
        del searched
        gc.collect()
    print_table(["metric", "rows", "queries", "rows seen, mean", "p95", "worst"], table)
    header = ["metric", "ours ms", "dense torch ms", "captum ms (both signs)", "faiss ms", "applying H^-1 ms"]
    print_table([f"{header[0]} ({BATCH} queries)", *header[1:]], speeds)
    figures["speedup_dense"] = min(figures["speedup_dense_identity"], figures["speedup_dense_exact"])
    figures.update(_storage(corpora))
    return figures


def _search_once(searched: Searched) -> SearchResult:
    return search(searched.index.tokens, searched.queries(searched.batches(BATCH)[0]), TOP)


def _spread(values: numpy.ndarray) -> tuple[float, float, float]:
    return float(values.mean()), float(numpy.quantile(values, 0.95)), float(values.max())


def _subsample(index: Index, tokens: int) -> tuple[Filter, int]:
    """Draw documents until there are so many tokens."""
    places = []
    for number, shard in enumerate(index.shards):
        lengths = numpy.diff(shard.token_starts).tolist()
        places += [
            (index.place(int(index.first_documents[number]) + n, 0)[0], length) for n, length in enumerate(lengths)
        ]
    drawn, count = [], 0
    for chosen in numpy.random.default_rng(0).permutation(len(places)).tolist():
        if count >= tokens:
            break
        drawn.append(places[chosen][0])
        count += places[chosen][1]
    return Filter(documents=frozenset(drawn)), count


def _compare_with_scan(searched: Searched) -> float:
    """Compare with a scan of all rows in float64: the share of queries with the same rows in the same order. Scores may
    differ by 1e-6 of the largest possible one; the program ends if one differs by more."""
    numbers = searched.batches(CHECKED, 1)[0]
    queries = searched.queries(numbers)
    found = search(searched.index.tokens, queries, TOP)
    every = numpy.arange(len(numbers))

    def scores(rows: Factors) -> numpy.ndarray:
        pairs = numpy.repeat(every, len(rows)), numpy.tile(numpy.arange(len(rows)), len(numbers))
        return queries.exact(pairs[0], rows, pairs[1]).reshape(len(numbers), len(rows))

    reference = dense_scan(searched.index.tokens, scores, len(numbers), TOP)
    same = numpy.ones(len(numbers), dtype=bool)
    for mine, theirs in ((found.supporting, reference.supporting), (found.opposing, reference.opposing)):
        tolerance = 1e-6 * numpy.maximum(numpy.abs(theirs.scores), 1e-3 * numpy.abs(theirs.scores).max(axis=1)[:, None])
        if (numpy.abs(mine.scores - theirs.scores) > tolerance + 1e-300).any():
            raise SystemExit("scores differ from those of a scan")
        same &= (mine.rows == theirs.rows).all(axis=1)
    return float(same.mean())


def _median_ms(functions: Sequence[Callable[[], Any]]) -> float:
    return 1000 * float(numpy.median([seconds_of(function)[0] for function in functions]))


def _speed(searched: Searched, name: str, figures: dict[str, Any]) -> list[Any]:
    batches = searched.batches(BATCH, REPEATS, seed=1)
    prepared = [searched.queries(numbers) for numbers in batches]
    table = searched.index.tokens
    search(table, prepared[0], TOP)
    ours = _median_ms([partial(search, table, queries, TOP) for queries in prepared])
    rows, labels = searched.all_rows()
    dense = DenseScan(rows, curved=searched.exact)
    ready = [dense.prepare(_as_arrays(searched, numbers)) for numbers in batches[:5]]
    dense.search(ready[0], TOP)
    dense_ms = _median_ms([partial(dense.search, queries, TOP) for queries in ready])
    figures[f"search_ms_{name}_32_queries"] = ours
    figures[f"dense_ms_{name}"] = dense_ms
    figures[f"speedup_dense_{name}"] = dense_ms / ours
    apply_ms, captum_ms, faiss_ms = float("nan"), float("nan"), float("nan")
    if searched.exact:
        gradients = searched.gradients[batches[0]].astype(numpy.float64)
        apply_ms = _median_ms([lambda: searched.index.metric.apply(gradients)] * 5)
        figures["apply_ms_exact"] = apply_ms
    else:
        head = searched.index.head
        captum_ms = _captum_ms(searched, rows, labels, (head.weights, head.bias), batches[:3], figures)
        figures["speedup_captum"] = captum_ms / ours
        figures["speedup_captum_one_side"] = figures["captum_ms_one_side"] / ours
        needed = len(table) * searched.gradients.shape[1] * 4
        if needed < 0.4 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES"):
            del dense, ready
            explicit = numpy.empty((len(table), searched.gradients.shape[1]), dtype=numpy.float32)
            for start in range(0, len(table), 8192):
                block = numpy.arange(start, min(start + 8192, len(table)))
                explicit[block] = table.gradients(block)
            flat = faiss_search(explicit)
            del explicit
            faiss_ms = _median_ms([partial(flat, searched.gradients[n], TOP) for n in batches[:2]])
            figures["faiss_ms"], figures["faiss_bytes_per_row"] = faiss_ms, 4 * searched.gradients.shape[1]
    return [name, ours, dense_ms, captum_ms, faiss_ms, apply_ms]


def _captum_ms(
    searched: Searched,
    rows: TokenFactors,
    labels: numpy.ndarray,
    head: tuple[numpy.ndarray, numpy.ndarray],
    batches: Sequence[numpy.ndarray],
    figures: dict[str, Any],
) -> float:
    """Time captum's answer to what our search answers, the top k of both signs, which takes it two calls. The size of
    its batches that is fastest counts."""
    tags = searched.tags[searched.chains.rows]
    found = []
    for chunk in CAPTUM_CHUNKS:
        run = captum_search(rows, labels, *head, chunk)
        calls = [
            [partial(run, searched.factors(n), tags[n], TOP, proponents=side) for n in batches]
            for side in (True, False)
        ]
        found.append([_median_ms(side) for side in calls])
        figures.setdefault("captum_ms_by_batch", {})[str(chunk)] = sum(found[-1])
    best = min(found, key=sum)
    figures["captum_ms"], figures["captum_ms_one_side"] = sum(best), best[0]
    return sum(best)


def _as_arrays(searched: Searched, numbers: numpy.ndarray) -> Any:
    if not searched.exact:
        return searched.factors(numbers)
    size = len(searched.index.manifest.tags)
    curved = searched.index.metric.apply(searched.gradients[numbers].astype(numpy.float64))
    split = curved.shape[1] - size * size
    return curved[:, :split].reshape(len(numbers), size, -1), curved[:, split:].reshape(-1, size, size)


def _storage(corpora: Corpora) -> dict[str, Any]:
    """Bytes per row, and a pruned index against the complete one."""
    complete = Searched(EXACT, corpora)
    index = complete.index
    names = ("features", "features_scales", "residuals", "labels", "tokens", "norms", "self_influence", "leverage")
    figures: dict[str, Any] = {"bytes_per_token": _bytes(index, names) / index.manifest.tokens}
    segments = sorted({path.stem for path in index.folder.glob("shard-*/segment_*.npy")})
    figures["bytes_per_segment"] = _bytes(index, segments) / max(index.manifest.segments, 1)
    everything = sum(path.stat().st_size for path in index.folder.rglob("*") if path.parent != index.folder)
    figures["bytes_per_token_total"] = everything / index.manifest.tokens
    pruned_setting = Setting("pruned", replace(EXACT.settings, keep=0.099, l2=index.manifest.l2), "entity")
    build_from(corpora, pruned_setting, WORK / "encoded")
    pruned = Index(pruned_setting.folder / "influence" / "index")
    figures["pruned_bytes_per_token"] = _bytes(pruned, names) / pruned.manifest.tokens
    same, outside, total = 0, 0, 0
    bound = pruned.manifest.dropped_norms[0]
    for numbers in complete.batches(512):
        queries = complete.queries(numbers)
        whole, part = search(index.tokens, queries, TOP), search(pruned.tokens, queries, TOP)
        for query in range(len(numbers)):
            missing = _missing(index, pruned, whole, part, query)
            same += not missing
            outside += any(abs(score) > bound * float(queries.norms()[query]) * (1 + 1e-6) for score in missing)
        total += len(numbers)
    figures["pruned_agreement"] = same / total
    if outside:
        raise SystemExit(f"{outside} dropped labels scored more than the stated bound")
    wanted = 2 * index.manifest.width + 4 * len(index.manifest.tags) + 16
    print(
        f"Token table: {figures['bytes_per_token']:.1f} bytes a row (2 d + 4 C + 16 = {wanted}); segment table: "
        f"{figures['bytes_per_segment']:.0f} a row; everything but curvature: {figures['bytes_per_token_total']:.0f} "
        f"a token; pruned: {figures['pruned_bytes_per_token']:.1f} a token of the corpus, same top {TOP} for "
        f"{figures['pruned_agreement']:.4%} of {total} queries, all other differences inside the bound"
    )
    return figures


def _bytes(index: Index, names: Sequence[str]) -> int:
    return sum(path.stat().st_size for path in index.folder.glob("shard-*/*.npy") if path.stem in names)


def _missing(index: Index, pruned: Index, whole: SearchResult, part: SearchResult, query: int) -> list[float]:
    """Return the scores of rows that a pruned index does not find."""
    missing = []
    for mine, theirs in ((part.supporting, whole.supporting), (part.opposing, whole.opposing)):
        found = set(pruned.tokens.places(mine.rows[query][mine.rows[query] >= 0]).tolist())
        rows = theirs.rows[query][theirs.rows[query] >= 0]
        places = index.tokens.places(rows).tolist()
        missing += [score for place, score in zip(places, theirs.scores[query].tolist()) if place not in found]
    return missing


# A million rows


def million_part(corpora: Corpora, rows: int) -> dict[str, Any]:
    """Latency, opening and memory of an index of a million rows."""
    searched = Searched(EXACT, corpora)
    folder = WORK / "million"
    large = resample(searched.index, folder, rows)
    batches = searched.batches(BATCH, REPEATS, seed=2)
    prepared = [searched.queries(numbers) for numbers in batches]
    search(large.tokens, prepared[0], TOP)
    ours = _median_ms([partial(search, large.tokens, queries, TOP) for queries in prepared])
    seen = numpy.concatenate([search(large.tokens, queries, TOP).rows_seen for queries in prepared]) / len(large.tokens)
    dense = DenseScan(large.tokens.factors(numpy.arange(len(large.tokens))), curved=True)
    ready = [dense.prepare(_as_arrays(searched, numbers)) for numbers in batches[:3]]
    dense.search(ready[0], TOP)
    dense_ms = _median_ms([partial(dense.search, queries, TOP) for queries in ready])
    del dense, ready
    gradients = WORK / "queries.npy"
    numpy.save(gradients, searched.gradients[batches[0]])
    code = ("-m", "experiments.speed.opening", folder, gradients)
    done = subprocess.run([sys.executable, *map(str, code)], cwd=ROOT, capture_output=True, text=True, check=True)
    opened = json.loads(done.stdout.splitlines()[-1])
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print_table(
        [
            "rows",
            "ours ms",
            "dense torch ms",
            "speed-up",
            "rows seen",
            "opening ms",
            "MB opening",
            "MB one search",
            "MB",
        ],
        [
            [
                len(large.tokens),
                ours,
                dense_ms,
                dense_ms / ours,
                float(seen.mean()),
                opened["open_ms"],
                opened["open_mb"],
                opened["search_mb"],
                stored / 2**20,
            ]
        ],
    )
    return {
        "rows_1m": len(large.tokens),
        "search_ms_1m": ours,
        "dense_ms_1m": dense_ms,
        "speedup_dense_1m": dense_ms / ours,
        "rows_seen_1m": float(seen.mean()),
        "stored_mb_1m": stored / 2**20,
        **{f"{key}_1m": value for key, value in opened.items()},
    }


# nlp.pipe


def pipe_part(corpora: Corpora, repeats: int) -> dict[str, Any]:
    """nlp.pipe over the test corpus with and without influence on all entity tokens, every explanation read."""
    figures: dict[str, Any] = {}
    table = []
    for setting in (IDENTITY, KFAC, EXACT):
        nlp = spacy.load(setting.folder)
        component: Any = nlp.get_pipe("influence")
        component.explained = "entities"
        words = [[token.text for token in doc] for doc in corpora.bare(nlp, corpora.test)]
        consume(nlp, [Doc(nlp.vocab, words=words[0])])
        seconds = {True: [0.0] * repeats, False: [0.0] * repeats}
        for number in range(repeats):
            # In turns, a batch at a time: a machine that slows down does so for both.
            for start in range(0, len(words), nlp.batch_size):
                for explained in (False, True) if (start // nlp.batch_size) % 2 else (True, False):
                    docs = [Doc(nlp.vocab, words=tokens) for tokens in words[start : start + nlp.batch_size]]
                    if explained:
                        seconds[True][number] += seconds_of(partial(consume, nlp, docs))[0]
                    else:
                        with nlp.select_pipes(disable="influence"), component.paused():
                            seconds[False][number] += seconds_of(partial(consume, nlp, docs))[0]
        ratios = [with_it / without for with_it, without in zip(seconds[True], seconds[False])]
        first, ratio = ratios[0], float(numpy.median(ratios))
        figures[f"pipe_ratios_{setting.name}"] = ratios
        table.append([setting.name, *map(float, map(numpy.median, (seconds[False], seconds[True]))), ratio, first])
        figures[f"pipe_overhead_{setting.name}"] = ratio
        figures[f"pipe_overhead_{setting.name}_first_pass"] = first
    print_table(["index", "without s", "with s", "ratio", "ratio of the first pass"], table)
    figures["pipe_overhead"] = max(figures["pipe_overhead_identity"], figures["pipe_overhead_kfac"])
    return figures


# A cluster


def cluster_part(corpora: Corpora) -> dict[str, Any]:
    """A whole build by one and by two dask workers on this machine."""
    from distributed import Client, LocalCluster

    from spacy_seginf.parallel import DaskWorkers

    seconds = {}
    for count in (1, 2):
        with (
            LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            nlp, influence = corpora.pipeline()
            texts, dev = corpora.texts(nlp, corpora.train), corpora.texts(nlp, corpora.dev)
            settings = replace(EXACT.settings, shard_tokens=CLUSTER_SHARD)
            folder = WORK / f"cluster-{count}"
            shutil.rmtree(folder, ignore_errors=True)
            report = compute_index(
                nlp, influence.tagger_name, texts, folder, dev=dev, settings=settings, workers=DaskWorkers(client)
            )
            seconds[count] = report.seconds
            shutil.rmtree(folder)
    table = [[f"{count} workers", *parts, sum(parts)] for count, parts in seconds.items()]
    print_table(["dask", "encoding s", "refit s", "curvature s", "rows s", "total s"], table)
    return {
        "dask_speedup": sum(seconds[1]) / sum(seconds[2]),
        "dask_speedup_by_part": [one / two for one, two in zip(seconds[1], seconds[2])],
        "dask_seconds": [list(seconds[1]), list(seconds[2])],
    }


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("SEGINF_DATA")
    parser.add_argument("--data", type=Path, default=default, help="corpora folder (default: $SEGINF_DATA)")
    parser.add_argument("--quick", action="store_true", help="60 documents; does not count")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="some parts only")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
    one_thread()
    torch.set_grad_enabled(True)
    corpora = Corpora(arguments.data, quick=arguments.quick)
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "build": lambda: build_part(corpora, (EXACT, IDENTITY, KFAC)),
        "search": lambda: search_part(corpora),
        "million": lambda: million_part(corpora, 50_000 if arguments.quick else MILLION),
        "pipe": lambda: pipe_part(corpora, 3),
        "cluster": lambda: cluster_part(corpora),
    }
    result = RESULTS / "search.json"
    for part in PARTS:
        if part in arguments.parts:
            print(f"\n== {part}", flush=True)
            took, found = seconds_of(runs[part])
            figures: dict[str, Any] = {}
            if not arguments.quick and result.exists():
                figures = json.loads(result.read_text(encoding="utf8"))
            manifest = Index(EXACT.folder / "influence" / "index").manifest
            figures.update(found, width=manifest.width, labels=len(manifest.tags))
            figures["commits"] = {**figures.get("commits", {}), part: commit()}
            print(f"({took:.0f} s)", flush=True)
            finish("search", figures, quick=arguments.quick, rows=manifest.rows, seeds=[0])


if __name__ == "__main__":
    main()
