//! Pages for people: one frame, one style sheet, words in two languages, and a policy under which
//! nothing runs but the script that the page was shipped with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use accounts_domain::language::Language;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{FromRequest, HttpRequest};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, UndefinedBehavior, Value, context};
use serde_json::json;

use crate::describe::{Describe, Description};
use crate::gate::{Held, Rank, held};
use crate::problem::Problem;
use crate::query;
use crate::reply::Reply;
use crate::texts;

/// The media type of pages.
pub(crate) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

const STYLE: &str = include_str!("html/style.css");
const FORM_SCRIPT: &str = include_str!("html/form.js");

const TEMPLATES: [(&str, &str); 10] = [
    ("frame.html", include_str!("html/frame.html")),
    ("landing.html", include_str!("landing/page.html")),
    ("invitation.html", include_str!("landing/invitation.html")),
    ("password.html", include_str!("landing/password.html")),
    ("unsubscribe.html", include_str!("landing/unsubscribe.html")),
    ("problems.html", include_str!("problems/list.html")),
    ("problem.html", include_str!("problems/page.html")),
    ("mails.html", include_str!("mailbox/list.html")),
    ("mail.html", include_str!("mailbox/mail.html")),
    ("one_mail.html", include_str!("mailbox/page.html")),
];

/// The words of the pages in one language: by section, then by name.
type Words = BTreeMap<String, BTreeMap<String, String>>;

static ENGLISH: LazyLock<Words> =
    LazyLock::new(|| toml::from_str(include_str!("../text/pages/en.toml")).unwrap_or_default());
static FRENCH: LazyLock<Words> =
    LazyLock::new(|| toml::from_str(include_str!("../text/pages/fr.toml")).unwrap_or_default());
static PAGES: LazyLock<Result<Pages, minijinja::Error>> = LazyLock::new(Pages::read);

/// A page, before it is put into the reader's language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Its template.
    pub(crate) template: &'static str,
    /// The section of its words.
    pub(crate) words: &'static str,
    /// What it runs.
    pub(crate) script: Script,
}

/// What a page runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Nothing.
    None,
    /// It fills a form and sends it to this service.
    Form,
    /// Nothing; its form has no fields, and the browser itself sends it to the address of the page.
    FormAlone,
}

impl Page {
    /// The page in a language, with its words for a title. It may be kept by nobody (`no-store`)
    /// unless the caller says otherwise.
    ///
    /// # Errors
    /// 500 where a template lacks a value: a defect.
    pub(crate) fn show(self, language: Language, values: Value) -> Result<Reply, Problem> {
        let title = word(language, self.words, "title").to_owned();
        self.show_titled(&title, language, values)
    }

    /// The page with a title of its own.
    ///
    /// # Errors
    /// 500 where a template lacks a value: a defect.
    pub(crate) fn show_titled(self, title: &str, language: Language, values: Value) -> Result<Reply, Problem> {
        let pages = PAGES.as_ref().map_err(Problem::internal)?;
        let other = other(language);
        let frame = context! {
            language => language.as_str(),
            other => context! { language => other.as_str(), name => word(other, "frame", "language") },
            title,
            words => section(language, self.words),
            style => Value::from_safe_string(STYLE.to_owned()),
            script => self.script.text().map(|text| Value::from_safe_string(text.to_owned())),
        };
        let template = pages.templates.get_template(self.template).map_err(Problem::internal)?;
        let html = template
            .render(context! { ..values, ..frame })
            .map_err(Problem::internal)?;
        let policy = match self.script {
            Script::None => &pages.plain_policy,
            Script::Form => &pages.form_policy,
            Script::FormAlone => &pages.form_alone_policy,
        };
        Ok(Reply::bytes(MEDIA_TYPE, html.into_bytes())
            .in_language(language)
            .header(CONTENT_SECURITY_POLICY, policy.clone()))
    }
}

impl Script {
    const fn text(self) -> Option<&'static str> {
        match self {
            Self::None | Self::FormAlone => None,
            Self::Form => Some(FORM_SCRIPT),
        }
    }
}

/// The words of a section in a language.
pub(crate) fn section(language: Language, section: &str) -> Value {
    Value::from(Serde(words(language).get(section)))
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Fr => &FRENCH,
    }
}

fn word(language: Language, section: &str, name: &str) -> &'static str {
    words(language)
        .get(section)
        .and_then(|words| words.get(name))
        .map_or("", String::as_str)
}

/// The language that a page links to.
fn other(language: Language) -> Language {
    match language {
        Language::En => Language::Fr,
        Language::Fr => Language::En,
    }
}

/// The templates, and the policies that go with them. Both are made once.
struct Pages {
    templates: Environment<'static>,
    plain_policy: HeaderValue,
    form_policy: HeaderValue,
    form_alone_policy: HeaderValue,
}

impl Pages {
    fn read() -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        templates.add_filter("marked", |text: &str| Value::from_safe_string(marked(text)));
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        Ok(Self {
            templates,
            plain_policy: policy(Script::None),
            form_policy: policy(Script::Form),
            form_alone_policy: policy(Script::FormAlone),
        })
    }
}

/// The content security policy (CSP 3) of a page: nothing but the style sheet and the script with
/// exactly these bytes, and requests to this service where a script makes them. A form with fields is never sent
/// by the browser itself, so that no code ends in an address.
fn policy(script: Script) -> HeaderValue {
    let scripts = script.text().map_or_else(String::new, |text| {
        format!("script-src {}; connect-src 'self'; ", source(text))
    });
    let forms = if script == Script::FormAlone {
        "'self'"
    } else {
        "'none'"
    };
    let policy = format!(
        "default-src 'none'; {scripts}style-src {}; form-action {forms}; base-uri 'none'; frame-ancestors 'none'",
        source(STYLE)
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// What allows an element with exactly this text.
fn source(text: &str) -> String {
    format!(
        "'sha256-{}'",
        STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
    )
}

/// A text as HTML, where what stands between backquotes is code.
fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(place, part)| {
        let escaped = HtmlEscape(part);
        if place % 2 == 1 {
            format!("<code>{escaped}</code>")
        } else {
            escaped.to_string()
        }
    });
    parts.collect()
}

/// The language that a page is read in: `?lang=fr`, or else what `Accept-Language` asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLanguage(pub(crate) Language);

impl FromRequest for PageLanguage {
    type Error = Problem;
    type Future = Held<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let chosen = query::read(request, |query| {
            query.word("lang", &Language::ALL.map(|it| (it.as_str(), it)))
        });
        let language = chosen.map(|chosen| chosen.unwrap_or_else(|| texts::wanted(request.headers())));
        held(request, Rank::Value, language.map(Self))
    }
}

impl Describe for PageLanguage {
    fn describe(description: &mut Description) {
        let languages = Language::ALL.map(Language::as_str);
        let text = "The language of the page. Without it `Accept-Language` decides.";
        description.query("lang", text, &json!({"type": "string", "enum": languages}));
    }
}

#[cfg(test)]
pub(crate) mod tests;
