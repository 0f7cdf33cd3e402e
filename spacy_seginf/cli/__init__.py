"""`python -m spacy seginf ...`. Every spaCy command imports this module, so it imports nothing heavy."""

from __future__ import annotations

import errno
import os
from functools import wraps
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, Callable, Iterable, NoReturn, Optional, Tuple

import typer
from click import NoSuchOption
from spacy.cli._util import Arg, Opt, app, parse_config_overrides

from ..errors import SeginfError
from ..settings import HELP as SETTINGS
from ..settings import overrides_of
from .examples import EXIT_CODES, example_of
from .reading import READING, reads_corpus

HELP = "Which training labels supported or opposed a prediction? Influence functions for the crf_tagger."
seginf = typer.Typer(name="seginf", help=HELP, epilog=EXIT_CODES, no_args_is_help=True)
app.add_typer(seginf)

ERROR = 1  # exit code

# Of commands that take settings of the config, as in `spacy train`.
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}


def _command(name: str, **settings: Any) -> Callable[[Callable], Callable]:
    """Make a command, with its examples at the end of its help."""
    return seginf.command(name, epilog=example_of(name), **settings)


def _calls(function: str, **names: str) -> Callable[[Callable], Callable]:
    """Let a command call a function of ``api`` with all its options: MODULE.NAME, and what it calls some of them. The
    second of two options for the same counts where it is given."""
    module, _, name = function.partition(".")

    def calling(command: Callable) -> Callable:
        @wraps(command)
        def call(**given: Any) -> None:
            options: dict[str, Any] = {}
            for key in signature(command).parameters:
                if given[key] is not None or names.get(key, key) not in options:
                    options[names.get(key, key)] = given[key]
            settings = {**options.pop("reading", {}), "silent": options.pop("quiet", False)}
            if "context" in given:
                settings["overrides"] = _parse(options.pop("context").args)
            report_errors(getattr(import_module(f"..api.{module}", __package__), name), **options, **settings)

        return call

    return calling


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("spacy_seginf"))
        raise typer.Exit


@seginf.callback()
def seginf_cli(
    version: bool = Opt(False, "--version", help="Print the version and end", callback=_print_version, is_eager=True),
) -> None:
    pass


def _index_option(name: str, off: str = "") -> Any:
    """Return the option for a setting of the index; without it, the config's counts. off (str): its opposite."""
    return Opt(None, f"--{name.replace('_', '-')}{off}", help=SETTINGS[name])


