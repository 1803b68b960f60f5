//! How a notice stands in the audit log.

use super::{Datum, Entry, Subject};
use crate::notifications::{Notification, Told};
use crate::recipients::Opener;

/// What a notice says and where it goes stands in the notice; whom it was queued for stands here.
pub(super) fn queued(notification: &Notification, told: &[Told]) -> Entry {
    let ids = |told: &Told| {
        let contact = told.recipient.contact.map(|contact| contact.to_string());
        contact.or_else(|| told.recipient.user.map(|user| user.to_string()))
    };
    Entry::new("notification.queued", Subject::Notification(notification.id))
        .word("category", &notification.category)
        .word("kind", notification.message.kind())
        .maybe("opened_by", notification.opened_by.map(Opener::id).as_ref())
        .word("step", notification.step.as_str())
        .with("recipients", Datum::Words(told.iter().filter_map(ids).collect()))
}
