"""Write a training corpus without one fold of its documents, for a pipeline that has not seen these.

Documents are dealt out in turns: of two folds, fold 0 has the 1st, 3rd, 5th ... document.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spacy.tokens import DocBin
from spacy.vocab import Vocab
from wasabi import msg

FOLDS = 2


def leave_out(source: Path, target: Path, fold: int, folds: int = FOLDS) -> tuple[int, int]:
    """Leave a fold out; return how many documents are kept, and of how many. The target appears only when it is
    complete."""
    try:
        docs = list(DocBin(store_user_data=True).from_disk(source).get_docs(Vocab()))
    except Exception:
        raise ValueError(f"{source}: not a corpus in spaCy's binary format") from None
    kept = [doc for position, doc in enumerate(docs) if position % folds != fold]
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    DocBin(docs=kept, store_user_data=True).to_disk(partial)
    partial.replace(target)
    return len(kept), len(docs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="corpus, .spacy")
    parser.add_argument("target", type=Path, help="output, .spacy")
    parser.add_argument("--fold", type=int, required=True, help="number of the fold that is left out, from 0")
    parser.add_argument("--folds", type=int, default=FOLDS, help=f"how many folds there are (default: {FOLDS})")
    arguments = parser.parse_args()
    if not arguments.source.exists():
        msg.fail(f"There is no file {arguments.source}", exits=1)
    if not 0 <= arguments.fold < arguments.folds or arguments.folds < 2:
        msg.fail("Give at least two folds, and the number of one of them", exits=1)
    try:
        kept, every = leave_out(arguments.source, arguments.target, arguments.fold, arguments.folds)
    except ValueError as error:
        msg.fail(str(error), exits=1)
    msg.good(f"{arguments.target}: {kept:,} of {every:,} documents")


if __name__ == "__main__":
    main()
