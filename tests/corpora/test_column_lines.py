"""What a line of columns is: a word, a comment, the beginning of a document; or a question, but never a lost word."""

from __future__ import annotations

import pytest

from spacy_seginf.corpora.columns import ColumnCorpus, Columns
from spacy_seginf.corpora.documents import Replacement
from spacy_seginf.corpora.formats import read_annotated
from spacy_seginf.crf.schemes import Entity


def written(folder, text, name="train.tsv", **how):
    path = folder / name
    path.write_bytes(text.encode("utf8"))
    return read_annotated(path, **how)


def words(corpus):
    return [list(one.words) for one in corpus.documents]


def test_words_that_begin_with_a_hash_stay(tmp_path):
    text = "#snow=cold\tO\nin\tO\n#id=7\tB-PROD\n\n#1\tO\n#newdoc\tO\n#\tO\n##\tO\n#a:b\tB-PROD\n"
    expected = [["#snow=cold", "in", "#id=7"], ["#1", "#newdoc", "#", "##", "#a:b"]]
    assert words(written(tmp_path, text)) == expected
    assert words(written(tmp_path, text.replace("\t", " "))) == expected
    assert words(written(tmp_path, text, comments=False)) == expected
    assert words(written(tmp_path, text, format="conll")) == expected


def test_a_file_of_nothing_but_hashes(tmp_path):
    assert words(written(tmp_path, "#one\tB-TAG\n#two\tO\n")) == [["#one", "#two"]]


@pytest.mark.parametrize(
    "line", ["# text = Ada O", "#hashtag", "# a b", "# said Ada O", "#key=value", "#", "# sent_id O O"], ids=repr
)
def test_what_nobody_can_know_is_asked(tmp_path, line):
    text = f"Ada NN O\n{line}\nleft NN O\n"
    if line == "# text = Ada O":  # as many columns as the others, and a key with its value
        text = "Ada NN x y O\n# text = Ada O\nleft NN x y O\n"
    with pytest.raises(ValueError, match=r"\[S240\] .*train\.tsv, line 2: .*--no-comments .*--comments"):
        written(tmp_path, text)
    assert words(written(tmp_path, text, comments=True)) == [["Ada", "left"]]
    try:
        assert len(words(written(tmp_path, text, comments=False))[0]) == 3
    except ValueError as error:  # as a word, it has the wrong columns
        assert "[S201]" in str(error) and "line 2" in str(error)


CONLLU = """# newdoc id = a
# sent_id = 1
# text = Dámelo en Osted
1-3\tDámelo\t_\tO
1\tDa\tdar\tO
2\tme\tyo\tO
3\tlo\tél\tO
4\ten\ten\tO
5\tOsted\tOsted\tB-LOC
5.1\tfue\tir\tO

# sent_id = 2
1\t#uno\t_\tB-PROD
"""


@pytest.mark.parametrize("how", [{"format": "conllu"}, {"columns": Columns(2, -1)}, {"name": "a.conllu"}], ids=str)
def test_ranges_and_empty_nodes_are_no_words(tmp_path, how):
    corpus = written(tmp_path, CONLLU, **how)
    assert words(corpus) == [["Da", "me", "lo", "en", "Osted", "#uno"]]
    assert corpus.documents[0].identifier == "a" and corpus.documents[0].sentences == (5,)
    changed = corpus.corrected({0: [Replacement(4, 5, (Entity(4, 5, "PER"),))]}).decode()
    assert changed == CONLLU.replace("B-LOC", "B-PER")


MISC = """# sent_id = 1
1-2\tDalo\t_\tSpaceAfter=No
1\tDa\tdar\t_
2\tlo\tél\tSpaceAfter=No
3\tAda\tAda\tstart_char=4|NER=B-PER|x=1
4\tLind\tLind\tNER=I-PER

"""


@pytest.mark.parametrize("key", ["NER", "ner", "Entity"])
def test_tags_among_other_values(tmp_path, key):
    text = MISC.replace("NER", key)
    corpus = written(tmp_path, text, "a.conllu", format="conllu-misc")
    assert words(corpus) == [["Da", "lo", "Ada", "Lind"]]
    assert corpus.documents[0].entities == (Entity(2, 4, "PER"),)
    regions = [Replacement(0, 2, (Entity(0, 1, "LOC"), Entity(1, 2, "ORG"))), Replacement(2, 4, (Entity(2, 3, "ORG"),))]
    changed = corpus.corrected({0: regions}).decode()
    expected = text.replace("dar\t_", "dar\tNER=B-LOC").replace("él\tSpaceAfter=No", "él\tSpaceAfter=No|NER=B-ORG")
    assert changed == expected.replace("B-PER", "B-ORG").replace("I-PER", "O")
    assert written(tmp_path, changed, "b.conllu", format="conllu-misc").documents[0].entities[2] == Entity(2, 3, "ORG")
    assert corpus.corrected({}).decode() == text
    pipe = Entity(2, 3, "A|B")
    assert "which has a |" in corpus.unwritable(0, Replacement(2, 3, (pipe,)), [pipe])


def test_tags_among_other_values_are_asked_about(tmp_path):
    with pytest.raises(ValueError, match=r"\[S250\] .*a\.conllu, line 5: .*--format conllu-misc"):
        written(tmp_path, MISC, "a.conllu", format="conllu")
    bracketed = MISC.replace("NER=B-PER", "Entity=(e1-person").replace("NER=I-PER", "Entity=e1)")
    with pytest.raises(ValueError, match=r"\[S201\] .*line 5: .*is no tag"):
        written(tmp_path, bracketed, "a.conllu", format="conllu-misc")


