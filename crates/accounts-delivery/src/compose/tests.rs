//! Every letter in both languages, as a reader's software takes it apart.

use accounts_api::settings::Secret;
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::{EmailChangeId, MailId, NotificationId, ResetId, SendingId, SignUpId, VerificationId};
use accounts_domain::language::Language;
use accounts_domain::names::{NoticeSubject, NoticeText};
use accounts_store::Claim;
use chrono::{DateTime, Utc};
use mail_parser::MessageParser;

use super::*;

const NOW: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

fn mail_id() -> MailId {
    "mai_01h455vb4pex5vsknk084sn02q".parse().unwrap()
}

fn parts() -> (Sender, PublicUrl, Links) {
    let sender = "Example Hosting <accounts@provider.example>".parse().unwrap();
    let url = PublicUrl::parse("https://accounts.provider.example/area").unwrap();
    (sender, url, Links::new(Secret::new(&[7; 32]).unwrap()))
}

fn composer() -> Composer {
    let (sender, url, links) = parts();
    Composer::new(Look::default(), sender, url, links).unwrap()
}

#[expect(clippy::too_many_lines, reason = "one entry for each letter")]
fn letters(name: &str) -> Vec<Letter> {
    let (name, account) = (name.to_owned(), format!("{name} & Co"));
    let person = format!("{name} II");
    vec![
        Letter::ConfirmSignUp {
            sign_up: SignUpId::new(),
            name: name.clone(),
            account: account.clone(),
        },
        Letter::SignUpKnown { name: name.clone() },
        Letter::VerifyContact {
            verification: VerificationId::new(),
            name: name.clone(),
            account: account.clone(),
        },
        Letter::TakeOver {
            verification: VerificationId::new(),
            name: name.clone(),
            account: account.clone(),
        },
        Letter::AddressMoved {
            name: name.clone(),
            account: account.clone(),
        },
        Letter::ResetPassword {
            reset: ResetId::new(),
            name: name.clone(),
        },
        Letter::PasswordChanged { name: name.clone() },
        Letter::SessionEnded { name: name.clone() },
        Letter::NewDevice {
            name: name.clone(),
            device: "Firefox, Linux".to_owned(),
            network: "192.0.2.7".to_owned(),
            at: "2027-01-15 08:00".to_owned(),
        },
        Letter::SecondFactorSet { name: name.clone() },
        Letter::SecondFactorRemoved { name: name.clone() },
        Letter::RecoveryCodesMade { name: name.clone() },
        Letter::RecoveryCodeSpent {
            name: name.clone(),
            left: "9".to_owned(),
        },
        Letter::ConfirmEmailChange {
            email_change: EmailChangeId::new(),
            name: name.clone(),
        },
        Letter::EmailChangeKnown { name: name.clone() },
        Letter::EmailChanged {
            email_change: EmailChangeId::new(),
            name: name.clone(),
        },
        Letter::EmailChangeUndone { name: name.clone() },
        Letter::OwnershipOffered {
            name: name.clone(),
            account: account.clone(),
            owner: person.clone(),
        },
        Letter::OwnershipDeclined {
            name: name.clone(),
            account: account.clone(),
            contact: person.clone(),
        },
        Letter::MembershipEnded {
            name: name.clone(),
            account: account.clone(),
        },
        Letter::JoinRequested {
            name: name.clone(),
            account: account.clone(),
            person: person.clone(),
        },
        Letter::JoinAccepted {
            name: name.clone(),
            account: account.clone(),
        },
        Letter::JoinDeclined {
            name: name.clone(),
            asked: account.clone(),
        },
        Letter::MembershipSuspended {
            name: name.clone(),
            account: account.clone(),
        },
        Letter::OwnershipMoved {
            name: name.clone(),
            account: account.clone(),
            owner: person.clone(),
        },
        Letter::Invitation {
            sending: SendingId::new(),
            name: name.clone(),
            account: account.clone(),
            inviter: person.clone(),
            hours: 168,
        },
        Letter::Impersonated {
            name: name.clone(),
            minutes: "60".to_owned(),
            reason: account.clone(),
        },
        Letter::AccountKeyMade {
            name: name.clone(),
            account,
            key: person.clone(),
            prefix: "ak_live_01h455vb4pex5vsknk084sn02q".to_owned(),
        },
        Letter::UserKeyMade {
            name,
            key: person,
            prefix: "ak_live_01h455vb4pex5vsknk084sn02q".to_owned(),
        },
    ]
}

fn letter(section: &str) -> Letter {
    letters("Ana")
        .into_iter()
        .find(|letter| Outline::of(letter).section == section)
        .unwrap()
}

