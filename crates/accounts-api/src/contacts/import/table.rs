//! A table as it came: its headings and its rows, each with the line on which it begins.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::roster::Roster;
use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, HeaderValue};
use actix_web::{FromRequest, HttpRequest};
use serde_json::json;
use utoipa::IntoParams;

use crate::body::{check_length, is_of_type, receive};
use crate::contacts::columns::Column;
use crate::csv_text::plain;
use crate::describe::{Describe, Description};
use crate::gate::{Gate, LocalFuture, Rank};
use crate::idempotency::Fingerprint;
use crate::json::{Step, pointer};
use crate::problem::{Code, Fault, FieldCode, FieldFault, Place, Problem};
use crate::query::{Filters, Query};

/// The greatest number of bytes of a table (security decision D16).
const LIMIT: usize = 5 * 1024 * 1024;

/// The media type that is taken.
const CSV: &str = "text/csv";

/// The greatest number of headings that are told apart by the query.
const MAPPED: usize = 50;

/// The longest heading, in characters.
const HEADING: usize = 100;

/// The greatest number of cells in a row: far more than there are fields, and few enough to tell of each what is wrong.
const COLUMNS: usize = 100;

/// The body of an import: a table with headings.
#[derive(Debug)]
pub struct CsvBody(pub(super) Table);

/// A table with headings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

impl Row {
    /// What the cells say: without the blanks around them and the apostrophes that guard them.
    pub(super) fn new<'c>(line: u64, cells: impl IntoIterator<Item = &'c str>) -> Self {
        let cells = cells.into_iter().map(|cell| plain(cell.trim())).collect();
        Self { line, cells }
    }
}

impl FromRequest for CsvBody {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let gate = Gate::of(request);
        if let Err(problem) = check_media_type(request).and_then(|()| check_length(request.headers(), LIMIT)) {
            gate.lay_down(Rank::Media, problem);
        }
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            gate.passage().await?;
            let text = receive(&request, payload, LIMIT).await?;
            Fingerprint::keep(&request, &text);
            Table::read(&text).map(Self)
        })
    }
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    if is_of_type(request, &[CSV]) {
        return Ok(());
    }
    let problem = Problem::new(Code::UnsupportedMediaType).with("accepted", CSV);
    Err(problem.header(ACCEPT, HeaderValue::from_static(CSV)))
}

impl Describe for CsvBody {
    const BODY: bool = true;

