//! What is said about a finding and what to do next, in English and French.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use accounts_domain::language::Language;
use accounts_domain::review::FindingCode;
use serde::Deserialize;

/// What is said about one code.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingWords {
    /// What it is, and why it matters.
    pub(super) detail: String,
    /// What to do next.
    pub(super) advice: String,
}

type Words = BTreeMap<String, FindingWords>;

static ENGLISH: LazyLock<Words> =
    LazyLock::new(|| toml::from_str(include_str!("../../text/reviews/en.toml")).unwrap_or_default());
static FRENCH: LazyLock<Words> =
    LazyLock::new(|| toml::from_str(include_str!("../../text/reviews/fr.toml")).unwrap_or_default());

/// The words of one code. A test proves that there are some for each.
pub(super) fn of(code: FindingCode, language: Language) -> Option<&'static FindingWords> {
    let words = match language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
    };
    words.get(code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_told_with_what_to_do_in_both_languages() {
        for language in Language::ALL {
            for code in FindingCode::ALL {
                let words = of(code, language).unwrap_or_else(|| panic!("{} in {language}", code.as_str()));
                for text in [&words.detail, &words.advice] {
                    assert!(text.ends_with('.') && text.len() > 20, "{text}");
                }
            }
        }
        for code in FindingCode::ALL {
            let [english, french] = Language::ALL.map(|language| of(code, language).unwrap());
            assert_ne!(english.detail, french.detail);
            assert_ne!(english.advice, french.advice);
        }
    }

    #[test]
    fn nothing_is_said_about_codes_that_there_are_not() {
        for text in [
            include_str!("../../text/reviews/en.toml"),
            include_str!("../../text/reviews/fr.toml"),
        ] {
            let words: Words = toml::from_str(text).unwrap();
            assert_eq!(words.len(), FindingCode::ALL.len());
        }
    }
}
