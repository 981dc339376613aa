// Shows a patch: lines numbered as in both versions, what changed within a line set off.

const DIFF_LINES = 1500;
const HUNK = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@/;

/** Return a patch as a list of its lines. */
function diff(patch, label) {
  if (!patch) return el("p", { class: "none" }, "no change");
  const lines = classified(patch.replace(/\n$/, "").split("\n"));
  const all = el("pre", { class: "diff", tabindex: 0, "aria-label": label });
  append(all, lines.slice(0, DIFF_LINES).map(lineOf));
  if (lines.length <= DIFF_LINES) return all;
  const more = el(
    "button",
    { type: "button", class: "more" },
    `Show ${count(lines.length - DIFF_LINES)} more lines`,
  );
  more.addEventListener("click", () => more.replaceWith(...lines.slice(DIFF_LINES).map(lineOf)));
  all.append(more);
  return all;
}

/** Return how many lines a patch adds and removes, in words. */
function sizeOf(patch) {
  const lines = classified((patch || "").split("\n"));
  const of = (kind) => lines.filter((one) => one.kind === kind).length;
  return `+${count(of("add"))} −${count(of("del"))}`;
}

function classified(lines) {
  let [old, fresh, oldLeft, freshLeft] = [0, 0, 0, 0];
  const made = lines.map((text) => {
    const sign = text[0] === undefined || text[0] === "\r" ? " " : text[0];
    if ((oldLeft > 0 || freshLeft > 0) && "+- ".includes(sign)) {
      const one = { kind: { "+": "add", "-": "del", " ": "same" }[sign], text };
      if (sign !== "+") {
        one.old = old;
        old += 1;
        oldLeft -= 1;
      }
      if (sign !== "-") {
        one.fresh = fresh;
        fresh += 1;
        freshLeft -= 1;
      }
      return one;
    }
    const hunk = HUNK.exec(text);
    if (hunk) {
      [old, fresh] = [Number(hunk[1]), Number(hunk[3])];
      [oldLeft, freshLeft] = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
      return { kind: "hunk", text };
    }
    return { kind: /^(diff --git|--- |\+\+\+ )/.test(text) ? "file" : "meta", text };
  });
  paired(made);
  return made;
}

/** Note of lines that were replaced one by one which part of them is another. */
function paired(lines) {
  for (let at = 0; at < lines.length; at += 1) {
    if (lines[at].kind !== "del") continue;
    let removed = at;
    while (lines[removed]?.kind === "del") removed += 1;
    let added = removed;
    while (lines[added]?.kind === "add") added += 1;
    if (removed - at === added - removed) {
      for (let step = 0; step < removed - at; step += 1) within(lines[at + step], lines[removed + step]);
    }
    at = added - 1;
  }
}

function within(one, other) {
  const least = Math.min(one.text.length, other.text.length);
  if (least > 2000) return;
  let head = 1;
  while (head < least && one.text[head] === other.text[head]) head += 1;
  head = whole(one.text, head);
  let tail = 0;
  while (tail < least - head && one.text.at(-1 - tail) === other.text.at(-1 - tail)) tail += 1;
  tail = one.text.length - whole(one.text, one.text.length - tail, 1);
  // Lines that have little in common are other lines, not changed ones.
  if (head + tail < least / 3) return;
  for (const line of [one, other]) line.part = [head, line.text.length - tail];
}

const NUMBERED = { add: true, del: true, same: true };

function padded(number) {
  return String(number ?? "").padStart(5);
}

function lineOf(line) {
  const numbers = line.kind in NUMBERED ? `${padded(line.old)} ${padded(line.fresh)}` : null;
  const made = el("span", { class: `line ${line.kind}`, "data-numbers": numbers });
  if (line.part && line.part[0] < line.part[1]) {
    const [from, to] = line.part;
    append(made, [line.text.slice(0, from), el("mark", {}, line.text.slice(from, to)), line.text.slice(to)]);
  } else {
    append(made, [line.text]);
  }
  append(made, ["\n"]);
  return made;
}
