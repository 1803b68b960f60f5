use std::net::IpAddr;

use uuid::Uuid;

use super::*;
use crate::given::NOW;

fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text).unwrap()
}

fn webhook(types: &[&str]) -> Webhook {
    Webhook {
        id: WebhookId::from_uuid(Uuid::from_u128(1)),
        integration: IntegrationId::from_uuid(Uuid::from_u128(2)),
        url: url("https://hooks.lima.example/in"),
        description: None,
        types: types.iter().map(|name| EventType::parse(name).unwrap()).collect(),
        secret: SealedSecret("first".to_owned()),
        former: None,
        disabled: None,
        failing_since: None,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

#[test]
fn r_68_no_url_leads_past_the_check() {
    for text in [
        "",
        "hooks.lima.example",
        "ftp://hooks.lima.example/",
        "https://",
        "https:///x",
        "https://user@hooks.lima.example/",
        "https://user:secret@hooks.lima.example/",
        "https://@hooks.lima.example/",
        "https://hooks.lima.example/#part",
        "https://hooks.lima.example:0/",
        "https://hooks.lima.example./",
        "https://hooks.lima.example\\@10.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://8.8.2056/",
        "https://134744072/",
        "https://hooks.lima.example/a b",
        "https://hooks.lima.example/\n",
        "https://ｈooks.lima.example/",
    ] {
        assert!(WebhookUrl::parse(text).is_err(), "{text}");
    }
    let long = format!("https://hooks.lima.example/{}", "a".repeat(2048));
    assert_eq!(WebhookUrl::parse(&long), Err(ValueFault::TooLong { max: 2048 }));
}

#[test]
fn r_68_only_what_anybody_reaches_is_reached() {
    for text in [
        "https://hooks.lima.example/",
        "https://hooks.lima.example:8443/in?key=1",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
    ] {
        assert!(url(text).is_within(Reach::Public), "{text}");
    }
    for text in [
        "http://hooks.lima.example/",
        "https://hooks.lima.example:25/",
        "https://localhost/",
        "https://a.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
    ] {
        assert!(!url(text).is_within(Reach::Public), "{text}");
        assert!(url(text).is_within(Reach::Anywhere), "{text}");
    }
}

#[test]
fn r_68_addresses_that_are_nobodys_business() {
    for text in [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "5f00::1",
    ] {
        assert!(!is_public(text.parse::<IpAddr>().unwrap()), "{text}");
    }
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "172.32.0.1",
        "193.0.0.1",
        "223.255.255.254",
        "2606:4700::1111",
        "2a01::1",
    ] {
        assert!(is_public(text.parse::<IpAddr>().unwrap()), "{text}");
    }
}

#[test]
fn a_url_is_taken_apart_and_hides_its_path() {
    let url = url("https://hooks.lima.example:8443/in/s3cret?key=1");
    assert_eq!(
        (url.host().as_str(), url.port(), url.path().as_str()),
        ("hooks.lima.example", 8443, "/in/s3cret?key=1")
    );
    assert_eq!(url.authority(), "hooks.lima.example:8443");
    assert!(!format!("{url:?}").contains("s3cret"));
    assert_eq!(
        super::WebhookUrl::parse("https://[2606:4700::1111]/").unwrap().host(),
        "2606:4700::1111"
    );
}

#[test]
fn a_webhook_is_told_of_what_it_names_and_without_names_of_all() {
    assert!(webhook(&[]).wants("contact.added"));
    let named = webhook(&["contact.added", "owner.moved"]);
    assert!(named.wants("owner.moved") && !named.wants("contact.removed"));
    let changes = named.disable(DisabledReason::Gone);
    let disabled = named.after(&changes, NOW);
    assert!(!disabled.wants("owner.moved"));
    assert!(disabled.disable(DisabledReason::Failing).is_empty());
    for name in [
        "",
        "contact",
        "Contact.added",
        "contact.",
        ".added",
        "contact added",
        "contact.1",
    ] {
        assert!(EventType::parse(name).is_err(), "{name}");
    }
}

#[test]
fn what_is_so_already_changes_nothing() {
    let hook = webhook(&["contact.added"]);
    let same = WebhookPatch {
        url: Some(hook.url.clone()),
        description: Some(None),
        types: Some(hook.types.clone()),
        enabled: Some(true),
    };
    assert!(hook.change(&same).is_empty());
    let other = WebhookPatch {
        url: Some(url("https://other.lima.example/")),
        description: Some(Some(WebhookDescription::parse("Billing").unwrap())),
        types: Some(BTreeSet::new()),
        enabled: Some(false),
    };
    let changes = hook.change(&other);
    assert_eq!(changes.len(), 4);
    let after = hook.after(&changes, NOW);
    assert_eq!(
        (after.url.host().as_str(), after.types.len(), after.version),
        ("other.lima.example", 0, 2)
    );
    assert_eq!(after.disabled, Some((NOW, DisabledReason::ByIntegration)));
}

#[test]
fn after_a_rotation_both_secrets_sign_for_a_day() {
    let hook = webhook(&[]);
    let second = SealedSecret("second".to_owned());
    let changes = hook.rotate(&second, NOW);
    let rotated = hook.after(&changes, NOW);
    let first = SealedSecret("first".to_owned());
    assert_eq!(rotated.secret, second);
    assert_eq!(rotated.former_secret(NOW + TimeDelta::hours(23)), Some(&first));
    assert_eq!(rotated.former_secret(NOW + TimeDelta::hours(24)), None);
    let changes = rotated.rotate(&SealedSecret("third".to_owned()), NOW);
    assert_eq!(rotated.after(&changes, NOW).former_secret(NOW), Some(&second));
}

#[test]
fn a_failure_speaks_for_the_address_where_it_happened_alone() {
    let mut hook = webhook(&[]);
    hook.failing_since = Some(NOW);
    let failed = |address: &str, gone, at| FailedTry {
        url: url(address),
        gone,
        began_at: NOW,
        at,
    };
    let (here, before) = ("https://hooks.lima.example/in", "https://former.lima.example/");
    let disabled = |reason| vec![WebhookChange::Disabled { reason }];
    let end = NOW + PATIENCE;
    assert_eq!(hook.after_failure(&failed(here, false, NOW)), []);
    assert_eq!(
        hook.after_failure(&failed(here, true, NOW)),
        disabled(DisabledReason::Gone)
    );
    assert_eq!(
        hook.after_failure(&failed(here, false, end)),
        disabled(DisabledReason::Failing)
    );
    assert_eq!(hook.after_failure(&failed(before, true, end)), []);
    assert_eq!(hook.after_failure(&failed(before, false, end)), []);
}

#[test]
fn what_is_asked_for_by_hand_begins_after_the_webhook_was_disabled() {
    let mut hook = webhook(&[]);
    assert_eq!(hook.begins_by_hand(NOW), NOW);
    hook.disabled = Some((NOW, DisabledReason::Gone));
    assert!(hook.begins_by_hand(NOW) > NOW);
    assert!(hook.begins_by_hand(NOW - TimeDelta::seconds(1)) > NOW);
    let later = NOW + TimeDelta::seconds(1);
    assert_eq!(hook.begins_by_hand(later), later);
}

#[test]
fn r_51_an_integration_has_so_many_webhooks_and_no_more() {
    assert_eq!(Webhook::admit(WEBHOOKS - 1), Ok(()));
    assert_eq!(
        Webhook::admit(WEBHOOKS),
        Err(Violation::WebhookLimitReached { limit: WEBHOOKS })
    );
}

#[test]
fn the_waits_grow_with_some_chance_in_them_and_end_after_three_days() {
    let wait = |attempts, dice| next_attempt(NOW, attempts, NOW, dice).unwrap() - NOW;
    assert_eq!(wait(1, 20), TimeDelta::seconds(5));
    assert_eq!(wait(2, 0), TimeDelta::seconds(48));
    assert_eq!(wait(2, 40), TimeDelta::seconds(72));
    assert_eq!(wait(100, 20), TimeDelta::hours(12));
    for dice in [0, 20, 40, u64::MAX] {
        let (mut at, mut attempts) = (NOW, 1);
        while let Some(next) = next_attempt(NOW, attempts, at, dice) {
            assert!(at < next);
            (at, attempts) = (next, attempts + 1);
        }
        assert!(
            at < NOW + PATIENCE && NOW + PATIENCE - at < TimeDelta::hours(15),
            "{at}"
        );
        assert!((10..16).contains(&attempts), "{attempts}");
    }
}

#[test]
fn a_webhook_is_hopeless_after_three_days_of_nothing_but_failures() {
    let mut hook = webhook(&[]);
    let end = NOW + PATIENCE;
    assert!(!hook.is_hopeless(NOW, end));
    hook.failing_since = Some(NOW);
    assert!(!hook.is_hopeless(NOW, end - TimeDelta::seconds(1)));
    assert!(hook.is_hopeless(NOW, end));
    // The first failure after three quiet days is the beginning of its tries, and not the end of them.
    assert!(!hook.is_hopeless(end, end));
    assert!(hook.is_hopeless(end - TRIED_FOR, end));
    let url = WebhookUrl::parse("https://elsewhere.lima.example/").unwrap();
    let moved = hook.clone().after(&[WebhookChange::UrlChanged { url }], NOW);
    assert_eq!(moved.failing_since, None);
    let mut disabled = hook.after(
        &[WebhookChange::Disabled {
            reason: DisabledReason::Failing,
        }],
        NOW,
    );
    assert!(disabled.failing_since.is_some());
    let changes = disabled.change(&WebhookPatch {
        enabled: Some(true),
        ..WebhookPatch::default()
    });
    disabled = disabled.after(&changes, NOW);
    assert_eq!((disabled.failing_since, disabled.disabled), (None, None));
}

#[test]
fn every_reason_leads_back() {
    for reason in DisabledReason::ALL {
        assert_eq!(DisabledReason::from_name(reason.as_str()), Some(reason));
    }
}
