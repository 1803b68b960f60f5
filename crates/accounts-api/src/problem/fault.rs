//! What is wrong with one place of a request.

use serde::Serialize;
use serde_json::{Map, Value};

use super::FieldCode;
use crate::texts::{self, Texts};

/// A place of the request and what is wrong there.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    place: Place,
    fault: FieldFault,
}

/// Where in a request a fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A member of the body, by JSON pointer (RFC 6901); empty for the whole body.
    Pointer(String),
    /// A query parameter, by name.
    Query(String),
    /// A header, by name.
    Header(String),
}

/// What is wrong with a value, without saying where the value stands.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldFault {
    code: FieldCode,
    params: Map<String, Value>,
}

impl FieldFault {
    /// A fault with nothing beside its code.
    pub fn new(code: FieldCode) -> Self {
        Self {
            code,
            params: Map::new(),
        }
    }

    /// Adds a value that the sentence names: `max`, say.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// A number, or a count of something, must lie from `min` to `max`.
    pub fn out_of_range(min: impl Into<Value>, max: impl Into<Value>) -> Self {
        Self::new(FieldCode::OutOfRange).with("min", min).with("max", max)
    }

    /// The value must be one of these.
    pub fn not_allowed<T: Into<Value>>(allowed: impl IntoIterator<Item = T>) -> Self {
        let allowed: Vec<Value> = allowed.into_iter().map(Into::into).collect();
        Self::new(FieldCode::NotAllowed).with("allowed", allowed)
    }

    /// The code.
    pub fn code(&self) -> FieldCode {
        self.code
    }
}

impl From<FieldCode> for FieldFault {
    fn from(code: FieldCode) -> Self {
        Self::new(code)
    }
}

impl Fault {
    /// A fault at a place.
    pub fn at(place: Place, fault: FieldFault) -> Self {
        Self { place, fault }
    }

    /// The code.
    pub fn code(&self) -> FieldCode {
        self.fault.code
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The fault in the words of a language.
    pub(super) fn told<'a>(&'a self, texts: &'a Texts) -> ToldFault<'a> {
        let (pointer, parameter, place) = match &self.place {
            Place::Pointer(pointer) => (Some(pointer.as_str()), None, None),
            Place::Query(name) => (None, Some(name.as_str()), Some("query")),
            Place::Header(name) => (None, Some(name.as_str()), Some("header")),
        };
        let code = self.fault.code.as_str();
        let sentence = texts.field.get(code).map_or(code, String::as_str);
        ToldFault {
            pointer,
            parameter,
            place,
            code,
            detail: texts::fill(sentence, |name| self.fault.params.get(name)),
            params: (!self.fault.params.is_empty()).then_some(&self.fault.params),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ToldFault<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    place: Option<&'static str>,
    code: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a Map<String, Value>>,
}
