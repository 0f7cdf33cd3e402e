"""The Hessian from sufficient statistics equals autograd's."""

from __future__ import annotations

import numpy
import pytest
import torch

from spacy_seginf.crf.hessian import loss_hessian


def log_partition(theta, features, labels):
    """Sum of the log partition functions, written with torch operations only."""
    width = features[0].shape[1]
    weights, transitions = theta[: labels * width].view(labels, width), theta[labels * width :].view(labels, labels)
    total = torch.zeros((), dtype=torch.float64)
    for rows in features:
        emissions = rows @ weights.T
        state = emissions[0]
        for row in emissions[1:]:
            state = torch.logsumexp(state[:, None] + transitions, 0) + row
        total = total + torch.logsumexp(state, 0)
    return total


@pytest.mark.parametrize("scale", [0.1, 1.5, 6.0])
@pytest.mark.parametrize("labels,width,lengths", [(3, 4, [5, 1, 2]), (4, 3, [7, 3]), (1, 2, [3]), (2, 2, [1, 1])])
def test_equals_autograd(labels, width, lengths, scale):
    torch.manual_seed(0)
    features = [torch.randn(length, width, dtype=torch.float64) for length in lengths]
    theta = torch.randn(labels * width + labels * labels, dtype=torch.float64) * scale
    expected = torch.autograd.functional.hessian(lambda values: log_partition(values, features, labels), theta)
    weights = theta[: labels * width].view(labels, width).numpy()
    transitions = theta[labels * width :].view(labels, labels).numpy()
    batches = [(rows.numpy() @ weights.T, rows.numpy(), [len(rows)]) for rows in features]
    together = numpy.concatenate([rows.numpy() for rows in features])
    one_by_one = loss_hessian(batches, transitions, width, negligible=0.0)
    at_once = loss_hessian([(together @ weights.T, together, lengths)], transitions, width, negligible=0.0)
    numpy.testing.assert_allclose(one_by_one, expected, atol=1e-11)
    numpy.testing.assert_allclose(at_once, expected, atol=1e-11)


def test_leaving_out_small_covariances_changes_little():
    generator = numpy.random.default_rng(0)
    features = generator.normal(size=(60, 4))
    weights, transitions = generator.normal(size=(3, 4)) * 3, generator.normal(size=(3, 3))
    batch = (features @ weights.T, features, [60])
    exact = loss_hessian([batch], transitions, 4, negligible=0.0)
    numpy.testing.assert_allclose(loss_hessian([batch], transitions, 4), exact, atol=1e-7)


def test_many_rows_are_summed_in_pieces(monkeypatch):
    generator = numpy.random.default_rng(1)
    features, transitions = generator.normal(size=(50, 3)), generator.normal(size=(2, 2))
    batch = (features @ generator.normal(size=(2, 3)).T, features, [20, 30])
    whole = loss_hessian([batch], transitions, 3)
    monkeypatch.setattr("spacy_seginf.crf.hessian.BUFFER_ROWS", 7)
    numpy.testing.assert_allclose(loss_hessian([batch], transitions, 3), whole, atol=1e-12)


def test_empty_sequences():
    features = numpy.zeros((0, 2))
    assert not loss_hessian([(numpy.zeros((0, 3)), features, [0, 0])], numpy.zeros((3, 3)), 2).any()
