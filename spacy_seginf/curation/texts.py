"""What scores read from pipelines: trusted documents, and what checkpoints say of the training labels."""

from __future__ import annotations

from typing import Sequence, Union, cast

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..attribution.method import Texts
from ..crf import one_label_each
from ..errors import Errors, SeginfError
from ..influence.data import HeadData
from ..influence.effects import complete_labels
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import bare_copy, encode, example_of
from ..tagger.head import head_of, on_cpu


def trusted_texts(nlp: Language, docs: Sequence[Union[Doc, Example]], tagger_name: str = "crf_tagger") -> Texts:
    """Encode documents with trusted labels.

    docs (sequence of Doc or Example): annotated documents; an example's predicted document is what is encoded, as the
        pipeline's reader made it.
    RETURNS (Texts): its segments are all tokens with exactly one permitted label.
    RAISES (ValueError): S003 for a label that the tagger lacks; S010, S011, S013 as ``CRFTagger.encode``.
    """
    tagger = cast(CRFTagger, nlp.get_pipe(tagger_name))
    examples = [doc if isinstance(doc, Example) else example_of(nlp, doc) for doc in docs]
    bare = [example.predicted for example in examples]
    none = numpy.zeros((0, len(tagger.tags)), dtype=bool)
    allowed = numpy.concatenate([none, *(tagger.allowed_tags(example) for example in examples if len(example))])
    data = _head_data(nlp, tagger, bare, allowed)
    segments = data.tokens(numpy.flatnonzero(allowed.sum(axis=1) == 1))
    return Texts(bare, data, complete_labels(data, head_of(tagger.model)), segments)


def checkpoint_marginals(
    pipelines: Sequence[Language], docs: Sequence[Doc], labels: numpy.ndarray, tagger_name: str = "crf_tagger"
) -> list[numpy.ndarray]:
    """Return p(label | text) of the training labels under each pipeline (list of float64, tokens).

    pipelines (sequence of Language): checkpoints of one training, in any order. docs (sequence of Doc): the training
        documents. labels (ints, all tokens): the training labels, as numbers of the tagger's tags.
    RAISES (ValueError): S108 if the pipelines differ in their tags; S010, S011, S013 as ``CRFTagger.encode``.
    """
    found = []
    tags = None
    for nlp in pipelines:
        tagger = cast(CRFTagger, nlp.get_pipe(tagger_name))
        tags = tags or tagger.tags
        if tagger.tags != tags:
            names = ", ".join(tagger.tags), ", ".join(tags)
            raise SeginfError(Errors.S108.format(name=tagger_name, found=names[0], known=names[1]))
        bare = [bare_copy(nlp, doc) for doc in docs]
        data = _head_data(nlp, tagger, bare, one_label_each(labels, len(tags)))
        marginals = head_of(tagger.model).marginals(data)
        found.append(marginals[numpy.arange(len(labels)), labels])
    return found


def _head_data(nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], allowed: numpy.ndarray) -> HeadData:
    features = [on_cpu(rows) for rows in encode(nlp, tagger, docs)]
    width = tagger.model.get_ref("output_layer").get_dim("nI")
    joined = numpy.concatenate([numpy.zeros((0, width), dtype=numpy.float32), *features])
    return HeadData(joined, allowed, [len(doc) for doc in docs])
