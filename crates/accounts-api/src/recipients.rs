//! Who receives which notices, with the reason for each recipient and for each who is left out.

use std::collections::BTreeSet;
use std::str::FromStr;

use accounts_domain::catalog::Category;
use accounts_domain::ids::{ContactId, UserId};
use accounts_domain::keys::CategoryKey;
use accounts_domain::language::Language;
use accounts_domain::recipients::{Excluded, Ground, Listener, Opener, Recipient, Resolution};
use accounts_domain::roster::Roster;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::describe::answer;
use crate::guards::ViewsNotifications;
use crate::page::page;
use crate::problem::{Fault, FieldCode, Place, Problem};
use crate::query::{Asked, Filters, Query};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

pub(crate) fn routes() -> Routes {
    routes![list_recipients]
}

/// Of what the recipients are told.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecipientFilters {
    /// This category of the catalog, or these; without it all of them.
    #[param(max_length = 40)]
    category: Vec<String>,
    /// Who opened what the notice is about, a ticket say: the id of a contact or of a user of the account.
    #[param(max_length = 30, pattern = "^(con|usr)_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    opened_by: Option<String>,
}

impl Filters for RecipientFilters {
    fn read(query: &mut Query) -> Self {
        let categories: Vec<CategoryKey> = query.any("category");
        let opener: Option<OpenerId> = query.value("opened_by");
        Self {
            category: categories.into_iter().map(Into::into).collect(),
            opened_by: opener.map(|opener| opener.text),
        }
    }
}

/// The id of a contact or of a user, as it was written and as it was read.
pub(crate) struct OpenerId {
    text: String,
    pub(crate) opener: Opener,
}

impl FromStr for OpenerId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let contact = text.parse::<ContactId>().ok().map(Opener::Contact);
        let opener = contact.or_else(|| text.parse::<UserId>().ok().map(Opener::User));
        opener
            .map(|opener| Self {
                text: text.to_owned(),
                opener,
            })
            .ok_or(())
    }
}

/// Why somebody is told.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroundView {
    /// `primary_holder`, `owner`, `role_holder`, `subscriber` or `opener` (who opened what the notice is about).
    #[schema(example = "primary_holder")]
    kind: &'static str,
    /// The role, where one is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "billing")]
    role: Option<String>,
}

/// Somebody who receives a notice. A contact and a member of one address are one recipient.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientView {
    /// The contact.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// The member.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
    /// How it is called.
    #[schema(example = "Bea Lima")]
    display_name: String,
    /// Where the notice goes: a contact's main address, or the address that a member logs in with.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// The language of the notice: `en` or `fr`.
    #[schema(example = "en")]
    language: &'static str,
    /// Every reason, at least one.
    reasons: Vec<GroundView>,
}

/// Somebody who has a reason to be told and is not.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExcludedView {
    /// The contact.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// The member.
    #[schema(required = true, example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: Option<String>,
    /// Why not: `not_in_audience` (the category does not go to subscribers), `not_subscribed` (who opened the item does not
    /// wish to be told), `not_own_item` (a contact is told of what it opened itself alone), `unverified`,
    /// `bounced` (mail to the address came back), `complained` (its reader called a mail unwanted), `member_suspended`, `membership_expired`, `user_suspended` or `lacks_permission`. New words may come.
    #[schema(example = "unverified")]
    exclusion: &'static str,
    /// Every reason to be told, at least one.
    reasons: Vec<GroundView>,
}

/// Who receives the notices of a category.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientsView {
    /// The category.
    #[schema(example = "invoice")]
    category: String,
    /// Its name in the caller's language.
    #[schema(example = "Invoices")]
    name: String,
    /// Whether it never loses its last recipient.
    mandatory: bool,
    /// Which step found those in `to`: `primary_holder`, `owner`, `role_holders`, `subscribers`; where nobody of the audience
    /// is reached, `fallback_role` and then `fallback_owner`; else `nobody`.
    #[schema(example = "primary_holder")]
    step: &'static str,
    /// To whom a notice is addressed, by name.
    to: Vec<RecipientView>,
    /// Who gets a copy, by name.
    cc: Vec<RecipientView>,
    /// Who has a reason to be told and is not, contacts first.
    excluded: Vec<ExcludedView>,
}

