"""The Hessian from sufficient statistics equals autograd's."""

from __future__ import annotations

import numpy
import pytest
import torch

from spacy_seginf.crf.hessian import loss_hessian


def log_partition(theta, features, labels, masks=None):
    """Sum of the log partition functions, written with torch operations only. masks: added to the emissions."""
    width = features[0].shape[1]
    weights, transitions = theta[: labels * width].view(labels, width), theta[labels * width :].view(labels, labels)
    total = torch.zeros((), dtype=torch.float64)
    for number, rows in enumerate(features):
        emissions = rows @ weights.T
        if masks is not None:
            emissions = emissions + masks[number]
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


def test_little_memory(monkeypatch):
    generator = numpy.random.default_rng(1)
    features, transitions = generator.normal(size=(50, 3)), generator.normal(size=(2, 2))
    batch = (features @ generator.normal(size=(2, 3)).T, features, [20, 0, 12, 18])
    whole = loss_hessian([batch], transitions, 3)
    monkeypatch.setattr("spacy_seginf.crf.hessian.SWEEP_CELLS", 2**3 * 31)
    numpy.testing.assert_allclose(loss_hessian([batch], transitions, 3), whole, atol=1e-12)
    monkeypatch.setattr("spacy_seginf.crf.hessian.SWEEP_CELLS", 0)
    monkeypatch.setattr("spacy_seginf.crf.hessian.COVARIANCE_CELLS", 2**2 * 100)
    numpy.testing.assert_allclose(loss_hessian([batch], transitions, 3), whole, atol=1e-12)


def test_labels_ruled_out():
    torch.manual_seed(1)
    labels, width, lengths = 4, 3, [6, 1, 4]
    features = [torch.randn(length, width, dtype=torch.float64) for length in lengths]
    masks = [torch.where(torch.rand(length, labels) < 0.5, -torch.inf, 0.0).double() for length in lengths]
    for mask in masks:
        mask[torch.arange(len(mask)), torch.randint(labels, (len(mask),))] = 0.0
    theta = torch.randn(labels * width + labels * labels, dtype=torch.float64) * 1.5
    expected = torch.autograd.functional.hessian(lambda values: log_partition(values, features, labels, masks), theta)
    weights = theta[: labels * width].view(labels, width).numpy()
    transitions = theta[labels * width :].view(labels, labels).numpy()
    together, mask = (numpy.concatenate([rows.numpy() for rows in part]) for part in (features, masks))
    assert numpy.isinf(mask).sum() > 10
    batch = (together @ weights.T + mask, together, lengths)
    numpy.testing.assert_allclose(loss_hessian([batch], transitions, width, negligible=0.0), expected, atol=1e-11)


def test_faint_covariances_in_single_precision(monkeypatch):
    generator = numpy.random.default_rng(3)
    features, transitions = generator.normal(size=(30, 3)), generator.normal(size=(3, 3))
    batch = (features @ generator.normal(size=(3, 3)).T, features, [30])
    double = loss_hessian([batch], transitions, 3)
    monkeypatch.setattr("spacy_seginf.crf.hessian.FAINT", numpy.inf)
    single = loss_hessian([batch], transitions, 3)
    assert 1e-9 < abs(single - double).max() < 1e-5


def test_symmetric_also_where_much_is_left_out():
    generator = numpy.random.default_rng(2)
    features = generator.normal(size=(40, 3))
    batch = (features @ generator.normal(size=(4, 3)).T * 2, features, [25, 15])
    hessian = loss_hessian([batch], generator.normal(size=(4, 4)), 3, negligible=1e-2)
    numpy.testing.assert_allclose(hessian, hessian.T, atol=1e-12)


def test_empty_sequences():
    features = numpy.zeros((0, 2))
    assert not loss_hessian([(numpy.zeros((0, 3)), features, [0, 0])], numpy.zeros((3, 3)), 2).any()
