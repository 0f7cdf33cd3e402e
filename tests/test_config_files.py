"""Config files are read with or without a byte order mark, and damaged ones are named."""

from __future__ import annotations

import pytest

from spacy_seginf.config_files import read_config


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_files_of_all_editors(tmp_path, mark, line_break):
    path = tmp_path / "a.cfg"
    path.write_bytes(
        (mark + line_break.join(["[paths]", 'train = "x"', "[b]", "y = ${paths.train}", ""])).encode("utf8")
    )
    assert read_config(path, interpolate=True) == {"paths": {"train": "x"}, "b": {"y": "x"}}


@pytest.mark.parametrize(
    "content", [b"x", b"[a\n", b"[a]\nb = \xff\n", b"[a]\nb = ${c.d}\n", b"[a]\nx = 1\n[a]\nx = 2\n", b"[a.b]\n\0"]
)
def test_damaged_files(tmp_path, content):
    path = tmp_path / "a.cfg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"(?s)\[S093\] .*a\.cfg"):
        read_config(path, interpolate=True)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"\[S245\]"):
        read_config(tmp_path, interpolate=True)
