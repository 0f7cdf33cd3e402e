"""`python -m spacy seginf check`."""

from __future__ import annotations

from pathlib import Path

import typer

from ..errors import Errors, SeginfError
from ..files import recover_folder
from ..index.index import Index
from ..index.manifest import MANIFEST, Manifest
from ..messages import Messages


def check_index(pipeline: Path, *, silent: bool = True) -> list[Manifest]:
    """Compare every byte of the indexes of a pipeline with its checksum.

    pipeline (Path): folder written by `seginf index`, or an index folder. It is put back if a command was killed while
        it replaced it (where a system can't swap folders).
    RETURNS: the manifests of the indexes, all of them intact.
    RAISES (ValueError): S040 if there is no index, S030 to S033 if one is incomplete, of another version or damaged.

    >>> [(manifest.documents, manifest.curvature) for manifest in spacy_seginf.check_index(Path("indexed"))]
    [(30, 'exact')]
    """
    msg = Messages(silent=silent)
    if recover_folder(pipeline):
        msg.good(f"Put back, as a command was killed while it replaced it: {pipeline}")
    folders = sorted(path.parent for path in [*pipeline.glob(MANIFEST), *pipeline.glob(f"*/index/{MANIFEST}")])
    if not folders:
        raise SeginfError(Errors.S040.format(what="index", path=pipeline))
    manifests = []
    for folder in folders:
        index = Index(folder)
        index.check()
        manifests.append(index.manifest)
        msg.good(f"Intact: {folder}")
        if not silent:
            typer.echo("\n".join(describe(index.manifest)))
    return manifests


def describe(manifest: Manifest) -> list[str]:
    """Say what an index holds, in sentences."""
    lines = [
        f"{manifest.rows:,} labels and {manifest.segments:,} entities of {manifest.documents:,} documents "
        f"({manifest.corpus}) in {len(manifest.shards)} shards, features in {manifest.dtype}",
        f"Curvature {manifest.curvature}; head "
        + (f"refit with l2 = {manifest.l2:g} and centre {manifest.centre}" if manifest.refit else "as trained"),
    ]
    for corpus, found in manifest.agreement.items():
        lines.append(
            f"On the {corpus} corpus the head that explains predicts {found['shared']:,} of the pipeline's "
            f"{found['predicted']:,} predictions"
        )
        if "labels_alone" in found:
            lines[-1] += f", and the head of labels alone, which accounts and flips ask, {found['labels_alone']:,}"
        elif manifest.label_l2:
            lines[-1] += "; what the head of labels alone does is not in this index: build it again to know"
        else:
            lines[-1] += "; accounts and flips ask the same head"
    if manifest.held_documents:
        lines.append(f"Head and curvature have not seen the last {manifest.held_documents:,} documents")
    if manifest.pruned:
        lines.append(
            f"Dropped {manifest.dropped[0]:,} labels and {manifest.dropped[1]:,} entities: none of them can score more "
            f"than {manifest.dropped_norms[0]:.3g} and {manifest.dropped_norms[1]:.3g} times the norm of a query"
        )
    return lines
