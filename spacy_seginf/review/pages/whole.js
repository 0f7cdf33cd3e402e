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

function wholeShown({number, start, end}) {
  if (view.whole?.number !== number) return "";
  const marked = view.whole.entities.map((entity) => [...entity, entity[0] < end && entity[1] > start ? "now" : "around"]);
  const line = written(view.whole, marked, view.whole.first, Infinity);
  return make("section", {id: "whole", "aria-label": "The whole document"}, make("h3", {}, "The whole document"),
    make("dl", {class: "lines long"}, line));
}
