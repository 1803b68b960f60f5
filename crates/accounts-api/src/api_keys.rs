//! API keys: of a person and of an account, made, listed, read and revoked. Their secrets are shown once.

use std::collections::BTreeSet;

use accounts_domain::api_keys::{ApiKey, KeyHolder, KeyMode};
use accounts_domain::ids::{AccountId, ApiKeyId, UserId};
use accounts_domain::keys::PermissionKey;
use accounts_domain::names::KeyName;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use accounts_store::Decision;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::contacts::keys_of;
use crate::describe::{answer, id_schema};
use crate::guards::{Caller, MakesKeys, ManagesKeys, Reauthenticated, SignedIn};
use crate::key_text::NewSecret;
use crate::moment;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::permissions;
use crate::precondition::IfMatch;
use crate::problem::{Fault, FieldCode, FieldFault, Place, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};

/// In how many days a key ends at the latest, where it says that it ends.
const LONGEST: TimeDelta = TimeDelta::days(3653);

/// How many accounts a key names at most.
const ACCOUNTS: usize = 100;

path_values! {
    /// The API key.
    PathKey(ApiKeyId) = "key", id_schema("key");
}

pub(crate) fn routes() -> Routes {
    routes![
        list_my_api_keys,
        make_my_api_key,
        read_my_api_key,
        revoke_my_api_key,
        list_api_keys,
        make_api_key,
        read_api_key,
        revoke_api_key
    ]
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyView {
    /// Its id.
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What its maker calls it.
    #[schema(example = "Nightly import")]
    name: String,
    /// With what it begins.
    #[schema(example = "ak_live_01h455vb4pex5vsknk084sn02q")]
    prefix: String,
    /// Whether it is a test key, which reads and changes nothing.
    test: bool,
    /// Whether it may do all that its maker may.
    all_permissions: bool,
    /// What it may do, as far as its maker may at that moment.
    #[schema(example = json!(["contacts:view"]))]
    permissions: Vec<String>,
    /// The accounts that a person's key is kept to; `null` for all of the person, and for a key of an account.
    #[schema(required = true)]
    account_ids: Option<Vec<String>>,
    /// Who made it.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    made_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends by itself.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[schema(required = true, format = DateTime)]
    last_used_at: Option<String>,
}

/// A new API key, with its secret: it is shown this once and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key itself, for `Authorization: Bearer`.
    #[schema(example = "ak_live_01h455vb4pex5vsknk084sn02q_LEljZ9bVl1Qm5bNBhvzHk3U1sDPtu0X2cJYyqQb7Rao")]
    key: String,
    /// What is shown of it later on.
    #[serde(flatten)]
    shown: ApiKeyView,
}

page! {
    /// A page of API keys.
    ApiKeyPage of ApiKeyView
}

impl ApiKeyView {
    pub(crate) fn of(key: &ApiKey, last_used_at: Option<DateTime<Utc>>) -> Self {
        let permissions = match &key.permissions {
            Permissions::All => Vec::new(),
            Permissions::Chosen(chosen) => chosen.iter().map(ToString::to_string).collect(),
        };
        let accounts = key.accounts.as_ref();
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            prefix: key.prefix(),
            test: key.mode == KeyMode::Test,
            all_permissions: key.permissions == Permissions::All,
            permissions,
            account_ids: accounts.map(|ids| ids.iter().map(ToString::to_string).collect()),
            made_by: key.maker.to_string(),
            created_at: moment::shown(key.created_at),
            expires_at: key.expires_at.map(moment::shown),
            last_used_at: last_used_at.map(moment::shown),
        }
    }
}

