"""Transformers small enough to make on the spot."""

from spacy.util import fix_random_seed

from .conftest import TEXTS, read_annotated


def write_encoder(kind, folder):
    """Save a random encoder with one word piece for each word of the corpus, and letters for all others."""
    from transformers import BertConfig, BertModel, BertTokenizerFast, BigBirdConfig, BigBirdModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # its handler keeps the stream of the first test, which is closed later

    words = sorted({word.lower() for text in TEXTS for word in read_annotated(text)[0]})
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *("##" + letter for letter in letters)]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)))
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"))
    size = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 512,
        "initializer_range": 0.1,
    }
    fix_random_seed(0)
    if kind == "bert":
        model = BertModel(BertConfig(**size))
    else:
        model = BigBirdModel(BigBirdConfig(**size, block_size=4, num_random_blocks=1))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
