//! In person: what no API key does, whatever it was given, and what no operator does in a person's place.

use accounts_domain::operators::require_own_hand;
use accounts_domain::permission::ServicePermission;
use actix_web::HttpRequest;

use super::admit::{Admit, guards};
use super::by_permission::require_target;
use super::keys::Takes;
use super::{Member, SignedIn, describe_account, enter, in_session};
use crate::describe::{Describe, Description};
use crate::problem::{Code, Problem};

/// A live member of the account in the path, in person: no API key is taken.
#[derive(Debug, Clone)]
pub struct MemberInPerson(pub Member);

/// A member who may make and revoke the account's API keys, in person: a key never manages keys.
#[derive(Debug, Clone)]
pub struct ManagesKeys(pub Member);

/// The same member when it makes a key, which lives on when the session has ended: it proved to be the user within the last
/// ten minutes (R05), as [`super::Reauthenticated`] asks of a person.
#[derive(Debug, Clone)]
pub struct MakesKeys(pub Member);

/// A member who may erase contacts: no operator does that in a person's place.
#[derive(Debug, Clone)]
pub struct ErasesContacts(pub Member);

/// Somebody with a live session: in person, or an operator in the person's place. No API key is taken.
#[derive(Debug, Clone)]
pub struct AnySession(pub SignedIn);

guards!(
    MemberInPerson around Member,
    ManagesKeys around Member,
    MakesKeys around Member,
    ErasesContacts around Member,
    AnySession around SignedIn,
);

impl Admit for ErasesContacts {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let member = enter(request, Takes::AllKeys).await?;
        require_own_hand(member.by())?;
        member.roster.require(member.by(), ServicePermission::ContactsManage)?;
        require_target(request, &member)?;
        Ok(Self(member))
    }
}

impl Admit for AnySession {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        in_session(request, Takes::Sessions).await.map(Self)
    }
}

impl Describe for ErasesContacts {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.needs(ServicePermission::ContactsManage.as_str());
        description.refuses(Code::ImpersonationRefused);
        describe_account(description);
    }
}

impl Describe for AnySession {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured_for_sessions();
    }
}

impl Admit for MemberInPerson {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        enter(request, Takes::Persons).await.map(Self)
    }
}

impl Admit for ManagesKeys {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let member = enter(request, Takes::Persons).await?;
        member.roster.require(member.by(), ServicePermission::KeysManage)?;
        Ok(Self(member))
    }
}

impl Admit for MakesKeys {
    async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let member = enter(request, Takes::Persons).await?;
        member.roster.require(member.by(), ServicePermission::KeysManage)?;
        member.person.require_proof()?;
        Ok(Self(member))
    }
}

impl Describe for MemberInPerson {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.secured();
        describe_account(description);
    }
}

impl Describe for ManagesKeys {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.needs_in_person(ServicePermission::KeysManage.as_str());
        describe_account(description);
    }
}

impl Describe for MakesKeys {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        ManagesKeys::describe(description);
        description.refuses(Code::ReauthenticationRequired);
    }
}
