#![expect(clippy::option_option, reason = "absent and null are two cases in a merge patch")]
#![expect(dead_code, reason = "the document alone is tested, nothing is served")]

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::*;
use crate::body::{Checked, Faults, Parse, present};
use crate::describe::{Describe, Description, answer, id_schema};
use crate::gate::LocalFuture;
use crate::idempotency::Idempotency;
use crate::page::{Paging, page};
use crate::path::path_values;
use crate::precondition::IfMatch;
use crate::problem::{Problem, refusal};
use crate::query::{Asked, Filters, Preview, Query};
use crate::reply::Reply;
use crate::router::routes;

path_values! {
    /// The contact.
    PathContact(String) = "contact", id_schema("con");
}

struct ManagesContacts;

impl actix_web::FromRequest for ManagesContacts {
    type Error = Problem;
    type Future = LocalFuture<Result<Self, Problem>>;

    fn from_request(request: &actix_web::HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        crate::gate::opens(request, async { Ok(Self) })
    }
}

impl Describe for ManagesContacts {
    const GUARD: bool = true;

    fn describe(description: &mut Description) {
        description.needs("contacts:manage");
        description.path_id("account", "acc", "The account.");
    }
}

/// A contact of an account.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
struct ContactView {
    /// Its id.
    id: String,
    /// How many addresses it has.
    addresses: u16,
    /// What it is called.
    name: Option<String>,
}

page! {
    /// A page of contacts.
    ContactPage of ContactView
}

/// A new contact.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewContact)]
struct NewContactBody {
    /// What it is called.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Its telephones.
    #[schema(max_items = 5)]
    phones: Option<Vec<PhoneBody>>,
}

/// A telephone.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPhone)]
struct PhoneBody {
    /// The number.
    #[schema(required = true, nullable = false, max_length = 40)]
    number: Option<String>,
}

/// Changes of a contact.
#[derive(Deserialize, ToSchema)]
#[schema(as = ContactPatch)]
struct ContactPatch {
    /// What it is called.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 100)]
    name: Option<Option<String>>,
    /// Its title; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    title: Option<Option<String>>,
}

macro_rules! parses {
    ($($body:ty),*) => {$(
        impl Parse for $body {
            type Parsed = Self;

            fn parse(self, _: &mut Faults) -> Option<Self> {
                Some(self)
            }
        }
    )*};
}

parses!(NewContactBody, ContactPatch);

/// Which contacts to list.
#[derive(IntoParams)]
struct ContactFilters {
    /// Only those that hold this role; repeated: one of these.
    #[param(max_length = 40)]
    role: Vec<String>,
    /// Only verified ones, or only others.
    verified: Option<bool>,
}

impl Filters for ContactFilters {
    fn read(query: &mut Query) -> Self {
        Self {
            role: query.any("role"),
            verified: query.flag("verified"),
        }
    }
}

/// List contacts
///
/// The own entry first, then by name.
#[utoipa::path(get, path = "/v1/accounts/{account}/contacts", tag = "contacts", responses((status = 200, description = "The contacts.", body = ContactPage)))]
async fn list_contacts(
    _: ManagesContacts,
    _: Paging<(String, String)>,
    _: Asked<ContactFilters>,
) -> Result<Reply, Problem> {
    Ok(Reply::no_content())
}

/// Add a contact
#[utoipa::path(post, path = "/v1/accounts/{account}/contacts", tag = "contacts", responses((status = 201, description = "The new contact.", body = ContactView), refusal::ContactLimitReached, refusal::AddressTaken))]
async fn create_contact(
    _: ManagesContacts,
    _: Preview,
    _: Idempotency,
    _: Checked<NewContactBody>,
) -> Result<Reply, Problem> {
    Ok(Reply::no_content())
}

/// Read a contact
#[utoipa::path(get, path = "/v1/accounts/{account}/contacts/{contact}", tag = "contacts", responses((status = 200, description = "The contact.", body = ContactView), answer::NotModified))]
async fn read_contact(_: ManagesContacts, _: PathContact) -> Result<Reply, Problem> {
    Ok(Reply::no_content())
}

/// Change a contact
#[utoipa::path(patch, path = "/v1/accounts/{account}/contacts/{contact}", tag = "contacts", responses((status = 200, description = "The contact.", body = ContactView), refusal::AddressTaken))]
async fn change_contact(
    _: ManagesContacts,
    _: PathContact,
    _: IfMatch,
    _: Checked<ContactPatch>,
) -> Result<Reply, Problem> {
    Ok(Reply::no_content())
}

/// Say how the service is
///
/// No more than that it answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 204, description = "Well.")))]
async fn health() -> Result<Reply, Problem> {
    Ok(Reply::no_content())
}

