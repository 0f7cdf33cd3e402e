"""What `--help` shows of each command: how it is typed."""

from __future__ import annotations

COMMAND = "python -m spacy seginf"
EXAMPLES: dict[str, tuple[str, ...]] = {
    "init-config": ("tagger.cfg --lang en --target ents",),
    "convert": ("news.conll train.spacy", "tasks.json train.spacy --format label-studio --map PERSON=PER"),
    "index": ("model/model-best train.spacy indexed --dev dev.spacy",),
    "append": ("indexed more.spacy appended",),
    "attach": ("en_core_web_sm train.spacy attached --dev dev.spacy",),
    "check": ("indexed",),
    "explain": (
        'indexed "Ada Lind visited Tarnby ."',
        'indexed "Ada Lind visited Tarnby ." --against ORG --html page.html',
        "indexed dev.spacy --errors --html errors.html",
    ),
    "verify": (
        'indexed "Ada Lind visited Tarnby ." --relabel',
        'indexed "Ada Lind visited Tarnby ." --pipeline train.spacy --dev dev.spacy',
    ),
    "stability": ("indexed train.spacy dev.spacy --seeds 5 --dev dev.spacy",),
    "flip": ('indexed "Ada Lind visited Tarnby ." --span Tarnby --to ORG',),
    "calibrate": ("model/model-best dev.spacy calibrated --training train.spacy --precision 0.95",),
    "scores": ("indexed --scores held_out_loss,segment_loss --top 20",),
    "rank": ("indexed train.spacy --dev dev.spacy", "indexed train.spacy --label LOC --kind relabel"),
    "review": ("indexed", "indexed --html review.html"),
    "preview": ("indexed decisions.jsonl dev.spacy",),
    "apply": ("train.spacy corrected.spacy decisions.jsonl", "train.spacy corrected.spacy decisions.jsonl --dry-run"),
    "unapply": ("corrected.spacy train_again.spacy decisions.jsonl",),
    "relabel": ("train.spacy relabelled.spacy --map GPE=LOC,MISC=O",),
    "report": ("train.spacy --html report.html",),
    "diff": ("train.spacy corrected.spacy",),
    "export": ("issues.jsonl tasks.json --format label-studio --top 200",),
    "import": ("issues.jsonl answers.json decisions.jsonl --format label-studio --reviewer Ada",),
    "guideline": ("issues.jsonl decisions.jsonl --output guideline.html",),
    "agreement": ("ada.jsonl ben.jsonl",),
    "crossfit": ("tagger.cfg train.spacy folds --dev dev.spacy",),
    "loop": ("indexed train.spacy loop --test test.spacy --decisions decisions.jsonl --dev dev.spacy",),
    "evaluate": ("indexed dev.spacy compared --config methods.cfg --quick",),
}
EXIT_CODES = """\b
Exit codes:
  0    done
  1    not done: an error with a code, such as [S040], on standard error
  2    used wrongly: an option or argument that the command does not have
  130  interrupted (Ctrl-C)

\b
Results are on standard output, messages and progress on standard error.
PIPELINE is a folder that `seginf index` or `seginf attach` wrote."""


def example_of(command: str) -> str:
    """Write the examples of a command for the end of its help, each on a line of its own."""
    lines = [f"  {COMMAND} {command} {example}" for example in EXAMPLES[command]]
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *lines])
