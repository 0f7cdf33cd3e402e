"""Run spaCy's command line in this process."""

from __future__ import annotations

import spacy.cli
from typer.testing import CliRunner

from spacy_seginf.cli import seginf  # registers `seginf` with spaCy, as its entry point does

assert seginf.info.name == "seginf"


def run(*arguments, words_only=True, **settings):
    """Run `python -m spacy ARGUMENTS`; return the exit code and what was printed, by default without line breaks."""
    result = CliRunner().invoke(spacy.cli._util.app, [str(argument) for argument in arguments], **settings)
    return result.exit_code, " ".join(result.output.split()) if words_only else result.output
