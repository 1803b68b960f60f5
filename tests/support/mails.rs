//! Mails that the service has sent, as their readers get them.

use std::{fs, path::Path};

use mail_parser::{Address, MessageParser};

/// One delivered mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The addresses it is for.
    pub to: Vec<String>,
    /// The sender's address.
    pub from: String,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text part, decoded.
    pub text: String,
    /// The HTML part, decoded.
    pub html: String,
    /// The message as it was handed over.
    pub raw: String,
}

impl Mail {
    /// Reads a message as it was handed over.
    pub fn read(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).into_owned();
        let message = MessageParser::default()
            .parse(raw)
            .unwrap_or_else(|| panic!("this is no mail:\n{text}"));
        Self {
            to: addresses(message.to()),
            from: addresses(message.from()).into_iter().next().unwrap_or_default(),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().into_owned(),
            html: message.body_html(0).unwrap_or_default().into_owned(),
            raw: text,
        }
    }

    /// The address behind the one link of this mail. Both parts hold the same one.
    pub fn link(&self) -> String {
        let start = self
            .text
            .find("http://")
            .or_else(|| self.text.find("https://"))
            .unwrap_or_else(|| panic!("this mail holds no link:\n{}", self.raw));
        let link: String = self
            .text
            .chars()
            .skip(self.text.get(..start).unwrap_or_default().chars().count())
            .take_while(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '"'))
            .collect();
        assert!(
            self.html.replace("&#x2f;", "/").contains(&link),
            "the HTML part has another link than {link}:\n{}",
            self.html
        );
        link
    }

    /// The token in the fragment of this mail's link.
    pub fn link_token(&self) -> String {
        let link = self.link();
        let (_, token) = link
            .split_once("#token=")
            .unwrap_or_else(|| panic!("this link has no token in its fragment: {link}"));
        token.to_owned()
    }
}

impl Mail {
    /// The token of this mail's link for unsubscribing, which stands in its path.
    pub fn unsubscribe_token(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("/unsubscribe/")
            .unwrap_or_else(|| panic!("this mail has no link for unsubscribing:\n{}", self.raw));
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }
}

/// Every mail in a folder of `.eml` files, the oldest first: their names sort by time.
pub(crate) fn read_folder(folder: &Path) -> Vec<Mail> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let raw = fs::read(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
            Mail::read(&raw)
        })
        .collect()
}

fn addresses(header: Option<&Address<'_>>) -> Vec<String> {
    header
        .into_iter()
        .flat_map(Address::iter)
        .filter_map(|address| Some(address.address.as_deref()?.to_owned()))
        .collect()
}
