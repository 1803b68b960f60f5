//! `docs/events.md` and the list of the events agree. With `REWRITE=1` (`make events`) the page is written anew.

use std::{env, fmt::Write as _, fs, path::Path};

use accounts_domain::audit::TOLD;

const HEAD: &str = "\
# What other systems are told of

The types of events of the feed (`GET /v1/events`), of webhooks and of the audit log of an account. A later version may \
add some. What the provider does with its own operators, integrations, webhooks and mails is told to nobody. \
What stands in the `data` and `changes` of each is in the OpenAPI document. The page is written by `make events` from \
[`kinds.rs`](../crates/accounts-domain/src/audit/kinds.rs).

| type | what has happened |
|---|---|
";

#[test]
fn the_page_of_events_is_the_list() {
    let mut page = HEAD.to_owned();
    for (kind, said) in TOLD {
        writeln!(page, "| `{kind}` | {said} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
    if env::var_os("REWRITE").is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/events.md is behind the list: run `make events`"
    );
}
