//! `docs/permissions.md`: the table for people.

use std::fmt::Write as _;

use accounts_domain::{integrations::IntegrationScope, permission::ServicePermission};

use super::{document::Operation, policy};

const HEAD: &str = "\
# Who may call what

Every operation of the API, and who may call it. The page is written by `make permissions` from one table, \
[`tests/contract/authorisation/policy.rs`](../tests/contract/authorisation/policy.rs). The tests call every operation \
as every kind of caller, on both databases, with the caller's own things and with those of others, removed ones and \
made-up ones; they fail when the service, the OpenAPI document, the table and this page disagree.

| who | is |
|---|---|
| anybody | no token is asked for |
| everybody who is logged in | whoever has a live session, for what is their own |
| every member | whoever has a log-in in the account of the path |
| a permission, such as `contacts:view` | members who were given it |
| whoever is the contact | the member who is the contact of the path |
| the owner | the owner of the account, who has every permission, too |
| whoever is offered the account | the member to whom the transfer of the path offers it |
| an integration | a machine caller of the provider with a key of its own, which has the scope |
| every operator | the provider's staff, who log in with a second factor |
| operators of the kind `admin` | those of them who change accounts and log-ins, each time for a reason |

A key calls in the place of a person where the column says so. A **user key** does what its user may, in the \
accounts that it was given; an **account key** does what its maker may, in its account alone, and is nobody's contact. \
Both have no more than the permissions that they were given. A **test key** of either kind is taken for `GET` and `HEAD` \
alone: everything else is 403 `test-key-reads-only`. Where no key is taken, a key is told 403 `person-only`; where those of users are, so \
is a key of an account.

Customers and integrations are apart. What is for integrations is not there for a customer, person or key: 404. \
Everywhere else the key of an integration is no credential: 401. A **test key** of an integration is taken for whatever \
changes nothing.

An operator acts in the place of a person where the last column says so, with what the person may in one account, for an \
hour at most; where it says no, the answer is 403 `impersonation-refused`. To customers and their keys there is nothing \
under `/v1/operator`: 404; and an operator's own token opens nothing else: 401.

All others are refused: without a live session with 401; outside the account with 404, as if there were none; inside \
it with 403. What belongs to another account is not there: 404. `HEAD` is answered as `GET` is.
";

/// The whole page.
pub(super) fn page(operations: &[Operation]) -> String {
    let mut page = HEAD.to_owned();
    let mut tag = "";
    for operation in operations {
        if operation.tag != tag {
            tag = &operation.tag;
            let _ = write!(
                page,
                "\n## {tag}\n\n| operation | what it does | who may | by key | in a person's place |\n|---|---|---|---|---|\n"
            );
        }
        let Some(who) = policy::of(&operation.to_string()) else {
            continue;
        };
        let _ = writeln!(
            page,
            "| `{operation}` | {} | {who} | {} | {} |",
            operation.summary,
            who.keys(),
            who.in_place()
        );
    }
    page += "\n## What each permission opens\n\n| permission | operations |\n|---|---|\n";
    for permission in ServicePermission::ALL {
        let opened: Vec<String> = operations
            .iter()
            .filter(|operation| {
                policy::of(&operation.to_string()).and_then(policy::Who::permission) == Some(permission)
            })
            .map(|operation| format!("`{operation}`"))
            .collect();
        let opened = if opened.is_empty() {
            "none yet".to_owned()
        } else {
            opened.join("<br>")
        };
        let _ = writeln!(page, "| `{}` | {opened} |", permission.as_str());
    }
    page += "\n## What each scope of an integration opens\n\n| scope | operations |\n|---|---|\n";
    for scope in IntegrationScope::ALL {
        let opened: Vec<String> = operations
            .iter()
            .filter(|operation| policy::of(&operation.to_string()) == Some(policy::Who::Scope(scope)))
            .map(|operation| format!("`{operation}`"))
            .collect();
        let opened = if opened.is_empty() {
            "none yet".to_owned()
        } else {
            opened.join("<br>")
        };
        let _ = writeln!(page, "| `{}` | {opened} |", scope.as_str());
    }
    page
}
