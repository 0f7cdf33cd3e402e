"""Messages are lines of their own on standard error: whole in a log, wrapped in a terminal."""

import io
import sys

import pytest

from spacy_seginf.messages import Messages, command_line

LONG = "The corpus has labels that the tagger does not have. " * 4


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_has_whole_lines(capsys):
    msg = Messages()
    msg.warn(LONG.strip())
    msg.fail("[S202] These do not fit:\n- one\n- two")
    msg.next("apply", "CORPUS", "my corpus.spacy")
    printed, said = capsys.readouterr()
    first, *rest = said.splitlines()
    assert printed == "" and "\x1b" not in said
    assert first.endswith(LONG.strip()) and [line.removeprefix("✘ ") for line in rest] == [
        "[S202] These do not fit:",
        "- one",
        "- two",
        "Next: python -m spacy seginf apply CORPUS 'my corpus.spacy'",
    ]


def test_a_terminal_gets_lines_that_fit(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    Messages().text(LONG + "\n- one\n- two")
    lines = sys.stderr.getvalue().splitlines()
    assert max(map(len, lines)) <= 40 and len(lines) > 6 and lines[-2:] == ["- one", "- two"]


@pytest.mark.parametrize("kind", ["info", "good", "warn", "fail", "text"])
def test_silence(kind, capsys):
    getattr(Messages(silent=True), kind)("something")
    assert capsys.readouterr() == ("", "")


def test_commands_are_typed_as_they_are_shown():
    assert command_line("explain", "a b", "It's") == """python -m spacy seginf explain 'a b' 'It'"'"'s'"""
