//! The provider's own words and frames for mails, in place of the service's.
//!
//! They are checked in full before the service starts: a text that is not there, a template that cannot be read, and a
//! value that the service does not give are faults, each with its file and name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::{fs, io};

use accounts_domain::language::Language;

use crate::words::{Form, Sections, Words};

/// The greatest number of bytes of a file of templates.
const LARGEST: u64 = 1024 * 1024;

/// Texts and frames that stand in place of the service's own; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    pub(crate) texts: BTreeMap<Language, Sections>,
    pub(crate) frames: BTreeMap<Form, String>,
}

/// What is wrong with a file of templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// The file's name, and the text's within it.
    pub place: String,
    /// What is wrong, and what belongs there.
    pub message: String,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Templates {
    /// Reads `en.toml`, `fr.toml`, `frame.txt` and `frame.html` of a folder, each of which may be missing.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn read(folder: &Path) -> Result<Self, Vec<TemplateFault>> {
        let mut templates = Self::default();
        let mut faults = Vec::new();
        if !folder.is_dir() {
            return Err(vec![fault("the folder", "it is not there, or it is no folder")]);
        }
        for language in Language::ALL {
            let name = format!("{language}.toml");
            match text_of(&folder.join(&name)) {
                Ok(None) => {}
                Ok(Some(text)) => match toml::from_str::<Sections>(&text) {
                    Ok(sections) => {
                        templates.texts.insert(language, sections);
                    }
                    Err(problem) => faults.push(fault(&name, problem.message())),
                },
                Err(problem) => faults.push(fault(&name, &problem.to_string())),
            }
        }
        for form in [Form::Plain, Form::Html] {
            match text_of(&folder.join(form.frame())) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    templates.frames.insert(form, text);
                }
                Err(problem) => faults.push(fault(form.frame(), &problem.to_string())),
            }
        }
        faults.extend(templates.faults());
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    /// What keeps the templates from being used in place of the service's own.
    fn faults(&self) -> Vec<TemplateFault> {
        let own = match Words::with(&Self::default()) {
            Ok(own) => own,
            Err(problem) => return vec![fault("the service's own texts", &problem.to_string())],
        };
        let mut faults = Vec::new();
        for (language, sections) in &self.texts {
            for (section, texts) in sections {
                for (name, text) in texts {
                    let place = format!("{language}.toml: {section}.{name}");
                    match own.values_of(*language, section, name) {
                        None => faults.push(fault(&place, "the service has no such text")),
                        Some(given) => faults.extend(unusable(&place, text, &given)),
                    }
                }
            }
        }
        for (form, text) in &self.frames {
            faults.extend(unusable(form.frame(), text, &own.values_of_frame(*form)));
        }
        // What cannot be read cannot be tried either.
        if faults.is_empty() {
            faults = self.faults_in_use(&own);
        }
        faults
    }

    /// What is wrong with the templates once a mail is written by them: a filter, a part of a value or another template
    /// that is not there.
    fn faults_in_use(&self, own: &Words) -> Vec<TemplateFault> {
        let words = match Words::with(self) {
            Ok(words) => words,
            Err(problem) => return vec![fault("the texts", &problem.to_string())],
        };
        let mut faults = Vec::new();
        for (language, sections) in &self.texts {
            for (section, texts) in sections {
                for name in texts.keys() {
                    let given = own.values_of(*language, section, name).unwrap_or_default();
                    if let Err(problem) = words.try_text(*language, section, name, &given) {
                        let place = format!("{language}.toml: {section}.{name}");
                        faults.push(fault(&place, &problem.to_string()));
                    }
                }
            }
        }
        for form in self.frames.keys() {
            if let Err(problem) = words.try_frame(*form) {
                faults.push(fault(form.frame(), &problem.to_string()));
            }
        }
        faults
    }
}

/// What is wrong with one template, which may name these values.
fn unusable(place: &str, text: &str, given: &BTreeSet<String>) -> Vec<TemplateFault> {
    let named = match crate::words::values_in(text) {
        Ok(named) => named,
        Err(problem) => return vec![fault(place, &problem.to_string())],
    };
    let unknown = named.difference(given);
    unknown
        .map(|name| {
            let known: Vec<&str> = given.iter().map(String::as_str).collect();
            let message = format!("`{name}` is no value here; there are: {}", known.join(", "));
            fault(place, &message)
        })
        .collect()
}

fn text_of(file: &Path) -> io::Result<Option<String>> {
    match fs::metadata(file) {
        Ok(about) if about.len() > LARGEST => Err(io::Error::other("it has more than 1 MiB")),
        Ok(_) => fs::read_to_string(file).map(Some),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn fault(place: &str, message: &str) -> TemplateFault {
    TemplateFault {
        place: place.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn an_empty_folder_replaces_nothing() {
        let read = Templates::read(folder(&[]).path()).unwrap();
        assert!(read.texts.is_empty() && read.frames.is_empty());
    }

    #[test]
    fn every_fault_of_every_file_is_named() {
        let files = folder(&[
            (
                "en.toml",
                "[invitation]\nsubject = \"{{ nobody }}\"\n[nothing]\nsubject = \"x\"\n",
            ),
            ("fr.toml", "[invitation\n"),
            ("frame.txt", "{% if %}"),
        ]);
        let faults = Templates::read(files.path()).unwrap_err();
        let places: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
        let expected = [
            "fr.toml",
            "en.toml: invitation.subject",
            "en.toml: nothing.subject",
            "frame.txt",
        ];
        assert_eq!(places, expected);
        assert!(faults[1].message.contains("`nobody`"), "{}", faults[1]);
        assert!(Templates::read(&files.path().join("missing")).is_err());
    }

    #[test]
    fn what_fails_only_when_a_mail_is_written_is_named_at_the_start() {
        let files = folder(&[
            ("en.toml", "[invitation]\nsubject = \"Join {{ account | uper }}\"\n"),
            ("frame.txt", "{% include 'head.txt' %}"),
            ("frame.html", "{% if link %}{{ link.ulr }}{% endif %}"),
        ]);
        let faults = Templates::read(files.path()).unwrap_err();
        let places: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(places, ["en.toml: invitation.subject", "frame.txt", "frame.html"]);
        let sound = folder(&[(
            "frame.html",
            "{% if link %}{{ link.url }}{% endif %}{{ subject | upper }}",
        )]);
        assert!(Templates::read(sound.path()).is_ok());
    }

    #[test]
    fn a_text_may_name_what_the_services_own_names() {
        let files = folder(&[(
            "en.toml",
            "[invitation]\nsubject = \"Join {{ account }}, says {{ inviter }}\"\n",
        )]);
        let read = Templates::read(files.path()).unwrap();
        assert_eq!(read.texts.len(), 1);
    }
}
