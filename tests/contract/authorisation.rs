//! Every operation of the document × every kind of caller × whatever its path may name (R32, R33).
//!
//! The callers and the paths are made here; who may is said in `policy.rs` alone. An operation that the
//! table does not list fails, and so does a row without an operation. With `REWRITE=1` (`make permissions`)
//! `docs/permissions.md` is written from the table.

mod cast;
mod document;
mod ids;
mod page;
mod policy;

use std::{collections::BTreeSet, env, fmt, fs, path::Path};

use accounts_domain::integrations::IntegrationScope;
use accounts_tests::{Answer, on_both};

use self::{
    cast::{Cast, Kind},
    document::Operation,
    ids::Ids,
    policy::{POLICY, Who},
};

/// What a caller is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Anything but 401, 403, 404 and failures of the service.
    Passes,
    /// 401.
    Unauthenticated,
    /// 403 with the code, and the permission that is lacking.
    Refused(&'static str, Option<&'static str>),
    /// 404.
    NotFound,
}

on_both! {
    cast::setup();

    fn r_32_r_33_everybody_does_what_the_policy_lets_them_do_and_nothing_else(app) {
        let cast = Cast::of(app);
        let mut wrong = Vec::new();
        let (last, first): (Vec<_>, Vec<_>) = document::operations().into_iter().partition(Operation::comes_last);
        let before = cast.rows();
        for operation in &first {
            try_everybody(&cast, operation, &mut wrong);
        }
        for (table, rows) in cast.rows() {
            if before[&table] != rows {
                let new: Vec<_> = rows.iter().filter(|row| !before[&table].contains(row)).collect();
                wrong.push(format!("{table} has changed: {new:#?}"));
            }
        }
        // Whoever logs out does nothing more.
        let (log_out, end): (Vec<_>, Vec<_>) = last.iter().partition(|operation| operation.path == "/v1/sessions/current");
        for operation in end.into_iter().chain(log_out) {
            try_everybody(&cast, operation, &mut wrong);
        }
        let few: Vec<_> = wrong.iter().take(20).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), few.join("\n"));
    }
}

#[test]
fn the_policy_lists_every_operation_and_no_other() {
    let documented: BTreeSet<String> = document::operations().iter().map(ToString::to_string).collect();
    let listed: BTreeSet<String> = POLICY.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    assert_eq!(listed.len(), POLICY.len(), "policy.rs says something twice");
    for operation in &documented {
        assert!(
            listed.contains(operation),
            "say in policy.rs who may call `{operation}`"
        );
    }
    for operation in &listed {
        assert!(
            documented.contains(operation),
            "policy.rs: there is no operation `{operation}`"
        );
    }
}

#[test]
fn the_document_says_what_the_policy_says() {
    for operation in document::operations() {
        let who = policy::of(&operation.to_string()).unwrap();
        assert_eq!(operation.secured, who != Who::Anyone, "{operation}: `security`");
        let permission = who.needs().map(str::to_owned);
        assert_eq!(operation.permission, permission, "{operation}: `x-permission`");
        let takes_keys = operation.schemes.iter().any(|scheme| scheme == "api_key");
        assert_eq!(takes_keys, who.takes_keys(), "{operation}: `security` and API keys");
    }
}

#[test]
fn the_page_of_permissions_is_the_policy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions.md");
    let page = page::page(&document::operations());
    if env::var_os("REWRITE").is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/permissions.md is behind the policy: run `make permissions`"
    );
}

fn try_everybody(cast: &Cast<'_>, operation: &Operation, wrong: &mut Vec<String>) {
    let who = policy::of(&operation.to_string()).unwrap_or_else(|| panic!("policy.rs does not list `{operation}`"));
    for caller in &cast.callers {
        for ids in Ids::of(&operation.parameters())
            .into_iter()
            .filter(|ids| matters(who, caller.kind, *ids))
        {
            let expected = expected(who, caller.kind, ids, operation);
            let answer = cast.request(operation, caller, ids).send();
            if !expected.is_met_by(&answer) {
                wrong.push(format!("{:?} to {ids:?}: expected {expected}\n{answer}", caller.kind));
            }
            if operation.method == "GET" && ids == Ids::Own {
                let path = cast.path(operation, caller, ids);
                let head = caller.client.request("HEAD", path).send();
                if head.status() != answer.status() {
                    wrong.push(format!(
                        "{:?}: GET is answered {}, and HEAD\n{head}",
                        caller.kind,
                        answer.status()
                    ));
                }
            }
        }
    }
}

