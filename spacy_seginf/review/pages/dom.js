// Elements. Data from the corpus only ever becomes text of them, never markup.

const byId = (id) => document.getElementById(id);

/** Make an element. attributes: what setAttribute takes, and onclick or the like as functions. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== "" && child !== null));
  return element;
}

/** Text from the corpus, which can't change the direction of what is around it. */
const isolated = (text) => make("bdi", {}, text);

/** Write a number for people, "unknown" if there is none. */
function figure(value, digits = 3) {
  if (value === null || value === undefined) return "unknown";
  return String(Number(value.toPrecision(digits)));
}

function signed(value) {
  if (value === null || value === undefined) return "unknown";
  return (value > 0 ? "+" : "") + figure(value);
}

/** Tell the reader what happened; screen readers say it. */
function announce(text) {
  byId("said").textContent = text;
}

let pending = 0;

/** Wait for something, and tell assistive technology that the item is about to change. */
async function busyWith(promise) {
  byId("item").setAttribute("aria-busy", String(++pending > 0));
  try {
    return await promise;
  } finally {
    byId("item").setAttribute("aria-busy", String(--pending > 0));
  }
}

/** Show what went wrong until something works again. */
function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}
