//! JSON as this API reads it (RFC 8259), stricter than the usual.
//!
//! A member that stands twice, a list where an object must be, a text with U+0000 and a value nested
//! deeper than any body needs are refused, and members that nobody asked for are found, all of them
//! at once.

mod read;
mod tree;

use serde::de::DeserializeOwned;

use crate::problem::{Fault, FieldFault, Place, Problem};
use read::{Reader, Walk};

/// A part of a JSON pointer.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A member, by name.
    Member(String),
    /// An entry, counted from 0.
    Entry(usize),
}

/// The JSON pointer (RFC 6901) of a path.
pub(crate) fn pointer(path: &[Step]) -> String {
    let mut pointer = String::new();
    for step in path {
        pointer.push('/');
        match step {
            Step::Member(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            Step::Entry(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// What came of reading a text.
#[derive(Debug)]
pub(crate) struct Read<T> {
    /// The value, where every member had a type and form that it can have.
    pub(crate) value: Option<T>,
    /// The faults that are 422: unknown members, values that no field takes.
    pub(crate) faults: Vec<Fault>,
}

/// Reads a text.
///
/// # Errors
/// 400 where it is no JSON, or a member stands twice or has another type than it must have.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<Read<T>, Problem> {
    let parsed = tree::parse(text)?;
    let walk = Walk::default();
    let value = T::deserialize(Reader::new(parsed.root, &walk));
    let mut faults = parsed.faults;
    for path in walk.unknown.take() {
        faults.push(at(&path, crate::problem::FieldCode::UnknownField));
    }
    match value {
        Ok(value) => Ok(Read {
            value: Some(value),
            faults,
        }),
        Err(error) => {
            let path = walk.failed.take().unwrap_or_default();
            match error.judged() {
                read::Judged::Unreadable(fault) => Err(Problem::bad_request(vec![at(&path, fault)])),
                read::Judged::NotTaken(fault) => {
                    faults.push(at(&path, fault));
                    Ok(Read { value: None, faults })
                }
            }
        }
    }
}

fn at(path: &[Step], fault: impl Into<FieldFault>) -> Fault {
    Fault::at(Place::Pointer(pointer(path)), fault.into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::problem::{Code, FieldCode};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Body {
        name: Option<String>,
        age: Option<u8>,
        phones: Option<Vec<Phone>>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Phone {
        number: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Mobile,
        Fax,
    }

    fn unreadable(text: &str) -> Code {
        read::<Body>(text.as_bytes()).unwrap_err().code()
    }

    fn faults(text: &str) -> Vec<(String, FieldCode)> {
        let read = read::<Body>(text.as_bytes()).unwrap();
        read.faults
            .iter()
            .map(|fault| match fault.place() {
                Place::Pointer(pointer) => (pointer.clone(), fault.code()),
                place @ (Place::Query(_) | Place::Header(_)) => panic!("{place:?}"),
            })
            .collect()
    }

    #[test]
    fn a_body_is_read() {
        let text = r#"{"name":"\u00e9","age":7,"phones":[{"number":"1"}],"kind":"fax"}"#;
        let read = read::<Body>(text.as_bytes()).unwrap();
        let body = read.value.unwrap();
        assert_eq!(body.name.as_deref(), Some("é"));
        assert_eq!(body.age, Some(7));
        assert_eq!(body.kind, Some(Kind::Fax));
        assert_eq!(body.phones.unwrap()[0].number.as_deref(), Some("1"));
        assert!(read.faults.is_empty());
    }

    #[test]
    fn what_is_no_json_is_400() {
        for text in [
            "",
            "{",
            "{}{}",
            "{'a':1}",
            r#"{"name":"\ud800"}"#,
            r#"{"other":"\udc00"}"#,
            r#"{"name":1e400}"#,
            "\u{feff}{}",
            "nul",
            r#"{"name":"a"#,
        ] {
            assert_eq!(unreadable(text), Code::BadRequest, "{text}");
        }
        assert_eq!(
            read::<Body>(b"{\"name\":\"\xff\"}").unwrap_err().code(),
            Code::BadRequest
        );
    }

    #[test]
    fn a_member_that_stands_twice_is_400_at_every_depth() {
        for text in [
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","n\u0061me":"b"}"#,
            r#"{"phones":[{"number":"1","number":"2"}]}"#,
            r#"{"other":{"a":1,"a":1}}"#,
        ] {
            assert_eq!(unreadable(text), Code::BadRequest, "{text}");
        }
    }

    #[test]
    fn another_type_is_400() {
        for text in [
            "[]",
            "null",
            "7",
            r#""name""#,
            r#"["a",1]"#,
            r#"{"name":7}"#,
            r#"{"name":["a"]}"#,
            r#"{"name":{"$ne":1}}"#,
            r#"{"age":"7"}"#,
            r#"{"age":true}"#,
            r#"{"age":7.5}"#,
            r#"{"phones":{}}"#,
            r#"{"phones":[["1"]]}"#,
            r#"{"kind":1}"#,
            r#"{"kind":{"fax":null}}"#,
        ] {
            assert_eq!(unreadable(text), Code::BadRequest, "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = format!(r#"{{"other":{}{}}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(unreadable(&deep), Code::BadRequest);
        let endless = "[".repeat(60_000);
        assert_eq!(unreadable(&endless), Code::BadRequest);
    }

    #[test]
    fn all_unknown_members_are_found_at_once() {
        assert_eq!(
            faults(r#"{"id":1,"phones":[{"a/b":{"c":1}}],"name":"a"}"#),
            [
                ("/id".into(), FieldCode::UnknownField),
                ("/phones/0/a~1b".into(), FieldCode::UnknownField)
            ]
        );
    }

    #[test]
    fn values_that_no_field_takes_are_422() {
        assert_eq!(faults(r#"{"kind":"car"}"#), [("/kind".into(), FieldCode::NotAllowed)]);
        assert_eq!(faults(r#"{"age":256}"#), [("/age".into(), FieldCode::OutOfRange)]);
        assert_eq!(faults(r#"{"age":-1}"#), [("/age".into(), FieldCode::OutOfRange)]);
        assert_eq!(
            faults(r#"{"name":"a\u0000"}"#),
            [("/name".into(), FieldCode::ForbiddenCharacter)]
        );
    }
}
