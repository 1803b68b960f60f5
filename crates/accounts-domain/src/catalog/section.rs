//! One table of a catalog's document, read key by key.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::{Table, Value};

use super::CatalogFault;
use super::words::Word;
use crate::language::{Language, Names};
use crate::permission::Permissions;

/// The longest name of an entry, in characters.
const NAME_LENGTH: usize = 100;

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<CatalogFault>);

impl Faults {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(CatalogFault {
            path: path.into(),
            message: message.into(),
        });
    }

    /// Says whether a fault was found at `path` itself or below it, so that what was read there
    /// may be a stand-in.
    pub(super) fn spoil(&self, path: &str) -> bool {
        self.0.iter().any(|fault| {
            fault
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Says whether a fault was found at exactly `path`.
    pub(super) fn hit(&self, path: &str) -> bool {
        self.0.iter().any(|fault| fault.path == path)
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_list(self) -> Vec<CatalogFault> {
        self.0
    }
}

/// A table at its path. It notes which keys were asked for; the others are unknown.
pub(super) struct Section<'a> {
    path: String,
    table: &'a Table,
    asked: BTreeSet<&'a str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(path: impl Into<String>, table: &'a Table) -> Self {
        Self {
            path: path.into(),
            table,
            asked: BTreeSet::new(),
        }
    }

    /// Names the section anew, once its own key is known.
    pub(super) fn rename(&mut self, path: String) {
        self.path = path;
    }

    /// The path of one of its keys.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Reports every key that was not asked for.
    pub(super) fn close(self, faults: &mut Faults) {
        for key in self.table.keys() {
            if !self.asked.contains(key.as_str()) {
                let known: Vec<&str> = self.asked.iter().copied().collect();
                faults.add(
                    self.at(key),
                    format!("unknown key; possible here are {}", known.join(", ")),
                );
            }
        }
    }

    /// Every key with its value, for a table whose keys are data.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.table.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub(super) fn value(&mut self, key: &'a str) -> Option<&'a Value> {
        self.asked.insert(key);
        self.table.get(key)
    }

    pub(super) fn optional_text(&mut self, key: &'a str, faults: &mut Faults) -> Option<&'a str> {
        let value = self.value(key)?;
        text(&self.at(key), value, faults)
    }

    pub(super) fn text(&mut self, key: &'a str, faults: &mut Faults) -> Option<&'a str> {
        let path = self.at(key);
        let Some(value) = self.value(key) else {
            faults.add(path, "missing");
            return None;
        };
        text(&path, value, faults)
    }

    /// Reads a flag, which is false where it is missing.
    pub(super) fn flag(&mut self, key: &'a str, faults: &mut Faults) -> bool {
        match self.value(key) {
            Some(Value::Boolean(flag)) => *flag,
            Some(value) => {
                faults.add(self.at(key), wrong_type("true or false", value));
                false
            }
            None => false,
        }
    }

    pub(super) fn number<N>(&mut self, key: &'a str, range: &RangeInclusive<N>, default: N, faults: &mut Faults) -> N
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let Some(value) = self.value(key) else {
            return default;
        };
        let number = value
            .as_integer()
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number));
        number.unwrap_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let wanted = format!("a whole number from {least} to {most}");
            let message = if value.is_integer() {
                format!("{wanted} belongs here, not {value}")
            } else {
                wrong_type(&wanted, value)
            };
            faults.add(self.at(key), message);
            default
        })
    }

    /// Reads a word that may be missing.
    pub(super) fn word<W: Word>(&mut self, key: &'a str, default: W, faults: &mut Faults) -> W {
        let Some(value) = self.value(key) else {
            return default;
        };
        word(&self.at(key), value, faults).unwrap_or(default)
    }

    /// Reads a word that has to be there.
    pub(super) fn required_word<W: Word>(&mut self, key: &'a str, stand_in: W, faults: &mut Faults) -> W {
        if self.value(key).is_none() {
            faults.add(self.at(key), format!("missing; it is {}", choices::<W>()));
        }
        self.word(key, stand_in, faults)
    }

    /// Reads an array of words without repetition.
    pub(super) fn words<W: Word + Ord>(&mut self, key: &'a str, faults: &mut Faults) -> Option<BTreeSet<W>> {
        let items = self.list(key, faults)?;
        let mut words = BTreeSet::new();
        for (position, item) in items.iter().enumerate() {
            let path = format!("{}[{position}]", self.at(key));
            if let Some(word) = word::<W>(&path, item, faults)
                && !words.insert(word)
            {
                faults.add(path, format!("`{}` stands here twice", word.word()));
            }
        }
        Some(words)
    }

    pub(super) fn optional_key<K>(&mut self, key: &'a str, faults: &mut Faults) -> Option<K>
    where
        K: FromStr<Err: Display>,
    {
        let text = self.optional_text(key, faults)?;
        parsed(&self.at(key), text, faults)
    }

    /// Reads an array of keys without repetition, which is empty where it is missing.
    pub(super) fn keys<K>(&mut self, key: &'a str, faults: &mut Faults) -> Vec<K>
    where
        K: FromStr<Err: Display> + PartialEq + Display,
    {
        let items = self.list(key, faults).unwrap_or_default();
        read_keys(&self.at(key), items, faults)
    }

    /// Reads `"all"` or an array of permissions.
    pub(super) fn permissions(&mut self, key: &'a str, faults: &mut Faults) -> Option<Permissions> {
        let value = self.value(key)?;
        let path = self.at(key);
        if value.as_str() == Some("all") {
            return Some(Permissions::All);
        }
        let Some(items) = value.as_array() else {
            faults.add(path, wrong_type("\"all\" or an array of permissions", value));
            return None;
        };
        Some(read_keys(&path, items, faults).into_iter().collect())
    }

    pub(super) fn list(&mut self, key: &'a str, faults: &mut Faults) -> Option<&'a [Value]> {
        let value = self.value(key)?;
        let items = value.as_array().map(Vec::as_slice);
        if items.is_none() {
            faults.add(self.at(key), wrong_type("an array", value));
        }
        items
    }

    pub(super) fn section(&mut self, key: &'a str, faults: &mut Faults) -> Option<Section<'a>> {
        let value = self.value(key)?;
        let table = value.as_table();
        if table.is_none() {
            faults.add(self.at(key), wrong_type("a table", value));
        }
        table.map(|table| Section::new(self.at(key), table))
    }

    /// Reads the entry's name in every language, each from 1 to 100 characters.
    pub(super) fn names(&mut self, faults: &mut Faults) -> Names {
        let Some(mut names) = self.section("names", faults) else {
            let path = self.at("names");
            if !faults.hit(&path) {
                for language in Language::ALL {
                    faults.add(format!("{path}.{language}"), "missing");
                }
            }
            return Names {
                en: String::new(),
                fr: String::new(),
            };
        };
        let mut name = |language: Language| {
            let name = names.text(language.as_str(), faults)?;
            let good = name.trim() == name
                && (1..=NAME_LENGTH).contains(&name.chars().count())
                && !name.contains(char::is_control);
            if !good {
                faults.add(
                    names.at(language.as_str()),
                    "a name has 1 to 100 characters, no line breaks, and no space at its ends",
                );
            }
            Some(name.to_owned())
        };
        let (en, fr) = (name(Language::En), name(Language::Fr));
        names.close(faults);
        Names {
            en: en.unwrap_or_default(),
            fr: fr.unwrap_or_default(),
        }
    }
}

/// Reads a text.
pub(super) fn text<'a>(path: &str, value: &'a Value, faults: &mut Faults) -> Option<&'a str> {
    let text = value.as_str();
    if text.is_none() {
        faults.add(path, wrong_type("a text", value));
    }
    text
}

/// Reads one of the words of a choice.
pub(super) fn word<W: Word>(path: &str, value: &Value, faults: &mut Faults) -> Option<W> {
    let given = value.as_str();
    let found = W::all().iter().copied().find(|choice| given == Some(choice.word()));
    if found.is_none() {
        let message = match given {
            Some(given) => format!("{} belongs here, not `{given}`", choices::<W>()),
            None => wrong_type(&choices::<W>(), value),
        };
        faults.add(path, message);
    }
    found
}

/// What is wrong where a value has the wrong type.
pub(super) fn wrong_type(wanted: &str, value: &Value) -> String {
    let given = match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    };
    format!("{wanted} belongs here, not {given}")
}

fn choices<W: Word>() -> String {
    let words: Vec<String> = W::all().iter().map(|choice| format!("\"{}\"", choice.word())).collect();
    format!("one of {}", words.join(", "))
}

fn parsed<K>(path: &str, text: &str, faults: &mut Faults) -> Option<K>
where
    K: FromStr<Err: Display>,
{
    match text.parse() {
        Ok(key) => Some(key),
        Err(invalid) => {
            faults.add(path, format!("`{text}` is not a key: {invalid}"));
            None
        }
    }
}

/// Reads keys without repetition.
pub(super) fn read_keys<K>(path: &str, items: &[Value], faults: &mut Faults) -> Vec<K>
where
    K: FromStr<Err: Display> + PartialEq + Display,
{
    let mut keys = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let path = format!("{path}[{position}]");
        let Some(key) = text(&path, item, faults).and_then(|text| parsed(&path, text, faults)) else {
            continue;
        };
        if keys.contains(&key) {
            faults.add(path, format!("`{key}` stands here twice"));
        } else {
            keys.push(key);
        }
    }
    keys
}
