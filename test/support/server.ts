import { randomUUID } from "node:crypto";
import { access } from "node:fs/promises";
import { startPostgres } from "../../src/sandbox/postgres.ts";

export interface TestServer {
  /** What runs it, for the first line of the test's output. */
  readonly kind: "TEST_DATABASE_URL" | "Testcontainers" | "embedded";
  /** A superuser's URL; tests make databases of their own beside it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Faster, and only the machine's crash would show it. */
const SETTINGS = { fsync: "off", synchronous_commit: "off", max_connections: "300" };

/** TEST_DATABASE_URL if it is set, a container where a Docker engine answers, embedded Postgres otherwise. */
export async function startTestServer(): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined && given !== "") {
    return { kind: "TEST_DATABASE_URL", url: given, stop: async () => {} };
  }
  return (await startContainer()) ?? (await startEmbedded());
}

async function startEmbedded(): Promise<TestServer> {
  const server = await startPostgres({ settings: SETTINGS });
  return { kind: "embedded", url: server.url, stop: () => server.stop() };
}

async function startContainer(): Promise<TestServer | null> {
  if (!(await mayHaveDocker())) return null;
  // Only here: it takes a second to load, and most machines have no engine.
  const { getContainerRuntimeClient } = await import("testcontainers");
  const engine = await getContainerRuntimeClient().catch(() => null);
  if (engine === null) return null;
  const { PostgreSqlContainer } = await import("@testcontainers/postgresql");
  const flags = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const container = await new PostgreSqlContainer("postgres:18-alpine")
    .withPassword(randomUUID())
    .withCommand(flags)
    .start();
  return {
    kind: "Testcontainers",
    url: container.getConnectionUri(),
    stop: async () => void (await container.stop()),
  };
}

async function mayHaveDocker(): Promise<boolean> {
  if (process.env.DOCKER_HOST !== undefined) return true;
  return await access("/var/run/docker.sock").then(
    () => true,
    () => false,
  );
}
