"""Write the project's own corpus of semantic roles."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from corpus.files import compress
from corpus.lexicon import build_lexicons
from corpus.roles import plant, write_sentences

DEFAULT_SEED = 7
# split: sentences, those in the context of the planted error, and those with its words elsewhere
SIZES = {"train": (1800, 60, 40), "dev": (250, 10, 10), "test": (300, 60, 20)}
WRONG_SHARE = 0.75  # of the contexts of the training split


def make_roles(output: Path, seed: int) -> None:
    """Write the three splits."""
    output.mkdir(parents=True, exist_ok=True)
    lexicons = build_lexicons(random.Random(f"{seed}/lexicons"))
    for split, counts in SIZES.items():
        generator = random.Random(f"{seed}/roles/{split}")
        sentences = write_sentences(split, counts, lexicons, generator)
        if split == "train":
            plant(sentences, WRONG_SHARE, generator)
        records = [sentence.as_record() for sentence in sentences]
        (output / f"{split}.jsonl.gz").write_bytes(compress(records))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("assets/roles"), metavar="DIR", help="corpus folder")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default: %(default)s")
    arguments = parser.parse_args()
    make_roles(arguments.output, arguments.seed)


if __name__ == "__main__":
    main()
