import { cpus, totalmem } from "node:os";
import pg from "pg";

/** What the figures depend on; no name of the host, and no path. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGigabytes: number;
  readonly platform: string;
  readonly node: string;
  readonly postgres: string;
}

export async function describeMachine(serverUrl: string): Promise<Machine> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>("show server_version");
  await client.end();
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? "unknown",
    memoryGigabytes: Math.round(totalmem() / 1024 ** 3),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    postgres: rows[0]?.server_version ?? "unknown",
  };
}
