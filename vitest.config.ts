import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    reporters: ["default", "./test/support/closing-line.ts"],
    // Most of them wait for a process or a database and not for a core.
    maxWorkers: 2,
    // Real processes, sockets and databases: the limits only catch a hang.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
