//! The words of problems, in English and French, and which of the two a caller wants.
//!
//! The texts stand in `text/en.toml` and `text/fr.toml`, by the code that they explain; the tests of
//! [`crate::problem`] prove that neither file lacks a code or has one too many.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use accounts_domain::language::Language;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};
use serde::Deserialize;
use serde_json::Value;

/// The texts of one language.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// By problem code.
    pub problem: BTreeMap<String, ProblemText>,
    /// By code of a fault in a field, parameter or header: one sentence.
    pub field: BTreeMap<String, String>,
}

/// What is said about one problem code.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemText {
    /// A few words, the same for every occurrence.
    pub title: String,
    /// A sentence for whoever reads the answer; `{name}` stands for a member of the problem.
    pub detail: String,
    /// What the page behind `type` says: when it happens and what to do.
    pub explanation: String,
}

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| toml::from_str(include_str!("../text/en.toml")).unwrap_or_default());
static FRENCH: LazyLock<Texts> = LazyLock::new(|| toml::from_str(include_str!("../text/fr.toml")).unwrap_or_default());

/// The texts of a language.
pub fn of(language: Language) -> &'static Texts {
    match language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
    }
}

/// Puts values in the places of a text that name them: `{limit}`, say. Lists are joined by commas.
pub(crate) fn fill<'v>(text: &str, value: impl Fn(&str) -> Option<&'v Value>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        if let Some((name, after)) = after.split_once('}') {
            if let Some(value) = value(name) {
                filled.push_str(&shown(value));
            }
            rest = after;
        } else {
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// The language that a request asks for in `Accept-Language` (RFC 9110 section 12.5.4), English
/// where it asks for none that the service speaks.
pub fn wanted(headers: &HeaderMap) -> Language {
    let mut best = Language::default();
    let mut weight = 0;
    let asked = headers.get_all(ACCEPT_LANGUAGE).filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, u16)> = asked.flat_map(|value| value.split(',')).filter_map(range).collect();
    // The order of what is equally welcome is the caller's.
    let mut named: Vec<(Language, u16)> = Vec::new();
    for (tag, quality) in &ranges {
        let primary = tag.split('-').next().unwrap_or_default();
        let language = Language::ALL
            .into_iter()
            .find(|it| primary.eq_ignore_ascii_case(it.as_str()));
        if let Some(language) = language {
            named.push((language, *quality));
        }
    }
    if let Some((_, quality)) = ranges.iter().find(|(tag, _)| *tag == "*") {
        for language in Language::ALL {
            if named.iter().all(|(it, _)| *it != language) {
                named.push((language, *quality));
            }
        }
    }
    for (language, quality) in named {
        if quality > weight {
            (best, weight) = (language, quality);
        }
    }
    best
}

/// One language range and its weight in thousandths; `None` where it cannot be read.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let Some(parameter) = parts.next() else {
        return Some((tag, 1_000));
    };
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some((tag, fraction)),
        "1" if fraction == 0 => Some((tag, 1_000)),
        _ => None,
    }
}

/// The language that the caller reads best, as an argument of a handler.
#[derive(Debug, Clone, Copy)]
pub struct Wanted(pub Language);

impl actix_web::FromRequest for Wanted {
    type Error = crate::problem::Problem;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &actix_web::HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(Ok(Self(wanted(request.headers()))))
    }
}

impl crate::describe::Describe for Wanted {
    fn describe(description: &mut crate::describe::Description) {
        let schema = serde_json::json!({"type": "string", "default": "en"});
        description.header(
            "Accept-Language",
            "English or French: the language of names and sentences.",
            &schema,
        );
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn asked(text: &'static str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(text));
        wanted(&headers)
    }

    #[test]
    fn the_heaviest_language_that_we_speak_wins() {
        assert_eq!(wanted(&HeaderMap::new()), Language::En);
        assert_eq!(asked("fr"), Language::Fr);
        assert_eq!(asked("FR-ch"), Language::Fr);
        assert_eq!(asked("en;q=0.5, fr;q=0.7"), Language::Fr);
        assert_eq!(asked("de, fr;q=0.7, en;q=0.3"), Language::Fr);
        assert_eq!(asked("fr, en"), Language::Fr);
        assert_eq!(asked("en, fr"), Language::En);
        assert_eq!(asked("de"), Language::En);
    }

    #[test]
    fn what_is_refused_is_not_chosen() {
        assert_eq!(asked("en;q=0, *"), Language::Fr);
        assert_eq!(asked("fr;q=0"), Language::En);
        assert_eq!(asked("*"), Language::En);
        assert_eq!(asked("fr;q=abc, en;q=0.1"), Language::En);
        assert_eq!(asked("fr;q=1.5"), Language::En);
    }

    #[test]
    fn places_are_filled_and_unknown_ones_vanish() {
        let limit = json!(5);
        let roles = json!(["billing", "technical"]);
        let value = |name: &str| match name {
            "limit" => Some(&limit),
            "roles" => Some(&roles),
            _ => None,
        };
        assert_eq!(
            fill("At most {limit}: {roles}{other}.", value),
            "At most 5: billing, technical."
        );
        assert_eq!(fill("open {", value), "open ");
    }

    #[test]
    fn both_files_are_read() {
        for text in [include_str!("../text/en.toml"), include_str!("../text/fr.toml")] {
            toml::from_str::<Texts>(text).unwrap();
        }
    }
}
