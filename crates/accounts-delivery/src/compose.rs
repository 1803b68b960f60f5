//! Writes a letter as a mail: plain text and HTML, in the reader's language.
//!
//! What a person wrote is a value of a template and never part of one, so it is shown as it is.

use std::str::FromStr;

use accounts_api::links::{LinkPurpose, Links};
use accounts_api::settings::PublicUrl;
use accounts_domain::address::EmailAddress;
use accounts_domain::email_changes::{EMAIL_CHANGE_LIFE, EMAIL_UNDO_LIFE};
use accounts_domain::language::Language;
use accounts_domain::mail::Letter;
use accounts_domain::names::is_plain;
use accounts_domain::notifications::NoticeWords;
use accounts_domain::users::{RESET_LIFE, SIGN_UP_LIFE};
use accounts_domain::verification::VERIFICATION_LIFE;
use accounts_store::{ClaimedMail, Notice};
use chrono::TimeDelta;
use lettre::Message;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use minijinja::{Value, context};

use crate::templates::Templates;
use crate::words::{Form, Values, Words, WordsError, paragraphs, rendered};

const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
const CONTENT_LANGUAGE: HeaderName = HeaderName::new_from_ascii_str("Content-Language");
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
const LIST_UNSUBSCRIBE_POST: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");
/// What a mailer sends to the link by itself (RFC 8058 section 3.2).
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// Who mails come from: `accounts@example.com`, or `Example <accounts@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// How the provider is called in the mails: by the sender's name, else by its domain.
    pub fn provider(&self) -> &str {
        self.0.name.as_deref().unwrap_or_else(|| self.0.email.domain())
    }
}

/// The text is not an address that mails can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sender is written accounts@example.com or Example <accounts@example.com>")]
pub struct InvalidSender;

impl FromStr for Sender {
    type Err = InvalidSender;

    fn from_str(text: &str) -> Result<Self, InvalidSender> {
        let mailbox: Mailbox = text.parse().map_err(|_| InvalidSender)?;
        if text.chars().all(is_plain) {
            Ok(Self(mailbox))
        } else {
            Err(InvalidSender)
        }
    }
}

/// What a provider has mails look like.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The templates that stand in place of the service's own.
    pub templates: Templates,
    /// The address of a picture that stands above every mail in HTML: `https://…`.
    pub logo: Option<String>,
}

/// A mail that is ready to be sent.
#[derive(Debug)]
pub struct Composed {
    /// The message with all of its headers.
    pub message: Message,
    /// The token that it carries, so that no record of a refusal repeats it.
    pub token: Option<String>,
}

/// Why a letter could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A text or a value is missing: a defect.
    #[error("the mail cannot be written: {0}")]
    Words(#[from] minijinja::Error),
    /// The address is none that SMTP has a form for.
    #[error("the address cannot be written to: {0}")]
    Address(#[from] AddressError),
    /// The parts do not make a message: a defect.
    #[error("the message cannot be put together: {0}")]
    Message(#[from] lettre::error::Error),
}

/// Writes letters as mails.
pub struct Composer {
    words: Words,
    sender: Sender,
    public_url: PublicUrl,
    links: Links,
    /// A picture that stands above every mail in HTML.
    logo: Option<String>,
}

impl Composer {
    /// Takes the words. Links lead to `public_url` and nowhere else (security decision D7).
    ///
    /// # Errors
    /// [`WordsError`], which the tests of this crate rule out.
    pub fn new(look: Look, sender: Sender, public_url: PublicUrl, links: Links) -> Result<Self, WordsError> {
        Ok(Self {
            words: Words::with(&look.templates)?,
            sender,
            public_url,
            links,
            logo: look.logo,
        })
    }

    /// Writes a mail. The same mail is written the same way at each try, its `Message-ID`
    /// included, so that the reader's software may tell a double.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn compose(&self, mail: &ClaimedMail) -> Result<Composed, ComposeError> {
        let outline = Outline::of(&mail.letter);
        let link = outline.link.map(|link| {
            let token = self.links.token(link.purpose, &link.id, mail.to.key());
            Sealed { link, token }
        });
        let mut draft = self.draft(&mail.to, mail.language, outline.section);
        draft.name(&outline.names);
        draft.link = link;
        draft.written(mail)
    }

    /// Writes a notice, to whom it goes now. What the provider says stands in it as it is, line by line; a recipient who
    /// may take the wish back gets a link for that, which a mailer can follow by itself, too (RFC 8058).
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn compose_notice(&self, mail: &ClaimedMail, notice: &Notice) -> Result<Composed, ComposeError> {
        let section = if notice.words.is_some() {
            "notice"
        } else {
            "test_notice"
        };
        let mut draft = self.draft(&notice.to, notice.language, section);
        draft.name(&[
            ("name", &notice.name),
            ("account", &notice.account),
            ("category", &notice.category),
        ]);
        draft.words = notice.words.as_ref();
        draft.unsubscribe = notice.may_unsubscribe.then(|| {
            self.links
                .token(LinkPurpose::Unsubscribe, &mail.claim.mail.to_string(), notice.to.key())
        });
        draft.written(mail)
    }

    fn draft<'a>(&'a self, to: &'a EmailAddress, language: Language, section: &'static str) -> Draft<'a> {
        let values = Values::from([
            ("provider", in_one_line(self.sender.provider())),
            ("address", to.to_string()),
        ]);
        Draft {
            composer: self,
            to,
            language,
            section,
            link: None,
            words: None,
            unsubscribe: None,
            values,
        }
    }

    fn unsubscribe_url(&self, token: &str) -> String {
        self.public_url
            .at(&format!("{}/{token}", LinkPurpose::Unsubscribe.page()))
    }
}

