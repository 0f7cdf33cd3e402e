"""`python -m experiments run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional

import typer
from spacy.cli._util import import_code
from wasabi import Printer, table

from spacy_seginf.api.evaluate import no_progress, show_progress
from spacy_seginf.devices import use_gpu
from spacy_seginf.files import exclusive, json_text, write_text

from .experiment import read_experiment
from .report import HEADER, WORDS, result_notes, result_rows
from .results import Result


def experiment(
    config: Path,
    output: Path,
    overrides: Optional[Mapping[str, Any]] = None,
    *,
    code: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> Result:
    """Run an experiment of the paper and write OUTPUT/NAME.json, NAME being that of the config file.

    config (Path): its block [experiment]. output (Path): folder of results; OUTPUT/NAME keeps what is finished, and the
        figures.
    overrides (mapping): settings by their names with dots. code (Path): Python file that registers an experiment.
    RAISES (ValueError): S037 if it runs already, S040 or S131 for an unusable config, and what the experiment raises.
    """
    msg = Printer(no_print=silent)
    use_gpu(gpu_id)
    import_code(code)
    chosen = read_experiment(Path(config), overrides or {})
    name, output = Path(config).stem, Path(output)
    with exclusive(output / name):
        result = chosen.run(output / name, no_progress if silent else show_progress, msg.info)
    write_text(output / f"{name}.json", json_text(result.as_dict(), 2) + "\n")
    if not silent:
        typer.echo(f"Section {result.section}. {result.title}")
        aligns: Any = (*"l" * WORDS, *"r" * (len(HEADER) - WORDS))
        typer.echo(table(result_rows(result), header=HEADER, divider=True, aligns=aligns, max_col=80))
        for note in result_notes(result):
            typer.echo(note)
        for file, what in result.figures.items():
            msg.info(f"{what}: {output / name / file}")
        msg.good(f"Written: {output / name}.json")
    return result
