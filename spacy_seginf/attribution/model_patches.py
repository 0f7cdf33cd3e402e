"""Changes of a pipeline's layers that hold in a with-block: what they do, dropout, and where gradients go.

Only one thread may make such changes at a time. Others may predict meanwhile: for them layers do what they always do.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import wraps
from threading import RLock, get_ident
from typing import Any, Callable, Iterator, Sequence

from thinc.backends import ParamServer

CHANGING = RLock()  # held by the thread that changes layers, of any pipeline


def modules_of(node: Any) -> list[Any]:
    """Return the torch modules of a node."""
    modules = [getattr(shim, "_model", None) for shim in node.shims]
    return [module for module in modules if hasattr(module, "named_parameters")]


@contextmanager
def other_function(node: Any, forward: Callable) -> Iterator[None]:
    """Let a node do something else for a while, as far as this thread is concerned."""
    before, owner = node._func, get_ident()

    @wraps(before)
    def chosen(model: Any, X: Any, is_train: bool) -> Any:
        return (forward if get_ident() == owner else before)(model, X, is_train)

    node._func = chosen
    try:
        yield
    finally:
        node._func = before


@contextmanager
def without_dropout(nodes: Sequence[Any]) -> Iterator[None]:
    """Let nothing be dropped, in thinc or torch, and let no factor slow a transformer's learning down."""
    settings = {"dropout_rate": 0.0, "grad_factor": 1.0}
    before = [(node, name, node.attrs[name]) for node in nodes for name in settings if name in node.attrs]
    with ExitStack() as stack:
        for node, name, value in before:
            stack.callback(node.attrs.__setitem__, name, value)
            node.attrs[name] = settings[name]
        for node in nodes:
            for shim in node.shims:
                if hasattr(getattr(shim, "_model", None), "named_parameters"):
                    stack.enter_context(_evaluating(shim))
        yield


@contextmanager
def _evaluating(shim: Any) -> Iterator[None]:
    """Keep a torch module in evaluation mode, which its shim would end, and in full precision."""
    from thinc.api import PyTorchGradScaler

    module, training = shim._model, shim._model.training
    mixed, scaler = shim._mixed_precision, shim._grad_scaler
    module.eval()
    module.train = lambda mode=True: module
    shim._mixed_precision, shim._grad_scaler = False, PyTorchGradScaler(False)
    try:
        yield
    finally:
        del module.train
        module.train(training)
        shim._mixed_precision, shim._grad_scaler = mixed, scaler


@contextmanager
def separate_gradients(nodes: Sequence[Any]) -> Iterator[list[ParamServer]]:
    """Gather gradients apart from those that the nodes have; return where, node by node."""
    servers = [
        ParamServer({(node.id, name): node.get_param(name) for name in node.param_names if node.has_param(name)})
        for node in nodes
    ]
    before = [node._params for node in nodes]
    kept = [(value, value.grad) for node in nodes for module in modules_of(node) for value in module.parameters()]
    try:
        for node, server in zip(nodes, servers):
            node._params = server
        for value, _ in kept:
            value.grad = None
        yield servers
    finally:
        for node, server in zip(nodes, before):
            node._params = server
        for value, gradient in kept:
            value.grad = gradient


@contextmanager
def frozen_parameters(module: Any) -> Iterator[None]:
    """Ask torch for no gradients of a module's parameters."""
    before = [(value, value.requires_grad) for value in module.parameters()]
    try:
        for value, _ in before:
            value.requires_grad_(False)
        yield
    finally:
        for value, needed in before:
            value.requires_grad_(needed)
