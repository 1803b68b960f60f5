//! A row of a table, as a contact: every cell judged, every fault at its column.

use std::collections::BTreeSet;
use std::str::FromStr;

use accounts_domain::address::EmailAddress;
use accounts_domain::catalog::Catalog;
use accounts_domain::contacts::CreateContact;
use accounts_domain::ids::{ContactId, InvitationId, SendingId};
use accounts_domain::imports::ImportRow;
use accounts_domain::keys::{CategoryKey, PermissionKey, RoleKey};
use accounts_domain::language::Language;
use accounts_domain::names::{DisplayName, JobTitle, PersonName};
use accounts_domain::permission::Permissions;
use accounts_domain::phone::{Phone, PhoneKind, PhoneNumber};
use accounts_domain::roster::{Contact, ContactProfile};

use super::table::Row;
use crate::contacts::columns::Column;
use crate::csv_text::plain;
use crate::problem::{Fault, FieldCode, FieldFault, Place};

/// What somebody who is to log in is asked for by.
const YES: [&str; 3] = ["true", "yes", "1"];
const NO: [&str; 3] = ["false", "no", "0"];

/// The greatest number of keys in a cell.
const KEYS: usize = 200;

/// How many faults of a cell are told. The next look at the mended cell tells of others.
const FAULTS: usize = 5;

/// Reads a row by what its columns hold.
///
/// # Errors
/// Every fault, each at the field of its cell.
pub(super) fn read(columns: &[Option<Column>], row: &Row, catalog: &Catalog) -> Result<ImportRow, Vec<Fault>> {
    let mut cells = Cells {
        columns,
        row,
        faults: Vec::new(),
    };
    if row.cells.len() > columns.len() {
        let fault = FieldFault::new(FieldCode::TooMany).with("max", columns.len());
        cells.faults.push(Fault::at(Place::Pointer(String::new()), fault));
    }
    let contact = cells.contact(catalog);
    match contact {
        Some(contact) if cells.faults.is_empty() => Ok(ImportRow {
            contact,
            invitation: InvitationId::new(),
            sending: SendingId::new(),
        }),
        Some(_) | None => Err(cells.faults),
    }
}

struct Cells<'a> {
    columns: &'a [Option<Column>],
    row: &'a Row,
    faults: Vec<Fault>,
}

impl<'a> Cells<'a> {
    fn contact(&mut self, catalog: &Catalog) -> Option<CreateContact> {
        let display_name = self.required(Column::DisplayName, DisplayName::parse);
        let address = self.required(Column::Address, EmailAddress::parse);
        let first_name = self.optional(Column::FirstName, PersonName::parse);
        let last_name = self.optional(Column::LastName, PersonName::parse);
        let title = self.optional(Column::Title, JobTitle::parse);
        let known = || FieldFault::not_allowed(Language::ALL.map(Language::as_str));
        let language = self.optional(Column::Language, |text| Language::from_str(text).map_err(|_| known()));
        let phones = self.phones();
        let more_addresses = self.several(Column::MoreAddresses, Contact::MORE_ADDRESSES, EmailAddress::parse);
        let roles: BTreeSet<RoleKey> =
            self.keys(Column::Roles, FieldCode::UnknownRole, |key| catalog.role(key).is_some());
        let subscriptions: BTreeSet<CategoryKey> =
            self.keys(Column::Subscriptions, FieldCode::UnknownCategory, |key| {
                catalog.category(key).is_some()
            });
        let login = self.login(catalog);
        Some(CreateContact {
            id: ContactId::new(),
            profile: ContactProfile {
                display_name: display_name?,
                first_name,
                last_name,
                title,
                language: language.unwrap_or_default(),
                phones,
            },
            address: address?,
            more_addresses,
            roles,
            login,
            subscriptions,
        })
    }

