// Builds the page out of elements and texts alone: nothing that was recorded is ever read as HTML.

const NAMES = new Set([
  "class",
  "id",
  "href",
  "hidden",
  "open",
  "scope",
  "colspan",
  "tabindex",
  "type",
  "title",
  "role",
]);

/** Return an element. Attributes are of a known few, links lead into this file, children are nodes or texts. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    const known = NAMES.has(name) || name.startsWith("aria-") || name.startsWith("data-");
    if (!known || (name === "href" && !String(value).startsWith("#")))
      throw new Error(`no attribute ${name}`);
    made.setAttribute(name, value === true ? "" : String(value));
  }
  append(made, children);
  return made;
}

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : shown(String(child)));
  }
}

// Controls, marks of direction, halves of characters, other signs that can't be seen; not line ends and tabs.
const UNSEEN = /(?![\n\t\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{DI}]/gu;

/** Return a text with everything in it that can't be seen written out. */
function shown(text) {
  const all = document.createDocumentFragment();
  let end = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found.index > end) all.append(text.slice(end, found.index));
    const mark = document.createElement("span");
    mark.className = "unseen";
    mark.textContent = nameOf(found[0]);
    all.append(mark);
    end = found.index + found[0].length;
  }
  if (end < text.length || end === 0) all.append(text.slice(end));
  return all;
}

function nameOf(character) {
  const code = character.codePointAt(0);
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** Return a `<details>` whose content is made when it is first opened. */
function folded(summary, make, attributes = {}) {
  const all = el("details", attributes, el("summary", {}, summary));
  let made = false;
  all.addEventListener("toggle", () => {
    if (!all.open || made) return;
    made = true;
    append(all, [make()]);
  });
  return all;
}

/** Return a table with a caption, a head, and rows of cells; a cell is a node, a text or `{head, class, …}`. */
function table(caption, heads, rows, attributes = {}) {
  const first = rows[0] ? rows[0].cells || rows[0] : [];
  const head = el(
    "tr",
    {},
    heads.map((one, place) => cellOf("th", one, { scope: "col", class: first[place]?.class })),
  );
  const body = rows.map((row) =>
    el(
      "tr",
      { class: row.class },
      (row.cells || row).map((one) => cellOf("td", one)),
    ),
  );
  const made = el(
    "table",
    attributes,
    el("caption", { class: "quiet-caption" }, caption),
    el("thead", {}, head),
    el("tbody", {}, body),
  );
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, made);
}

function cellOf(tag, given, more = {}) {
  const plain = given === null || typeof given !== "object" || given instanceof Node || Array.isArray(given);
  if (plain) return el(tag, more, given);
  const { of, head, ...attributes } = given;
  return head
    ? el("th", { scope: "row", ...more, ...attributes }, of)
    : el(tag, { ...more, ...attributes }, of);
}

/** Return a pill: a short word with a colour that its kind has. */
function pill(word, kind, title) {
  return el("span", { class: `pill ${kind || ""}`, title }, word);
}

const COUNT = new Intl.NumberFormat("en");

function count(number) {
  return COUNT.format(number);
}

function counted(number, word, plural) {
  return `${count(number)} ${number === 1 ? word : plural || `${word}s`}`;
}

function seconds(value) {
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function money(value) {
  return `$${value.toFixed(value < 1 ? 4 : 2)}`;
}