/// What the words of a letter are called, what they may name, and where its link leads.
struct Outline<'a> {
    section: &'static str,
    names: Vec<(&'static str, &'a str)>,
    link: Option<Link>,
}

/// Where the link of a letter leads, and for how long.
struct Link {
    purpose: LinkPurpose,
    id: String,
    life: TimeDelta,
}

impl Link {
    fn of(purpose: LinkPurpose, id: &impl ToString, life: TimeDelta) -> Self {
        let id = id.to_string();
        Self { purpose, id, life }
    }

    /// The text that says how long it lives, and the number in it: in whole days where there are several.
    fn life_text(&self) -> (&'static str, String) {
        match self.purpose {
            LinkPurpose::SignUp => ("sign_up", String::new()),
            LinkPurpose::Verification => ("verification", String::new()),
            LinkPurpose::Reset => ("reset", String::new()),
            LinkPurpose::EmailChange => ("email_change", String::new()),
            LinkPurpose::EmailUndo => ("email_undo", String::new()),
            // It is no link that lives for a while: it stands as long as the mail is remembered.
            LinkPurpose::Unsubscribe => ("days", self.life.num_days().to_string()),
            LinkPurpose::Invitation if self.life.num_hours() % 24 == 0 && self.life.num_days() > 1 => {
                ("days", self.life.num_days().to_string())
            }
            LinkPurpose::Invitation => ("hours", self.life.num_hours().to_string()),
        }
    }
}

