"""What is said of other spans in the same slot of a document: in the same words around, whatever the names in them are.

Lists and tables repeat a sentence with other names. Where their names contradict the annotation, that of a name which
occurs only once is in doubt, too.
"""

from __future__ import annotations

import numpy

from ..crf.schemes import Entity
from .candidates import Annotation, Regions
from .structure.keys import NONE, combined, window_keys
from .structure.spans import Spans

NOTHING = -1  # type of what is no entity


def slot_evidence(regions: Regions, evidence: numpy.ndarray) -> numpy.ndarray:
    """Return the mean evidence for the same change of the other spans in the same slot of the document (float64,
    candidates), shrunk as if one more said nothing; 0 where there are none, for other boundaries, and for tags.

    evidence (float64, candidates): of each candidate against its annotation.
    """
    if regions.source.scheme.by_token:  # every token is a span, and none a name
        return numpy.zeros(len(evidence))
    slots, changes = _slots(regions)[regions.owners], _changes(regions)
    groups = combined(numpy.where(changes >= 0, slots, NONE), changes)
    members = numpy.flatnonzero(groups >= 0)
    found = numpy.zeros(len(evidence))
    own = groups[members]
    counts, totals = numpy.bincount(own), numpy.bincount(own, evidence[members])
    found[members] = (totals[own] - evidence[members]) / counts[own]
    return found


def _slots(regions: Regions) -> numpy.ndarray:
    """Number the slots of regions of one entity, or of none (int64, regions); NONE for others."""
    entities: list[list[Entity]] = [[] for _ in regions.source.data.lengths]
    outside, places = [], {}
    for number, region in enumerate(regions.regions):
        current = region.candidates[0]
        if len(current) == 1:
            entities[region.document].append(current[0])
            places[number] = region.document, current[0].start, current[0].end
        elif not current:
            places[number] = region.document, region.start, region.end
            outside.append(places[number])
    spans = Spans.of(list(regions.source.words), entities, outside)
    keys = combined(spans.documents, window_keys(spans).numbers)
    rows = {
        place: row
        for row, place in enumerate(zip(spans.documents.tolist(), spans.starts.tolist(), spans.ends.tolist()))
    }
    slots = numpy.full(len(regions), NONE, dtype=numpy.int64)
    numbers = numpy.fromiter(places, dtype=numpy.int64)
    slots[numbers] = keys[numpy.fromiter((rows[place] for place in places.values()), dtype=numpy.int64)]
    return slots


def _changes(regions: Regions) -> numpy.ndarray:
    """Number what candidates change of one entity, or of none, within its boundaries (int64, candidates)."""
    types = {label: number for number, label in enumerate(regions.source.scheme.labels)}
    size, found = len(types) + 1, []

    def kind(entities: Annotation) -> int:
        return types[entities[0].label] if entities else NOTHING

    for region in regions.regions:
        current = region.candidates[0]
        for place, candidate in enumerate(region.candidates):
            both = (*current, *candidate)
            same = place and max(len(current), len(candidate)) == 1 and len({(e.start, e.end) for e in both}) == 1
            found.append((kind(current) + 1) * size + kind(candidate) + 1 if same else NONE)
    return numpy.array(found, dtype=numpy.int64)
