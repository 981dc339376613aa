// Candidates × checks: every cell opens the check's script and what it said, untouched and on the candidate.

function matrixOf(facts) {
  if (!facts.checks.length)
    return section("checks", "Candidates × checks", el("p", { class: "none" }, "There are no checks."));
  const panel = el("div", { class: "panel", id: "cell", tabindex: -1, "aria-live": "polite" });
  const rows = [BASE, ...facts.candidates.map((one) => one.id)];
  const body = rows.map((candidate) => matrixRow(facts, candidate, panel));
  const grid = el(
    "table",
    { class: "matrix" },
    el("caption", { class: "quiet-caption" }, "What each check says of each candidate"),
    matrixHead(facts),
    el("tbody", {}, body),
  );
  grid.addEventListener("keydown", walk);
  const legend = Object.entries(SIGNS).map(([outcome, sign]) =>
    el("span", {}, el("span", { class: `sign ${outcome}` }, sign), ` ${MEANINGS[outcome]}`),
  );
  return section(
    "checks",
    "Candidates × checks",
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Candidates × checks" }, grid),
    el(
      "p",
      { class: "legend" },
      legend,
      el("span", {}, "· not needed"),
      facts.reach.size ? el("span", {}, `° ${REACHES.misses}`) : null,
    ),
    el("p", { class: "quiet hint" }, "Open a cell for the check’s script and both outputs."),
    panel,
  );
}

function matrixHead(facts) {
  const titles = {
    reproduction: "written by trajectories",
    distinguishing: "written in the selection",
    regression: "repository’s tests",
  };
  const groups = Object.keys(titles).filter((kind) => facts.checks.some((one) => one.kind === kind));
  return el(
    "thead",
    {},
    el(
      "tr",
      {},
      el("td", {}),
      groups.map((kind) =>
        el(
          "th",
          { scope: "colgroup", colspan: facts.checks.filter((one) => one.kind === kind).length },
          titles[kind],
        ),
      ),
    ),
    el(
      "tr",
      {},
      el("th", { scope: "col" }, "candidate"),
      facts.checks.map((check) =>
        el(
          "th",
          { scope: "col", title: shortly(check.kind === "regression" ? check.script : check.id) },
          check.label,
          el("small", {}, checkAuthors(check)),
        ),
      ),
    ),
  );
}

function matrixRow(facts, candidate, panel) {
  const chosen = candidate === facts.solution.candidate;
  return el(
    "tr",
    { class: chosen ? "chosen" : null },
    el("th", { scope: "row" }, nameOfCandidate(facts, candidate), chosen ? el("small", {}, "chosen") : null),
    facts.checks.map((check) => el("td", {}, cellButton(facts, candidate, check, panel))),
  );
}

function cellButton(facts, candidate, check, panel) {
  const verdicts = facts.verdicts(candidate, check.id);
  const worst = verdicts.find((one) => one.outcome !== verdicts[0].outcome) ? "mixed" : verdicts[0]?.outcome;
  const meaning = verdicts.length ? verdicts.map((one) => MEANINGS[one.outcome]).join(", ") : "not needed";
  const name = candidate === BASE ? "untouched code" : `candidate ${facts.number.get(candidate)}`;
  const flagged = verdicts.some((one) => one.flags.length);
  const missed = reachOf(facts, candidate, check) === "misses";
  const button = el(
    "button",
    {
      type: "button",
      class: `cell ${worst || "unneeded"}${flagged ? " flagged" : ""}`,
      "aria-label": `${check.label} on ${name}: ${meaning}${flagged ? ", flagged" : ""}${missed ? `, ${REACHES.misses}` : ""}`,
      "aria-expanded": "false",
      "aria-controls": "cell",
    },
    worst === "mixed" ? verdicts.map((one) => SIGNS[one.outcome]).join("") : SIGNS[worst] || "·",
    missed ? "°" : "",
  );
  button.addEventListener("click", () => toggleCell(button, panel, () => cellPanel(facts, candidate, check)));
  return button;
}

function toggleCell(button, panel, make) {
  const wasOpen = button.getAttribute("aria-expanded") === "true";
  for (const other of document.querySelectorAll(".cell[aria-expanded=true]"))
    other.setAttribute("aria-expanded", "false");
  panel.replaceChildren();
  if (wasOpen) return;
  button.setAttribute("aria-expanded", "true");
  const close = el("button", { type: "button", class: "close" }, "Close");
  close.addEventListener("click", () => {
    toggleCell(button, panel, make);
    button.focus();
  });
  panel.append(close, ...make());
  panel.onkeydown = (event) => {
    if (event.key === "Escape") close.click();
  };
  panel.scrollIntoView({ block: "nearest" });
}

function cellPanel(facts, candidate, check) {
  const verdicts = facts.verdicts(candidate, check.id);
  const untouched = facts.verdicts(BASE, check.id);
  const name = candidate === BASE ? "the untouched code" : `candidate ${facts.number.get(candidate)}`;
  const sides = [
    el(
      "div",
      {},
      untouched.length ? untouched.map((one) => verdictOf(one, "Untouched code")) : notRun("Untouched code"),
    ),
  ];
  if (candidate !== BASE) {
    const title = `Candidate ${facts.number.get(candidate)}`;
    sides.push(el("div", {}, verdicts.length ? verdicts.map((one) => verdictOf(one, title)) : notRun(title)));
  }
  const reach = reachOf(facts, candidate, check);
  const foreign = check.foreign ? " · exit 0 passes, anything else fails" : "";
  return [
    el("h3", {}, `${check.label} on ${name}`),
    el(
      "p",
      { class: "quiet" },
      `${check.kind} · ${check.language} · by ${checkAuthors(check)}${foreign}${reach ? ` · ${REACHES[reach]}` : ""} · `,
      el("code", {}, check.id),
    ),
    el("h4", {}, "Script"),
    block(check.script, "Script of the check"),
    el("h4", {}, "Outputs"),
    el("div", { class: "sides" }, sides),
  ];
}

function notRun(title) {
  return el("p", { class: "none" }, `${title}: was not run, since the vote did not need it.`);
}

function verdictOf(verdict, title) {
  const again = verdict.repeat ? `, repeat ${verdict.repeat}` : "";
  const made = executionOf(verdict.execution, `${title}${again}: ${MEANINGS[verdict.outcome]}`);
  made.firstChild.prepend(el("span", { class: `sign ${verdict.outcome}` }, SIGNS[verdict.outcome]), " ");
  if (verdict.flags.length)
    made.append(el("p", { class: "flags" }, "Guards that spoke: ", verdict.flags.join(", ")));
  if (verdict.broken.length)
    made.append(el("p", { class: "flags" }, "No longer passing: ", verdict.broken.join(", ")));
  return made;
}

/** Let arrow keys move among the cells. */
function walk(event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const step = steps[event.key];
  const cell = event.target.closest("td");
  if (!step || !cell) return;
  const rows = [...cell.closest("tbody").rows];
  const row = rows[rows.indexOf(cell.parentNode) + step[0]];
  row?.cells[cell.cellIndex + step[1]]?.querySelector("button")?.focus();
  event.preventDefault();
}
