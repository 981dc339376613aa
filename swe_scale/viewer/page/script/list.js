// The list of issues: sorted by any column, narrowed by words and by what became of them.

function startList() {
  const list = document.getElementById("issues");
  const controls = document.getElementById("filters");
  if (!list || !controls) return;
  const rows = [...list.tBodies[0].rows];
  const shownCount = document.getElementById("shown-count");
  const fields = [...controls.elements].filter((one) => one.name);

  const narrow = () => {
    const wanted = Object.fromEntries(fields.map((one) => [one.name, one.value.trim()]));
    let left = 0;
    for (const row of rows) {
      row.hidden = !fits(row, wanted);
      left += row.hidden ? 0 : 1;
    }
    shownCount.textContent =
      left === rows.length ? counted(left, "issue") : `${count(left)} of ${counted(rows.length, "issue")}`;
  };
  controls.hidden = false;
  controls.addEventListener("input", narrow);
  controls.addEventListener("reset", () => setTimeout(narrow));
  controls.addEventListener("submit", (event) => event.preventDefault());
  [...list.tHead.rows[0].cells].forEach((head, column) => sortable(list, rows, head, column));
  narrow();
}

function fits(row, wanted) {
  const { outcome, repo, resolved, confidence } = row.dataset;
  const words = wanted.text.toLowerCase();
  return (
    (!words || row.textContent.toLowerCase().includes(words)) &&
    (!wanted.outcome || wanted.outcome === outcome) &&
    (!wanted.repo || wanted.repo === repo) &&
    (!wanted.resolved || wanted.resolved === resolved) &&
    (!wanted.confidence || Number(confidence || 0) >= Number(wanted.confidence))
  );
}

function sortable(list, rows, head, column) {
  const button = el("button", { type: "button", class: "sort" });
  button.append(...head.childNodes);
  head.append(button);
  head.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of list.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const numeric = head.dataset.kind === "number";
    const key = new Map(rows.map((row) => [row, numeric ? numberOf(value(row)) : value(row)]));
    const order = (a, b) => (numeric ? a - b : COLLATOR.compare(a, b));
    rows.sort((a, b) => (down ? -1 : 1) * order(key.get(a), key.get(b)));
    list.tBodies[0].append(...rows);
  });
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

function numberOf(text) {
  return text === "" ? -Infinity : Number(text);
}
