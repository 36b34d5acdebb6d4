import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Real processes, sockets and databases: the limit only catches a hang.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
