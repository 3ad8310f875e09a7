#!/usr/bin/env node
// Runs the program tghook from the package for this platform. It is one of the optional
// dependencies of this package, and npm installs no other.
"use strict";

const { spawn } = require("node:child_process");

const name = `@tghook/${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "tghook.exe" : "tghook";

let program;
try {
  program = require.resolve(`${name}/bin/${file}`);
} catch {
  console.error(
    `tghook: the package ${name} is not installed. If npm was told to leave out optional dependencies, ` +
      "install tghook again without that. If there is no such package, see https://github.com/tghook/tghook for other ways to install it.",
  );
  process.exit(3);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // The terminal's Ctrl-C has reached the program too. A second one would end it at once.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("error", (error) => {
  console.error(`tghook: ${program} cannot be run: ${error.message}`);
  process.exit(3);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
