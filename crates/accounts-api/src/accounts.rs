//! Accounts: opened, read, changed, and those of a person.

mod lockout;

use std::sync::Arc;

use accounts_domain::accounts::{AccountPatch, OpenAccount, OpenForCustomer};
use accounts_domain::actor::By;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, ContactId, VerificationId};
use accounts_domain::names::{
    AccountName, AddressLine, DisplayName, ExternalId, PersonName, TaxId, ValueFault, sort_key,
};
use accounts_domain::phone::PhoneNumber;
use accounts_domain::roster::{Account, AccountProfile, ContactProfile, PostalAddress, Roster};
use accounts_domain::users::User;
use accounts_store::{AccountMark, Decision};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::AccessView;
use crate::body::{Checked, Faults, Parse, present};
use crate::contacts::{PhoneBody, language_of, phones_of};
use crate::describe::answer;
use crate::guards::{Caller, Credential, ManagesAccount, Member, SignedIn};
use crate::idempotency::Idempotency;
use crate::moment;
use crate::page::{Paging, page};
use crate::precondition::IfMatch;
use crate::problem::{FieldCode, Problem, refusal};
use crate::query::Preview;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use lockout::{ChangedAccount, Lockout};

pub(crate) fn routes() -> Routes {
    routes![open_account, read_account, change_account, list_my_accounts]
}

/// A postal address.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostalAddressView {
    /// Street, house, floor.
    #[schema(example = json!(["12 Rua das Flores"]))]
    lines: Vec<String>,
    /// The postal code.
    #[schema(required = true)]
    postal_code: Option<String>,
    /// The town.
    #[schema(required = true)]
    city: Option<String>,
    /// State, province or department.
    #[schema(required = true)]
    region: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "PT")]
    country: String,
}

/// A customer organisation at the provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Its id.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The organisation's name.
    #[schema(example = "Lima Ltd")]
    name: String,
    /// The provider's customer number.
    #[schema(required = true)]
    external_id: Option<String>,
    /// `active`, `suspended` (it can be read, not changed) or `closed`.
    #[schema(example = "active")]
    status: String,
    /// The language of what is written to the organisation: `en` or `fr`.
    #[schema(example = "en")]
    language: String,
    /// The switchboard, in E.164 form.
    #[schema(required = true)]
    phone: Option<String>,
    /// Where post goes.
    #[schema(required = true)]
    postal_address: Option<PostalAddressView>,
    /// The company's tax number.
    #[schema(required = true)]
    tax_id: Option<String>,
    /// The contact that owns the account.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    owner_contact_id: String,
    /// The greatest number of contacts, the owner's own among them (M-04).
    #[schema(minimum = 1, maximum = 1000, example = 5)]
    contact_limit: i32,
    /// Whether only members with a second factor enter.
    second_factor_required: bool,
    /// When it was opened.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its own data last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl AccountView {
    /// What an account looks like to its members.
    pub fn of(roster: &Roster) -> Self {
        let Account {
            id,
            profile,
            external_id,
            status,
            second_factor_required,
            created_at,
            updated_at,
            ..
        } = roster.account();
        Self {
            id: id.to_string(),
            name: profile.name.to_string(),
            external_id: external_id.as_ref().map(ToString::to_string),
            status: status.as_str().to_owned(),
            language: profile.language.to_string(),
            phone: profile.phone.as_ref().map(ToString::to_string),
            postal_address: profile.postal_address.as_ref().map(PostalAddressView::of),
            tax_id: profile.tax_id.as_ref().map(ToString::to_string),
            owner_contact_id: roster.owner().to_string(),
            contact_limit: i32::from(roster.contact_limit()),
            second_factor_required: *second_factor_required,
            created_at: moment::shown(*created_at),
            updated_at: moment::shown(*updated_at),
        }
    }
}

impl AccountView {
    /// The same for a member whom the account does not let in yet: no more than it takes to tell it from others.
    fn seen_from_outside(self) -> Self {
        Self {
            external_id: None,
            phone: None,
            postal_address: None,
            tax_id: None,
            ..self
        }
    }
}

impl PostalAddressView {
    fn of(address: &PostalAddress) -> Self {
        let text = |line: &AddressLine| line.to_string();
        Self {
            lines: address.lines.iter().map(text).collect(),
            postal_code: address.postal_code.as_ref().map(text),
            city: address.city.as_ref().map(text),
            region: address.region.as_ref().map(text),
            country: address.country.clone(),
        }
    }
}

