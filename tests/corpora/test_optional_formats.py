"""Formats that are read with libraries of extras: parquet files and UIMA's XMI."""

from __future__ import annotations

import json
import sys
from xml.sax.saxutils import quoteattr

import pytest

import spacy_seginf
from spacy_seginf.corpora.formats import find_format, read_annotated
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.decisions import append_decisions

from .making import decide, tags_of
from .tool_files import CHANGES, NAMES, TEXTS, changed, characters, utf16

EXPECTED = changed(TEXTS, CHANGES)
SPACE = "de.tudarmstadt.ukp.dkpro.core.api"
TYPES = {
    f"{SPACE}.ner.type.NamedEntity": ("value", "identifier"),
    f"{SPACE}.segmentation.type.Token": (),
    f"{SPACE}.syntax.type.Chunk": ("chunkValue",),
}
TYPE_SYSTEM = """<?xml version="1.0" encoding="UTF-8"?>
<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types>
{types}
</types></typeSystemDescription>
"""
TYPE = """<typeDescription><name>{name}</name><description/><supertypeName>uima.tcas.Annotation</supertypeName>
<features>{features}</features></typeDescription>"""
FEATURE = """<featureDescription><name>{name}</name><description/><rangeTypeName>uima.cas.String</rangeTypeName>
</featureDescription>"""
XMI = """<?xml version="1.0" encoding="UTF-8"?>
<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore"
 xmlns:type4="http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore"
 xmlns:type5="http:///de/tudarmstadt/ukp/dkpro/core/api/segmentation/type.ecore" xmi:version="2.0">
<cas:NULL xmi:id="0"/>
{elements}
<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString={text}/>
<cas:View sofa="1" members="{members}"/></xmi:XMI>
"""


def write_xmi(folder, texts):
    folder = folder / "corpus"
    folder.mkdir()
    types = [
        TYPE.format(name=name, features="".join(FEATURE.format(name=feature) for feature in features))
        for name, features in TYPES.items()
    ]
    (folder / "TypeSystem.xml").write_text(TYPE_SYSTEM.format(types="\n".join(types)))
    for name, words, entities in texts:
        text = " ".join(words)
        spans = [(Entity(place, place + 1, ""), "type5:Token", "") for place in range(len(words))]
        spans += [(one, "type4:NamedEntity", f' identifier="" value="{one.label}"') for one in entities]
        elements = []
        for number, (one, tag, values) in enumerate(spans, start=10):
            start, end = (utf16(text, place) for place in characters(words, one))
            elements.append(f'<{tag} xmi:id="{number}" sofa="1" begin="{start}" end="{end}"{values}/>')
        members = " ".join(str(number) for number, _ in enumerate(spans, start=10))
        content = XMI.format(elements="\n".join(elements), text=quoteattr(text), members=members)
        (folder / f"{name}.xmi").write_text(content, encoding="utf8")
    return folder


def decisions(folder, texts):
    made = [decide(*texts[number], change) for number, regions in CHANGES.items() for change in regions]
    append_decisions(folder / "decisions.jsonl", made)
    return [folder / "decisions.jsonl"]


def read(path, **settings):
    return sorted((one.identifier, one.words, one.entities) for one in read_annotated(path, **settings).documents)


def test_xmi(tmp_path):
    pytest.importorskip("cassis")
    path = write_xmi(tmp_path, TEXTS)
    assert find_format(path) == "xmi" and read(path) == sorted(TEXTS)
    output = tmp_path / "new"
    plan = spacy_seginf.apply_decisions(path, output, decisions(tmp_path, TEXTS), labels=["ORG"])
    assert len(plan.changes) == 10 and read(output) == sorted(EXPECTED)


