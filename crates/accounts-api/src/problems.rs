//! The pages behind the `type` of problems: what a code means and what to do about it.

use accounts_domain::language::Language;
use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue, VARY};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;
use utoipa::ToSchema;

use crate::describe::answer;
use crate::html::{Page, PageLanguage, Script};
use crate::path::path_values;
use crate::problem::{Code, FieldCode, Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::texts::{self, ProblemText};

const LIST: Page = Page {
    template: "problems.html",
    words: "problems",
    script: Script::None,
};
const ONE: Page = Page {
    template: "problem.html",
    words: "problems",
    script: Script::None,
};

path_values! {
    /// The code of a problem: `contact-limit-reached`, say.
    PathCode(String) = "code", serde_json::json!({"type": "string", "pattern": "^[a-z]+(-[a-z]+)*$", "maxLength": 64});
}

pub(crate) fn routes() -> Routes {
    routes![list_problem_codes, explain_problem_code]
}

/// What a problem code means.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemExplanation {
    /// The code.
    #[schema(example = "contact-limit-reached", max_length = 64)]
    code: &'static str,
    /// The HTTP status that goes with it.
    #[schema(example = 409, minimum = 400, maximum = 599)]
    status: u16,
    /// A few words, in the caller's language.
    #[schema(example = "No more contacts")]
    title: &'static str,
    /// When it happens and what to do, in the caller's language.
    #[schema(example = "Remove a contact that is not needed any more, or ask the provider for a higher limit.")]
    explanation: &'static str,
}

impl ProblemExplanation {
    fn of(code: Code, language: Language) -> Self {
        let text = texts::of(language).problem.get(code.as_str());
        let part = |part: fn(&ProblemText) -> &String| text.map_or("", |text| part(text).as_str());
        Self {
            code: code.as_str(),
            status: code.status(),
            title: part(|text| &text.title),
            explanation: part(|text| &text.explanation),
        }
    }
}

/// What stands in `errors[].code`.
#[derive(Serialize)]
struct FieldExplanation {
    code: &'static str,
    sentence: &'static str,
}

/// List the problem codes
///
/// A page for people with every `code` of a problem and every code in its `errors`.
#[utoipa::path(
    get,
    path = "/problems",
    tag = "pages",
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        answer::NotModified,
    )
)]
async fn list_problem_codes(PageLanguage(language): PageLanguage) -> Result<Reply, Problem> {
    list(language)
}

/// Explain a problem code
///
/// The address that `type` of a problem holds: a page for people, or JSON for callers that accept it
/// rather than HTML.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    tag = "pages",
    responses(
        (status = 200, description = "When it happens and what to do.", content(
            (String = "text/html"),
            (ProblemExplanation = "application/json"),
        )),
        answer::NotModified,
        refusal::NotFound,
    )
)]
async fn explain_problem_code(
    PathCode(name): PathCode,
    PageLanguage(language): PageLanguage,
    request: HttpRequest,
) -> Result<Reply, Problem> {
    let code = Code::from_name(&name).ok_or_else(Problem::not_found)?;
    explain(code, language, wants_json(request.headers()))
}

fn list(language: Language) -> Result<Reply, Problem> {
    let problems: Vec<_> = Code::ALL
        .iter()
        .map(|code| ProblemExplanation::of(*code, language))
        .collect();
    let sentences = &texts::of(language).field;
    let fields = FieldCode::ALL.iter().map(|code| FieldExplanation {
        code: code.as_str(),
        sentence: sentences.get(code.as_str()).map_or("", String::as_str),
    });
    let fields: Vec<_> = fields.collect();
    Ok(LIST
        .show(
            language,
            context! { problems => Serde(problems), fields => Serde(fields) },
        )?
        .cache(KEPT)
        .tagged_by_body())
}

fn explain(code: Code, language: Language, json: bool) -> Result<Reply, Problem> {
    let problem = ProblemExplanation::of(code, language);
    let reply = if json {
        Reply::ok(&problem).in_language(language)
    } else {
        ONE.show_titled(problem.title, language, context! { problem => Serde(&problem) })?
    };
    let vary = HeaderValue::from_static("accept, accept-language");
    Ok(reply.header(VARY, vary).cache(KEPT).tagged_by_body())
}

