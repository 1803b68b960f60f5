//! What is decided of invitations is what is read afterwards, and what nobody asks for any more goes.

use accounts_domain::actor::{Actor, By};
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{AccountId, InvitationId, SendingId, UserId};
use accounts_domain::invitations::{InvitationLife, InvitationOutcome, Invite, ResendInvitation};
use accounts_domain::language::Language;
use accounts_domain::names::DisplayName;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::Roster;
use accounts_domain::violation::Violation;
use accounts_store::{
    Act, DecideError, Decision, INVITATIONS_REMEMBERED_FOR, InvitationAnswer, InvitationFilter, InviteEntry, Joining,
    Retention, Store,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::given::{account, act, hash, kept, moment, place, roster, sound, system};

fn invite(address: &str) -> Invite {
    Invite {
        id: InvitationId::new(),
        sending: SendingId::new(),
        address: EmailAddress::parse(address).unwrap(),
        display_name: DisplayName::parse("Bea").ok(),
        language: Language::Fr,
        permissions: Permissions::All,
        contact: None,
        life: InvitationLife::of_hours(24).unwrap(),
        by_name: None,
    }
}

async fn sent(store: &Store, account: AccountId, command: Invite, act: &Act) -> Result<Decision, DecideError> {
    let entry = InviteEntry {
        command,
        throttles: Vec::new(),
    };
    let refused = |invited: &accounts_store::Invited| invited[0].as_ref().err().cloned();
    let sent = store
        .invite(account, vec![entry], refused, act, |_, _| kept("sent"))
        .await;
    let (decision, _) = sent?;
    assert_eq!(*decision.after, roster(store, account).await);
    Ok(decision)
}

async fn resent(store: &Store, account: AccountId, id: InvitationId, at: DateTime<Utc>) -> Decision {
    let by = By {
        actor: Actor::System,
        at,
    };
    let command = ResendInvitation {
        sending: SendingId::new(),
        by_name: None,
    };
    let decide = move |roster: &Roster, record: &_, known| roster.resend_invitation(by, record, &command, known);
    let act = system(at);
    let decided = store.decide_invitation(account, id, |_| Vec::new(), &act, decide, |_, _| kept("resent"));
    decided.await.unwrap().0
}

#[tokio::test]
async fn what_was_decided_is_what_is_read() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let by_ana = |minute| act(Actor::User(ids.user), moment(minute));
    let command = invite("bea@lima.example");
    let id = command.id;
    sent(store, ids.account, command, &by_ana(1)).await.unwrap();
    let told = store.invitation(ids.account, id).await.unwrap().unwrap();
    assert_eq!(told.inviter_name.as_ref().map(DisplayName::as_str), Some("Ana"));
    assert_eq!(told.ended, None);

    let decision = resent(store, ids.account, id, moment(3)).await;
    assert_eq!(*decision.after, roster(store, ids.account).await);
    let target = store.invitation_target(told.invitation.sending).await.unwrap();
    assert!(target.is_none(), "the link before is dead");
    let told = store.invitation(ids.account, id).await.unwrap().unwrap();
    let sending = told.invitation.sending;
    assert!(store.invitation_target(sending).await.unwrap().unwrap().user.is_none());

    let user = UserId::new();
    let joining = Joining::New {
        user,
        display_name: DisplayName::parse("Beatriz").unwrap(),
        hash: hash("chosen"),
    };
    let link = act(Actor::Link, moment(4));
    let (decision, record) = store
        .join(sending, joining.clone(), &link, |_, _| kept("joined"))
        .await
        .unwrap();
    assert_eq!(*decision.after, roster(store, ids.account).await);
    assert_eq!(record.ended, Some((InvitationOutcome::Accepted, moment(4))));
    let bea = store
        .user_by_address("bea@lima.example".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((bea.id, bea.language), (user, Language::Fr));
    // Once more, with the log-in that there is now.
    let known = Joining::Known {
        checked: hash("chosen"),
    };
    let again = store.join(sending, known, &link, |_, _| kept("")).await;
    let outcome = InvitationOutcome::Accepted;
    assert!(matches!(
        again,
        Err(DecideError::Refused(Violation::InvitationEnded { outcome: told })) if told == outcome
    ));
    sound(store, moment(5)).await;
}

#[tokio::test]
async fn a_password_that_has_changed_since_it_was_checked_lets_nobody_in() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    account(store, "eve@lima.example").await;
    let command = invite("eve@lima.example");
    let sending = command.sending;
    sent(store, ids.account, command, &system(moment(1))).await.unwrap();
    let joining = Joining::Known { checked: hash("older") };
    let refused = store
        .join(sending, joining, &act(Actor::Link, moment(2)), |_, _| kept(""))
        .await;
    assert!(matches!(refused, Err(DecideError::Refused(Violation::WrongPassword))));
}

