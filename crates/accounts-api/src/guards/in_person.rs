//! Members in person: what no API key does, whatever it was given.

use accounts_domain::permission::ServicePermission;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::keys::Takes;
use super::{Member, describe_account, enter};
use crate::describe::{Describe, Description};
use crate::gate::{LocalFuture, opens};
use crate::problem::Problem;

/// A live member of the account in the path, in person: no API key is taken.
#[derive(Debug, Clone)]
pub struct MemberInPerson(pub Member);

/// A member who may make and revoke the account's API keys, in person: a key never manages keys.
#[derive(Debug, Clone)]
pub struct ManagesKeys(pub Member);

impl std::ops::Deref for MemberInPerson {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

impl std::ops::Deref for ManagesKeys {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

impl FromRequest for MemberInPerson {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        opens(&request.clone(), async move {
            enter(&request, Takes::Persons).await.map(Self)
        })
    }
}

impl FromRequest for ManagesKeys {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        opens(&request.clone(), async move {
            let member = enter(&request, Takes::Persons).await?;
            member.roster.require(member.by(), ServicePermission::KeysManage)?;
            Ok(Self(member))
        })
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
