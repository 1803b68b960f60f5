//! Sign-ups and password resets: what anybody may ask for, and what a mailed link brings about.

use std::sync::Arc;

use accounts_domain::accounts::{self, OpenAccount, OpenForCustomer};
use accounts_domain::actor::Actor;
use accounts_domain::audit::{self, Subject};
use accounts_domain::catalog::Catalog;
use accounts_domain::change::Change;
use accounts_domain::ids::{AccountId, ContactId, ResetId, SignUpId, UserId};
use accounts_domain::language::Language;
use accounts_domain::mail;
use accounts_domain::names::{AccountName, DisplayName, ExternalId, PersonName, Reason};
use accounts_domain::phone::{Phone, PhoneKind, PhoneNumber};
use accounts_domain::roster::{AccountProfile, ContactProfile, Roster};
use accounts_domain::sign_ups::SignUp;
use accounts_domain::users::{PasswordHash, UserChange};
use accounts_domain::violation::Violation;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::audit::Origin;
use crate::backend::Conn;
use crate::error::{Fault, Stop, StoreError};
use crate::lanes::Verdict;
use crate::rows::{checked, from_json, instant, named, parse, parse_maybe, stored, to_json};
use crate::schema::accounts as accounts_table;
use crate::schema::{password_resets, sign_ups};
use crate::snapshots::{Marks, Snapshots};
use crate::store::{Act, DecideError, Kept, Refusal, Store};
use crate::throttles::{self, Throttle};
use crate::users::{self, Because, UserDecision, new_user};
use crate::{idempotency, mails, roster};

/// How many mails of one kind go to an address that anybody may name, within [`MAIL_WINDOW`].
pub const MAILS_PER_ADDRESS: i32 = 3;

/// The time over which such mails are counted.
pub const MAIL_WINDOW: TimeDelta = TimeDelta::hours(1);

/// The ids of what a confirmed sign-up makes.
#[derive(Debug, Clone, Copy)]
pub struct NewIds {
    /// The account's.
    pub account: AccountId,
    /// The owner's contact's.
    pub contact: ContactId,
    /// The owner's user's.
    pub user: UserId,
}

/// What a sign-up holds of its person.
#[derive(Serialize, Deserialize)]
struct Details {
    display_name: String,
    first_name: Option<String>,
    last_name: Option<String>,
    phones: Vec<(String, String)>,
    language: Language,
    account: String,
}

