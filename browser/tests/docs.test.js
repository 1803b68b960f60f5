// Swagger UI, as somebody uses it who tries the API out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { closePage, openPage, startBrowser } from "../support/browser.js";
import { DEMO_OWNER, DEMO_PASSWORD, startService } from "../support/service.js";

let service, browser;
before(async () => {
  service = await startService();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

/** The block of an operation, unfolded. */
async function unfold(page, method, path) {
  const block = page.locator(`.opblock-${method.toLowerCase()}`, {
    has: page.locator(`.opblock-summary-path[data-path="${path}"]`),
  });
  const folded = !(await block.evaluate((element) => element.classList.contains("is-open")));
  if (folded) await block.locator(".opblock-summary-control").click();
  await block.locator("button.execute").waitFor();
  return block;
}

/** Sends the request of a block, and answers the status and the JSON that the page shows. */
async function execute(block) {
  if (await block.locator("button.btn-clear").isVisible()) await block.locator("button.btn-clear").click();
  await block.locator("button.execute").click();
  const live = block.locator(".live-responses-table .response").first();
  await live.waitFor();
  const status = Number((await live.locator(".response-col_status").innerText()).match(/\d+/)[0]);
  return { status, body: JSON.parse(await live.locator(".highlight-code code, .microlight").first().innerText()) };
}

async function authorise(page, token) {
  await page.locator("button.authorize").first().click();
  const dialog = page.locator(".modal-ux");
  const session = dialog.locator("form", { has: page.locator("h4 code", { hasText: /^bearer$/ }) });
  await session.locator("input[type=text], input[type=password]").first().fill(token);
  await session.locator("button.authorize[type=submit]").click();
  await dialog.locator("button", { hasText: "Logout" }).waitFor();
  await dialog.locator("button.btn-done").first().click();
}

async function forget(page) {
  await page.locator("button.authorize").first().click();
  const dialog = page.locator(".modal-ux");
  await dialog.locator("button", { hasText: "Logout" }).click();
  await dialog.locator("button.btn-done").first().click();
}

test("every operation is listed", async () => {
  const page = await openPage(browser, service);
  for (const path of ["/", "/docs"]) {
    await page.goto(service.url + path);
    await page.locator(".opblock").first().waitFor();
    const document = await service.call(200, "GET", "/openapi.json");
    const count = Object.values(document.paths)
      .flatMap((operations) => Object.keys(operations))
      .filter((method) => ["get", "put", "post", "delete", "patch"].includes(method)).length;
    assert.equal(await page.locator(".opblock").count(), count);
    assert.equal(await page.title(), "Accounts API");
    assert.ok((await page.locator(".info .title").innerText()).startsWith(document.info.title));
    assert.equal(await page.locator(".errors-wrapper").count(), 0);
  }
  await closePage(page);
});

test("a token is got, used for two requests, and given up", async () => {
  const page = await openPage(browser, service);
  await page.goto(`${service.url}/docs`);
  const me = await unfold(page, "GET", "/v1/me");
  const stranger = await execute(me);
  assert.equal(stranger.status, 401);
  assert.equal(stranger.body.code, "unauthenticated");

  const sessions = await unfold(page, "POST", "/v1/sessions");
  await sessions
    .locator("textarea.body-param__text")
    .fill(JSON.stringify({ address: DEMO_OWNER, password: DEMO_PASSWORD }));
  const session = await execute(sessions);
  assert.equal(session.status, 201);

  await authorise(page, session.body.access_token);
  const known = await execute(me);
  assert.equal(known.status, 200);
  assert.equal(known.body.address, DEMO_OWNER);

  const account = await service.accountOf(session.body.access_token);
  const contacts = await unfold(page, "GET", "/v1/accounts/{account}/contacts");
  await contacts.locator('tr[data-param-name="account"] input').fill(account);
  const listed = await execute(contacts);
  assert.equal(listed.status, 200);
  assert.equal(listed.body.data.length, 5);

  // A reload keeps the token, as it says.
  await page.reload();
  assert.equal((await execute(await unfold(page, "GET", "/v1/me"))).status, 200);
  await forget(page);
  assert.equal((await execute(await unfold(page, "GET", "/v1/me"))).status, 401);
  // Swagger UI warns of the underscores in the names of operations when it comes back to one.
  page.watched.complaints = page.watched.complaints.filter((text) => !text.includes("escaping deep link whitespace"));
  await closePage(page);
});

test("an ended session shows its refusal", async () => {
  const page = await openPage(browser, service);
  const token = await service.logIn(DEMO_OWNER, DEMO_PASSWORD);
  await page.goto(`${service.url}/docs`);
  await authorise(page, token);
  assert.equal((await execute(await unfold(page, "GET", "/v1/me"))).status, 200);
  await service.call(204, "DELETE", "/v1/sessions/current", { token });
  const refused = await execute(await unfold(page, "GET", "/v1/me"));
  assert.equal(refused.status, 401);
  assert.ok(refused.body.detail);
  await closePage(page);
});

test("without JavaScript the page says where the document is", async () => {
  const page = await openPage(browser, service, { javaScriptEnabled: false });
  await page.goto(`${service.url}/docs`);
  assert.equal(await page.getAttribute("noscript a", "href"), "openapi.json");
  await closePage(page);
});
