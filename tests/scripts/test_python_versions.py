"""pip names one pin that is missing at a time; all are found, and other errors are none of a pin."""

from __future__ import annotations

import subprocess

import pytest

from scripts import python_versions


class Refusing:
    """A pip that has no wheel for some pins. given: what it was asked for, each time."""

    def __init__(self, *lacking, error=""):
        self.lacking, self.error, self.given = lacking, error, []

    def __call__(self, command, **_):
        self.given.append(command)
        lacking = [pin for pin in command if pin in self.lacking][:1]
        said = self.error or "".join(f"ERROR: No matching distribution found for {pin}\n" for pin in lacking)
        return subprocess.CompletedProcess(command, int(bool(said)), "", said)


def test_all_that_is_missing_is_found(monkeypatch):
    pip = Refusing("b==2", "d==4")
    monkeypatch.setattr(subprocess, "run", pip)
    found = list(python_versions.missing(["a==1", "b==2", "c==3", "d==4"], "3.12", ["win_amd64"]))
    assert found == ["b==2", "d==4"] and len(pip.given) == 3
    assert pip.given[-1][-2:] == ["a==1", "c==3"] and {"3.12", "win_amd64"} <= set(pip.given[0])


def test_other_errors_end_it(monkeypatch):
    monkeypatch.setattr(subprocess, "run", Refusing(error="no network"))
    with pytest.raises(RuntimeError, match="no network"):
        list(python_versions.missing(["a==1"], "3.12", ["win_amd64"]))
