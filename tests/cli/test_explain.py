"""`python -m spacy seginf explain`: in the terminal and as a page, also for hostile texts."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

import catalogue
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import registry

from spacy_seginf.api.explain import explain
from spacy_seginf.api.index import build_index as index

from ..conftest import copy_pipeline, make_tagger
from .running import run

TEXT = "Ada Lind visited Osted United on Monday ."


def references(output, relation):
    """Count the lines of references on one side, with a figure of the sign that belongs there."""
    figure = {"supports": r"(score )?\+", "opposes": r"(score )?-"}[relation]
    return len(re.findall(rf"^  {relation} +{figure}[\d.e-]+\*?  ", output, flags=re.MULTILINE))


def test_entities_in_the_terminal(indexed_path):
    code, output = run("seginf", "explain", indexed_path, TEXT, words_only=False)
    assert code == 0
    heads = [line.split("   ")[:2] for line in output.splitlines() if "   p = " in line]
    expected = [[ent.text, ent.label_] for ent in spacy.load(indexed_path)(TEXT).ents]
    assert heads == expected
    assert len(expected) >= 2
    assert references(output, "supports") == references(output, "opposes") == 3 * len(expected)
    assert re.search(r"supports +score \+\d.*\[\w+\] [BI]-\w+ .*\n +\S*news-\d+, token \d+", output)
    assert re.search(r"opposes +score -\d.*\[.+\] (O|[BI]-\w+) .*\n +\S*news-\d+, token \d+", output)
    assert "no prediction of retraining" in " ".join(output.split())
    assert "\x1b" not in output


def test_another_method_by_its_name(exact_path):
    code, output = run("seginf", "explain", exact_path, TEXT, "--method", "SegmentNN", words_only=False)
    assert code == 0
    assert references(output, "supports") > 0 and references(output, "opposes") > 0
    assert "Scores are those of the method 'nearest neighbours'" in " ".join(output.split())
    assert "would fall" not in output  # a score predicts nothing
    full = run("seginf", "explain", exact_path, TEXT, "-m", "spacy_seginf.SegmentNN.v1", words_only=False)
    assert full == (0, output)


def test_an_unknown_method_is_refused_with_the_known_ones(exact_path):
    code, output = run("seginf", "explain", exact_path, TEXT, "--method", "Oracle")
    assert code == 1
    assert "[S099]" in output and "spacy_seginf.SegmentNN.v1" in output


OWN_METHOD = """
import numpy, spacy
from spacy_seginf import Attribution, Method

class Labels(Attribution):
    def __init__(self, context):
        self.context = context
    def scores(self, queries):
        theirs = numpy.array(self.context.labels_of(self.context.training))
        return numpy.array([numpy.where(theirs == mine, 2.0, -1.0) for mine in self.context.labels_of(queries)])

@spacy.registry.misc("tests.Labels.v1")
class ByLabel(Method):
    name, cost = "by label", "none"
    def prepare(self, context):
        return Labels(context)