impl<'a> Outline<'a> {
    #[expect(clippy::too_many_lines, reason = "one arm for each letter")]
    fn of(letter: &'a Letter) -> Self {
        let plain = |section, names| Self {
            section,
            names,
            link: None,
        };
        match letter {
            Letter::ConfirmSignUp { sign_up, name, account } => Self {
                section: "confirm_sign_up",
                names: vec![("name", name), ("account", account)],
                link: Some(Link::of(LinkPurpose::SignUp, sign_up, SIGN_UP_LIFE)),
            },
            Letter::SignUpKnown { name } => plain("sign_up_known", vec![("name", name)]),
            Letter::VerifyContact {
                verification,
                name,
                account,
            } => Self {
                section: "verify_contact",
                names: vec![("name", name), ("account", account)],
                link: Some(Link::of(LinkPurpose::Verification, verification, VERIFICATION_LIFE)),
            },
            Letter::TakeOver {
                verification,
                name,
                account,
            } => Self {
                section: "take_over",
                names: vec![("name", name), ("account", account)],
                link: Some(Link::of(LinkPurpose::Verification, verification, VERIFICATION_LIFE)),
            },
            Letter::AccountKeyMade {
                name,
                account,
                key,
                prefix,
            } => plain(
                "account_key_made",
                vec![("name", name), ("account", account), ("key", key), ("prefix", prefix)],
            ),
            Letter::Impersonated { name, minutes, reason } => plain(
                "impersonated",
                vec![("name", name), ("minutes", minutes), ("reason", reason)],
            ),
            Letter::UserKeyMade { name, key, prefix } => {
                plain("user_key_made", vec![("name", name), ("key", key), ("prefix", prefix)])
            }
            Letter::AddressMoved { name, account } => {
                plain("address_moved", vec![("name", name), ("account", account)])
            }
            Letter::ResetPassword { reset, name } => Self {
                section: "reset_password",
                names: vec![("name", name)],
                link: Some(Link::of(LinkPurpose::Reset, reset, RESET_LIFE)),
            },
            Letter::ConfirmEmailChange { email_change, name } => Self {
                section: "confirm_email_change",
                names: vec![("name", name)],
                link: Some(Link::of(LinkPurpose::EmailChange, email_change, EMAIL_CHANGE_LIFE)),
            },
            Letter::EmailChangeKnown { name } => plain("email_change_known", vec![("name", name)]),
            Letter::EmailChanged { email_change, name } => Self {
                section: "email_changed",
                names: vec![("name", name)],
                link: Some(Link::of(LinkPurpose::EmailUndo, email_change, EMAIL_UNDO_LIFE)),
            },
            Letter::EmailChangeUndone { name } => plain("email_change_undone", vec![("name", name)]),
            Letter::PasswordChanged { name } => plain("password_changed", vec![("name", name)]),
            Letter::SecondFactorSet { name } => plain("second_factor_set", vec![("name", name)]),
            Letter::SecondFactorRemoved { name } => plain("second_factor_removed", vec![("name", name)]),
            Letter::RecoveryCodesMade { name } => plain("recovery_codes_made", vec![("name", name)]),
            Letter::RecoveryCodeSpent { name, left } => {
                plain("recovery_code_spent", vec![("name", name), ("left", left)])
            }
            Letter::NewDevice {
                name,
                device,
                network,
                at,
            } => plain(
                "new_device",
                vec![("name", name), ("device", device), ("network", network), ("at", at)],
            ),
            Letter::SessionEnded { name } => plain("session_ended", vec![("name", name)]),
            Letter::OwnershipOffered { name, account, owner } => plain(
                "ownership_offered",
                vec![("name", name), ("account", account), ("owner", owner)],
            ),
            Letter::OwnershipDeclined { name, account, contact } => plain(
                "ownership_declined",
                vec![("name", name), ("account", account), ("contact", contact)],
            ),
            Letter::MembershipEnded { name, account } => {
                plain("membership_ended", vec![("name", name), ("account", account)])
            }
            Letter::JoinRequested { name, account, person } => plain(
                "join_requested",
                vec![("name", name), ("account", account), ("person", person)],
            ),
            Letter::JoinAccepted { name, account } => {
                plain("join_accepted", vec![("name", name), ("account", account)])
            }
            Letter::JoinDeclined { name, asked } => plain("join_declined", vec![("name", name), ("asked", asked)]),
            Letter::MembershipSuspended { name, account } => {
                plain("membership_suspended", vec![("name", name), ("account", account)])
            }
            Letter::OwnershipMoved { name, account, owner } => plain(
                "ownership_moved",
                vec![("name", name), ("account", account), ("owner", owner)],
            ),
            // Its words come with the notice.
            Letter::Notice { .. } => plain("notice", Vec::new()),
            Letter::Invitation {
                sending,
                name,
                account,
                inviter,
                hours,
            } => Self {
                section: "invitation",
                names: vec![("name", name), ("account", account), ("inviter", inviter)],
                link: Some(Link::of(
                    LinkPurpose::Invitation,
                    sending,
                    TimeDelta::hours((*hours).into()),
                )),
            },
        }
    }
}

/// How long the link in a letter lives; nothing where it has none.
pub(crate) fn link_life(letter: &Letter) -> Option<TimeDelta> {
    Outline::of(letter).link.map(|link| link.life)
}

/// A link with its token.
struct Sealed {
    link: Link,
    token: String,
}

/// One mail on its way to being a text.
struct Draft<'a> {
    composer: &'a Composer,
    to: &'a EmailAddress,
    language: Language,
    section: &'static str,
    link: Option<Sealed>,
    /// What the provider says, in place of words of the service.
    words: Option<&'a NoticeWords>,
    /// The token of the link by which the recipient takes the wish back.
    unsubscribe: Option<String>,
    values: Values,
}