fn mail(letter: Letter, language: Language) -> ClaimedMail {
    ClaimedMail {
        claim: Claim {
            mail: mail_id(),
            until: NOW,
        },
        to: EmailAddress::parse("Ana.Lima+x@customer.example").unwrap(),
        language,
        letter,
        attempts: 1,
        created_at: NOW,
    }
}

struct Read {
    raw: String,
    subject: String,
    text: String,
    html: String,
    token: Option<String>,
}

/// The mail as it is read. Line breaks of the text are spaces here: where they are is a matter of
/// layout.
fn read(composer: &Composer, letter: Letter, language: Language) -> Read {
    let written = composer.compose(&mail(letter, language)).unwrap();
    let raw = written.message.formatted();
    let parsed = MessageParser::default().parse(&raw).unwrap();
    assert_eq!((parsed.text_body_count(), parsed.html_body_count()), (1, 1));
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Read {
        subject: parsed.subject().unwrap().to_owned(),
        text: in_one_line(&parsed.body_text(0).unwrap()),
        html: in_one_line(&parsed.body_html(0).unwrap()),
        token: written.token,
        raw: String::from_utf8(raw).unwrap(),
    }
}

fn headers<'a>(raw: &'a str, name: &str) -> Vec<&'a str> {
    let (head, _) = raw.split_once("\r\n\r\n").unwrap();
    head.lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .collect()
}

#[test]
fn every_letter_is_whole_in_both_languages_and_both_forms() {
    let composer = composer();
    for language in Language::ALL {
        for letter in letters("Ana Lima") {
            let outline = Outline::of(&letter);
            let (names, link) = (outline.names.clone(), outline.link.is_some());
            let read = read(&composer, letter.clone(), language);
            assert!(!read.subject.is_empty() && !read.subject.contains('{'), "{letter:?}");
            for part in [&read.text, &read.html] {
                assert!(part.contains("Example Hosting"), "{part}");
                for (key, name) in &names {
                    let escaped = name.replace('&', "&amp;");
                    assert!(part.contains(*name) || part.contains(&escaped), "{key}: {part}");
                }
                for left in ["{{", "}}", "{%", "undefined", "<p></p>"] {
                    assert!(!part.contains(left), "{left} in {part}");
                }
                assert_eq!(part.contains('#'), link || part.starts_with('<'), "{part}");
            }
            assert_eq!(read.token.is_some(), link);
            assert!(
                read.html
                    .starts_with(&format!("<!DOCTYPE html> <html lang=\"{language}\">"))
            );
            for foreign in ["<img", "<script", "<link", "src=", "url(", "@import"] {
                assert!(!read.html.contains(foreign), "{foreign} in {}", read.html);
            }
        }
    }
}

#[test]
fn a_link_leads_to_the_public_url_with_its_token_in_the_fragment_and_as_a_code() {
    let composer = composer();
    let cases = [
        ("confirm_sign_up", "/sign-up", "sgn_", "24 hours", "24 heures"),
        ("verify_contact", "/verify", "ver_", "72 hours", "72 heures"),
        ("take_over", "/verify", "ver_", "72 hours", "72 heures"),
        ("reset_password", "/reset", "rst_", "30 minutes", "30 minutes"),
        ("confirm_email_change", "/email-change", "emc_", "24 hours", "24 heures"),
        ("email_changed", "/email-undo", "emc_", "7 days", "7 jours"),
        ("invitation", "/invitation", "snd_", "7 days", "7 jours"),
    ];
    for (section, path, prefix, english, french) in cases {
        for (language, life) in [(Language::En, english), (Language::Fr, french)] {
            let letter = letter(section);
            let read = read(&composer, letter, language);
            let token = read.token.unwrap();
            assert!(token.starts_with(prefix), "{token}");
            let page = format!("https://accounts.provider.example/area{path}");
            let link = format!("{page}#token={token}");
            assert!(read.text.contains(&format!("{link} ")), "{}", read.text);
            assert!(read.text.contains(&format!(" {token} ")), "{}", read.text);
            let unescaped = read.html.replace("&#x2f;", "/");
            assert!(unescaped.contains(&format!("href=\"{link}\"")), "{unescaped}");
            assert!(unescaped.contains(&format!(">{token}<")), "{unescaped}");
            for part in [&read.text, &read.html] {
                assert!(part.replace('\u{a0}', " ").contains(life), "{part}");
            }
        }
    }
}

