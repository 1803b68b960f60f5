//! Tables as text: CSV (RFC 4180) that no spreadsheet executes, and cells as they were before that was seen to (R47).

use crate::problem::Problem;

/// The media type of tables.
pub(crate) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// A table, written row by row.
#[derive(Debug)]
pub(crate) struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    /// A table with this first line.
    ///
    /// # Errors
    /// 500; memory takes all that is written.
    pub(crate) fn headed<T: AsRef<str>>(names: &[T]) -> Result<Self, Problem> {
        let terminator = csv::Terminator::CRLF;
        let mut rows = Self(csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new()));
        rows.add(names)?;
        Ok(rows)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// 500; memory takes all that is written.
    pub(crate) fn add<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), Problem> {
        let cells = cells.iter().map(|cell| guarded(cell.as_ref()));
        self.0.write_record(cells).map_err(Problem::internal)
    }

    /// The whole text.
    ///
    /// # Errors
    /// 500; memory takes all that is written.
    pub(crate) fn text(self) -> Result<Vec<u8>, Problem> {
        self.0.into_inner().map_err(|error| Problem::internal(error.error()))
    }
}

/// What spreadsheets take for the beginning of a formula, or skip on the way to one. The apostrophe is among them so
/// that the one which guards is told from one that was there.
fn is_dangerous(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\'')
}

/// Whether a cell may begin after this letter: where numbers have commas, spreadsheets part a line at its semicolons, whatever
/// the quotes say.
fn begins_after(letter: char) -> bool {
    letter == ';'
}

/// What spreadsheets skip at the beginning of a cell.
fn is_skipped(letter: char) -> bool {
    matches!(letter, ' ' | '"')
}

/// A cell that stays text: an apostrophe guards what a spreadsheet would execute, also where it parts the cell in two.
fn guarded(cell: &str) -> String {
    let mut safe = String::with_capacity(cell.len() + 1);
    let mut begins = true;
    for letter in cell.chars() {
        if begins && is_dangerous(letter) {
            safe.push('\'');
        }
        safe.push(letter);
        begins = begins_after(letter) || begins && is_skipped(letter);
    }
    safe
}

/// What a cell says, without the apostrophes that guard it.
pub(crate) fn plain(cell: &str) -> String {
    let mut said = String::with_capacity(cell.len());
    let mut begins = true;
    let mut letters = cell.chars().peekable();
    while let Some(letter) = letters.next() {
        let guarded = letters.peek().copied().filter(|next| is_dangerous(*next));
        let letter = match guarded {
            Some(next) if begins && letter == '\'' => {
                letters.next();
                next
            }
            Some(_) | None => letter,
        };
        said.push(letter);
        begins = begins_after(letter) || begins && is_skipped(letter);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str]) -> String {
        let mut rows = Rows::headed(&["a", "b"]).unwrap();
        rows.add(cells).unwrap();
        String::from_utf8(rows.text().unwrap()).unwrap()
    }

    #[test]
    fn r_47_no_cell_begins_a_formula() {
        for cell in ["=HYPERLINK(\"x\")", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(guarded(cell), format!("'{cell}"));
        }
        assert_eq!(written(&["=1+1", "a-b"]), "a,b\r\n'=1+1,a-b\r\n");
        // Where a comma parts decimals, a spreadsheet opens this as two cells.
        for (cell, safe) in [
            ("x;=1", "x;'=1"),
            ("x; \"=1", "x; \"'=1"),
            (" =1", " '=1"),
            ("x;y;@z", "x;y;'@z"),
        ] {
            assert_eq!(guarded(cell), safe);
        }
    }

    #[test]
    fn r_47_quotes_are_those_of_rfc_4180() {
        assert_eq!(
            written(&["say \"hi\"", "one, two\nthree"]),
            "a,b\r\n\"say \"\"hi\"\"\",\"one, two\nthree\"\r\n"
        );
    }

    #[test]
    fn what_is_guarded_reads_as_it_was() {
        for cell in [
            "=1",
            "'=1",
            "''",
            "'",
            "'Tis",
            "''=1",
            "plain",
            "",
            "+33142685300",
            "O'Neill",
            "x;=1;'=2; ''",
            " =1",
            "; \"=1;\"'-",
        ] {
            assert_eq!(plain(&guarded(cell)), cell, "{cell}");
        }
        // A table that somebody wrote by hand has no guards.
        assert_eq!(plain("'Tis"), "'Tis");
    }
}
