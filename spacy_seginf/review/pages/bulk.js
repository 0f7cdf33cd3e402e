// Many decisions at once: what they are is counted, and five are drawn to look at, before anything is saved.

const MANY = 25;  // members of a family from which five are looked at first
const SAMPLE = 5;
const CHANGES = 8;  // named, the others are counted
const BULK = {accept: "Accept the suggestions", keep: "Keep the labels as they are"};

const many = {numbers: [], choices: {}, run: null};  // what is asked about; names of choices; what is done with one

/** Ask about everything that passes the filters and is not decided. */
function askForAll() {
  const numbers = model.items.flat().filter((number) => statusOf(number) !== "decided");
  if (!numbers.length) {
    announce("Nothing that is not decided passes the filters");
    return;
  }
  askForMany("All that pass the filters", numbers, BULK, decideMany, true);
}

/** Show the question. run: takes the chosen name and the numbers. */
function askForMany(title, numbers, choices, run, byScore = false) {
  Object.assign(many, {numbers, choices, run});
  byId("many-title").textContent = title;
  byId("many-least").value = "";
  byId("many-by-score").hidden = !byScore;
  drawMany();
  byId("many").showModal();
  byId("many-cancel").focus();
}

/** Return those of the asked ones that reach the score. */
function chosenOfMany() {
  const least = byId("many-least").value;
  return least === "" ? many.numbers : many.numbers.filter((number) => model.rows[number].score >= Number(least));
}

function drawMany() {
  const numbers = chosenOfMany();
  const counts = new Map();
  for (const number of numbers) {
    const change = changeOf(model.rows[number]);
    counts.set(change, (counts.get(change) ?? 0) + 1);
  }
  const ordered = [...counts].sort((one, other) => other[1] - one[1]);
  const rest = ordered.slice(CHANGES).reduce((sum, [, count]) => sum + count, 0);
  const line = (change, count) => make("li", {}, `${count} × `, isolated(change));
  byId("many-counts").replaceChildren(...ordered.slice(0, CHANGES).map(([change, count]) => line(change, count)),
    rest ? make("li", {}, `${rest} of ${ordered.length - CHANGES} other changes`) : "");
  byId("many-sample").replaceChildren(...drawn(numbers).map((number) => sampleRow(model.rows[number])));
  byId("many-choices").replaceChildren(...Object.entries(many.choices).map(([choice, name]) => make("button",
    {type: "button", onclick: () => runMany(choice), disabled: !numbers.length}, `${name}: ${numbers.length}`)));
}

function runMany(choice) {
  byId("many").close();
  many.run(choice, chosenOfMany());
}

const sampleRow = (row) => make("li", {}, isolated(row.before), make("mark", {class: "around"}, isolated(row.text)), " ",
  isolated(row.after), make("div", {class: "small"}, isolated(changeOf(row))));

/** Draw a few, each as likely as the others. */
function drawn(numbers) {
  const places = new Set();
  while (places.size < Math.min(SAMPLE, numbers.length)) places.add(Math.floor(Math.random() * numbers.length));
  return [...places].sort((one, other) => one - other).map((place) => numbers[place]);
}

/** Decide about many issues alike, whatever families they are of. */
async function decideMany(choice, numbers) {
  if (saving) return;
  const chosen = new Set(numbers);
  const cut = new Set();  // families of which something stays open
  model.rows.forEach((row, number) => {
    if (row.family >= 0 && !chosen.has(number) && !model.states[number]) cut.add(row.family);
  });
  const together = (number) => model.rows[number].family >= 0 && !cut.has(model.rows[number].family);
  if (!(await save(numbers.map((number) => ({number, choice, together: together(number)}))))) return;
  remember([...undoable, numbers]);
  Object.assign(view, {editor: null, excluded: new Set(), member: 0});
  announce(`${SAID[choice]}: ${numbers.length} issues`);
  regroup();
  await show(Math.max(0, Math.min(view.place, model.items.length - 1)));
}

function prepareMany() {
  byId("many-least").addEventListener("input", drawMany);
  byId("many-cancel").addEventListener("click", () => byId("many").close());
}
