//! Recovery codes as people keep them: `7h2k-…`, six groups of four out of the letters and digits that are not mistaken
//! for each other (Crockford's base 32).

use std::collections::BTreeSet;

use accounts_domain::second_factor::{RECOVERY_CODES, RecoveryHash};

use crate::tokens::{random_bytes, sha256_hex};

/// The letters, by their value.
const LETTERS: &str = "0123456789abcdefghjkmnpqrstvwxyz";

/// How many bytes of randomness a code has: 120 bits, so that nobody finds one from its hash.
const BYTES: usize = 15;

/// How many letters that makes, of five bits each.
const LENGTH: usize = 24;

/// How many letters stand together.
const GROUP: usize = 4;

/// New recovery codes, to be shown once.
pub(crate) struct NewCodes(Vec<String>);

impl NewCodes {
    /// Ten of them. Nothing where the machine has no randomness.
    pub(crate) fn generate() -> Option<Self> {
        let codes: Option<_> = (0..RECOVERY_CODES).map(|_| new_code()).collect();
        codes.map(Self)
    }

    /// What is stored of them.
    pub(crate) fn hashes(&self) -> BTreeSet<RecoveryHash> {
        self.0.iter().map(|code| hash(code)).collect()
    }

    /// The codes as they are shown.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.0.iter().map(|code| grouped(code)).collect()
    }
}

/// What a code that came in hashes to, however it is spelled: in capitals, without the dashes, with an O for a zero.
/// Nothing where it has not the form of one.
pub(crate) fn read(text: &str) -> Option<RecoveryHash> {
    let written = text.chars().filter(|letter| !matches!(letter, '-' | ' '));
    let code: String = written.map(meant).collect();
    let is_code = code.len() == LENGTH && code.chars().all(|letter| LETTERS.contains(letter));
    is_code.then(|| hash(&code))
}

fn meant(letter: char) -> char {
    match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    }
}

fn hash(code: &str) -> RecoveryHash {
    RecoveryHash(sha256_hex(code.as_bytes()))
}

fn new_code() -> Option<String> {
    let number = random_bytes::<BYTES>()?
        .iter()
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    (0..LENGTH)
        .map(|place| {
            let value = usize::try_from((number >> (5 * place)) & 31).ok()?;
            LETTERS.chars().nth(value)
        })
        .collect()
}

fn grouped(code: &str) -> String {
    let mut grouped = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, letter) in code.chars().enumerate() {
        if place > 0 && place.is_multiple_of(GROUP) {
            grouped.push('-');
        }
        grouped.push(letter);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_recognised_however_it_is_spelled() {
        let codes = NewCodes::generate().unwrap();
        let (shown, hashes) = (codes.shown(), codes.hashes());
        assert_eq!((shown.len(), hashes.len()), (RECOVERY_CODES, RECOVERY_CODES));
        for code in &shown {
            assert_eq!(code.len(), 29, "{code}");
            let spellings = [
                code.clone(),
                code.to_uppercase(),
                code.replace('-', ""),
                code.replace('-', " "),
                code.replace('0', "O").replace('1', "l"),
            ];
            for spelling in spellings {
                assert!(hashes.contains(&read(&spelling).unwrap()), "{spelling}");
            }
        }
    }

    #[test]
    fn what_is_cut_or_has_other_letters_is_none() {
        let code = NewCodes::generate().unwrap().shown().remove(0);
        for wrong in [&code[..28], &format!("{code}0"), "", &format!("u{}", &code[1..])] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn r_24_the_hash_does_not_hold_the_code() {
        let codes = NewCodes::generate().unwrap();
        assert!(codes.hashes().iter().all(|hash| hash.0.len() == 64));
    }
}
