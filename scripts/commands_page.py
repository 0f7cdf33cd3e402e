"""Write docs/commands.md: every command with its arguments, its options and an example.

python scripts/commands_page.py docs/commands.md
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import CommandInfo, OptionInfo

from spacy_seginf.cli import seginf
from spacy_seginf.cli.examples import EXAMPLES
from spacy_seginf.cli.reading import OPTIONS as READING
from spacy_seginf.files import write_text

HEAD = """# The command line

`python -m spacy seginf COMMAND --help` says what stands here. This page is made from the commands by
`scripts/commands_page.py`. In the examples, `train.spacy` and `dev.spacy` are corpora, and `indexed` is a pipeline that
`seginf index` wrote ([the first steps](quickstart.md)).

"""
READING_HEAD = """## Reading a corpus

Commands that change, compare or convert a corpus *in any format* share these options. The format is told by name and
content, so most corpora need none; [corpora](corpora.md) describes the formats.

"""
TAIL = """## Exit codes

| code | when |
| ---: | --- |
| 0 | the command did what it was asked to do |
| 1 | it was refused, or it failed: the last line begins with a [code](errors.md) such as `[S040]` |
| 2 | the command line itself is wrong: an unknown option, a missing argument, a value out of its range |
| 130 | interrupted by Ctrl-C |

## In the repository only

| command | what it does |
| --- | --- |
| `python -m experiments retrain-deletions --help` | `seginf evaluate` with whole pipelines trained anew |
| `python -m experiments run CONFIG OUTPUT` | does an experiment of the paper again (`configs/paper/`) |
| `python -m experiments page OUTPUT PAGE.md` | writes one page of all results |
| `python -m experiments plant-artifact IN.spacy OUT.spacy` | a corpus in which a word decides |
| `python -m spacy project run all` | the whole workflow on the embedded corpus |
| `python -m spacy project run methods` | compares all attribution methods on it; `methods-retrained` after it |
| `python -m spacy project run curate` | finds the planted errors, corrects 100 items, trains again and compares |
| `python -m spacy project run conll2003` | the workflow on CoNLL-2003, which you supply; also `conll2003-transformer` |

`spacy train`, `evaluate`, `debug config`, `debug data`, `debug model`, `init labels` and `package` work with both
components as with spaCy's own; a package carries its index along.
"""
# The page that tells more.
MORE = {
    "agreement": "curation.md#deciding",
    "append": "guide.md#larger-corpora",
    "apply": "corpora.md#what-is-refused",
    "attach": "guide.md#a-pipeline-that-was-trained-without-this-package",
    "calibrate": "targets.md#calibration",
    "check": "guide.md#larger-corpora",
    "convert": "corpora.md",
    "crossfit": "curation.md#what-is-suspicious",
    "diff": "corpora.md",
    "evaluate": "methods.md",
    "explain": "guide.md#what-an-explanation-says",
    "export": "exchange.md",
    "flip": "guide.md#what-would-have-to-change",
    "guideline": "curation.md#deciding",
    "import": "exchange.md",
    "index": "guide.md#larger-corpora",
    "init-config": "targets.md",
    "loop": "curation.md#the-loop-and-what-it-is-worth",
    "preview": "guide.md#what-would-have-to-change",
    "rank": "curation.md#what-is-suspicious",
    "relabel": "curation.md#other-types",
    "report": "curation.md#before-any-model-a-report",
    "review": "curation.md#deciding",
    "scores": "scores.md",
    "stability": "effects.md#the-whole-pipeline-and-the-seed",
    "unapply": "corpora.md",
    "verify": "guide.md#how-far-can-an-effect-be-trusted",
}
KINDS = {"Path": "path", "str": "text", "int": "number", "float": "number"}


class Parameter(NamedTuple):
    """An argument or option of a command.

    names (str): as they are written, such as "--force, -F". default (str): empty if there is none worth naming.
    """

    names: str
    kind: str
    default: str
    help: str


def page() -> str:
    """Return the page (Markdown)."""
    commands = {str(command.name): command for command in seginf.registered_commands if not command.hidden}
    parts = [HEAD, "| command | what it does |\n| --- | --- |\n"]
    for name, command in sorted(commands.items()):
        parts.append(f"| [`{name}`](#seginf-{name}) | {_first_sentence(_help(command))} |\n")
    for name, command in sorted(commands.items()):
        parts.append(f"\n## `seginf {name}`\n\n{_help(command)}\n\n{_example(name)}{_table(_parameters(command))}")
        if _reads_corpus(command):
            parts.append("\nAnd the options of [reading a corpus](#reading-a-corpus).\n")
        if command.context_settings and command.context_settings.get("allow_extra_args"):
            parts.append("\nFurther `--section.setting value` override settings of the config.\n")
    shared = [_parameter(name, one.default, one.annotation) for name, one in READING.items()]
    return "".join([*parts, "\n", READING_HEAD, _table(shared), "\n", TAIL])


def _parameters(command: CommandInfo) -> Iterator[Parameter]:
    """Yield the arguments and options of a command but those of reading a corpus."""
    callback = _callback(command)
    kinds = get_type_hints(callback)
    left_out = set(READING) if _reads_corpus(command) else set()
    for name, parameter in inspect.signature(callback).parameters.items():
        hidden = getattr(parameter.default, "hidden", False)
        if kinds[name] is not typer.Context and name not in left_out and not hidden:
            yield _parameter(name, parameter.default, kinds[name])


def _reads_corpus(command: CommandInfo) -> bool:
    return set(READING) <= set(inspect.signature(_callback(command)).parameters)


def _parameter(name: str, info: Any, kind: Any) -> Parameter:
    is_option = isinstance(info, OptionInfo)
    names = ", ".join(info.param_decls or ()) if is_option else (info.metavar or name).upper()
    shown = info.metavar or _kind(kind)
    if info.default is ...:
        default = "required"
    else:
        default = "" if info.default in (None, [], False, "", True) or isinstance(info.default, tuple) else info.default
    return Parameter(names, shown if is_option and kind is not bool else "", str(default), info.help or "")


def _kind(kind: Any) -> str:
    """Return what is to be given: "path", "text" or "number", with dots if it may be repeated."""
    if get_origin(kind) is Union:
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is list:
        return _kind(get_args(kind)[0]) + " ..."
    return KINDS.get(getattr(kind, "__name__", ""), "")


def _callback(command: CommandInfo) -> Any:
    return command.callback


def _help(command: CommandInfo) -> str:
    return " ".join((command.help or inspect.getdoc(_callback(command)) or "").split())


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."


def _example(name: str) -> str:
    lines = "".join(f"$ python -m spacy seginf {name} {arguments}\n" for arguments in EXAMPLES[name])
    title = MORE[name].partition("#")[0].removesuffix(".md")
    return f"```console\n{lines}```\n\nMore: [{title}]({MORE[name]}).\n\n"


def _table(parameters: Iterable[Parameter]) -> str:
    rows = ["| argument or option | value | default | what it does |\n| --- | --- | --- | --- |\n"]
    for one in parameters:
        cells = (f"`{one.names}`", one.kind, f"`{one.default}`" if one.default else "", one.help)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(rows)


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), page())
