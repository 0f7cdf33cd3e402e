// Flags and comments of issues, and rules of families.

const NOTED = {comment: "Comment on this one", rule: "Rule for the whole family"};
let noting = "comment";  // the kind that is being written

const notesOf = (kind, number) => (data.notes ?? []).filter((note) => note.kind === kind && note.number === number);
const ownNote = (kind, number) => notesOf(kind, number).find((note) => note.own)?.text ?? "";

/** Write the notes on what is shown. */
function notesShown({number, family}) {
  const found = [...notesOf("flag", number), ...notesOf("comment", number), ...(family < 0 ? [] : notesOf("rule", family))];
  const lead = {flag: "Flagged", comment: "Comment: ", rule: "Rule: "};
  return found.map(({kind, text, reviewer, own}) => make("p", {class: "decided note"}, lead[kind],
    isolated(kind === "flag" ? "" : text), own ? "" : make("span", {}, " (", isolated(reviewer || "somebody"), ")")));
}

async function saveNote(kind, text) {
  if (!isShown()) return;
  const {id, family} = model.rows[view.item[0]];
  try {
    data.notes = await busyWith(store.note({kind, about: kind === "rule" ? String(family) : id, text}));
    complain("");
    announce(kind === "flag" ? (text ? "Flagged" : "Not flagged any more") : `${NOTED[kind]}: ${text ? "saved" : "taken away"}`);
  } catch (error) {
    complain(error.message);
    return;
  }
  regroupAround();
  if (!view.editor) draw(view.detail);
}

const toggleFlag = () => isShown() && store.note && saveNote("flag", ownNote("flag", view.item[0]) ? "" : "flagged");

/** Ask for a comment or a rule. */
function writeNote(kind) {
  if (!isShown() || !store.note) return;
  const {family} = model.rows[view.item[0]];
  if (kind === "rule" && family < 0) {
    announce("This one is in no family");
    return;
  }
  noting = kind;
  byId("note-title").textContent = NOTED[kind];
  byId("note-text").value = ownNote(kind, kind === "rule" ? family : view.item[0]);
  byId("note").showModal();
  byId("note-text").focus();
}

function prepareNotes() {
  if (!store.note) return;
  byId("note-save").addEventListener("click", () => {
    byId("note").close();
    saveNote(noting, byId("note-text").value);
  });
  byId("note-cancel").addEventListener("click", () => byId("note").close());
}
