// What has been decided, in numbers; and what comes next when nothing is open.

const KINDS = {relabel: "another type", remove: "no entity any more", add: "a new entity", rebound: "other boundaries"};
const COUNTED = {accept: "accepted", keep: "kept", label: "other label", skip: "skipped", "": "open"};

/** Count choices by the name that a function gives to each issue. */
function countedBy(nameOf) {
  const counts = new Map();
  model.rows.forEach((row, number) => {
    const name = nameOf(row);
    if (!counts.has(name)) counts.set(name, Object.fromEntries(Object.keys(COUNTED).map((choice) => [choice, 0])));
    counts.get(name)[model.states[number]?.choice ?? ""] += 1;
  });
  return [...counts].sort((one, other) => total(other[1]) - total(one[1]));
}

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Return the share of suggestions that were accepted, of those that were decided. */
function acceptedShare({accept, keep, label}) {
  const all = accept + keep + label;
  return all ? `${Math.round((100 * accept) / all)} %` : "";
}

function countTable(name, counts) {
  const head = [name, ...Object.values(COUNTED), "accepted of decided"];
  const line = ([what, own]) => make("tr", {}, make("th", {scope: "row"}, isolated(what)),
    ...Object.keys(COUNTED).map((choice) => make("td", {}, String(own[choice]))), make("td", {}, acceptedShare(own)));
  return make("table", {class: "counts"}, make("thead", {}, make("tr", {}, ...head.map((one) => make("th", {scope: "col"}, one)))),
    make("tbody", {}, ...counts.map(line)));
}

/** Write the counts by kind of change and by type. */
function statistics() {
  const typeOf = (row) => (row.current.length ? row.current : row.suggested).map((entity) => labelOf(entity[2])).join(" + ") || NOTHING;
  return [countTable("change", countedBy((row) => KINDS[row.kind])), countTable("type", countedBy(typeOf))];
}

function showStatistics() {
  byId("statistics-tables").replaceChildren(...statistics());
  byId("statistics").showModal();
}

/** Write what is there when the list is empty: all is done, or filters hide the rest. */
function finished() {
  const {open, skipped} = progress();
  if (!model.rows.length) return [make("h2", {}, "The ranking holds no issue.")];
  const rest = skipped ? ` ${skipped} were skipped: choose "skipped ones" under "Show".` : "";
  if (open) return [make("h2", {}, "No issue passes the filters."), make("p", {}, rest)];
  return [
    make("h2", {}, "Nothing is open any more."), make("p", {}, rest), ...statistics(),
    make("p", {}, "Next, on the command line:"), make("pre", {id: "command"}, data.command),
  ];
}
