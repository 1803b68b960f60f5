//! Which passwords may be chosen, and which hashes of passwords may come from elsewhere.

use std::sync::LazyLock;

use thiserror::Error;

use crate::users::PasswordHash;

/// Passwords that everybody tries first, sorted by their bytes. `passwords/common.LICENSE.txt` says where they are from.
static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("passwords/common.txt").lines().collect());

/// The name of the product, which is a word of every password that is made up in a hurry.
const PRODUCT: &str = "accounts";

/// A word that is shorter says nothing about where it comes from.
const SHORTEST_WORD: usize = 3;

/// How many letters and digits there must be beside the words that everybody knows of the person.
const LEAST_BESIDE: usize = 5;

/// Whether a password is one that is tried before any other (R04): one of the common ones, or nothing but words that
/// are known of the person, and of the service, with a few characters around them. `known` are the mail address, the
/// person's names and the names of the accounts, whole.
pub fn is_common(password: &str, known: &[String]) -> bool {
    let lower = password.to_lowercase();
    let plain = skeleton(&lower);
    if is_listed(&lower) || is_listed(&plain) {
        return true;
    }
    let mut rest = plain.clone();
    for word in words(known) {
        rest = rest.replace(&word, "");
    }
    rest != plain && (rest.chars().count() < LEAST_BESIDE || is_listed(&rest))
}

fn is_listed(word: &str) -> bool {
    COMMON.binary_search(&word).is_ok()
}

/// The letters and digits of a text: dots, blanks and dashes make no other password of it.
fn skeleton(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}

/// What is known, whole and in its words, the longest first, so that no part hides the whole.
fn words(known: &[String]) -> Vec<String> {
    let texts = known.iter().map(String::as_str).chain([PRODUCT]);
    let pieces = texts.flat_map(|text| {
        let parts = text.split(|character: char| !character.is_alphanumeric());
        let halves = text.rsplit('@');
        parts.chain(halves).chain([text])
    });
    let mut words: Vec<String> = pieces.map(|piece| skeleton(&piece.to_lowercase())).collect();
    words.retain(|word| word.chars().count() >= SHORTEST_WORD);
    words.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    words.dedup();
    words
}

/// What hashes made here say of their parameters (R07).
pub const PRESENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// The greatest product of memory in KiB and passes that a log-in may cost with argon2id: seven times the present one.
const MOST_ARGON: u64 = 1 << 18;
/// The greatest memory that a log-in may take with argon2id, in KiB.
const MOST_MEMORY: u64 = 1 << 17;
/// The greatest cost of bcrypt: a quarter of a second.
const MOST_BCRYPT: u64 = 12;
/// The greatest product of N, r and p of scrypt: 128 MiB, and half a second.
const MOST_SCRYPT: u64 = 1 << 20;

/// Why a hash from elsewhere is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HashFault {
    /// It is of none of the forms that can be checked.
    #[error("it is not a hash of argon2id or scrypt in PHC form, or of bcrypt")]
    Form,
    /// A log-in with it would cost too much of the machine (R09).
    #[error("its parameters cost more than a log-in may")]
    TooCostly,
}

