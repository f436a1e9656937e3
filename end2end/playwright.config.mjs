// How the browser tests run. The browser is the system's own Chromium: nothing is downloaded.

import { defineConfig } from "@playwright/test";
import { PATIENCE_MS } from "./support/eventually.mjs";

if (!process.env.SERVICE_HOOKS_BIN) {
  throw new Error("Set SERVICE_HOOKS_BIN to the path of the service-hooks binary to be tested.");
}

export default defineConfig({
  testDir: "tests",
  testMatch: "**/*.test.mjs",
  // Traces and screenshots of the tests that failed.
  outputDir: "test-results",
  reporter: [["list"]],
  // One worker for each core. A worker has a portal and a browser of its own.
  workers: "100%",
  // On a busy machine a browser may fail by itself. A test that passes only the second time is
  // listed as flaky, with what it saw the first time: a fault to be found.
  retries: 1,
  forbidOnly: Boolean(process.env.CI),
  // A sweep over every page takes minutes on a slow machine; each step has a limit of its own.
  timeout: 10 * PATIENCE_MS,
  // `npm run baselines` writes pictures. A test run never does.
  updateSnapshots: "none",
  snapshotPathTemplate: "baselines/{arg}{ext}",
  expect: {
    timeout: PATIENCE_MS,
    toHaveScreenshot: {
      scale: "device",
      // Edges of letters, between versions of a browser.
      threshold: 0.15,
      maxDiffPixelRatio: 0.001,
    },
  },
  use: {
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--disable-gpu", "--disable-quic"],
    },
    actionTimeout: PATIENCE_MS,
    navigationTimeout: PATIENCE_MS,
    screenshot: "only-on-failure",
    // The sweeps go without: a trace of a thousand steps costs more than the steps.
    trace: "retain-on-failure",
  },
  projects: [
    { name: "scripts" },
    // What must work without scripts too runs a second time.
    { name: "no-scripts", grep: /@both/, use: { javaScriptEnabled: false } },
  ],
});
