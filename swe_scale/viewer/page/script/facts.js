// What several parts of a page say alike: names of candidates and checks, signs of outcomes, verdicts.

const BASE = "base";
const SIGNS = { pass: "✓", fail: "✗", error: "!", timeout: "T", infra: "?" };
const MEANINGS = {
  pass: "resolved",
  fail: "not resolved",
  error: "the check broke",
  timeout: "timed out",
  infra: "sandbox failed",
};

/** Return what is known of an issue in the order in which it is shown. */
function factsOf(record) {
  const solution = record.solution;
  const ranks = new Map(solution.ranking.map((one, place) => [one.candidate, place]));
  const candidates = [...solution.candidates].sort(
    (a, b) => (ranks.get(a.id) ?? 1e9) - (ranks.get(b.id) ?? 1e9),
  );
  const forms = [...new Set(solution.ranking.map((one) => one.form))];
  return {
    ...record,
    candidates,
    ranked: new Map(solution.ranking.map((one) => [one.candidate, one])),
    number: new Map(candidates.map((one, place) => [one.id, place + 1])),
    forms,
    checks: checksOf(solution),
    verdicts: cellsOf(solution.verdicts),
    reach: new Map(solution.reached.map((one) => [JSON.stringify([one.candidate, one.check]), one.reach])),
  };
}

function checksOf(solution) {
  const found = new Map();
  for (const check of solution.checks) {
    if (!found.has(check.id)) found.set(check.id, { ...check, authors: [] });
    if (check.author !== null) found.get(check.id).authors.push(check.author);
  }
  const kinds = ["reproduction", "distinguishing", "regression"];
  const all = [...found.values()].sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  return all.map((check, place) => ({ ...check, label: `c${place + 1}` }));
}

function cellsOf(verdicts) {
  const found = new Map();
  for (const verdict of verdicts) {
    const name = JSON.stringify([verdict.candidate, verdict.check]);
    found.set(name, [...(found.get(name) || []), verdict]);
  }
  return (candidate, check) => found.get(JSON.stringify([candidate, check])) || [];
}

const REACHES = {
  executes: "executes, on the untouched code, what the candidate changes",
  misses: "executes nothing, on the untouched code, of what the candidate changes",
  unknown: "it is not known whether it executes what the candidate changes",
};

/** Return whether a check executes what a candidate changes; undefined where that was not asked. */
function reachOf(facts, candidate, check) {
  return facts.reach.get(JSON.stringify([candidate, check.id]));
}

function nameOfCandidate(facts, id) {
  if (id === BASE) return "untouched";
  const number = facts.number.get(id);
  return el("span", { class: "candidate" }, number ? `${number}` : "?", " ", el("code", {}, id.slice(0, 8)));
}

function letterOf(facts, form) {
  const place = facts.forms.indexOf(form);
  if (place < 0) return "–";
  return place < 26 ? String.fromCharCode(65 + place) : `${place + 1}`;
}

function by(authors) {
  return authors.length ? authors.map((one) => `#${one}`).join(" ") : "–";
}

function checkAuthors(check) {
  if (check.authors.length) return by(check.authors);
  return check.kind === "distinguishing" ? "selection" : check.kind === "regression" ? "repository" : "given";
}

const RULINGS = { resolved: "good", unresolved: "bad", infra: "warn" };

/** Return both verdicts of the hidden tests on a patch, as pills. */
function ruled(grade) {
  if (!grade) return el("span", { class: "quiet" }, "not graded");
  const { official, hardened } = grade;
  const why = (one) => [one.reason, one.guards.join(", ")].filter(Boolean).join(" · ");
  return [
    pill(`official ${official.ruling}`, RULINGS[official.ruling], shortly(why(official))),
    " ",
    pill(`hardened ${hardened.ruling}`, RULINGS[hardened.ruling], shortly(why(hardened))),
  ];
}

/** Return a text as it may stand in an attribute: short, and with nothing unseen. */
function shortly(text) {
  return text.slice(0, 300).replace(UNSEEN, nameOf);
}

function section(id, title, ...children) {
  return el(
    "section",
    { id: `part-${id}`, "aria-labelledby": `title-${id}`, "data-title": title },
    el("h2", { id: `title-${id}`, tabindex: -1 }, title),
    children,
  );
}
