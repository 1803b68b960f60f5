//! From the tree to the type of a body, by serde.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::Step;
use super::tree::Node;
use crate::problem::{FieldCode, FieldFault};

/// Where the reading stands, and what it met.
#[derive(Default)]
pub(super) struct Walk {
    path: RefCell<Vec<Step>>,
    /// The members that no type asked for.
    pub(super) unknown: RefCell<Vec<Vec<Step>>>,
    /// Where it went wrong first.
    pub(super) failed: RefCell<Option<Vec<Step>>>,
}

impl Walk {
    fn below<T>(&self, step: Step, read: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.path.borrow_mut().push(step);
        let outcome = read();
        if outcome.is_err() {
            self.failed
                .borrow_mut()
                .get_or_insert_with(|| self.path.borrow().clone());
        }
        self.path.borrow_mut().pop();
        outcome
    }
}

/// A part of the tree that is being read.
pub(super) struct Reader<'w> {
    node: Node,
    walk: &'w Walk,
}

impl<'w> Reader<'w> {
    pub(super) fn new(node: Node, walk: &'w Walk) -> Self {
        Self { node, walk }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Text(value) => visitor.visit_string(value),
            Node::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Node::List(entries) => visitor.visit_seq(Entries {
                rest: entries.into_iter(),
                next: 0,
                walk: self.walk,
            }),
            Node::Object(members) => visitor.visit_map(Members {
                rest: members.into_iter(),
                value: None,
                walk: self.walk,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node {
            Node::Null => visitor.visit_none(),
            Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    /// serde would take a list for an object, its entries for the members in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node {
            Node::List(_) => Err(ReadError(Judged::Unreadable(FieldCode::WrongType.into()))),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Object(_) => {
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.node {
            Node::Text(name) => {
                let name: StringDeserializer<ReadError> = name.into_deserializer();
                visitor.visit_enum(name)
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => {
                Err(ReadError(Judged::Unreadable(FieldCode::WrongType.into())))
            }
        }
    }

    /// serde asks this of members that the type does not know.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let path = self.walk.path.borrow().clone();
        self.walk.unknown.borrow_mut().push(path);
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier
    }
}

struct Entries<'w> {
    rest: std::vec::IntoIter<Node>,
    next: usize,
    walk: &'w Walk,
}

impl<'de> SeqAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        let step = Step::Entry(self.next);
        self.next += 1;
        self.walk
            .below(step, || seed.deserialize(Reader::new(node, self.walk)))
            .map(Some)
    }
}

struct Members<'w> {
    rest: std::vec::IntoIter<(String, Node)>,
    value: Option<(String, Node)>,
    walk: &'w Walk,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((name, node)) = self.rest.next() else {
            return Ok(None);
        };
        let key: StringDeserializer<ReadError> = name.clone().into_deserializer();
        self.value = Some((name, node));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some((name, node)) = self.value.take() else {
            return Err(<ReadError as serde::de::Error>::custom("a value without a name"));
        };
        self.walk
            .below(Step::Member(name), || seed.deserialize(Reader::new(node, self.walk)))
    }
}

/// Why a value could not be taken, in the terms of the API.
#[derive(Debug)]
pub(super) struct ReadError(Judged);

/// Which answer it calls for.
#[derive(Debug)]
pub(super) enum Judged {
    /// 400: another type than the member has.
    Unreadable(FieldFault),
    /// 422: the right type, a value that is not taken.
    NotTaken(FieldFault),
}

impl ReadError {
    pub(super) fn judged(self) -> Judged {
        self.0
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Judged::Unreadable(fault) | Judged::NotTaken(fault) => f.write_str(fault.code().as_str()),
        }
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    /// What a type says of its own, a text that is no date, say.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Judged::NotTaken(FieldCode::InvalidFormat.into()))
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self(Judged::Unreadable(FieldCode::WrongType.into()))
    }

    /// Numbers that are too large or too small for the type, and texts of another form.
    fn invalid_value(unexpected: Unexpected<'_>, _: &dyn Expected) -> Self {
        let number = matches!(
            unexpected,
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_)
        );
        let code = if number {
            FieldCode::OutOfRange
        } else {
            FieldCode::InvalidFormat
        };
        Self(Judged::NotTaken(code.into()))
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self(Judged::Unreadable(FieldCode::WrongType.into()))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(Judged::NotTaken(FieldFault::not_allowed(expected.iter().copied())))
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self(Judged::NotTaken(FieldCode::UnknownField.into()))
    }

    fn missing_field(_: &'static str) -> Self {
        Self(Judged::NotTaken(FieldCode::Required.into()))
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self(Judged::Unreadable(FieldCode::DuplicateField.into()))
    }
}