fn shown(roster: &Roster) -> Reply {
    Reply::ok(&AccountView::of(roster)).version(roster.account().version)
}

/// A further account of somebody who is logged in.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Lima Shipping", "display_name": "Ana Lima"}))]
pub struct AccountBody {
    /// The organisation's name.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    pub(crate) name: Option<String>,
    /// The language of what is written to it: `en` or `fr`; the caller's where nothing is said.
    #[schema(pattern = "^(en|fr)$")]
    pub(crate) language: Option<String>,
    /// How the caller is called as its first contact; the log-in's name where nothing is said.
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) display_name: Option<String>,
    /// The first name, where the catalog asks for it.
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) first_name: Option<String>,
    /// The last name, where the catalog asks for it.
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) last_name: Option<String>,
    /// Telephone numbers, where the catalog asks for one.
    #[schema(max_items = 10)]
    pub(crate) phones: Option<Vec<PhoneBody>>,
}

/// A further account that was read.
#[derive(Debug)]
pub struct NewAccount {
    name: AccountName,
    language: Option<accounts_domain::language::Language>,
    display_name: Option<DisplayName>,
    first_name: Option<PersonName>,
    last_name: Option<PersonName>,
    phones: Vec<accounts_domain::phone::Phone>,
}

impl Parse for AccountBody {
    type Parsed = NewAccount;

    fn parse(self, faults: &mut Faults) -> Option<NewAccount> {
        let name = faults.text("name", self.name, AccountName::parse);
        let language = language_of(faults, self.language);
        let display_name = faults.optional_text("display_name", self.display_name, DisplayName::parse);
        let first_name = faults.optional_text("first_name", self.first_name, PersonName::parse);
        let last_name = faults.optional_text("last_name", self.last_name, PersonName::parse);
        let phones = phones_of(faults, self.phones.unwrap_or_default());
        faults.is_empty().then_some(())?;
        Some(NewAccount {
            name: name?,
            language,
            display_name,
            first_name,
            last_name,
            phones: phones?,
        })
    }
}

impl NewAccount {
    /// The account of somebody who has no log-in yet, at this address; nothing where it is not said how they are called,
    /// because no log-in tells it.
    pub(crate) fn for_customer(self, address: EmailAddress, external_id: ExternalId) -> Option<OpenForCustomer> {
        let language = self.language.unwrap_or_default();
        let display_name = self.display_name?;
        Some(OpenForCustomer {
            account: AccountId::new(),
            external_id,
            contact: ContactId::new(),
            verification: VerificationId::new(),
            profile: AccountProfile {
                name: self.name,
                language,
                phone: None,
                postal_address: None,
                tax_id: None,
            },
            owner: ContactProfile {
                display_name,
                first_name: self.first_name,
                last_name: self.last_name,
                title: None,
                language,
                phones: self.phones,
            },
            address,
        })
    }

    /// The account of this user. The log-in's address is proven.
    pub(crate) fn command(self, user: &User, external_id: Option<ExternalId>) -> OpenAccount {
        let language = self.language.unwrap_or(user.language);
        let owner = ContactProfile {
            display_name: self.display_name.unwrap_or_else(|| user.display_name.clone()),
            first_name: self.first_name,
            last_name: self.last_name,
            title: None,
            language: user.language,
            phones: self.phones,
        };
        let profile = AccountProfile {
            name: self.name,
            language,
            phone: None,
            postal_address: None,
            tax_id: None,
        };
        OpenAccount {
            account: AccountId::new(),
            contact: ContactId::new(),
            user: user.id,
            profile,
            owner,
            address: user.address.clone(),
            external_id,
        }
    }
}

/// Open an account
///
/// A further one for somebody who is logged in. The caller is its first contact, verified, and owns it (M-02).
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "accounts",
    responses((status = 201, description = "The new account.", body = AccountView))
)]
async fn open_account(
    person: SignedIn,
    Checked(body): Checked<AccountBody>,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let command = body.command(&person.user, None);
    let store = &person.service.store;
    let answer = |roster: &Roster| {
        let location = format!("/v1/accounts/{}", roster.account().id);
        Reply::created(&location, &AccountView::of(roster)).version(roster.account().version)
    };
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async {
        let opened = store
            .open_account(command, &person.act(keep), move |roster| answer(roster).kept())
            .await;
        Ok(answer(&opened?))
    })
    .await
}