#[test]
fn an_invitation_says_how_long_it_was_made_for() {
    let composer = composer();
    for (hours, english, french) in [
        (1, "within 1 hour.", "pendant 1 heure."),
        (24, "within 24 hours.", "pendant 24 heures."),
        (36, "within 36 hours.", "pendant 36 heures."),
        (48, "within 2 days.", "pendant 2 jours."),
        (720, "within 30 days.", "pendant 30 jours."),
    ] {
        for (language, life) in [(Language::En, english), (Language::Fr, french)] {
            let mut letter = letter("invitation");
            if let Letter::Invitation { hours: given, .. } = &mut letter {
                *given = hours;
            }
            assert_eq!(link_life(&letter), Some(TimeDelta::hours(hours.into())));
            let text = read(&composer, letter, language).text.replace('\u{a0}', " ");
            assert!(text.contains(life), "{text}");
        }
    }
}

#[test]
fn the_words_say_how_long_links_really_live() {
    assert_eq!(SIGN_UP_LIFE, TimeDelta::hours(24));
    assert_eq!(VERIFICATION_LIFE, TimeDelta::hours(72));
    assert_eq!(RESET_LIFE, TimeDelta::minutes(30));
}

/// R48.
#[test]
fn what_a_person_wrote_is_shown_and_never_obeyed() {
    let composer = composer();
    let hostile = r#"<img src=x onerror="a()"> {{7*7}} {% if x %}"#;
    for language in Language::ALL {
        for letter in letters(hostile) {
            let read = read(&composer, letter, language);
            assert!(read.text.contains(hostile), "{}", read.text);
            assert!(
                read.html
                    .contains("&lt;img src=x onerror=&quot;a()&quot;&gt; {{7*7}} {% if x %}"),
                "{}",
                read.html
            );
            assert!(!read.html.contains("<img"));
            // A token may hold any two digits.
            let token = read.token.unwrap_or_default();
            for part in [&read.text, &read.html] {
                assert!(!part.replace(&token, "").contains("49"), "{part}");
            }
        }
    }
}

/// R46.
#[test]
fn no_name_makes_a_header_or_a_paragraph() {
    let composer = composer();
    for break_ in [
        "\r\nBcc: spy@evil.example\r\n\r\n",
        "\n\n",
        "\r",
        "\0",
        "\u{2028}",
        "\u{2029}",
        "\u{85}",
        "%0d%0a",
    ] {
        for letter in letters(&format!("Ana{break_}Bcc: spy@evil.example")) {
            let written = composer.compose(&mail(letter, Language::En)).unwrap();
            let raw = String::from_utf8(written.message.formatted()).unwrap();
            for name in ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version"] {
                assert_eq!(headers(&raw, name).len(), 1, "{name} in {raw}");
            }
            assert!(headers(&raw, "Bcc").is_empty(), "{raw}");
            assert_eq!(written.message.envelope().to().len(), 1);
            let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
            let text = parsed.body_text(0).unwrap();
            assert!(text.starts_with("Hello Ana"), "{text}");
            assert!(
                text.lines().next().unwrap().ends_with("Bcc: spy@evil.example,"),
                "{text}"
            );
        }
    }
}

#[test]
fn the_headers_are_those_of_an_automatic_message_and_the_same_at_each_try() {
    let letter = Letter::PasswordChanged {
        name: "Émile".to_owned(),
    };
    let first = read(&composer(), letter.clone(), Language::Fr);
    assert_eq!(
        headers(&first.raw, "From"),
        ["\"Example Hosting\" <accounts@provider.example>"]
    );
    assert_eq!(headers(&first.raw, "To"), ["Ana.Lima+x@customer.example"]);
    assert_eq!(headers(&first.raw, "Date"), ["Fri, 15 Jan 2027 08:00:00 +0000"]);
    assert_eq!(headers(&first.raw, "Auto-Submitted"), ["auto-generated"]);
    assert_eq!(headers(&first.raw, "Content-Language"), ["fr"]);
    let id = format!("<{}@accounts.provider.example>", mail_id());
    assert_eq!(headers(&first.raw, "Message-ID"), [id]);
    let second = read(&composer(), letter, Language::Fr);
    assert_eq!(headers(&first.raw, "Message-ID"), headers(&second.raw, "Message-ID"));
    assert!(first.raw.is_ascii());
    assert!(first.raw.lines().all(|line| line.len() <= 998));
}

#[test]
fn a_long_name_breaks_no_line_limit() {
    for letter in letters(&"é".repeat(100)) {
        let read = read(&composer(), letter, Language::Fr);
        assert!(read.raw.is_ascii());
        assert!(read.raw.lines().all(|line| line.len() <= 998));
    }
}

#[test]
fn the_host_of_a_url_has_no_port() {
    for (url, name) in [
        ("http://localhost:8080", "localhost"),
        ("https://a.example/x:1", "a.example"),
        ("http://[::1]:8080/x", "[::1]"),
        ("http://[::1]", "[::1]"),
    ] {
        assert_eq!(host(&PublicUrl::parse(url).unwrap()), name);
    }
}

