// The pages behind mailed links, in both languages, by somebody who has a keyboard and nothing else.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertAccessible, assertFits, closePage, openPage, startBrowser } from "../support/browser.js";
import { focus, stops, tab, tabTo, write } from "../support/keyboard.js";
import { DEMO_OWNER, DEMO_PASSWORD, startService } from "../support/service.js";
import { words } from "../support/words.js";

const PASSWORD = "a violet kite over nine roofs";
const LOCALES = { en: "en-GB", fr: "fr-FR" };
const SCHEMES = { en: "light", fr: "dark" };
const OTHER = { en: "fr", fr: "en" };

let service, browser;
before(async () => {
  service = await startService();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Opens the mail, and from there the page of its link, as its reader does. */
async function follow(page, file, path) {
  await page.goto(`${service.url}/mailbox/${file}`);
  const link = await page.evaluate((start) => document.querySelector(`a[href^="${start}"]`)?.href, service.url + path);
  assert.ok(link?.includes("#token="), `the mail links to ${link}`);
  await tabTo(page, link);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${service.url}${path}*`);
  return link;
}

/** The page is in that language, says what it is, and keeps the code out of the address. */
async function assertIs(page, language, title) {
  await page.waitForFunction(() => location.hash === "");
  assert.equal(await page.getAttribute("html", "lang"), language);
  assert.equal(await page.title(), title);
  assert.equal(await page.textContent("h1"), title);
  await assertAccessible(page);
  await assertFits(page);
}

/** Waits until the page says something that is wrong, and answers what it says. The focus is there. */
async function fault(page) {
  const message = page.locator('[role="alert"]');
  await message.waitFor({ state: "visible" });
  assert.ok(await message.evaluate((element) => element === document.activeElement), "the focus is at the message");
  await assertAccessible(page);
  await assertFits(page);
  return message.innerText();
}

/** Waits until the page has come to the step with this heading, which has the focus. */
async function step(page, title) {
  await page.waitForFunction((text) => document.activeElement?.textContent === text, title);
  assert.equal((await focus(page)).kind, "h2");
  assert.ok(await page.locator('[role="alert"]').isHidden());
  await assertAccessible(page);
  await assertFits(page);
}

async function visible(page, text) {
  assert.ok((await page.innerText("main")).includes(text), `the page does not say "${text}"`);
}

async function type(page) {
  return page.evaluate(() => document.activeElement.type);
}

/** Asks for what has no mail yet, and answers the name of the mail's file. */
const asks = {
  async signUp(language, name) {
    const address = `${name}-${language}@rio.example`;
    const body = { address, display_name: "Rio", account_name: "Rio Ltd", language };
    await service.call(202, "POST", "/v1/sign-ups", { body, language });
    return { address, file: await service.mailTo(address) };
  },
  async verification(language, name, more = {}) {
    const token = await service.logIn(DEMO_OWNER, DEMO_PASSWORD);
    const account = await service.accountOf(token);
    const contacts = `/v1/accounts/${account}/contacts`;
    const listed = await service.call(200, "GET", contacts, { token });
    // The catalog has room for five.
    const spare = listed.data.find(({ address }) => address.startsWith("eli@") || address.endsWith("@kite.example"));
    if (spare) await service.call(204, "DELETE", `${contacts}/${spare.id}`, { token });
    const address = `${name}-${language}@kite.example`;
    const body = { display_name: "Zoë Kite", address, language, ...more };
    const { id } = await service.call(201, "POST", contacts, { body, token });
    await service.call(202, "POST", `${contacts}/${id}/verification`, { token });
    const contact = () => service.call(200, "GET", `${contacts}/${id}`, { token });
    return { address, contact, file: await service.mailTo(address) };
  },
  async invitation(language, address) {
    const token = await service.logIn(DEMO_OWNER, DEMO_PASSWORD);
    const account = await service.accountOf(token);
    const invitations = `/v1/accounts/${account}/invitations`;
    const body = { address, language, permissions: ["contacts:view"] };
    const { id } = await service.call(201, "POST", invitations, { body, token });
    const status = async () => (await service.call(200, "GET", `${invitations}/${id}`, { token })).status;
    return { status, file: await service.mailTo(address) };
  },
  /** Somebody has a log-in already. */
  async opened(language, name) {
    const { address, file } = await asks.signUp(language, name);
    const page = await openPage(browser, service, { locale: LOCALES[language] });
    const link = await follow(page, file, "/sign-up");
    await closePage(page);
    const body = { token: link.split("#token=")[1], password: PASSWORD };
    await service.call(201, "POST", "/v1/sign-ups/confirm", { body });
    return address;
  },
  async reset(language, name) {
    const address = await asks.opened(language, name);
    await service.call(202, "POST", "/v1/password-resets", { body: { address }, language });
    return { address, file: await service.mailTo(address, 2) };
  },
  async emailChange(language, name) {
    const old = await asks.opened(language, name);
    const token = await service.logIn(old, PASSWORD);
    const address = `${name}-${language}@moved.example`;
    await service.call(202, "POST", "/v1/me/email-change", { body: { address }, token });
    return { old, address, file: await service.mailTo(address) };
  },
};

for (const language of ["en", "fr"]) {
  const said = words(language);
  const open = () =>
    openPage(browser, service, {
      locale: LOCALES[language],
      colorScheme: SCHEMES[language],
      viewport: { width: 320, height: 640 },
    });

  describe(`in ${language}`, () => {
    test("an account is opened", async () => {
      const { address, file } = await asks.signUp(language, "opens");
      const page = await open();
      await follow(page, file, "/sign-up");
      await assertIs(page, language, said.sign_up.title);
      const otherName = words(OTHER[language]).frame.language;
      assert.deepEqual(await stops(page), [
        said.form.code,
        said.form.password,
        said.form.reveal,
        said.sign_up.submit,
        otherName,
      ]);

      // A password that is too short is refused at its field.
      await tabTo(page, said.form.password);
      await write(page, "short");
      await page.keyboard.press("Enter");
      const told = await fault(page);
      assert.ok(told.includes(said.form.password), told);
      assert.equal(await page.getAttribute("#password", "aria-invalid"), "true");
      assert.equal(await page.getAttribute("#token", "aria-invalid"), null);

      // From the message on, the fields come next; a step back leads to the one before.
      assert.equal((await tab(page)).name, said.form.code);
      assert.equal((await tab(page)).name, said.form.password);
      assert.equal((await tab(page, "Shift+Tab")).name, said.form.code);
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await tabTo(page, said.form.reveal);
      await page.keyboard.press("Space");
      await tabTo(page, said.form.password, "Shift+Tab");
      assert.equal(await type(page), "text");
      await tabTo(page, said.form.reveal);
      await page.keyboard.press("Space");
      assert.equal(await page.getAttribute("#password", "type"), "password");
      await tabTo(page, said.sign_up.submit);
      await page.keyboard.press("Enter");
      await step(page, said.sign_up.done_title);
      await visible(page, said.sign_up.done);
      await service.logIn(address, PASSWORD);

      // The link is used up.
      await follow(page, file, "/sign-up");
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await page.keyboard.press("Enter");
      assert.ok((await fault(page)).includes(said.sign_up.expired));
      await closePage(page);
    });

    test("the page takes its code along into the other language", async () => {
      const { file } = await asks.signUp(language, "changes");
      const page = await open();
      await follow(page, file, "/sign-up");
      const code = await page.inputValue("#token");
      assert.ok(code.startsWith("sgn_"), code);
      const other = words(OTHER[language]);
      await tabTo(page, other.frame.language);
      await page.keyboard.press("Enter");
      await page.waitForURL(`${service.url}/sign-up?lang=${OTHER[language]}*`);
      await assertIs(page, OTHER[language], other.sign_up.title);
      assert.equal(await page.inputValue("#token"), code);
      await closePage(page);
    });

    test("another link in the same window begins with a hidden password", async () => {
      const [first, second] = [await asks.signUp(language, "one"), await asks.signUp(language, "two")];
      const page = await open();
      const link = await follow(page, second.file, "/sign-up");
      await follow(page, first.file, "/sign-up");
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await tabTo(page, said.form.reveal);
      await page.keyboard.press("Space");
      assert.equal(await page.getAttribute("#password", "type"), "text");
      await tabTo(page, said.sign_up.submit);
      await page.keyboard.press("Enter");
      await step(page, said.sign_up.done_title);
      // As somebody does who writes it into the address of the window.
      await page.evaluate((url) => location.assign(url), link);
      await page.locator("#password").waitFor();
      assert.equal(await page.inputValue("#token"), link.split("#token=")[1]);
      assert.equal(await page.inputValue("#password"), "");
      assert.equal(await page.getAttribute("#password", "type"), "password");
      await closePage(page);
    });

    test("an address is confirmed", async () => {
      const { contact, file, address } = await asks.verification(language, "confirms");
      const page = await open();
      await follow(page, file, "/verify");
      await step(page, said.verify.review_title);
      await assertIs(page, language, said.verify.title);
      for (const text of ["Zoë Kite", "Demo Harbour Ltd", address]) await visible(page, text);
      assert.ok(await page.locator("#password").isHidden());
      assert.equal((await contact()).verified, false, "reading the page confirms nothing");
      await tabTo(page, said.verify.submit);
      await page.keyboard.press("Enter");
      await step(page, said.verify.done_title);
      await visible(page, said.verify.done);
      assert.equal((await contact()).verified, true);

      // The link is used up, and the page says so at once.
      await follow(page, file, "/verify");
      assert.ok((await fault(page)).includes(said.verify.expired));
      await closePage(page);
    });

    test("an address is confirmed with a password for the log-in that comes with it", async () => {
      const login = { login: { permissions: ["contacts:view"] } };
      const { address, file } = await asks.verification(language, "joins", login);
      const page = await open();
      await follow(page, file, "/verify");
      await step(page, said.verify.review_title);
      await visible(page, said.verify.login);
      await visible(page, said.verify.choose_password);
      await tabTo(page, said.verify.submit);
      await page.keyboard.press("Space");
      assert.ok((await fault(page)).includes(said.form.password));
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await page.keyboard.press("Enter");
      await step(page, said.verify.done_title);
      await service.logIn(address, PASSWORD);
      await closePage(page);
    });

    test("an invitation is accepted with a name and a password of one's own", async () => {
      const address = `invited-${language}@kite.example`;
      const { status, file } = await asks.invitation(language, address);
      const page = await open();
      await follow(page, file, "/invitation");
      await step(page, said.invitation.review_title);
      await assertIs(page, language, said.invitation.title);
      for (const text of ["Demo Harbour Ltd", address, said.invitation.choose_password]) await visible(page, text);
      assert.ok(await page.locator("#present_password").isHidden());
      assert.equal(await status(), "pending", "reading the page answers nothing");
      await tabTo(page, said.invitation.name);
      await write(page, "Zoë Kite");
      await tabTo(page, said.form.password);
      await page.keyboard.press("Enter");
      assert.ok((await fault(page)).includes(said.form.password));
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await tabTo(page, said.invitation.submit);
      await page.keyboard.press("Enter");
      await step(page, said.invitation.done_title);
      await visible(page, said.invitation.done);
      assert.equal(await status(), "accepted");
      await service.logIn(address, PASSWORD);

      // The link is used up, and the page says so at once.
      await follow(page, file, "/invitation");
      assert.ok((await fault(page)).includes(said.invitation.expired));
      await closePage(page);
    });

    test("an invitation is accepted with the password there is", async () => {
      const { address, file: signUp } = await asks.signUp(language, "known");
      const page = await open();
      const link = await follow(page, signUp, "/sign-up");
      const body = { token: link.split("#token=")[1], password: PASSWORD };
      await service.call(201, "POST", "/v1/sign-ups/confirm", { body });
      const { status } = await asks.invitation(language, address);
      await follow(page, await service.mailTo(address, 2), "/invitation");
      await step(page, said.invitation.review_title);
      await visible(page, said.invitation.give_password);
      assert.ok(await page.locator("#password").isHidden());
      await tabTo(page, said.invitation.present_password);
      await write(page, "another password");
      await page.keyboard.press("Enter");
      await fault(page);
      await tabTo(page, said.invitation.present_password);
      await page.keyboard.press("Control+A");
      await write(page, PASSWORD);
      await page.keyboard.press("Enter");
      await step(page, said.invitation.done_title);
      assert.equal(await status(), "accepted");
      await closePage(page);
    });

    test("an invitation is declined", async () => {
      const { status, file } = await asks.invitation(language, `declines-${language}@kite.example`);
      const page = await open();
      await follow(page, file, "/invitation");
      await step(page, said.invitation.review_title);
      await tabTo(page, said.invitation.decline);
      await page.keyboard.press("Enter");
      await step(page, said.invitation.declined_title);
      await visible(page, said.invitation.declined);
      assert.equal(await status(), "declined");
      await closePage(page);
    });

    test("a new password is chosen", async () => {
      const { address, file } = await asks.reset(language, "forgets");
      const page = await open();
      await follow(page, file, "/reset");
      await assertIs(page, language, said.reset.title);
      await tabTo(page, said.form.password);
      await write(page, `${PASSWORD} again`);
      await tabTo(page, said.reset.submit);
      await page.keyboard.press("Space");
      await step(page, said.reset.done_title);
      await visible(page, said.reset.done);
      await service.logIn(address, PASSWORD, 401);
      await service.logIn(address, `${PASSWORD} again`);

      await follow(page, file, "/reset");
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await page.keyboard.press("Enter");
      assert.ok((await fault(page)).includes(said.reset.expired));
      await closePage(page);
    });

    test("an address is changed, and changed back from the old one", async () => {
      const { old, address, file } = await asks.emailChange(language, "moves");
      const page = await open();
      await follow(page, file, "/email-change");
      await assertIs(page, language, said.email_change.title);
      const otherName = words(OTHER[language]).frame.language;
      assert.deepEqual(await stops(page), [said.form.code, said.email_change.submit, otherName]);
      await tabTo(page, said.email_change.submit);
      await page.keyboard.press("Enter");
      await step(page, said.email_change.done_title);
      await visible(page, said.email_change.done);
      await service.logIn(address, PASSWORD);

      const told = await service.mailTo(old, 2);
      await follow(page, told, "/email-undo");
      await assertIs(page, language, said.email_undo.title);
      await tabTo(page, said.email_undo.submit);
      await page.keyboard.press("Enter");
      await step(page, said.email_undo.done_title);
      await visible(page, said.email_undo.done);
      await service.logIn(address, PASSWORD, 401);
      await service.logIn(old, PASSWORD);

      await follow(page, told, "/email-undo");
      await tabTo(page, said.email_undo.submit);
      await page.keyboard.press("Enter");
      assert.ok((await fault(page)).includes(said.email_undo.expired));
      await closePage(page);
    });

    test("a code that is none, and none at all, are refused at their field", async () => {
      const page = await open();
      for (const [path, section] of [
        ["/sign-up", said.sign_up],
        ["/verify", said.verify],
        ["/reset", said.reset],
        ["/email-change", said.email_change],
        ["/email-undo", said.email_undo],
      ]) {
        await page.goto(service.url + path);
        await tabTo(page, said.form.code);
        await page.keyboard.press("Enter");
        assert.ok((await fault(page)).includes(said.form.code));
        assert.equal(await page.getAttribute("#token", "aria-invalid"), "true");
        await tabTo(page, said.form.code);
        await write(page, "sgn_01h455vb4pex5vsknk084sn02q.nonsense");
        if ([said.sign_up, said.reset].includes(section)) {
          await tabTo(page, said.form.password);
          await write(page, PASSWORD);
        }
        await page.keyboard.press("Enter");
        await fault(page);
      }
      await closePage(page);
    });

    test("without JavaScript each page says how else to do it", async () => {
      const page = await openPage(browser, service, {
        locale: LOCALES[language],
        javaScriptEnabled: false,
        viewport: { width: 320, height: 640 },
      });
      for (const [path, confirm] of [
        ["/sign-up", "/v1/sign-ups/confirm"],
        ["/verify", "/v1/contact-verifications/confirm"],
        ["/reset", "/v1/password-resets/confirm"],
        ["/email-change", "/v1/email-changes/confirm"],
        ["/email-undo", "/v1/email-changes/undo"],
      ]) {
        await page.goto(service.url + path);
        const text = await page.locator("main").innerText();
        assert.ok(text.includes(said.form.no_script), text);
        assert.ok(text.includes(`curl ${service.url}${confirm} `), text);
        assert.equal(await page.locator("input:visible").count(), 0);
      }
      await closePage(page);
    });

    test("a service out of reach is named as such", async () => {
      const { file } = await asks.signUp(language, "waits");
      const page = await open();
      await follow(page, file, "/sign-up");
      await page.context().setOffline(true);
      await tabTo(page, said.form.password);
      await write(page, PASSWORD);
      await page.keyboard.press("Enter");
      assert.ok((await fault(page)).includes(said.form.offline));
      await page.context().setOffline(false);
      await tabTo(page, said.sign_up.submit);
      await page.keyboard.press("Enter");
      await step(page, said.sign_up.done_title);
      page.watched.complaints = page.watched.complaints.filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"));
      await closePage(page);
    });
  });
}
