//! What has become of a table.

use accounts_domain::imports::{ImportOutcome, ImportRow, Imported};
use accounts_domain::language::Language;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::document::to_value;
use crate::problem::{Fault, FaultSchema, Problem};

/// Why a row was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowRefusal {
    /// The status that the refusal has alone.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// The stable word for it.
    #[schema(example = "invalid-fields")]
    code: String,
    /// A few words about it.
    #[schema(example = "Fields have values that are not taken")]
    title: String,
    /// A sentence about it.
    #[schema(example = "`errors` says which.")]
    detail: String,
    /// The cells at fault, where it is cells: each `pointer` names the field.
    #[schema(value_type = Vec<FaultSchema>)]
    errors: Vec<Value>,
}

/// What has become of a row.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedRow {
    /// The line of the table on which the row begins; the headings stand on the first.
    #[schema(minimum = 1, maximum = 10_000_000, example = 2)]
    line: u64,
    /// `created`, `invited` (and created, where the account did not have the contact), `unchanged` or `refused`.
    #[schema(example = "created")]
    outcome: String,
    /// The contact of the row.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
    /// The invitation that was sent.
    #[schema(required = true)]
    invitation_id: Option<String>,
    /// Why it was refused.
    #[schema(required = true)]
    problem: Option<RowRefusal>,
}

/// What has become of a table.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportView {
    /// Whether nothing was changed because nothing was to be.
    dry_run: bool,
    /// How many rows became contacts.
    #[schema(minimum = 0, maximum = 1000)]
    created: usize,
    /// How many became invitations.
    #[schema(minimum = 0, maximum = 1000)]
    invited: usize,
    /// How many the account knew.
    #[schema(minimum = 0, maximum = 1000)]
    unchanged: usize,
    /// How many were refused. Without `dry_run` an answer has none, because one is enough to refuse them all.
    #[schema(minimum = 0, maximum = 1000)]
    refused: usize,
    /// Each row, in the order of the table.
    rows: Vec<ImportedRow>,
}

impl ImportView {
    /// What has become of these rows; `outcome` is that of the readable ones among them. Until something is done there
    /// is nothing to be named by an id.
    pub(super) fn of(
        rows: &[(u64, Result<ImportRow, Vec<Fault>>)],
        outcome: &ImportOutcome,
        language: Language,
        dry_run: bool,
    ) -> Self {
        let unchanged = dry_run || outcome.iter().any(Result::is_err);
        let mut outcomes = outcome.iter();
        let told = |(line, row): &(u64, Result<ImportRow, Vec<Fault>>)| {
            let problem = match row {
                Err(faults) => Some(Problem::invalid_fields(faults.clone())),
                Ok(_) => match outcomes.next() {
                    Some(Ok(imported)) => return ImportedRow::done(*line, imported, unchanged),
                    Some(Err(violation)) => Some(violation.clone().into()),
                    None => None,
                },
            };
            ImportedRow::refused(*line, problem.as_ref(), language)
        };
        let rows: Vec<ImportedRow> = rows.iter().map(told).collect();
        let count = |outcome: &str| rows.iter().filter(|row| row.outcome == outcome).count();
        Self {
            dry_run,
            created: count("created"),
            invited: count("invited"),
            unchanged: count("unchanged"),
            refused: count("refused"),
            rows,
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused > 0
    }

    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    pub(super) fn rows(&self) -> Value {
        to_value(&self.rows)
    }
}

impl ImportedRow {
    fn done(line: u64, imported: &Imported, unchanged: bool) -> Self {
        let (outcome, contact, invitation) = match imported {
            Imported::Created { contact } => ("created", (!unchanged).then_some(contact), None),
            Imported::Invited { contact, invitation } => (
                "invited",
                (!unchanged).then_some(contact),
                (!unchanged).then_some(invitation),
            ),
            Imported::Unchanged { contact } => ("unchanged", Some(contact), None),
        };
        Self {
            line,
            outcome: outcome.to_owned(),
            contact_id: contact.map(ToString::to_string),
            invitation_id: invitation.map(ToString::to_string),
            problem: None,
        }
    }

    fn refused(line: u64, problem: Option<&Problem>, language: Language) -> Self {
        Self {
            line,
            outcome: "refused".to_owned(),
            contact_id: None,
            invitation_id: None,
            problem: problem.map(|problem| {
                let (title, detail) = problem.words(language);
                RowRefusal {
                    status: problem.code().status(),
                    code: problem.code().as_str().to_owned(),
                    title,
                    detail,
                    errors: problem.faults_in(language),
                }
            }),
        }
    }
}
