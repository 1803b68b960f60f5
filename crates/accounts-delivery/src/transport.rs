//! How mails leave: to an SMTP server, or as files into a folder.

mod bounded;
mod folder;
mod smtp;
mod smtp_url;

use std::fmt;

use accounts_domain::names::is_plain;
use lettre::Message;

pub use folder::Folder;
pub use smtp::{Smtp, SmtpError};
pub use smtp_url::{SmtpUrl, SmtpUrlError};

/// How mails leave.
#[derive(Debug)]
pub enum Transport {
    /// To an SMTP server.
    Smtp(Smtp),
    /// As files into a folder, to be looked at: nothing is sent.
    Folder(Folder),
}

impl Transport {
    /// Hands a message over and returns once the other side answers for it. `name` is a name for
    /// the message that is the same at each try.
    ///
    /// # Errors
    /// [`SendError`] says whether another try makes sense.
    pub async fn send(&self, name: &str, message: &Message) -> Result<(), SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Folder(folder) => folder.write(name, message).await,
        }
    }
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not now: out of reach, too slow, busy, or not set up as it should be.
    #[error("{0}")]
    Later(Reason),
    /// Never: the server refuses this message or this address (RFC 5321 section 4.2.1, `5yz`).
    #[error("{0}")]
    Never(Reason),
}

impl SendError {
    /// The same, less a word that no record should repeat.
    pub(crate) fn without(self, secret: &str) -> Self {
        match self {
            Self::Later(reason) => Self::Later(reason.without(secret)),
            Self::Never(reason) => Self::Never(reason.without(secret)),
        }
    }
}

/// What went wrong, in one line of at most [`Reason::MAX`] characters without control characters.
/// Most of it is text from outside: whoever shows it escapes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The greatest number of characters.
    pub const MAX: usize = 500;

    /// Takes the beginning of a text, less what would make it more than one line or colour it.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(
            text.to_string()
                .chars()
                .filter(|character| is_plain(*character))
                .take(Self::MAX)
                .collect(),
        )
    }

    fn without(&self, secret: &str) -> Self {
        if secret.is_empty() {
            self.clone()
        } else {
            Self(self.0.replace(secret, "…"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        let reason = Reason::new("550 \u{1b}[31mno\r\nBcc: x\u{202e}\0");
        assert_eq!(reason.as_str(), "550 [31mnoBcc: x");
        assert_eq!(Reason::new("é".repeat(10_000)).as_str().chars().count(), Reason::MAX);
    }

    #[test]
    fn a_reason_does_not_repeat_a_secret() {
        let reason = Reason::new("554 refused: see ver_1.abc#ver_1.abc");
        assert_eq!(reason.without("ver_1.abc").as_str(), "554 refused: see …#…");
        assert_eq!(reason.without(""), reason);
    }
}
