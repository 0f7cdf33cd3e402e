// Which tokens a decision is about, and what they should hold. The server checks the same.

const spansOf = (row) => {
  if (row.suggested.length) return row.suggested;
  return row.current.length ? row.current : [[row.start, row.end, -1]];
};

/** Return what the region of a label issue holds if its entities get another label, and keep their boundaries. */
function relabelled(row, label) {
  return label < 0 ? [] : spansOf(row).map(([start, end]) => [start, end, label]);
}

/** Make the region large enough for an entity, so that it cuts no annotated one.
    Returns {start, end, entities}, or null if it would leave the words that are shown. */
function replaced(detail, start, end, label) {
  if (label < 0) return {start: detail.start, end: detail.end, entities: []};
  let from = Math.min(detail.start, start);
  let to = Math.max(detail.end, end);
  for (const [first, last] of detail.entities.filter((entity) => entity[0] < to && entity[1] > from)) {
    from = Math.min(from, first);
    to = Math.max(to, last);
  }
  if (from < detail.first || to > detail.first + detail.words.length) return null;
  const touches = (entity, first, last) => entity[0] < last && entity[1] > first;
  const others = detail.entities.filter((entity) => touches(entity, from, to) && !touches(entity, start, end)
    && !touches(entity, detail.start, detail.end));
  const entities = [...others, [start, end, label]].sort((one, other) => one[0] - other[0]);
  return {start: from, end: to, entities};
}

/** Return the annotated entities of a region. */
function annotated(detail, start, end) {
  if (start === detail.start && end === detail.end) return detail.current;
  return detail.entities.filter((entity) => start <= entity[0] && entity[0] < end);
}