impl Store {
    /// Keeps a sign-up and mails its link; to an address that has a user it mails word of that instead. The
    /// work is the same in both cases, and beyond [`MAILS_PER_ADDRESS`] no mail goes out.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn sign_up(&self, sign_up: SignUp, act: &Act, answer: Kept) -> Result<(), DecideError> {
        let act = act.clone();
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let known = users::load_by_address(conn, sign_up.address.key())?.is_some();
            insert(conn, &sign_up)?;
            if may_mail(conn, "sign-up", sign_up.address.key(), act.at)? {
                mails::insert_mails(conn, &[sign_up.mail(known)], act.at)?;
            }
            idempotency::remember(conn, &act, || answer.clone())?;
            Ok(Verdict::Keep((), Marks::none()))
        })
        .await
    }

    /// Makes account, user and verified owner of a sign-up whose link was followed.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] for a link that is used, too old or beaten by another log-in of its address.
    pub async fn confirm_sign_up<A>(
        &self,
        id: SignUpId,
        ids: NewIds,
        hash: PasswordHash,
        act: &Act,
        answer: A,
    ) -> Result<Roster, DecideError>
    where
        A: Fn(&Roster) -> Kept + Send + 'static,
    {
        let (catalog, act) = (Arc::clone(&self.ground.catalog), act.as_actor(Actor::Link));
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let sign_up = take(conn, id, act.at)?.ok_or(Violation::LinkExpired)?;
            let owner = sign_up.owner;
            let (name, language) = (owner.display_name.clone(), owner.language);
            let user = new_user(
                ids.user,
                sign_up.address.clone(),
                name,
                language,
                Some(hash.clone()),
                act.at,
            );
            if !users::insert(conn, &user)? {
                return Err(Violation::LinkExpired.into());
            }
            let profile = AccountProfile {
                name: sign_up.account,
                language,
                phone: None,
                postal_address: None,
                tax_id: None,
            };
            let NewIds { account, contact, user } = ids;
            let command = OpenAccount {
                account,
                contact,
                user,
                profile,
                owner,
                address: sign_up.address,
                external_id: None,
            };
            let opened = open(conn, &catalog, &command, None, &act)?;
            idempotency::remember(conn, &act, || answer(&opened))?;
            Ok(Verdict::Keep(opened, Marks::none()))
        })
        .await
    }

    /// Opens a further account for somebody who is logged in.
    ///
    /// # Errors
    /// [`Violation::MissingFields`] where the catalog asks for more.
    pub async fn open_account<A>(&self, command: OpenAccount, act: &Act, answer: A) -> Result<Roster, DecideError>
    where
        A: Fn(&Roster) -> Kept + Send + 'static,
    {
        let (catalog, act) = (Arc::clone(&self.ground.catalog), act.clone());
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let opened = open(conn, &catalog, &command, None, &act)?;
            idempotency::remember(conn, &act, || answer(&opened))?;
            Ok(Verdict::Keep(opened, Marks::none()))
        })
        .await
    }

    /// Opens an account for a customer, or finds the one of the same number of the provider. Where its owner has not
    /// followed the activation mail and the link of the last one does not work any more, it is mailed again.
    ///
    /// # Errors
    /// [`Violation::MissingFields`] where the catalog asks for more.
    pub async fn open_or_find(&self, command: OpenForCustomer, act: &Act) -> Result<Roster, DecideError> {
        let (catalog, done) = (Arc::clone(&self.ground.catalog), act.clone());
        let number = command.external_id.clone();
        let link = command.verification;
        let opened = self
            .transact(move |conn| {
                if find_by_number(conn, &command.external_id)?.is_some() {
                    return Ok(Verdict::Discard(None));
                }
                let opened = open_for_customer(conn, &catalog, &command, None, &done)?;
                Ok(Verdict::Keep(Some(opened), Marks::none()))
            })
            .await?;
        if let Some(opened) = opened {
            return Ok(opened);
        }
        let found = self.lanes.read(move |conn| find_by_number(conn, &number)).await?;
        let (account, at) = (found.ok_or(DecideError::NotFound)?, act.at);
        let again = move |roster: &Roster| roster.send_activation(at, link);
        let decision = self.decide(account, act, again, |_| Kept::nothing()).await?;
        Ok(Roster::clone(&decision.after))
    }

    /// Opens an account for somebody on the provider's behalf, for this reason. Where the provider's number has an account
    /// already, it is that one.
    ///
    /// # Errors
    /// [`Violation::MissingFields`] where the catalog asks for more.
    pub async fn open_account_because<A>(
        &self,
        command: OpenAccount,
        reason: Reason,
        act: &Act,
        answer: A,
    ) -> Result<Roster, DecideError>
    where
        A: Fn(&Roster) -> Kept + Send + 'static,
    {
        let (catalog, act) = (Arc::clone(&self.ground.catalog), act.clone());
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let found = match &command.external_id {
                Some(number) => find_by_number(conn, number)?,
                None => None,
            };
            let account = match found {
                Some(id) => roster::load(conn, id, &catalog)?.ok_or(Stop::Refused(Refusal::NotFound))?,
                None => open(conn, &catalog, &command, Some(&reason), &act)?,
            };
            idempotency::remember(conn, &act, || answer(&account))?;
            Ok(Verdict::Keep(account, Marks::none()))
        })
        .await
    }

    /// The same for somebody without a log-in, who takes the account over by the mail that this calls for.
    ///
    /// # Errors
    /// [`Violation::MissingFields`] where the catalog asks for more.
    pub async fn open_for_customer_because<A>(
        &self,
        command: OpenForCustomer,
        reason: Reason,
        act: &Act,
        answer: A,
    ) -> Result<Roster, DecideError>
    where
        A: Fn(&Roster) -> Kept + Send + 'static,
    {
        let (catalog, act) = (Arc::clone(&self.ground.catalog), act.clone());
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let account = match find_by_number(conn, &command.external_id)? {
                Some(id) => roster::load(conn, id, &catalog)?.ok_or(Stop::Refused(Refusal::NotFound))?,
                None => open_for_customer(conn, &catalog, &command, Some(&reason), &act)?,
            };
            idempotency::remember(conn, &act, || answer(&account))?;
            Ok(Verdict::Keep(account, Marks::none()))
        })
        .await
    }

    /// Mails a reset link to the user of an address, if there is one that may log in. Beyond
    /// [`MAILS_PER_ADDRESS`] no mail goes out. The work is less if there is none: the caller must not be able to
    /// measure it.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn ask_reset(
        &self,
        id: ResetId,
        address_key: String,
        act: &Act,
        answer: Kept,
    ) -> Result<(), DecideError> {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.clone());
        self.transact(move |conn| {
            idempotency::recall(conn, &act)?;
            let mut marks = Marks::none();
            let user = users::load_by_address(conn, &address_key)?;
            if may_mail(conn, "reset", &address_key, act.at)?
                && let Some(user) = user
            {
                marks = send_reset(conn, &snapshots, user.id, id, &act)?;
            }
            idempotency::remember(conn, &act, || answer.clone())?;
            Ok(Verdict::Keep((), marks))
        })
        .await
    }

    /// Sets the password of the user whose reset link was followed.
    ///
    /// # Errors
    /// [`Violation::LinkExpired`] for a link that is used or too old.
    pub async fn use_reset<A>(
        &self,
        id: ResetId,
        hash: PasswordHash,
        act: &Act,
        answer: A,
    ) -> Result<UserDecision, DecideError>
    where
        A: Fn(&UserDecision) -> Kept + Send + 'static,
    {
        let (snapshots, act) = (Arc::clone(&self.ground.snapshots), act.as_actor(Actor::Link));
        self.transact(move |conn| {
            let user = password_resets::table
                .find(id.to_string())
                .select(password_resets::user_id)
                .first::<String>(conn)
                .optional()?;
            let user: UserId = parse("password_resets.user_id", &user.ok_or(Violation::LinkExpired)?)?;
            let decide = |person: &accounts_domain::users::Person| -> Result<Vec<UserChange>, Violation> {
                person.use_reset(id, hash.clone(), act.at)
            };
            users::decide_user(conn, &snapshots, user, &act, &decide, &answer)
        })
        .await
    }

    /// The address that a sign-up's link belongs to, while it works.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_up_address(&self, id: SignUpId, at: DateTime<Utc>) -> Result<Option<String>, StoreError> {
        self.lanes
            .read(move |conn| {
                let row = sign_ups::table
                    .find(id.to_string())
                    .filter(sign_ups::used_at.is_null())
                    .filter(sign_ups::expires_at.gt(stored(at)))
                    .select(sign_ups::address_key);
                Ok(row.first::<String>(conn).optional()?)
            })
            .await
    }

    /// What a sign-up says of its person: the words that no password is made of (R04).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn words_of_sign_up(&self, id: SignUpId) -> Result<Vec<String>, StoreError> {
        let work = move |conn: &mut Conn| {
            let row = sign_ups::table
                .find(id.to_string())
                .filter(sign_ups::used_at.is_null())
                .select((sign_ups::address, sign_ups::details))
                .first::<(String, String)>(conn)
                .optional()?;
            let Some((address, details)) = row else {
                return Ok(Vec::new());
            };
            let details: Details = from_json("sign_ups.details", &details)?;
            let names = [details.first_name, details.last_name].into_iter().flatten();
            Ok([address, details.display_name, details.account]
                .into_iter()
                .chain(names)
                .collect())
        };
        self.lanes.read(work).await
    }

    /// The address that a reset link belongs to, while it works.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reset_address(&self, id: ResetId, at: DateTime<Utc>) -> Result<Option<String>, StoreError> {
        self.lanes
            .read(move |conn| {
                let row = password_resets::table
                    .find(id.to_string())
                    .filter(password_resets::used_at.is_null())
                    .filter(password_resets::expires_at.gt(stored(at)))
                    .select(password_resets::address_key);
                Ok(row.first::<String>(conn).optional()?)
            })
            .await
    }
}