fn sample() -> Value {
    let routes = routes![list_contacts, create_contact, read_contact, change_contact, health];
    let about = About {
        title: "Accounts",
        version: "1.0.0",
        description: "Who may do what.",
        contact_name: "Accounts",
        contact_url: "https://accounts.example",
        tags: &[
            ("contacts", "The contacts of an account."),
            ("health", "How the service is."),
        ],
    };
    assemble(&routes, &about)
}

fn at<'v>(document: &'v Value, pointer: &str) -> &'v Value {
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer} in {document:#}"))
}

const CONTACTS: &str = "/paths/~1v1~1accounts~1{account}~1contacts";
const CONTACT: &str = "/paths/~1v1~1accounts~1{account}~1contacts~1{contact}";

#[test]
fn arguments_and_annotation_make_the_operation() {
    let document = sample();
    let create = at(&document, &format!("{CONTACTS}/post"));
    assert_eq!(create["operationId"], "create_contact");
    assert_eq!(create["summary"], "Add a contact");
    assert_eq!(create["security"], json!([{"bearer": []}, {"api_key": []}]));
    assert_eq!(create["x-permission"], "contacts:manage");
    assert_eq!(create["tags"], json!(["contacts"]));
    let names: Vec<_> = create["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["account", "dry_run", "Idempotency-Key"]);
    let statuses: Vec<_> = create["responses"].as_object().unwrap().keys().collect();
    assert_eq!(
        statuses,
        [
            "201", "400", "401", "403", "404", "408", "409", "413", "415", "422", "503"
        ]
    );
    let conflict = at(create, "/responses/409/content/application~1problem+json/examples");
    let codes: Vec<_> = conflict.as_object().unwrap().keys().collect();
    assert_eq!(
        codes,
        ["address-taken", "contact-limit-reached", "idempotency-in-flight"]
    );
    assert_eq!(
        conflict["contact-limit-reached"]["value"]["detail"],
        "The account has as many contacts as it may: 5."
    );
    assert!(at(create, "/responses/201/headers").get("Location").is_some());
    assert_eq!(at(&document, "/paths/~1healthz/get/security"), &json!([]));
}

#[test]
fn inputs_are_closed_and_outputs_are_not() {
    let document = sample();
    for name in ["NewContact", "NewPhone", "ContactPatch"] {
        assert_eq!(
            at(&document, &format!("/components/schemas/{name}/additionalProperties")),
            false
        );
    }
    for name in ["Contact", "ContactPage", "Fault"] {
        assert!(
            at(&document, &format!("/components/schemas/{name}"))
                .get("additionalProperties")
                .is_none()
        );
    }
    assert_eq!(at(&document, "/components/schemas/Problem/additionalProperties"), true);
}

#[test]
fn bounds_and_nulls_are_stated() {
    let document = sample();
    assert_eq!(
        at(&document, "/components/schemas/Contact/properties/addresses/maximum"),
        2_147_483_647
    );
    let input = at(&document, "/components/schemas/NewContact");
    assert_eq!(input["required"], json!(["name"]));
    assert_eq!(input["properties"]["name"]["type"], "string");
    let patch = at(&document, "/components/schemas/ContactPatch");
    assert!(patch.get("required").is_none());
    assert_eq!(patch["properties"]["name"]["type"], "string");
    assert_eq!(patch["properties"]["title"]["type"], json!(["string", "null"]));
    let page = at(&document, "/components/schemas/ContactPage");
    assert_eq!(page["required"], json!(["data", "next_cursor"]));
}

#[test]
fn conditions_are_documented() {
    let document = sample();
    let read = at(&document, &format!("{CONTACT}/get"));
    assert!(read["responses"].get("304").is_some());
    assert!(read["parameters"].to_string().contains("If-None-Match"));
    let change = at(&document, &format!("{CONTACT}/patch"));
    assert!(change["parameters"].to_string().contains("If-Match"));
    assert!(change["responses"].get("412").is_some());
    assert!(
        at(change, "/requestBody/content")
            .get("application/merge-patch+json")
            .is_some()
    );
    let parameters = at(&document, &format!("{CONTACTS}/get/parameters")).as_array().unwrap();
    let role = parameters.iter().find(|parameter| parameter["name"] == "role").unwrap();
    assert_eq!(role["required"], false, "a filter that is left out filters nothing");
    assert_eq!(role["schema"]["type"], "array");
    let list = at(&document, &format!("{CONTACTS}/get/responses/200/headers"));
    assert!(list.get("Link").is_some());
}

#[test]
fn the_same_handlers_give_the_same_bytes() {
    assert_eq!(text(&sample()), text(&sample()));
    assert!(text(&sample()).ends_with("}\n"));
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                found.extend(reference.map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(entries) => entries.iter().for_each(|entry| references(entry, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for document in [sample(), crate::openapi()] {
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
        }
    }
}
