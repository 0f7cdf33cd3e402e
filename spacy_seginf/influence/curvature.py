"""The metric of exact influence: the inverse Hessian of the head's training loss, leverage and corrected removal.

For a token with features F and neighbouring labels y-, y+, A is the linear map from theta to its logits; the gradient
of its conditional loss is -A^T e. Everything here costs one product with the inverse Hessian per token, or less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from scipy.linalg import cho_factor, cho_solve

from ..errors import Errors
from .factors import TokenFactors

LEVERAGE_LIMIT = 0.95  # leverage beyond this is clipped: the removal objective need not be convex there
CHUNK = 512


@dataclass(frozen=True)
class Curvature:
    """The inverse Hessian H^-1 of J at the head's parameters.

    inverse (float64, P x P), labels (int), width (int): P = labels * width + labels^2, as in ``fit.pack``.
    """

    inverse: numpy.ndarray
    labels: int
    width: int

    @classmethod
    def from_hessian(cls, hessian: numpy.ndarray, labels: int, width: int) -> Curvature:
        """Factorise a Hessian. RAISES (ValueError): S051 if it is not positive definite."""
        try:
            factor = cho_factor(hessian)
        except numpy.linalg.LinAlgError:
            raise ValueError(Errors.S051) from None
        inverse = cho_solve(factor, numpy.eye(len(hessian)))
        return cls((inverse + inverse.T) / 2, labels, width)

    def gradients(self, tokens: TokenFactors) -> numpy.ndarray:
        """Return A^T e of each token explicitly (float64, tokens x P): minus the gradient of its conditional loss."""
        residuals = tokens.residuals.astype("float64")
        on_weights = residuals[:, :, None] * self._with_constant(tokens)[:, None, :]
        on_transitions = numpy.zeros((len(tokens), self.labels, self.labels))
        for side, axis in ((tokens.previous, 0), (tokens.following, 1)):
            rows = numpy.flatnonzero(side >= 0)
            target = on_transitions if axis == 0 else on_transitions.transpose(0, 2, 1)
            target[rows, side[rows]] += residuals[rows]
        return numpy.concatenate([on_weights.reshape(len(tokens), -1), on_transitions.reshape(len(tokens), -1)], axis=1)

    def leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        """Return M = A H^-1 A^T of each token (float64, tokens x labels x labels)."""
        result = numpy.empty((len(tokens), self.labels, self.labels))
        for start in range(0, len(tokens), CHUNK):
            rows = slice(start, start + CHUNK)
            result[rows] = self._leverage(tokens[rows])
        return result

    def _leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        labels, width, count = self.labels, self.width, len(tokens)
        w_size = labels * width
        features = self._with_constant(tokens)
        weights_block = self.inverse[:w_size, :w_size].reshape(labels, width, labels, width)
        mixed_block = self.inverse[:w_size, w_size:].reshape(labels, width, labels * labels)
        transitions_block = self.inverse[w_size:, w_size:]
        # For label a the logit reads W[a], T[previous, a] and T[a, following]; -1 selects the padding, which is 0.
        every = numpy.arange(labels)
        none = labels * labels
        into = numpy.where(tokens.previous[:, None] >= 0, tokens.previous[:, None].astype(int) * labels + every, none)
        onward = numpy.where(
            tokens.following[:, None] >= 0, every * labels + tokens.following[:, None].astype(int), none
        )
        padded = numpy.zeros((none + 1, none + 1))
        padded[:none, :none] = transitions_block
        result = numpy.zeros((count, labels, labels))
        for a in range(labels):
            projected = features @ weights_block[a].reshape(width, -1)
            result[:, a] += numpy.einsum("nbf,nf->nb", projected.reshape(count, labels, width), features)
            crossed = numpy.concatenate([features @ mixed_block[a], numpy.zeros((count, 1))], axis=1)
            cross = numpy.take_along_axis(crossed, into, 1) + numpy.take_along_axis(crossed, onward, 1)
            result[:, a] += cross
            result[:, :, a] += cross
        for one in (into, onward):
            for other in (into, onward):
                result += padded[one[:, :, None], other[:, None, :]]
        return result

    def _with_constant(self, tokens: TokenFactors) -> numpy.ndarray:
        block = numpy.ones((len(tokens), self.width))
        block[:, :-1] = tokens.features
        return block


@dataclass(frozen=True)
class Removal:
    """What removing single tokens' labels does, in factored form.

    residuals (float64, tokens x labels): corrected residuals e~; dtheta = -H^-1 A^T e~.
    leverage (float64, tokens): largest eigenvalue of S^1/2 M S^1/2 before clipping.
    """

    residuals: numpy.ndarray
    leverage: numpy.ndarray


def removal(residuals: numpy.ndarray, probabilities: numpy.ndarray, leverage: numpy.ndarray) -> Removal:
    """Correct residuals for the removed token's own leverage: e~ = (I - S M)^-1 e, S = diag(p) - p p^T.

    This is the exact Newton step of the objective without the token's conditional loss.

    residuals, probabilities (float64, tokens x labels); leverage (float64, tokens x labels x labels): M.
    """
    labels = residuals.shape[1]
    spread = numpy.einsum("na,ab->nab", probabilities, numpy.eye(labels))
    spread -= probabilities[:, :, None] * probabilities[:, None, :]
    # S M is similar to a symmetric matrix: its eigenvalues are those of R^T S R with M = R R^T.
    values, vectors = numpy.linalg.eigh(leverage)
    roots = vectors * numpy.sqrt(numpy.maximum(values, 0.0))[:, None, :]
    largest = numpy.linalg.eigvalsh(roots.transpose(0, 2, 1) @ spread @ roots)[:, -1]
    clipped = leverage * numpy.minimum(1.0, LEVERAGE_LIMIT / numpy.maximum(largest, 1e-300))[:, None, None]
    corrected = numpy.linalg.solve(numpy.eye(labels) - spread @ clipped, residuals[:, :, None])[:, :, 0]
    return Removal(corrected, largest)
