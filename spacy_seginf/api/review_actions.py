"""What a review page does at the end: write the corrected corpus and a better pipeline, say what will be predicted."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Mapping, Optional, Sequence

from spacy.language import Language

from ..curation.asked_texts import ask
from ..curation.changes import IN_WORDS
from ..curation.preview import preview_decisions
from ..curation.records import read_decisions
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..files import replace_folder, write_bytes
from ..rendering.text import visible
from .apply import apply_decisions
from .asked_text import text_or_corpus
from .preview import changes_table, sentences
from .refit import refit_lines, refit_pipeline

SHOWN = 400  # lines of a diff


class Applying:
    """Writes the corrected corpus, as `seginf apply` does, and writes it anew when it is called again.

    corpus (Path), decisions (sequence of Path): as for ``apply_decisions``. output (Path): the corrected corpus; its
    list of changes lies beside it. labels (sequence of str): entity types that are allowed besides those of the corpus.
    reading (mapping): how the corpus is read, as for ``apply_decisions``.
    RAISES (ValueError): S204 if one of them exists already.
    """

    def __init__(
        self,
        corpus: Path,
        output: Path,
        decisions: Sequence[Path],
        labels: Sequence[str] = (),
        reading: Mapping[str, Any] = {},
    ) -> None:
        self._reading = reading
        self._corpus, self._decisions, self._labels = corpus, decisions, labels
        self._output, self._diff = output, output.with_name(f"{output.name}.diff")
        self._written: dict[Path, str] = {}  # digests of what was written here
        for path, what in ((self._output, "output"), (self._diff, "output")):
            if path.exists() or path.is_symlink():
                raise SeginfError(Errors.S204.format(path=path, problem="exists already", what=what))

    def __call__(self) -> list[str]:
        """Write the corpus; return what was done, in lines.

        RAISES (ValueError): S301 if somebody else has changed the output; those of ``apply_decisions``.
        """
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".seginf-", dir=self._output.parent) as folder:
            made = Path(folder) / self._output.name
            said = [path for path in self._decisions if path.exists()]
            plan = apply_decisions(self._corpus, made, said, labels=self._labels, **self._reading)
            content, diff = made.read_bytes(), made.with_name(self._diff.name).read_bytes()
        for path in (self._diff, self._output):
            if (path.exists() or path.is_symlink()) and _digest(path.read_bytes()) != self._written.get(path):
                raise SeginfError(Errors.S301.format(path=path, option="--output"))
        for path, new in ((self._diff, diff), (self._output, content)):
            write_bytes(path, new)
            self._written[path] = _digest(new)
        counts = Counter(change.kind for change in plan.changes)
        lines = [f"{words}: {counts[kind]}" for kind, words in IN_WORDS.items() if counts[kind]]
        changes = diff.decode("utf8", "replace").split("\n")
        if len(changes) > SHOWN:
            changes = [*changes[:SHOWN], f"... and {len(changes) - SHOWN:,} more lines in {self._diff.name}"]
        return [
            f"{len(plan.changes):,} regions changed, {plan.kept:,} confirmed as they are.",
            *lines,
            visible(f"Written: {self._output}; changes: {self._diff}"),
            "",
            *changes,
        ]


class Refitting:
    """Writes a pipeline whose head is refit with the decisions, as `seginf apply --refit` does, and writes it anew when
    it is called again.

    pipeline (Path), decisions (sequence of Path), dev (Path): as for ``refit_pipeline``. output (Path): a new folder.
    RAISES (ValueError): S204 if it exists already.
    """

    def __init__(self, pipeline: Path, output: Path, decisions: Sequence[Path], dev: Optional[Path] = None) -> None:
        self._pipeline, self._output, self._decisions, self._dev = pipeline, output, decisions, dev
        self._written = ""  # digest of what was written here
        if output.exists() or output.is_symlink():
            raise SeginfError(Errors.S204.format(path=output, problem="exists already", what="folder (--refit)"))

    def __call__(self) -> list[str]:
        """Write the pipeline; return what was done, in lines.

        RAISES (ValueError): S301 if somebody else has changed the output; those of ``refit_pipeline``.
        """
        output = self._output.absolute()
        output.parent.mkdir(parents=True, exist_ok=True)
        said = [path for path in self._decisions if path.exists()]
        with TemporaryDirectory(prefix=".seginf-", dir=output.parent) as folder:
            made = Path(folder) / output.name
            done = refit_pipeline(str(self._pipeline), made, said, dev=self._dev)
            if (output.exists() or output.is_symlink()) and _digest_of_folder(output) != self._written:
                raise SeginfError(Errors.S301.format(path=self._output, option="--refit"))
            written = _digest_of_folder(made)
            replace_folder(made, output)
            self._written = written
        return [visible(f"Written: {self._output}"), "", *refit_lines(done)]


class Previewing:
    """Says what decisions will change in the predictions for some texts, as `seginf preview` does.

    load (callable): returns the pipeline and its influence component. texts (str): as for ``preview``.
    """

    def __init__(self, load: Callable[[], tuple[Language, Influence]], texts: str, decisions: Sequence[Path]) -> None:
        self._load, self._texts, self._decisions = load, texts, decisions

    def __call__(self) -> list[str]:
        """Refit the head with the labels that were decided; return what changes, in lines.

        RAISES (ValueError): those of ``preview``.
        """
        nlp, influence = self._load()
        made = [decision for path in self._decisions if path.exists() for decision in read_decisions(path)]
        given = text_or_corpus(self._texts)
        asked = ask(nlp, given, influence.find_tagger().target)
        found = preview_decisions(nlp, influence, made, [one for one in asked if len(one.doc)])
        return [*sentences(found), "", *changes_table(found).split("\n")]


def _digest_of_folder(folder: Path) -> str:
    """Tell folders apart by names and contents; a link to one is none."""
    digest = hashlib.sha256(str(folder.is_symlink()).encode())
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder)).encode("utf8", "surrogateescape")
        content = _digest(path.read_bytes()) if path.is_file() and not path.is_symlink() else str(path.is_dir())
        digest.update(name + b"\0" + content.encode() + b"\n")
    return digest.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
