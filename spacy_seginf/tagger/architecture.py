"""The registered architecture of the CRF tagger."""

from __future__ import annotations

from typing import List, Optional

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Dropout, Model, chain, with_array
from thinc.types import Floats2d

from .crf_head import CRFHead, CRFScores


@registry.architectures("spacy_seginf.CRFTagger.v1")
def build_crf_tagger(
    tok2vec: Model[List[Doc], List[Floats2d]], nO: Optional[int] = None, learn_rate_factor: float = 1.0
) -> Model[List[Doc], CRFScores]:
    """Put a linear-chain CRF over token vectors.

    tok2vec (Model[List[Doc], List[Floats2d]]): token vectors, float32, one row per token: HashEmbedCNN, or a
        listener to a tok2vec or transformer component.
    nO (int): number of tags; set at initialization.
    learn_rate_factor (float): how many times faster than the encoder the head learns. 1 for an encoder that is
        trained from scratch, about 50 for fine-tuning a transformer at 1e-4.
    RETURNS (Model): scores of a batch. The head sees tok2vec's output behind the dropout of [training].
    """
    width = tok2vec.maybe_get_dim("nO")
    head = CRFHead(nO, width, learn_rate_factor=learn_rate_factor)
    model = chain(tok2vec, with_array(Dropout()), head)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", head)
    return model
