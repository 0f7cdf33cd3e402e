"""Influence from the definition: explicit gradients of every training token, in float64."""

from __future__ import annotations

import numpy

from spacy_seginf.tagger import head_parameters


class Oracle:
    """All training gradients of a tagger, written out."""

    def __init__(self, nlp, examples):
        self.tagger = nlp.get_pipe("crf_tagger")
        parameters = head_parameters(self.tagger.model.get_ref("output_layer"))
        self.weights, self.bias, self.transitions = (array.astype("float64") for array in parameters)
        self.places, gradients = [], []
        for example in examples:
            doc = example.reference
            self.places += [(doc.user_data["id"], token.i) for token in doc]
            gradients.append(self.gradients(example.predicted, tags_of(doc)))
        self.rows = numpy.concatenate(gradients)

    def gradients(self, doc, tags):
        """Return -dCL of each token at these tags (tokens x parameters)."""
        (features,) = self.tagger.model.get_ref("tok2vec").predict([doc])
        labels = [self.tagger.tags.index(tag) for tag in tags]
        vectors = []
        for position, row in enumerate(features.astype("float64")):
            logits = self.weights @ row + self.bias
            pairs = numpy.zeros_like(self.transitions)
            if position:
                logits += self.transitions[labels[position - 1]]
            if position + 1 < len(labels):
                logits += self.transitions[:, labels[position + 1]]
            residual = -numpy.exp(logits - logits.max())
            residual /= -residual.sum()
            residual[labels[position]] += 1.0
            if position:
                pairs[labels[position - 1]] += residual
            if position + 1 < len(labels):
                pairs[:, labels[position + 1]] += residual
            vectors.append(numpy.concatenate([numpy.outer(residual, [*row, 1.0]).ravel(), pairs.ravel()]))
        return numpy.array(vectors)

    def scores(self, gradient):
        """Return {(document id, token): score} for a query."""
        return dict(zip(self.places, (self.rows @ gradient).tolist()))

    def check(self, influencers, gradient, k):
        """Compare an entry with a scan of everything."""
        scores = self.scores(gradient)
        tolerance = 1e-5 * numpy.linalg.norm(gradient) * numpy.linalg.norm(self.rows, axis=1).max()
        for references, sign in ((influencers.supporting, 1), (influencers.opposing, -1)):
            best = sorted((sign * score for score in scores.values() if sign * score > 0), reverse=True)[:k]
            assert len(references) == len(best)
            numpy.testing.assert_allclose([sign * ref.effect for ref in references], best, rtol=1e-3, atol=tolerance)
            for ref in references:
                numpy.testing.assert_allclose(ref.effect, scores[ref.doc_id, ref.start], rtol=1e-3, atol=tolerance)


def tags_of(doc):
    """Return the BIO tags of a document."""
    return [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