    /// What stands in a column; nothing in an empty cell.
    fn cell(&self, column: Column) -> Option<&'a str> {
        let place = self.columns.iter().position(|present| *present == Some(column))?;
        let cell = self.row.cells.get(place)?.as_str();
        (!cell.is_empty()).then_some(cell)
    }

    fn add(&mut self, column: Column, fault: impl Into<FieldFault>) {
        let place = Place::Pointer(format!("/{}", column.name()));
        self.faults.push(Fault::at(place, fault.into()));
    }

    fn required<T, E: Into<FieldFault>>(
        &mut self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.cell(column).is_none() {
            self.add(column, FieldCode::Required);
        }
        self.optional(column, parse)
    }

    fn optional<T, E: Into<FieldFault>>(
        &mut self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.cell(column)?) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(column, fault);
                None
            }
        }
    }

    /// Values with blanks, commas or semicolons between them.
    fn several<T, E: Into<FieldFault>>(
        &mut self,
        column: Column,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let cell = self.cell(column).unwrap_or_default();
        let words = cell.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';'));
        self.each(column, most, words, parse)
    }

    fn each<'w, T, E: Into<FieldFault>>(
        &mut self,
        column: Column,
        most: usize,
        words: impl Iterator<Item = &'w str>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let words: Vec<&str> = words.map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.len() > most {
            self.add(column, FieldFault::new(FieldCode::TooMany).with("max", most));
            return Vec::new();
        }
        let mut values = Vec::new();
        let mut wrong = 0;
        for word in words {
            match parse(word) {
                Ok(value) => values.push(value),
                Err(_) if wrong == FAULTS => break,
                Err(fault) => {
                    wrong += 1;
                    self.add(column, fault);
                }
            }
        }
        values
    }

    fn keys<K: FromStr + Ord>(
        &mut self,
        column: Column,
        unknown: FieldCode,
        is_known: impl Fn(&K) -> bool,
    ) -> BTreeSet<K> {
        let parse = |word: &str| -> Result<K, FieldFault> {
            let key: K = word.parse().map_err(|_| FieldFault::new(FieldCode::InvalidFormat))?;
            if is_known(&key) {
                Ok(key)
            } else {
                Err(FieldFault::new(unknown).with("key", word))
            }
        };
        self.several(column, KEYS, parse).into_iter().collect()
    }

    /// Numbers have blanks in them, so that commas and semicolons alone part them. The kind stands before the number:
    /// `landline:+33 1 42 68 53 00`.
    fn phones(&mut self) -> Vec<Phone> {
        let cell = self.cell(Column::Phones).unwrap_or_default();
        self.each(
            Column::Phones,
            ContactProfile::PHONES,
            cell.split([',', ';']),
            |word| -> Result<Phone, FieldFault> {
                let (kind, number) = word.split_once(':').unwrap_or((PhoneKind::Other.as_str(), word));
                let known = || FieldFault::not_allowed(PhoneKind::ALL.map(PhoneKind::as_str));
                Ok(Phone {
                    kind: PhoneKind::from_name(kind.trim()).ok_or_else(known)?,
                    number: PhoneNumber::parse(&plain(number.trim()))?,
                })
            },
        )
    }

    /// The permissions of whoever is to log in; nothing where nobody is.
    fn login(&mut self, catalog: &Catalog) -> Option<Permissions> {
        let asked = self.optional(Column::Login, |text| {
            let text = text.to_ascii_lowercase();
            if YES.contains(&text.as_str()) {
                Ok(true)
            } else if NO.contains(&text.as_str()) {
                Ok(false)
            } else {
                Err(FieldFault::not_allowed(["true", "false"]))
            }
        });
        let cell = self.cell(Column::Permissions);
        if asked == Some(true) {
            return Some(cell.map_or(Permissions::none(), |cell| self.permissions(catalog, cell)));
        }
        if cell.is_some() {
            self.add(Column::Permissions, FieldCode::Contradictory);
        }
        None
    }

    /// `all`, a preset of the catalog, or keys.
    fn permissions(&mut self, catalog: &Catalog, cell: &str) -> Permissions {
        if cell == "all" {
            return Permissions::All;
        }
        if !cell.contains(':') {
            if let Some(preset) = catalog.permission_preset(cell) {
                return preset.permissions.clone();
            }
            let fault = FieldFault::new(FieldCode::UnknownPreset).with("key", cell);
            self.add(Column::Permissions, fault);
            return Permissions::none();
        }
        let chosen: BTreeSet<PermissionKey> = self.keys(Column::Permissions, FieldCode::UnknownPermission, |key| {
            catalog.knows_permission(key)
        });
        Permissions::Chosen(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 12] = Column::ALL;

    fn read_cells(cells: &[&str]) -> Result<ImportRow, Vec<String>> {
        let columns: Vec<Option<Column>> = COLUMNS.into_iter().map(Some).collect();
        let row = Row::new(2, cells.iter().copied());
        let catalog = Catalog::parse(Catalog::preset("hosting").unwrap()).unwrap();
        let told = |fault: Fault| match fault.place() {
            Place::Pointer(pointer) => format!("{pointer} {}", fault.code().as_str()),
            Place::Query(name) | Place::Header(name) => name.clone(),
        };
        read(&columns, &row, &catalog).map_err(|faults| faults.into_iter().map(told).collect())
    }

    #[test]
    fn a_full_row_is_read() {
        let row = read_cells(&[
            "'=Bea",
            "bea@lima.example",
            "Bea",
            "Lima",
            "Clerk",
            "fr",
            "landline:+33 1 42 68 53 00; '+14155552671",
            "b@x.example;c@x.example",
            "",
            "invoices",
            "yes",
            "tickets:view contacts:view",
        ]);
        let contact = row.unwrap().contact;
        assert_eq!(contact.profile.display_name.as_str(), "=Bea");
        assert_eq!(contact.profile.phones.len(), 2);
        assert_eq!(contact.profile.phones[1].kind, PhoneKind::Other);
        assert_eq!(contact.more_addresses.len(), 2);
        assert_eq!(contact.profile.language, Language::Fr);
        let permissions = contact.login.unwrap();
        assert!(permissions.contains(&"tickets:view".parse().unwrap()));
        assert_eq!(contact.subscriptions.len(), 1);
    }

    #[test]
    fn every_fault_is_told_at_its_column() {
        let faults = read_cells(&[
            "", "nobody", "", "", "", "de", "call me", "x", "Boss", "nothing", "perhaps", "all", "more",
        ]);
        assert_eq!(
            faults.unwrap_err(),
            [
                " too-many",
                "/display_name required",
                "/address invalid-format",
                "/language not-allowed",
                "/phones invalid-format",
                "/more_addresses invalid-format",
                "/roles invalid-format",
                "/subscriptions unknown-category",
                "/login not-allowed",
                "/permissions contradictory",
            ]
        );
    }

    #[test]
    fn permissions_are_all_a_preset_or_keys() {
        let asked = |permissions: &str| {
            let cells = [
                "B",
                "b@lima.example",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "true",
                permissions,
            ];
            read_cells(&cells).map(|row| row.contact.login)
        };
        assert_eq!(asked("all"), Ok(Some(Permissions::All)));
        assert_eq!(asked(""), Ok(Some(Permissions::none())));
        assert_eq!(asked("nonsense").unwrap_err(), ["/permissions unknown-preset"]);
        assert_eq!(asked("no:such").unwrap_err(), ["/permissions unknown-permission"]);
        let preset = asked("webmaster").unwrap().unwrap();
        assert!(!preset.is_none());
    }
}