page! {
    /// The recipients of each category.
    RecipientsPage of RecipientsView
}

impl GroundView {
    pub(crate) fn all(grounds: &BTreeSet<Ground>) -> Vec<Self> {
        grounds.iter().map(Self::of).collect()
    }

    fn of(ground: &Ground) -> Self {
        Self {
            kind: ground.kind(),
            role: ground.role().map(ToString::to_string),
        }
    }
}

impl RecipientView {
    fn of(recipient: &Recipient) -> Self {
        Self {
            contact_id: recipient.contact.map(|contact| contact.to_string()),
            user_id: recipient.user.map(|user| user.to_string()),
            display_name: recipient.display_name.to_string(),
            address: recipient.address.to_string(),
            language: recipient.language.as_str(),
            reasons: GroundView::all(&recipient.grounds),
        }
    }
}

impl ExcludedView {
    fn of(excluded: &Excluded) -> Self {
        let (contact_id, user_id) = match excluded.listener {
            Listener::Contact(contact) => (Some(contact.to_string()), None),
            Listener::Member(user) => (None, Some(user.to_string())),
        };
        Self {
            contact_id,
            user_id,
            exclusion: excluded.exclusion.as_str(),
            reasons: GroundView::all(&excluded.grounds),
        }
    }
}

impl RecipientsView {
    /// What a resolution looks like.
    pub(crate) fn of(category: &Category, resolution: &Resolution, language: Language) -> Self {
        Self {
            category: category.key.to_string(),
            name: category.names.in_language(language).to_owned(),
            mandatory: category.mandatory,
            step: resolution.step.as_str(),
            to: resolution.to.iter().map(RecipientView::of).collect(),
            cc: resolution.cc.iter().map(RecipientView::of).collect(),
            excluded: resolution.excluded.iter().map(ExcludedView::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct AllRecipients {
    data: Vec<RecipientsView>,
    next_cursor: Option<String>,
}

/// List the recipients of notices
///
/// Who is told what, now: for each category to whom a notice is addressed (the primary holder first of all), who gets a
/// copy, each with every reason, and who is left out, with the reason for that. All of them stand on one page, in the
/// catalog's order. With `opened_by`, of an item that this contact or user opened: where the catalog says so, contacts are
/// told of their own tickets alone (K-16), the owner of all.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/recipients",
    tag = "notifications",
    responses((status = 200, description = "The recipients of each category.", body = RecipientsPage), answer::NotModified)
)]
async fn list_recipients(
    member: ViewsNotifications,
    Asked(filters): Asked<RecipientFilters>,
    Wanted(language): Wanted,
) -> Result<Reply, Problem> {
    let categories = categories_of(&member.roster, &filters)?;
    let opened_by: Option<OpenerId> = filters.opened_by.as_deref().and_then(|text| text.parse().ok());
    let opened_by = opened_by.map(|opener| opener.opener);
    let readers = member.person.service.store.readers(member.account).await?;
    let resolve = |category: &Category| {
        let resolution = member
            .roster
            .recipients(&category.key, opened_by, &readers, member.by().at)?;
        Ok(RecipientsView::of(category, &resolution, language))
    };
    let data: Result<Vec<RecipientsView>, Problem> = categories.into_iter().map(resolve).collect();
    let all = AllRecipients {
        data: data?,
        next_cursor: None,
    };
    Ok(Reply::ok(&all).tagged_by_body().in_language(language))
}

/// The categories that are asked for, in the catalog's order.
fn categories_of<'r>(roster: &'r Roster, filters: &RecipientFilters) -> Result<Vec<&'r Category>, Problem> {
    let all = roster.catalog().categories();
    let known = |asked: &&String| all.iter().any(|category| category.key.as_str() == asked.as_str());
    if !filters.category.iter().all(|asked| known(&asked)) {
        let place = Place::Query("category".to_owned());
        return Err(Problem::bad_request(vec![Fault::at(
            place,
            FieldCode::UnknownCategory.into(),
        )]));
    }
    let wanted =
        |category: &&Category| filters.category.is_empty() || filters.category.contains(&category.key.to_string());
    Ok(all.iter().filter(wanted).collect())
}
