// Runs a JavaScript check inside the sandbox and vouches for how it ended.
//
// Its argument is the check's file; its standard input is one line: the nonce, the status that stands for 0,
// and the SHA-256 of the check. The nonce is printed when the check's own code calls process.exit(0). Its
// natural end doesn't count: it may be that something it waits for never comes.
//
// What is used once the check has started is held from before it, and through no method of a built-in
// object: the code under test can replace any of them.

import { readFileSync, readSync, writeSync } from "node:fs";
import { Session } from "node:inspector";
import * as modules from "node:module";
import { pathToFileURL } from "node:url";

const { apply } = Reflect;
const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { captureStackTrace } = Error;
const { isInteger } = Number;
const [OwnError, number, own, leave, write] = [Error, Number, process, process.reallyExit, writeSync];
const load = modules.createRequire(import.meta.url);
const PROBES = [
  { name: "ok", given: [false] },
  { name: "equal", given: [1, 2] },
  { name: "notEqual", given: [1, 1] },
  { name: "strictEqual", given: [1, 2] },
  { name: "notStrictEqual", given: [1, 1] },
  { name: "deepEqual", given: [[1], [2]] },
  { name: "deepStrictEqual", given: [[1], [2]] },
  { name: "throws", given: [() => 0] },
  { name: "fail", given: [] },
];

function received() {
  const buffer = Buffer.alloc(256);
  let end = 0;
  while (end < buffer.length && readSync(0, buffer, end, 1, null) === 1 && buffer[end] !== 10) end += 1;
  const words = buffer.toString("latin1", 0, end).split(" ");
  buffer.fill(0);
  // Its end says that all may start.
  while (readSync(0, buffer, 0, buffer.length, null) > 0);
  return words;
}

const [nonce, word, hash] = received();
const [resolved, path] = [number(word), process.argv[2]];
const script = pathToFileURL(path).href;
const asserts = readFileSync(path, "utf8").includes("assert");
const bending = (name) => `the check could no longer say no, for another has changed ${name}`;
const [changedAssert, ended] = [bending("assert"), "the code under test ended the check"];
const unsaid = "the check must end by its own process.exit(0) or process.exit(42), also where it is asynchronous";
let [bent, looking, caller] = ["", false, undefined];

// The frames as V8 has them, whatever is made of Error.prepareStackTrace meanwhile.
const look = (_, frames) => {
  caller = frames[0];
};

function callerOf(called) {
  const limit = getOwnPropertyDescriptor(OwnError, "stackTraceLimit");
  const holder = {};
  caller = undefined;
  looking = true;
  try {
    defineProperty(OwnError, "stackTraceLimit", { value: 1, writable: true, configurable: true });
    captureStackTrace(holder, called);
    void holder.stack;
  } catch {
    caller = undefined;
  } finally {
    looking = false;
    if (limit) defineProperty(OwnError, "stackTraceLimit", limit);
  }
  return caller;
}

function guardFormatter() {
  let formatter = OwnError.prepareStackTrace;
  const get = () => (looking ? look : formatter);
  const set = (other) => {
    formatter = other;
  };
  defineProperty(OwnError, "prepareStackTrace", { get, set, configurable: false, enumerable: false });
}

guardFormatter();
const { getFileName, getScriptHash, isEval } = getPrototypeOf(callerOf());

// Any code may claim the check's file name; its hash is that of its text.
function calledByScript(called) {
  const frame = callerOf(called);
  if (frame === undefined || apply(isEval, frame, []) || apply(getFileName, frame, []) !== script) return false;
  return getScriptHash === undefined || apply(getScriptHash, frame, []) === hash;
}

function guard(owner, name, shown) {
  let value = owner[name];
  const set = (other) => {
    if (!calledByScript(set)) bent = bending(shown);
    value = other;
  };
  defineProperty(owner, name, { get: () => value, set, configurable: false, enumerable: true });
}

function passes(call, given) {
  try {
    apply(call, undefined, given);
    return true;
  } catch {
    return false;
  }
}

function fault() {
  if (bent !== "" || !asserts) return bent;
  const assert = load("node:assert");
  for (let index = 0; index < PROBES.length; index += 1) {
    const { name, given } = PROBES[index];
    if (passes(assert[name], given) || passes(assert.strict[name], given)) return changedAssert;
  }
  return passes(assert, [false]) || passes(assert.strict, [false]) ? changedAssert : "";
}

function put(stream, text) {
  for (let tries = 0; tries < 10_000; tries += 1) {
    try {
      write(stream, text);
      return;
    } catch (error) {
      // Whoever reads a full pipe needs a moment.
      if (error.code !== "EAGAIN") return;
    }
  }
}

function vouch() {
  if (resolved === 0) put(1, `\n${nonce}\n`);
  apply(leave, own, [resolved]);
}

function exit(code) {
  const given = code === undefined ? own.exitCode : code;
  const status = given === undefined || given === null ? 0 : number(given);
  if (!isInteger(status) || typeof given === "object") apply(leave, own, [1]);
  if ((status & 255) !== 0) apply(leave, own, [status]);
  const why = calledByScript(exit) ? fault() : ended;
  if (why === "") vouch();
  put(2, `${why}\n`);
  apply(leave, own, [0]);
}

own.on("exit", (status) => {
  if (status !== 0) return;
  put(2, `${unsaid}\n`);
  apply(leave, own, [1]);
});

// Where node runs TypeScript by itself, its compilers' ways of naming a module are understood, too.
modules.registerHooks?.({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!/^\.\.?\//.test(specifier) || context.parentURL?.includes("/node_modules/")) throw error;
      const bare = specifier.replace(/\.([cm]?)jsx?$/, ".$1ts");
      for (const name of [bare, `${specifier}.ts`, `${specifier}/index.ts`]) {
        try {
          return next(name, context);
        } catch {
          continue;
        }
      }
      throw error;
    }
  },
});

own.exit = exit;
guard(own, "exit", "process.exit");
guard(globalThis, "process", "process");
guard(globalThis, "Error", "Error");
Session.prototype.connect = () => {
  throw new OwnError("a check can't be inspected");
};
own.argv = [own.argv[0], path];
await import(script);
