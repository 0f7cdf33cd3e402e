"""Families: clusters of labels of one kind."""

import numpy

from spacy_seginf.influence.families import LARGEST_SHARE, MEMBERS, find_families, scales, typical_members


def clouds(count, size, width=5, seed=0):
    """Draw points around some centres that are far apart. RETURNS: points, and which centre each is from."""
    generator = numpy.random.default_rng(seed)
    centres = generator.normal(size=(count, width)) * 50
    owners = numpy.repeat(numpy.arange(count), size)
    return (centres[owners] + generator.normal(size=(count * size, width))).astype("float32"), owners


def test_a_family_has_labels_of_one_kind_and_of_one_cloud():
    vectors, owners = clouds(30, MEMBERS)
    kinds = owners % 2
    families = find_families(vectors, kinds)
    assert sorted(set(families.tolist())) == list(range(families.max() + 1))
    for family in range(families.max() + 1):
        assert len(set(kinds[families == family])) == 1
    together = sum(len(set(families[owners == owner])) == 1 for owner in range(30))
    assert together >= 24  # random starts may split some clouds, and join others


def test_no_family_holds_more_than_its_share():
    vectors = numpy.zeros((400, 4), dtype="float32")  # all alike
    vectors[0] = 1.0
    families = find_families(vectors, numpy.zeros(400, dtype=int))
    assert numpy.bincount(families).max() <= LARGEST_SHARE * 400


def test_scales_of_features_do_not_matter():
    vectors, owners = clouds(20, 15, seed=3)
    scales = numpy.array([1.0, 4.0, 0.25, 1024.0, 2.0], dtype="float32")
    assert (find_families(vectors, owners % 2) == find_families(vectors * scales, owners % 2)).all()


def test_the_same_labels_give_the_same_families_again():
    vectors, owners = clouds(25, 20, seed=1)
    assert (find_families(vectors, owners % 3) == find_families(vectors, owners % 3)).all()


def test_the_typical_member_is_the_nearest_to_the_mean():
    vectors = numpy.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [9.0, 9.0]], dtype="float32")
    assert typical_members(vectors, numpy.array([0, 0, 0, 1])).tolist() == [1, 3]


def test_features_that_do_not_vary_make_families_all_the_same():
    for count in (1, 5, 30):
        families = find_families(numpy.ones((count, 3), dtype="float32"), numpy.zeros(count, dtype=int))
        assert len(families) == count and numpy.isfinite(scales(numpy.ones((count, 3)))).all()
    assert len(find_families(numpy.zeros((0, 3), dtype="float32"), numpy.zeros(0, dtype=int))) == 0


def test_the_number_of_families_can_be_limited():
    vectors, _ = clouds(20, 40)
    assert find_families(vectors, numpy.zeros(len(vectors), dtype=int), 3).max() < 6  # halves may double it
