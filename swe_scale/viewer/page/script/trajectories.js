// Trajectories with their turns: what was asked, what was answered, what was done, the patch after it.

function trajectoriesOf(facts) {
  const all = facts.solution.trajectories;
  if (!all.length)
    return section("trajectories", "Trajectories", el("p", { class: "none" }, "There are none."));
  const brought = new Map(
    facts.solution.candidates.flatMap((one) => one.authors.map((author) => [author, one.id])),
  );
  return section(
    "trajectories",
    "Trajectories",
    all.map((one) =>
      folded(trajectoryLine(facts, one, brought.get(one.index)), () => trajectoryOf(one), {
        class: "trajectory",
      }),
    ),
  );
}

function trajectoryLine(facts, one, candidate) {
  const replies = one.account ? one.account.exchanges.length : one.turns.length;
  return [
    el("span", { class: "index" }, `#${one.index}`),
    el("span", { class: "what" }, one.strategy, " ", el("span", { class: "quiet" }, one.model)),
    pill(one.outcome, one.outcome === "done" ? "good" : "warn"),
    el(
      "span",
      {},
      candidate
        ? ["candidate ", nameOfCandidate(facts, candidate)]
        : el("span", { class: "quiet" }, "no candidate"),
    ),
    el("span", { class: "quiet" }, `${counted(replies, "turn")} · ${usageLine(one.usage)}`),
  ];
}

function trajectoryOf(one) {
  const { temperature, seed } = one.sampling;
  const facts = [`temperature ${temperature ?? "of the server"}`, `seed ${seed ?? "none"}`];
  return [
    el(
      "p",
      { class: "quiet" },
      facts.join(" · "),
      one.shown.length ? ` · was told of ${counted(one.shown.length, "candidate")}` : "",
    ),
    one.error ? el("p", { class: "flags" }, one.error) : null,
    one.plan ? folded("What it was given to begin with", () => block(one.plan, "Plan")) : null,
    one.turns.map((turn, place) =>
      folded(turnLine(turn, place, one.turns), () => turnOf(turn, place), { class: "turn" }),
    ),
    one.account ? accountOf(one.account) : null,
    folded(["Patch at the end · ", sizeOf(one.patch)], () => diff(one.patch, "Patch at the end"), {
      class: "patch",
    }),
    one.check
      ? folded(["Its check · ", el("code", {}, one.check.id)], () => block(one.check.script, "Script"))
      : null,
  ];
}

function turnLine(turn, place, turns) {
  const changed = turn.tree !== (place ? turns[place - 1].tree : null) && turn.patch;
  return [
    el("span", { class: "index" }, `Turn ${place + 1}`),
    el("span", { class: "what" }, turn.action),
    el(
      "span",
      { class: "quiet" },
      [changed ? `patch ${sizeOf(turn.patch)}` : "patch unchanged", usageLine(turn.completion.usage)].join(
        " · ",
      ),
    ),
  ];
}

function turnOf(turn, place) {
  const { completion } = turn;
  return [
    turn.note ? el("p", { class: "flags" }, turn.note) : null,
    turn.asked.map((message) => messageOf(message, place)),
    completion.reasoning ? folded("Reasoning", () => block(completion.reasoning, "Reasoning")) : null,
    el(
      "p",
      { class: "label" },
      el("strong", {}, "Reply"),
      " ",
      el("span", { class: "quiet" }, `ended by ${completion.finish}`),
    ),
    completion.text ? block(completion.text, "Reply") : null,
    completion.tool_calls.map((call) => [
      el("p", { class: "label" }, "Call of ", el("code", {}, call.name)),
      block(call.arguments, "Arguments"),
    ]),
    turn.untouched ? executionOf(turn.untouched, "On the untouched code") : null,
    turn.edited ? executionOf(turn.edited, "On the edited code") : null,
    folded(
      ["Patch after this turn · ", sizeOf(turn.patch)],
      () => diff(turn.patch, "Patch after this turn"),
      { class: "patch" },
    ),
  ];
}

function messageOf(message, place) {
  const title = [
    el("strong", {}, message.role),
    " ",
    el("span", { class: "quiet" }, `${count(message.content.length)} characters`),
  ];
  // The first one is long and alike in all trajectories.
  if (place === 0) return folded(title, () => block(message.content, `Message of ${message.role}`));
  return [el("p", { class: "label" }, title), block(message.content, `Message of ${message.role}`)];
}

function accountOf(account) {
  return [
    executionOf(account.execution, "Its command"),
    account.exchanges.map((one, place) =>
      folded(
        `Request ${place + 1}`,
        () => [
          one.fault ? el("p", { class: "flags" }, one.fault) : null,
          block(one.asked, "Request"),
          one.completion ? block(one.completion.text, "Reply") : null,
        ],
        { class: "turn" },
      ),
    ),
    account.own ? folded("What it wrote of itself", () => block(account.own, "Its own account")) : null,
  ];
}

function usageLine(usage) {
  const tokens = `${count(usage.prompt_tokens + usage.completion_tokens)} tokens`;
  return usage.usd ? `${tokens} · ${money(usage.usd)}` : tokens;
}
