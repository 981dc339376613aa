// The answer, and how it came about: patch, ranking, clusters, selection, decisions, hidden tests.

function answerOf(facts) {
  const { solution } = facts;
  const chosen = solution.candidate ? nameOfCandidate(facts, solution.candidate) : null;
  const shown = solution.reproduction;
  const patch = (shown && shown.patch) || solution.patch;
  return section(
    "patch",
    solution.patch === null ? "No patch is proposed" : "Chosen patch",
    el("p", { class: "reason" }, solution.reason),
    chosen ? el("p", { class: "quiet" }, "Candidate ", chosen, ` · ${sizeOf(solution.patch)}`) : null,
    shown ? el("p", {}, testsOf(shown)) : null,
    patch === null ? null : diff(patch, "Chosen patch"),
  );
}

function testsOf(shown) {
  return shown.tests.length
    ? `Fails without it, passes with it: ${shown.tests.join(", ")}`
    : `No test of the issue is added: ${shown.fault}`;
}

function rankingOf(facts) {
  const heads = [
    "candidate",
    "cluster",
    "by",
    "votes",
    "same change",
    "like the others",
    "tests broken",
    "estimate",
    "hidden tests",
    "why",
  ];
  const rows = facts.candidates.map((one) => {
    const rank = facts.ranked.get(one.id);
    const chosen = one.id === facts.solution.candidate;
    const numbers = rank
      ? [
          `${rank.votes} of ${rank.of}`,
          rank.similar,
          rank.agreement.toFixed(2),
          brokenOf(rank),
          rank.posterior.toFixed(2),
        ]
      : ["–", "–", "–", "–", "–"];
    return {
      class: chosen ? "chosen" : null,
      cells: [
        { head: true, of: [nameOfCandidate(facts, one.id), chosen ? el("small", {}, "chosen") : null] },
        rank ? letterOf(facts, rank.form) : "–",
        { of: by(one.authors), class: "authors" },
        ...numbers.map((of) => ({ of, class: "number" })),
        { of: ruled(facts.grades[one.id]), class: "pills" },
        { of: whyOf(facts, one.id), class: "prose" },
      ],
    };
  });
  return section(
    "ranking",
    "Ranking: why this one, and why the others lost",
    rows.length
      ? table("Candidates, best first", heads, rows)
      : el("p", { class: "none" }, "There are no candidates."),
    facts.candidates.map((one) =>
      folded(
        ["Patch of candidate ", nameOfCandidate(facts, one.id), ` · ${sizeOf(one.patch)}`],
        () => diff(one.patch, `Patch of candidate ${facts.number.get(one.id)}`),
        { class: "patch" },
      ),
    ),
  );
}

function brokenOf(rank) {
  return rank.excused ? `${rank.broken} (${rank.excused} excused)` : rank.broken;
}

function whyOf(facts, id) {
  const reasons = (facts.ranked.get(id)?.reasons || []).join("; ");
  const why = facts.why[id] || "";
  return why && why !== reasons
    ? [el("strong", {}, why), reasons ? ` — ${reasons}` : ""]
    : reasons || "not ranked";
}

function clustersOf(facts) {
  if (!facts.forms.length) return null;
  const rows = facts.forms.map((form) => {
    const held = facts.candidates.filter((one) => facts.ranked.get(one.id)?.form === form);
    const authors = held.flatMap((one) => one.authors);
    return [
      { head: true, of: letterOf(facts, form) },
      held.map((one) => [nameOfCandidate(facts, one.id), " "]),
      by(authors),
      { of: authors.length, class: "number" },
      el("code", {}, form),
    ];
  });
  const { diversity } = facts.solution;
  const kinds = ["tree", "form", "behaviour"].map((kind) => counted(diversity[`${kind}s`], kind));
  const overlap =
    diversity.overlap === null ? [] : [`mean overlap of changed lines ${diversity.overlap.toFixed(2)}`];
  return section(
    "clusters",
    "Clusters of equal changes",
    el(
      "p",
      { class: "quiet" },
      "Candidates of one cluster differ in formatting and comments at most. ",
      diversity.trees ? [...kinds, ...overlap].join(" · ") : "",
    ),
    table("Clusters", ["cluster", "candidates", "trajectories", "voices", "normal form"], rows),
  );
}

function selectionOf(facts) {
  if (!facts.selection.length) {
    return section(
      "selection",
      "Selection dialogue",
      el("p", { class: "none" }, "No model was asked to choose: the ranking stands."),
    );
  }
  return section(
    "selection",
    "Selection dialogue",
    el(
      "ol",
      { class: "dialogue" },
      facts.selection.map(([step, reply]) =>
        el(
          "li",
          {},
          el(
            "p",
            { class: "label" },
            el("code", {}, step),
            " ",
            el("span", { class: "quiet" }, usageLine(reply.usage)),
          ),
          reply.reasoning ? folded("Reasoning", () => block(reply.reasoning, "Reasoning")) : null,
          block(reply.text, "Reply"),
        ),
      ),
    ),
    el("p", { class: "quiet" }, "Its checks and their outputs are among the cells above."),
  );
}

function decisionsOf(facts) {
  const rows = facts.solution.decisions.map((one) => [
    { of: one.number, class: "number" },
    one.action,
    one.trajectory === null ? "" : `#${one.trajectory}`,
    { of: one.reason, class: "prose" },
  ]);
  return section(
    "decisions",
    "Decisions",
    rows.length
      ? table("Decisions of the search", ["no.", "action", "trajectory", "reason"], rows)
      : el("p", { class: "none" }, "None are recorded."),
  );
}

function hiddenOf(facts) {
  const graded = facts.candidates.filter((one) => facts.grades[one.id]);
  if (!graded.length) {
    return section("hidden", "Hidden tests", el("p", { class: "none" }, "No candidate is graded."));
  }
  const rows = graded.flatMap((one) =>
    ["official", "hardened"].map((way) => {
      const said = facts.grades[one.id][way];
      return {
        class: one.id === facts.solution.candidate ? "chosen" : null,
        cells: [
          { head: true, of: nameOfCandidate(facts, one.id) },
          way,
          pill(said.ruling, RULINGS[said.ruling]),
          { of: said.reason || "–", class: "prose" },
          { of: testsOf([...said.failing, ...said.broken]), class: "prose" },
          said.guards.join(", ") || "–",
          testsOf(facts.grades[one.id].flaky),
        ],
      };
    }),
  );
  return section(
    "hidden",
    "Hidden tests",
    table(
      "What the hidden tests say of each candidate",
      ["candidate", "rules", "verdict", "reason", "failing", "guards", "flaky"],
      rows,
    ),
  );
}

function testsOf(names) {
  if (!names.length) return "–";
  if (names.length <= 3) return names.join(", ");
  return folded(counted(names.length, "test"), () => block(names.join("\n"), "Tests"));
}