/// Members with one permission are many. Those whose permission does not open the operation are asked about
/// the account's own things alone: for all else they are as the member without permissions.
fn matters(who: Who, kind: Kind, ids: Ids<'_>) -> bool {
    match kind {
        Kind::With(permission) | Kind::KeyWith(permission) => ids == Ids::Own || who.permission() == Some(permission),
        Kind::Integration(_) => ids == Ids::Own || matches!(who, Who::Scope(_)),
        Kind::Anonymous
        | Kind::Stranger
        | Kind::Former
        | Kind::Bare
        | Kind::Everything
        | Kind::EveryScope
        | Kind::Contact
        | Kind::UserKey
        | Kind::AccountKey
        | Kind::TestKey
        | Kind::Support
        | Kind::Admin
        | Kind::Impersonating
        | Kind::Owner => true,
    }
}

/// What the policy means for somebody who names these things.
fn expected(who: Who, kind: Kind, ids: Ids<'_>, operation: &Operation) -> Expected {
    let found = match ids.varied() {
        None => Expected::Passes,
        // A number that there is not is opened.
        Some("external_id") if operation.method == "PUT" => Expected::Passes,
        Some(_) => Expected::NotFound,
    };
    if who == Who::Anyone {
        return found;
    }
    if who.is_providers() || matches!(kind, Kind::Support | Kind::Admin) {
        return expected_of_staff(who, kind, ids);
    }
    if let Some(apart) = across_the_planes(who, kind, found) {
        return apart;
    }
    if kind.is_key()
        && let Some(refused) = refused_to_keys(who, kind, operation)
    {
        return refused;
    }
    if kind == Kind::Anonymous {
        return Expected::Unauthenticated;
    }
    let in_place = Expected::Refused("impersonation-refused", None);
    if kind == Kind::Impersonating
        && matches!(
            who,
            Who::SignedIn | Who::MemberInPerson | Who::HasInPerson(_) | Who::Owner | Who::Recipient
        )
    {
        return in_place;
    }
    if matches!(who, Who::SignedIn | Who::SignedInOrOperator | Who::SignedInOrKey) {
        return found;
    }
    let Some(standing) = standing(kind, ids) else {
        return Expected::NotFound;
    };
    if kind == Kind::Impersonating && matches!(who, Who::HasOwnHand(_)) {
        return in_place;
    }
    let has = |permission| match standing {
        Kind::Owner | Kind::Everything | Kind::UserKey | Kind::AccountKey | Kind::TestKey | Kind::Impersonating => true,
        Kind::With(own) | Kind::KeyWith(own) => own == permission,
        Kind::Anonymous
        | Kind::Stranger
        | Kind::Former
        | Kind::Bare
        | Kind::Contact
        | Kind::Integration(_)
        | Kind::EveryScope
        | Kind::Support
        | Kind::Admin => false,
    };
    let is_self = standing == Kind::Contact && !matches!(ids.varied(), Some("contact" | "user"));
    match who {
        Who::Anyone
        | Who::SignedIn
        | Who::SignedInOrOperator
        | Who::SignedInOrKey
        | Who::Scope(_)
        | Who::Operator
        | Who::Admin
        | Who::Member
        | Who::MemberInPerson => found,
        Who::Has(permission) | Who::HasInPerson(permission) | Who::HasOwnHand(permission) if has(permission) => found,
        Who::HasOrSelf(permission) if has(permission) || is_self => found,
        Who::Has(permission)
        | Who::HasInPerson(permission)
        | Who::HasOwnHand(permission)
        | Who::HasOrSelf(permission) => Expected::Refused("forbidden", Some(permission.as_str())),
        Who::Owner if standing == Kind::Owner => found,
        Who::Owner => Expected::Refused("owner-only", None),
        // Every member may look at transfers, so that it is no secret which there are.
        Who::Recipient if found == Expected::NotFound || standing == Kind::Contact => found,
        Who::Recipient => Expected::Refused("other-person", None),
    }
}

