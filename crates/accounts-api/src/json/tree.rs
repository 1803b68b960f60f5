//! The text as a tree, checked for what no body may have.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Step, at};
use crate::problem::{Fault, FieldCode, Problem};

/// How deep objects and lists may stand in each other.
const DEEPEST: usize = 16;

/// A JSON value. Members keep the order in which they stand.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A text that is JSON.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Node,
    /// Where U+0000 stands in a text: readable, but PostgreSQL keeps none (security decision D6).
    pub(super) faults: Vec<Fault>,
}

/// Reads a text.
///
/// # Errors
/// 400 where it is no JSON, a member stands twice, or it is nested too deep.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, Problem> {
    let mut growing = Growing::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let root = Seed(&mut growing).deserialize(&mut deserializer);
    let root = root.and_then(|root| deserializer.end().map(|()| root));
    match root {
        Ok(root) => Ok(Parsed {
            root,
            faults: growing.faults,
        }),
        Err(_) => Err(Problem::bad_request(growing.unreadable.into_iter().collect())),
    }
}

#[derive(Default)]
struct Growing {
    path: Vec<Step>,
    faults: Vec<Fault>,
    unreadable: Option<Fault>,
}

impl Growing {
    fn unreadable<E: serde::de::Error>(&mut self, code: FieldCode) -> E {
        self.unreadable = Some(at(&self.path, code));
        E::custom(code.as_str())
    }

    fn text(&mut self, text: &str) {
        if text.contains('\0') {
            self.faults.push(at(&self.path, FieldCode::ForbiddenCharacter));
        }
    }
}

struct Seed<'g>(&'g mut Growing);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        if self.0.path.len() > DEEPEST {
            return Err(self.0.unreadable(FieldCode::TooDeep));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a number"))?;
        Ok(Node::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        self.0.text(value);
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        self.0.text(&value);
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        self.0.path.push(Step::Entry(0));
        while let Some(node) = entries.next_element_seed(Seed(&mut *self.0))? {
            list.push(node);
            self.0.path.pop();
            self.0.path.push(Step::Entry(list.len()));
        }
        self.0.path.pop();
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut object: Vec<(String, Node)> = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            let twice = object.iter().any(|(present, _)| *present == name);
            self.0.path.push(Step::Member(name.clone()));
            if twice {
                return Err(self.0.unreadable(FieldCode::DuplicateField));
            }
            if object.len() >= MOST_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            let node = members.next_value_seed(Seed(&mut *self.0))?;
            self.0.path.pop();
            object.push((name, node));
        }
        Ok(Node::Object(object))
    }
}

/// How many members an object may have: more than any body, few enough to compare each with each.
const MOST_MEMBERS: usize = 256;

/// The name of a member. A type of its own, because `String` would take other keys too.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}
