// The whole document of the item that is shown, when it is asked for.

/** Show it, or hide it again. */
async function toggleWhole() {
  if (!isShown() || !data.whole) return;
  const [number] = view.item;
  if (view.whole?.number === number) {
    view.whole = null;
  } else {
    try {
      view.whole = {...await busyWith(store.whole(number)), number};
    } catch (error) {
      complain(error.message);
      return;
    }
  }
  if (view.item[0] !== number) return;  // the reader has gone on
  draw(view.detail);
  byId("whole")?.querySelector("mark.now")?.scrollIntoView({block: "center"});
}

const touch = (one, other) => one[0] < other[1] && other[0] < one[1];

function wholeShown({number, start, end}) {
  if (view.whole?.number !== number) return "";
  const {drawn, entities, first} = view.whole;
  const annotatedOnes = entities.filter((entity) => !drawn.some((one) => touch(entity, [one.start, one.end])))
    .map((entity) => [...entity, touch(entity, [start, end]) ? "now" : "around"]);
  const drawnOnes = drawn.flatMap((one) => one.entities.map((entity) => [...entity, "suggested"]));
  const marked = [...annotatedOnes, ...drawnOnes].sort((one, other) => one[0] - other[0]);
  const line = written({...view.whole, isDrawable: true}, marked, first, Infinity);
  line.addEventListener("pointerdown", beginDrawing);
  line.addEventListener("pointerover", goOnDrawing);
  return make("section", {id: "whole", "aria-label": "The whole document"}, make("h3", {}, "The whole document"),
    make("p", {class: "small"}, "Draw over words to make them an entity, or none; it is saved as a decision of its own."),
    make("dl", {class: "lines long drawable"}, line), make("div", {id: "drawn", class: "choices"}), drawnList());
}

const wordsOf = (start, end) => isolated(view.whole.words.slice(start - view.whole.first, end - view.whole.first).join(" "));

/** Write what was drawn, each to be taken back. */
function drawnList() {
  const undo = ({id}) => make("button", {type: "button", onclick: () => changeWhole({undo: id}, "Taken back")}, "Take back");
  return make("ul", {class: "references"}, ...view.whole.drawn.map((one) => make("li", {}, wordsOf(one.start, one.end), ": ",
    isolated(one.entities.map((entity) => labelOf(entity[2])).join(" + ") || NOTHING), " ", undo(one))));
}

/** Ask which label a drawn span has. */
function offerLabels({start, end}) {
  const save = (label) => changeWhole({start, end, label: label < 0 ? "" : data.labels[label].label}, `Saved: ${labelOf(label)}`);
  const choice = (label) => make("button", {type: "button", onclick: () => save(label)}, isolated(labelOf(label)));
  const labels = data.labels.slice(0, data.choices).map((_, label) => choice(label));
  const leave = make("button", {type: "button", onclick: () => draw(view.detail)}, "Leave");
  byId("drawn").replaceChildren("“", wordsOf(start, end), "” is ", choice(-1), ...labels, leave);
  byId("drawn").scrollIntoView({block: "nearest"});
}

/** Save what was drawn, and stay where the reader is in the document. */
async function changeWhole(said, done) {
  const {number} = view.whole;
  const {scrollTop} = byId("whole").querySelector("dd");
  try {
    complain("");
    view.whole = {...await busyWith(store.draw(number, said)), number};
  } catch (error) {
    complain(error.message);
    return;
  }
  if (view.item[0] !== number) return;  // the reader has gone on
  draw(view.detail);
  byId("whole").querySelector("dd").scrollTop = scrollTop;
  announce(done);
}
