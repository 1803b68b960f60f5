//! The words of the mails: small templates by language, section and name, and the frames around
//! them.

use std::collections::{BTreeMap, BTreeSet};

use accounts_domain::language::Language;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::templates::Templates;

const TEXTS: [(Language, &str); 2] = [
    (Language::En, include_str!("../text/en.toml")),
    (Language::Fr, include_str!("../text/fr.toml")),
];
const FRAMES: [(Form, &str); 2] = [
    (Form::Plain, include_str!("../text/frame.txt")),
    (Form::Html, include_str!("../text/frame.html")),
];

/// What stands for a value when a template is tried. It is a number as well as a text.
const STAND_IN: &str = "1";

/// The texts of one language, by section and name.
pub(crate) type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// What the templates may name.
pub(crate) type Values = BTreeMap<&'static str, String>;

/// The two forms of one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Plain,
    Html,
}

impl Form {
    /// The name of the frame around the texts.
    pub(crate) const fn frame(self) -> &'static str {
        match self {
            Self::Plain => "frame.txt",
            Self::Html => "frame.html",
        }
    }

    /// The end of a template's name. It decides whether values are escaped.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "txt",
            Self::Html => "html",
        }
    }
}

/// The words cannot be read: a defect of the files in `text`.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// A file is not a table of tables of texts.
    #[error(transparent)]
    File(#[from] toml::de::Error),
    /// A text is not a template.
    #[error(transparent)]
    Template(#[from] minijinja::Error),
}

/// Every text in every language and form.
#[derive(Debug)]
pub(crate) struct Words {
    templates: Environment<'static>,
}

impl Words {
    /// Reads the texts that the binary carries, and puts the provider's own in their places.
    pub(crate) fn with(own: &Templates) -> Result<Self, WordsError> {
        let mut words = Self {
            templates: environment()?,
        };
        for (form, frame) in FRAMES {
            let frame = own.frames.get(&form).map_or(frame, String::as_str);
            words.templates.add_template_owned(form.frame(), frame.to_owned())?;
        }
        for (language, text) in TEXTS {
            words.add(language, &toml::from_str(text)?)?;
        }
        for (language, sections) in &own.texts {
            words.add(*language, sections)?;
        }
        Ok(words)
    }

    fn add(&mut self, language: Language, sections: &Sections) -> Result<(), WordsError> {
        for (section, texts) in sections {
            for (name, text) in texts {
                for form in [Form::Plain, Form::Html] {
                    let name = text_name(language, section, name, form);
                    self.templates.add_template_owned(name, text.trim().to_owned())?;
                }
            }
        }
        Ok(())
    }

    /// The values that a text names; nothing where there is no such text.
    pub(crate) fn values_of(&self, language: Language, section: &str, name: &str) -> Option<BTreeSet<String>> {
        self.templates
            .get_template(&text_name(language, section, name, Form::Plain))
            .ok()
            .map(|template| template.undeclared_variables(false).into_iter().collect())
    }

    /// The values that a frame is given.
    pub(crate) fn values_of_frame(&self, form: Form) -> BTreeSet<String> {
        let frame = self.templates.get_template(form.frame());
        let named = frame.map(|frame| frame.undeclared_variables(false)).unwrap_or_default();
        // The plain frame names fewer than there are.
        named
            .into_iter()
            .chain(["language", "subject", "logo"].map(ToOwned::to_owned))
            .collect()
    }

    /// Writes one text with something in the place of each value, in both forms: some faults show only then.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn try_text(
        &self,
        language: Language,
        section: &str,
        name: &str,
        given: &BTreeSet<String>,
    ) -> Result<(), minijinja::Error> {
        let values: BTreeMap<&str, &str> = given.iter().map(|value| (value.as_str(), STAND_IN)).collect();
        for form in [Form::Plain, Form::Html] {
            self.templates
                .get_template(&text_name(language, section, name, form))?
                .render(&values)?;
        }
        Ok(())
    }

    /// Writes a frame around texts, with and without each part that not every mail has.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn try_frame(&self, form: Form) -> Result<(), minijinja::Error> {
        for parts in 0..8_u8 {
            let has = |part: u8| parts & part != 0;
            let text = || rendered(STAND_IN);
            let link =
                context! { url => STAND_IN, code => STAND_IN, action => text(), or_code => text(), life => text() };
            let way_out = context! { url => STAND_IN, action => text() };
            self.frame(
                form,
                context! {
                    language => STAND_IN,
                    subject => STAND_IN,
                    greeting => text(),
                    opening => vec![vec![text()]],
                    link => has(1).then_some(link),
                    closing => vec![text()],
                    unsubscribe => has(2).then_some(way_out),
                    logo => has(4).then_some(STAND_IN),
                    provider => STAND_IN,
                    automatic => text(),
                },
            )?;
        }
        Ok(())
    }

    /// One text with its values filled in. In HTML they are escaped.
    ///
    /// # Errors
    /// Where there is no such text, or it names a value that is not there.
    pub(crate) fn say(
        &self,
        language: Language,
        section: &str,
        name: &str,
        form: Form,
        values: &Values,
    ) -> Result<String, minijinja::Error> {
        self.templates
            .get_template(&text_name(language, section, name, form))?
            .render(Value::from(values.clone()))
    }

    /// The whole text of a mail, out of texts in the same form.
    ///
    /// # Errors
    /// Where a part is missing.
    pub(crate) fn frame(&self, form: Form, parts: Value) -> Result<String, minijinja::Error> {
        self.templates.get_template(form.frame())?.render(parts)
    }
}

