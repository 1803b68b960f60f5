//! Answers about one state of an account, remembered until the state changes.
//!
//! A revision stands for one content of an account, so an answer that depends on nothing but the account, the reader,
//! the language and the address is the same for as long as the account has that revision. Who may read it, and which
//! revision is the present one, is asked for each request before an answer is looked up here.

use std::sync::Arc;

use accounts_domain::language::Language;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::describe::{Describe, Description};
use crate::gate::{Held, Rank, held};
use crate::guards::Member;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::texts;

/// How many bytes the remembered answers may take, roughly.
const BYTES: u64 = 16 << 20;

/// What an answer takes beside its body, in bytes, roughly.
const BESIDE: usize = 500;

/// How many answers are expected.
const USUAL: usize = 1024;

/// What an answer depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    account: Uuid,
    revision: i64,
    reader: Uuid,
    language: Language,
    address: Box<str>,
}

#[derive(Clone)]
struct BySize;

impl Weighter<Key, Reply> for BySize {
    fn weight(&self, key: &Key, reply: &Reply) -> u64 {
        u64::try_from(BESIDE + key.address.len() + reply.size()).unwrap_or(u64::MAX)
    }
}

/// The answers that are remembered. Clones share them.
#[derive(Clone)]
pub struct Answers(Arc<Cache<Key, Reply, BySize>>);

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("entries", &self.0.len()).finish()
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self(Arc::new(Cache::with_weighter(USUAL, BYTES, BySize)))
    }
}

/// Where the answer to this request is remembered: the argument of a handler that reads an account.
#[derive(Debug)]
pub struct Memo {
    language: Language,
    address: Box<str>,
}

impl Memo {
    /// The answer from before, or the one that `work` makes of the account, the reader, the language and the address;
    /// of nothing else, the time of day included.
    ///
    /// # Errors
    /// Whatever `work` refuses, which is not remembered.
    pub fn answer(self, member: &Member, work: impl FnOnce() -> Result<Reply, Problem>) -> Result<Reply, Problem> {
        let account = member.roster.account();
        let key = Key {
            account: account.id.uuid(),
            revision: account.revision,
            reader: member.person.id(),
            language: self.language,
            address: self.address,
        };
        let answers = &member.person.service.answers.0;
        if let Some(reply) = answers.get(&key) {
            return Ok(reply);
        }
        let reply = work()?;
        answers.insert(key, reply.clone());
        Ok(reply)
    }
}

impl FromRequest for Memo {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let memo = Self {
            language: texts::wanted(request.headers()),
            address: request
                .uri()
                .path_and_query()
                .map_or("", |address| address.as_str())
                .into(),
        };
        held(request, Rank::Value, Ok(memo))
    }
}

impl Describe for Memo {
    fn describe(_: &mut Description) {}
}
