import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { OnceboxError } from "../../errors.ts";

export interface ChildOptions {
  /** For the log and for errors. */
  readonly name: string;
  /** As after `node`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The first line on its standard input, which then stays open as long as we live. */
  readonly firstLine?: string;
}

/** One of the demo's own processes. Disposing of it kills it, whatever it is at. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Asks it to end and waits; it may finish what it has begun. */
  stop(): Promise<void>;
}

/**
 * Starts a process that prints JSON lines, and waits for the one that says it is ready.
 *
 * @param readReady - Makes the answer of that line, and undefined of every other.
 * @throws OnceboxError `ONCEBOX_SANDBOX_FAILED` - it ended before that, or the signal aborted.
 */
export async function startChild<Ready>(
  options: ChildOptions,
  signal: AbortSignal,
  readReady: (line: Readonly<Record<string, unknown>>) => Ready | undefined,
): Promise<Child & { readonly ready: Ready }> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, options.args, {
    // Nothing of ours: a real SMTP_URL or DATABASE_URL must not reach a demo.
    env: { ...options.env },
    // Ctrl-C in the terminal is for the demo, which ends its processes in order.
    detached: true,
    stdio: "pipe",
  });
  const exited = once(child, "close");
  child.stdin.on("error", () => undefined); // it may be gone before it has read its first line
  if (options.firstLine !== undefined) child.stdin.write(`${options.firstLine}\n`);
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = `${complaint}${chunk}`.slice(-2_000);
  });

  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  const ended = exited.then(() => {
    throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `the ${options.name} ended too early`, {
      detail: complaint,
      hint: "Run the demo again; if it happens again, this is a bug.",
    });
  });
  const isReady = new Promise<Ready>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const ready = readReady(JSON.parse(line) as Record<string, unknown>);
      if (ready !== undefined) resolve(ready);
    });
  });
  try {
    const ready = await Promise.race([isReady, ended]);
    return {
      ready,
      pid: child.pid ?? 0,
      stop: async () => {
        child.kill("SIGTERM");
        await Promise.race([exited, abortOf(signal)]);
      },
      [Symbol.asyncDispose]: kill,
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

async function abortOf(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  await once(signal, "abort");
  throw signal.reason;
}
