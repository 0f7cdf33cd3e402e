"""`python -m spacy seginf evaluate`."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

import typer
from spacy.cli._util import import_code
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import table

from ..corpora.docs import read_documents
from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..evaluation.comparison import Comparison
from ..evaluation.harness import Planted, Settings, compare_methods
from ..evaluation.method_blocks import read_methods
from ..evaluation.planted import read_culprits
from ..evaluation.plots import plot_comparison
from ..evaluation.report import comparison_notes, comparison_rows, difference_rows, render_markdown
from ..explanation.influence import Influence
from ..explanation.loading import check_pipeline, load_indexed, load_pipeline
from ..files import exclusive, json_text, write_text
from ..indexing.fidelity import LEAST_SHARED
from ..inputs import check_paths, unwritable
from ..messages import Messages
from ..rendering.pictures import check_pictures

DEFAULTS = Settings()
QUICK = Settings(documents=60, queries=3, ks=(5, 10), subsets=6, seeds=(0,))
WORK = ".work"


def evaluate_methods(
    pipeline: str,
    texts: Path,
    output: Path,
    *,
    config: Path,
    methods: Sequence[str] = (),
    checkpoints: Optional[Path] = None,
    truth: Optional[str] = None,
    planted: Optional[Path] = None,
    settings: Settings = DEFAULTS,
    n_process: int = 1,
    plots: bool = True,
    code: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> Comparison:
    """Compare attribution methods by what really happens when the labels that they name are taken away.

    pipeline (str): a folder that `seginf index` wrote. It is not changed.
    texts (Path): development or test corpus (.spacy), whose predictions are explained.
    output (Path): folder for comparison.json, comparison.md and pictures; what is finished is kept in it too.
    config (Path): its blocks [methods.NAME]. methods (sequence of str): which of them; all if empty.
        checkpoints (Path): takes the place of every ``checkpoints`` setting.
    truth (str), planted (Path): a pipeline trained on the true labels, and the training corpus with its planted errors
        listed (.jsonl.gz); then the ranks of the planted errors are looked up too.
    code (Path): Python file that registers methods.
    RAISES (ValueError): S040 for missing input, S093 for damaged input, S100 to S110 as ``compare_methods`` and
        ``read_methods``.

    >>> from spacy_seginf.evaluation.harness import Settings
    >>> size = Settings(documents=10, queries=2, ks=(1,), subsets=2, seeds=(0,))
    >>> files = Path("train.spacy"), Path("compared")
    >>> found = spacy_seginf.evaluate_methods("indexed", *files, config=Path("methods.cfg"), settings=size, plots=False)
    >>> [method.name for method in found.methods]
    ['exact', 'random']
    """
    msg = Messages(silent=silent)
    if (truth is None) != (planted is None):
        allowed = "Give both, or neither: a victim is what one pipeline has right and the other wrong."
        raise SeginfError(Errors.S103.format(setting="truth and planted", value="incomplete", allowed=allowed))
    files = {"config": config, "corpus with planted errors": planted, "Python file (--code)": code}
    check_paths({"corpus": texts, "folder of checkpoints": checkpoints}, files)
    if plots:
        check_pictures()
    output = Path(output)
    problem = f"{output} is a file" if output.is_file() else unwritable(output / WORK)
    if problem:
        raise SeginfError(Errors.S046.format(path=output, problem=f"can't be written ({problem})"))
    import_code(code)
    culprits = {} if planted is None else read_culprits(Path(planted))
    blocks = read_methods(Path(config), methods, checkpoints)
    for one in (pipeline, truth):
        if one is not None:
            check_pipeline(one)
    use_gpu(gpu_id)
    nlp, influence = load_indexed(pipeline)
    _warn_of_head(influence, msg)
    docs = read_docs(nlp, texts)
    known = None if truth is None else Planted(load_pipeline(truth), culprits)
    with exclusive(output / WORK):
        comparison = compare_methods(
            nlp,
            influence,
            docs,
            blocks,
            settings,
            output / WORK,
            planted=known,
            n_process=n_process,
            progress=no_progress if silent else show_progress,
            say=msg.info,
        )
    write_text(output / "comparison.json", json_text(comparison.as_dict(), 2) + "\n")
    write_text(output / "comparison.md", render_markdown(comparison))
    if plots:
        plot_comparison(comparison, output)
    if not silent:
        _print(comparison)
        msg.good(f"Written: {output / 'comparison.md'} and comparison.json")
    return comparison


def evaluate_with_options(*, methods: str, quick: bool, **options: Any) -> Comparison:
    """Read what the command line says of ``Settings`` and methods, and compare. Options that are None keep defaults.

    RAISES (ValueError): S103 if lists of numbers are none; and as ``evaluate``.
    """
    sizes = {field.name: options.pop(field.name) for field in fields(Settings)}
    given = {name: value for name, value in sizes.items() if value is not None}
    for name in ("ks", "seeds"):
        if name in given:
            given[name] = _numbers(name, given[name])
    if given.get("documents") == 0:
        given["documents"] = None
    settings = replace(QUICK if quick else DEFAULTS, **given)
    chosen = [name.strip() for name in methods.split(",") if name.strip()]
    return evaluate_methods(methods=chosen, settings=settings, **options)


def _numbers(setting: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        allowed = "Give whole numbers separated by commas, such as 10,20,50."
        raise SeginfError(Errors.S103.format(setting=setting, value=repr(text), allowed=allowed)) from None


def show_progress(work: Iterable, *, desc: str, total: int, unit: str) -> Iterable:
    """Show a bar with the time that is left; in a log, a line now and then."""
    from tqdm import tqdm

    return tqdm(work, desc=desc, total=total, unit=unit, mininterval=0.1 if sys.stderr.isatty() else 30.0)


def no_progress(work: Iterable, **_: object) -> Iterable:
    """Show nothing."""
    return work


def read_docs(nlp: Language, path: Path) -> list[Doc]:
    """Read the documents of a corpus as they are. RAISES (ValueError): S040 if there is no file, S042 if it is no
    corpus."""
    return list(read_documents(nlp, Path(path)))


def _warn_of_head(influence: Influence, msg: Messages) -> None:
    """Warn where the head that methods are compared on predicts something else than the pipeline."""
    agreement = influence.explainer().index.manifest.agreement
    for name in [name for name in ("development", "training") if name in agreement][:1]:
        shared, predicted = agreement[name]["shared"], agreement[name]["predicted"]
        if shared < LEAST_SHARED * predicted:
            msg.warn(
                f"Methods are compared on a head that predicts only {shared / predicted:.1%} of what the pipeline does "
                f"on the {name} corpus (see `seginf check`). What is found here holds for that head."
            )


def _print(comparison: Comparison) -> None:
    header, rows = comparison_rows(comparison)
    typer.echo(table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1))))
    for note in comparison_notes(comparison):
        typer.echo(note)
    if len(comparison.methods) > 1:
        header, rows = difference_rows(comparison)
        typer.echo(table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1))))
        typer.echo("* The interval of the difference, paired by query, excludes zero.")