/// An API key of an account that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Nightly import", "permissions": ["contacts:view"]}))]
pub struct ApiKeyBody {
    /// What it is called.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it may do: permissions that its maker has, too. They are needed where `all_permissions` is not true.
    #[schema(nullable = false, max_items = 200)]
    permissions: Option<Vec<String>>,
    /// Everything that its maker may do, permissions that are added later included.
    all_permissions: Option<bool>,
    /// Whether it is a test key, which reads and changes nothing.
    test: Option<bool>,
    /// When it ends by itself: within ten years (RFC 3339). Without it, it lives until it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// An API key of a person that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "My scripts", "permissions": ["contacts:view"]}))]
pub struct MyApiKeyBody {
    /// What it is called.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it may do, as far as the person may. They are needed where `all_permissions` is not true.
    #[schema(nullable = false, max_items = 200)]
    permissions: Option<Vec<String>>,
    /// Everything that the person may do, permissions that are added later included.
    all_permissions: Option<bool>,
    /// Whether it is a test key, which reads and changes nothing.
    test: Option<bool>,
    /// When it ends by itself: within ten years (RFC 3339). Without it, it lives until it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The accounts that it is kept to; every one of the person where nothing is said.
    #[schema(max_items = 100)]
    account_ids: Option<Vec<String>>,
}

/// An API key that is to be made, read.
#[derive(Debug)]
pub struct AskedKey {
    name: KeyName,
    permissions: Permissions,
    mode: KeyMode,
    expires_at: Option<DateTime<Utc>>,
    accounts: Option<Vec<AccountId>>,
}

impl Parse for ApiKeyBody {
    type Parsed = AskedKey;

    fn parse(self, faults: &mut Faults) -> Option<AskedKey> {
        let body = MyApiKeyBody {
            name: self.name,
            permissions: self.permissions,
            all_permissions: self.all_permissions,
            test: self.test,
            expires_at: self.expires_at,
            account_ids: None,
        };
        body.parse(faults)
    }
}

impl Parse for MyApiKeyBody {
    type Parsed = AskedKey;

