import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Program } from "../contestants/contestant.ts";

const STOP_MS = 15_000;
const SHOWN_CHARACTERS = 2_000;

/** A contestant's worker in a process of its own; its log goes nowhere, what it complains of is kept. */
export class WorkerProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly startedAt = performance.timeOrigin + performance.now();
  #complaints = "";
  #isStopping = false;

  constructor({ args, env }: Program) {
    this.child = spawn(process.execPath, [...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    // It outlives nobody: not us either, however we end.
    const kill = () => this.child.kill("SIGKILL");
    process.once("exit", kill);
    this.child.once("exit", () => process.off("exit", kill));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-SHOWN_CHARACTERS);
    });
  }

  /** @throws Error when it ended by itself. */
  assertAlive(): void {
    const { exitCode, signalCode } = this.child;
    if (this.#isStopping || (exitCode === null && signalCode === null)) return;
    throw new Error(`a worker ended with ${exitCode ?? signalCode}: ${this.#complaints}`);
  }

  /** Memory that it holds, in bytes; NaN where /proc is missing. */
  residentBytes(): number {
    try {
      const pages = readFileSync(`/proc/${this.child.pid}/statm`, "utf8").split(" ")[1];
      return Number(pages) * 4_096;
    } catch {
      return Number.NaN;
    }
  }

  /** Lets it finish what is under way, or ends it if that takes long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}
