// Decisions of a page without a server: kept by the browser until they are downloaded.

const FULL = "This browser can't keep the decisions: download them before you close the page.";

function fileStore({changed}) {
  const key = `seginf-review ${data.key}`;
  const base = new Map(data.states.map((state) => [state.number, state]));
  let log = [];  // {number, choice, entities, together, time}, in order
  let kept = true;
  let downloaded = 0;
  let sequence = 0;

  function recall() {
    try {
      log = JSON.parse(localStorage.getItem(key)) ?? [];
    } catch {
      if (kept) complain(FULL);
      kept = false;
    }
  }

  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(log));
    } catch {
      kept = false;
      complain(FULL);
    }
  }

  /** Return the last words on issues, those of the log and those that the page came with. */
  function lastWords() {
    const stacks = new Map([...base].map(([number, state]) => [number, [state]]));
    for (const entry of log) {
      if (!stacks.has(entry.number)) stacks.set(entry.number, []);
      if (entry.choice === "undo") stacks.get(entry.number).pop();
      else stacks.get(entry.number).push(entry);
    }
    sequence += 1;
    return [...stacks].map(([number, stack]) => ({number, choice: "", ...stack.at(-1), sequence}));
  }

  addEventListener("storage", (event) => {
    if (event.key !== key && event.key !== null) return;
    recall();
    changed(lastWords());
  });
  addEventListener("beforeunload", (event) => {
    if (!kept && downloaded < log.length) event.preventDefault();
  });
  byId("reviewer").value = data.reviewer;
  byId("download").addEventListener("click", () => {
    saveAs("decisions.jsonl", log.map(decisionLine).join(""));
    downloaded = log.length;
    announce(`${log.length} decisions downloaded. Next: python -m spacy seginf apply`);
  });

  recall();
  data.states = lastWords();
  return {
    first: null,
    rows: async () => data.rows,
    takeOrder: async () => {},  // that of the ranking stays
    detail: async (number) => data.details[number],
    async decide(said) {
      if (kept) recall();  // another tab may have said something
      const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      log.push(...said.map((one) => ({...one, entities: one.entities ?? [], time})));
      if (kept) keep();
      else complain(FULL);
      const numbers = new Set(said.map((one) => one.number));
      return lastWords().filter((change) => numbers.has(change.number));
    },
  };
}

/** Write a decision as a line of the decisions file. */
function decisionLine({number, choice, entities, together, time}) {
  const detail = data.details[number];
  const accepted = choice === "accept" ? detail.suggested : entities;
  const {start, end} = choice === "label" ? hull(detail, entities) : detail;
  const place = start - detail.first;
  const named = (values) => values.map(([first, last, label]) => ({start: first, end: last, label: data.labels[label].label}));
  return JSON.stringify({
    seginf: "decision", version: data.version, issue: detail.id, document: data.texts[detail.exact.document],
    start, end, words: detail.words.slice(place, place + end - start).map((word, offset) => exactWord(detail, place + offset, word)),
    current: named(annotated(detail, start, end)), choice, entities: named(accepted),
    reviewer: byId("reviewer").value, time, corpus: data.corpus,
    family: together && detail.family >= 0 ? data.texts[data.families[detail.family].family] : "",
  }) + "\n";
}

/** Return the region that has these entities and cuts no annotated one. */
function hull(detail, entities) {
  let start = Math.min(detail.start, ...entities.map((entity) => entity[0]));
  let end = Math.max(detail.end, ...entities.map((entity) => entity[1]));
  const cut = detail.entities.filter((entity) => entity[0] < end && entity[1] > start);
  start = Math.min(start, ...cut.map((entity) => entity[0]));
  end = Math.max(end, ...cut.map((entity) => entity[1]));
  return {start, end};
}

const exactWord = (detail, place, word) => (place in detail.exact.words ? data.texts[detail.exact.words[place]] : word);

function saveAs(name, text) {
  const address = URL.createObjectURL(new Blob([text], {type: "application/jsonl"}));
  make("a", {href: address, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
