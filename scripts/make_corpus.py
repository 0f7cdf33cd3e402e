"""Write the project's own named-entity corpus, or check one that was written."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from corpus.checking import check_corpus, read_documents
from corpus.documents import Document, plant_random, plant_systematic, write_document
from corpus.files import compress
from corpus.grammar import Lexicon
from corpus.lexicon import build_lexicons
from corpus.readme import write_readme

DEFAULT_SEED = 7
RANDOM_SHARE = 0.0075
# split: documents by genre, and how many of those hold a planted-error context
SIZES = {
    "train": {"news": (340, 26), "clinical": (300, 36)},
    "dev": {"news": (75, 5), "clinical": (65, 5)},
    "test": {"news": (92, 18), "clinical": (82, 18)},
}
# the share of a planted-error context that is mislabelled, by kind
WRONG_SHARES = {"club_as_loc": 0.66, "dosage_in_intervention": 0.68}


def write_split(split: str, lexicons: dict[str, Lexicon], generator: random.Random) -> list[Document]:
    """Write the documents of one split and plant errors in the training split."""
    documents: list[Document] = []
    for genre, (count, special_count) in SIZES[split].items():
        special = set(generator.sample(range(count), special_count))
        for number in range(count):
            identifier = f"{split}-{genre}-{number:04d}"
            documents.append(write_document(identifier, genre, number in special, split, lexicons, generator))
    if split == "train":
        plant_systematic(documents, WRONG_SHARES, generator)
        plant_random(documents, RANDOM_SHARE, generator)
    generator.shuffle(documents)
    return documents


def make_corpus(output: Path, seed: int) -> None:
    """Write the three splits and the README."""
    output.mkdir(parents=True, exist_ok=True)
    lexicons = build_lexicons(random.Random(f"{seed}/lexicons"))
    for split in SIZES:
        documents = write_split(split, lexicons, random.Random(f"{seed}/{split}"))
        (output / f"{split}.jsonl.gz").write_bytes(compress(document.as_record() for document in documents))
    write_readme(output, seed)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("assets/corpus"), metavar="DIR", help="corpus folder")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default: %(default)s")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; check the corpus in DIR, print its figures, exit 1 when it fails",
    )
    arguments = parser.parse_args()
    if not arguments.check:
        make_corpus(arguments.output, arguments.seed)
    figures, failures = check_corpus(read_documents(arguments.output))
    print("\n".join(figures))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
