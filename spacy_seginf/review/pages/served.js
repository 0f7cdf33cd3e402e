// Decisions that a server keeps.

const GONE = "The server does not answer, so nothing can be saved. All that was saved is in the decisions file. "
  + "Start `python -m spacy seginf review` again and open the address that it prints.";
const PAUSE = 2500;  // milliseconds between two looks at what other tabs have decided

const JSON_BODY = {"Content-Type": "application/json"};

function servedStore({changed, reordered}) {
  let next = data.next;
  let order = 0;  // version
  const details = new Map();

  async function ask(address, options) {
    let response, content;
    try {
      response = await fetch(address, {cache: "no-store", ...options});
      content = await response.json();
    } catch {
      throw new Error(GONE);
    }
    if (!response.ok) throw new Error(content.error);
    return content;
  }

  async function look() {
    if (document.hidden) return;
    try {
      const answer = await ask(`decisions?since=${next}`);
      next = Math.max(next, answer.next);
      for (const [number, label] of answer.labels) data.labels[number] = label;
      changed(answer.changes);
      if (answer.order !== order) await takeOrder();
      if (byId("problem").textContent === GONE) complain("");
    } catch (error) {
      complain(error.message);
    }
  }

  async function takeOrder() {
    const answer = await ask("order");
    order = answer.version;
    if (order) reordered(answer);
  }

  setInterval(look, PAUSE);
  addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);

  return {
    first: data.detail,
    rows: async () => (await ask("items")).rows,
    takeOrder,
    /** Return all that is shown of a label issue. */
    async detail(number) {
      if (!details.has(number)) {
        details.set(number, await ask(`items/${number}`));
        if (details.size > 50) details.delete(details.keys().next().value);
      }
      return details.get(number);
    },
    /** Return all tokens and entities of an issue's document. */
    whole: (number) => ask(`items/${number}/document`),
    /** Save an entity of that document, or take one back; returns the document. */
    draw: (number, said) => ask(`items/${number}/document`, {method: "POST", headers: JSON_BODY, body: JSON.stringify(said)}),
    /** Save a note; returns all. */
    note: async (said) => (await ask("notes", {method: "POST", headers: JSON_BODY, body: JSON.stringify(said)})).notes,
    /** Let the server do something; returns lines. */
    run: async (name) => (await ask(`run/${name}`, {method: "POST", headers: JSON_BODY, body: "{}"})).lines,
    /** Save what is said; returns the changes that this made. */
    async decide(said) {
      const body = JSON.stringify(said.map(({number, choice, entities, together}) => ({
        issue: model.rows[number].id,
        choice,
        together,
        entities: (entities ?? []).map(([start, end, label]) => ({start, end, label: data.labels[label].label})),
      })));
      const keepalive = body.length < 60_000;  // then closing the tab does not take it back; browsers allow 64 KB
      return (await ask("decisions", {method: "POST", headers: JSON_BODY, body, keepalive})).changes;
    },
  };
}
