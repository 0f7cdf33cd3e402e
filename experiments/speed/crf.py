"""CRF likelihood with gradient, and Viterbi, against pytorch-crf in the same run.

OMP_NUM_THREADS=1 python -m experiments.speed.crf
"""

from __future__ import annotations

import time
from typing import Callable

import numpy
import torch
from torchcrf import CRF

from spacy_seginf.crf import negative_log_likelihood, one_label_each, viterbi

from ..common.reporting import finish, one_thread, parse_arguments, print_table

SHAPES = [(32, 128), (8, 512)]
LABELS = [9, 25]
LIKELIHOOD_GOAL, VITERBI_GOAL = 6.0, 2.5  # times as fast as pytorch-crf, at every shape
ERROR_GOAL = 1e-4  # of the gradient with respect to the transitions, against float64, at 8 x 512 with 25 labels


def alternate(first: Callable[[], object], second: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Time two functions in turn, so that a busy machine slows both; return the median seconds of each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for function, record in zip((first, second), seconds):
            start = time.perf_counter()
            function()
            record.append(time.perf_counter() - start)
    return float(numpy.median(seconds[0][1:])), float(numpy.median(seconds[1][1:]))


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    repeats = 5 if arguments.quick else 40
    rows = []
    likelihood_speedups, viterbi_speedups = [], []
    gradient_errors: dict[tuple[int, int, int], float] = {}
    for batch, steps in SHAPES:
        for size in LABELS:
            generator = numpy.random.default_rng(0)
            emissions = generator.normal(size=(batch, steps, size)).astype("float32") * 2
            transitions = generator.normal(size=(size, size)).astype("float32")
            gold = generator.integers(0, size, size=(batch, steps))
            flat, labels, lengths = emissions.reshape(-1, size), gold.reshape(-1), [steps] * batch
            allowed = one_label_each(labels, size)

            peer = CRF(size, batch_first=True)
            with torch.no_grad():
                peer.transitions.copy_(torch.from_numpy(transitions))
                peer.start_transitions.zero_()
                peer.end_transitions.zero_()
            torch_emissions = torch.from_numpy(emissions).requires_grad_()
            torch_labels = torch.from_numpy(gold)

            def peer_likelihood() -> None:
                torch_emissions.grad = None
                peer.zero_grad()
                (-peer(torch_emissions, torch_labels, reduction="sum")).backward()

            def peer_viterbi() -> list[list[int]]:
                with torch.no_grad():
                    return peer.decode(torch_emissions)

            ours, theirs = alternate(
                lambda: negative_log_likelihood(flat, transitions, lengths, allowed), peer_likelihood, repeats
            )
            loss = negative_log_likelihood(flat, transitions, lengths, allowed)
            double = negative_log_likelihood(flat.astype("float64"), transitions.astype("float64"), lengths, allowed)
            assert torch_emissions.grad is not None and peer.transitions.grad is not None
            numpy.testing.assert_allclose(loss.emissions, torch_emissions.grad.numpy().reshape(-1, size), atol=2e-3)
            error = float(abs(loss.transitions - double.transitions).max())
            peer_error = float(abs(peer.transitions.grad.numpy() - double.transitions).max())
            best = viterbi(flat, transitions, lengths)
            agreement = float((best.reshape(batch, steps) == numpy.array(peer_viterbi())).mean())
            if agreement < 0.999:
                raise SystemExit(f"Viterbi agrees with pytorch-crf on {agreement:.4f} of the tokens only")
            ours_viterbi, theirs_viterbi = alternate(lambda: viterbi(flat, transitions, lengths), peer_viterbi, repeats)
            likelihood_speedups.append(theirs / ours)
            viterbi_speedups.append(theirs_viterbi / ours_viterbi)
            gradient_errors[batch, steps, size] = error
            rows.append(
                [f"{batch}x{steps}", size, ours * 1e3, theirs * 1e3, theirs / ours, error, peer_error]
                + [ours_viterbi * 1e3, theirs_viterbi * 1e3, theirs_viterbi / ours_viterbi]
            )
    header = ["shape", "labels", "ms", "pytorch-crf ms", "times faster", "max dT error", "pytorch-crf's"]
    print_table(header + ["Viterbi ms", "pytorch-crf ms", "times faster"], rows)
    likelihood_speedup, viterbi_speedup = min(likelihood_speedups), min(viterbi_speedups)
    error = gradient_errors[8, 512, 25]
    for goal, reached in (
        (f"likelihood with gradient at least {LIKELIHOOD_GOAL:g} times as fast", likelihood_speedup >= LIKELIHOOD_GOAL),
        (f"Viterbi at least {VITERBI_GOAL:g} times as fast", viterbi_speedup >= VITERBI_GOAL),
        (f"error of dT at 8x512 with 25 labels at most {ERROR_GOAL:g}", error <= ERROR_GOAL),
    ):
        print(f"{'reached' if reached else 'MISSED'}: {goal}")
    figures = {
        "likelihood_speedup_min": round(likelihood_speedup, 2),
        "viterbi_speedup_min": round(viterbi_speedup, 2),
        "transition_gradient_error_max": max(gradient_errors.values()),
        "transition_gradient_error_8x512_25": error,
    }
    tokens = sum(batch * steps for batch, steps in SHAPES) * len(LABELS)
    finish("crf", figures, quick=arguments.quick, rows=tokens, seeds=[0])


if __name__ == "__main__":
    main()
