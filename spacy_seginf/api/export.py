"""`python -m spacy seginf export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

from ..curation.issues import looks_of
from ..curation.records import read_ranking
from ..errors import Errors, SeginfError
from ..exchange.formats import FORMATS, find_format
from ..inputs import check_paths, unwritable
from ..messages import Messages


def export_issues(
    issues: Path,
    output: Path,
    *,
    format: Optional[str] = None,
    top: Optional[int] = None,
    corpus: Optional[Path] = None,
    force: bool = False,
    silent: bool = True,
) -> int:
    """Write label issues as tasks for an annotation tool.

    issues (Path): a ranking (.jsonl). output (Path): the file of tasks. format (str): a name of ``FORMATS``; may
        be left out where the name of the file tells it.
    top (int): how many, in the order in which they are read, families together; all by default.
    corpus (Path): the ranked corpus (.spacy), whose whole documents are written; for "incorrect-spans" only.
    force (bool): replace what is there.
    RETURNS (int): how many issues were written.
    RAISES (ValueError): S040 or S170 without a ranking, S109 for an unknown format, S190 for issues that can't be
        shown, S199 if the output must not be written.

    >>> spacy_seginf.export_issues(Path("issues.jsonl"), Path("tasks.csv"), top=1)
    1
    """
    issues, output = Path(issues), Path(output)
    chosen = find_format(format, output)
    if corpus is not None and chosen.write_documents is None:
        known = ", ".join(name for name, one in FORMATS.items() if one.write_documents is not None)
        raise SeginfError(Errors.S109.format(setting="The format with a corpus", value=format or "", known=known))
    sources = [issues] if corpus is None else [issues, Path(corpus)]
    files = [output.with_name(output.name + chosen.beside), output] if chosen.beside else [output]
    check_paths({"corpus": corpus}, {"ranking": issues})
    for path in files:
        if any(path.resolve() == source.resolve() for source in sources):
            raise SeginfError(Errors.S199.format(path=path, problem="is read by this command"))
        if path.is_dir() or (path.exists() and not force):
            problem = "exists already (--force replaces files)"
            raise SeginfError(Errors.S199.format(path=path, problem=problem))
        if unwritable(path):
            raise SeginfError(Errors.S199.format(path=path, problem=f"can't be written: {unwritable(path)}"))
    ranking = read_ranking(issues)
    ranking = replace(ranking, issues=tuple(issue for look in looks_of(ranking.issues) for issue in look)[:top])
    if corpus is None or chosen.write_documents is None:
        chosen.write(ranking, output)
    else:
        chosen.write_documents(ranking, output, Path(corpus))
    count = len(ranking.issues)
    msg = Messages(silent=silent)
    msg.good(f"{count:,} label issues written: {', '.join(map(str, reversed(files)))}")
    named = ["--format", format] if format is not None else []
    msg.next("import", issues, "ANSWERS", "DECISIONS", *named, "--reviewer", "NAME")
    return count
