import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Each project says what it may touch: unit tests open no socket off loopback and start no server process. */
export default defineConfig({
  test: {
    // By itself vitest takes one core less, which of two is half, and needs little of it while the tests run.
    maxWorkers: Math.min(availableParallelism(), 4),
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          setupFiles: ["test/support/leak-check.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          setupFiles: ["test/support/leak-check.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Of its source maps' sources, which it does not bring.
        logLevel: "error",
        test: {
          name: "workflows",
          include: ["test/workflows/**/*.test.ts"],
          // GitHub's parser imports JSON without saying so, which bundlers take and Node does not.
          server: { deps: { inline: ["@actions/workflow-parser"] } },
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          globalSetup: ["test/support/browser-setup.ts"],
          setupFiles: ["test/support/leak-check.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "infra",
          include: ["test/infra/**/*.test.ts"],
          globalSetup: ["test/support/sst/global-setup.ts"],
          pool: "forks",
          // Files that evaluate the same share what came of it.
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "access",
          include: ["test/access/**/*.test.ts"],
          pool: "forks",
          // Files share what was synthesised, and the engine's data.
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          setupFiles: ["test/support/leak-check.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