    fn describe(description: &mut Description) {
        description.body = Some(json!({
            "required": true,
            "description": "UTF-8, with or without a byte order mark; cells parted by commas or by semicolons; the first \
                line holds the headings. At most 5 MiB, 1,000 rows and 100 columns.",
            "content": { CSV: {
                "schema": { "type": "string" },
                "example": "display_name,address,phones,login,permissions\r\n\
                    Bea Lima,bea@lima.example,landline:+33142685300,false,\r\n\
                    Cem Lima,cem@lima.example,,true,contacts:view members:view\r\n",
            } },
        }));
        for code in [
            Code::BadRequest,
            Code::RequestTimeout,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidFields,
        ] {
            description.refuses(code);
        }
    }
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// 400 for what is no UTF-8; 422 without a first line, for more rows than an account may have contacts, and for a row
    /// of more than [`COLUMNS`] cells.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(bytes).map_err(|_| at_whole(FieldCode::InvalidFormat, Problem::bad_request))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(text))
            .from_reader(text.as_bytes());
        let mut rows = Vec::new();
        let mut lines = Lines::of(text);
        for record in reader.records() {
            let record = record.map_err(|_| at_whole(FieldCode::InvalidFormat, Problem::bad_request))?;
            if record.len() > COLUMNS {
                let fault = FieldFault::new(FieldCode::TooMany).with("max", COLUMNS);
                return Err(at_whole(fault, Problem::invalid_fields));
            }
            let line = lines.at(record.position().map_or(0, csv::Position::byte));
            rows.push(Row::new(line, &record));
            if rows.len() > Roster::IMPORTED_ROWS + 1 {
                let fault = FieldFault::new(FieldCode::TooMany).with("max", Roster::IMPORTED_ROWS);
                return Err(at_whole(fault, Problem::invalid_fields));
            }
        }
        let mut rows = rows.into_iter();
        let too_few = || {
            at_whole(
                FieldFault::new(FieldCode::TooFew).with("min", 1),
                Problem::invalid_fields,
            )
        };
        let headings = rows.next().ok_or_else(too_few)?.cells;
        Ok(Self {
            headings,
            rows: rows.collect(),
        })
    }

    /// What each column holds; nothing for one that is left out.
    ///
    /// # Errors
    /// 422 with every heading that stands for no field, or for one that another stands for already, and with the
    /// fields that are missing.
    pub(super) fn columns(&self, named: &Headings) -> Result<Vec<Option<Column>>, Problem> {
        let mut faults = Vec::new();
        let mut fault = |heading: &str, code: FieldCode| {
            let steps = [Step::Member("columns".to_owned()), Step::Member(heading.to_owned())];
            faults.push(Fault::at(Place::Pointer(pointer(&steps)), code.into()));
        };
        let mut columns = Vec::new();
        let mut seen = BTreeSet::new();
        for heading in &self.headings {
            let meant = named.0.get(heading).copied();
            let column = meant.unwrap_or_else(|| Column::from_name(heading));
            if column.is_none() && meant.is_none() {
                fault(heading, FieldCode::UnknownField);
            }
            if column.is_some_and(|column| !seen.insert(column)) {
                fault(heading, FieldCode::DuplicateField);
            }
            columns.push(column);
        }
        for needed in [Column::DisplayName, Column::Address] {
            if !seen.contains(&needed) {
                fault(needed.name(), FieldCode::Required);
            }
        }
        for heading in named.0.keys().filter(|heading| !self.headings.contains(heading)) {
            fault(heading, FieldCode::Required);
        }
        if faults.is_empty() {
            Ok(columns)
        } else {
            Err(Problem::invalid_fields(faults))
        }
    }
}

/// Counts the lines of a text on the way through it. The reader's own count differs by how a line ends.
struct Lines<'t> {
    text: &'t [u8],
    seen: usize,
    line: u64,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text: text.as_bytes(),
            seen: 0,
            line: 1,
        }
    }

    /// The line of the first cell after this place, which lies behind those asked for before.
    fn at(&mut self, place: u64) -> u64 {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        while let Some(letter) = self.text.get(self.seen) {
            let ends = match letter {
                b'\n' => true,
                b'\r' => self.text.get(self.seen + 1) != Some(&b'\n'),
                _ if self.seen >= place => break,
                _ => false,
            };
            self.seen += 1;
            self.line += u64::from(ends);
        }
        self.line
    }
}

fn at_whole(fault: impl Into<FieldFault>, problem: fn(Vec<Fault>) -> Problem) -> Problem {
    problem(vec![Fault::at(Place::Pointer(String::new()), fault.into())])
}

/// What parts the cells: whichever of the two stands more often in the first line, outside of quotes.
fn delimiter(text: &str) -> u8 {
    let first = text.trim_start().split(['\n', '\r']).next().unwrap_or_default();
    let unquoted: String = first.split('"').step_by(2).collect();
    if unquoted.matches(';').count() > unquoted.matches(',').count() {
        b';'
    } else {
        b','
    }
}

/// Which headings stand for which fields, where they are not the fields' own names.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ColumnNames {
    /// What a heading of the table stands for, as `heading:field`: `E-mail:address`, say. `Notes:` leaves the column
    /// `Notes` out. A heading that is the name of a field needs no such word.
    #[param(max_items = 50, example = json!(["E-mail:address"]))]
    column: Vec<String>,
}