# Options of several commands.
SHARD_TOKENS = _index_option("shard_tokens")
L2 = _index_option("l2")
SCHEDULER = Opt(None, "--scheduler", help="Address of a dask scheduler (tcp://host:8786) whose workers do the work")
FORCE = Opt(False, "--force", "-F", help="Replace the output if it exists")
GPU_ID = Opt(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU")
QUIET = Opt(False, "--quiet", "-q", help="Print errors only")
CODE = Opt(None, "--code", help="Python file that registers methods of your own")
DEV = "--dev", "-d"
PAGE_PATH = Opt(None, "--page", help="Where the page about the index goes; default: OUTPUT/index.html")
NO_PAGE = Opt(False, "--no-page", help="Write no page about the index, for which its head is refit twenty times")
JSON_HELP = "Also write all of it to this file, as JSON (lists: one object a line); - prints that and nothing else"
JSON = Opt(None, "--json", help=JSON_HELP)
JSON_OUTPUT = Opt(None, "--json", "--output", "-o", help=JSON_HELP)  # the latter as version 0.1 named it
EXCHANGE_FORMATS = "prodigy, label-studio, argilla, incorrect-spans (.spacy), jsonl or csv (.csv)"


@_command("index", context_settings=OVERRIDES)
def index_cli(
    context: typer.Context,
    model: str = Arg(..., help="Trained pipeline with a crf_tagger: a package or a folder"),
    corpus: Path = Arg(..., help="The training corpus, in any format (docs/corpora.md)"),
    output: Path = Arg(..., help="Folder for the pipeline with its index; spacy.load opens it"),
    tagger: Optional[str] = Opt(None, "--tagger", help="The crf_tagger to explain, if there are several"),
    dev: Optional[Path] = Opt(
        None, *DEV, help="Development corpus, by which the head that explains is chosen and checked"
    ),
    curvature: Optional[str] = _index_option("curvature"),
    refit: Optional[bool] = _index_option("refit", "/--no-refit"),
    l2: Optional[float] = L2,
    centre: Optional[str] = _index_option("centre"),
    unit: Optional[str] = Opt(
        None, "--unit", help="What explanations refer to, entity or token; default: the config's"
    ),
    dtype: Optional[str] = _index_option("dtype"),
    keep: Optional[float] = _index_option("keep"),
    tolerance: Optional[float] = _index_option("tolerance"),
    shard_tokens: Optional[int] = SHARD_TOKENS,
    scheduler: Optional[str] = SCHEDULER,
    page: Optional[Path] = PAGE_PATH,
    no_page: bool = NO_PAGE,
    force: bool = FORCE,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Encode the training corpus once, fit the head that explains, and store the gradients of the labels beside the
    pipeline, which predicts what it predicted before. Settings can be given as overrides too: --indexing.l2 100."""
    from ..api.index import build_index
    from ..api.index_report import PAGE

    given = {"curvature": curvature, "refit": refit, "l2": l2, "centre": centre, "dtype": dtype, "keep": keep}
    given.update(tolerance=tolerance, shard_tokens=shard_tokens)
    options: dict[str, Any] = {"tagger": tagger, "dev": dev, "unit": unit, "scheduler": scheduler, "force": force}
    options.update(gpu_id=gpu_id, silent=quiet, page=None if no_page else page or output / PAGE)
    report_errors(_with_settings, build_index, context.args, given, model, corpus, output, **options)


@_command("append")
@_calls("append.append_to_index")
def append_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    corpus: Path = Arg(..., help="The new documents, in any format"),
    output: Path = Arg(..., help="Folder for the result; the pipeline's own with --force"),
    component: Optional[str] = Opt(None, "--component", "-c", help="Whose index grows, if several have one"),
    refresh: bool = Opt(False, "--refresh", help="Fit head and curvature to all documents; otherwise they are held"),
    dev: Optional[Path] = Opt(None, *DEV, help="Development corpus that chooses the penalty of a refresh"),
    shard_tokens: Optional[int] = SHARD_TOKENS,
    scheduler: Optional[str] = SCHEDULER,
    force: bool = FORCE,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Add documents to an index; only these are encoded."""


@_command("check")
@_calls("check.check_index")
def check_cli(
    pipeline: Path = Arg(..., help="Pipeline folder written by `seginf index`, or an index folder"),
    quiet: bool = QUIET,
) -> None:
    """Compare every byte of an index with its checksums, and say what it holds."""


@_command("attach", context_settings=OVERRIDES)
def attach_cli(
    context: typer.Context,
    pipeline: str = Arg(..., help="Trained pipeline with a ner or tagger component: a package or a folder"),
    corpus: Path = Arg(..., help="The training corpus, in any format (docs/corpora.md)"),
    output: Path = Arg(..., help="Folder for the pipeline with head and index; spacy.load opens it"),
    component: Optional[str] = Opt(None, "--component", "-c", help="Component to explain, if there are several"),
    dev: Optional[Path] = Opt(None, *DEV, help="Development corpus, by which the head is chosen"),
    l2: Optional[float] = L2,
    page: Optional[Path] = PAGE_PATH,
    no_page: bool = NO_PAGE,
    force: bool = FORCE,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Explain a ner or tagger that was trained without this package, through a head on its frozen encoder. Settings of
    the index are overrides: --indexing.curvature kfac."""
    from ..api.attach import attach_index
    from ..api.index_report import PAGE

    options: dict[str, Any] = {"component": component, "dev": dev, "force": force, "gpu_id": gpu_id, "silent": quiet}
    options["page"] = None if no_page else page or output / PAGE
    report_errors(_with_settings, attach_index, context.args, {"l2": l2}, pipeline, corpus, output, **options)


@_command("explain")
def explain_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    text: str = Arg(..., help="Text to tag and explain, or a corpus; - reads a text from standard input"),
    html: Optional[Path] = Opt(None, "--html", help="Also write a self-contained page to this file"),
    every_token: bool = Opt(False, "--tokens", "-t", help="Explain every token, not only entities"),
    top: int = Opt(3, "--top", "-k", help="References shown on each side", min=1),
    label: list[str] = Opt([], "--label", "-l", help="Only references with this label; may be repeated"),
    document: list[str] = Opt([], "--document", help="Only references in the document with this id; may be repeated"),
    entities: bool = Opt(False, "--entities", help="Only references that are annotated as entities"),
    method: Optional[str] = Opt(
        None, "--method", "-m", help="Another attribution method by its registered name, such as SegmentNN"
    ),
    code: Optional[Path] = CODE,
    errors: bool = Opt(
        False,
        "--errors",
        help="Explain the wrong predictions for a corpus with right labels: what taught each, and what to do",
    ),
    json: Optional[Path] = JSON,
    decisions: Optional[Path] = Opt(
        None, "--decisions", help="With --errors: append what may put the labels behind them right, for `seginf apply`"
    ),
    against: Optional[str] = Opt(None, "--against", "-a", help="Why not this? A type, O, or a tag"),
    families: Optional[int] = Opt(None, "--families", "-f", help="Families of labels shown on each side", min=0),
    words: bool = Opt(False, "--words", "-w", help="Also show the words behind each reference (method TracInWE)"),
    joint: bool = Opt(False, "--joint", "-j", help="Also compute what is predicted without whole families of labels"),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Show which training labels supported and opposed the predictions for a text or a corpus."""
    if errors:
        from ..api.explain_errors import explain_errors

        others = [every_token, label, document, entities, method, against, families is not None, words, joint, code]
        if any(others):
            raise typer.BadParameter(
                "with --errors only --html, --json, --decisions, --top, --gpu-id and --quiet mean something"
            )
        files = {"html": html, "json": json, "decisions": decisions}
        report_errors(explain_errors, pipeline, Path(text), **files, top=top, gpu_id=gpu_id, silent=quiet)
        return
    if decisions is not None:
        raise typer.BadParameter("--decisions writes what --errors finds: give that too, and a corpus")
    from ..api.explain import explain
    from ..api.explain_corpus import explain_corpus
    from ..explanation.corpus_texts import named_corpus

    choice: dict[str, Any] = {"labels": label, "documents": document, "entities": entities, "method": method}
    choice["code"] = code
    settings: dict[str, Any] = {"every_token": every_token, "top": top, "gpu_id": gpu_id, "silent": quiet, **choice}

    def run(pipeline: str, text: str, html: Optional[Path], json: Optional[Path]) -> None:
        corpus = named_corpus(text)
        if corpus is None:
            if families == 0 and (against is not None or joint):
                raise typer.BadParameter("--against and --joint say something of families: leave out --families 0")
            asked: dict[str, Any] = {"against": against, "families": families, "words": words, "joint": joint}
            explain(pipeline, text, html=html, json=json, **settings, **asked)
            return
        if against is not None or families is not None or words or joint:
            raise typer.BadParameter("--against, --families, --words and --joint are for a text, not for a corpus")
        explain_corpus(pipeline, corpus, html=html, json=json, **settings)

    report_errors(run, pipeline, text, html, json)


@_command("init-config")
@_calls("init_config.init_config")
def init_config_cli(
    output: Path = Arg(..., help="The config to write (.cfg), for `spacy train`"),
    lang: str = Opt("en", "--lang", "-l", help="Language of the texts, by its code"),
    target: str = Opt("ents", "--target", "-t", help="What is annotated: ents, tag, pos or spans:KEY"),
    scheme: str = Opt("BIO", "--scheme", help="Tags of entities and spans: BIO, BILUO or IO"),
    gpu: bool = Opt(False, "--gpu", "-G", help="Fine-tune a transformer instead of training a small CNN from scratch"),
    encoder: Optional[str] = Opt(None, "--encoder", help="The transformer, by its name or folder, with --gpu"),
    predicate: Optional[str] = Opt(
        None, "--predicate", help="Key of doc.spans with the predicate whose roles are asked for"
    ),
    force: bool = FORCE,
    quiet: bool = QUIET,
) -> None:
    """Write a config to begin with: a tagger of what you annotate, and the component that explains it."""


@_command("calibrate")
@_calls("calibrate.calibrate")
def calibrate_cli(
    pipeline: str = Arg(
        ..., help="Trained pipeline with a crf_tagger: a package or a folder, with an index or without"
    ),
    corpus: Path = Arg(..., help="Development corpus in any format: texts with labels that it was not trained on"),
    output: Path = Arg(..., help="Folder for the pipeline with calibrated probabilities"),
    tagger: Optional[str] = Opt(None, "--tagger", help="The crf_tagger, if there are several"),
    training: Optional[Path] = Opt(
        None, "--training", help="The training corpus: what it does not have is calibrated apart, if that is better"
    ),
    precision: Optional[float] = Opt(
        None, "--precision", help="Leave out what is too improbable, so that this share of each type is right (0.95)"
    ),
    plot: Optional[Path] = Opt(None, "--plot", help="Reliability diagram and risk-coverage curve (.png, .svg, .pdf)"),
    force: bool = FORCE,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Fit the probabilities of predictions (ent._.probability) to texts with labels, so that of those of 0.9, nine of
    ten are right; print how well they fit before and after."""


@_command("verify", context_settings=OVERRIDES)
def verify_cli(
    context: typer.Context,
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    text: str = Arg(..., help="Text to tag and explain; - reads standard input"),
    l2: float = Opt(10.0, "--l2", help="Penalty of the refits, if the index was built without a refit"),
    top: int = Opt(2, "--top", "-k", help="References on each side of each entity", min=1),
    relabel: bool = Opt(False, "--relabel", "-r", help="Also refit with the label of each reference changed"),
    corpus: Optional[Path] = Opt(
        None,
        "--pipeline",
        help="The indexed corpus: train the whole pipeline again on it, without the top families of each prediction. "
        "The options below are for this; settings of the config can be overridden, as in spacy train",
    ),
    output: Path = Opt("retrained", "--output", "-o", help="Folder for the trainings; a stopped run goes on there"),
    seeds: int = Opt(3, "--seeds", help="Trainings with as many seeds, the first that of the config", min=1),
    families: int = Opt(3, "--families", help="How many families of each prediction", min=1),
    to: Optional[str] = Opt(None, "--to", help="Change their labels to this, O for none; default: take them away"),
    config: Optional[Path] = Opt(None, "--config", "-c", help="Config of the training; default: the pipeline's own"),
    dev: Optional[Path] = Opt(None, "--dev", "-d", help="Development corpus of the training; default: the config's"),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Refit the head without the references of a text, and print predicted beside actual effects; with --pipeline,
    train the whole pipeline again."""
    from ..api.verify import verify
    from ..api.verify_pipeline import verify_pipeline

    if corpus is None:
        _parse(context.args)
        report_errors(verify, pipeline, text, l2=l2, top=top, relabel=relabel, gpu_id=gpu_id, silent=quiet)
        return
    settings: dict[str, Any] = {"seeds": seeds, "families": families, "to": to, "config": config, "dev": dev}
    settings.update(overrides=_parse(context.args), gpu_id=gpu_id, silent=quiet)
    report_errors(verify_pipeline, pipeline, text, corpus, output, **settings)


@_command("flip")
@_calls("flip.flip", span="spans")
def flip_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    text: str = Arg(..., help="Text to tag; - reads standard input"),
    span: list[str] = Opt([], "--span", "-s", help="Words of the text to ask about, predicted or not; may be repeated"),
    to: Optional[str] = Opt(None, "--to", help="The label that they should get, O for none; default: any other"),
    by: str = Opt("removing", "--by", help="What is done to training labels: removing or relabelling"),
    budget: int = Opt(60, "--budget", help="How often the head may be moved to another optimum, for each prediction"),
    most: int = Opt(200, "--most", help="Labels of a set, at most"),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Find the smallest set of training labels whose removal or change would change a prediction; a refit confirms
    it."""


@_command("preview")
@_calls("preview.preview", json="output")
def preview_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`, of the corpus that was reviewed"),
    decisions: Path = Arg(..., help="File of decisions, as `seginf apply` reads it"),
    texts: str = Arg(..., help="A text, - for standard input, or a corpus: .spacy, CoNLL columns, .jsonl, .jsonl.gz"),
    json: Optional[Path] = JSON_OUTPUT,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Show which predictions will change, for better or worse, when decisions are applied, before anything is
    trained."""


@_command("evaluate")
@_calls("evaluate.evaluate_with_options")
def evaluate_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    texts: Path = Arg(..., help="Development or test corpus (.spacy) whose predictions are attributed"),
    output: Path = Arg(..., help="Folder for table, pictures and comparison.json; an interrupted run goes on in it"),
    config: Path = Opt(..., "--config", "-c", help="Config file with a block [methods.NAME] for each method"),
    methods: str = Opt("", "--methods", "-m", help="Names of methods, separated by commas; default: all"),
    checkpoints: Optional[Path] = Opt(None, "--checkpoints", help="Training checkpoints, for methods that read them"),
    truth: Optional[str] = Opt(None, "--truth", help="Pipeline trained on the true labels, to find planted errors by"),
    planted: Optional[Path] = Opt(None, "--planted", help="Training corpus (.jsonl.gz) with its planted errors listed"),
    documents: Optional[int] = Opt(
        None, "--documents", help="Training documents drawn for the refits; 0 takes all; default: 160 (with --quick 60)"
    ),
    queries: Optional[int] = Opt(
        None, "--queries", help="Predictions drawn for each seed; default: 10 (with --quick 3)"
    ),
    ks: Optional[str] = Opt(
        None, "--ks", help="How many segments are deleted; default: 10,20,50,100 (with --quick 5,10)"
    ),
    subsets: Optional[int] = Opt(
        None, "--subsets", help="Random halves of the documents for each seed; default: 40 (with --quick 6)"
    ),
    seeds: Optional[str] = Opt(
        None,
        "--seeds",
        help="Each draws other predictions and halves, for one encoder and one choice of training documents: intervals "
        "do not have the noise of training; default: 0,1,2 (with --quick 0)",
    ),
    l2: Optional[float] = Opt(None, "--l2", help="Penalty of the refits, if the index was built without a refit"),
    quick: bool = Opt(False, "--quick", help="Smaller defaults, to see whether everything works"),
    n_process: int = Opt(1, "--n-process", "-n", help="How many refits run at once", min=1),
    plots: bool = Opt(True, "--plots/--no-plots", help="Whether to draw pictures (needs matplotlib)"),
    code: Optional[Path] = CODE,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Compare attribution methods: refit the head without the labels that they name, and see what happens."""


@_command("scores")
def scores_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    scores: str = Opt(
        "segment_loss",
        "--scores",
        "-s",
        help="Scores to show, by name, separated by commas; the first sorts. An unknown one lists all",
    ),
    level: str = Opt("segment", "--level", "-l", help="What is listed: token, segment or document"),
    top: int = Opt(50, "--top", "-k", help="How many to list", min=1),
    trusted: Optional[Path] = Opt(None, "--trusted", help="Trusted documents, which the trusted_... scores need"),
    clean: Optional[Path] = Opt(None, "--clean", hidden=True),  # as version 0.1 named it
    checkpoints: Optional[Path] = Opt(
        None, "--checkpoints", help="Folder of a CheckpointLogger, which low_confidence and variability need"
    ),
    how: str = Opt("max", "--how", help="How scores of tokens make one of a segment or document: max or mean"),
    json: Optional[Path] = JSON_OUTPUT,
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """List the most suspicious training labels: high scores are suspicious."""
    from ..api.scores import score_labels

    names = [name.strip() for name in scores.split(",") if name.strip()]
    settings: dict[str, Any] = {"trusted": trusted or clean, "checkpoints": checkpoints, "how": how, "output": json}
    settings.update(gpu_id=gpu_id, silent=quiet)
    report_errors(score_labels, pipeline, names, level=level, top=top, **settings)


@_command("rank")
def rank_cli(
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    corpus: Path = Arg(..., help="The training corpus that was indexed, in any format"),
    output: Path = Opt(Path("issues.jsonl"), "--output", "-o", help="The ranking, JSON lines; replaced"),
    dev: Optional[Path] = Opt(
        None,
        *DEV,
        help="Documents with right labels: they find families of errors that were learned",
    ),
    mistakes: Optional[Path] = Opt(
        None, "--mistakes", "-m", help="Texts with right labels: what supports the errors in them comes first"
    ),
    decisions: list[Path] = Opt(
        [], "--decisions", help="Decisions made so far: left out, and they teach what else is wrong; may be repeated"
    ),
    label: list[str] = Opt([], "--label", "-l", help="Only spans with this label; may be repeated"),
    suggested: list[str] = Opt([], "--suggested", help="Only where this label is suggested; may be repeated"),
    kind: list[str] = Opt([], "--kind", help="Only this change: relabel, remove, add or rebound; may be repeated"),
    document: list[str] = Opt([], "--document", help="Only in the document with this id; may be repeated"),
    text: str = Opt("", "--text", help="Only spans in whose words this regular expression is found"),
    top: int = Opt(1000, "--top", "-k", help="How many to list", min=1),
    unlikely: bool = Opt(False, "--unlikely", help="List all that is clearly less likely than the annotation, too"),
    features: Optional[str] = Opt(None, "--features", help="Pipeline whose encoder has not seen these labels"),
    crossfit: Optional[Path] = Opt(None, "--crossfit", help="Pipelines trained on folds by `seginf crossfit`"),
    opinion: Optional[str] = Opt(None, "--opinion", help="Pipeline of another guideline, whatever its labels are"),
    references: int = Opt(100, "--references", help="How many get supporting and opposing training labels", min=0),
    json: Optional[Path] = JSON,
    plot: Optional[Path] = Opt(
        None, "--plot", help="Also draw the largest families as a picture (.png, .svg or .pdf; needs matplotlib)"
    ),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Rank the training spans whose labels may be wrong, with what they may be meant to be."""
    from ..api.rank import find_label_issues
    from ..curation.filter import IssueFilter

    def run(output: Path, *files: Optional[Path]) -> None:
        wanted = IssueFilter(tuple(label), tuple(suggested), tuple(kind), tuple(document), text)
        settings: dict[str, Any] = {"dev": dev, "mistakes": mistakes, "decisions": decisions, "wanted": wanted}
        settings.update(top=top, unlikely=unlikely, features=features, crossfit=crossfit, opinion=opinion)
        settings.update(references=references, plot=plot, json=json, gpu_id=gpu_id, silent=quiet)
        find_label_issues(pipeline, corpus, output, **settings)

    report_errors(run, output, corpus, dev, mistakes, plot, json, *decisions)


@_command("export")
@_calls("export.export_issues")
def export_cli(
    issues: Path = Arg(..., help="Ranking of label issues (.jsonl)"),
    output: Path = Arg(..., help="File of tasks to write"),
    format: Optional[str] = Opt(None, "--format", "-f", help=EXCHANGE_FORMATS),
    top: Optional[int] = Opt(None, "--top", "-k", help="How many, from the most suspicious on; default: all", min=1),
    corpus: Optional[Path] = Opt(
        None, "--corpus", "-c", help="For incorrect-spans: write whole documents of this corpus (.spacy)"
    ),
    force: bool = Opt(False, "--force", "-F", help="Replace the output if it exists"),
    quiet: bool = QUIET,
) -> None:
    """Write label issues as tasks for an annotation tool, with the suggestions marked."""


@_command("import")
@_calls("import_answers.import_answers")
def import_cli(
    issues: Path = Arg(..., help="The ranking (.jsonl) that was exported"),
    answers: Path = Arg(..., help="File that the annotation tool wrote"),
    decisions: Path = Arg(..., help="File of decisions (.jsonl) to append to"),
    reviewer: str = Opt(..., "--reviewer", "-r", help="Who decided"),
    format: Optional[str] = Opt(None, "--format", "-f", help=EXCHANGE_FORMATS),
    quiet: bool = QUIET,
) -> None:
    """Read decisions that were made in an annotation tool; a file with an error changes nothing."""


@_command("review")
@_calls("review.review", suspicions="issues")
def review_cli(
    pipeline: Path = Arg(..., help="Pipeline folder written by `seginf index`"),
    issues: Path = Opt(Path("issues.jsonl"), "--issues", help="Ranking written by `seginf rank`"),
    suspicions: Optional[Path] = Opt(None, "--suspicions", hidden=True),  # as version 0.1 named it
    decisions: Path = Opt(Path("decisions.jsonl"), "--decisions", help="File that decisions are appended to"),
    html: Optional[Path] = Opt(None, "--html", help="Write one self-contained page to this file, and serve nothing"),
    port: int = Opt(0, "--port", "-p", help="Port on this machine; 0 takes a free one", min=0, max=65535),
    reviewer: Optional[str] = Opt(None, "--reviewer", help="Your name in the decisions; default: the user's"),
    browser: bool = Opt(True, "--browser/--no-browser", help="Whether to open the page in a browser"),
    adjudicate: list[Path] = Opt(
        [], "--adjudicate", help="Decisions of other reviewers, shown; yours win over them; may be repeated"
    ),
    corpus: Optional[Path] = Opt(None, "--corpus", help="The reviewed corpus, for the page's button Apply"),
    output: Optional[Path] = Opt(None, "--output", "-o", help="Where that button writes the corrected corpus"),
    texts: Optional[str] = Opt(None, "--texts", help="A text or corpus, for the page's button Preview"),
    refit: Optional[Path] = Opt(None, "--refit", help="Where the page's button Refit writes a better pipeline"),
    dev: Optional[Path] = Opt(None, *DEV, help="Annotated corpus on which that is scored; default: --texts"),
) -> None:
    """Decide about suspicious training labels on a page that only this machine can see."""


@_command("crossfit", context_settings=OVERRIDES)
@_calls("crossfit.crossfit")
def crossfit_cli(
    context: typer.Context,
    config: Path = Arg(..., help="Config of the training, as for `spacy train`"),
    corpus: Path = Arg(..., help="The training corpus, in any format"),
    output: Path = Arg(..., help="Folder for the pipelines; a stopped run goes on there"),
    dev: Optional[Path] = Opt(None, *DEV, help="Development corpus of the training; default: the config's"),
    folds: int = Opt(5, "--folds", help="How many folds", min=2),
    fold: Optional[int] = Opt(None, "--fold", help="Train without this one only, from 0 on: for several machines"),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Train pipelines on folds, for `seginf rank --crossfit`. Settings of the config can be overridden, as in spacy
    train."""


@_command("stability", context_settings=OVERRIDES)
@_calls("stability.measure_stability")
def stability_cli(
    context: typer.Context,
    config: Path = Arg(..., help="Config of the training, as for `spacy train`, or a pipeline's folder, for its own"),
    corpus: Path = Arg(..., help="The training corpus, in any format"),
    texts: Path = Arg(..., help="Texts to predict, in any format"),
    output: Path = Opt("stability", "--output", "-o", help="Folder for the pipelines; a stopped run goes on there"),
    indexed: Optional[str] = Opt(
        None, "--indexed", help="Pipeline with an index that keeps the record; default: CONFIG"
    ),
    dev: Optional[Path] = Opt(None, "--dev", "-d", help="Development corpus of the training; default: the config's"),
    seeds: int = Opt(5, "--seeds", help="How many trainings, with the seeds from 0 on", min=2),
    seed: Optional[int] = Opt(None, "--seed", help="Train with this one only: for several machines"),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Train again with other seeds: which predictions are decided by labels, and which by the seed? Settings of the
    config can be overridden, as in spacy train."""


@_command("loop", context_settings=OVERRIDES)
@_calls("loop.run_loop", looks="budget")
def loop_cli(
    context: typer.Context,
    pipeline: str = Arg(..., help="Pipeline folder written by `seginf index`"),
    corpus: Path = Arg(..., help="The training corpus that was indexed, in any format"),
    output: Path = Arg(..., help="Folder for decisions, corrected corpus, model, loop.md and curves"),
    test: Path = Opt(..., "--test", help="Texts with right labels (.spacy) that everything is scored on"),
    truth: Optional[Path] = Opt(
        None, "--truth", help="The training corpus with right labels (.spacy), which decides in the place of a person"
    ),
    decisions: list[Path] = Opt([], "--decisions", help="What people decided, instead; may be repeated"),
    dev: Optional[Path] = Opt(None, *DEV, help="Documents with right labels (.spacy), to rank and train by"),
    config: Optional[Path] = Opt(None, "--config", "-c", help="Config of the training; default: the pipeline's own"),
    before: Optional[str] = Opt(None, "--before", help="Pipeline trained on the corpus as it was; default: PIPELINE"),
    ceiling: Optional[str] = Opt(None, "--ceiling", help="Pipeline trained on the truth, to compare with"),
    budget: int = Opt(100, "--budget", "-k", help="Review budget: how many spans or families are read", min=1),
    looks: Optional[int] = Opt(None, "--looks", hidden=True, min=1),  # as version 0.1 named it
    every: int = Opt(10, "--every", help="Items after which decisions feed back into the ranking; 0 never", min=0),
    retrain: bool = Opt(True, "--retrain/--no-retrain", help="Whether to train at the end"),
    plots: bool = Opt(True, "--plots/--no-plots", help="Whether to draw curves (needs matplotlib)"),
    force: bool = Opt(False, "--force", "-F", help="Replace the output of an earlier loop"),
    gpu_id: int = GPU_ID,
    quiet: bool = QUIET,
) -> None:
    """Read, decide, put right, train again, compare. Settings of the config can be overridden, as in spacy train."""


@_command("apply")
@reads_corpus
def apply_cli(
    corpus: Path = Arg(..., help="Corpus that was reviewed, in any format (docs/corpora.md)"),
    output: Path = Arg(..., help="The corrected corpus, in the same format; must not exist yet"),
    decisions: list[Path] = Arg(..., help="Files of decisions, of one or several reviewers"),
    diff: Optional[Path] = Opt(None, "--diff", help="File for a readable list of the changes; default: OUTPUT.diff"),
    label: list[str] = Opt([], "--label", "-l", help="Entity type that is new to the corpus; may be repeated"),
    conflicts: str = Opt("error", "--conflicts", help="What reviewers disagree about: error, or skip to leave it"),
    dry_run: bool = Opt(False, "--dry-run", help="Print the changes and write nothing"),
    refit: Tuple[str, Path] = Opt(
        ("", Path()), "--refit", metavar="INDEXED TAGGER", help="Also refit the head of an indexed pipeline, in seconds"
    ),
    dev: Optional[Path] = Opt(None, *DEV, help="With --refit: annotated corpus to score before and after"),
    test: Optional[Path] = Opt(None, "--test", help="With --refit: another one"),
    quiet: bool = QUIET,
    reading: dict[str, Any] = READING,
) -> None:
    """Write a corrected corpus from reviewers' decisions; what they did not change stays as it is."""
    from ..api.apply import apply_decisions

    settings: dict[str, Any] = {"diff": diff, "labels": label, "conflicts": conflicts, "dry_run": dry_run, **reading}
    if not refit[0] and (dev or test):
        raise typer.BadParameter("--dev and --test are what --refit scores on")
    if not refit[0]:
        report_errors(apply_decisions, corpus, output, decisions, **settings, silent=quiet)
        return
    from ..api.refit import apply_and_refit

    scored = {"dev": dev, "test": test}
    report_errors(apply_and_refit, *refit, corpus, output, decisions, **scored, **settings, silent=quiet)


@_command("convert")
@reads_corpus
def convert_cli(
    corpus: Path = Arg(..., help="A corpus in any format (docs/corpora.md)"),
    output: Path = Arg(..., help="The same in spaCy's binary format (.spacy)"),
    rename: list[str] = Opt([], "--map", help="Another name for a type, OLD=NEW; may be repeated"),
    quiet: bool = QUIET,
    reading: dict[str, Any] = READING,
) -> None:
    """Write a corpus of any format in spaCy's, for training."""
    from ..api.convert import convert

    pairs = [pair.partition("=") for pair in rename]
    if not all(old and new for old, _, new in pairs):
        raise typer.BadParameter("--map wants OLD=NEW")
    report_errors(convert, corpus, output, types={old: new for old, _, new in pairs}, **reading, silent=quiet)


@_command("relabel")
@reads_corpus
def relabel_cli(
    corpus: Path = Arg(..., help="Annotated corpus, in any format (docs/corpora.md)"),
    output: Path = Arg(..., help="The relabelled corpus, in the same format; must not exist yet"),
    types: str = Opt("", "--map", "-m", help="New types of old ones: GPE=LOC,FAC=LOC; MISC=O takes entities away"),
    forms: Optional[Path] = Opt(
        None, "--forms", help="Lines of words, their type and their new type, with tabs between"
    ),
    join: bool = Opt(False, "--join", help="Make one entity of those that touch and come to have the same type"),
    diff: Optional[Path] = Opt(None, "--diff", help="File for a readable list of the changes; default: OUTPUT.diff"),
    dry_run: bool = Opt(False, "--dry-run", help="Print the changes and write nothing"),
    quiet: bool = QUIET,
    reading: dict[str, Any] = READING,
) -> None:
    """Rename, merge and split entity types by a mapping; everything else stays as it is."""
    from ..api.relabel import relabel_corpus
    from ..curation.relabelling import parse_types

    def run(corpus: Path, output: Path, forms: Optional[Path]) -> None:
        settings: dict[str, Any] = {"join": join, "diff": diff, "dry_run": dry_run, "silent": quiet, **reading}
        relabel_corpus(corpus, output, parse_types(types), forms=forms, **settings)

    report_errors(run, corpus, output, forms)


@_command("report")
@reads_corpus
@_calls("report.report_corpus")
def report_cli(
    corpus: Path = Arg(..., help="Annotated corpus, in any format (docs/corpora.md)"),
    html: Optional[Path] = Opt(None, "--html", help="Also write a self-contained page to this file"),
    json: Optional[Path] = JSON,
    model: Optional[str] = Opt(
        None, "--model", help="Pipeline folder written by `seginf index` of this corpus: what its heads say is added"
    ),
    quiet: bool = QUIET,
    reading: dict[str, Any] = READING,
) -> None:
    """Find annotations that contradict each other; no model is needed."""


@_command("unapply")
@reads_corpus
@_calls("apply.unapply_decisions")
def unapply_cli(
    corpus: Path = Arg(..., help="Corpus that `seginf apply` wrote"),
    output: Path = Arg(..., help="The corpus without the changes, in the same format; must not exist yet"),
    decisions: list[Path] = Arg(..., help="The files of decisions that were applied"),
    diff: Optional[Path] = Opt(None, "--diff", help="File for a readable list of the changes; default: OUTPUT.diff"),
    dry_run: bool = Opt(False, "--dry-run", help="Print the changes and write nothing"),
    quiet: bool = QUIET,
    reading: dict[str, Any] = READING,
) -> None:
    """Take decisions back that were applied: what they changed is again as it was, and all else stays."""


@_command("diff")
@reads_corpus
@_calls("diff.compare_corpora", json="output")
def diff_cli(
    first: Path = Arg(..., help="A corpus in any format (docs/corpora.md)"),
    second: Path = Arg(..., help="Another version of it, or another annotator's, in the same format"),
    html: Optional[Path] = Opt(None, "--html", help="Also write a self-contained page to this file"),
    json: Optional[Path] = JSON_OUTPUT,
    quiet: bool = QUIET,
    reading: dict[str, Any] = READING,
) -> None:
    """Compare two annotations of the same documents: by type, by form, and what stands against what."""


@_command("guideline")
@_calls("guideline.write_guideline")
def guideline_cli(
    issues: Path = Arg(..., help="Ranking that was reviewed, written by `seginf rank`"),
    decisions: list[Path] = Arg(..., help="Files of decisions; the notes beside them are read"),
    output: Path = Opt(Path("guideline.html"), "--output", "-o", help="The page"),
    quiet: bool = QUIET,
) -> None:
    """Write rules and comments that reviewers noted as a page, with examples as they were decided."""


@_command("agreement")
@_calls("diff.measure_agreement", json="output")
def agreement_cli(
    decisions: list[Path] = Arg(..., help="Files of decisions, of at least two reviewers"),
    html: Optional[Path] = Opt(None, "--html", help="Also write a page with all contradictions to this file"),
    json: Optional[Path] = JSON_OUTPUT,
    quiet: bool = QUIET,
) -> None:
    """Measure how far reviewers agree, by type (F1, kappa), and list where they contradict each other."""


def _with_settings(
    command: Callable, overrides: list[str], given: dict[str, Any], *arguments: Any, **options: Any
) -> None:
    """Run a command with the settings of the index that options name, and those that overrides do.

    RAISES (ValueError): S027 for an override of another name.
    """
    settings = {name: value for name, value in given.items() if value is not None}
    settings.update(overrides_of(_parse(overrides, env_var=None)))
    command(*arguments, **options, **settings)


def _parse(overrides: list[str], **settings: Any) -> dict[str, Any]:
    """Parse overrides as spaCy does, whose error of an unknown option is not always one that its own app knows."""
    try:
        return parse_config_overrides(overrides, **settings)
    except NoSuchOption as error:
        raise typer.BadParameter(str(error)) from None


def _check_kinds(values: Iterable[Any]) -> None:
    """Refuse pipes, devices and sockets before anything takes minutes, or waits for them."""
    from ..inputs import check_kind

    for value in values:
        for path in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(path, Path):
                check_kind(path, folders=True)


def report_errors(command, *arguments, **settings) -> None:  # type: ignore[no-untyped-def]
    """Run a command; this package's own errors end it with their message instead of a traceback."""
    try:
        _check_kinds([*arguments, *settings.values()])
        command(*arguments, **settings)
    except BrokenPipeError:  # whoever reads the output has seen enough: click knows what to do
        raise
    except OSError as error:
        from ..os_errors import os_error_message

        _fail(os_error_message(error))
    except RuntimeError as error:  # what pathlib makes of links that lead to themselves
        if not str(error).startswith("Symlink loop"):
            raise
        from ..os_errors import os_error_message

        path = str(error).partition(" from ")[2].strip("'")
        _fail(os_error_message(OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)))
    except SeginfError as error:
        _fail(str(error))


def _fail(problem: str) -> NoReturn:
    from ..messages import Messages

    Messages().fail(problem)
    raise SystemExit(ERROR)
