import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Node } from "../../test/survival/time-travel-pair.ts";

/** Processor time that a Postgres has taken so far, all its processes together, in milliseconds. */
export function processorMsOf({ dataDir }: Node): number {
  const [postmaster = ""] = readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n");
  const all = readdirSync("/proc").filter((it) => /^\d+$/.test(it));
  return all.reduce((sum, pid) => sum + ticksOf(pid, postmaster), 0) * MS_A_TICK;
}

const MS_A_TICK = 1_000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** A living child's own; of the postmaster also what its children took that have ended. */
function ticksOf(pid: string, postmaster: string): number {
  try {
    // After the name, which may have spaces: the state, the parent, ..
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
    if (pid === postmaster) return user + system + endedUser + endedSystem;
    return fields[1] === postmaster ? user + system : 0;
  } catch {
    return 0;
  }
}
