//! Query parameters: each one known, read once, with every fault told at once.
//!
//! A list's filters are a struct that derives `utoipa::IntoParams` (what the document says) and
//! implements [`Filters`] (how each is read). A parameter that no argument of the handler knows is
//! refused by the router.

use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::describe::{Describe, Description};
use crate::gate::{Held, Rank, held};
use crate::percent;
use crate::problem::{Fault, FieldCode, FieldFault, Place, Problem};

/// Query parameters that belong together.
pub trait Filters: IntoParams + Sized + 'static {
    /// Reads the parameters. A fault is collected by the reader, and whatever stands in its place is
    /// never seen by a handler.
    fn read(query: &mut Query) -> Self;
}

/// The query parameters of a request: `Asked(filters): Asked<ContactFilters>`.
#[derive(Debug)]
pub struct Asked<F>(pub F);

impl<F: Filters> FromRequest for Asked<F> {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        held(request, Rank::Value, read(request, F::read).map(Self))
    }
}

impl<F: Filters> Describe for Asked<F> {
    fn describe(description: &mut Description) {
        for mut parameter in F::into_params(|| Some(ParameterIn::Query)) {
            // A list that may be empty would be taken for one that must be given.
            parameter.required = Required::False;
            description.parameter(serde_json::to_value(parameter).unwrap_or(Value::Null));
        }
    }
}

/// Whether only to say what would change: `?dry_run=true`.
#[derive(Debug, Clone, Copy)]
pub struct Preview {
    /// Nothing is to be changed.
    pub dry_run: bool,
}

impl FromRequest for Preview {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let preview = read(request, |query| Self {
            dry_run: query.flag("dry_run").unwrap_or(false),
        });
        held(request, Rank::Value, preview)
    }
}

impl Describe for Preview {
    fn describe(description: &mut Description) {
        let schema = json!({"type": "boolean", "default": false});
        description.query("dry_run", "Change nothing and answer what would change.", &schema);
    }
}

/// Reads parameters of a request.
///
/// # Errors
/// 400 with every fault.
pub(crate) fn read<T>(request: &HttpRequest, read: impl FnOnce(&mut Query) -> T) -> Result<T, Problem> {
    let mut query = Query::parse(request.query_string());
    let value = read(&mut query);
    if query.faults.is_empty() {
        Ok(value)
    } else {
        Err(Problem::bad_request(query.faults))
    }
}

/// The query of a request, as its parameters read it.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Query {
    fn parse(text: &str) -> Self {
        let mut query = Self {
            pairs: Vec::new(),
            faults: Vec::new(),
        };
        for (name, value) in split(text) {
            match (percent::decode(name, true), percent::decode(value, true)) {
                (Some(name), Some(value)) if value.contains('\0') => {
                    query.add(&name, FieldCode::ForbiddenCharacter);
                }
                (Some(name), Some(value)) => query.pairs.push((name, value)),
                _ => query.add(name, FieldCode::InvalidFormat),
            }
        }
        query
    }

    /// Adds a fault of a parameter.
    pub fn add(&mut self, name: &str, fault: impl Into<FieldFault>) {
        self.faults.push(Fault::at(Place::Query(name.to_owned()), fault.into()));
    }

    /// The value of a parameter that may stand once.
    pub fn one(&mut self, name: &str) -> Option<String> {
        let mut values = self.pairs.iter().filter(|(present, _)| present == name);
        let value = values.next().map(|(_, value)| value.clone());
        if values.next().is_some() {
            self.add(name, FieldCode::RepeatedParameter);
        }
        value
    }

    /// A text of 1 to `max` characters.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.one(name)?;
        if text.is_empty() {
            self.add(name, FieldFault::new(FieldCode::TooShort).with("min", 1));
            return None;
        }
        if text.chars().count() > max {
            self.add(name, FieldFault::new(FieldCode::TooLong).with("max", max));
            return None;
        }
        Some(text)
    }

    /// A parameter that may stand once, as what it stands for: an id, a key, a time.
    pub fn value<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.one(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.add(name, FieldCode::InvalidFormat);
        }
        value
    }

    /// The values of a parameter that may be repeated. Repeated means: one of these.
    pub fn any<T: FromStr>(&mut self, name: &str) -> Vec<T> {
        let texts = self.pairs.iter().filter(|(present, _)| present == name);
        let values: Option<Vec<T>> = texts.map(|(_, text)| text.parse().ok()).collect();
        if values.is_none() {
            self.add(name, FieldCode::InvalidFormat);
        }
        values.unwrap_or_default()
    }

    /// A parameter that is `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.one(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.add(name, FieldFault::not_allowed(["true", "false"]));
                None
            }
        }
    }

    /// A parameter that is one of some words.
    pub fn word<T: Copy>(&mut self, name: &str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.one(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.add(name, FieldFault::not_allowed(words.iter().map(|(word, _)| *word)));
        }
        found
    }

    /// A whole number from `min` to `max`; one outside is refused, never clamped.
    pub fn number(&mut self, name: &str, min: usize, max: usize) -> Option<usize> {
        let text = self.one(name)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        let number = number.filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.add(name, FieldFault::out_of_range(min, max));
        }
        number
    }

    /// All parameters but these, as name and value, in an order that does not depend on how they
    /// were written.
    pub(crate) fn others(&self, but: &[&str]) -> Vec<(&str, &str)> {
        let others = self.pairs.iter().filter(|(name, _)| !but.contains(&name.as_str()));
        let mut others: Vec<_> = others.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        others.sort_unstable();
        others
    }
}