    fn parse(self, faults: &mut Faults) -> Option<AskedKey> {
        let name = faults.text("name", self.name, KeyName::parse);
        let everything = self.all_permissions == Some(true);
        if self.permissions.is_none() && !everything {
            faults.add("permissions", FieldCode::Required);
        }
        permissions::require_one(faults, self.all_permissions, self.permissions.as_deref());
        let chosen: Option<BTreeSet<PermissionKey>> =
            keys_of(faults, "permissions", self.permissions.unwrap_or_default());
        let expires_at = faults.optional_text("expires_at", self.expires_at, moment::read);
        let accounts = self.account_ids.map(|ids| accounts_of(faults, ids));
        faults.is_empty().then_some(())?;
        Some(AskedKey {
            name: name?,
            permissions: if everything {
                Permissions::All
            } else {
                Permissions::Chosen(chosen?)
            },
            mode: if self.test == Some(true) {
                KeyMode::Test
            } else {
                KeyMode::Live
            },
            expires_at,
            accounts: accounts.flatten(),
        })
    }
}

/// Refuses an end of a key that does not lie ahead, or too far.
pub(crate) fn require_ahead(end: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Result<(), Problem> {
    if end.is_some_and(|end| end <= at || end > at + LONGEST) {
        return Err(Problem::invalid_field("/expires_at", FieldCode::NotAhead));
    }
    Ok(())
}

fn accounts_of(faults: &mut Faults, ids: Vec<String>) -> Option<Vec<AccountId>> {
    faults.each("account_ids", ids, ACCOUNTS, |faults, id| {
        let id = id.parse().ok();
        if id.is_none() {
            faults.add_here(FieldCode::InvalidFormat);
        }
        id
    })
}

/// A key that is about to be made, with its secret.
struct Minted {
    key: ApiKey,
    secret: NewSecret,
}

impl Minted {
    /// Makes up a key. Refused are permissions that nobody knows, and an end that does not lie ahead.
    fn of(asked: AskedKey, maker: &Caller) -> Result<Self, Problem> {
        let at = maker.by.at;
        if let Permissions::Chosen(chosen) = &asked.permissions {
            let catalog = maker.service.store.catalog();
            if let Some(unknown) = chosen.iter().find(|key| !catalog.knows_permission(key)) {
                let fault = FieldFault::new(FieldCode::UnknownPermission).with("key", unknown.as_str());
                return Err(Problem::invalid_field("/permissions", fault));
            }
        }
        require_ahead(asked.expires_at, at)?;
        let secret = NewSecret::generate().ok_or_else(|| Problem::internal("no randomness"))?;
        let key = ApiKey {
            id: ApiKeyId::new(),
            maker: maker.user.id,
            name: asked.name,
            mode: asked.mode,
            permissions: asked.permissions,
            accounts: asked.accounts.map(|accounts| accounts.into_iter().collect()),
            expires_at: asked.expires_at,
            created_at: at,
            secret: secret.hash(),
        };
        Ok(Self { key, secret })
    }

    /// 201 with the secret, which no cache and no repeat ever shows again.
    fn reply(&self, list: &str) -> Reply {
        let made = NewApiKey {
            key: self.secret.whole(&self.key.prefix()),
            shown: ApiKeyView::of(&self.key, None),
        };
        Reply::created(&format!("{list}/{}", self.key.id), &made)
            .tagged_as(&made.shown)
            .cache("no-store")
    }
}

/// Refuses to keep a key to accounts that are none of the person's: most likely one is mistyped.
async fn require_own(person: &SignedIn, named: Option<&[AccountId]>) -> Result<(), Problem> {
    let Some(named) = named else {
        return Ok(());
    };
    let (store, user, at) = (&person.service.store, person.user.id, person.by.at);
    let among = Some(named.to_vec());
    let found = store.accounts_among(user, among, None, i64::from(u8::MAX), at).await?;
    let is_own = |id: &AccountId| found.iter().any(|roster| roster.account().id == *id);
    let others = named.iter().enumerate().filter(|(_, id)| !is_own(id));
    let faults: Vec<Fault> = others
        .map(|(index, id)| {
            let fault = FieldFault::new(FieldCode::UnknownAccount).with("key", id.to_string());
            Fault::at(Place::Pointer(format!("/account_ids/{index}")), fault)
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid_fields(faults))
    }
}

/// A page of keys, the latest first.
async fn page_of<'a>(
    caller: &Caller,
    keys: impl DoubleEndedIterator<Item = &'a std::sync::Arc<ApiKey>>,
    paging: Paging<String>,
) -> Result<Reply, Problem> {
    let after: Option<ApiKeyId> = paging.after.as_deref().and_then(|id| id.parse().ok());
    let found: Vec<_> = keys
        .rev()
        .filter(|key| after.is_none_or(|after| key.id < after))
        .take(paging.limit + 1)
        .cloned()
        .collect();
    let ids = found.iter().map(|key| key.id).collect();
    let uses = caller.service.store.key_uses(KeyHolder::Customer, ids).await?;
    let page = paging.page(found, |key| key.id.to_string());
    let view = |key: std::sync::Arc<ApiKey>| ApiKeyView::of(&key, uses.get(&key.id).copied());
    Ok(page.map(view).reply().tagged_by_body())
}

async fn shown(caller: &Caller, key: &ApiKey) -> Result<Reply, Problem> {
    let uses = caller.service.store.key_uses(KeyHolder::Customer, vec![key.id]).await?;
    Ok(Reply::ok(&ApiKeyView::of(key, uses.get(&key.id).copied())).tagged_by_body())
}

async fn read_person(person: &Caller) -> Result<accounts_domain::users::Person, Problem> {
    let id: UserId = person.user.id;
    person.service.store.person(id).await?.ok_or_else(Problem::not_found)
}

/// List my API keys
///
/// The keys that act as the caller, the latest first, those that ended within the last thirty days too. Their secrets are
/// not shown.
#[utoipa::path(
    get,
    path = "/v1/me/api-keys",
    tag = "api-keys",
    responses((status = 200, description = "A page of API keys.", body = ApiKeyPage), answer::NotModified)
)]
async fn list_my_api_keys(person: SignedIn, paging: Paging<String>) -> Result<Reply, Problem> {
    let found = read_person(&person).await?;
    page_of(&person, found.remembered_keys(person.by.at), paging).await
}

/// Make an API key of mine
///
/// It acts as the caller in every account of theirs, or in those named, with the permissions given and never with more
/// than the caller has at that moment. The answer holds the key, which is shown this once; the caller is told by mail.
/// It lives until it ends, is revoked, or the password is changed. At most 25 at a time. It takes a proof of the last ten
/// minutes, because a key outlives the session that makes it (R05).
#[utoipa::path(
    post,
    path = "/v1/me/api-keys",
    tag = "api-keys",
    responses(
        (status = 201, description = "The API key, with its secret.", body = NewApiKey),
        refusal::KeyLimitReached,
    )
)]
async fn make_my_api_key(person: Reauthenticated, Checked(asked): Checked<MyApiKeyBody>) -> Result<Reply, Problem> {
    require_own(&person, asked.accounts.as_deref()).await?;
    let minted = Minted::of(asked, &person)?;
    let key = minted.key.clone();
    person.decide(move |person| person.make_key(&key)).await?;
    Ok(minted.reply("/v1/me/api-keys"))
}

