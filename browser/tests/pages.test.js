// The other pages: the mailbox of a service that sends no mail, and what the codes of problems mean.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, assertFits, closePage, openPage, startBrowser } from "../support/browser.js";
import { tabTo } from "../support/keyboard.js";
import { DEMO_OWNER, startService } from "../support/service.js";
import { words } from "../support/words.js";

const LOCALES = { en: "en-GB", fr: "fr-FR" };
const OTHER = { en: "fr", fr: "en" };

let service, browser;
before(async () => {
  service = await startService();
  browser = await startBrowser();
  await service.mailTo("dora@demo.example");
  await service.call(202, "POST", "/v1/password-resets", { body: { address: DEMO_OWNER } });
  await service.mailTo(DEMO_OWNER, 2);
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

async function assertIs(page, language, title) {
  assert.equal(await page.getAttribute("html", "lang"), language);
  assert.equal(await page.title(), title);
  await assertAccessible(page);
  await assertFits(page);
}

/** Walks to a link and follows it. */
async function follow(page, name) {
  await tabTo(page, name);
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press("Enter")]);
  await page.waitForLoadState();
}

for (const language of ["en", "fr"]) {
  const said = words(language);
  const other = words(OTHER[language]);
  for (const [scheme, width] of [
    ["light", 320],
    ["dark", 1280],
  ]) {
    const open = () =>
      openPage(browser, service, {
        locale: LOCALES[language],
        colorScheme: scheme,
        viewport: { width, height: 800 },
      });

    test(`the mailbox, ${language}, ${scheme}, ${width} wide`, async () => {
      const page = await open();
      await page.goto(`${service.url}/mailbox`);
      await assertIs(page, language, said.mailbox.title);
      assert.ok((await page.locator("article").count()) >= 4);
      assert.ok((await page.locator("article").first().innerText()).includes(DEMO_OWNER), "the newest stands first");
      await follow(page, said.mailbox.alone);
      await assertIs(page, language, said.mailbox.title);
      assert.equal(await page.locator("article").count(), 1);
      await follow(page, other.frame.language);
      await assertIs(page, OTHER[language], other.mailbox.title);
      await follow(page, other.mailbox.all);
      await assertIs(page, OTHER[language], other.mailbox.title);
      assert.equal(page.url(), `${service.url}/mailbox?lang=${OTHER[language]}`);
      await closePage(page);
    });

    test(`the codes of problems, ${language}, ${scheme}, ${width} wide`, async () => {
      const page = await open();
      await page.goto(`${service.url}/problems`);
      await assertIs(page, language, said.problems.title);
      const links = await page.locator("table a").evaluateAll((all) => all.map((link) => link.textContent));
      assert.ok(links.length > 20, `${links.length} codes`);
      await follow(page, "contact-limit-reached");
      assert.equal(page.url(), `${service.url}/problems/contact-limit-reached?lang=${language}`);
      await assertIs(page, language, await page.innerText("h1"));
      await follow(page, said.problems.all);
      // They differ in their words alone: once, where there is the least room, is enough for all.
      for (const link of width === 320 ? links : []) {
        await page.goto(`${service.url}/problems/${link}`);
        await assertIs(page, language, await page.innerText("h1"));
      }
      await closePage(page);
    });
  }
}

test("a page that is not there is no page", async () => {
  const page = await openPage(browser, service, { locale: LOCALES.fr });
  const answer = await page.goto(`${service.url}/mailbox/nothing.eml`);
  assert.equal(answer.status(), 404);
  assert.equal(answer.headers()["content-type"], "application/problem+json; charset=utf-8");
  await closePage(page);
});
