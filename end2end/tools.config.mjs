// Not tests, but run the same way: `npm run shots`, `gallery`, `figures`, `html`, `lighthouse`.

import tests from "./playwright.config.mjs";

export default {
  ...tests,
  testDir: "tools",
  testMatch: "**/*.mjs",
  projects: [{ name: "tools" }],
  // What is measured must have the machine for itself.
  workers: 1,
  timeout: 0,
  use: { ...tests.use, trace: "off" },
};
