//! Contacts as cards (vCard 4.0, RFC 6350).

use accounts_domain::phone::{Phone, PhoneKind};
use accounts_domain::roster::{Contact, Roster};
use calcard::vcard::{
    VCard, VCardEntry, VCardParameter, VCardProperty, VCardType, VCardValue, VCardValueType, VCardVersion,
};

use crate::problem::Problem;

/// The media type of cards.
pub(super) const MEDIA_TYPE: &str = "text/vcard; charset=utf-8";

/// The cards of these contacts, one after the other.
///
/// # Errors
/// 500; a text takes all that is written.
pub(super) fn text(roster: &Roster, contacts: &[&Contact]) -> Result<String, Problem> {
    let mut text = String::new();
    for contact in contacts {
        let written = card(roster, contact).write_to(&mut text, VCardVersion::V4_0);
        written.map_err(Problem::internal)?;
    }
    Ok(text)
}

fn card(roster: &Roster, contact: &Contact) -> VCard {
    let profile = &contact.profile;
    let mut entries = vec![
        entry(VCardProperty::Uid, &contact.id).with_param(VCardParameter::value(VCardValueType::Text)),
        entry(VCardProperty::Fn, &profile.display_name),
    ];
    if profile.first_name.is_some() || profile.last_name.is_some() {
        let part = |name: Option<&dyn ToString>| VCardValue::Text(name.map(ToString::to_string).unwrap_or_default());
        let last = profile.last_name.as_ref().map(|name| -> &dyn ToString { name });
        let first = profile.first_name.as_ref().map(|name| -> &dyn ToString { name });
        // Family name, given name, further names, titles before and after.
        let values = [last, first, None, None, None].map(part);
        entries.push(VCardEntry::new(VCardProperty::N).with_values(values.into()));
    }
    let preferred = VCardParameter::pref(1);
    entries.push(entry(VCardProperty::Email, &contact.address.email).with_param(preferred));
    let more = contact.more_addresses.values();
    entries.extend(more.map(|address| entry(VCardProperty::Email, &address.email)));
    entries.extend(profile.phones.iter().map(telephone));
    entries.extend(profile.title.as_ref().map(|title| entry(VCardProperty::Title, title)));
    entries.push(entry(VCardProperty::Org, &roster.account().profile.name));
    entries.push(entry(VCardProperty::Lang, &profile.language));
    let roles: Vec<VCardValue> = roster.roles_of(contact.id).iter().map(value).collect();
    if !roles.is_empty() {
        entries.push(VCardEntry::new(VCardProperty::Categories).with_values(roles));
    }
    VCard { entries }
}

fn entry(property: VCardProperty, text: &impl ToString) -> VCardEntry {
    VCardEntry::new(property).with_value(value(text))
}

fn value(text: &impl ToString) -> VCardValue {
    VCardValue::Text(text.to_string())
}

fn telephone(phone: &Phone) -> VCardEntry {
    let kind = match phone.kind {
        PhoneKind::Mobile => VCardType::Cell,
        PhoneKind::Fax => VCardType::Fax,
        PhoneKind::Landline | PhoneKind::Other => VCardType::Voice,
    };
    // RFC 6350 section 6.4.1: a number that can be called from everywhere is an address of the scheme `tel`.
    entry(VCardProperty::Tel, &format!("tel:{}", phone.number))
        .with_param(VCardParameter::value(VCardValueType::Uri))
        .with_param(VCardParameter::typ(kind))
}
