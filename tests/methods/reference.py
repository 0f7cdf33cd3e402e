"""TracIn by definition: torch's autograd in float64, through encoders written anew and losses by enumeration."""

from __future__ import annotations

import itertools

import numpy
import torch

SPACE = 1e-8  # what thinc's layer normalisation adds to the variance


def hash_embed_cnn(tok2vec, docs):
    """Repeat spaCy's HashEmbedCNN on single documents.

    RETURNS: features of each document (tensors); the outputs of its embedding layers by document and attribute, which
    are leaves of autograd; the ids by document and attribute; the parameters by number of node and name.
    """
    nodes = list(tok2vec.walk())
    parameters = {
        (number, name): torch.tensor(node.get_param(name), dtype=torch.float64, requires_grad=True)
        for number, node in enumerate(nodes)
        for name in node.param_names
    }

    def parameter(node, name):
        return parameters[nodes.index(node), name]

    def run(node, rows):
        if node.name == "expand_window":
            edge = torch.zeros_like(rows[:1])
            return torch.cat([torch.cat([edge, rows[:-1]]), rows, torch.cat([rows[1:], edge])], dim=1)
        if node.name == "maxout":
            scores = torch.einsum("ni,opi->nop", rows, parameter(node, "W")) + parameter(node, "b")
            return scores.max(dim=2).values
        if node.name == "layernorm":
            centred = rows - rows.mean(dim=1, keepdim=True)
            scaled = centred / (rows.var(dim=1, keepdim=True, unbiased=False) + SPACE).sqrt()
            return scaled * parameter(node, "G") + parameter(node, "b")
        if node.name == "dropout":
            return rows
        outputs = rows
        for layer in node.layers:
            outputs = run(layer, outputs)
        return outputs + rows if node.name.startswith("residual") and ">>residual" not in node.name else outputs

    tables = [node for node in nodes if node.name == "hashembed"]
    columns = next(node for node in nodes if node.name == "extract_features").attrs["columns"]
    mix = next(node for node in nodes if node.name == "with_array(maxout>>layernorm>>dropout)").layers[0]
    encode = tok2vec.get_ref("encode")
    features, leaves, ids = [], {}, {}
    for number, doc in enumerate(docs):
        embedded = []
        for table, column in zip(tables, columns):
            keys = doc.to_array([column]).astype("uint64").ravel()
            rows = table.ops.hash(keys, table.attrs["seed"]) % table.get_dim("nV")
            found = parameter(table, "E")[torch.tensor(rows.astype("int64"))].sum(dim=1)
            found.retain_grad()
            leaves[number, column], ids[number, column] = found, keys
            embedded.append(found)
        rows = run(mix, torch.cat(embedded, dim=1))
        pad = torch.zeros(encode.attrs["pad"], rows.shape[1], dtype=rows.dtype)
        padded = run(encode.layers[0], torch.cat([pad, rows, pad]))
        features.append(padded[len(pad) : len(pad) + len(rows)])
    return features, leaves, ids, parameters


def segment_loss(features, head, labels, start, end, count):
    """-log p(labels of a segment | labels outside) by enumeration, as a tensor; head is a tensor."""
    split = len(head) - count * count
    weights, transitions = head[:split].reshape(count, -1), head[split:].reshape(count, count)
    emissions = features @ weights[:, :-1].T + weights[:, -1]
    labels = [int(label) for label in labels]

    def score(inside):
        path = [*labels[:start], *inside, *labels[end:]]
        edges = sum(transitions[left, right] for left, right in zip(path, path[1:]))
        return sum(emissions[token, label] for token, label in enumerate(path)) + edges

    paths = itertools.product(range(count), repeat=end - start)
    return torch.logsumexp(torch.stack([score(path) for path in paths]), dim=0) - score(labels[start:end])


def segment_losses(texts, features, head):
    """The losses of all segments (tensors)."""
    starts = texts.data.starts
    return [
        segment_loss(features[d], head, texts.labels[starts[d] : starts[d] + len(features[d])], s, e, texts.data.labels)
        for d, s, e in texts.segments.tolist()
    ]


def cosine_error(found, expected, left, right):
    """Largest error of inner products, in units of the product of the two norms."""
    norms = numpy.sqrt(numpy.outer(left, right))
    return float((numpy.abs(found - expected) / numpy.maximum(norms, 1e-30)).max())


def head_gradients(texts, features, head):
    """Gradients with respect to the head, one row per segment (float64)."""
    head = torch.tensor(head.packed, requires_grad=True)
    fixed = [rows.detach() for rows in features]
    return numpy.stack([torch.autograd.grad(loss, head)[0].numpy() for loss in segment_losses(texts, fixed, head)])


def word_sums(texts, features, leaves, ids, head):
    """Gradients at word embeddings, summed over the same word: for each segment, vectors by attribute and id."""
    result = []
    head = torch.tensor(head.packed)
    names = list(leaves)
    for loss in segment_losses(texts, features, head):
        words = {}
        found = torch.autograd.grad(loss, [leaves[name] for name in names], retain_graph=True, allow_unused=True)
        for (document, attribute), gradient in zip(names, found):
            for key, row in zip(ids[document, attribute], [] if gradient is None else gradient.numpy()):
                words[attribute, int(key)] = words.get((attribute, int(key)), 0.0) + row
        result.append(words)
    return result


def word_products(left, right):
    """Sum the inner products of the vectors of shared words (float64, left x right)."""
    return numpy.array([[sum(float(a[k] @ b[k]) for k in a.keys() & b.keys()) for b in right] for a in left])
