// Puts the page of one issue together, and shows the one that the address names.

function pageOf(record) {
  const parts = record.solution ? solvedParts(factsOf(record)) : [];
  return [
    headOf(record),
    contents(parts),
    ...parts,
    findingsOf(record),
    issueOf(record),
    record.solution ? costOf(record.solution) : null,
  ];
}

function solvedParts(facts) {
  const parts = [
    answerOf,
    matrixOf,
    rankingOf,
    clustersOf,
    selectionOf,
    decisionsOf,
    trajectoriesOf,
    hiddenOf,
  ];
  return parts.map((make) => make(facts)).filter(Boolean);
}

const STATES = { proposed: "good", abstained: "warn", failed: "bad", unstarted: "" };

function headOf(record) {
  const { issue, solution } = record;
  const confidence = solution ? ` · confidence ${solution.confidence.toFixed(2)}` : "";
  return el(
    "header",
    { class: "page-head" },
    el("p", { class: "crumb" }, el("code", {}, issue.id)),
    el("h1", { tabindex: -1 }, issue.title || issue.id),
    el(
      "p",
      { class: "facts" },
      pill(record.state, STATES[record.state]),
      " ",
      solution?.patch ? ruled(record.proposed) : null,
      el("span", { class: "quiet" }, `${confidence} · ${issue.repo} @ ${issue.base_commit.slice(0, 10)}`),
    ),
    record.failure ? el("p", { class: "flags" }, record.failure) : null,
  );
}

function contents(parts) {
  const links = parts.map((one) =>
    el("li", {}, el("a", { href: `${pageAddress()}/${one.id.slice(5)}` }, one.dataset.title.split(":")[0])),
  );
  return el("nav", { "aria-label": "Parts of this page", class: "contents" }, el("ul", {}, links));
}

function findingsOf(record) {
  if (!record.findings.length) return null;
  const rows = record.findings.map((one) => [
    `#${one.trajectory}`,
    one.turn || "its end",
    one.kind,
    one.severity,
    one.where,
    { of: one.excerpt, class: "prose" },
  ]);
  return section(
    "leaks",
    "Signs of a leaked answer",
    table("Findings", ["trajectory", "turn", "kind", "how sure", "where", "what"], rows),
  );
}

function issueOf(record) {
  const { issue } = record;
  return section(
    "issue",
    "Issue",
    issue.labels.length
      ? el(
          "p",
          {},
          issue.labels.map((one) => [pill(one), " "]),
        )
      : null,
    el("div", { class: "prose-text" }, block(issue.body, "Text of the issue")),
    issue.comments.map((one, place) =>
      folded(`Comment ${place + 1}`, () => block(one, `Comment ${place + 1}`)),
    ),
  );
}

function costOf(solution) {
  const rows = Object.entries(solution.stages).map(([name, usage]) => [
    { head: true, of: name },
    ...[usage.calls, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens].map((of) => ({
      of: count(of),
      class: "number",
    })),
    { of: money(usage.usd), class: "number" },
  ]);
  const took = Object.entries(solution.seconds)
    .map(([name, value]) => `${name} ${seconds(value)}`)
    .join(" · ");
  return section(
    "cost",
    "Cost",
    table("Cost by stage", ["stage", "calls", "prompt tokens", "cached", "completion tokens", "USD"], rows),
    el("p", { class: "quiet" }, took ? `Wall clock: ${took}` : ""),
  );
}

/** Return the address of the page that is named by the address now, without its part. */
function pageAddress() {
  return `#issue/${location.hash.slice(1).split("/")[1] || ""}`;
}

let current = null;

/** Show what the address names: the page of an issue and a part of it, or the overview. */
async function route() {
  const [kind, name, part] = location.hash.slice(1).split("/");
  const row = kind === "issue" ? rowOf(name) : null;
  document.getElementById("overview").hidden = row !== null;
  const place = document.getElementById("page");
  place.hidden = row === null;
  if (row === null) {
    current = null;
    place.replaceChildren();
    // What the address names was hidden when the browser looked for it.
    if (kind) document.getElementById(kind)?.scrollIntoView();
    return;
  }
  if (current !== row) await open(row, place);
  const target = part && document.getElementById(`title-${part}`);
  if (target) {
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }
}

async function open(row, place) {
  current = row;
  place.setAttribute("aria-busy", "true");
  const record = await recordOf(row.dataset.page);
  if (current !== row) return;
  place.replaceChildren(beside(row));
  append(place, pageOf(record));
  place.removeAttribute("aria-busy");
  scrollTo(0, 0);
  place.querySelector("h1").focus({ preventScroll: true });
}

function rowOf(name) {
  return (
    [...document.getElementById("issues").tBodies[0].rows].find((row) => row.dataset.address === name) || null
  );
}

/** Return the ways to the list and to the pages before and after, in the list's present order. */
function beside(row) {
  const rows = [...row.parentNode.rows].filter((one) => !one.hidden);
  const at = rows.indexOf(row);
  const link = (to, text) =>
    to ? el("a", { href: `#issue/${to.dataset.address}` }, text) : el("span", { class: "quiet" }, text);
  return el(
    "nav",
    { class: "beside", "aria-label": "Issues" },
    el("a", { href: "#issues" }, "← All issues"),
    el("span", {}, link(rows[at - 1], "Previous"), " · ", link(rows[at + 1], "Next")),
  );
}

startList();
addEventListener("hashchange", route);
// Records come after this script, so that what is above can be used before all of them are read.
if (document.readyState === "loading") addEventListener("DOMContentLoaded", route);
else route();
