"""What the search is compared with: dense scans in torch, captum's TracInCPFast, faiss on explicit vectors.

Each gets its best case: everything in memory in float32 before the clock starts.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy
import torch

from spacy_seginf.influence.factors import TokenFactors

CHUNK = 8192  # rows scored at once
CAPTUM_CHUNKS = (1024, 4096, 16384, 65536)  # sizes of captum's batches, of which the fastest counts


class DenseScan:
    """Score all rows in float32 and take the top k of both signs by torch.topk.

    rows (TokenFactors): all rows of an index. curved (bool): queries come as matrices (H^-1 applied), else factored.
    """

    def __init__(self, rows: TokenFactors, *, curved: bool) -> None:
        labels = rows.residuals.shape[1]
        self._features = torch.from_numpy(rows.features.astype(numpy.float32))
        self._residuals = torch.from_numpy(rows.residuals.astype(numpy.float32))
        # One-hot neighbours, so that the transitions are two more matrix products; none is a row of zeros.
        self._previous, self._following = (
            torch.from_numpy(numpy.eye(labels + 1, labels, dtype=numpy.float32)[numbers.astype(int)])
            for numbers in (rows.previous, rows.following)
        )
        self.curved = curved

    def search(self, queries: Any, k: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return the k highest and the k lowest scores of every query (float32, queries x k)."""
        parts = [
            self._curved(queries, rows) if self.curved else self._factored(queries, rows) for rows in self._slices()
        ]
        scores = torch.cat(parts, dim=1)
        return torch.topk(scores, k, dim=1).values.numpy(), -torch.topk(-scores, k, dim=1).values.numpy()

    def prepare(self, queries: Any) -> Any:
        """Bring queries into the form that the scan takes: a matrix per query, or their factors."""
        if self.curved:
            weights, transitions = queries
            return torch.from_numpy(weights.astype(numpy.float32)), torch.from_numpy(transitions.astype(numpy.float32))
        return DenseScan(queries, curved=False)

    def _slices(self) -> list[slice]:
        return [slice(start, start + CHUNK) for start in range(0, len(self._features), CHUNK)]

    def _curved(self, queries: Any, rows: slice) -> torch.Tensor:
        weights, transitions = queries
        count, labels, width = weights.shape
        logits = weights[:, :, :-1].reshape(count * labels, width - 1) @ self._features[rows].T
        logits = logits.view(count, labels, -1) + weights[:, :, -1:]
        logits += transitions.transpose(1, 2) @ self._previous[rows].T
        logits += transitions @ self._following[rows].T
        return (logits * self._residuals[rows].T).sum(dim=1)

    def _factored(self, queries: DenseScan, rows: slice) -> torch.Tensor:
        similarity = queries._features @ self._features[rows].T + 1.0
        similarity += queries._previous @ self._previous[rows].T
        similarity += queries._following @ self._following[rows].T
        scores = similarity * (queries._residuals @ self._residuals[rows].T)
        scores += (queries._previous @ self._residuals[rows].T) * (queries._residuals @ self._following[rows].T)
        return scores + (queries._residuals @ self._previous[rows].T) * (queries._following @ self._residuals[rows].T)


def captum_search(
    rows: TokenFactors, labels: numpy.ndarray, weights: numpy.ndarray, bias: numpy.ndarray, chunk: int
) -> Callable:
    """Return a function that finds proponents or opponents by captum's TracInCPFast: one call finds one of them.

    The model is the head's linear layer on precomputed features, without transitions, which captum can't do; the data
    loader gives pre-sliced batches of ``chunk`` rows.
    """
    from captum.influence import TracInCPFast

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.final = torch.nn.Linear(weights.shape[1], weights.shape[0])

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.final(features)

    model = Layer()
    with torch.no_grad():
        model.final.weight.copy_(torch.from_numpy(weights.astype(numpy.float32)))
        model.final.bias.copy_(torch.from_numpy(bias.astype(numpy.float32)))
    features, targets = torch.from_numpy(rows.features.astype(numpy.float32)), torch.from_numpy(labels.astype(int))
    batches = [
        (features[start : start + chunk], targets[start : start + chunk]) for start in range(0, len(features), chunk)
    ]
    loader = torch.utils.data.DataLoader(_Sliced(batches), batch_size=None)
    tracin = TracInCPFast(
        model,
        model.final,
        loader,
        ["head"],
        checkpoints_load_func=lambda module, path: 1.0,
        loss_fn=torch.nn.CrossEntropyLoss(reduction="sum"),
    )

    def search(queries: TokenFactors, query_labels: numpy.ndarray, k: int, *, proponents: bool) -> Any:
        inputs = torch.from_numpy(queries.features), torch.from_numpy(query_labels.astype(int))
        return tracin.influence(inputs, k=k, proponents=proponents, show_progress=False)

    return search


class _Sliced(torch.utils.data.Dataset):
    def __init__(self, batches: list[Any]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Any:
        return self._batches[number]


def faiss_search(gradients: numpy.ndarray) -> Callable:
    """Return a function that searches explicit gradients (float32, rows x P) by faiss' flat inner-product index."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(gradients.shape[1])
    index.add(gradients)

    def search(vectors: numpy.ndarray, k: int) -> Any:
        return index.search(vectors, k), index.search(-vectors, k)

    return search
