"""A pipeline and its freshly built index are written together, or not at all."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Callable

from spacy.language import Language

from ..errors import Errors, SeginfError
from ..files import exclusive, replace_folder
from ..index.shards import SEAL
from ..indexing.build import BuildReport
from .influence import Influence


def save_pipeline(nlp: Language, output: Path) -> None:
    """Write a pipeline to a folder, all or nothing, in the place of an earlier one."""
    output = output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}-partial")
    with exclusive(partial):
        work = partial / "pipeline"
        shutil.rmtree(work, ignore_errors=True)
        nlp.to_disk(work)
        replace_folder(work, output)
        shutil.rmtree(partial, ignore_errors=True)


def save_with_index(
    influence: Influence,
    output: Path,
    build: Callable[[Path, Path], BuildReport],
    say: Callable[[str], None] = lambda text: None,
) -> BuildReport:
    """Write the pipeline of a component with a freshly built index to a folder, all or nothing.

    build (Callable): writes the index to the first folder that it is given; keeps encoded shards in the second, which
        outlives a failure, so that running again does not encode them again.
    RAISES (ValueError): S036 if the disk is full, S037 if another process is building the same output; those of
        ``Influence.check_method``.
    """
    influence.check_method()
    output = Path(output).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    partial_output = output.with_name(f".{output.name}-partial")
    with exclusive(partial_output):
        work, staging = partial_output / "pipeline", partial_output / "encoded"
        folder = work / influence.name / "index"
        shutil.rmtree(work, ignore_errors=True)
        try:
            report = build(folder, staging)
            influence.load_index(folder)
            influence.store_method()
            influence.nlp.to_disk(work)
            influence.unload_index()
            replace_folder(work, output)
        except BaseException as error:
            shutil.rmtree(work, ignore_errors=True)
            done = len(list(staging.glob(f"*/{SEAL}"))) if staging.exists() else 0
            kept = f"{done} encoded shards are kept in {staging}; running again goes on from there." if done else ""
            if not done:
                shutil.rmtree(partial_output, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SeginfError(Errors.S036.format(path=output, kept=kept)) from None
            if isinstance(error, OSError) and error.errno and error.filename is None:  # as a broken disk's
                error.filename = str(output)
            if kept:
                say(kept)
            raise
        shutil.rmtree(partial_output, ignore_errors=True)
    return report
