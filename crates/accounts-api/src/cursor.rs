//! Cursors: where a list goes on, opaque to clients and sealed.
//!
//! A cursor holds the sort values of the last entry and a seal over them, the list's path and its
//! filters. It opens for that list with those filters only, and what it holds is typed when it is
//! read: nothing in it reaches a query unchecked, and nobody can make one up.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::settings::Secret;

/// How much of the seal a cursor carries: 128 bits.
const SEAL: usize = 16;

/// No cursor is longer: its values are a name of at most a hundred characters and an id.
pub(crate) const LONGEST: usize = 2_048;

/// What a cursor is bound to.
#[derive(Debug, Clone)]
pub(crate) struct Binding(String);

impl Binding {
    /// A list, by its path, with its filters.
    pub(crate) fn new(path: &str, filters: &[(&str, &str)]) -> Self {
        // As JSON, so that no name and value can pose as others.
        Self(serde_json::to_string(&(path, filters)).unwrap_or_default())
    }

    fn seal(&self, secret: &Secret, values: &[u8]) -> Vec<u8> {
        let list = digest::digest(&digest::SHA256, self.0.as_bytes());
        let sealed = [b"cursor\0", list.as_ref(), values].concat();
        secret.seal(&sealed).into_iter().take(SEAL).collect()
    }
}

/// The cursor that goes on after these values.
pub(crate) fn write<C: Serialize>(secret: &Secret, binding: &Binding, after: &C) -> Option<String> {
    let values = serde_json::to_vec(after).ok()?;
    let seal = binding.seal(secret, &values);
    Some(URL_SAFE_NO_PAD.encode([seal, values].concat()))
}

/// The values of a cursor; `None` where it is not one of this list with these filters.
pub(crate) fn read<C: DeserializeOwned>(secret: &Secret, binding: &Binding, text: &str) -> Option<C> {
    if text.len() > LONGEST {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (seal, values) = bytes.split_at_checked(SEAL)?;
    let right = binding.seal(secret, values);
    aws_lc_rs::constant_time::verify_slices_are_equal(&right, seal).ok()?;
    serde_json::from_slice(values).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new(&[7; 32]).unwrap()
    }

    #[test]
    fn a_cursor_opens_for_its_list_with_its_filters_only() {
        let list = Binding::new("/v1/accounts/acc_1/contacts", &[("role", "billing")]);
        let after = ("émile".to_owned(), 7_i64);
        let text = write(&secret(), &list, &after).unwrap();
        assert_eq!(read::<(String, i64)>(&secret(), &list, &text), Some(after));
        for other in [
            Binding::new("/v1/accounts/acc_2/contacts", &[("role", "billing")]),
            Binding::new("/v1/accounts/acc_1/contacts", &[("role", "technical")]),
            Binding::new("/v1/accounts/acc_1/contacts", &[]),
        ] {
            assert_eq!(read::<(String, i64)>(&secret(), &other, &text), None);
        }
        assert_eq!(
            read::<(String, i64)>(&Secret::new(&[8; 32]).unwrap(), &list, &text),
            None
        );
        assert_eq!(read::<(i64, i64)>(&secret(), &list, &text), None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let list = Binding::new("/v1/things", &[]);
        let text = write(&secret(), &list, &1).unwrap();
        let long = "A".repeat(5_000);
        let changed = text.replace(|c: char| c == text.chars().last().unwrap(), "-");
        let cut = &text[..text.len() - 1];
        for wrong in ["", "a", "====", "null", "%00", &long, &changed, cut] {
            assert_eq!(read::<i64>(&secret(), &list, wrong), None, "{wrong}");
        }
    }
}