/// What is told where an integration calls, or where only integrations may: the two planes are apart (R40).
fn across_the_planes(who: Who, kind: Kind, found: Expected) -> Option<Expected> {
    let has = match kind {
        Kind::Integration(own) => vec![own],
        Kind::EveryScope => IntegrationScope::ALL.to_vec(),
        Kind::Anonymous
        | Kind::Stranger
        | Kind::Former
        | Kind::Bare
        | Kind::With(_)
        | Kind::Everything
        | Kind::Contact
        | Kind::Owner
        | Kind::UserKey
        | Kind::AccountKey
        | Kind::KeyWith(_)
        | Kind::TestKey
        | Kind::Support
        | Kind::Admin
        | Kind::Impersonating => Vec::new(),
    };
    match (who, has.as_slice()) {
        (Who::Scope(_), []) if kind == Kind::Anonymous => Some(Expected::Unauthenticated),
        (Who::Scope(_), []) => Some(Expected::NotFound),
        (Who::Scope(scope), own) if own.contains(&scope) => Some(found),
        (Who::Scope(scope), _) => Some(Expected::Refused("forbidden", Some(scope.as_str()))),
        (_, []) => None,
        (_, _) => Some(Expected::Unauthenticated),
    }
}

/// What the provider's operations tell everybody, and all others the provider's staff: the two are apart (R40). Operators
/// find whatever is there, whoever's it is, and integrations are nobody here.
fn expected_of_staff(who: Who, kind: Kind, ids: Ids<'_>) -> Expected {
    let is_staff = matches!(kind, Kind::Support | Kind::Admin);
    let is_nobody = matches!(kind, Kind::Anonymous | Kind::Integration(_) | Kind::EveryScope);
    match ids {
        _ if is_nobody || (is_staff && !who.is_providers()) => Expected::Unauthenticated,
        _ if !is_staff => Expected::NotFound,
        _ if who == Who::Admin && kind == Kind::Support => Expected::Refused("admin-only", None),
        // The only keys of the provider's are those of its integrations, and each is found below its own alone; a contact is
        // below its account.
        Ids::Random(_) | Ids::WrongKind(_) | Ids::Foreign("key" | "account" | "contact") => Expected::NotFound,
        Ids::Own | Ids::Others | Ids::Foreign(_) | Ids::Deleted(_) => Expected::Passes,
    }
}

/// What is refused to a key before anybody looks at what the path names.
fn refused_to_keys(who: Who, kind: Kind, operation: &Operation) -> Option<Expected> {
    let of_account = matches!(kind, Kind::AccountKey | Kind::KeyWith(_));
    if !who.takes_keys() || (who == Who::SignedInOrKey && of_account) {
        return Some(Expected::Refused("person-only", None));
    }
    let writes = operation.method != "GET";
    (kind == Kind::TestKey && writes).then_some(Expected::Refused("test-key-reads-only", None))
}

/// What somebody is in the account that the path names; nothing outside it.
fn standing(kind: Kind, ids: Ids<'_>) -> Option<Kind> {
    let is_member = !matches!(
        kind,
        Kind::Anonymous | Kind::Stranger | Kind::Former | Kind::Support | Kind::Admin
    );
    match ids {
        Ids::Random("account") | Ids::WrongKind("account") => None,
        Ids::Others | Ids::Foreign("account") => (kind == Kind::Stranger).then_some(Kind::Owner),
        Ids::Own | Ids::Foreign(_) | Ids::Deleted(_) | Ids::Random(_) | Ids::WrongKind(_) => is_member.then_some(kind),
    }
}

impl Expected {
    fn is_met_by(self, answer: &Answer) -> bool {
        let json = answer.json();
        match self {
            Self::Passes => !matches!(answer.status(), 401 | 403 | 404 | 405 | 500..),
            Self::Unauthenticated => answer.status() == 401 && json["code"] == "unauthenticated",
            Self::NotFound => answer.status() == 404,
            Self::Refused(code, permission) => {
                answer.status() == 403 && json["code"] == code && json["permission"].as_str() == permission
            }
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes => f.write_str("that the gate is passed"),
            Self::Unauthenticated => f.write_str("401"),
            Self::NotFound => f.write_str("404"),
            Self::Refused(code, Some(permission)) => write!(f, "403 `{code}` for `{permission}`"),
            Self::Refused(code, None) => write!(f, "403 `{code}`"),
        }
    }
}
