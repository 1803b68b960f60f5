//! Erasing takes what was personal out of the record, and leaves the record.

use accounts_domain::ids::VerificationId;
use accounts_domain::verification::SendVerification;
use accounts_store::{AuditEvent, AuditFilter, Store};

use super::given::{NewIds, account, add, creation, moment, no_answer, place, roster, sound, system};

async fn events(store: &Store, ids: NewIds) -> Vec<AuditEvent> {
    store
        .audit_events(ids.account, AuditFilter::default(), None, 100)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_events_of_an_erased_contact_stay_without_the_person() {
    let place = place();
    let ids = account(&place.store, "ana@lima.example").await;
    let (command, act) = (creation("bea@lima.example"), system(moment(1)));
    let (contact, by) = (command.id, act.by());
    add(&place.store, ids.account, command, &act).await.unwrap();
    let send = SendVerification {
        id: VerificationId::new(),
        contact,
        address: None,
    };
    let decide = move |roster: &accounts_domain::roster::Roster| roster.send_verification(by, &send);
    place.store.decide(ids.account, &act, decide, no_answer).await.unwrap();
    assert_eq!(place.store.mails_waiting().await.unwrap(), 2);
    let before = events(&place.store, ids).await;
    let of_bea = |event: &&AuditEvent| event.subject_id == contact.to_string();
    let told: Vec<_> = before.iter().filter(of_bea).flat_map(|event| &event.values).collect();
    assert!(told.iter().any(|value| value.after.as_deref() == Some("Bea")));
    assert!(
        told.iter()
            .any(|value| value.after.as_deref() == Some("bea@lima.example"))
    );

    let erase = move |roster: &accounts_domain::roster::Roster| roster.erase_contact(by, contact);
    place.store.decide(ids.account, &act, erase, no_answer).await.unwrap();
    assert!(roster(&place.store, ids.account).await.contact(contact).is_err());
    // The mail to the owner is none of the contact's.
    assert_eq!(place.store.mails_waiting().await.unwrap(), 1);
    let after = events(&place.store, ids).await;
    assert_eq!(after[0].kind, "contact.erased");
    assert_eq!(
        after[1..].iter().map(|event| &event.id).collect::<Vec<_>>(),
        before.iter().map(|event| &event.id).collect::<Vec<_>>()
    );
    for event in after.iter().filter(of_bea) {
        assert!(
            event
                .values
                .iter()
                .all(|value| value.before.is_none() && value.after.is_none()),
            "{event:?}"
        );
    }
    let opened = after.iter().find(|event| event.kind == "account.opened").unwrap();
    assert!(opened.values.iter().any(|value| value.after.as_deref() == Some("Lima")));
    let whole = format!("{after:?}");
    assert!(!whole.contains("Bea") && !whole.contains("bea@lima.example"), "{whole}");
    sound(&place.store, moment(2)).await;
}