/// Read an account
///
/// What the account says about its organisation, its state, its owner and its limit of contacts.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}",
    tag = "accounts",
    responses((status = 200, description = "The account.", body = AccountView), answer::NotModified)
)]
async fn read_account(member: Member) -> Reply {
    shown(&member.roster)
}

/// A postal address.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"lines": ["12 Rua das Flores"], "postal_code": "1200-195", "city": "Lisboa", "country": "PT"}))]
pub struct PostalAddressBody {
    /// Street, house, floor.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 4)]
    lines: Option<Vec<String>>,
    /// The postal code.
    #[schema(min_length = 1, max_length = 100)]
    postal_code: Option<String>,
    /// The town.
    #[schema(min_length = 1, max_length = 100)]
    city: Option<String>,
    /// State, province or department.
    #[schema(min_length = 1, max_length = 100)]
    region: Option<String>,
    /// ISO 3166-1 alpha-2, in upper case.
    #[schema(
        required = true,
        nullable = false,
        pattern = "^[A-Z]{2}$",
        min_length = 2,
        max_length = 2
    )]
    country: Option<String>,
}

impl PostalAddressBody {
    fn parse(self, faults: &mut Faults) -> Option<PostalAddress> {
        let lines = faults.required("lines", self.lines);
        if lines.as_ref().is_some_and(Vec::is_empty) {
            faults.add(
                "lines",
                crate::problem::FieldFault::new(FieldCode::TooFew).with("min", 1),
            );
        }
        let lines = lines.and_then(|lines| {
            faults.each("lines", lines, 4, |faults, line| match AddressLine::parse(&line) {
                Ok(line) => Some(line),
                Err(fault) => {
                    faults.add_here(fault);
                    None
                }
            })
        });
        let postal_code = faults.optional_text("postal_code", self.postal_code, AddressLine::parse);
        let city = faults.optional_text("city", self.city, AddressLine::parse);
        let region = faults.optional_text("region", self.region, AddressLine::parse);
        let country = faults.text("country", self.country, country_code);
        Some(PostalAddress {
            lines: lines?,
            postal_code,
            city,
            region,
            country: country?,
        })
    }
}

fn country_code(text: &str) -> Result<String, ValueFault> {
    let form = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if form {
        Ok(text.to_owned())
    } else {
        Err(ValueFault::Form { kind: "country" })
    }
}

/// What is to change of an account; what is absent stays, `null` removes.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Lima & Daughters", "tax_id": "PT123456789"}))]
#[expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
pub struct AccountPatchBody {
    /// The organisation's name.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    name: Option<Option<String>>,
    /// The language of what is written to it: `en` or `fr`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^(en|fr)$")]
    language: Option<Option<String>>,
    /// The switchboard, with its country code.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_length = 1, max_length = 40)]
    phone: Option<Option<String>>,
    /// Where post goes, whole.
    #[serde(default, deserialize_with = "present")]
    postal_address: Option<Option<PostalAddressBody>>,
    /// The company's tax number.
    #[serde(default, deserialize_with = "present")]
    #[schema(min_length = 1, max_length = 40)]
    tax_id: Option<Option<String>>,
    /// Whether only members with a second factor enter.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    second_factor_required: Option<Option<bool>>,
}

/// A change of an account that was read.
#[derive(Debug, Clone)]
pub struct AskedChange {
    patch: AccountPatch,
    second_factor_required: Option<bool>,
}

impl Parse for AccountPatchBody {
    type Parsed = AskedChange;

    fn parse(self, faults: &mut Faults) -> Option<AskedChange> {
        let name = faults.kept("name", self.name);
        let language = faults.kept("language", self.language);
        let second_factor_required = faults.kept("second_factor_required", self.second_factor_required);
        let patch = AccountPatch {
            name: faults.optional_text("name", name, AccountName::parse),
            language: language_of(faults, language),
            phone: faults.patched_text("phone", self.phone, PhoneNumber::parse),
            postal_address: self
                .postal_address
                .map(|address| address.and_then(|address| address.parse(&mut faults.within("postal_address")))),
            tax_id: faults.patched_text("tax_id", self.tax_id, TaxId::parse),
        };
        faults.is_empty().then_some(AskedChange {
            patch,
            second_factor_required,
        })
    }
}

