// Chromium without a window, and what is asked of every page that it opens.

import assert from "node:assert/strict";
import { accessSync, constants, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts Chromium with a profile of its own. */
export function startBrowser() {
  const root = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: find(),
    headless: true,
    args: [
      ...(root ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

function find() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const there = (file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(there);
  if (!found) throw new Error("Chromium is missing: `apt-get install chromium` installs it");
  return found;
}

/** Opens a page in a profile of its own. What it complains about and whom it asks is written down: `page.watched`. */
export async function openPage(browser, service, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const watched = { complaints: [], foreign: [] };
  page.on("console", (message) => {
    // A refusal of the API is an answer like any other, which Chromium writes to the console all the same.
    const refused = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (["error", "warning"].includes(message.type()) && !refused) watched.complaints.push(message.text());
  });
  page.on("response", (response) => {
    const asked = response.request().resourceType();
    if (response.status() >= 400 && !["fetch", "xhr", "document"].includes(asked)) {
      watched.complaints.push(`${response.status()} ${response.url()}`);
    }
  });
  page.on("pageerror", (error) => watched.complaints.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${service.url}/`) && !url.startsWith("data:")) watched.foreign.push(url);
  });
  page.watched = watched;
  return page;
}

/** Closes a page that must have kept quiet and asked nobody but the service. */
export async function closePage(page) {
  await page.context().close();
  assert.deepEqual(page.watched, { complaints: [], foreign: [] });
}

/** Looks for barriers with axe-core. It comes in past the page's policy, which lets nothing in. */
export async function assertAccessible(page) {
  const results = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ["violations"] })`);
  const found = results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, [], page.url());
}

/** Nothing is cut off at the side, or has to be scrolled to there. */
export async function assertFits(page) {
  const [needed, given] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(needed <= given, `${page.url()} is ${needed} wide and has ${given}`);
}
