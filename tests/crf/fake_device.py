"""A stand-in for cupy on machines without a GPU: numpy underneath, but its arrays refuse to be numpy arrays.

Like cupy, it raises TypeError where an array of the device meets an array of the host. It says nothing of kernels, of
speed, or of functions that cupy lacks.
"""

from __future__ import annotations

import operator
import sys
from types import ModuleType

import numpy
import scipy.sparse


def to_host(value):
    """Unwrap arguments; arrays of the host are refused, scalars are not."""
    if isinstance(value, (DeviceArray, DeviceMatrix)):
        return value.host
    if isinstance(value, (list, tuple)):
        return type(value)(to_host(part) for part in value)
    if isinstance(value, numpy.ndarray) and value.ndim:
        raise TypeError("an array of the host where one of the device is needed")
    return value


def to_device(value):
    """Wrap results: also scalars, which stay on the device in cupy."""
    if isinstance(value, tuple):
        return tuple(to_device(part) for part in value)
    return DeviceArray(numpy.asarray(value)) if isinstance(value, (numpy.ndarray, numpy.generic)) else value


class DeviceFunction:
    """A function of the module, or a method of an array; add.reduceat is the only attribute that is needed."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments, **settings):
        settings = {name: to_host(value) for name, value in settings.items()}
        return to_device(self.function(*to_host(arguments), **settings))

    @property
    def reduceat(self):
        return DeviceFunction(self.function.reduceat)


class DeviceArray:
    """An array "on the device"."""

    __array_ufunc__ = None  # numpy then leaves operators to this class

    def __init__(self, host):
        self.host = host

    def __array__(self, *_arguments, **_settings):
        raise TypeError("implicit conversion of an array of the device")

    def __array_function__(self, function, *_):
        raise TypeError(f"numpy.{function.__name__} called on an array of the device")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)  # numpy would find the memory by __array_interface__
        value = getattr(self.host, name)
        return DeviceFunction(value) if callable(value) else to_device(value)

    def get(self):
        return self.host.copy()

    def __len__(self):
        return len(self.host)

    def __getitem__(self, index):
        return to_device(self.host[to_host(index)])

    def __setitem__(self, index, value):
        self.host[to_host(index)] = to_host(value)

    def __float__(self):
        return float(self.host)

    def __bool__(self):
        return bool(self.host)

    def __neg__(self):
        return DeviceArray(-self.host)

    def __invert__(self):
        return DeviceArray(~self.host)


DeviceArray.__module__ = "cupy"  # that is how arrays on a GPU are told apart


class DeviceMatrix:
    """A sparse matrix "on the device"."""

    def __init__(self, entries, shape):
        self.host = entries if shape is None else scipy.sparse.csr_matrix(to_host(entries), shape=shape)

    def __getitem__(self, rows):
        return DeviceMatrix(self.host[to_host(rows)], None)

    def astype(self, dtype):
        return DeviceMatrix(self.host.astype(dtype), None)

    def __matmul__(self, other):
        return DeviceArray(self.host @ to_host(other))


def _define(name):
    plain = getattr(operator, name)

    def forward(self, other):
        return to_device(plain(self.host, to_host(other)))

    def reflected(self, other):
        return to_device(plain(to_host(other), self.host))

    def in_place(self, other):
        getattr(operator, f"i{name}")(self.host, to_host(other))
        return self

    stem = name.strip("_")
    setattr(DeviceArray, f"__{stem}__", forward)
    if name not in COMPARISONS:
        setattr(DeviceArray, f"__r{stem}__", reflected)
        setattr(DeviceArray, f"__i{stem}__", in_place)


COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")
for _name in (*COMPARISONS, "add", "sub", "mul", "truediv", "matmul", "and_", "or_"):
    _define(_name)


class FakeCupy(ModuleType):
    """The module: numpy's functions, on arrays of the device."""

    def asarray(self, values, dtype=None):
        return DeviceArray(numpy.array(values.host if isinstance(values, DeviceArray) else values, dtype=dtype))

    def __getattr__(self, name):
        value = getattr(numpy, name)
        return DeviceFunction(value) if callable(value) else value


def install(monkeypatch):
    """Let ``import cupy`` find the stand-in, and return it."""
    fake = FakeCupy("cupy")
    monkeypatch.setitem(sys.modules, "cupy", fake)
    for name in ("cupyx", "cupyx.scipy", "cupyx.scipy.sparse"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["cupyx.scipy.sparse"].csr_matrix = DeviceMatrix
    return fake
