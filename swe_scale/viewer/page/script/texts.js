// Shows long texts: outputs, scripts, messages; of a very long one the ends, until it is asked for.

const LONGEST = 12000;
const END = 3000;

/** Return a text as it was recorded, in lines. */
function block(text, label) {
  const all = el("pre", { class: "text", tabindex: 0, "aria-label": label });
  if (!text) return el("p", { class: "none" }, "empty");
  if (text.length <= LONGEST) {
    append(all, [text]);
    return all;
  }
  const left = text.length - LONGEST;
  const more = el("button", { type: "button", class: "more" }, `Show ${count(left)} more characters`);
  more.addEventListener("click", () => all.replaceChildren(shown(text)));
  const [head, tail] = [whole(text, LONGEST - END), whole(text, text.length - END)];
  append(all, [text.slice(0, head), "\n", more, "\n", text.slice(tail)]);
  return all;
}

/** Return a place that is not within a character: this one, or the one beside it. */
function whole(text, place, step = -1) {
  const code = text.charCodeAt(place);
  const before = text.charCodeAt(place - 1);
  const inside = code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff;
  return inside ? place + step : place;
}

/** Return what a command did: how it ended, and what it said. */
function executionOf(execution, title) {
  const ended = execution.timed_out
    ? "ran out of time"
    : `exit ${execution.exit_code === null ? "none" : execution.exit_code}`;
  const facts = [ended, seconds(execution.seconds)];
  if (execution.limit) facts.push(`limit reached: ${execution.limit}`);
  if (execution.truncated) facts.push(`${count(execution.truncated)} bytes left out of the middle`);
  return el(
    "div",
    { class: "execution" },
    el(
      "p",
      { class: "label" },
      el("strong", {}, title),
      " ",
      el("span", { class: "quiet" }, facts.join(" · ")),
    ),
    block(execution.output, `${title}: output`),
  );
}
