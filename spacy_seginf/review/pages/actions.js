// Decisions, and taking them back.

const UNDO = `seginf-undo ${location.pathname} ${data.key ?? ""}`;
let undoable = [];  // numbers that were decided at once, the last ones last; of this tab
let saving = false;

/** Decide about the ticked members of what is shown. */
function decideItem(choice, entitiesOf) {
  const numbers = view.item.filter((number) => !view.excluded.has(number));
  if (!numbers.length) {
    announce("No member of the family is ticked");
    return Promise.resolve();
  }
  return decideNumbers(numbers, choice, entitiesOf, view.item.length > 1);
}

/** Save decisions, say so and go on to what comes next. */
async function decideNumbers(numbers, choice, entitiesOf, together) {
  if (saving || !isShown()) return;
  const said = numbers.map((number) => ({number, choice, together, entities: entitiesOf?.(number)}));
  const title = view.detail.text;
  if (!(await save(said))) return;
  remember([...undoable, numbers]);
  Object.assign(view, {editor: null, excluded: new Set(), member: 0});
  const times = numbers.length > 1 ? ` × ${numbers.length}` : "";
  announce(`${SAID[choice]}: ${title}${times}`);
  regroup();
  const place = model.items.findIndex((item) => item[0] === numbers[0]);
  await show(Math.min(place < 0 ? view.place : place + 1, Math.max(0, model.items.length - 1)));
}

async function undo() {
  const numbers = (undoable.at(-1) ?? []).filter((number) => model.states[number]);
  if (saving || !undoable.length) return;
  if (numbers.length && !(await save(numbers.map((number) => ({number, choice: "undo", together: false}))))) return;
  remember(undoable.slice(0, -1));
  announce(numbers.length ? `Taken back: ${model.rows[numbers[0]].text}` : "It was taken back already");
  regroup();
  const place = model.items.findIndex((item) => item.includes(numbers[0]));
  view.excluded = new Set();
  if (numbers.length) await (place < 0 ? show(view.place, numbers) : show(place));  // even if filters hide it
}

/** Save what is said; tells whether that worked. */
async function save(said) {
  saving = true;
  try {
    complain("");
    (await busyWith(store.decide(said))).forEach(takeChange);
    return true;
  } catch (error) {
    complain(error.message);
    return false;
  } finally {
    saving = false;
  }
}

function remember(steps) {
  undoable = steps;
  try {
    sessionStorage.setItem(UNDO, JSON.stringify(undoable.slice(-100)));
  } catch {
    // Then a reload forgets what could be undone; decisions are safe.
  }
}

function recallUndo() {
  try {
    undoable = JSON.parse(sessionStorage.getItem(UNDO)) ?? [];
  } catch {
    undoable = [];
  }
}

/** Take up what other tabs have decided, without moving the reader. */
function changedElsewhere(changes) {
  const before = JSON.stringify(model.states[view.item[0]]);
  changes.forEach(takeChange);
  if (!changes.length || saving) return;
  regroup();
  const [first] = view.item;
  const place = model.items.findIndex((item) => item[0] === first);
  if (first === undefined) {
    show(0);
    return;
  }
  if (place >= 0) Object.assign(view, {place, item: model.items[place]});
  drawList();
  if (isShown() && !view.editor) draw(view.detail);
  if (JSON.stringify(model.states[first]) !== before) announce("This one was decided in another tab");
}

/** Go to the item before or after. */
function step(by) {
  const shown = model.items[view.place]?.[0] === view.item[0];
  const place = view.place + (by > 0 && !shown ? 0 : by);  // what was shown may have left the list
  if (model.items[place]) show(place);
  else announce(by > 0 ? "This is the last one" : "This is the first one");
}

/** Offer what can be done now. */
function drawActions() {
  const ready = isShown() && model.rows.length > 0;
  for (const name of ["accept", "keep", "other", "skip"]) byId(name).disabled = !ready || Boolean(view.editor);
  byId("undo").disabled = !undoable.length;
}
