// Writes what became of each of mocha's tests, a line per test, so that a killed run leaves what it had.
// It keeps to what every mocha and Node since 2015 understand.
"use strict";
const fs = require("fs");
const path = require("path");

const root = process.cwd();

function identity(test) {
  const titles = [];
  let file = "";
  for (let one = test; one; one = one.parent) {
    if (one.title) titles.unshift(one.title);
    file = file || one.file || "";
  }
  return [path.relative(root, file), titles.join(" > ")].filter(Boolean).join("::");
}

module.exports = function Lines(runner, options) {
  const given = options.reporterOptions || options.reporterOption || {};
  const report = fs.openSync(given.report, "w");
  const write = (entry) => fs.writeSync(report, `${JSON.stringify(entry)}\n`);
  const book = (outcome) => (test) => write({ id: identity(test), outcome });
  let failures = 0;

  runner.on("pass", book("passed"));
  runner.on("pending", book("skipped"));
  runner.on("fail", (test, error) => {
    failures += 1;
    write({ id: identity(test), outcome: "failed" });
    process.stdout.write(`failed: ${identity(test)}\n${String((error && error.stack) || error).slice(0, 2000)}\n`);
  });
  runner.on("end", () => {
    write({ finished: true });
    process.stdout.write(`${failures} failed\n`);
  });
};
