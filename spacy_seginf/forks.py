"""Forked processes in which torch goes on working, as those of ``nlp.pipe(n_process=2)``."""

from __future__ import annotations

import os
import sys


def _one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def keep_torch_working() -> None:
    """Let torch use one thread in every process that is forked from this one. Its threads stay in the parent, and a
    child would wait for them for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_one_thread)
