// What the pages say, from the files that they take it from.

import { readFileSync } from "node:fs";

const FOLDER = new URL("../../crates/accounts-api/text/pages/", import.meta.url);

/** The words of a language: by section, then by name. They are one string on one line each. */
export function words(language) {
  const sections = {};
  let section = {};
  for (const line of readFileSync(new URL(`${language}.toml`, FOLDER), "utf8").split("\n")) {
    const heading = line.match(/^\[(\w+)\]$/);
    const word = line.match(/^(\w+) = (".*")$/);
    if (heading) sections[heading[1]] = section = {};
    if (word) section[word[1]] = JSON.parse(word[2]);
  }
  return sections;
}
