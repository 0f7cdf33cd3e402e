// Training text with boxes around entities, and references in their context.

const NEAR = 8;  // words shown around the region in the second line

/** Return the boxes of a text whose region holds these entities: [start, end, label, kind]. */
function boxes(detail, start, end, entities, kind) {
  const near = ([first, last]) => !data.byToken || (last > start - NEAR && first < end + NEAR);  // else all have boxes
  const around = detail.entities.filter((entity) => (entity[1] <= start || entity[0] >= end) && near(entity));
  const inside = entities.length ? entities : [[start, end, -1]];
  const all = [...around.map((entity) => [...entity, "around"]), ...inside.map((entity) => [...entity, kind])];
  return all.sort((one, other) => one[0] - other[0]);
}

/** Write the words from one token to another, with boxes. */
function written(detail, marked, from, to) {
  const last = detail.first + detail.words.length;
  from = Math.max(from, detail.first);
  to = Math.min(to, last);
  const line = make("dd");
  if (from > detail.first) line.append("… ");
  let place = from;
  for (const [start, end, label, kind] of marked) {
    if (start < place || start >= to) continue;
    appendWords(line, detail, place, start);
    const box = make("mark", {class: label < 0 ? `${kind} none` : kind});
    appendWords(box, detail, start, Math.min(end, last), true);
    box.append(make("span", {class: "label"}, isolated(labelOf(label))));
    line.append(box, spaceAfter(detail, Math.min(end, last) - 1));
    place = end;
  }
  appendWords(line, detail, place, to);
  if (to < last) line.append("…");
  return line;
}

const spaceAfter = (detail, token) => (detail.spaces[token - detail.first] ? " " : "");

/** Append words; the space after the last one is left out if it would be inside of a box. */
function appendWords(parent, detail, start, end, boxed = false) {
  if (start >= end) return;
  for (let token = start; detail.isDrawable && token < end; token++) {
    parent.append(make("span", {"data-token": token}, isolated(detail.words[token - detail.first])));
    if (!boxed || token < end - 1) parent.append(spaceAfter(detail, token));
  }
  if (detail.isDrawable) return;
  let text = "";
  for (let token = start; token < end; token++) {
    text += detail.words[token - detail.first];
    if (!boxed || token < end - 1) text += spaceAfter(detail, token);
  }
  parent.append(isolated(text));
}

/** Write the lines to compare: what is annotated, what may be meant, and what contradicts it. */
function comparison(detail) {
  const {start, end} = detail;
  const now = written(detail, boxes(detail, start, end, detail.current, "now"), detail.first, Infinity);
  const suggested = boxes(detail, start, end, detail.suggested, "suggested");
  return make("dl", {class: detail.words.length > 150 ? "lines long" : "lines"},
    make("div", {}, make("dt", {}, "now"), now),
    make("div", {}, make("dt", {}, "suggested"), written(detail, suggested, start - NEAR, end + NEAR)),
    ...detail.counterexamples.map((one) => make("div", {}, make("dt", {}, "elsewhere"), annotatedOtherwise(one))));
}

/** Write a place where the same words are annotated otherwise. */
function annotatedOtherwise({before, text, after, label, place}) {
  const isNone = label === OUTSIDE;
  const mark = make("mark", {class: isNone ? "around none" : "around"}, isolated(text),
    make("span", {class: "label"}, isolated(isNone ? NOTHING : label)));
  return make("dd", {class: "elsewhere"}, isolated(before), mark, isolated(after), " ",
    make("span", {class: "place"}, "(", isolated(place), ")"));
}

/** Write a training label or a mistake in its context. */
function referenceOf(reference, about) {
  const sign = reference.effect === null ? "unknown" : (reference.effect < 0 ? "supports" : "opposes");
  const effect = make("span", {class: `effect ${sign}`}, `${sign}, log-odds ${signed(reference.effect)}`);
  const label = reference.label === undefined ? "" : make("span", {class: "label"}, isolated(reference.label));
  return make("li", {},
    effect, " ", about(reference),
    make("div", {}, isolated(reference.before), make("mark", {class: "around"}, isolated(reference.text), label),
      isolated(reference.after)),
    make("p", {class: "small"}, isolated(reference.place)));
}

function references(list, nothing, about = () => "") {
  if (!list.length) return make("p", {class: "small"}, nothing);
  return make("ul", {class: "references"}, ...list.map((reference) => referenceOf(reference, about)));
}