/// The paragraphs of a text that was rendered already, each in one line: where lines end is the
/// business of whoever shows them.
pub(crate) fn paragraphs(text: &str) -> Vec<Value> {
    let in_one_line = |paragraph: &str| paragraph.lines().collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(in_one_line).map(rendered).collect()
}

/// A text that was rendered already, so that nothing escapes it once more.
pub(crate) fn rendered(text: impl Into<String>) -> Value {
    Value::from_safe_string(text.into())
}

fn text_name(language: Language, section: &str, name: &str, form: Form) -> String {
    format!("{language}/{section}/{name}.{}", form.suffix())
}

/// The values that a template names.
///
/// # Errors
/// Where it is no template.
pub(crate) fn values_in(text: &str) -> Result<BTreeSet<String>, minijinja::Error> {
    let environment = environment()?;
    let template = environment.template_from_str(text)?;
    Ok(template.undeclared_variables(false).into_iter().collect())
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    Ok(templates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(language: Language) -> BTreeMap<String, BTreeMap<String, String>> {
        let (_, text) = TEXTS.into_iter().find(|(known, _)| *known == language).unwrap();
        toml::from_str(text).unwrap()
    }

    #[test]
    fn both_languages_say_the_same_things_with_the_same_values() {
        let values = |text: &str| -> Vec<String> {
            let mut names: Vec<_> = text
                .split("{{")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once("}}")?.0.trim().to_owned()))
                .collect();
            names.sort();
            names.dedup();
            names
        };
        let (english, french) = (sections(Language::En), sections(Language::Fr));
        assert_eq!(english.keys().collect::<Vec<_>>(), french.keys().collect::<Vec<_>>());
        for (section, texts) in &english {
            let others = &french[section];
            assert_eq!(
                texts.keys().collect::<Vec<_>>(),
                others.keys().collect::<Vec<_>>(),
                "{section}"
            );
            for (name, text) in texts {
                assert_eq!(values(text), values(&others[name]), "{section}.{name}");
            }
        }
    }

    #[test]
    fn french_has_no_breaking_space_before_its_signs() {
        for (section, texts) in sections(Language::Fr) {
            for (name, text) in texts {
                for wrong in [" :", " ;", " ?", " !", "« ", " »"] {
                    assert!(!text.contains(wrong), "{section}.{name} holds {wrong:?}");
                }
            }
        }
    }

    #[test]
    fn a_missing_text_and_a_missing_value_are_errors() {
        let words = Words::with(&Templates::default()).unwrap();
        let say = |section, name, values: &Values| words.say(Language::En, section, name, Form::Plain, values);
        assert!(say("frame", "greeting", &Values::new()).is_err());
        assert!(say("frame", "nothing", &Values::new()).is_err());
        assert!(say("nothing", "subject", &Values::new()).is_err());
        let values = Values::from([("name", "Ana".to_owned())]);
        assert_eq!(say("frame", "greeting", &values).unwrap(), "Hello Ana,");
        assert!(
            words
                .frame(Form::Plain, minijinja::context! { subject => "x" })
                .is_err()
        );
    }
}
