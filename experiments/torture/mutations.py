"""Broken versions of bytes, JSON and arrays, drawn by a seeded generator."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy

ODD: list[Any] = [
    *(0, -1, 1, 2**31, 2**63, 10**30, -(2**63), 1e308, float("nan"), float("inf"), None, True, "", "x", "\0", "\ud800"),
    *("../../../etc/passwd", "/etc/passwd", "/dev/null", "a" * 5000, "\u202ex", "..", [], {}, [[[]]], {"a": 1}, [1, 2]),
]
PIECES = [b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85\xe2\x80\xa8", b"\xc0\x80", b"\0\0", b"x" * 300_000]
BREAKS = [b"\r\n", b"\r", b"\x0b", b"\n\n", b"\r\r\n"]
DTYPES = ["<f8", ">f4", "<U4", "|V16", "<M8[s]", "<c16", "|S8", "<f2", "|i1", "<i8", ">i8", "|O"]
SHAPES = ["(1000000000000,)", "(-1, 5)", "()", "(0,)", "(1,1,1)", "(9223372036854775808,)", "('a',)", "None", "(" * 60]


def broken_bytes(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Damage bytes; return what was done, and the result."""
    data, place = bytearray(content), rng.randrange(len(content) + 1)
    kind = rng.choice(["flip", "flips", "cut", "insert", "zeros", "breaks", "turn", "grow"])
    if kind in ("flip", "flips") and data:
        for _ in range(1 if kind == "flip" else 15):
            bit = rng.randrange(8 * len(data))
            data[bit // 8] ^= 1 << bit % 8
    elif kind == "cut":
        del data[place:]
    elif kind == "insert":
        data[place:place] = rng.choice(PIECES)
    elif kind == "zeros":
        data[place : place + 512] = bytes(len(data[place : place + 512]))
    elif kind == "breaks":
        data = data.replace(b"\n", rng.choice(BREAKS))
    elif kind == "turn":
        data = data[place:] + data[:place]
    else:
        data += rng.randbytes(rng.choice([1, 100, 5000]))
    return kind, bytes(data)


def broken_json(content: Any, rng: Random) -> str:
    """Change one value anywhere in place; return what was done. Rare keys are drawn as often as frequent ones."""
    places: dict[tuple[Any, ...], list[tuple[Any, Any]]] = {}

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            inner = (*path, key) if isinstance(value, dict) else path
            places.setdefault(inner, []).append((value, key))
            if isinstance(one, (dict, list)):
                walk(one, inner)

    walk(content, ())
    path = rng.choice(sorted(places))
    owner, key = rng.choice(places[path])
    what = rng.choice(["set", "set", "set", "delete", "rename", "add"])
    if what == "delete":
        del owner[key]
    elif what == "rename" and isinstance(owner, dict):
        owner[rng.choice(["../../x", "x", "\0", "a" * 300, f"{key} "])] = owner.pop(key)
    elif what == "add" and isinstance(owner, dict):
        owner["extra"] = rng.choice(ODD)
    else:
        value = owner[key]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        owner[key] = rng.choice(ODD + ([value + 1, value - 1, -value, value * 10**6] if number else []))
    return f"{what} {'/'.join(path)}"


def broken_json_lines(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Damage a line of JSON, or bytes."""
    lines = content.decode("utf8").split("\n")[:-1]
    number = rng.choice([0, *(rng.randrange(len(lines)) for _ in range(4))])
    kind = rng.choice(["json"] * 7 + ["bytes", "deep", "twice"])
    if kind == "bytes":
        return broken_bytes(content, rng)
    if kind == "json":
        record = json.loads(lines[number])
        kind = broken_json(record, rng)
        lines[number] = json.dumps(record)
    elif kind == "deep":
        lines[number] = rng.choice(
            ["[" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000, "9" * 5000, '{"id": 1e999999}']
        )
    else:
        lines.insert(number, lines[number])
    return kind, "".join(line + "\n" for line in lines).encode("utf8")


def broken_array(path: Path, rng: Random) -> str:
    """Change the numbers of a .npy file, or what it says of them."""
    array = numpy.load(path)
    if rng.random() < 0.5:
        dtype = rng.choice([*DTYPES, *[array.dtype.str] * 8])
        shape = rng.choice([*SHAPES, *[str(array.shape)] * 6])
        order, extra = rng.choice(["False"] * 4 + ["True", "5"]), rng.choice([""] * 6 + [", 'x': " + "-" * 3000 + "1"])
        header = f"{{'descr': {dtype!r}, 'fortran_order': {order}, 'shape': {shape}{extra}}}".encode("latin1")
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        version = rng.choice([b"\x01\x00"] * 6 + [b"\x03\x00", b"\x09\x09"])
        size = len(header) if rng.random() < 0.9 else rng.choice([0, 1, 65_535])
        path.write_bytes(b"\x93NUMPY" + version + size.to_bytes(2, "little") + header + array.tobytes())
        return f"header {path.name} {dtype} {shape[:20]} {order} {size}"
    values = array.copy()
    flat, value = values.reshape(-1), 0.0
    if flat.size:
        odd = [numpy.nan, numpy.inf, -numpy.inf, 6e4, -1.0, 0.0]
        if values.dtype.kind != "f":
            limits = numpy.iinfo(values.dtype)
            odd = [limits.max, limits.min, 0, limits.max // 2]
        value = rng.choice(odd)
        flat[slice(None) if rng.random() < 0.3 else rng.randrange(flat.size)] = value
    if rng.random() < 0.2 and values.ndim:
        values = values[: len(values) // 2]
    numpy.save(path, values)
    return f"values {path.name} {value} {values.shape}"