/// Change an account
///
/// Name, language, company details, and whether only members with a second factor enter. Whoever asks for that has one,
/// and does it in person; from the next request on, members without one get 403 `second-factor-setup-required`, by token
/// and by API key alike, until they set one up. With `dry_run` the answer tells whom it would lock out.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{account}",
    tag = "accounts",
    responses(
        (status = 200, description = "The account as it is now, or with `dry_run` would be.", body = ChangedAccount),
        refusal::PersonOnly,
        refusal::ImpersonationRefused,
        refusal::AccountSuspended,
        refusal::NoSecondFactor,
    )
)]
async fn change_account(
    member: ManagesAccount,
    Preview { dry_run }: Preview,
    if_match: IfMatch,
    Checked(change): Checked<AccountPatchBody>,
) -> Result<Reply, Problem> {
    let lockout = Lockout::of(&member, change.second_factor_required == Some(true)).await?;
    let own = Arc::clone(&member.person.user);
    let decide = move |roster: &Roster, by: By| {
        if_match.admits(roster.account().version)?;
        let mut changes = roster.change_account(by, &change.patch)?;
        if let Some(required) = change.second_factor_required {
            changes.extend(roster.require_second_factor(by, required, &own)?);
        }
        Ok(changes)
    };
    if dry_run {
        return Ok(lockout.reply(&member.preview(decide)?, true));
    }
    let answer = move |decision: &Decision| {
        let version = decision.after.account().version;
        lockout.reply(decision, false).version(version)
    };
    member.decide(decide, answer).await
}

/// One of the caller's accounts, with what the caller may do there.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyAccount {
    /// The account.
    account: AccountView,
    /// What the caller may do there.
    access: AccessView,
    /// Whether the account lets the caller in only with a second factor, and the caller has none. Then no more is told
    /// of it than its name and its state.
    needs_second_factor: bool,
}

page! {
    /// A page of the caller's accounts.
    MyAccountPage of MyAccount
}

/// List my accounts
///
/// The accounts that the caller is a member of, by name, with the caller's rights in each (K-10).
#[utoipa::path(
    get,
    path = "/v1/me/accounts",
    tag = "me",
    responses((status = 200, description = "A page of accounts.", body = MyAccountPage), answer::NotModified)
)]
async fn list_my_accounts(
    person: Caller,
    paging: Paging<(String, String)>,
    crate::texts::Wanted(language): crate::texts::Wanted,
) -> Result<Reply, Problem> {
    let mark = |(sort_key, account): &(String, String)| {
        account.parse().ok().map(|account| AccountMark {
            sort_key: sort_key.clone(),
            account,
        })
    };
    let after = paging.after.as_ref().and_then(mark);
    let limit = i64::try_from(paging.limit + 1).unwrap_or(i64::MAX);
    let at = person.by.at;
    let found = person
        .service
        .store
        .accounts_among(person.user.id, among(&person), after, limit, at)
        .await?;
    let place = |roster: &Arc<Roster>| {
        (
            sort_key(roster.account().profile.name.as_str()),
            roster.account().id.to_string(),
        )
    };
    let page = paging.page(found, place);
    let view = |roster: Arc<Roster>| {
        let access = roster.access_by(person.by)?;
        let account = AccountView::of(&roster);
        let needs_second_factor = person.require_factor(&roster).is_err();
        Some(MyAccount {
            account: if needs_second_factor {
                account.seen_from_outside()
            } else {
                account
            },
            access: AccessView::of(&roster, &access, language),
            needs_second_factor,
        })
    };
    Ok(page.map(view).reply().tagged_by_body().in_language(language))
}

/// The accounts that the caller is kept to, where it is a key that was given some, or an operator in a person's place.
fn among(caller: &Caller) -> Option<Vec<AccountId>> {
    match &caller.credential {
        Credential::Session { .. } => None,
        Credential::Impersonation { by, .. } => Some(by.account.into_iter().collect()),
        Credential::Key(key) => Some(key.accounts.as_ref()?.iter().copied().collect()),
    }
}
