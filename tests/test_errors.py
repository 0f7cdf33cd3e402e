"""Every message says where (a file, document, component or setting) and what to do next."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from experiments import errors as lab_errors
from experiments.errors import LabErrors
from spacy_seginf import errors
from spacy_seginf.errors import Errors, Warnings

MESSAGES = {
    code: getattr(messages, code)
    for messages in (Errors, Warnings, LabErrors)
    for code in vars(messages)
    if not code.startswith("__")
}
# What names the thing that is wrong.
PLACES = {
    *("path", "output", "index", "document", "id", "suspicion", "where", "address", "port", "setting", "config"),
    *("name", "component", "components", "tagger", "method", "reader", "score", "scheme", "curvature", "package"),
    *("text", "span", "what", "known", "labels", "l2", "number", "share", "options", "target"),
}
# Where a message is about no particular thing, it names the option, command, block or package that helps.
FIXED = re.compile(r"--[a-z]|this document|\[components|seginf \w|pip install|@misc")
STEPS = (
    *("add", "allow", "apply", "annotate", "ask", "attach", "build", "change", "check", "choose", "convert", "correct"),
    *("drop", "enable", "end", "export", "fix", "free", "give", "import", "index", "install", "leave", "list", "load"),
    *(
        "lower",
        "make",
        "map",
        "mark",
        "move",
        "name",
        "pass",
        "place",
        "plant",
        "point",
        "put",
        "raise",
        "rank",
        "read",
    ),
    *("reload", "remove", "rename", "restore", "run", "save", "say", "search", "see", "set", "start", "store", "take"),
    *("train", "undo", "use", "wait", "write", "create", "decide", "fetch", "keep", "do"),
)
NEXT = re.compile(rf"(?:^|[.:;?!,)]['\"]?\s+|\n)(?:or )?(?:{'|'.join(STEPS)})\b", re.IGNORECASE)
GIVEN = ("{allowed}", "{advice}", "{source}")  # sentences that come from the place that raises


@pytest.mark.parametrize("code", MESSAGES)
def test_a_message_says_where_and_what_to_do(code):
    message = MESSAGES[code]
    assert message.startswith(f"[{code}] ")
    fields = {name.partition("[")[0] for _, name, _, _ in Formatter().parse(message) if name}
    assert fields & PLACES or FIXED.search(message), "it does not say where"
    text = message.removeprefix(f"[{code}] ")
    assert any(given in text for given in GIVEN) or NEXT.search(text), "it does not say what to do"


def test_codes_are_there_once():
    texts = [Path(module.__file__).read_text(encoding="utf8") for module in (errors, lab_errors)]
    codes = [code for text in texts for code in re.findall(r"^    ([SW]\d{3}) = ", text, flags=re.MULTILINE)]
    assert sorted(codes) == sorted(MESSAGES)


def test_every_message_is_raised():
    root = Path(errors.__file__).parents[1]
    files = [path for folder in ("spacy_seginf", "experiments") for path in (root / folder).rglob("*.py")]
    used = set(re.findall(r"(?:Errors|Warnings)\.([SW]\d{3})", "".join(path.read_text("utf8") for path in files)))
    assert sorted(used) == sorted(MESSAGES)
    own = "".join(path.read_text("utf8") for path in files if path.is_relative_to(root / "spacy_seginf"))
    messages = [code for table in (Errors, Warnings) for code in vars(table) if not code.startswith("__")]
    assert [code for code in messages if f".{code}" not in own] == []  # the laboratory has a file of its own
