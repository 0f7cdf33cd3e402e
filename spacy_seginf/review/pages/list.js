// Long lists of which only what is in sight is in the page.

const SPARE = 4;  // rows above and below

/** Show rows of one height. rowOf: makes the element of a place. */
function virtualList(box, height, rowOf) {
  const rows = make("div", {class: "rows"});
  let count = 0;
  let waiting = false;
  box.replaceChildren(rows);

  function draw() {
    waiting = false;
    const from = Math.max(0, Math.floor(box.scrollTop / height) - SPARE);
    const to = Math.min(count, Math.ceil((box.scrollTop + box.clientHeight) / height) + SPARE);
    const focused = rows.contains(document.activeElement) ? document.activeElement.closest(".row").dataset.place : null;
    rows.style.height = `${count * height}px`;
    rows.replaceChildren();
    for (let place = from; place < to; place++) {
      const row = rowOf(place);
      row.dataset.place = place;
      row.style.top = `${place * height}px`;
      row.setAttribute("aria-posinset", place + 1);
      row.setAttribute("aria-setsize", count);
      rows.append(row);
      if (focused === String(place)) (row.querySelector("input") ?? row).focus({preventScroll: true});
    }
  }

  function later() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  box.addEventListener("scroll", later);
  new ResizeObserver(later).observe(box);
  return {
    draw,
    show(number) {
      count = number;
      draw();
    },
    /** Bring a row into sight. */
    reveal(place) {
      const top = place * height;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
      draw();
    },
  };
}

/** Write an item as a row of the list of all. */
function itemRow(place) {
  const item = model.items[place];
  const row = model.rows[item[0]];
  const state = model.states[item[0]];
  const word = state ? `${SAID[state.choice]}, ` : "";
  return make("button", {type: "button", class: "row", tabindex: "-1", role: "option", "aria-selected": String(place === view.place),
    onclick: () => show(place)},
    make("span", {}, isolated(row.text), times(item)),
    make("span", {class: "under"}, `${word}score ${figure(row.score)}, `, isolated(changeOf(row))));
}

const sideList = virtualList(byId("list"), 48, itemRow);

/** Write the list of all items, and the progress. */
function drawList() {
  sideList.show(model.items.length);
  sideList.reveal(view.place);
  const {decided, skipped} = progress();
  byId("bar").max = Math.max(1, model.rows.length);
  byId("bar").value = decided;
  byId("progress").textContent = `${decided} of ${model.rows.length} decided` + (skipped ? `, ${skipped} skipped` : "");
  const families = model.items.filter((item) => item.length > 1).length;
  byId("count").textContent = `${model.items.length} to show` + (families ? `, of which ${families} ${families > 1 ? "are families" : "is a family"}` : "");
}

/** Fill the filter of labels, and apply filters as they are changed. */
function prepareFilters() {
  data.labels.forEach((label, number) => byId("label").append(make("option", {value: String(number)}, label.shown)));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("input", () => {
    for (const name of ["search", "label", "kind", "score", "status"]) model.filters[name] = byId(name).value;
    const family = byId("family").value;
    if (family !== "this") model.filters.family = family;
    else if (!model.filters.family.startsWith("=")) model.filters.family = `=${model.rows[view.item[0]]?.family ?? -1}`;
    regroup();
    show(0);
  });
}