/// The headings that the query names, each with its field, or with none where it is left out.
#[derive(Debug, Default)]
pub(super) struct Headings(BTreeMap<String, Option<Column>>);

impl Filters for ColumnNames {
    fn read(query: &mut Query) -> Self {
        let column: Vec<String> = query.any("column");
        if column.len() > MAPPED {
            query.add("column", FieldFault::new(FieldCode::TooMany).with("max", MAPPED));
        }
        let mut seen = BTreeSet::new();
        for word in &column {
            match word.rsplit_once(':') {
                Some((heading, field)) if (1..=HEADING).contains(&heading.trim().chars().count()) => {
                    if !field.is_empty() && Column::from_name(field).is_none() {
                        query.add("column", FieldFault::not_allowed(Column::ALL.map(Column::name)));
                    }
                    if !seen.insert(heading.trim()) {
                        query.add("column", FieldCode::Contradictory);
                    }
                }
                Some(_) | None => query.add("column", FieldCode::InvalidFormat),
            }
        }
        Self { column }
    }
}

impl ColumnNames {
    pub(super) fn headings(&self) -> Headings {
        let pairs = self.column.iter().filter_map(|word| word.rsplit_once(':'));
        Headings(
            pairs
                .map(|(heading, field)| (heading.trim().to_owned(), Column::from_name(field)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(pairs: &[&str]) -> Headings {
        let column = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        ColumnNames { column }.headings()
    }

    #[test]
    fn commas_and_semicolons_part_cells_and_a_mark_is_skipped() {
        for text in [
            "display_name,address\r\n\"Lima, Bea\",bea@lima.example\r\n",
            "\u{feff}display_name;address\n\"Lima, Bea\";bea@lima.example",
            "display_name ; address\n\n\"Lima, Bea\" ; bea@lima.example\n",
        ] {
            let table = Table::read(text.as_bytes()).unwrap();
            assert_eq!(table.headings, ["display_name", "address"]);
            assert_eq!(table.rows[0].cells[1], "bea@lima.example");
        }
    }

    #[test]
    fn a_row_is_found_at_its_line_however_lines_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["display_name,address", "a,b", "", "\"c", "c\",d", "e,f"].join(end);
            let table = Table::read(text.as_bytes()).unwrap();
            let lines: Vec<u64> = table.rows.iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 4, 6], "{end:?}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(Table::read(b"\xff\xfe").unwrap_err().code(), Code::BadRequest);
        assert_eq!(Table::read(b"").unwrap_err().code(), Code::InvalidFields);
        let most = "address\n".repeat(Roster::IMPORTED_ROWS + 1);
        assert!(Table::read(most.as_bytes()).is_ok());
        let more = "address\n".repeat(Roster::IMPORTED_ROWS + 2);
        assert_eq!(Table::read(more.as_bytes()).unwrap_err().code(), Code::InvalidFields);
    }

    #[test]
    fn headings_stand_for_fields_by_name_or_by_the_query() {
        let table = Table::read(b"Name,E-mail,Notes\n").unwrap();
        let named = headings(&["Name:display_name", "E-mail:address", "Notes:"]);
        let columns = table.columns(&named).unwrap();
        assert_eq!(columns, [Some(Column::DisplayName), Some(Column::Address), None]);
    }

    #[test]
    fn headings_that_are_unknown_doubled_or_missing_are_faults() {
        let refused = |text: &str, named: &[&str]| {
            let table = Table::read(text.as_bytes()).unwrap();
            table.columns(&headings(named)).unwrap_err().code()
        };
        assert_eq!(refused("display_name,address,phone\n", &[]), Code::InvalidFields);
        assert_eq!(refused("display_name,address,address\n", &[]), Code::InvalidFields);
        assert_eq!(refused("display_name\n", &[]), Code::InvalidFields);
        assert_eq!(
            refused("display_name,address\n", &["Mail:address"]),
            Code::InvalidFields
        );
    }
}
