"""What messages say of installing an extra, by where the package was installed from."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError

import pytest

from spacy_seginf import extras

FOLDER = {"url": "file:///home/ada/my%20clone", "dir_info": {}}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (FOLDER, '"/home/ada/my clone[plots]"'),
        ({**FOLDER, "dir_info": {"editable": True}}, '-e "/home/ada/my clone[plots]"'),
        ({"url": "file:///dist/one-py3-none-any.whl", "archive_info": {}}, '"/dist/one-py3-none-any.whl[plots]"'),
        ({"url": "https://host/one.whl", "archive_info": {}}, '"spacy_seginf[plots]"'),
        ({}, '"spacy_seginf[plots]"'),
        (None, '"spacy_seginf[plots]"'),
    ],
)
def test_an_extra_comes_from_where_the_package_did(origin, expected, monkeypatch):
    class Distribution:
        def read_text(self, name):
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(extras, "distribution", lambda name: Distribution())
    assert extras.with_extra("plots") == expected


def test_a_package_that_is_not_installed(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", missing)
    assert extras.with_extra("dask") == '"spacy_seginf[dask]"'
