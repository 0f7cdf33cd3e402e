// Another label, with other boundaries if need be.

const AROUND = 30;  // words on each side over which a span can be drawn
const KEYED = 9;  // labels that have a key; if there are more, they can be searched

/** Begin with the entity that is suggested, or annotated, or else with the whole region. */
function openEditor() {
  if (!isShown()) return;
  const [start, end, label] = spansOf(view.detail)[0];
  view.editor = {start, end, label: label < data.choices ? label : -1, moved: false, search: ""};
  draw(view.detail);
  byId("editor").scrollIntoView({block: "nearest"});
  byId("editor").focus({preventScroll: true});
  announce("Choose another label");
}

function closeEditor() {
  view.editor = null;
  draw(view.detail);
}

/** Write the panel in which label and boundaries are chosen. */
function editorPanel() {
  if (!view.editor) return null;
  const {start, end, label, moved, search} = view.editor;
  const result = replaced(view.detail, start, end, label);
  const preview = written(view.detail, boxes(view.detail, result.start, result.end, result.entities, "suggested"),
    result.start - NEAR, result.end + NEAR);
  return make("section", {id: "editor", class: "editor", tabindex: "-1", "aria-label": "Other label"},
    make("h3", {}, "Other label"),
    data.choices > KEYED ? searchBox(search) : "",
    make("div", {id: "choices", class: "choices", role: "radiogroup", "aria-label": "Label"}, ...choices(label, search)),
    ...(data.byToken ? [] : [wordsToDraw(), make("div", {class: "bounds"},
      bound("Start ←", "["), bound("Start →", "]"), bound("End ←", "{"), bound("End →", "}"))]),
    make("dl", {class: "lines"}, make("div", {}, make("dt", {}, "will be"), preview)),
    scope(moved),
    make("button", {type: "button", id: "save", onclick: saveEditor}, "Save ", make("kbd", {}, "Enter")), " ",
    make("button", {type: "button", id: "leave", onclick: closeEditor}, "Leave ", make("kbd", {}, "Esc")));
}

let drawnFrom = null;  // the token at which drawing began
let drawnIn = null;  // the line
let drawnSpan = null;

/** Write the words around, over which a span can be drawn. */
function wordsToDraw() {
  const {start, end} = view.editor;
  const {first, words} = view.detail;
  const line = make("p", {id: "draw", class: "draw", onpointerdown: beginDrawing, onpointerover: goOnDrawing});
  for (let token = Math.max(first, start - AROUND); token < Math.min(first + words.length, end + AROUND); token++) {
    line.append(make("span", {"data-token": token, class: token >= start && token < end ? "in" : undefined},
      isolated(words[token - first])), " ");
  }
  return line;
}

const tokenAt = (event) => {
  const element = event.target.closest("[data-token]");
  return element ? Number(element.getAttribute("data-token")) : null;
};

function beginDrawing(event) {
  drawnFrom = tokenAt(event);
  if (drawnFrom === null) return;
  drawnIn = event.currentTarget;
  event.preventDefault();  // of the browser's own selection
  if (event.target.hasPointerCapture?.(event.pointerId)) event.target.releasePointerCapture(event.pointerId);
  goOnDrawing(event);
}

function goOnDrawing(event) {
  const token = drawnFrom === null || event.currentTarget !== drawnIn ? null : tokenAt(event);
  if (token === null) return;
  drawnSpan = {start: Math.min(drawnFrom, token), end: Math.max(drawnFrom, token) + 1};
  for (const word of drawnIn.querySelectorAll("[data-token]")) {
    const place = Number(word.getAttribute("data-token"));
    word.classList.toggle("in", place >= drawnSpan.start && place < drawnSpan.end);
  }
}

function endDrawing() {
  const span = drawnSpan;
  drawnFrom = drawnSpan = null;
  if (!span) return;
  if (drawnIn.id !== "draw") offerLabels(span);
  else if (view.editor) edit({...span, moved: true});
}

/** Return the numbers of the labels whose names have a text in them; the one that is just so comes first. */
function labelsNamed(text) {
  const wanted = text.trim().toLowerCase();
  const named = (label) => labelOf(label).toLowerCase();
  const found = [...data.labels.keys()].slice(0, data.choices).filter((label) => named(label).includes(wanted));
  return found.sort((one, other) => (named(other) === wanted) - (named(one) === wanted));
}

/** Write the field in which labels are searched: Enter chooses the first that is found. */
function searchBox(search) {
  const field = make("input", {id: "find", type: "search", autocomplete: "off"});
  field.value = search;
  field.addEventListener("input", () => {
    view.editor.search = field.value;
    byId("choices").replaceChildren(...choices(view.editor.label, field.value));
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    const label = event.key === "Enter" ? labelsNamed(field.value)[0] : view.editor.label;
    if (label === undefined) announce("No label has this in its name");
    else edit({label, search: ""});
  });
  return make("label", {}, "Find a label ", make("kbd", {}, "/"), " ", field);
}

function choices(chosen, search) {
  const choice = (label, key) => make("button", {type: "button", role: "radio", "aria-checked": String(label === chosen),
    onclick: () => edit({label, search: ""})}, isolated(labelOf(label)), key === "" ? "" : make("kbd", {}, key));
  const labels = labelsNamed(search).map((number) => choice(number, number < KEYED ? String(number + 1) : ""));
  return data.byToken || search.trim() ? labels : [choice(-1, "0"), ...labels];
}

const bound = (name, key) => make("button", {type: "button", onclick: () => moveBound(key)}, `${name} `, make("kbd", {}, key));

/** Say whom it is for, in a family. */
function scope(moved) {
  if (view.item.length < 2) return "";
  const whom = moved ? "As boundaries were moved, this is for the first one only; the others stay a family."
    : "The label is for all ticked ones, each with its own boundaries.";
  return make("p", {class: "small"}, whom);
}

/** Change what is in the making, if the result stays among the words that are shown. */
function edit(changes) {
  const editor = {...view.editor, ...changes};
  const {detail} = view;
  if (editor.start >= editor.end || editor.start < detail.first || !replaced(detail, editor.start, editor.end, editor.label)) {
    announce("It can't reach further");
    return;
  }
  view.editor = editor;
  draw(detail);
  byId("editor").focus({preventScroll: true});
  const words = detail.words.slice(editor.start - detail.first, editor.end - detail.first).join(" ");
  announce(editor.label < 0 ? NOTHING : `${labelOf(editor.label)}: ${words}`);
}

function moveBound(key) {
  const {start, end} = view.editor;
  const moves = {"[": {start: start - 1}, "]": {start: start + 1}, "{": {end: end - 1}, "}": {end: end + 1}};
  edit({...moves[key], moved: true});
}

/** Choose the label before or after the chosen one; "no entity" is the first, where that can be. */
function stepLabel(step) {
  const first = data.byToken ? 0 : -1;
  const count = data.choices - first;
  edit({label: (view.editor.label - first + step + count) % count + first});
}

function saveEditor() {
  const {start, end, label, moved} = view.editor;
  if (data.byToken && label < 0) {
    announce("Choose a label");
    return;
  }
  const {entities} = replaced(view.detail, start, end, label);
  if (view.item.length > 1 && !moved) {
    decideItem("label", (number) => relabelled(model.rows[number], label));
  } else {
    decideNumbers([view.item[0]], "label", () => entities, false);
  }
}