fn open(
    conn: &mut Conn,
    catalog: &Arc<Catalog>,
    command: &OpenAccount,
    reason: Option<&Reason>,
    act: &Act,
) -> Result<Roster, Stop<Refusal>> {
    let (opened, changes) = accounts::open(Arc::clone(catalog), act.by(), command)?;
    save_opened(conn, &opened, &changes, reason, act)?;
    Ok(opened)
}

fn open_for_customer(
    conn: &mut Conn,
    catalog: &Arc<Catalog>,
    command: &OpenForCustomer,
    reason: Option<&Reason>,
    act: &Act,
) -> Result<Roster, Stop<Refusal>> {
    let (opened, changes) = accounts::open_for_customer(Arc::clone(catalog), act.by(), command)?;
    save_opened(conn, &opened, &changes, reason, act)?;
    Ok(opened)
}

fn save_opened(
    conn: &mut Conn,
    opened: &Roster,
    changes: &[Change],
    reason: Option<&Reason>,
    act: &Act,
) -> Result<(), Fault> {
    roster::save_opened(conn, opened, act.at)?;
    let account = opened.account();
    let because = reason.map(|reason| Because {
        of: Subject::Account(account.id),
        reason,
    });
    let entries = Because::told(because, audit::entries(opened, changes));
    crate::audit::record(conn, Origin::Account(account.id), account.revision, &entries, act)?;
    mails::insert_mails(conn, &mail::mails(opened, opened, changes), act.at)
}

fn find_by_number(conn: &mut Conn, number: &ExternalId) -> Result<Option<AccountId>, Fault> {
    let id = accounts_table::table
        .filter(accounts_table::external_id.eq(number.as_str()))
        .select(accounts_table::id)
        .first::<String>(conn)
        .optional()?;
    parse_maybe("accounts.id", id.as_deref())
}

