#![expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]

use actix_web::http::header::HeaderName;
use actix_web::test::TestRequest;
use serde_json::json;
use utoipa::ToSchema;

use super::*;
use crate::problem::{FieldCode, FieldFault};

#[derive(Debug, Deserialize, ToSchema)]
struct PersonBody {
    name: Option<String>,
    phones: Option<Vec<PhoneBody>>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct PhoneBody {
    number: Option<String>,
}

fn digits(text: &str) -> Result<String, FieldFault> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(FieldCode::InvalidFormat.into())
    }
}

fn short(text: &str) -> Result<String, FieldFault> {
    if text.len() <= 5 {
        Ok(text.to_owned())
    } else {
        Err(FieldFault::new(FieldCode::TooLong).with("max", 5))
    }
}

impl Parse for PersonBody {
    type Parsed = (String, Vec<String>);

    fn parse(self, faults: &mut Faults) -> Option<Self::Parsed> {
        let name = faults.text("name", self.name, short);
        let phones = faults.each("phones", self.phones.unwrap_or_default(), 2, |faults, phone| {
            faults.text("number", phone.number, digits)
        });
        Some((name?, phones?))
    }
}

#[derive(Debug, Deserialize, ToSchema)]
struct PersonPatch {
    #[serde(default, deserialize_with = "present")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    title: Option<Option<String>>,
}

impl Parse for PersonPatch {
    type Parsed = (Option<String>, Option<Option<String>>);

    fn parse(self, faults: &mut Faults) -> Option<Self::Parsed> {
        let name = faults.kept("name", self.name);
        let title = faults.patched_text("title", self.title, short);
        Some((name, title))
    }
}

async fn read<B: Parse>(request: TestRequest, body: &str) -> Result<B::Parsed, Problem> {
    let (request, mut payload) = request.set_payload(body.to_owned()).to_http_parts();
    Checked::<B>::from_request(&request, &mut payload)
        .await
        .map(|Checked(parsed)| parsed)
}

fn post() -> TestRequest {
    TestRequest::post().insert_header((CONTENT_TYPE, "application/json"))
}

fn patch(media_type: &'static str) -> TestRequest {
    TestRequest::patch().insert_header((CONTENT_TYPE, media_type))
}

async fn told(problem: Problem) -> serde_json::Value {
    let answer = actix_web::ResponseError::error_response(&problem);
    let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[actix_web::test]
async fn a_body_becomes_what_it_stands_for() {
    let body = r#"{"name":"Ana","phones":[{"number":"1"},{"number":"2"}]}"#;
    let parsed = read::<PersonBody>(post(), body).await.unwrap();
    assert_eq!(parsed, ("Ana".to_owned(), vec!["1".to_owned(), "2".to_owned()]));
}

#[actix_web::test]
async fn every_fault_is_told_at_once() {
    let body = r#"{"phones":[{"number":"x"},{"id":1},{"number":"3"}],"owner":true}"#;
    let problem = read::<PersonBody>(post(), &body.replace(r#",{"number":"3"}"#, ""))
        .await
        .unwrap_err();
    let body = told(problem).await;
    assert_eq!(body["code"], "invalid-fields");
    let found: Vec<(&str, &str)> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("/phones/1/id", "unknown-field"),
            ("/owner", "unknown-field"),
            ("/name", "required"),
            ("/phones/0/number", "invalid-format"),
            ("/phones/1/number", "required"),
        ]
    );
}

#[actix_web::test]
async fn lists_have_an_end() {
    let body = json!({"name": "a", "phones": [{"number": "1"}, {"number": "2"}, {"number": "3"}]});
    let body = told(read::<PersonBody>(post(), &body.to_string()).await.unwrap_err()).await;
    assert_eq!(body["errors"][0]["code"], "too-many");
    assert_eq!(body["errors"][0]["params"], json!({"max": 2}));
}

#[actix_web::test]
async fn another_media_type_is_415() {
    for media_type in [
        "text/plain",
        "application/merge-patch+json",
        "application/jsonx",
        "application/json; charset=latin1",
    ] {
        let request = TestRequest::post().insert_header((CONTENT_TYPE, media_type));
        let problem = read::<PersonBody>(request, "{}").await.unwrap_err();
        assert_eq!(problem.code(), Code::UnsupportedMediaType, "{media_type}");
    }
    let problem = read::<PersonBody>(TestRequest::post(), "{}").await.unwrap_err();
    assert_eq!(problem.code(), Code::UnsupportedMediaType);
    let problem = read::<PersonPatch>(patch("text/plain"), "{}").await.unwrap_err();
    let answer = actix_web::ResponseError::error_response(&problem);
    let header = HeaderName::from_static("accept-patch");
    assert_eq!(answer.headers().get(header).unwrap(), "application/merge-patch+json");
}

#[actix_web::test]
async fn parameters_and_case_of_the_media_type_do_not_matter() {
    for media_type in [
        "application/json; charset=utf-8",
        "Application/JSON ; charset=\"UTF-8\"",
    ] {
        let request = TestRequest::post().insert_header((CONTENT_TYPE, media_type));
        assert!(
            read::<PersonBody>(request, r#"{"name":"a"}"#).await.is_ok(),
            "{media_type}"
        );
    }
}

#[actix_web::test]
async fn in_a_patch_absent_and_null_differ() {
    for media_type in ["application/merge-patch+json", "application/json"] {
        let read = async |body: &str| read::<PersonPatch>(patch(media_type), body).await;
        assert_eq!(read("{}").await.unwrap(), (None, None));
        assert_eq!(read(r#"{"title":null}"#).await.unwrap(), (None, Some(None)));
        assert_eq!(
            read(r#"{"title":"CEO"}"#).await.unwrap(),
            (None, Some(Some("CEO".to_owned())))
        );
        let body = told(read(r#"{"name":null}"#).await.unwrap_err()).await;
        assert_eq!(body["errors"][0]["code"], "required");
    }
}

#[actix_web::test]
async fn a_large_body_is_413() {
    let long = json!({"name": "a".repeat(70_000)}).to_string();
    let body = told(read::<PersonBody>(post(), &long).await.unwrap_err()).await;
    assert_eq!(
        (&body["code"], &body["limit"]),
        (&json!("payload-too-large"), &json!(65_536))
    );
}

#[actix_web::test]
async fn an_empty_body_is_not_readable() {
    assert_eq!(
        read::<PersonBody>(post(), "").await.unwrap_err().code(),
        Code::BadRequest
    );
}
