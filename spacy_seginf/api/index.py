"""`python -m spacy seginf index`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from spacy.cli._util import setup_gpu
from spacy.language import Language
from wasabi import Printer

from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..explanation.loading import load_pipeline
from ..explanation.settings import check_build
from ..files import recover_folder
from ..indexing.build import BuildReport, BuildSettings, compute_index, save_with_index
from ..indexing.fidelity import LEAST_SHARED, Fidelity
from ..indexing.pruning import FULL
from ..indexing.refit import TRAINED
from ..machine import coded_memory_errors
from ..parallel import DaskWorkers, InProcess, Workers
from ..tagger.corpus import read_corpus, read_judging
from ..tagger.crf_tagger import CRFTagger


@coded_memory_errors()
def build_index(
    model: str,
    corpus: Path,
    output: Path,
    *,
    tagger: Optional[str] = None,
    dev: Optional[Path] = None,
    curvature: Optional[str] = None,
    refit: Optional[bool] = None,
    l2: Optional[float] = None,
    centre: Optional[str] = None,
    unit: Optional[str] = None,
    dtype: Optional[str] = None,
    keep: Optional[float] = None,
    tolerance: Optional[float] = None,
    shard_tokens: Optional[int] = None,
    scheduler: Optional[str] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
) -> BuildReport:
    """Build the index of a trained pipeline over its training corpus, and write both to a folder.

    model (str): package or folder of the trained pipeline. A [components.influence] block in its config gives the
        settings; without one, defaults are used. The component goes right behind the tagger.
    corpus (Path): the training corpus (.spacy).
    output (Path): folder for the result; nothing is written unless all goes well.
    tagger (str): the crf_tagger to explain, if the pipeline has several.
    dev (Path): development corpus (.spacy), by which the head that explains is chosen and checked.
    curvature, refit, l2, centre, unit, dtype, keep, tolerance: instead of those in the config; the config of the
        written pipeline says so.
    shard_tokens (int): how many tokens go into a shard: what is kept of an interrupted run, and one task of a cluster.
    scheduler (str): address of a dask scheduler, whose workers do the work on shards; they must see the folder of the
        output under the same path. In this process if None.
    RAISES (ValueError): S040 to S045 for missing, foreign or empty input, S043 or S046 if the output exists, S027 or
        S028 for unknown settings, S188 or S189 if it is not clear which tagger is meant.
    """
    msg = Printer(no_print=silent)
    output = Path(output)
    check_output(output, force, model, corpus, dev)
    setup_gpu(gpu_id, silent=silent)
    nlp = load_pipeline(model)
    influence_name, tagger_name = prepare_influence(nlp, model, tagger)
    influence: Any = nlp.get_pipe(influence_name)
    override_settings(
        nlp,
        influence_name,
        curvature=curvature,
        refit=refit,
        l2=l2,
        centre=centre,
        unit=unit,
        dtype=dtype,
        keep=keep,
        tolerance=tolerance,
        shard_tokens=shard_tokens,
    )
    workers: Workers = DaskWorkers.connect(scheduler) if scheduler else InProcess()
    tagger_component = influence.find_tagger()
    texts = read_corpus(nlp, Path(corpus), tagger_component.attribute)
    dev_texts = read_judging(nlp, tagger_component, Path(dev)) if dev else None
    chosen: BuildSettings = influence.settings
    if not dev and chosen.refit:
        msg.warn(
            "No development corpus (--dev): how far the head that explains predicts what the pipeline does is checked "
            "on the training texts only, and a tenth of them, which the encoder has seen, chooses the penalty of the "
            "head that suspects labels."
        )

    def build(folder: Path, staging: Path) -> BuildReport:
        return compute_index(
            nlp,
            tagger_name,
            texts,
            folder,
            dev=dev_texts,
            settings=chosen,
            staging=staging,
            workers=workers,
            gpu=gpu_id,
            corpus=Path(corpus).name,
            progress=None if silent else show_progress,
            say=msg.info,
        )

    try:
        report = save_with_index(nlp, output, build, influence_name, msg.info)
    finally:
        workers.close()
    tell(msg, report)
    counts = f"{report.rows:,} labels and {report.segments:,} entities of {report.documents:,} documents"
    msg.good(f"Indexed {counts}: {output}")
    msg.text(f'Try it: python -m spacy seginf explain {output} "..."')
    return report


def tell(msg: Printer, report: BuildReport) -> None:
    """Say by which head an index explains and what it holds; warn if that head predicts something else."""
    for line in describe(report):
        msg.text(line)
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
        kept = "development" if "development" in refit.corpora else "training"
        measure = f"predictions kept in {kept}" if report.centre == TRAINED else "loss per held-out token"
        tried = ", ".join(f"{l2:g}: {value:.4f}" for l2, value in refit.tried.items())
        lines.append(
            f"The head that explains: l2 = {refit.l2:g}"
            + (f" ({measure} by l2: {tried})" if tried else "")
            + f", largest gradient {refit.gradient:.1e}"
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


def prepare_influence(nlp: Language, model: str, chosen: Optional[str] = None) -> tuple[str, str]:
    """Return the names of the influence component (added with defaults if there is none) and of its tagger.

    chosen (str): the tagger; the one that there is, or that has an influence component, if None.
    RAISES (ValueError): S044 if there is no crf_tagger, S188 if there are several, S189 if the chosen one is none, S011
        if it is untrained, S026 if it comes after the influence component.
    """
    components = dict(nlp.pipeline)
    taggers = [name for name, component in components.items() if isinstance(component, CRFTagger)]
    if not taggers:
        raise SeginfError(Errors.S044.format(path=model, known=", ".join(components)))
    explained = {name: part.tagger_name for name, part in components.items() if isinstance(part, Influence)}
    if chosen is None:
        wanted = list(dict.fromkeys(explained.values())) or taggers
        if len(wanted) > 1:
            raise SeginfError(Errors.S188.format(path=model, known=", ".join(wanted)))
        chosen = wanted[0]
    elif chosen not in taggers:
        raise SeginfError(Errors.S189.format(tagger=chosen, path=model, known=", ".join(taggers)))
    names = [name for name, tagger_name in explained.items() if tagger_name == chosen]
    if not names:
        names = [f"influence_{chosen}" if "influence" in nlp.component_names else "influence"]
        nlp.add_pipe("influence", name=names[0], config={"tagger": chosen}, after=chosen)
    influence = nlp.get_pipe(names[0])
    assert isinstance(influence, Influence)
    influence.unload_index()
    tagger = influence.find_tagger()
    if not tagger.labels or not tagger.model.get_ref("output_layer").has_param("W"):
        raise SeginfError(Errors.S011.format(name=tagger.name))
    order = nlp.component_names
    if order.index(names[0]) < order.index(influence.tagger_name):
        raise SeginfError(Errors.S026.format(name=names[0], tagger=influence.tagger_name))
    return names[0], influence.tagger_name


def override_settings(nlp: Language, name: str, **settings: Any) -> None:
    """Change settings of an influence component, in the pipeline's config too, so that the saved pipeline has them.

    name (str): the component.
    settings: those of ``BuildSettings``, and unit; None leaves a setting as it is.
    RAISES (ValueError): S027 or S028 for unknown ones.
    """
    influence: Any = nlp.get_pipe(name)
    changed = {setting: value for setting, value in settings.items() if value is not None}
    unit = changed.get("unit", influence.unit)
    build = replace(influence.settings, **{key: value for key, value in changed.items() if key != "unit"})
    check_build(name, unit, build)
    influence.unit, influence.settings = unit, build
    changed.pop("shard_tokens", None)  # says how to build, and nothing of the result
    nlp.get_pipe_config(name).update(changed)


def check_output(output: Path, force: bool, model: str, corpus: Path, dev: Optional[Path]) -> None:
    """Refuse to replace what is not an earlier result, or holds what the command reads."""
    if output.name in ("", ".."):  # a folder that may come to be where another one is
        raise SeginfError(Errors.S046.format(path=output, problem="has no name of its own"))
    recover_folder(output)
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


def show_progress(total: int):  # type: ignore[no-untyped-def]
    """Return a progress bar over documents, with the time that is left."""
    from tqdm import tqdm

    return tqdm(total=total, unit="doc", desc="Encoding", disable=not sys.stderr.isatty())