impl PasswordHash {
    /// Takes a hash that another system made: argon2id or scrypt in PHC form, or bcrypt, with parameters within bounds.
    ///
    /// # Errors
    /// [`HashFault`].
    pub fn imported(text: &str) -> Result<Self, HashFault> {
        let parts: Vec<&str> = text.split('$').collect();
        match parts.as_slice() {
            ["", "argon2id", "v=19", parameters, salt, hash] => {
                phc(salt, hash)?;
                let [memory, passes, lanes] = numbers(parameters, ["m", "t", "p"])?;
                let sound = passes >= 1 && (1..=16).contains(&lanes) && memory >= 8 * lanes;
                bounded(sound, memory <= MOST_MEMORY && cost([memory, passes]) <= MOST_ARGON)?;
            }
            ["", "scrypt", parameters, salt, hash] => {
                phc(salt, hash)?;
                let [log_n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
                let sound = log_n >= 1 && r >= 1 && p >= 1;
                let n = u32::try_from(log_n).ok().and_then(|log_n| 1_u64.checked_shl(log_n));
                bounded(sound, cost([n.unwrap_or(u64::MAX), r, p]) <= MOST_SCRYPT)?;
            }
            ["", "2a" | "2b" | "2y", rounds, rest] => {
                let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
                let sound = rest.len() == 53 && rest.bytes().all(letters) && rounds.len() == 2;
                let rounds: u64 = rounds.parse().map_err(|_| HashFault::Form)?;
                bounded(sound && rounds >= 4, rounds <= MOST_BCRYPT)?;
            }
            _ => return Err(HashFault::Form),
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it has the parameters of today. One that has not is made anew once its password is at hand (R08).
    pub fn is_present(&self) -> bool {
        self.0.starts_with(PRESENT)
    }
}

fn bounded(sound: bool, cheap: bool) -> Result<(), HashFault> {
    if !sound {
        return Err(HashFault::Form);
    }
    if cheap { Ok(()) } else { Err(HashFault::TooCostly) }
}

fn cost<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

/// Salt and hash in the base64 of PHC strings: without padding, 8 to 48 bytes and 16 to 64.
fn phc(salt: &str, hash: &str) -> Result<(), HashFault> {
    let is_base64 = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    let fits = (11..=64).contains(&salt.len()) && (22..=86).contains(&hash.len());
    let fits = fits && salt.len() % 4 != 1 && hash.len() % 4 != 1 && is_base64(salt) && is_base64(hash);
    if fits { Ok(()) } else { Err(HashFault::Form) }
}

/// The numbers of these names, in this order and no others: `m=19456,t=2,p=1`.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Result<[u64; N], HashFault> {
    let mut parts = text.split(',');
    let mut found = [0; N];
    for (name, place) in names.iter().zip(&mut found) {
        let (key, number) = parts
            .next()
            .and_then(|part| part.split_once('='))
            .ok_or(HashFault::Form)?;
        let digits = !number.is_empty() && number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit());
        if key != *name || !digits || (number.len() > 1 && number.starts_with('0')) {
            return Err(HashFault::Form);
        }
        *place = number.parse().map_err(|_| HashFault::Form)?;
    }
    if parts.next().is_some() {
        return Err(HashFault::Form);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana(password: &str) -> bool {
        let known = ["ana.lima@harbour.example", "Ana Lima", "Lima & Söhne GmbH"];
        is_common(password, &known.map(str::to_owned))
    }

    #[test]
    fn r_04_the_list_is_sorted_and_long_enough() {
        assert!(COMMON.is_sorted());
        assert!(COMMON.iter().filter(|word| word.len() >= 8).count() >= 3_000);
        assert!(
            COMMON
                .iter()
                .all(|word| word.len() >= 5 && **word == word.to_lowercase())
        );
    }

    #[test]
    fn r_04_common_passwords_are_common_in_every_spelling() {
        for password in [
            "password",
            "Password1",
            "PASSWORD",
            "password1!",
            "12345678",
            "1234567890",
            "qwertyuiop",
            "Qwerty!!!",
            "p-a-s-s-w-o-r-d",
            "iloveyou",
            "trustno1",
            "baseball",
        ] {
            assert!(ana(password), "{password}");
        }
    }

    #[test]
    fn r_04_words_of_the_person_and_of_the_product_are_no_password() {
        for password in [
            "ana.lima@harbour.example",
            "AnaLima2026",
            "ana-lima-1!",
            "harbour2026!",
            "Lima&Söhne1",
            "limasöhnegmbh",
            "Accounts2026",
            "accounts!",
            "AccountsAnaLima",
            "ana123456",
            "lima12345678",
        ] {
            assert!(ana(password), "{password}");
        }
    }

    #[test]
    fn r_02_what_nobody_tries_first_is_taken() {
        for password in [
            "quiet harbour, seven lamps",
            "correct horse battery staple",
            "🔑🔑",
            "ana likes 7 herons",
            "a b c d e f g h",
            "éééééééé",
            "73819264ana5502",
            "        ",
            "lima bean soup",
        ] {
            assert!(!ana(password), "{password}");
        }
        // A short word may stand anywhere.
        assert!(!is_common("alto sax solo", &["Al".to_owned()]));
    }

    const SALT_AND_HASH: &str = "G6A8Yq0JhXqMBlgC0U/WZA$zp+PuJAtTgG7/fv0B8fRDeO+KjpsjjmsmXMsdI/PiWc";
    const BCRYPT: &str = "W/r8s/xgX.qevUi.bpgltu47Y1HKhcJJdWhsHi4CcJ8CZ3gDz1162";

    fn imported(head: &str, rest: &str) -> Result<(), HashFault> {
        PasswordHash::imported(&format!("{head}${rest}")).map(|_| ())
    }

    #[test]
    fn r_08_hashes_of_three_kinds_are_taken_within_bounds() {
        for head in [
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=8,t=1,p=1",
            "$argon2id$v=19$m=65536,t=4,p=1",
            "$argon2id$v=19$m=102400,t=2,p=8",
            "$scrypt$ln=14,r=8,p=1",
            "$scrypt$ln=17,r=8,p=1",
        ] {
            assert_eq!(imported(head, SALT_AND_HASH), Ok(()), "{head}");
        }
        for head in ["$2a$04", "$2b$10", "$2y$12"] {
            assert_eq!(imported(head, BCRYPT), Ok(()), "{head}");
        }
        assert!(PasswordHash(format!("{PRESENT}{SALT_AND_HASH}")).is_present());
        assert!(!PasswordHash(format!("$argon2id$v=19$m=8,t=1,p=1${SALT_AND_HASH}")).is_present());
    }

    #[test]
    fn r_09_a_hash_that_costs_too_much_is_not_taken() {
        for head in [
            "$argon2id$v=19$m=131073,t=1,p=1",
            "$argon2id$v=19$m=65536,t=5,p=1",
            "$argon2id$v=19$m=19456,t=999999999,p=1",
            "$scrypt$ln=18,r=8,p=1",
            "$scrypt$ln=999,r=8,p=1",
            "$scrypt$ln=17,r=8,p=2",
        ] {
            assert_eq!(imported(head, SALT_AND_HASH), Err(HashFault::TooCostly), "{head}");
        }
        for head in ["$2b$13", "$2b$31", "$2b$99"] {
            assert_eq!(imported(head, BCRYPT), Err(HashFault::TooCostly), "{head}");
        }
    }

    #[test]
    fn what_is_no_hash_is_not_taken() {
        for (head, rest) in [
            ("$argon2i$v=19$m=19456,t=2,p=1", SALT_AND_HASH),
            ("$argon2id$m=19456,t=2,p=1", SALT_AND_HASH),
            ("$argon2id$v=16$m=19456,t=2,p=1", SALT_AND_HASH),
            ("$argon2id$v=19$t=2,m=19456,p=1", SALT_AND_HASH),
            ("$argon2id$v=19$m=19456,t=2,p=1,data=AAAA", SALT_AND_HASH),
            ("$argon2id$v=19$m=019456,t=2,p=1", SALT_AND_HASH),
            ("$argon2id$v=19$m=19456,t=0,p=1", SALT_AND_HASH),
            ("$argon2id$v=19$m=7,t=1,p=1", SALT_AND_HASH),
            ("$argon2id$v=19$m=19456,t=2,p=1", "short$zp+PuJAtTgG7/fv0B8fRDeO"),
            ("$argon2id$v=19$m=19456,t=2,p=1", "G6A8Yq0JhXqMBlgC0U/WZA"),
            ("$scrypt$ln=14,r=0,p=1", SALT_AND_HASH),
            ("$2x$10", BCRYPT),
            ("$2b$03", BCRYPT),
            ("$2b$5", BCRYPT),
            ("$2b$10", "tooshort"),
            ("$1$salt", "md5"),
            ("secret", ""),
            ("", ""),
        ] {
            assert_eq!(imported(head, rest), Err(HashFault::Form), "{head}");
        }
    }
}
