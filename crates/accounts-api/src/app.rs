//! The application that production starts: every route, behind one edge.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, Error, HttpResponse, web};
use serde_json::Value;

use crate::connection::Patience;
use crate::document::{self, About};
use crate::edge::edge;
use crate::idempotency::InFlight;
use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::problem::Problem;
use crate::router::Routes;
use crate::service::Service;
use crate::{
    access, access_checks, accounts, api_keys, audit_events, catalog, contacts, deliverability, docs, email_changes,
    external_ids, feed, health, inbound_checks, invitations, join_requests, landing, mailbox, me, members,
    notifications, operators, ownership_transfers, password_resets, problems, reauthentication, recipients, reviews,
    roles, second_factor, server, sessions, sign_ups, unsubscribe, verifications, webhooks,
};

/// What a connection waits for, and how long (security decision D16).
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(5),
    rest: Duration::from_secs(75),
    answer: Duration::from_secs(30),
};

/// Every operation, in the order of the document.
pub fn routes() -> Routes {
    sign_ups::routes()
        .and(sessions::routes())
        .and(password_resets::routes())
        .and(me::routes())
        .and(reauthentication::routes())
        .and(second_factor::routes())
        .and(email_changes::routes())
        .and(api_keys::routes())
        .and(accounts::routes())
        .and(access::routes())
        .and(access_checks::routes())
        .and(inbound_checks::routes())
        .and(deliverability::routes())
        .and(external_ids::routes())
        .and(feed::routes())
        .and(webhooks::routes())
        .and(contacts::routes())
        .and(verifications::routes())
        .and(roles::routes())
        .and(members::routes())
        .and(recipients::routes())
        .and(notifications::routes())
        .and(unsubscribe::routes())
        .and(reviews::routes())
        .and(ownership_transfers::routes())
        .and(invitations::routes())
        .and(join_requests::routes())
        .and(audit_events::routes())
        .and(operators::routes())
        .and(catalog::routes())
        .and(health::routes())
        .and(problems::routes())
        .and(landing::routes())
        .and(mailbox::routes())
        .and(docs::routes())
}

/// The OpenAPI document of every operation. It depends on the code alone.
pub fn openapi() -> Value {
    document::assemble(&routes(), &ABOUT)
}

const ABOUT: About<'static> = About {
    title: "Accounts",
    version: "1.0.0",
    description: "Knows each customer account's contacts, roles, users and permissions, and answers at once and exactly \
        who may do what, who is told what, and who speaks for the customer.\n\n\
        Log in with `POST /v1/sessions` and send the access token as `Authorization: Bearer`; scripts send an API key there. Errors are problems \
        (RFC 9457) with a stable `code`; their `title` and `detail` follow `Accept-Language` (English, French). Every \
        single resource has an `ETag`; PATCH, PUT and DELETE honour `If-Match`. A POST with an `Idempotency-Key` may be \
        sent again.",
    contact_name: "The Accounts project",
    contact_url: "https://accounts.example/contact",
    tags: &[
        ("sign-up", "How an account comes to be."),
        (
            "sessions",
            "Logging in, staying in, logging out, and forgotten passwords.",
        ),
        ("me", "The person who is logged in."),
        ("accounts", "Customer organisations."),
        (
            "access",
            "What the caller may do, and which applications are open, with the reasons.",
        ),
        (
            "contacts",
            "The persons and mailboxes that the provider knows for an account, and their verification.",
        ),
        (
            "roles",
            "Responsibilities that contacts hold, and their primary places.",
        ),
        ("members", "The users who enter an account, and what they may do there."),
        ("notifications", "Who is told what, and why."),
        (
            "review",
            "What should be looked at now and then, and the record that somebody has looked.",
        ),
        ("ownership", "Giving an account to another contact."),
        (
            "api-keys",
            "What scripts and other systems call with, in the name of a person or of an account.",
        ),
        (
            "integrations",
            "What machine callers of the provider ask, each with a key of its own and the scopes that it was given.",
        ),
        (
            "events",
            "What happened, in one order, for other systems of the provider: to be read, and told to webhooks.",
        ),
        ("audit", "Every change, with who and when."),
        (
            "operators",
            "What the provider's staff does: find accounts and persons, change them with a reason, act in a person's place.",
        ),
        (
            "catalog",
            "The provider's policy, and the keys that sign access tokens.",
        ),
        ("health", "Whether the service works."),
        (
            "pages",
            "Pages for people: behind mailed links, about problems, for newcomers.",
        ),
    ],
};

/// The application of one worker.
pub fn application(
    service: &Service,
    metrics: &Metrics,
    in_flight: &InFlight,
) -> App<
    impl ServiceFactory<ServiceRequest, Response = ServiceResponse<BoxBody>, Config = (), InitError = (), Error = Error>
    + use<>,
> {
    App::new()
        .app_data(Data::new(service.clone()))
        .app_data(Data::new(service.settings.clone()))
        .app_data(Data::new(metrics.clone()))
        .app_data(Data::new(in_flight.clone()))
        .configure(routes().configure())
        .wrap(from_fn(edge))
}

/// Serves the API on a bound listener with that many workers. It does not listen to signals: whoever starts it
/// stops it by its handle, and started requests then have ten seconds.
///
/// # Errors
/// Where the listener cannot be served.
pub fn serve(listener: TcpListener, workers: usize, service: Service, metrics: Metrics) -> std::io::Result<Server> {
    let in_flight = InFlight::default();
    server::serve(listener, workers, PATIENCE, move || {
        application(&service, &metrics, &in_flight)
    })
}

/// Serves the metrics on an address of their own, which no customer reaches (R66).
///
/// # Errors
/// Where the listener cannot be served.
pub fn serve_metrics(listener: TcpListener, metrics: Metrics) -> std::io::Result<Server> {
    server::serve(listener, 1, PATIENCE, move || {
        App::new()
            .app_data(Data::new(metrics.clone()))
            .route("/metrics", web::get().to(show_metrics))
    })
}

async fn show_metrics(metrics: Data<Metrics>) -> Result<HttpResponse, Problem> {
    let text = metrics.render().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).body(text))
}
