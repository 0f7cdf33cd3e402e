// What there is to review, what was said of it, and which items that makes.

const data = JSON.parse(byId("data").textContent);
const NOTHING = "no entity";
const OUTSIDE = "O";  // how a reference says that

const model = {
  rows: [],          // one for each issue, by number
  states: [],        // the last word on it, or undefined
  sequences: [],     // number of the change that said it, as answers may overtake each other
  split: new Set(),  // families of which a part was decided together: the rest comes back one by one
  order: [],         // numbers of all issues, in the order of reading
  items: [],         // lists of numbers: families together, others alone
  filters: {search: "", label: "", kind: "", family: "", score: "", status: "open"},
};

/** Name a label: its number in the table, or what it is called. */
const labelOf = (number) => (typeof number === "string" ? number : number < 0 ? NOTHING : data.labels[number].shown);
const times = (numbers) => (numbers.length > 1 ? ` × ${numbers.length}` : "");
const familyOf = (number) => (model.rows[number].family < 0 ? "" : data.families[model.rows[number].family].shown);

function statusOf(number) {
  const state = model.states[number];
  if (!state) return "open";
  return state.choice === "skip" ? "skipped" : "decided";
}

/** Return what somebody wants a region to hold, as text; "" if that is nothing in particular. */
function outcomeOf(row, {choice, entities}) {
  const held = {accept: row.suggested, keep: row.current, label: entities}[choice];
  return held ? JSON.stringify([...held].sort((one, other) => one[0] - other[0])) : "";
}

/** Tell whether reviewers say different things of an issue. */
function isContradicted(number) {
  const said = [...(data.others[number] ?? []), ...(model.states[number] ? [model.states[number]] : [])];
  return new Set(said.map((one) => outcomeOf(model.rows[number], one)).filter(Boolean)).size > 1;
}

const STATUSES = {
  all: () => true,
  contradicted: isContradicted,
  flagged: (number) => notesOf("flag", number).length > 0,
  commented: (number) => notesOf("comment", number).length > 0,
  unsettled: (number) => isContradicted(number) && statusOf(number) !== "decided",
};

/** Take a change up, unless a later one of the same issue is here already. */
function takeChange(change) {
  const {number, sequence = 0} = change;
  if (sequence < (model.sequences[number] ?? 0)) return;
  model.sequences[number] = sequence;
  model.states[number] = change.choice ? change : undefined;
}

/** Make the items anew, after rows, states or filters have changed. */
function regroup() {
  model.split = new Set();
  model.rows.forEach((row, number) => {
    if (row.family >= 0 && model.states[number]?.together) model.split.add(row.family);
  });
  const groups = new Map();
  const items = [];
  for (const number of model.order) {
    const key = groupOf(number);
    if (key && groups.has(key)) {
      groups.get(key).push(number);
      continue;
    }
    const item = [number];
    if (key) groups.set(key, item);
    items.push(item);
  }
  for (const item of groups.values()) item.sort((one, other) => one - other);  // whatever the order, it begins with one
  const matches = matcher();
  model.items = items.filter(matches);
}

/** Take up another order of reading; what was read before the item that is shown, and that, stay in their places. */
function takeOrder(order, scores) {
  const read = model.items.slice(0, view.place).flat().filter((number) => view.seen.has(number));
  model.order = [...new Set([...read, ...view.item, ...order])];
  scores.forEach((score, number) => { model.rows[number].score = score; });
}

/** Name the group in which a label issue is shown; "" if it is alone. */
function groupOf(number) {
  const {family} = model.rows[number];
  const state = model.states[number];
  if (family < 0 || (state ? !state.together : model.split.has(family))) return "";
  return `${family} ${statusOf(number)}`;
}

/** Return a function that tells whether an item passes the filters; a family is judged by its most suspicious one. */
function matcher() {
  const {label, kind, family, status} = model.filters;
  const search = model.filters.search.trim().toLowerCase();
  const score = model.filters.score === "" ? null : Number(model.filters.score);
  return (item) => {
    const row = model.rows[item[0]];
    if (!(STATUSES[status] ? item.some(STATUSES[status]) : statusOf(item[0]) === status)) return false;
    if (label !== "" && ![...row.current, ...row.suggested].some((entity) => entity[2] === Number(label))) return false;
    if (kind && row.kind !== kind) return false;
    if (family === "family" && item.length < 2) return false;
    if (family === "single" && item.length > 1) return false;
    if (family.startsWith("=") && row.family !== Number(family.slice(1))) return false;
    if (score !== null && !(row.score >= score)) return false;
    return !search || `${row.text}\n${familyOf(item[0])}`.toLowerCase().includes(search);
  };
}

/** Count what was seen. */
function progress() {
  const counts = {open: 0, skipped: 0, decided: 0};
  model.rows.forEach((_, number) => counts[statusOf(number)]++);
  return counts;
}

/** Say what a change is, such as "PER → ORG". */
function changeOf(row) {
  const names = (entities) => entities.map((entity) => labelOf(entity[2])).join(" + ") || NOTHING;
  if (row.kind === "rebound" && names(row.current) === names(row.suggested)) return `${names(row.current)}: other boundaries`;
  return `${names(row.current)} → ${names(row.suggested)}`;
}