def test_numbers_of_words_are_not_taken_for_words(tmp_path):
    with pytest.raises(ValueError, match=r"\[S243\] .*train\.tsv, line 4: .*'1-3'.*--format conllu.*--token-column 2"):
        written(tmp_path, CONLLU)
    assert words(written(tmp_path, CONLLU.split("3\tlo")[0], columns=Columns(1)))[0] == ["1-3", "1", "2"]


def test_words_that_are_numbers(tmp_path):
    text = "1999 CD O\n3-4 CD O\n2 CD O\n"
    assert words(written(tmp_path, text)) == [["1999", "3-4", "2"]]


GERMEVAL = (
    "#\thttp://example.org/a b [2009-10-17]\n1\tAda\tB-PER\tO\n2\tLind\tI-PER\tB-LOC\n\n#\tnews O\n1\tOsted\tB-LOC\tO\n"
)


@pytest.mark.parametrize("how", [{"format": "germeval"}, {"columns": Columns(2, 3)}], ids=str)
def test_sources_of_germeval_are_comments(tmp_path, how):
    corpus = written(tmp_path, GERMEVAL, **how)
    assert words(corpus) == [["Ada", "Lind"], ["Osted"]]
    assert corpus.documents[0].entities == (Entity(0, 2, "PER"),)
    assert corpus.corrected({}).decode() == GERMEVAL


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u200b", "\u2028", "\u0085", "\x0c"], ids=repr)
def test_blanks_are_words_that_spacy_can_hold(tmp_path, blank):
    text = f"Ada\tB-PER\n{blank}\tO\nOsted\tB-LOC\n"
    corpus = written(tmp_path, text)
    assert words(corpus) == [["Ada", blank, "Osted"]]
    assert corpus.documents[0].lines == (1, 2, 3)
    assert corpus.corrected({}).decode() == text


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\r\r\n", " \t\r\n"], ids=repr)
def test_line_breaks_of_all_systems(tmp_path, mark, line_break):
    text = mark + line_break.join(["#a=b\tO", "x\u0085y\u2028z\tB-LOC", "", "Ada\tO", ""])
    corpus = written(tmp_path, text)
    assert words(corpus) == [["#a=b", "x\u0085y\u2028z"], ["Ada"]]
    assert corpus.documents[0].lines == (1, 2) and corpus.documents[1].lines == (4,)
    changed = corpus.corrected({0: [Replacement(1, 2, ())], 1: []}).decode()
    assert changed == text.replace("B-LOC", "O")


def test_quotes_are_words(tmp_path):
    assert words(written(tmp_path, '"\tO\n""\tO\n"Ada\tB-PER\nOsted"\tO\n')) == [['"', '""', '"Ada', 'Osted"']]


@pytest.mark.parametrize("first", ["token\tlabel", "Sentence #\tNER", "Words\tx"])
def test_a_line_that_names_the_columns(tmp_path, first):
    text = f"{first}\nAda\tB-PER\nleft\tO\n"
    with pytest.raises(ValueError, match=r"\[S241\] .*train\.tsv, line 1: .*--header"):
        written(tmp_path, text)
    corpus = written(tmp_path, text, header=True)
    assert words(corpus) == [["Ada", "left"]] and corpus.documents[0].lines == (2, 3)
    assert corpus.corrected({}).decode() == text


def test_comma_separated_values_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\[S244\] .*ner\.csv .*\.tsv"):
        written(tmp_path, "Sentence #,Word,POS,Tag\nSentence: 1,Ada,NN,B-PER\n", "ner.csv", format="columns")


def test_entities_without_types(tmp_path):
    text = "Ada\tB\nLind\tI\nleft\tO\nOsted\tB\n"
    with pytest.raises(ValueError, match=r"\[S242\] .*train\.tsv, line 1: the tag 'B' .*--entity-type"):
        written(tmp_path, text)
    corpus = written(tmp_path, text, entity_type="NAME")
    assert corpus.documents[0].entities == (Entity(0, 2, "NAME"), Entity(3, 4, "NAME"))
    change = Replacement(0, 2, (Entity(0, 1, "NAME"), Entity(1, 2, "NAME")))
    assert corpus.corrected({0: [change]}).decode() == text.replace("Lind\tI", "Lind\tB")
    other = Entity(0, 1, "LOC")
    assert "LOC" in corpus.unwritable(0, Replacement(0, 1, (other,)), [other])


def test_bioes(tmp_path):
    text = "Ada\tB-PER\nLind\tE-PER\nleft\tO\nOsted\tS-LOC\n"
    for scheme in (None, "BIOES", "IOBES"):
        corpus = written(tmp_path, text, scheme=scheme)
        assert corpus.documents[0].entities == (Entity(0, 2, "PER"), Entity(3, 4, "LOC"))
    change = Replacement(0, 3, (Entity(0, 3, "PER"),))
    expected = "Ada\tB-PER\nLind\tI-PER\nleft\tE-PER\nOsted\tS-LOC\n"
    assert corpus.corrected({0: [change]}).decode() == expected


def test_a_folder_is_not_a_corpus_to_write(tmp_path):
    with pytest.raises(ValueError, match=r"\[S247\]"):
        read_annotated(tmp_path)


def test_layouts_by_name_give_their_columns(tmp_path):
    (tmp_path / "a.conll").write_text("x Ada B-PER\n")
    assert ColumnCorpus(tmp_path / "a.conll", layout="germeval", columns=Columns(2)).documents[0].words == ("Ada",)