/// The pages are the same for everybody and change with the version of the service.
const KEPT: &str = "public, max-age=300";

/// Whether JSON is more welcome than HTML (RFC 9110 section 12.5.1). HTML is what a caller gets that
/// takes both alike.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted: Vec<&str> = headers
        .get_all(ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    weight(&accepted, ["application/json", "application/*", "*/*"]) > weight(&accepted, ["text/html", "text/*", "*/*"])
}

/// The weight of the first of these ranges that is named, in thousandths.
fn weight(accepted: &[&str], ranges: [&str; 3]) -> u16 {
    let named = |wanted: &str| {
        accepted.iter().find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(wanted) {
                return None;
            }
            let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some(quality.map_or(1_000, thousandths))
        })
    };
    ranges.into_iter().find_map(named).unwrap_or(0)
}

/// A weight from 0 to 1 with at most three digits, in thousandths; 0 where it is none.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    match whole {
        "1" => 1_000,
        "0" if fraction.len() <= 3 => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::Responder;
    use actix_web::body::to_bytes;
    use actix_web::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG};
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;
    use crate::html::tests::opened;

    #[actix_web::test]
    async fn every_code_is_explained_in_both_languages() {
        for language in Language::ALL {
            for code in Code::ALL {
                let page = opened(explain(*code, language, false).unwrap()).await;
                assert!(
                    page.html.contains(&format!("<code>{}</code>", code.as_str())),
                    "{code:?}"
                );
                assert!(page.html.contains(&format!("<dd>{}</dd>", code.status())), "{code:?}");
                assert_eq!(page.header(VARY), "accept, accept-language");
                assert_eq!(page.header(CACHE_CONTROL), KEPT);
                assert!(!page.html.contains("<p></p>"), "{code:?}");
            }
        }
    }

    #[actix_web::test]
    async fn the_list_leads_to_every_page() {
        for language in Language::ALL {
            let page = opened(list(language).unwrap()).await;
            for code in Code::ALL {
                let link = format!("<a href=\"problems/{}?lang={}\">", code.as_str(), language.as_str());
                assert!(page.html.contains(&link), "{code:?}");
            }
            for code in FieldCode::ALL {
                assert!(
                    page.html.contains(&format!("<td><code>{}</code></td>", code.as_str())),
                    "{code:?}"
                );
            }
            assert!(!page.html.contains("<td></td>"));
            assert!(page.header(ETAG).starts_with('"'));
        }
    }

    #[actix_web::test]
    async fn a_program_gets_json() {
        let request = TestRequest::get().to_http_request();
        let response = explain(Code::Stale, Language::Fr, true).unwrap().respond_to(&request);
        assert_eq!(
            response.headers().get(CONTENT_TYPE).unwrap(),
            "application/json; charset=utf-8"
        );
        assert_eq!(response.headers().get(CONTENT_LANGUAGE).unwrap(), "fr");
        let body: serde_json::Value = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
        assert_eq!(body["code"], json!("stale"));
        assert_eq!(body["status"], json!(412));
        assert_eq!(body["title"], json!(texts::of(Language::Fr).problem["stale"].title));
        assert!(body["explanation"].as_str().is_some_and(|text| !text.is_empty()));
    }

    #[test]
    fn html_is_for_browsers_and_json_for_those_who_ask_for_it() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wants_json(&headers)
        };
        assert!(!wants_json(&HeaderMap::new()));
        for accept in [
            "*/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html, application/json",
            "application/json;q=0.5, text/*",
            "application/json;q=0",
            "application/json;q=2, */*",
            "",
        ] {
            assert!(!wants(accept), "{accept}");
        }
        for accept in [
            "application/json",
            "application/json, */*;q=0.5",
            "text/html;q=0.4, application/*;q=0.5",
            "Application/JSON",
        ] {
            assert!(wants(accept), "{accept}");
        }
    }
}
