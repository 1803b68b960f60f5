//! The documents and the files for deployment name the settings that there are.

use std::collections::BTreeSet;

use super::pages::{file, section};
use super::service::accounts;

#[test]
fn the_readme_lists_every_setting() {
    let readme = file("README.md");
    let rows = section(&readme, "## Configuration")
        .lines()
        .filter_map(|line| line.strip_prefix("| `ACCOUNTS_"));
    let listed: Vec<String> = rows
        .map(|row| format!("ACCOUNTS_{}", row.split('`').next().unwrap()))
        .collect();
    assert_eq!(BTreeSet::from_iter(listed), known());
}

#[test]
fn the_readme_lists_every_command() {
    let readme = file("README.md");
    let help = help();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let names = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        assert!(readme.contains(&format!("| `accounts {name}")), "{name}");
    }
}

#[test]
fn no_page_and_no_file_names_a_setting_that_is_not_there() {
    let known = known();
    for name in [
        "README.md",
        "docs/operations.md",
        "docker-compose.yml",
        "Dockerfile",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
    ] {
        for setting in named(&file(name)) {
            assert!(known.contains(&setting), "{name} names {setting}");
        }
    }
}

/// The settings, as the binary lists them.
fn known() -> BTreeSet<String> {
    let known = named(&help());
    assert!(known.len() > 10, "{known:?}");
    known
}

fn help() -> String {
    let output = accounts(&std::env::temp_dir()).arg("-h").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that is written like a setting.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|sign: char| !sign.is_ascii_uppercase() && sign != '_');
    words
        .filter(|word| word.starts_with("ACCOUNTS_") && word.len() > "ACCOUNTS_".len())
        .map(str::to_owned)
        .collect()
}
