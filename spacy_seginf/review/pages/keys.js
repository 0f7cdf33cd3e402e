// Keys and buttons.

const ACTIONS = {
  a: () => decideItem("accept"),
  k: () => decideItem("keep"),
  l: openEditor,
  s: () => decideItem("skip"),
  u: undoShown,
  z: undoLast,
  b: askForAll,
  n: () => step(1),
  p: () => step(-1),
  ArrowRight: () => step(1),
  ArrowLeft: () => step(-1),
  ArrowDown: () => goToMember(view.member + 1),
  ArrowUp: () => goToMember(view.member - 1),
  x: () => view.members && exclude(view.member),
  f: () => byId("search").focus(),
  w: toggleWhole,
  m: toggleFlag,
  c: () => writeNote("comment"),
  r: () => writeNote("rule"),
  t: showStatistics,
  d: toggleTheme,
  "?": () => byId("help").showModal(),
};
const ONCE = new Set(["a", "k", "l", "s", "b"]);  // holding the key down does not go through the whole ranking
const ALWAYS = new Set(["d", "f", "?"]);  // also before the list has come
const BUTTONS = {accept: "a", keep: "k", other: "l", skip: "s", undo: "u", "undo-last": "z", next: "n", all: "b", previous: "p", flag: "m", comment: "c", rule: "r", counts: "t", theme: "d", ask: "?"};

function onKey(event) {
  // AltGr gives brackets on many keyboards, and counts as Ctrl and Alt on some systems.
  const altGraph = event.getModifierState("AltGraph");
  if (event.metaKey || ((event.ctrlKey || event.altKey) && !altGraph) || document.querySelector("dialog[open]")) return;
  const {target} = event;
  if (target.matches("input:not([type=checkbox]), select")) {
    if (event.key === "Escape") byId("item").focus({preventScroll: true});
    return;
  }
  const isButton = target.matches("button, summary, input") && (event.key === "Enter" || event.key === " ");
  if (isButton) return;
  const act = view.editor ? editorKey(event.key) : ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || !(model.rows.length || ALWAYS.has(event.key)) || (event.repeat && ONCE.has(event.key))) return;
  if (!view.editor && /^Arrow(Up|Down)$/.test(event.key) && !view.members) return;  // these scroll
  event.preventDefault();
  act();
}

/** Return what a key does while another label is chosen. */
function editorKey(key) {
  if (/^[0-9]$/.test(key)) {
    const [label, first] = [Number(key) - 1, data.byToken ? 0 : -1];
    return label >= first && label < data.choices ? () => edit({label}) : undefined;
  }
  if ("[]{}".includes(key)) return data.byToken ? undefined : () => moveBound(key);
  return {
    "/": () => byId("find")?.focus(),
    ArrowUp: () => stepLabel(-1), ArrowDown: () => stepLabel(1), Enter: saveEditor, Escape: closeEditor,
    "?": ACTIONS["?"],
  }[key];
}

function prepareKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerup", endDrawing);
  for (const [name, key] of Object.entries(BUTTONS)) {
    if (!byId(name)) continue;  // what needs a server
    byId(name).setAttribute("aria-keyshortcuts", key);
    byId(name).addEventListener("click", () => ACTIONS[key]());
  }
}

// Dark or light: what the system says, until the reader says otherwise.

const THEME = "seginf-theme";

function toggleTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(dark ? "light" : "dark");
  try {
    localStorage.setItem(THEME, dark ? "light" : "dark");
  } catch {
    // Then it is forgotten with the page.
  }
}

function setTheme(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}

function recallTheme() {
  try {
    setTheme(localStorage.getItem(THEME));
  } catch {
    // A browser that keeps nothing has nothing to recall.
  }
}
