//! All contacts of an account, as a table or as cards.

mod cards;

use accounts_domain::names::sort_key;
use accounts_domain::permission::{Permissions, ServicePermission};
use accounts_domain::roster::{Contact, Roster};
use utoipa::IntoParams;

use super::columns::Column;
use super::keys;
use crate::csv_text::{CSV, Rows};
use crate::describe::answer;
use crate::guards::{ExportsContacts, Member};
use crate::limits::Limits;
use crate::problem::{Problem, refusal};
use crate::query::{Asked, Filters, Query};
use crate::reply::{Reply, attached};
use crate::router::{Routes, routes};

pub(super) fn routes() -> Routes {
    routes![export_contacts]
}

/// What the contacts are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Cards,
}

/// As what the contacts are wanted.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportForm {
    /// `csv` for a table, which is what comes where nothing is said, or `vcard` for cards.
    #[param(value_type = Option<String>, pattern = "^(csv|vcard)$", example = "csv")]
    format: Option<Form>,
}

impl Filters for ExportForm {
    fn read(query: &mut Query) -> Self {
        Self {
            format: query.word("format", &[("csv", Form::Csv), ("vcard", Form::Cards)]),
        }
    }
}

/// Export contacts
///
/// All of them, by name: as a table with the columns that the import reads (RFC 4180, in UTF-8), or as cards (vCard 4.0). A
/// cell that a spreadsheet would take for a formula begins with an apostrophe, which the import takes off again. What
/// members may do stands in the table for those who may see members. An account that is closed can be exported still.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/contacts/export",
    tag = "contacts",
    responses(
        (
            status = 200,
            description = "All contacts.",
            content((String = "text/csv"), (String = "text/vcard")),
        ),
        answer::NotModified,
        refusal::TooManyRequests,
    )
)]
async fn export_contacts(member: ExportsContacts, Asked(form): Asked<ExportForm>) -> Result<Reply, Problem> {
    Limits::exports_of(&member.person.name())
        .admit(&member.person.service, member.by().at)
        .await?;
    let contacts = in_order(&member.roster);
    let (name, reply) = match form.format.unwrap_or(Form::Csv) {
        Form::Csv => ("contacts.csv", Reply::bytes(CSV, table(&member, &contacts)?)),
        Form::Cards => {
            let text = cards::text(&member.roster, &contacts)?;
            ("contacts.vcf", Reply::bytes(cards::MEDIA_TYPE, text.into_bytes()))
        }
    };
    Ok(attached(reply, name)?.tagged_by_body())
}

fn in_order(roster: &Roster) -> Vec<&Contact> {
    let mut contacts: Vec<&Contact> = roster.contacts().collect();
    contacts.sort_by_cached_key(|contact| (sort_key(contact.profile.display_name.as_str()), contact.id));
    contacts
}

fn table(member: &Member, contacts: &[&Contact]) -> Result<Vec<u8>, Problem> {
    let roster = &member.roster;
    let sees_members = roster.require(member.by(), ServicePermission::MembersView).is_ok();
    let mut rows = Rows::headed(&Column::ALL.map(Column::name))?;
    for contact in contacts {
        rows.add(&Column::ALL.map(|column| cell(roster, contact, column, sees_members)))?;
    }
    rows.text()
}

fn cell(roster: &Roster, contact: &Contact, column: Column, sees_members: bool) -> String {
    let profile = &contact.profile;
    let login = || match roster.member_of_contact(contact.id) {
        Some(_) if contact.id == roster.owner() => Some(&Permissions::All),
        Some(member) => Some(&member.permissions),
        None => contact.login_request.as_ref(),
    };
    match column {
        Column::DisplayName => profile.display_name.to_string(),
        Column::Address => contact.address.email.to_string(),
        Column::FirstName => text(profile.first_name.as_ref()),
        Column::LastName => text(profile.last_name.as_ref()),
        Column::Title => text(profile.title.as_ref()),
        Column::Language => profile.language.to_string(),
        Column::Phones => {
            let phones = profile.phones.iter();
            let phones: Vec<String> = phones
                .map(|phone| format!("{}:{}", phone.kind.as_str(), phone.number))
                .collect();
            phones.join("; ")
        }
        Column::MoreAddresses => {
            let more = contact.more_addresses.values();
            let more: Vec<String> = more.map(|address| address.email.to_string()).collect();
            more.join(" ")
        }
        Column::Roles => keys(&roster.roles_of(contact.id)).join(" "),
        Column::Subscriptions => keys(&contact.subscriptions).join(" "),
        Column::Login => login().is_some().to_string(),
        Column::Permissions => login().filter(|_| sees_members).map(written).unwrap_or_default(),
    }
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn written(permissions: &Permissions) -> String {
    match permissions {
        Permissions::All => "all".to_owned(),
        Permissions::Chosen(chosen) => keys(chosen).join(" "),
    }
}
