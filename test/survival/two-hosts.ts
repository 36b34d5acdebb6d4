import { execFileSync } from "node:child_process";
import { networkInterfaces } from "node:os";

/** One end of a link has the odd address, the other one the even address. */
interface Link {
  /** This host's address on it. */
  readonly here: string;
  /** Takes it down without a word to either side. */
  cut(): void;
  mend(): void;
}

/** Another host, as far as its network goes: a namespace with a link of its own for each purpose. */
export interface OtherHost extends Disposable {
  /** What runs a command there. */
  readonly command: readonly string[];
  readonly links: readonly [Link, Link];
}

/** Why there can be none here; null = there can. */
export function whyNoOtherHost(): string | null {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "it takes root";
  try {
    ip("netns", "add", PROBE);
    ip("netns", "del", PROBE);
    return null;
  } catch (error) {
    return `ip netns does not work here: ${(error as Error).message}`;
  }
}

const PROBE = `oncebox-probe-${process.pid}`;

export function openOtherHost(): OtherHost {
  const name = `oncebox-${process.pid}`;
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "set", "lo", "up");
    return {
      command: ["ip", "netns", "exec", name],
      links: [openLink(name, 0), openLink(name, 1)],
      // Its links go with it.
      [Symbol.dispose]: () => ip("netns", "del", name),
    };
  } catch (error) {
    ip("netns", "del", name);
    throw error;
  }
}

function openLink(host: string, index: number): Link {
  const [mine, theirs] = [
    `obx${process.pid % 100_000}n${index}`,
    `obx${process.pid % 100_000}f${index}`,
  ];
  const net = freeNet(index);
  ip("link", "add", mine, "type", "veth", "peer", "name", theirs);
  ip("link", "set", theirs, "netns", host);
  ip("addr", "add", `${net}.1/30`, "dev", mine);
  ip("-n", host, "addr", "add", `${net}.2/30`, "dev", theirs);
  ip("link", "set", mine, "up");
  ip("-n", host, "link", "set", theirs, "up");
  return {
    here: `${net}.1`,
    cut: () => ip("link", "set", mine, "down"),
    mend: () => ip("link", "set", mine, "up"),
  };
}

/** A small network that nobody here is on, of those meant for tests between networks. */
function freeNet(index: number): string {
  const taken = Object.values(networkInterfaces()).flatMap((it) => it ?? []);
  for (let number = index * 100; number < 256; number++) {
    const net = `198.19.${number}`;
    if (!taken.some((it) => it.address.startsWith(`${net}.`))) return net;
  }
  throw new Error("all of 198.19.0.0/16 is in use");
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}
