//! How a review of an account stands in its audit log.

use super::{Datum, Entry, PersonalValue, Subject};
use crate::actor::Actor;
use crate::review::Review;

/// The event of a review. What its person had to say about it is that person's.
pub(super) fn reviewed(account: Subject, review: &Review, actor: Actor) -> Entry {
    let person = review.contact.map(Subject::Contact);
    let of = person.or(actor.user().map(Subject::User)).unwrap_or(account);
    let codes = review.findings.iter().map(|finding| finding.code.as_str().to_owned());
    Entry::new("account.reviewed", account)
        .word("review", &review.id)
        .with("findings", Datum::Words(codes.collect()))
        .moment("due_at", Some(review.due_at))
        .fields(vec![PersonalValue {
            of,
            field: "note",
            before: None,
            after: review.note.as_ref().map(ToString::to_string),
        }])
}