#[test]
fn a_sender_is_one_address() {
    let sender: Sender = "accounts@provider.example".parse().unwrap();
    assert_eq!(sender.provider(), "provider.example");
    for text in [
        "",
        "provider",
        "a@b.example, c@d.example",
        "A\r\nBcc: x@y.example <a@b.example>",
    ] {
        assert_eq!(text.parse::<Sender>(), Err(InvalidSender), "{text:?}");
    }
}

#[test]
fn every_address_that_the_service_takes_can_be_written_to() {
    for address in [
        "a@b.example",
        "A.b-c_d+e@x-y.example",
        "o'neil@x.example",
        "a!#$%&*/=?^`{|}~@x.example",
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert!(address.as_str().parse::<lettre::Address>().is_ok(), "{address}");
    }
}

fn notice(may_unsubscribe: bool, said: Option<&str>) -> Notice {
    let words = said.map(|text| NoticeWords {
        subject: NoticeSubject::parse("{{ provider }} & <b>").unwrap(),
        text: NoticeText::parse(text).unwrap(),
    });
    Notice {
        to: EmailAddress::parse("Ana.Lima+x@customer.example").unwrap(),
        language: Language::En,
        name: "Ana".to_owned(),
        account: "Lima".to_owned(),
        category: "Invoices".to_owned(),
        words,
        may_unsubscribe,
    }
}

fn read_notice(composer: &Composer, notice: &Notice) -> (Composed, String, String) {
    let letter = Letter::Notice {
        notification: NotificationId::new(),
    };
    let written = composer.compose_notice(&mail(letter, Language::En), notice).unwrap();
    let raw = written.message.formatted();
    let parsed = MessageParser::default().parse(&raw).unwrap();
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    let both = (text.replace("\r\n", "\n"), html.into_owned());
    (written, both.0, both.1)
}

#[test]
fn what_the_provider_says_is_no_template_and_keeps_its_lines() {
    let said = "{{ 7*7 }} one\ntwo <b>\n\nthree";
    let (written, text, html) = read_notice(&composer(), &notice(false, Some(said)));
    assert!(text.contains(&format!("Hello Ana,\n\n{said}\n\n")), "{text}");
    assert!(html.contains("{{ 7*7 }} one<br>two &lt;b&gt;"), "{html}");
    assert!(text.contains("among the recipients of \"Invoices\""), "{text}");
    let raw = String::from_utf8(written.message.formatted()).unwrap();
    assert_eq!(headers(&raw, "Subject"), ["{{ provider }} & <b>"]);
    assert_eq!(written.token, None);
    assert!(headers(&raw, "List-Unsubscribe").is_empty());
}

#[test]
fn the_way_out_stands_in_the_headers_and_in_both_parts() {
    let (written, text, html) = read_notice(&composer(), &notice(true, Some("News.")));
    let token = written.token.unwrap();
    let url = format!("https://accounts.provider.example/area/unsubscribe/{token}");
    let raw = String::from_utf8(written.message.formatted()).unwrap();
    assert_eq!(headers(&raw, "List-Unsubscribe"), [format!("<{url}>")]);
    assert_eq!(headers(&raw, "List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
    assert!(text.contains(&url), "{text}");
    assert!(html.replace("&#x2f;", "/").contains(&url), "{html}");
}

#[test]
fn a_test_message_is_the_services_own() {
    let (_, text, html) = read_notice(&composer(), &notice(false, None));
    for part in [text, html] {
        assert!(part.contains("This is a test."), "{part}");
    }
}

#[test]
fn a_provider_has_its_own_words_and_picture() {
    let mut templates = Templates::default();
    let own = "[test_notice]\nsubject = \"Hear, hear: {{ category }}\"\n";
    templates.texts.insert(Language::En, toml::from_str(own).unwrap());
    templates
        .frames
        .insert(Form::Plain, "{{ greeting }} {{ provider }}".to_owned());
    let look = Look {
        templates,
        logo: Some("https://provider.example/logo.png".to_owned()),
    };
    let (sender, url, links) = parts();
    let composer = Composer::new(look, sender, url, links).unwrap();
    let (written, text, html) = read_notice(&composer, &notice(false, None));
    let raw = String::from_utf8(written.message.formatted()).unwrap();
    assert_eq!(headers(&raw, "Subject"), ["Hear, hear: Invoices"]);
    assert_eq!(text.trim(), "Hello Ana, Example Hosting");
    let html = html.replace("&#x2f;", "/");
    assert!(
        html.contains("<img src=\"https://provider.example/logo.png\""),
        "{html}"
    );
}
