// The issue or family that is shown.

const view = {
  item: [],             // numbers of its issues
  place: 0,             // where it is, or was, among the items
  detail: null,         // of its first issue
  excluded: new Set(),  // members of the family that a decision leaves out
  member: 0,            // the one that keys act on
  editor: null,         // the other label in the making
  seen: new Set(),      // numbers that were shown in this tab
  whole: null,          // the document of one item, which was asked for
  members: null,        // the list of the family's other members
};

const TEN = 10;  // members of a family in sight; the others are scrolled to

const SAID = {accept: "accepted", keep: "kept as it was", label: "other label", skip: "skipped"};

/** Show an item, or that there is none. */
async function show(place, item = model.items[place]) {
  view.place = place;
  if (!item) return showNothing();
  if (item[0] !== view.item[0]) Object.assign(view, {excluded: new Set(), member: 0, editor: null});
  view.member = Math.min(view.member, item.length - 1);
  view.item = item;
  drawList();
  let detail = view.detail?.number === item[0] ? view.detail : null;
  if (!detail || detail.pending) {
    try {
      if (detail) draw(detail);
      detail = await busyWith(store.detail(item[0]));
    } catch (error) {
      complain(error.message);
      return undefined;
    }
  }
  if (view.item[0] !== item[0]) return undefined;  // the reader has gone on
  draw(detail);
  const [following] = model.items[place + 1] ?? [];
  if (following !== undefined) store.detail(following).catch(() => {});  // to have it at hand; it is asked for again
  return undefined;
}

function showNothing() {
  Object.assign(view, {item: [], detail: null, editor: null, members: null});
  drawList();
  byId("item").replaceChildren(...finished());
  drawActions();
}

/** Tell whether the reader sees the item: while it is fetched, there is nothing to decide. */
const isShown = () => view.detail !== null && view.detail.number === view.item[0];

/** Write the item into the page. */
function draw(detail) {
  const isAnother = view.detail?.number !== detail.number;
  view.detail = detail;
  view.item.forEach((number) => view.seen.add(number));
  const title = make("h2", {}, isolated(detail.text), " ", make("span", {class: "place"}, isolated(changeOf(detail))));
  byId("item").replaceChildren(
    title,
    make("p", {class: "place"}, isolated(detail.document), `, ${tokensOf(detail)}`, detail.place ? ", " : "", isolated(detail.place)),
    decided(detail) ?? "",
    ...saidByOthers(detail),
    ...notesShown(detail),
    comparison(detail),
    wholeShown(detail),
    editorPanel() ?? "",
    family() ?? "",
    reasons(detail),
    evidence(detail),
  );
  view.members?.reveal(Math.max(0, view.member - 1));
  drawActions();
  if (isAnother) scrollTo({top: 0});
}

const tokensOf = ({start, end}) => (end - start === 1 ? `token ${start}` : `tokens ${start} to ${end - 1}`);

const labelsSaid = ({choice, entities}) => (choice === "label"
  ? `: ${entities.map((entity) => labelOf(entity[2])).join(", ") || NOTHING}` : "");

function decided(detail) {
  const state = model.states[detail.number];
  if (!state) return null;
  return make("p", {class: "decided"}, `Decided: ${SAID[state.choice]}`, isolated(labelsSaid(state)), state.together ? ", with its family" : "");
}

/** Write what other reviewers said, and that it is settled by what is said here. */
function saidByOthers({number}) {
  return (data.others[number] ?? []).map((one) => make("p", {class: "decided other"}, isolated(one.reviewer || "somebody"), ": ",
    SAID[one.choice], isolated(labelsSaid(one))));
}

function reasons(detail) {
  const number = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
  return make("section", {},
    make("h3", {}, "Why it is suspicious"),
    make("ul", {class: "reasons"}, ...detail.reasons.map((reason) => make("li", {}, isolated(reason)))),
    make("dl", {class: "numbers"},
      number("score (high is suspicious)", figure((model.rows[detail.number] ?? detail).score)),
      number("p of the labels now", figure(detail.probability)),
      number("p of the suggested ones", figure(detail.suggested_probability))));
}

function evidence(detail) {
  const waiting = detail.pending ? "Looking for them…" : detail.problem ? `Not known: ${detail.problem}` : "";
  const mistakes = (error) => make("span", {}, "gold ", isolated(error.gold ?? "?"), ", predicted ", isolated(error.predicted ?? "?"));
  return make("section", {},
    make("h3", {}, "Development mistakes that it supports"),
    references(detail.mistakes, detail.pending ? waiting : "None is known.", mistakes),
    make("div", {class: "sides"},
      make("div", {}, make("h3", {}, "Training labels that support it"), references(detail.supporting, waiting || "None is known.")),
      make("div", {}, make("h3", {}, "Training labels that oppose it"), references(detail.opposing, waiting || "None is known."))));
}

/** Write the family with a box to tick for each member; only those in sight are in the page. */
function family() {
  view.members = null;
  if (view.item.length < 2) return null;
  const box = make("div", {class: "list members", role: "list", tabindex: "-1", "aria-label": "Members of the family"});
  const {item} = view;
  view.members = virtualList(box, 36, (place) => memberRow(item[place], place));
  box.style.height = `${Math.min(item.length, TEN) * 36 + 2}px`;
  const section = make("section", {id: "together"}, make("h3", {id: "together-title"}), box);
  view.members.show(view.item.length);
  drawFamilyTitle(section.firstChild);
  return section;
}

function drawFamilyTitle(title = byId("together-title")) {
  const ticked = view.item.filter((number) => !view.excluded.has(number)).length;
  title.textContent = `The same mistake ${view.item.length} times: decisions are for the ${ticked} ticked ones`
    + (view.item.length > TEN ? `; scroll for those behind the first ${TEN}` : "");
}

function memberRow(number, place) {
  const row = model.rows[number];
  const tick = make("input", {type: "checkbox", onchange: () => exclude(place), onfocus: () => goToMember(place)});
  tick.checked = !view.excluded.has(number);
  const context = make("span", {}, isolated(row.before), make("mark", {class: "around"}, isolated(row.text)), " ",
    isolated(row.after));
  return make("div", {class: "row", role: "listitem", "aria-current": String(place === view.member)},
    make("label", {class: "member"}, tick, context));
}

function exclude(place) {
  const number = view.item[place];
  if (!view.excluded.delete(number)) view.excluded.add(number);
  view.members.draw();
  drawFamilyTitle();
  drawActions();
  announce(`${place + 1} of ${view.item.length} ${view.excluded.has(number) ? "left out" : "taken in"}`);
}

function goToMember(place) {
  if (!view.members || place === view.member || !view.item[place]) return;
  view.member = place;
  view.members.reveal(place);
  announce(`${place + 1} of ${view.item.length}`);
}