def test_xmi_changes_attributes_in_place(tmp_path):
    pytest.importorskip("cassis")
    path = write_xmi(tmp_path, TEXTS[2:3])
    append_decisions(tmp_path / "d.jsonl", [decide(*TEXTS[2], change) for change in CHANGES[2]])
    spacy_seginf.apply_decisions(path, tmp_path / "new", [tmp_path / "d.jsonl"], labels=["ORG"])
    before, after = ((folder / "9.xmi").read_text(encoding="utf8") for folder in (path, tmp_path / "new"))
    assert read(tmp_path / "new") == [EXPECTED[2]]
    gone, kept = set(before.splitlines()) - set(after.splitlines()), set(before.splitlines()) & set(after.splitlines())
    assert len(gone) == 3 and len(kept) == len(before.splitlines()) - 3
    assert (path / "TypeSystem.xml").read_bytes() == (tmp_path / "new" / "TypeSystem.xml").read_bytes()


def test_damaged_xmi(tmp_path):
    pytest.importorskip("cassis")
    path = write_xmi(tmp_path, TEXTS[:1])
    with pytest.raises(ValueError, match=r"\[S291\].*7\.xmi.*Chunk:value.*NamedEntity"):
        read_annotated(path, layer=f"{SPACE}.syntax.type.Chunk")
    content = (path / "7.xmi").read_text()
    (path / "7.xmi").write_text(content.replace("<cas:NULL", "<cas:NULL <"))
    with pytest.raises(ValueError, match=r"\[S201\].*7\.xmi.*no XMI of TypeSystem\.xml"):
        read_annotated(path)
    (path / "7.xmi").write_text(
        content.replace("<xmi:XMI", '<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/hostname">]>\n<xmi:XMI')
    )
    with pytest.raises(ValueError, match=r"\[S201\].*declares entities"):
        read_annotated(path)
    (path / "TypeSystem.xml").unlink()
    (path / "7.xmi").write_text(content)
    with pytest.raises(ValueError, match=r"\[S292\].*7\.xmi"):
        read_annotated(path)


def write_parquet(path, texts, features):
    import pyarrow
    import pyarrow.parquet

    rows = {
        "id": [name for name, *_ in texts],
        "tokens": [list(words) for _, words, _ in texts],
        "ner_tags": [[NAMES.index(tag) for tag in tags_of(words, entities, "BIO")] for _, words, entities in texts],
    }
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if features else None
    schema = pyarrow.schema(
        [
            ("id", pyarrow.string()),
            ("tokens", pyarrow.list_(pyarrow.string())),
            ("ner_tags", pyarrow.list_(pyarrow.int64())),
        ],
        metadata=metadata,
    )
    pyarrow.parquet.write_table(pyarrow.table(rows, schema=schema), path, row_group_size=2)
    return path


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    feature = {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "List"}
    path = write_parquet(tmp_path / "train.parquet", TEXTS, {"ner_tags": feature})
    assert read(path) == sorted(TEXTS)
    output = tmp_path / "new.parquet"
    plan = spacy_seginf.apply_decisions(path, output, decisions(tmp_path, TEXTS), labels=["ORG"])
    assert len(plan.changes) == 10 and read(output) == sorted(EXPECTED)
    before, after = parquet.ParquetFile(path), parquet.ParquetFile(output)
    assert before.schema_arrow.equals(after.schema_arrow, check_metadata=True)
    assert before.num_row_groups == after.num_row_groups == 2
    assert before.read(["id", "tokens"]).equals(after.read(["id", "tokens"]))
    bare = write_parquet(tmp_path / "bare.parquet", TEXTS, None)
    with pytest.raises(ValueError, match=r"\[S286\]"):
        read(bare)
    assert read(bare, label_names=NAMES) == sorted(TEXTS)
    (tmp_path / "bad.parquet").write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"\[S201\].*bad\.parquet"):
        read(tmp_path / "bad.parquet")


@pytest.mark.parametrize("name, module", [("a.parquet", "pyarrow"), ("a.xmi", "cassis")])
def test_without_the_library(tmp_path, monkeypatch, name, module):
    (tmp_path / name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=rf"\[S285\].*{name}.*pip install"):
        read_annotated(tmp_path / name)
