//! `docs/rules.md` and the names of the tests agree, and every rule is proven.
//!
//! A test in a file below `tests/rules/` proves the rules that its name begins with: `m_21_…` proves
//! M-21, and `m_04_m_06_…` proves two. With `REWRITE=1` (`make rules`) the page is brought in line with the
//! tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

/// The articles' letters, each with the number of its rules.
const ARTICLES: [(&str, usize); 5] = [("M", 60), ("U", 35), ("L", 21), ("K", 24), ("O", 13)];

#[test]
fn every_rule_has_a_test() {
    let proofs = proofs();
    let known: BTreeSet<String> = all_rules().collect();
    for rule in proofs.keys() {
        assert!(known.contains(rule), "a test proves {rule}, which is no rule");
    }
    let unproven: Vec<&String> = known.iter().filter(|rule| !proofs.contains_key(*rule)).collect();
    assert!(unproven.is_empty(), "no test proves {unproven:?}");
}

#[test]
fn the_page_of_rules_tells_which_test_proves_each() {
    let path = tests().join("../docs/rules.md");
    let committed = fs::read_to_string(&path).unwrap();
    let proofs = proofs();

    let told: Vec<String> = committed.lines().filter_map(rule_of_row).collect();
    assert_eq!(
        told,
        all_rules().collect::<Vec<_>>(),
        "docs/rules.md tells each rule once, in order"
    );

    let page: String = committed.lines().map(|line| with_proof(line, &proofs) + "\n").collect();
    if rewriting() {
        fs::write(&path, page).unwrap();
        return;
    }
    assert!(committed == page, "docs/rules.md is behind the tests: run `make rules`");
}

#[test]
fn a_name_tells_the_rules_it_proves() {
    assert_eq!(rules_of_name("m_21_billing_has_one_holder"), ["M-21"]);
    assert_eq!(rules_of_name("m_04_m_06_at_most_five"), ["M-04", "M-06"]);
    assert!(rules_of_name("m_21").is_empty());
    assert!(rules_of_name("moves_the_21_roles").is_empty());
}

fn all_rules() -> impl Iterator<Item = String> {
    ARTICLES
        .iter()
        .flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}-{n:02}")))
}

/// For each proven rule, its tests as (name, file below `tests/rules/`), in the order of files and lines.
fn proofs() -> BTreeMap<String, Vec<(String, String)>> {
    let root = tests().join("rules");
    let mut files = sources(&root);
    files.sort();

    let mut proofs: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for file in files {
        let place = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some((name, _)) = line
                .trim_start()
                .strip_prefix("fn ")
                .and_then(|rest| rest.split_once('('))
            else {
                continue;
            };
            for rule in rules_of_name(name) {
                let proof = (name.to_owned(), place.clone());
                proofs.entry(rule).or_default().push(proof);
            }
        }
    }
    proofs
}

/// The files of Rust in a folder and in the folders below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .partition(|path| path.is_dir());
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .chain(folders.iter().flat_map(|folder| sources(folder)))
        .collect()
}

/// `m_04_m_06_at_most_five` proves M-04 and M-06.
fn rules_of_name(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    words
        .chunks(2)
        .map_while(|pair| match pair {
            [letter, number]
                if letter.len() == 1
                    && number.len() == 2
                    && number.bytes().all(|b| b.is_ascii_digit()) =>
            {
                Some(format!("{}-{number}", letter.to_uppercase()))
            }
            _ => None,
        })
        // A name that only counts says nothing.
        .take_while(|_| words.len() > 2)
        .collect()
}

/// The rule that a row of the page is about.
fn rule_of_row(line: &str) -> Option<String> {
    let cell = line.strip_prefix("| ")?.split(" | ").next()?;
    let (letter, number) = cell.split_once('-')?;
    (letter.len() == 1 && number.len() == 2).then(|| cell.to_owned())
}

/// The row with its last cell made from the tests; any other line as it is.
fn with_proof(line: &str, proofs: &BTreeMap<String, Vec<(String, String)>>) -> String {
    let Some(rule) = rule_of_row(line) else {
        return line.to_owned();
    };
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    assert_eq!(cells.len(), 3, "a row of docs/rules.md has three cells: {line}");
    let proof = proofs.get(&rule).map_or_else(
        || "to come".to_owned(),
        |tests| {
            let links: Vec<String> = tests
                .iter()
                .map(|(name, file)| format!("[`{name}`](../tests/rules/{file})"))
                .collect();
            links.join(", ")
        },
    );
    format!("| {rule} | {} | {proof} |", cells[1])
}

fn rewriting() -> bool {
    env::var_os("REWRITE").is_some()
}

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
