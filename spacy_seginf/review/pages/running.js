// What the server does at the end: the corrected corpus, a better pipeline, and what will be predicted.

const TITLES = {apply: "Corrected corpus", preview: "What will be predicted", refit: "A better pipeline"};

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
  for (const [name, title] of Object.entries(TITLES)) {
    const button = byId(name);
    if (!button) continue;
    button.hidden = !data.actions.includes(name);
    button.addEventListener("click", () => runAction(name, title));
  }
}
