"""`python -m spacy seginf index`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

import typer
from spacy.language import Language

from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..explanation.loading import check_pipeline, load_pipeline
from ..explanation.saving import save_with_index
from ..explanation.settings import UNITS, check_choice
from ..files import recover_folder
from ..indexing.build import IN_PROCESS, BuildReport, compute_index
from ..indexing.fidelity import LEAST_SHARED, Fidelity
from ..indexing.pruning import FULL
from ..indexing.refit import RefitReport
from ..inputs import check_paths, unwritable
from ..machine import coded_memory_errors
from ..messages import Messages
from ..parallel import DaskWorkers, InProcess, Workers
from ..progress import shows_progress
from ..tagger.corpus import read_corpus, read_judging
from ..tagger.crf_tagger import choose_tagger
from ..tagger.given import keys_given_to
from .index_report import PAGE, report_index


@coded_memory_errors()
@shows_progress
def build_index(
    model: str,
    corpus: Path,
    output: Path,
    *,
    tagger: Optional[str] = None,
    dev: Optional[Path] = None,
    unit: Optional[str] = None,
    scheduler: Optional[str] = None,
    page: Optional[Path] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
    **settings: Any,
) -> BuildReport:
    """Build the index of a trained pipeline over its training corpus, and write both to a folder.

    model (str): package or folder of the trained pipeline. A [components.influence] block in its config gives the
        settings; without one, defaults are used. The component goes right behind the tagger.
    corpus (Path): the training corpus (.spacy).
    output (Path): folder for the result; nothing is written unless all goes well.
    tagger (str): the crf_tagger to explain, if the pipeline has several.
    dev (Path): development corpus (.spacy), by which the head that explains is chosen and checked.
    unit (str): "entity" or "token", what explanations refer to; None leaves it to the config.
    scheduler (str): address of a dask scheduler, whose workers do the work on shards; they must see the folder of the
        output under the same path. In this process if None.
    page (Path): also write a page about the index here, as ``report_index`` does.
    settings: of ``IndexSettings``, by their names, instead of those in the config.
    RAISES (ValueError): S040 to S045 for missing, foreign or empty input, S043 or S046 if the output exists, S027 or
        S028 for settings that are unknown or make no sense, S188 or S189 if it is not clear which tagger is meant.

    >>> report = spacy_seginf.build_index("pipeline", Path("train.spacy"), Path("built"), l2=10.0)
    >>> report.documents, report.curvature, report.refit.l2
    (30, 'exact', 10.0)
    """
    msg = Messages(silent=silent)
    output = Path(output)
    check_output(output, force, model, corpus, dev)
    check_page(page, output, corpus, dev)
    use_gpu(gpu_id)
    nlp = load_pipeline(model)
    influence = prepare_influence(nlp, model, tagger)
    override_settings(influence, settings, unit)
    workers: Workers = DaskWorkers.connect(scheduler) if scheduler else InProcess()
    explained = influence.find_tagger()
    texts = read_corpus(nlp, Path(corpus), explained.target)
    dev_texts = read_judging(nlp, explained, Path(dev)) if dev else None
    if not dev and influence.settings.refit:
        msg.warn(
            "No development corpus (--dev): how far the head that explains predicts what the pipeline does is checked "
            "on the training texts only, and a tenth of them, which the encoder has seen, chooses the penalty of the "
            "head that suspects labels."
        )
    compute = partial(compute_index, nlp, explained.name, texts, dev=dev_texts, settings=influence.settings)
    report = save_index(influence, output, compute, corpus, msg, workers, gpu_id)
    counts = f"{report.rows:,} labels and {report.segments:,} entities of {report.documents:,} documents"
    msg.good(f"Indexed {counts}: {output}")
    write_page(page, output, influence.name, corpus, dev, gpu_id, msg)
    if keys_given_to(nlp):
        msg.text(f"Try it in Python: spacy_seginf.find_roles(spacy.load({str(output)!r}), docs)")
    else:
        msg.next("explain", output, "TEXT")
    return report


def save_index(
    influence: Influence,
    output: Path,
    compute: Callable[..., BuildReport],
    corpus: Path,
    msg: Messages,
    workers: Workers = IN_PROCESS,
    gpu_id: int = -1,
) -> BuildReport:
    """Compute the index of a component, write it with its pipeline, and say what it holds.

    compute (Callable): ``compute_index`` or ``extend_index`` with what they are about; the rest is the same for all.
    """
    progress = None if msg.silent else show_progress
    told = {"corpus": Path(corpus).name, "workers": workers, "gpu": gpu_id, "progress": progress, "say": msg.info}

    def build(folder: Path, staging: Path) -> BuildReport:
        return compute(folder=folder, staging=staging, **told)

    try:
        report = save_with_index(influence, output, build, msg.info)
    finally:
        workers.close()
    tell(msg, report)
    return report


def tell(msg: Messages, report: BuildReport) -> None:
    """Say by which head an index explains and what it holds; warn if that head predicts something else."""
    if not msg.silent:
        typer.echo("\n".join(describe(report)))
    if report.kept_references is not None and report.kept_references < FULL:
        msg.warn(
            f"Of the strongest references of some predictions, {1 - report.kept_references:.1%} are among the labels "
            "that were dropped. A larger --keep or a smaller --tolerance keeps them."
        )
    corpora = {} if report.refit is None else report.refit.corpora
    for name in [name for name in ("development", "training") if name in corpora][:1]:
        if corpora[name].share < LEAST_SHARED:
            msg.warn(
                f"Explanations are those of a head that predicts only {corpora[name].share:.1%} of what the pipeline "
                f"does on the {name} corpus. The other predictions are marked. A larger l2 (--l2, or l2 in the config) "
                "with the centre 'trained' comes closer."
            )


def describe(report: BuildReport) -> list[str]:
    """Say in sentences how the head that explains came about, what it predicts, and what the index holds."""
    lines = []
    refit = report.refit
    if refit is not None:
        lines.append(
            f"The head that explains: l2 = {refit.l2:g}{_limit(refit)}, largest gradient {refit.gradient:.1e}"
            + ("" if refit.converged else ", not converged")
            + ". The pipeline predicts what it did before."
        )
        lines += [describe_fidelity(name, agreement) for name, agreement in refit.corpora.items()]
    lines.append(
        f"Curvature {report.curvature}: {report.flagged:,} labels have a leverage above one half; "
        f"{report.missing_entities:,} entities may be missing from the annotation"
    )
    if report.dropped:
        kept = "" if report.kept_references is None else f"; {report.kept_references:.1%} of the references are kept"
        lines.append(
            f"Dropped {report.dropped:,} labels with small gradients; a pruned index can't refit or verify{kept}"
        )
    parts = zip(report.seconds, ("encoding and writing", "refit", "curvature", "rows with leverage"))
    lines.append("Seconds: " + ", ".join(f"{seconds:.1f} {part}" for seconds, part in parts))
    return lines


def _limit(refit: RefitReport) -> str:
    """Say so where the search ended at the smallest penalty, though a smaller one might do."""
    return " (the smallest that is tried)" if len(refit.tried) > 1 and refit.l2 == min(refit.tried) else ""


def describe_fidelity(name: str, agreement: Fidelity) -> str:
    """Say in a sentence how far the head that explains predicts what the pipeline does."""
    line = (
        f"On the {name} corpus it predicts {agreement.shared:,} of the pipeline's {agreement.predicted:,} predictions"
    )
    line += f" ({agreement.share:.2%})"
    for what, types in (("missed", agreement.missed), ("added", agreement.added)):
        if types:
            line += f"; {what}: " + ", ".join(f"{count} {label}" for label, count in types.items())
    if agreement.score is not None and agreement.head_score is not None:
        line += f"; score {agreement.score:.4f} for the pipeline, {agreement.head_score:.4f} for that head"
    return line


def prepare_influence(nlp: Language, model: str, chosen: Optional[str] = None) -> Influence:
    """Return the influence component without an index; one with defaults is added if there is none.

    chosen (str): its tagger; the one that there is, or that has an influence component, if None.
    RAISES (ValueError): S044 if there is no crf_tagger, S188 if there are several, S189 if the chosen one is none, S011
        if it is untrained, S026 if it comes after the influence component.
    """
    components = dict(nlp.pipeline)
    explaining = [component for component in components.values() if isinstance(component, Influence)]
    chosen = choose_tagger(nlp, model, chosen, [component.tagger_name for component in explaining]).name
    influence = next((component for component in explaining if component.tagger_name == chosen), None)
    if influence is None:
        name = f"influence_{chosen}" if "influence" in nlp.component_names else "influence"
        added = nlp.add_pipe("influence", name=name, config={"tagger": chosen}, after=chosen)
        assert isinstance(added, Influence)
        influence = added
    influence.unload_index()
    tagger = influence.find_tagger()
    if not tagger.labels or not tagger.model.get_ref("output_layer").has_param("W"):
        raise SeginfError(Errors.S011.format(name=tagger.name))
    order = nlp.component_names
    if order.index(influence.name) < order.index(chosen):
        raise SeginfError(Errors.S026.format(name=influence.name, tagger=chosen))
    return influence


def override_settings(influence: Influence, settings: Mapping[str, Any], unit: Optional[str] = None) -> None:
    """Change settings of an influence component, in the pipeline's config too, so that the saved pipeline has them.

    settings: of ``IndexSettings``; None leaves one as it is, except that it lets l2 be chosen. unit (str): what
        explanations refer to; None leaves it.
    RAISES (ValueError): S027 or S028 for those that are unknown or make no sense.
    """
    settings = {name: value for name, value in settings.items() if value is not None or name == "l2"}
    influence.settings = influence.settings.changed(settings)
    if unit is not None:
        check_choice(influence.name, "unit", unit, UNITS)
        influence.unit = unit
    config = {**influence.settings.config(), "unit": influence.unit}
    named = {name: value for name, value in config.items() if name in settings or (name == "unit" and unit is not None)}
    influence.nlp.get_pipe_config(influence.name).update(named)


def check_output(output: Path, force: bool, model: str, corpus: Path, dev: Optional[Path]) -> None:
    """Refuse to replace what is not an earlier result, or holds what the command reads; and what can't be read or
    written. RAISES (ValueError): S040, S043, S046, S263."""
    if output.name in ("", ".."):  # a folder that may come to be where another one is
        raise SeginfError(Errors.S046.format(path=output, problem="has no name of its own"))
    recover_folder(output)
    check_pipeline(model)
    check_paths({"corpus": corpus, "development corpus (--dev)": dev})
    problem = unwritable(output)
    if problem:
        raise SeginfError(Errors.S046.format(path=output, problem=f"can't be written ({problem})"))
    if not output.exists():
        return
    if not force:
        raise SeginfError(Errors.S043.format(path=output))
    target = output.resolve()
    inputs = [Path(model), Path(corpus), *([Path(dev)] if dev else []), Path.cwd()]
    for path in inputs:
        # The model's own folder may be replaced: the result is the same pipeline with an index.
        itself = path == inputs[0] and path.resolve() == target
        if path.exists() and path.resolve().is_relative_to(target) and not itself:
            raise SeginfError(Errors.S046.format(path=output, problem=f"holds {path}, which this command reads"))
    empty = output.is_dir() and not any(output.iterdir())
    if not empty and not (output / "meta.json").exists():
        raise SeginfError(Errors.S046.format(path=output, problem="holds no pipeline"))


def check_page(page: Optional[Path], output: Path, corpus: Path, dev: Optional[Path]) -> None:
    """Refuse a page that can't be written, or would replace what the command reads or writes. RAISES (ValueError): S219
    and the like."""
    if page is None or Path(page).resolve() == (output / PAGE).resolve():
        return
    check_paths({"corpus": corpus, "development corpus (--dev)": dev}, outputs={"page (--page)": page})
    if Path(page).resolve().is_relative_to(output.resolve()):
        problem = f"is in the folder of the pipeline, where only {PAGE} can be"
        raise SeginfError(Errors.S219.format(path=page, problem=problem, what="page (--page)"))


def write_page(
    page: Optional[Path], output: Path, component: str, corpus: Path, dev: Optional[Path], gpu_id: int, msg: Messages
) -> None:
    """Write the page about a new index, if one is wanted. What is wrong with it is told, and leaves the index alone."""
    if page is None:
        return
    try:
        report_index(str(output), corpus, page, component=component, dev=dev, gpu_id=gpu_id, silent=msg.silent)
    except SeginfError as error:
        msg.warn(f"The index is complete, but the page about it was not written: {error}")


def show_progress(total: int):  # type: ignore[no-untyped-def]
    """Return a progress bar over documents, with the time that is left."""
    from tqdm import tqdm

    return tqdm(total=total, unit="doc", desc="Encoding", disable=not sys.stderr.isatty())
