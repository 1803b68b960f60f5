"use strict";
// The page behind a mailed link. The code comes in the fragment of the address, which no server sees, and is moved
// into the form. Nothing is sent before a button is pressed, but for a preview, which uses nothing up.
(() => {
  const steps = [...document.querySelectorAll("[data-step]")];
  const code = document.getElementById("token");
  const message = document.getElementById("message");
  let sending = false;

  // One step is shown at a time.
  function show(step) {
    for (const other of steps) other.hidden = other !== step;
  }

  // Takes the code out of the address, so that the history does not keep it.
  function take() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token === null) return;
    history.replaceState(null, "", location.pathname + location.search);
    hush();
    show(steps[0]);
    code.value = token;
    if ("eager" in code.form.dataset) send(code.form);
  }

  // Somebody may have pasted the whole link.
  function token() {
    const text = code.value.trim();
    const mark = "#token=";
    return text.includes(mark) ? text.slice(text.indexOf(mark) + mark.length) : text;
  }

  // The fields of a form that are asked for, but the code.
  function asked(form) {
    return [...form.elements].filter((field) => field.name && field !== code && !field.matches(":disabled"));
  }

  async function send(form) {
    if (sending) return;
    sending = true;
    form.setAttribute("aria-busy", "true");
    hush();
    const body = { token: token() };
    for (const field of asked(form)) body[field.name] = field.value;
    try {
      const response = await fetch(form.dataset.post, {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
        body: JSON.stringify(body),
      });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) goOn(form, answer);
      else refuse(form, response.status, answer);
    } catch {
      tell(message.dataset.offline, []);
    } finally {
      form.removeAttribute("aria-busy");
      sending = false;
    }
  }

  // Fills in what the next step shows, and goes there.
  function goOn(form, answer) {
    const { next: name } = form.dataset;
    const next = name ? document.getElementById(name) : steps[steps.indexOf(form.closest("[data-step]")) + 1];
    for (const place of next.querySelectorAll("[data-show]")) place.textContent = answer[place.dataset.show] ?? "";
    for (const part of next.querySelectorAll("[data-if]")) {
      part.disabled = part.hidden = answer[part.dataset.if] !== true;
    }
    if (!next.querySelector("form")) for (const done of document.forms) done.reset();
    show(next);
    next.querySelector("h2").focus();
  }

  // Says what the API said (RFC 9457), beside the fields that it named.
  function refuse(form, status, answer) {
    const details = [];
    for (const fault of answer.errors ?? []) {
      const name = (fault.pointer ?? "").slice(1);
      const field = name === "token" ? code : asked(form).find((field) => field.name === name);
      if (field) field.setAttribute("aria-invalid", "true");
      details.push([field?.labels?.[0]?.textContent, fault.detail]);
    }
    if (status === 410) details.push([undefined, message.dataset.expired]);
    if (status === 410 || code.hasAttribute("aria-invalid")) show(steps[0]);
    tell(answer.detail ?? message.dataset.failed, details);
  }

  function tell(text, details) {
    const paragraphs = [[undefined, text], ...details].map(([label, sentence]) => {
      const paragraph = document.createElement("p");
      if (label) {
        const name = document.createElement("strong");
        name.textContent = label;
        paragraph.append(name, " ");
      }
      paragraph.append(sentence);
      return paragraph;
    });
    message.replaceChildren(...paragraphs);
    message.hidden = false;
    message.focus();
  }

  function hush() {
    message.hidden = true;
    message.replaceChildren();
    for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form);
    });
  }
  for (const box of document.querySelectorAll("[data-reveal]")) {
    const reveal = (shown) => (document.getElementById(box.dataset.reveal).type = shown ? "text" : "password");
    box.addEventListener("change", () => reveal(box.checked));
    // A form that is emptied unticks the box without a word.
    box.form.addEventListener("reset", () => reveal(false));
  }
  // The page in the other language gets the code in the same way as this one.
  for (const link of document.querySelectorAll("a[hreflang]")) {
    link.addEventListener("click", () => {
      if (code.value) link.hash = `token=${encodeURIComponent(token())}`;
    });
  }
  addEventListener("hashchange", take);
  show(steps[0]);
  take();
})();
