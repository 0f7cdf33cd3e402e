// What the server does at the end: the corrected corpus, and what will be predicted with it.

async function runAction(name, title) {
  byId("outcome-title").textContent = title;
  byId("outcome-text").textContent = "It is being done…";
  byId("outcome").showModal();
  try {
    byId("outcome-text").textContent = (await store.run(name)).join("\n");
  } catch (error) {
    byId("outcome-text").textContent = error.message;
  }
}

function prepareRunning() {
  for (const [name, title] of Object.entries({apply: "Corrected corpus", preview: "What will be predicted"})) {
    const button = byId(name);
    if (!button) continue;
    button.hidden = !data.actions.includes(name);
    button.addEventListener("click", () => runAction(name, title));
  }
}