#[tokio::test]
async fn only_the_user_of_the_address_answers() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let eve = account(store, "eve@lima.example").await;
    let command = invite("eve@lima.example");
    let id = command.id;
    sent(store, ids.account, command, &system(moment(1))).await.unwrap();
    let answer = |user: UserId| {
        let act = act(Actor::User(user), moment(2));
        async move {
            store
                .answer_invitation(id, user, InvitationAnswer::Accept, &act, |_, _| kept(""))
                .await
        }
    };
    assert!(matches!(
        answer(ids.user).await,
        Err(DecideError::Refused(Violation::NotFound))
    ));
    let waiting = store.invitations_to(eve.user, None, 10, moment(2)).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let (decision, _) = answer(eve.user).await.unwrap();
    assert_eq!(*decision.after, roster(store, ids.account).await);
    assert!(
        store
            .invitations_to(eve.user, None, 10, moment(2))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_invitation_whose_inviter_leaves_is_revoked_with_it() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let bea = invite("bea@lima.example");
    sent(store, ids.account, bea.clone(), &system(moment(1))).await.unwrap();
    let joining = Joining::New {
        user: UserId::new(),
        display_name: DisplayName::parse("Bea").unwrap(),
        hash: hash("chosen"),
    };
    let link = act(Actor::Link, moment(2));
    let (decision, _) = store.join(bea.sending, joining, &link, |_, _| kept("")).await.unwrap();
    let member = decision
        .after
        .members()
        .find(|member| member.user != ids.user)
        .unwrap()
        .user;
    let cem = invite("cem@lima.example");
    let id = cem.id;
    sent(store, ids.account, cem, &act(Actor::User(member), moment(3)))
        .await
        .unwrap();
    let leaves = move |_: &Roster| {
        Ok(vec![accounts_domain::change::Change::MemberRemoved {
            user: member,
            contact: None,
        }])
    };
    let decision = store
        .decide(ids.account, &system(moment(4)), leaves, |_| kept(""))
        .await
        .unwrap();
    assert_eq!(decision.changes.len(), 2);
    assert_eq!(*decision.after, roster(store, ids.account).await);
    let record = store.invitation(ids.account, id).await.unwrap().unwrap();
    assert_eq!(record.ended, Some((InvitationOutcome::Revoked, moment(4))));
    let filter = InvitationFilter {
        pending: false,
        outcomes: vec![InvitationOutcome::Revoked],
        groundless: decision.after.groundless_invitations(moment(5)),
        at: moment(5),
    };
    let listed = store.invitations(ids.account, Some(filter), None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    sound(store, moment(5)).await;
}

#[tokio::test]
async fn invitations_are_forgotten_long_after_their_end() {
    let place = place();
    let store = &place.store;
    let ids = account(store, "ana@lima.example").await;
    let command = invite("bea@lima.example");
    let id = command.id;
    sent(store, ids.account, command, &system(moment(1))).await.unwrap();
    let forgotten = moment(1) + TimeDelta::hours(24) + INVITATIONS_REMEMBERED_FOR;
    while store
        .purge(forgotten - TimeDelta::microseconds(1), Retention::default(), 100)
        .await
        .unwrap()
        > 0
    {}
    assert!(store.invitation(ids.account, id).await.unwrap().is_some());
    while store.purge(forgotten, Retention::default(), 100).await.unwrap() > 0 {}
    assert!(store.invitation(ids.account, id).await.unwrap().is_none());
    sound(store, forgotten).await;
}