"""


def test_a_method_of_ones_own(exact_path, corpus_path, tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(OWN_METHOD)
    options = ["--method", "tests.Labels.v1", "--code", code]
    for asked in (TEXT, corpus_path):
        status, output = run("seginf", "explain", exact_path, asked, *options, "--json", "-", "--quiet")
        catalogue._remove((*registry.misc.namespace, "tests.Labels.v1"))
        assert status == 0, output
        assert '"strength": 2.0' in output and '"strength": -1.0' in output
    for wrong, error in ((tmp_path / "none.py", "S040"), (tmp_path, "S247")):
        status, output = run("seginf", "explain", exact_path, TEXT, *options[:3], wrong)
        assert status == 1 and error in output
    assert run("seginf", "explain", exact_path, corpus_path, "--errors", "--code", code)[0] == 2


def test_an_exact_index_in_the_terminal_and_as_a_page(exact_path, tmp_path):
    page = tmp_path / "page.html"
    code, output = run("seginf", "explain", exact_path, TEXT, "--html", page, words_only=False)
    assert code == 0
    ents = spacy.load(exact_path)(TEXT).ents
    shown = [
        ref for ent in ents for side in (ent._.influencers.supporting, ent._.influencers.opposing) for ref in side[:3]
    ]
    assert references(output, "supports") == sum(ref.supports for ref in shown) > 0
    assert references(output, "opposes") == sum(not ref.supports for ref in shown) > 0
    assert len(re.findall(r"^  \w+ +[-+][\d.e-]+\*", output, flags=re.MULTILINE)) == sum(ref.refined for ref in shown)
    assert re.search(r"supports +\+\d.*\[\w+ \w+\] (PER|ORG|LOC) .*\n +\S*news-\d+, tokens \d+-\d+;", output)
    assert re.search(r"would fall from \.\d+ to \.\d+ without it", output)
    assert "by how much the prediction's log-odds would fall" in " ".join(output.split())
    assert not re.search(r"(supports|opposes) +score", output)
    html = page.read_text(encoding="utf8")
    assert html.count('<td class="supports">') + html.count('<td class="opposes">') == len(shown)
    assert '<td class="number">score' not in html
    for ent in ents:
        assert output.count(f"{ent._.influencers.account.against}") > 0
    assert output.count("= margin over ") == len(ents)
    assert "of them with the largest shares" in html and "Why not <bdi>" in html
    assert "Why not" not in output  # that is for the page


def test_another_reading_and_fewer_families(exact_path):
    code, output = run("seginf", "explain", exact_path, TEXT, "--against", "O", "--families", 1, words_only=False)
    assert code == 0
    assert output.count("= margin over O\n") == output.count("   p = ") >= 2
    assert len(re.findall(r"^  (supports|opposes) .* labels? ", output, flags=re.MULTILINE)) <= 2 * output.count(
        "   p = "
    )
    code, output = run("seginf", "explain", exact_path, TEXT, "--families", 0)
    assert code == 0 and "margin over" not in output and "Family" not in output


def test_what_cannot_be_asked_for_is_refused(exact_path, indexed_path):
    for pipeline, options, error in (
        (exact_path, ["--against", "PLANET"], "S029"),
        (indexed_path, ["--against", "O"], "S256"),
        (exact_path, ["--words"], "S113"),
    ):
        code, output = run("seginf", "explain", pipeline, TEXT, *options)
        assert code == 1 and f"[{error}]" in output and "Traceback" not in output


def test_lines_fit_the_terminal(exact_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    code, output = run("seginf", "explain", exact_path, TEXT, words_only=False)
    shown, _, after = output.partition("\nNext: ")  # which is said on standard error, where no terminal is
    assert code == 0 and after and max(map(len, shown.splitlines())) <= 60


def test_tokens_in_the_terminal(indexed_path):
    code, output = run("seginf", "explain", indexed_path, TEXT, "--tokens", "--top", 1, words_only=False)
    assert code == 0
    heads = [line.split("   ")[0] for line in output.splitlines() if "   p = " in line]
    assert heads == TEXT.split()
    assert references(output, "supports") == references(output, "opposes") == 8


def test_more_references_than_the_component_keeps(indexed_path):
    code, output = run("seginf", "explain", indexed_path, TEXT, "--tokens", "--top", 9, words_only=False)
    assert code == 0
    assert references(output, "supports") == references(output, "opposes") == 9 * 8


def test_top_must_be_positive(indexed_path):
    code, output = run("seginf", "explain", indexed_path, TEXT, "--top", 0)
    assert code == 2
    assert "--top" in output


def test_page(indexed_path, tmp_path):
    page = tmp_path / "new" / "page.html"
    code, output = run("seginf", "explain", indexed_path, TEXT, "--html", page)
    assert code == 0
    assert "Page written" in output
    text = page.read_text(encoding="utf8")
    assert "Ada Lind" in text
    assert text.count('<td class="supports">supports</td>') >= 6
    assert text.count('<td class="opposes">opposes</td>') >= 6
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


def test_page_of_tokens(indexed_path, tmp_path):
    page = tmp_path / "page.html"
    assert run("seginf", "explain", indexed_path, TEXT, "--html", page, "-t")[0] == 0
    assert page.read_text(encoding="utf8").count("<section ") == 8


def test_a_text_without_entities(indexed_path, tmp_path):
    page = tmp_path / "page.html"
    code, output = run("seginf", "explain", indexed_path, "It rained all night .", "--html", page)
    assert code == 0
    assert "No entities were predicted" in output
    assert "No entities were predicted" in page.read_text(encoding="utf8")
    code, output = run("seginf", "explain", indexed_path, "", "--tokens", "--html", page)
    assert code == 0


def test_standard_input(indexed_path):
    code, output = run("seginf", "explain", indexed_path, "-", "--tokens", "-k", 1, input=f"\n{TEXT}\n")
    assert code == 0
    assert re.findall(r"(\S+) \S+ p = ", output) == TEXT.split()


def test_function(indexed_path):
    doc = explain(str(indexed_path), TEXT, top=7, silent=True)
    assert doc.ents[0].text == "Ada Lind"
    assert len(doc[0]._.influencers.supporting) == 7


def test_pipelines_without_an_index(model_path, unsure_nlp, tmp_path):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("influence")
    nlp.to_disk(tmp_path / "inert")
    for pipeline in (model_path, tmp_path / "inert"):
        code, output = run("seginf", "explain", pipeline, TEXT, "--html", tmp_path / "page.html")
        assert code == 1
        assert "[S030]" in output
        assert "Traceback" not in output
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("pipeline", ["nowhere", "no/such/folder"])
def test_no_pipeline(pipeline, tmp_path):
    code, output = run("seginf", "explain", tmp_path / pipeline, TEXT)
    assert code == 1
    assert "[S040]" in output


def test_an_index_of_another_pipeline(indexed_path, train_examples, tmp_path):
    nlp = make_tagger(train_examples, steps=1)
    nlp.add_pipe("influence")
    nlp.get_pipe("influence").load_index(indexed_path / "influence" / "index")
    nlp.to_disk(tmp_path / "mixed")
    code, output = run("seginf", "explain", tmp_path / "mixed", TEXT)
    assert code == 1
    assert "[S025]" in output


# Hostile texts

LONG = "x" * 100_000
WORDS = [
    "<script>alert(1)</script>",
    '"><img',
    "onerror=alert(2)>",
    "evil\u202etxt",
    "a\x00b\x07",
    "\x1b[31mred",
    "&amp;",
    LONG,
]
HOSTILE_ID = '<b onclick="x()">id</b>\u2066\x1b]0;title\x07'
HOSTILE_LABEL = "<i>PER</i>"
ALLOWED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "p",
    "mark",
    "a",
    "bdi",
    "span",
    "section",
}
ALLOWED_TAGS |= {"table", "tr", "th", "td", "footer", "details", "summary"}


@pytest.fixture(scope="module")
def hostile_path(tmp_path_factory):
    """A pipeline that learned from hostile texts, with labels and ids to match."""
    folder = tmp_path_factory.mktemp("hostile")
    vocab = spacy.blank("en").vocab
    docs = []
    for number, word in enumerate(WORDS):
        doc = Doc(vocab, words=[word, "left", word], ents=[f"B-{HOSTILE_LABEL}", "O", "O"])
        doc.user_data["id"] = f"{HOSTILE_ID}{number}"
        docs.append(doc)
    examples = [spacy.training.Example(Doc(vocab, words=[token.text for token in doc]), doc) for doc in docs]
    make_tagger(examples, steps=3).to_disk(folder / "model")
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "hostile.spacy")
    index(str(folder / "model"), folder / "hostile.spacy", folder / "indexed")
    return folder / "indexed"


class PageParser(HTMLParser):
    """Collect the tags, their attributes, and the text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("every_token", [False, True])
