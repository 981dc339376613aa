// Writes what became of each test that `node --test` ran, a line per test.
import { relative } from "node:path";

const root = process.cwd();

function outcome(type, data) {
  if (data.skip !== undefined || data.todo !== undefined) return "skipped";
  return type === "test:pass" ? "passed" : "failed";
}

export default async function* lines(source) {
  const above = new Map();
  for await (const { type, data } of source) {
    const file = data?.file ? relative(root, data.file) : "";
    if (type === "test:start") {
      const names = (above.get(file) ?? []).slice(0, data.nesting);
      above.set(file, [...names, data.name]);
    } else if (type === "test:pass" || type === "test:fail") {
      const names = [...(above.get(file) ?? []).slice(0, data.nesting), data.name];
      // A suite says nothing but that one of its tests failed, or a hook.
      if (data.details?.type === "suite" && type === "test:pass") continue;
      // A file that can't be loaded, or that has no tests, is a test by itself.
      const whole = names.length === 1 && (names[0] === data.file || names[0] === file);
      const id = [file, whole ? "" : names.join(" > ")].filter(Boolean).join("::");
      yield `${JSON.stringify({ id, outcome: outcome(type, data) })}\n`;
    }
  }
  yield `${JSON.stringify({ finished: true })}\n`;
}
