"""Write docs/config.md: what of this package a spaCy config may name, with its settings and their defaults.

python scripts/config_page.py docs/config.md
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

from spacy.language import Language
from spacy.util import registry
from thinc.api import Config

from spacy_seginf.explanation.influence import make_influence
from spacy_seginf.files import write_text
from spacy_seginf.settings import HELP
from spacy_seginf.tagger.crf_tagger import make_crf_tagger

HEAD = """# Configs

What a config of `spacy train` may name of this package. Nothing has to be passed as `--code`: all of it is found
through entry points. `python -m spacy seginf init-config CONFIG.cfg` writes a whole config, and `configs/cnn.cfg` is
one. A setting that stands in no block has the default shown here; `...` means that it has none. This page is made from
the docstrings by `scripts/config_page.py`.

Methods of attribution (`[components.influence.method]`) and their settings are on a page of their own:
[attribution methods](methods.md).
"""
FACTORIES: dict[str, Callable] = {"crf_tagger": make_crf_tagger, "influence": make_influence}
# Where in a config a registered function stands.
REGISTERED: dict[str, tuple[str, str]] = {
    "spacy_seginf.CRFTagger.v1": ("architectures", "components.crf_tagger.model"),
    "spacy_seginf.PredicateTok2Vec.v1": ("architectures", "components.crf_tagger.model.tok2vec"),
    "spacy_seginf.ParserStates.v1": ("architectures", "components.crf_tagger.model.tok2vec"),
    "spacy_seginf.PropositionCorpus.v1": ("readers", "corpora.train"),
    "spacy_seginf.CheckpointLogger.v1": ("loggers", "training.logger"),
    "spacy_seginf.crf_tagger_scorer.v1": ("scorers", "components.crf_tagger.scorer"),
}


def page() -> str:
    """Return the page (Markdown)."""
    parts = [HEAD]
    for name, factory in FACTORIES.items():
        defaults = {"factory": name, **(Language.get_factory_meta(name).default_config or {})}
        parts.append(f"\n## The component `{name}`\n\n{_block(f'components.{name}', defaults)}{_doc(factory)}")
        if name == "influence":
            parts.append("\n" + "\n".join(_settings()) + "\n")
    for name, (kind, place) in REGISTERED.items():
        function = getattr(registry, kind).get(name)
        block = {f"@{kind}": name, **_defaults(function)}
        parts.append(f"\n## `{name}`\n\n{_block(place, block)}{_doc(function)}")
    return "".join(parts)


def _defaults(function: Callable) -> dict[str, Any]:
    return {name: one.default for name, one in inspect.signature(function).parameters.items()}


def _block(place: str, settings: dict[str, Any]) -> str:
    """Return a block of a config; sections in it stand behind it, as in a file."""
    missing = "\0"
    values = {name: missing if value is inspect.Parameter.empty else value for name, value in settings.items()}
    config: dict[str, Any] = values
    for part in reversed(place.split(".")):
        config = {part: config}
    written = Config(config).to_str(interpolate=False).replace('"\\u0000"', "...")
    kept = [block for block in written.split("\n\n") if block.partition("\n")[2]]
    return "```ini\n" + "\n\n".join(kept) + "\n```\n\n"


def _doc(function: Callable) -> str:
    return f"```text\n{inspect.getdoc(function)}\n```\n"


def _settings() -> Iterator[str]:
    yield "| setting of the index | what it is |\n| --- | --- |"
    for name, text in HELP.items():
        yield f"| `{name}` | {text} |".replace("|theta - centre|", r"\|theta - centre\|")


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), page())
