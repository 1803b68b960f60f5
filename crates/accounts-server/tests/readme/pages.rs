//! Reads the project's documents.

use std::fs;
use std::path::Path;

/// The text of a file of the project.
pub fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The part of a page below a heading, up to the next one of the same level.
pub fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("there is no heading {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// One block between fences.
pub struct Block<'a> {
    /// The word behind the opening fence.
    pub kind: &'a str,
    /// What stands between the fences.
    pub text: String,
}

/// The blocks of a page, in their order.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```");
            let text = text.flat_map(|line| [line, "\n"]).collect();
            blocks.push(Block { kind, text });
        }
    }
    blocks
}

/// Whether a text is what a page shows. `…` stands for anything, and blanks and line breaks do not count: a page breaks
/// the lines that a program does not.
pub fn shows(shown: &str, text: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let (shown, text) = (squeezed(shown), squeezed(text));
    let Some((first, rest)) = shown.split_once('…') else {
        return shown == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('…').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

#[test]
fn a_page_shows_a_text_but_for_what_it_leaves_out() {
    for (shown, text) in [
        ("{\"a\": 1}\n200", "{\"a\":1}\n200\n"),
        ("{…, \"b\": 2, …}", "{\"a\":1,\"b\":2,\"c\":3}"),
        ("…", ""),
    ] {
        assert!(shows(shown, text), "{shown}");
    }
    for (shown, text) in [
        ("{\"a\": 1}", "{\"a\":2}"),
        ("{\"a\": 1, …}", "{\"b\":1}"),
        ("{…, \"b\": 2}", "{\"b\":2,\"c\":3}"),
        ("a…b…c", "acb"),
        ("", "a"),
    ] {
        assert!(!shows(shown, text), "{shown}");
    }
}
