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
  const run = () => decideNumbers(numbers, choice, entitiesOf, view.item.length > 1);
  if (numbers.length <= MANY || choice === "skip") return run();
  askForMany(`${numbers.length} of the same mistake`, numbers, {[choice]: `Yes, ${SAID[choice]}`}, run);
  return Promise.resolve();
}

/** Save decisions, say so and go on to what comes next. */
async function decideNumbers(numbers, choice, entitiesOf, together) {
  if (saving || !isShown()) return;
  const said = numbers.map((number) => ({number, choice, together, entities: entitiesOf?.(number)}));
  const title = view.detail.text;
  if (!(await save(said))) return;
  remember([...undoable, numbers]);
  Object.assign(view, {editor: null, excluded: new Set(), member: 0});
  announce(`${SAID[choice]}: ${title}${times(numbers)}`);
  regroup();
  const place = model.items.findIndex((item) => item[0] === numbers[0]);
  await show(Math.min(place < 0 ? view.place : place + 1, Math.max(0, model.items.length - 1)));
}

/** Take back what was decided of the item that is shown, which stays where it is. */
async function undoShown() {
  if (saving || !isShown()) return;
  const numbers = view.item.filter((number) => model.states[number]);
  if (numbers.length) await takeBack(numbers);
  else announce(`Nothing is decided here${undoable.length ? ": z takes the last decision back" : ""}`);
}

/** Take back the last decision of this tab, and show what it was about. */
async function undoLast() {
  if (saving || !undoable.length) return;
  const numbers = undoable.at(-1).filter((number) => model.states[number]);
  if (numbers.length) {
    await takeBack(numbers);
  } else {
    remember(undoable.slice(0, -1));
    announce("It was taken back already");
    drawActions();
  }
}

async function takeBack(numbers) {
  const [first] = numbers;
  const what = `${SAID[model.states[first].choice]}: ${model.rows[first].text}${times(numbers)}`;
  if (!(await save(numbers.map((number) => ({number, choice: "undo", together: false}))))) return;
  forget(numbers);
  const before = model.states[first];
  announce(`Taken back: ${what}${before ? `; it is ${SAID[before.choice]}, as before` : ""}`);
  regroup();
  const place = model.items.findIndex((item) => item.includes(first));
  Object.assign(view, {excluded: new Set(), editor: null});
  await (place < 0 ? show(view.place, numbers) : show(place));  // even if filters hide it
}

/** Take numbers out of the last step that each is in. */
function forget(numbers) {
  const left = new Set(numbers);
  const steps = undoable.map((step) => [...step]);
  for (let place = steps.length - 1; place >= 0 && left.size; place--) {
    steps[place] = steps[place].filter((number) => !left.delete(number));
  }
  remember(steps.filter((step) => step.length));
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

/** Group anew, without moving the reader. */
function regroupAround() {
  regroup();
  const [first] = view.item;
  const place = model.items.findIndex((item) => item[0] === first);
  if (first === undefined) {
    show(0);
    return;
  }
  if (place >= 0) Object.assign(view, {place, item: model.items[place]});
  drawList();
}

/** Take up what other tabs have decided. */
function changedElsewhere(changes) {
  const [first] = view.item;
  const before = JSON.stringify(model.states[first]);
  changes.forEach(takeChange);
  if (!changes.length || saving) return;
  regroupAround();
  if (first === undefined) return;
  if (isShown() && !view.editor) draw(view.detail);
  if (JSON.stringify(model.states[first]) !== before) announce("This one was decided in another tab");
}

/** Take up an order that decisions have made, and say so; or why there is none. */
function reordered({order, scores, decided, problem}) {
  if (order.length && model.rows.length) {
    takeOrder(order, scores);
    regroupAround();
  }
  byId("ranked").textContent = problem ? `The order stays as it is: ${problem}` : `Re-ranked after ${decided} decisions`;
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
  byId("undo").disabled = !ready || !view.item.some((number) => model.states[number]);
  byId("undo-last").disabled = !undoable.length;
}
