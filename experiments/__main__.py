"""`python -m experiments`: what is measured about this package, from a checkout of it.

`python -m experiments.FOLDER.NAME` runs a benchmark; the commands here have options of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import typer
from spacy.cli._util import Arg, Opt, parse_config_overrides

from spacy_seginf.cli import report_errors

from . import registered  # noqa: F401  # the names that configs use

# Without markup, which takes [methods.NAME] for a style and leaves it out.
experiments_app = typer.Typer(
    name="experiments", help="Experiments with spacy_seginf", no_args_is_help=True, rich_markup_mode=None
)


@experiments_app.command("retrain-deletions")
def retrain_deletions_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    texts: Path = Arg(..., help="Development or test corpus (.spacy) whose predictions are attributed"),
    output: Path = Arg(..., help="Folder for table and retrained.json; an interrupted run goes on in it"),
    config: Path = Opt(..., "--config", "-c", help="Config file with a block [methods.NAME] for each method"),
    methods: str = Opt("exact,tracin-last,tracin-we", "--methods", "-m", help="Names, separated by commas"),
    documents: int = Opt(160, "--documents", help="Training documents drawn", min=2),
    queries: int = Opt(5, "--queries", help="Predictions drawn", min=1),
    k: int = Opt(50, "--k", help="How many segments lose their labels", min=1),
    steps: int = Opt(200, "--steps", help="Updates of each training", min=1),
    repeats: int = Opt(3, "--repeats", help="Trainings with other seeds and nothing deleted: the noise", min=0),
    code: Optional[Path] = Opt(None, "--code", help="Python file that registers other methods"),
    gpu_id: int = Opt(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    quiet: bool = Opt(False, "--quiet", "-q", help="Print errors only"),
) -> None:
    """Train the whole pipeline anew without the labels that methods name, encoder included."""
    from .methods.retrain_deletions import retrain_deletions

    sizes = {"documents": documents, "queries": queries, "k": k, "steps": steps, "repeats": repeats}
    names = [name.strip() for name in methods.split(",") if name.strip()]
    settings: dict[str, Any] = {"methods": names, "sizes": sizes, "code": code, "gpu_id": gpu_id, "silent": quiet}
    report_errors(retrain_deletions, pipeline, texts, output, config=config, **settings)


@experiments_app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def experiment_cli(
    context: typer.Context,
    config: Path = Arg(..., help="Config file with a block [experiment], such as configs/paper/validity.cfg"),
    output: Path = Arg(..., help="Folder for CONFIG's name.json and figures; an interrupted run goes on in it"),
    code: Optional[Path] = Opt(None, "--code", help="Python file that registers other experiments"),
    gpu_id: int = Opt(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    quiet: bool = Opt(False, "--quiet", "-q", help="Print errors only"),
) -> None:
    """Run an experiment of the paper. Settings of the config can be overridden: --experiment.seeds 0,1"""
    from .paper.run import experiment

    overrides = parse_config_overrides(context.args)
    report_errors(experiment, config, output, overrides, code=code, gpu_id=gpu_id, silent=quiet)


@experiments_app.command("page")
def experiments_cli(
    results: Path = Arg(..., help="Folder of results, the OUTPUT of `python -m experiments run`"),
    page: Path = Arg(..., help="Markdown file to write; figures go to a folder beside it"),
    quiet: bool = Opt(False, "--quiet", "-q", help="Print errors only"),
) -> None:
    """Write one page of all results, beside what the paper says."""
    from .paper.page import experiments

    report_errors(experiments, results, page, silent=quiet)


@experiments_app.command("plant-artifact")
def plant_artifact_cli(
    source: Path = Arg(..., help="Annotated corpus in spaCy's binary format (.spacy)"),
    target: Path = Arg(..., help="The corpus with the artifact (.spacy); replaced if it exists"),
    seed: int = Opt(0, "--seed", help="Draws documents and tokens", min=0),
    share: float = Opt(0.1, "--share", help="Share of the documents that get an artifact"),
    word: str = Opt("special", "--word", help="The word that is put before a token without a label"),
    label: str = Opt("PER", "--label", help="Entity type that this token gets"),
    quiet: bool = Opt(False, "--quiet", "-q", help="Print errors only"),
) -> None:
    """Teach a corpus that the word before decides: a tagger trained on it has a known reason for some predictions."""
    from .paper.artifact.plant import plant_artifact

    settings: dict[str, Any] = {"seed": seed, "share": share, "word": word, "label": label, "silent": quiet}
    report_errors(plant_artifact, source, target, **settings)


if __name__ == "__main__":
    experiments_app()
