//! The two languages that the service speaks, and texts that exist in both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language of answers, mails and names (rule L-19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English, which is also what a caller gets who names no language.
    #[default]
    En,
    /// French.
    Fr,
}

impl Language {
    /// Every language, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The ISO 639-1 code: `en` or `fr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the code of a language that the service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a language is `en` or `fr`")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads the exact code; `EN` or `en-GB` are refused, because a stored language is a value and
    /// not a wish. Wishes (`Accept-Language`) are weighed where they arrive.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|language| language.as_str() == text)
            .ok_or(UnknownLanguage)
    }
}

/// One name in every language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Names {
    /// The English name.
    pub en: String,
    /// The French name.
    pub fr: String,
}

impl Names {
    /// The name in `language`.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_its_language() {
        for language in Language::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
            assert_eq!(language.to_string(), language.as_str());
        }
    }

    #[test]
    fn other_codes_are_refused() {
        for code in ["", "EN", "en-GB", "de", " fr"] {
            assert_eq!(code.parse::<Language>(), Err(UnknownLanguage), "{code:?}");
        }
    }

    #[test]
    fn the_written_form_is_the_code() {
        let names = Names {
            en: "Billing".to_owned(),
            fr: "Facturation".to_owned(),
        };
        assert_eq!(names.in_language(Language::En), "Billing");
        assert_eq!(names.in_language(Language::Fr), "Facturation");
        assert_eq!(toml::Value::try_from(Language::Fr), Ok(toml::Value::from("fr")));
    }
}