def test_hostile_texts(hostile_path, tmp_path, every_token):
    page = tmp_path / "page.html"
    text = " left ".join(WORDS)
    options = ["--tokens"] if every_token else []
    code, output = run("seginf", "explain", hostile_path, text, "--html", page, "--top", 30, *options, words_only=False)
    assert code == 0
    output = output[: output.index("Page written")].rpartition("\n")[0]  # wasabi's message has its own colours
    html = page.read_text(encoding="utf8")
    for written in (output, html):
        assert not {char for char in set(written) if unicodedata.category(char) in ("Cc", "Cf", "Cs")} - {"\n"}
    parser = PageParser()
    parser.feed(html)
    parser.close()
    assert parser.tags <= ALLOWED_TAGS
    allowed = {"lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "colspan", "style"}
    assert parser.attributes <= allowed
    for forbidden in ("<script", "<img", "<b ", "<i>"):
        assert forbidden not in html
    shown = " ".join(parser.text)
    for visible in ("<script>", "\\u202e", "\\u0000", "\\u001b", "&amp;", HOSTILE_LABEL, '<b onclick="x()">'):
        assert visible in shown
        assert visible in output
    assert "default-src 'none'" in html


def test_a_text_of_control_characters_only(hostile_path):
    code, output = run("seginf", "explain", hostile_path, "\x00\x01\u202e", "--tokens", words_only=False)
    assert code == 0
    assert not {char for char in output if unicodedata.category(char) in ("Cc", "Cf")} - {"\n"}


def test_the_old_page_stays_when_writing_fails(indexed_path, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("old")

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(type(page), "replace", fail)
    code, output = run("seginf", "explain", indexed_path, TEXT, "--html", page)
    assert code == 1
    assert "disk full" in output
    assert page.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_no_colours_unless_in_a_terminal(indexed_path, capsys):
    explain(str(indexed_path), TEXT)
    assert "\x1b" not in capsys.readouterr().out
