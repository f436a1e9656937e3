// A receiver that the catalogue offers, run as the program it is.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "./eventually.mjs";

/** Starts a program and waits until it listens at `url`. `said()` is what it printed. */
export async function startProgram(command, args, env, url) {
  const options = { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] };
  const child = spawn(command, args, options);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const listens = eventually(`${command} listens`, () => {
    if (child.exitCode !== null)
      throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
    return fetch(url).then(
      () => true,
      () => false,
    );
  });
  const stop = async () => {
    process.off("exit", kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    kill();
    await ended;
  };
  try {
    await Promise.race([failed, listens]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop, said: () => said };
}
