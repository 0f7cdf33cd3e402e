"""Precisions in which token vectors are kept, and strings that are read one by one."""

from __future__ import annotations

import errno
import resource

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.index.documents import JoinedFeatures, Source, documents_key
from spacy_seginf.index.storage import decode_features, encode_features, save_array


@st.composite
def token_vectors(draw):
    """Vectors of very different sizes, with zeros and single large components among them."""
    generator = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, width = draw(st.integers(0, 12)), draw(st.integers(1, 9))
    features = generator.normal(size=(rows, width)) * numpy.exp(generator.normal(scale=4, size=(rows, 1)))
    if rows and draw(st.booleans()):
        features[generator.integers(rows)] = 0.0
    if rows and draw(st.booleans()):
        features[generator.integers(rows), generator.integers(width)] *= 1000
    return features.astype("float32")


@settings(max_examples=150, deadline=None)
@given(token_vectors())
def test_int8_is_off_by_half_a_step_at_most(features):
    values, scales = encode_features(features, "int8")
    assert values.dtype == numpy.int8 and scales.dtype == numpy.float32
    step = abs(features).max(axis=1, initial=0.0)[:, None] / 127.0
    found = decode_features(values, scales)
    assert found.dtype == numpy.float32
    assert (abs(found.astype(float) - features) <= step * (0.5 + 1e-4)).all()
    assert (abs(values.astype(int)).max(axis=1, initial=0) == numpy.where(step[:, 0] > 0, 127, 0)).all()


@settings(max_examples=150, deadline=None)
@given(token_vectors(), st.sampled_from(["float32", "float16", "int8"]))
def test_what_was_rounded_is_not_rounded_further(features, dtype):
    """Documents of an index are encoded again when others are added to it."""
    if dtype == "float16":
        features = numpy.clip(features, -60_000, 60_000)
    values, scales = encode_features(features, dtype)
    rounded = decode_features(values, scales)
    again, other_scales = encode_features(rounded, dtype)
    numpy.testing.assert_array_equal(again, values)
    numpy.testing.assert_allclose(decode_features(again, other_scales), rounded, rtol=3e-7)


@settings(max_examples=50, deadline=None)
@given(token_vectors())
def test_float32_is_exact(features):
    values, scales = encode_features(features, "float32")
    assert scales is None
    numpy.testing.assert_array_equal(values, features)


def test_float16_is_off_by_a_thousandth_at_most():
    features = numpy.random.default_rng(0).normal(size=(50, 20)).astype("float32")
    values, scales = encode_features(features, "float16")
    assert scales is None and values.dtype == numpy.float16
    numpy.testing.assert_allclose(decode_features(values, None), features, rtol=2**-11, atol=1e-7)


def test_float16_refuses_what_it_cannot_hold():
    features = numpy.ones((3, 2), dtype="float32")
    features[1, 0] = -70_000
    with pytest.raises(ValueError, match=r"\[S034\] The features of this encoder reach 7e\+04.*--dtype float32"):
        encode_features(features, "float16")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_vectors_of_several_sources_are_like_one_array(lengths, seed):
    generator = numpy.random.default_rng(seed)
    parts = [generator.normal(size=(length, 3)).astype("float32") for length in lengths]
    whole, joined = numpy.concatenate(parts), JoinedFeatures(parts)
    assert joined.shape == whole.shape and len(joined) == len(whole)
    bounds = [*range(-1, len(whole) + 2), None]
    for start in bounds:
        for stop in bounds:
            numpy.testing.assert_array_equal(joined[start:stop], whole[start:stop])
    if len(whole):
        rows = generator.integers(0, len(whole), size=9)
        numpy.testing.assert_array_equal(joined[rows], whole[rows])


ALLOWED = numpy.eye(3, dtype=bool)[:2]
SOURCE = Source("news-1", "Bo left", [(0, 2), (3, 7)], ALLOWED)


@pytest.mark.parametrize(
    "other",
    [
        Source("news-2", "Bo left", [(0, 2), (3, 7)], ALLOWED),
        Source("news-1", "Bo lost", [(0, 2), (3, 7)], ALLOWED),
        Source("news-1", "Bo left", [(0, 2), (2, 7)], ALLOWED),
        Source("news-1", "Bo left", [(0, 2), (3, 7)], ALLOWED[::-1]),
        Source("news-1", "Bo left", [(0, 2), (3, 7)], ALLOWED, first_token=3),
        Source("news-1", "Bo left\ud83d", [(0, 2), (3, 7)], ALLOWED),
    ],
    ids=["id", "text", "tokens", "labels", "place", "lone surrogate"],
)
def test_other_documents_have_another_key(other):
    """By this key an interrupted build knows which of its shards are done."""
    key = documents_key([SOURCE], "encoder", "float16")
    assert key == documents_key([Source(**vars(SOURCE))], "encoder", "float16")
    assert key != documents_key([other], "encoder", "float16")
    assert key != documents_key([SOURCE, SOURCE], "encoder", "float16")
    assert key != documents_key([SOURCE], "another", "float16")
    assert key != documents_key([SOURCE], "encoder", "int8")


@pytest.mark.parametrize("numbers", [0, 1000, 1_000_000])
def test_an_array_that_does_not_fit_says_so(tmp_path, numbers):
    """Before its first byte, after some, and after many."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * numbers, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            save_array(tmp_path, "array", numpy.zeros(2_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
