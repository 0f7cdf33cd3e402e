"""Who gets an answer from the server, and which."""

from __future__ import annotations

import json
import re
import socket
import sys

import pytest

from spacy_seginf.curation.records import read_decisions
from spacy_seginf.review.app import make_app
from spacy_seginf.review.server import ReviewServer, check_writable
from spacy_seginf.review.state import Review

from .making import MARKUP, hostile_ranking, small_ranking

BASE = "http://127.0.0.1:8765"
HERE = "/secret/"


@pytest.fixture
def review(tmp_path):
    return Review(small_ranking(), tmp_path / "decisions.jsonl", "ada")


@pytest.fixture
def client(review):
    return make_app(review, token="secret", port=8765).test_client()


def get(client, path, **settings):
    return client.get(path, base_url=BASE, **settings)


def post(client, content, path=HERE + "decisions", **settings):
    return client.post(path, base_url=BASE, json=content, **settings)


def embedded(response):
    return json.loads(
        re.search('<script type="application/json" id="data">(.*?)</script>', response.text, re.DOTALL)[1]
    )


def test_the_first_item_is_in_the_page(client, review):
    response = get(client, HERE)
    assert response.status_code == 200
    data = embedded(response)
    assert data["detail"]["text"] == "Osted United" and data["total"] == 8
    post(client, [{"issue": review.issues[0].id, "choice": "accept"}])
    assert embedded(get(client, HERE))["detail"]["text"] == "Monday"


@pytest.mark.parametrize(
    "path",
    ["/", "/secret", "/wrong/", "/wrong/items", "/s\u00e9cret/", "//", "/decisions", "/secre/items/0", "/secret%00/"],
)
def test_without_the_secret(client, path):
    assert get(client, path).status_code == 403
    assert client.post(path, base_url=BASE, json=[]).status_code == 403


@pytest.mark.parametrize(
    "host", ["elsewhere.example:8765", "127.0.0.1:80", "127.0.0.1", "127.0.0.1.elsewhere.example:8765"]
)
def test_other_names_of_this_machine(client, host):
    assert client.get(HERE, headers={"Host": host}).status_code == 403


def test_the_local_name(client):
    assert client.get(HERE, headers={"Host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://elsewhere.example", "null", "http://127.0.0.1:99", "https://127.0.0.1:8765"]
)
def test_other_sites(client, review, origin):
    said = [{"issue": review.issues[0].id, "choice": "accept"}]
    assert post(client, said, headers={"Origin": origin}).status_code == 403
    assert not review.path.exists()
    assert post(client, said, headers={"Origin": BASE}).status_code == 200


def test_only_json(client, review):
    body = json.dumps([{"issue": review.issues[0].id, "choice": "accept"}])
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        response = client.post(HERE + "decisions", base_url=BASE, data=body, content_type=kind)
        assert response.status_code == 415
    assert not review.path.exists()


@pytest.mark.parametrize(
    "body", [b"", b"[", b"\xff", b"[" * 100_000, b"7", b"[]", b'[{"issue": "x", "choice": "accept"}]']
)
def test_bad_bodies(client, review, body):
    response = client.post(HERE + "decisions", base_url=BASE, data=body, content_type="application/json")
    assert response.status_code == 400 and response.json["error"]
    assert not review.path.exists()


def test_too_much(client):
    response = client.post(HERE + "decisions", base_url=BASE, data=b" " * (9 << 20), content_type="application/json")
    assert response.status_code == 413


def test_headers(client):
    for path in (HERE, HERE + "items", "/wrong/", HERE + "nothing"):
        headers = get(client, path).headers
        assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy


def test_items(client, review):
    rows = get(client, HERE + "items").json["rows"]
    assert [row["id"] for row in rows] == [issue.id for issue in review.issues]
    assert get(client, HERE + "items/3").json["words"] == ["She", "met", "Mira", "Solano", "there", "."]
    assert get(client, HERE + "items/8").status_code == 404
    assert get(client, HERE + "items/-1").status_code == 404


def test_decisions_and_what_other_tabs_hear(client, review):
    names = [issue.id for issue in review.issues]
    entity = {"start": 24, "end": 26, "label": "PER"}
    answer = post(client, [{"issue": names[0], "choice": "label", "entities": [entity]}])
    assert answer.json["changes"][0]["entities"] == [[24, 26, 0]]
    assert read_decisions(review.path)[0].entities[0].label == "PER"
    post(client, [{"issue": names[1], "choice": "keep"}])
    news = get(client, HERE + "decisions?since=1").json
    assert [(change["number"], change["choice"], change["sequence"]) for change in news["changes"]] == [(1, "keep", 2)]
    assert news["next"] == 2
    for since in ("2", "99"):
        assert get(client, f"{HERE}decisions?since={since}").json["changes"] == []
    for since in ("", "x", "-5"):
        assert len(get(client, f"{HERE}decisions?since={since}").json["changes"]) == 2


def test_a_full_disk_is_told(client, review):
    review.path.mkdir()
    response = post(client, [{"issue": review.issues[0].id, "choice": "accept"}])
    assert response.status_code == 507 and "S171" in response.json["error"]


def test_evidence_that_fails_is_told(tmp_path):
    def evidence(issue):
        raise ValueError("[S039] The index was replaced.")

    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", evidence)
    client = make_app(review, token="secret", port=8765).test_client()
    assert get(client, HERE).status_code == 200
    shown = get(client, HERE + "items/1").json
    assert shown["problem"].startswith("[S039]") and shown["supporting"] == [] and not shown["pending"]
    assert post(client, [{"issue": review.issues[1].id, "choice": "keep"}]).status_code == 200
    assert get(client, HERE + "items/0").status_code == 200


def test_nothing_breaks_out_of_the_page(tmp_path):
    review = Review(hostile_ranking(), tmp_path / "decisions.jsonl", MARKUP)
    client = make_app(review, token="secret", port=8765).test_client()
    response = get(client, HERE)
    assert response.text.count("</script") == response.text.count("<script") == 2 and "<!--" not in response.text
    assert embedded(response)["reviewer"] == MARKUP
    assert len(response.data) < 200_000 and len(get(client, HERE + "items").data) < 200_000


def test_a_port_in_use(review):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"S184.*{port}"):
            ReviewServer(review, port)
    with pytest.raises(ValueError, match="S184"):
        ReviewServer(review, 1 << 20)


def test_addresses_are_secret_and_local(review):
    first, second = ReviewServer(review), ReviewServer(review)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", first.address)
    assert first.address.split("/")[3] != second.address.split("/")[3]
    for server in (first, second):
        server.close()


def test_without_flask(review, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(ValueError, match=r"S180.*pip install .*\[review\]"):
        ReviewServer(review)


def test_writable(tmp_path):
    check_writable(tmp_path / "new" / "decisions.jsonl")
    assert list((tmp_path / "new").iterdir()) == []
    kept = tmp_path / "kept.jsonl"
    kept.write_text("{}\n")
    check_writable(kept)
    assert kept.read_text() == "{}\n"
    for path in (tmp_path, kept / "decisions.jsonl"):
        with pytest.raises(ValueError, match="S183"):
            check_writable(path)
