"""Run spaCy's command line, and that of the experiments, in this process."""

from __future__ import annotations

import spacy.cli
from typer.testing import CliRunner

from experiments.__main__ import experiments_app
from spacy_seginf.cli import seginf  # registers `seginf` with spaCy, as its entry point does

assert seginf.info.name == "seginf"


def run(*arguments, words_only=True, **settings):
    """Run `python -m spacy ARGUMENTS`; return the exit code and what was printed, by default without line breaks."""
    return _run(spacy.cli._util.app, arguments, words_only, settings)


def run_experiments(*arguments, words_only=True, **settings):
    """Run `python -m experiments ARGUMENTS`, as ``run`` does."""
    return _run(experiments_app, arguments, words_only, settings)


def _run(app, arguments, words_only, settings):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], **settings)
    return result.exit_code, " ".join(result.output.split()) if words_only else result.output