/// The parameters that are not among `known`, each as a fault.
pub(crate) fn unknown(text: &str, known: &[String]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for (name, _) in split(text) {
        let name = percent::decode(name, true).unwrap_or_else(|| name.to_owned());
        if !known.contains(&name) {
            let fault = Fault::at(Place::Query(name), FieldCode::UnknownParameter.into());
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
    }
    faults
}

fn split(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::problem::Code;

    fn request(query: &str) -> HttpRequest {
        TestRequest::with_uri(&format!("/v1/things?{query}")).to_http_request()
    }

    fn fault<T: std::fmt::Debug>(query: &str, read_one: impl FnOnce(&mut Query) -> T) -> FieldCode {
        let mut query = Query::parse(query);
        read_one(&mut query);
        assert_eq!(query.faults.len(), 1, "{:?}", query.faults);
        query.faults[0].code()
    }

    #[actix_web::test]
    async fn values_are_read() {
        let (flag, numbers, limit, word) = read(&request("verified=true&n=1&n=2&limit=100&sort=name"), |query| {
            (
                query.flag("verified"),
                query.any::<u8>("n"),
                query.number("limit", 1, 100),
                query.word("sort", &[("name", 'n'), ("created_at", 'c')]),
            )
        })
        .unwrap();
        assert_eq!(
            (flag, numbers, limit, word),
            (Some(true), vec![1, 2], Some(100), Some('n'))
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(
            fault("limit=10&limit=1000", |q| q.number("limit", 1, 100)),
            FieldCode::RepeatedParameter
        );
        for limit in [
            "0",
            "-1",
            "101",
            "1000000",
            "99999999999999999999999",
            "",
            "1.0",
            "+1",
            "x",
        ] {
            assert_eq!(
                fault(&format!("limit={}", percent::encode(limit)), |q| q
                    .number("limit", 1, 100)),
                FieldCode::OutOfRange,
                "{limit}"
            );
        }
        assert_eq!(fault("verified=yes", |q| q.flag("verified")), FieldCode::NotAllowed);
        assert_eq!(
            fault("sort=id", |q| q.word("sort", &[("name", 1)])),
            FieldCode::NotAllowed
        );
        assert_eq!(fault("n=1&n=x", |q| q.any::<u8>("n")), FieldCode::InvalidFormat);
        assert_eq!(fault("q=a%00", |q| q.one("q")), FieldCode::ForbiddenCharacter);
        assert_eq!(fault("q=%ff", |q| q.one("q")), FieldCode::InvalidFormat);
    }

    #[test]
    fn unknown_parameters_are_named_once() {
        let known = ["limit".to_owned()];
        assert!(unknown("limit=1", &known).is_empty());
        let faults = unknown("a=1&limit=2&b&a=2", &known);
        assert_eq!(faults.len(), 2);
    }

    #[actix_web::test]
    async fn a_preview_is_asked_for_by_true_alone() {
        let preview = Preview::extract(&request("dry_run=true")).await.unwrap();
        assert!(preview.dry_run);
        assert!(!Preview::extract(&request("")).await.unwrap().dry_run);
        let problem = Preview::extract(&request("dry_run=1")).await.unwrap_err();
        assert_eq!(problem.code(), Code::BadRequest);
    }
}
