//! Contacts out of a table: all of them, or none.

mod row;
mod table;
mod view;

use std::collections::BTreeSet;

use accounts_domain::imports::{Import, ImportOutcome, ImportRow};
use accounts_domain::language::Language;
use accounts_store::Decision;

use crate::guards::{ManagesContacts, Member};
use crate::idempotency::Idempotency;
use crate::limits::Limits;
use crate::problem::{Code, Fault, Problem, refusal};
use crate::query::{Asked, Preview};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::Wanted;

pub(crate) use table::ColumnNames;
use table::{CsvBody, Table};
use view::ImportView;
pub(crate) use view::ImportedRow;

pub(super) fn routes() -> Routes {
    routes![import_contacts]
}

/// A table whose rows are judged by themselves.
#[derive(Debug, Clone)]
struct Sheet {
    rows: Vec<(u64, Result<ImportRow, Vec<Fault>>)>,
    import: Import,
}

impl Sheet {
    fn of(member: &Member, table: &Table, names: &ColumnNames) -> Result<Self, Problem> {
        let columns = table.columns(&names.headings())?;
        let catalog = member.roster.catalog();
        let rows: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.line, row::read(&columns, row, catalog)))
            .collect();
        let readable = rows.iter().filter_map(|(_, row)| row.as_ref().ok().cloned());
        let import = Import {
            rows: readable.collect(),
            by_name: Some(member.person.user.display_name.clone()),
        };
        Ok(Self { rows, import })
    }

    fn is_readable(&self) -> bool {
        self.rows.iter().all(|(_, row)| row.is_ok())
    }

    /// The keys of the addresses whose users matter.
    fn addresses(&self) -> BTreeSet<String> {
        let rows = self.import.rows.iter();
        rows.map(|row| row.contact.address.key().to_owned()).collect()
    }

    fn told(&self, outcome: &ImportOutcome, language: Language, dry_run: bool) -> ImportView {
        ImportView::of(&self.rows, outcome, language, dry_run)
    }
}

/// Import contacts
///
/// A table with headings that are the fields of a contact: `display_name`, `address`, `first_name`, `last_name`, `title`,
/// `language`, `phones` (`landline:+33142685300; mobile:+33612345678`), `more_addresses`, `roles`, `subscriptions`,
/// `login` (`true` or `false`) and `permissions` (`all`, a preset, or keys); several values in a cell have blanks, commas or
/// semicolons between them, and telephone numbers commas or semicolons. Other headings are named by `column`.
///
/// A row whose address the account knows changes nothing. One that asks for a log-in invites its person (K-01). It is done
/// as a whole: with one row that is refused nothing changes, and `rows` of the refusal says of each what stands against
/// it. With `dry_run` the answer tells the same without changing anything, refused rows among the others.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/contacts/import",
    tag = "contacts",
    responses(
        (status = 200, description = "What has become of each row.", body = ImportView),
        refusal::AccountSuspended,
        refusal::ImportRefused,
        refusal::TooManyRequests,
    )
)]
async fn import_contacts(
    member: ManagesContacts,
    Asked(names): Asked<ColumnNames>,
    CsvBody(table): CsvBody,
    Preview { dry_run }: Preview,
    Wanted(language): Wanted,
    key: Idempotency,
) -> Result<Reply, Problem> {
    let sheet = Sheet::of(&member, &table, &names)?;
    if dry_run {
        let view = preview(&member, &sheet, language).await?;
        return Ok(Reply::ok(&view).in_language(language));
    }
    if !sheet.is_readable() {
        return Err(refused(&preview(&member, &sheet, language).await?));
    }
    import(&member, sheet, language, key).await
}

async fn preview(member: &Member, sheet: &Sheet, language: Language) -> Result<ImportView, Problem> {
    let store = &member.person.service.store;
    let known = store.users_with_addresses(sheet.addresses()).await?;
    let (_, outcome) = member.roster.import(member.by(), &sheet.import, &known)?;
    Ok(sheet.told(&outcome, language, true))
}

async fn import(member: &Member, sheet: Sheet, language: Language, key: Idempotency) -> Result<Reply, Problem> {
    let (person, account) = (&member.person, member.account);
    let told = sheet.clone();
    let answer = move |outcome: &ImportOutcome| {
        let view = told.told(outcome, language, false);
        (!view.is_refused()).then(|| Reply::ok(&view).in_language(language))
    };
    let caller = person.name();
    key.once(&person.service, &caller, |keep| async move {
        let act = person.act(keep);
        let kept = answer.clone();
        let kept = move |_: &Decision, outcome: &ImportOutcome| kept(outcome).unwrap_or_else(Reply::no_content).kept();
        let throttles = move |address_key: &str| Limits::invitations_of(account, address_key).into();
        let import = sheet.import.clone();
        let store = &person.service.store;
        let imported = store.import_contacts(account, import, throttles, &act, kept).await;
        person.service.mail_waits.notify_one();
        let outcome = imported?;
        answer(&outcome).ok_or_else(|| refused(&sheet.told(&outcome, language, false)))
    })
    .await
}

fn refused(view: &ImportView) -> Problem {
    Problem::new(Code::ImportRefused)
        .with("refused", view.refused())
        .with("rows", view.rows())
}
