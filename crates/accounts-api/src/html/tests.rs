use std::collections::BTreeSet;

use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderName, VARY};
use actix_web::test::TestRequest;
use actix_web::{HttpResponse, Responder};

use super::*;
use crate::problem::Code;

/// A page as a browser gets it.
pub(crate) struct Opened {
    head: HttpResponse<()>,
    pub(crate) html: String,
}

impl Opened {
    /// The value of a header that must be there.
    pub(crate) fn header(&self, name: HeaderName) -> &str {
        self.head.headers().get(name).unwrap().to_str().unwrap()
    }

    /// The policy.
    pub(crate) fn policy(&self) -> &str {
        self.header(CONTENT_SECURITY_POLICY)
    }
}

/// Opens a page, and asserts of it what holds for all of them.
pub(crate) async fn opened(reply: Reply) -> Opened {
    let response = reply.respond_to(&TestRequest::get().to_http_request());
    assert_eq!(response.status(), StatusCode::OK);
    let (head, body) = response.into_parts();
    let html = String::from_utf8(to_bytes(body).await.unwrap().to_vec()).unwrap();
    let page = Opened { head, html };
    assert_eq!(page.header(CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(page.header(VARY).contains("accept-language"));
    let language = page.header(CONTENT_LANGUAGE);
    assert!(
        page.html
            .starts_with(&format!("<!doctype html>\n<html lang=\"{language}\">")),
        "{}",
        page.html
    );
    assert!(!page.html.contains("<title></title>"));
    allows_just_what_it_holds(&page);
    loads_nothing_and_runs_nothing_inline(&page.html);
    page
}

/// The texts of the elements with this name.
fn elements<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let end = format!("</{name}>");
    html.split(&format!("<{name}>"))
        .skip(1)
        .map(|rest| rest.split_once(&end).unwrap().0)
        .collect()
}

/// The page without some elements and what stands in them.
pub(crate) fn without_elements(html: &str, names: &[&str]) -> String {
    let mut html = html.to_owned();
    for name in names {
        for text in elements(&html.clone(), name) {
            html = html.replace(&format!("<{name}>{text}</{name}>"), "");
        }
    }
    html
}

fn allows_just_what_it_holds(page: &Opened) {
    let policy = page.policy();
    for directive in [
        "default-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let sources: BTreeSet<String> = elements(&page.html, element).into_iter().map(source).collect();
        let allowed = policy
            .split("; ")
            .find_map(|it| it.strip_prefix(directive))
            .unwrap_or_default();
        let allowed: BTreeSet<String> = allowed.split_whitespace().map(str::to_owned).collect();
        assert_eq!(sources, allowed, "{directive}");
    }
}

fn loads_nothing_and_runs_nothing_inline(html: &str) {
    let html = without_elements(html, &["script", "style", "pre", "td"]);
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        for (place, _) in tag.match_indices(" on") {
            let handler = tag[place + 3..].chars().find(|it| !it.is_ascii_alphabetic());
            assert_ne!(handler, Some('='), "an inline handler: {tag}");
        }
        for wrong in [" src=", " style=", "javascript:", "<link", "@import"] {
            assert!(!tag.contains(wrong), "{tag}");
        }
    }
}

#[test]
fn every_template_and_every_word_is_read() {
    assert!(PAGES.is_ok());
    for text in [
        include_str!("../../text/pages/en.toml"),
        include_str!("../../text/pages/fr.toml"),
    ] {
        toml::from_str::<Words>(text).unwrap();
    }
}

#[test]
fn both_languages_say_the_same_things() {
    let names = |language| -> Vec<(&String, Vec<&String>)> {
        words(language)
            .iter()
            .map(|(section, words)| (section, words.keys().collect()))
            .collect()
    };
    assert_eq!(names(Language::En), names(Language::Fr));
    assert!(!names(Language::En).is_empty());
    for language in Language::ALL {
        for (section, words) in words(language) {
            for (name, text) in words {
                assert!(!text.trim().is_empty(), "{section}.{name}");
                assert_eq!(text.matches('`').count() % 2, 0, "{section}.{name}");
            }
        }
    }
}

#[test]
fn every_word_that_a_template_names_is_there_and_every_word_is_named() {
    let all: String = TEMPLATES.iter().map(|(_, text)| *text).collect();
    let mut named: BTreeSet<String> = BTreeSet::from(["title".to_owned(), "language".to_owned()]);
    for mark in ["words.", "form."] {
        for rest in all.split(mark).skip(1) {
            named.insert(
                rest.chars()
                    .take_while(|it| it.is_ascii_alphabetic() || *it == '_')
                    .collect(),
            );
        }
    }
    let known: BTreeSet<String> = words(Language::En)
        .values()
        .flat_map(|words| words.keys().cloned())
        .collect();
    assert_eq!(named, known);
}

#[test]
fn french_has_no_breaking_space_before_its_signs() {
    for (section, words) in words(Language::Fr) {
        for (name, text) in words {
            for wrong in [" :", " ;", " ?", " !", "« ", " »"] {
                assert!(!text.contains(wrong), "{section}.{name} holds {wrong:?}");
            }
        }
    }
}

#[test]
fn nothing_ends_the_style_or_the_script_early() {
    assert!(!STYLE.contains("</"));
    assert!(!FORM_SCRIPT.contains("</"));
    assert!(!FORM_SCRIPT.contains("<!--"));
    assert!(!STYLE.contains("url("));
}

#[test]
fn backquotes_mark_code_and_everything_is_escaped() {
    assert_eq!(marked("a <b> `c < d`, e"), "a &lt;b&gt; <code>c &lt; d</code>, e");
    assert_eq!(marked("plain"), "plain");
}

#[actix_web::test]
async fn the_query_decides_before_the_header() {
    let language = async |query: &str, header: &'static str| {
        let request = TestRequest::with_uri(&format!("/verify{query}")).insert_header((ACCEPT_LANGUAGE, header));
        PageLanguage::extract(&request.to_http_request())
            .await
            .map(|PageLanguage(language)| language)
    };
    assert_eq!(language("", "fr").await.unwrap(), Language::Fr);
    assert_eq!(language("", "de").await.unwrap(), Language::En);
    assert_eq!(language("?lang=en", "fr").await.unwrap(), Language::En);
    assert_eq!(language("?lang=fr", "en").await.unwrap(), Language::Fr);
    assert_eq!(language("?lang=de", "fr").await.unwrap_err().code(), Code::BadRequest);
}

#[actix_web::test]
async fn a_page_links_to_itself_in_the_other_language() {
    let page = Page {
        template: "frame.html",
        words: "problems",
        script: Script::None,
    };
    let french = opened(page.show(Language::Fr, context! {}).unwrap()).await;
    assert!(
        french
            .html
            .contains(r#"<a href="?lang=en" hreflang="en" lang="en">English</a>"#),
        "{}",
        french.html
    );
    assert!(!french.policy().contains("script-src"));
}
