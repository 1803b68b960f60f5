//! Accounts that go to somebody who becomes a contact by it: what is decided is what is loaded, and sound.

use accounts_domain::accounts::ProviderPatch;
use accounts_domain::actor::Actor;
use accounts_domain::change::Change;
use accounts_domain::ids::{ContactId, TransferId, UserId, VerificationId};
use accounts_domain::names::Reason;
use accounts_domain::ownership::TransferOwnership;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use accounts_domain::verification::SendVerification;
use accounts_domain::violation::Violation;
use accounts_store::{DecideError, Decision};

use super::given::{
    NewIds, Place, account, act, add, catalog, creation, hash, kept, moment, no_answer, place_with, roster, sound,
    system,
};

/// The address of the contact, and of the user beside it.
const BEA: &str = "bea@lima.example";

/// An account with a verified contact and, apart from it, a member who logs in with its address.
async fn apart(place: &Place) -> (NewIds, ContactId, UserId) {
    let (store, act) = (&place.store, system(moment(1)));
    let (ids, by) = (account(store, "ana@lima.example").await, act.by());
    let user = account(store, BEA).await.user;
    let (command, link) = (creation(BEA), VerificationId::new());
    let contact = command.id;
    add(store, ids.account, command, &act).await.unwrap();
    let send = SendVerification {
        id: link,
        contact,
        address: None,
    };
    let decide = move |roster: &Roster| roster.send_verification(by, &send);
    store.decide(ids.account, &act, decide, no_answer).await.unwrap();
    let proven = store.confirm_verification(link, UserId::new(), Some(hash("first")), &act, no_answer);
    proven.await.unwrap();
    let added = Change::MemberAdded {
        user,
        contact: None,
        permissions: Permissions::none(),
    };
    let decide = move |_: &Roster| Ok(vec![added.clone()]);
    store.decide(ids.account, &act, decide, no_answer).await.unwrap();
    (ids, contact, user)
}

async fn offer(place: &Place, ids: NewIds, to: ContactId) -> Result<(TransferId, Decision), DecideError> {
    let (id, act) = (TransferId::new(), act(Actor::User(ids.user), moment(2)));
    let (command, by) = (TransferOwnership { id, to }, act.by());
    let decide = move |roster: &Roster, known| roster.transfer_ownership(by, &command, known);
    let decided = place
        .store
        .decide_owner(ids.account, to, &act, decide, no_answer)
        .await?;
    Ok((id, decided))
}

/// The decision stands as it was made, and this user owns the account as that contact.
async fn stands(place: &Place, decision: &Decision, contact: ContactId, user: UserId) {
    let loaded = roster(&place.store, decision.after.account().id).await;
    assert_eq!(*decision.after, loaded);
    assert_eq!(loaded.owner(), contact);
    assert_eq!(loaded.member_of_contact(contact).unwrap().user, user);
    sound(&place.store, moment(9)).await;
}

#[tokio::test]
async fn an_offer_is_accepted_by_whoever_logs_in_with_the_address() {
    let place = place_with(&catalog("hosting"));
    let (ids, contact, user) = apart(&place).await;
    let (transfer, _) = offer(&place, ids, contact).await.unwrap();
    sound(&place.store, moment(3)).await;
    let act = act(Actor::User(user), moment(3));
    let by = act.by();
    let decide = move |roster: &Roster, found: &_, known| roster.accept_transfer(by, found, known);
    let answered = place
        .store
        .decide_transfer(ids.account, transfer, &act, decide, |_, _| kept(""));
    let (decision, _) = answered.await.unwrap();
    stands(&place, &decision, contact, user).await;
}

#[tokio::test]
async fn at_once_it_goes_to_whoever_logs_in_with_the_address() {
    let place = place_with(&catalog("telephony"));
    let (ids, contact, user) = apart(&place).await;
    let (_, decision) = offer(&place, ids, contact).await.unwrap();
    stands(&place, &decision, contact, user).await;
}

#[tokio::test]
async fn the_provider_gives_it_to_whoever_logs_in_with_the_address() {
    let place = place_with(&catalog("hosting"));
    let (ids, contact, user) = apart(&place).await;
    let act = system(moment(2));
    let (by, reason) = (act.by(), Reason::parse("The owner has left").unwrap());
    let patch = ProviderPatch {
        owner: Some(contact),
        ..ProviderPatch::default()
    };
    let store = &place.store;
    assert_eq!(
        store
            .successor(&roster(store, ids.account).await, contact)
            .await
            .unwrap(),
        Some(user)
    );
    let decide = move |roster: &Roster, known| roster.administer(by, &patch, known);
    let decided = store.decide_because(ids.account, Some(contact), reason, &act, decide, no_answer);
    stands(&place, &decided.await.unwrap(), contact, user).await;
}

#[tokio::test]
async fn where_contacts_log_in_the_address_says_nothing() {
    let place = place_with(&catalog("standard"));
    let (ids, contact, _) = apart(&place).await;
    let refused = offer(&place, ids, contact).await;
    assert!(matches!(
        refused,
        Err(DecideError::Refused(Violation::ContactHasNoLogin))
    ));
    let roster = roster(&place.store, ids.account).await;
    assert_eq!(place.store.successor(&roster, contact).await.unwrap(), None);
}