/// Read one of my API keys
///
/// All of it but its secret.
#[utoipa::path(
    get,
    path = "/v1/me/api-keys/{key}",
    tag = "api-keys",
    responses((status = 200, description = "The API key.", body = ApiKeyView), answer::NotModified)
)]
async fn read_my_api_key(person: SignedIn, PathKey(id): PathKey) -> Result<Reply, Problem> {
    my_key(&person, id).await
}

async fn my_key(person: &SignedIn, id: ApiKeyId) -> Result<Reply, Problem> {
    let found = read_person(person).await?;
    let key = found.remembered_key(id, person.by.at).ok_or_else(Problem::not_found)?;
    shown(person, key).await
}

/// Revoke one of my API keys
///
/// At once: it opens nothing from the next request on.
#[utoipa::path(
    delete,
    path = "/v1/me/api-keys/{key}",
    tag = "api-keys",
    responses((status = 204, description = "The API key is revoked."))
)]
async fn revoke_my_api_key(person: SignedIn, PathKey(id): PathKey, if_match: IfMatch) -> Result<Reply, Problem> {
    if_match.check_read(my_key(&person, id)).await?;
    let at = person.by.at;
    person.decide(move |person| person.revoke_key(id, at)).await?;
    Ok(Reply::no_content())
}

/// List the API keys
///
/// The keys of the account, whoever made them, the latest first, those that ended within the last thirty days too. Their
/// secrets are not shown.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/api-keys",
    tag = "api-keys",
    responses((status = 200, description = "A page of API keys.", body = ApiKeyPage), answer::NotModified)
)]
async fn list_api_keys(member: ManagesKeys, paging: Paging<String>) -> Result<Reply, Problem> {
    let at = member.by().at;
    page_of(&member.person, member.roster.remembered_keys(at), paging).await
}

/// Make an API key
///
/// It acts in this account alone, with the permissions given, which its maker has, and never with more than its maker has
/// at that moment; with its maker's membership it ends. The answer holds the key, which is shown this once; the owner is
/// told by mail. At most 50 at a time. It takes a proof of the last ten minutes, because a key outlives the session that
/// makes it (R05).
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/api-keys",
    tag = "api-keys",
    responses(
        (status = 201, description = "The API key, with its secret.", body = NewApiKey),
        refusal::AccountSuspended,
        refusal::CannotGrant,
        refusal::KeyLimitReached,
    )
)]
async fn make_api_key(member: MakesKeys, Checked(asked): Checked<ApiKeyBody>) -> Result<Reply, Problem> {
    let minted = Minted::of(asked, &member.person)?;
    let key = minted.key.clone();
    let unkept = |_: &Decision| Reply::no_content();
    member
        .decide(move |roster: &Roster, by| roster.make_key(by, &key), unkept)
        .await?;
    Ok(minted.reply(&format!("/v1/accounts/{}/api-keys", member.account)))
}

/// Read an API key
///
/// All of it but its secret.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/api-keys/{key}",
    tag = "api-keys",
    responses((status = 200, description = "The API key.", body = ApiKeyView), answer::NotModified)
)]
async fn read_api_key(member: ManagesKeys, PathKey(id): PathKey) -> Result<Reply, Problem> {
    key_of(&member, id).await
}

async fn key_of(member: &ManagesKeys, id: ApiKeyId) -> Result<Reply, Problem> {
    let key = member.roster.remembered_key(id, member.by().at);
    let key = key.ok_or_else(Problem::not_found)?;
    shown(&member.person, key).await
}

/// Revoke an API key
///
/// At once: it opens nothing from the next request on. A suspended account may do so, too.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/api-keys/{key}",
    tag = "api-keys",
    responses((status = 204, description = "The API key is revoked."))
)]
async fn revoke_api_key(member: ManagesKeys, PathKey(id): PathKey, if_match: IfMatch) -> Result<Reply, Problem> {
    if_match.check_read(key_of(&member, id)).await?;
    let gone = |_: &Decision| Reply::no_content();
    member
        .decide(move |roster: &Roster, by| roster.revoke_key(by, id), gone)
        .await
}
