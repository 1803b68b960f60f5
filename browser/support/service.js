// The service as `accounts serve --demo` starts it, on a free port and with a data folder of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_MS = 60_000;

export const DEMO_OWNER = "ana@demo.example";
export const DEMO_PASSWORD = "seven lamps in the harbour";

/** Starts the service and answers once it says that it is ready. */
export async function startService() {
  const binary = process.env.ACCOUNTS_BINARY;
  if (!binary) throw new Error("ACCOUNTS_BINARY names no binary: run `make browser`");
  const folder = mkdtempSync(join(tmpdir(), "accounts-browser-"));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ACCOUNTS_"));
  const child = spawn(
    binary,
    ["serve", "--demo", "--data", folder, "--listen", "127.0.0.1:0", "--metrics-listen", "off"],
    { env: Object.fromEntries(inherited), stdio: ["ignore", "pipe", "pipe"] },
  );
  let told = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (told += text));
  const service = new Service(child, folder);
  const begun = Date.now();
  while (!service.url) {
    if (child.exitCode !== null || Date.now() - begun > PATIENCE_MS) {
      await service.stop();
      throw new Error(`the service does not start:\n${told}`);
    }
    service.url = told.match(/ready at (http:\/\/localhost:\d+)/)?.[1];
    await pause(50);
  }
  return service;
}

class Service {
  url = undefined;
  #child;
  #folder;

  constructor(child, folder) {
    this.#child = child;
    this.#folder = folder;
  }

  async stop() {
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Calls the API, expects the status and answers the body. */
  async call(status, method, path, { body, token, language } = {}) {
    const headers = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    if (language !== undefined) headers["Accept-Language"] = language;
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== status) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Logs in and answers the access token; `status` is what the attempt is expected to end with. */
  async logIn(address, password, status = 201) {
    return (await this.call(status, "POST", "/v1/sessions", { body: { address, password } })).access_token;
  }

  /** The account that the caller owns. */
  async accountOf(token) {
    return (await this.call(200, "GET", "/v1/me/accounts", { token })).data[0].account.id;
  }

  /** Waits until a mail was written to the address, and answers the name of its file: the newest one's. */
  async mailTo(address, count = 1) {
    const folder = join(this.#folder, "mail");
    const begun = Date.now();
    while (Date.now() - begun < PATIENCE_MS) {
      const found = mailsIn(folder).filter((file) => isTo(join(folder, file), address));
      if (found.length >= count) return found.at(-1);
      await pause(50);
    }
    throw new Error(`no mail ${count} was written to ${address}`);
  }
}

function mailsIn(folder) {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(".eml"))
      .sort();
  } catch (error) {
    // The folder is made with the first mail.
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

function isTo(file, address) {
  const head = readFileSync(file, "utf8").split("\r\n\r\n")[0];
  return head.split("\r\n").some((line) => line.startsWith("To:") && line.includes(address));
}
