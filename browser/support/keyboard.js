// Somebody who has a keyboard and nothing else. Every place that the focus comes to must be seen.

import assert from "node:assert/strict";

const FURTHEST = 200;

/** Where the focus is: what it is called, what it is, and whether it can be seen. */
export function focus(page) {
  return page.evaluate(async () => {
    // The page scrolls to where the focus is with the next frame.
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    const element = document.activeElement;
    if (!element || element === document.body) return { name: "", kind: "body" };
    const { top, bottom, left, right } = element.getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const label = element.labels?.[0]?.textContent ?? element.getAttribute("aria-label");
    return {
      name: (label ?? element.textContent).trim(),
      kind: element.localName,
      // A whole pixel: the edges of what was scrolled to lie between two of them.
      inside: top > -1 && left > -1 && bottom < innerHeight + 1 && right < innerWidth + 1,
      where: { top, bottom, left, right, height: innerHeight, width: innerWidth },
      outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1,
    };
  });
}

/** Presses Tab, or Shift+Tab, and answers where the focus is, which must be seen there. */
export async function tab(page, key = "Tab") {
  await page.keyboard.press(key);
  const at = await focus(page);
  if (at.kind !== "body") {
    assert.ok(at.inside, `the focus is out of sight at "${at.name}": ${JSON.stringify(at.where)}`);
    assert.ok(at.outlined, `the focus cannot be told at "${at.name}"`);
  }
  return at;
}

/** Presses Tab until the focus is at something with this name. */
export async function tabTo(page, name, key = "Tab") {
  const passed = [];
  while (passed.length < FURTHEST) {
    const at = await tab(page, key);
    if (at.name === name) return at;
    passed.push(at.name);
  }
  throw new Error(`"${name}" is not reached from the keyboard: ${passed.slice(0, 20).join(" | ")}`);
}

/** The names of all that Tab comes to, from the top of the page to its end. */
export async function stops(page) {
  const names = [];
  while (names.length < FURTHEST) {
    const at = await tab(page);
    if (at.kind === "body") return names;
    names.push(at.name);
  }
  throw new Error(`Tab never comes to the end: ${names.slice(0, 20).join(" | ")}`);
}

/** Writes over what stands in the field that has the focus. */
export async function write(page, text) {
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}