impl Draft<'_> {
    fn name(&mut self, names: &[(&'static str, &str)]) {
        let names = names.iter().map(|(key, name)| (*key, in_one_line(name)));
        self.values.extend(names);
    }

    fn written(self, mail: &ClaimedMail) -> Result<Composed, ComposeError> {
        let composer = self.composer;
        let subject = self.subject()?;
        let mut builder = Message::builder()
            .from(composer.sender.0.clone())
            .to(Mailbox::new(None, self.to.as_str().parse()?))
            .subject(subject.as_str())
            .date(mail.created_at.into())
            .message_id(Some(format!("<{}@{}>", mail.claim.mail, host(&composer.public_url))))
            // A responder must not answer it (RFC 3834 section 5).
            .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
            .raw_header(HeaderValue::new(CONTENT_LANGUAGE, self.language.to_string()));
        if let Some(token) = &self.unsubscribe {
            let url = composer.unsubscribe_url(token);
            builder = builder
                .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE, format!("<{url}>")))
                .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE_POST, ONE_CLICK.to_owned()));
        }
        let message = builder.multipart(MultiPart::alternative_plain_html(
            self.whole(Form::Plain, &subject)?,
            self.whole(Form::Html, &subject)?,
        ))?;
        Ok(Composed {
            message,
            token: self.link.map(|link| link.token).or(self.unsubscribe),
        })
    }

    fn subject(&self) -> Result<String, minijinja::Error> {
        match self.words {
            Some(words) => Ok(in_one_line(words.subject.as_str())),
            None => self.say(self.section, "subject", Form::Plain, &self.values),
        }
    }

    fn whole(&self, form: Form, subject: &str) -> Result<String, minijinja::Error> {
        let frame = |name| self.say("frame", name, form, &self.values).map(rendered);
        let own = |name| self.say(self.section, name, form, &self.values);
        let parts = context! {
            language => self.language.as_str(),
            subject,
            greeting => frame("greeting")?,
            opening => match self.words {
                Some(words) => paragraphs_of_lines(words.text.as_str()),
                None => paragraphs(&own("opening")?).into_iter().map(|paragraph| vec![paragraph]).collect(),
            },
            link => self.link.as_ref().map(|link| self.link(link, form)).transpose()?,
            closing => paragraphs(&own("closing")?),
            unsubscribe => self.unsubscribe.as_ref().map(|token| self.way_out(token, form)).transpose()?,
            logo => self.composer.logo.clone(),
            provider => self.values.get("provider"),
            automatic => frame("automatic")?,
        };
        self.composer.words.frame(form, parts)
    }

    fn link(&self, sealed: &Sealed, form: Form) -> Result<Value, minijinja::Error> {
        let Sealed { link, token } = sealed;
        let page = self.composer.public_url.at(link.purpose.page());
        let url = format!("{page}#token={token}");
        let (text, count) = link.life_text();
        let life = self.say("life", text, Form::Plain, &Values::from([("count", count)]))?;
        let values = Values::from([("page", page), ("life", life)]);
        Ok(context! {
            url,
            code => token.as_str(),
            action => rendered(self.say(self.section, "action", form, &self.values)?),
            or_code => rendered(self.say("frame", "code", form, &values)?),
            life => rendered(self.say("frame", "life", form, &values)?),
        })
    }

    fn way_out(&self, token: &str, form: Form) -> Result<Value, minijinja::Error> {
        Ok(context! {
            url => self.composer.unsubscribe_url(token),
            action => rendered(self.say("frame", "unsubscribe", form, &self.values)?),
        })
    }

    fn say(&self, section: &str, name: &str, form: Form, values: &Values) -> Result<String, minijinja::Error> {
        self.composer.words.say(self.language, section, name, form, values)
    }
}

/// The paragraphs of a text that somebody wrote, each with its lines. None of it is a template, and in HTML all of it is
/// escaped.
fn paragraphs_of_lines(text: &str) -> Vec<Vec<Value>> {
    let lines = |paragraph: &str| paragraph.lines().map(|line| Value::from(in_one_line(line))).collect();
    text.split("\n\n")
        .map(|paragraph| lines(paragraph.trim_matches('\n')))
        .collect()
}

/// A name as it may stand in a header or a sentence. Names are checked when they come in; a line
/// break would still make a header or a paragraph of its own, so none gets this far.
fn in_one_line(name: &str) -> String {
    name.chars()
        .map(|character| if is_plain(character) { character } else { ' ' })
        .collect()
}

/// The host of a URL, without its port.
fn host(url: &PublicUrl) -> &str {
    let after_scheme = url.as_str().split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = after_scheme
        .split_once('/')
        .map_or(after_scheme, |(authority, _)| authority);
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand between brackets.
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}

#[cfg(test)]
mod tests;