/// Makes a reset link and mails it. For a user who may not log in nothing is left behind: not even the rise of
/// the revision that came with the lock.
fn send_reset(
    conn: &mut Conn,
    snapshots: &Snapshots,
    user: UserId,
    id: ResetId,
    act: &Act,
) -> Result<Marks, Stop<Refusal>> {
    let unkept = Act {
        keep: None,
        ..act.clone()
    };
    let nothing = |_: &UserDecision| Kept {
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let sent = conn.transaction(|conn| {
        match users::decide_user(
            conn,
            snapshots,
            user,
            &unkept,
            &|person| Ok(person.ask_reset(id, act.at)),
            &nothing,
        )? {
            Verdict::Keep(_, marks) => Ok(marks),
            Verdict::Discard(_) => Err(Stop::Refused(Refusal::NotFound)),
        }
    });
    match sent {
        Ok(marks) => Ok(marks),
        Err(Stop::Refused(_)) => Ok(Marks::none()),
        Err(Stop::Fault(fault)) => Err(Stop::Fault(fault)),
    }
}

/// Counts a mail to an address that a stranger named, and says whether it may go.
pub(crate) fn may_mail(conn: &mut Conn, what: &str, address_key: &str, at: DateTime<Utc>) -> Result<bool, Fault> {
    let throttle = Throttle {
        key: format!("{what}:{address_key}"),
        limit: MAILS_PER_ADDRESS,
        window: MAIL_WINDOW,
    };
    throttles::count(conn, &throttle, at)
}

fn insert(conn: &mut Conn, sign_up: &SignUp) -> Result<(), Fault> {
    let owner = &sign_up.owner;
    let phones = owner
        .phones
        .iter()
        .map(|phone| (phone.number.to_string(), phone.kind.as_str().to_owned()));
    let details = Details {
        display_name: owner.display_name.to_string(),
        first_name: owner.first_name.as_ref().map(ToString::to_string),
        last_name: owner.last_name.as_ref().map(ToString::to_string),
        phones: phones.collect(),
        language: owner.language,
        account: sign_up.account.to_string(),
    };
    diesel::insert_into(sign_ups::table)
        .values((
            sign_ups::id.eq(sign_up.id.to_string()),
            sign_ups::address.eq(sign_up.address.as_str()),
            sign_ups::address_key.eq(sign_up.address.key()),
            sign_ups::details.eq(to_json("sign_ups.details", &details)?),
            sign_ups::created_at.eq(stored(sign_up.created_at)),
            sign_ups::expires_at.eq(stored(sign_up.expires_at())),
        ))
        .execute(conn)?;
    Ok(())
}

/// Uses a sign-up up. Its details go with that: the account holds them from now on.
fn take(conn: &mut Conn, id: SignUpId, at: DateTime<Utc>) -> Result<Option<SignUp>, Fault> {
    let row = sign_ups::table
        .find(id.to_string())
        .select((sign_ups::address, sign_ups::details, sign_ups::created_at))
        .first::<(String, String, NaiveDateTime)>(conn)
        .optional()?;
    let Some((address, details, created_at)) = row else {
        return Ok(None);
    };
    let unused = sign_ups::table
        .filter(sign_ups::id.eq(id.to_string()))
        .filter(sign_ups::used_at.is_null())
        .filter(sign_ups::expires_at.gt(stored(at)));
    let used = (sign_ups::used_at.eq(stored(at)), sign_ups::details.eq("{}"));
    if diesel::update(unused).set(used).execute(conn)? == 0 {
        return Ok(None);
    }
    let details: Details = from_json("sign_ups.details", &details)?;
    let name = |text: String| checked("sign_ups.details", &text, PersonName::parse);
    let phone = |(number, kind): (String, String)| {
        Ok::<_, Fault>(Phone {
            number: checked("sign_ups.details", &number, PhoneNumber::stored)?,
            kind: named("sign_ups.details", &kind, PhoneKind::from_name)?,
        })
    };
    let owner = ContactProfile {
        display_name: checked("sign_ups.details", &details.display_name, DisplayName::parse)?,
        first_name: details.first_name.map(name).transpose()?,
        last_name: details.last_name.map(name).transpose()?,
        title: None,
        language: details.language,
        phones: details.phones.into_iter().map(phone).collect::<Result<_, _>>()?,
    };
    Ok(Some(SignUp {
        id,
        address: checked(
            "sign_ups.address",
            &address,
            accounts_domain::address::EmailAddress::parse,
        )?,
        owner,
        account: checked("sign_ups.details", &details.account, AccountName::parse)?,
        created_at: instant(created_at),
    }))
}
