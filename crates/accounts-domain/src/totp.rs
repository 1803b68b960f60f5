//! Codes of an authenticator app (TOTP, RFC 6238): six digits of HMAC-SHA-1, another one every 30 seconds, which is
//! what every such app knows.

use std::fmt;

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_rs::{Builder, Secret, Totp};

/// How many bytes a secret has (RFC 4226 section 4).
pub const SECRET_BYTES: usize = 20;

/// For how many seconds a code stands.
const PERIOD: u64 = 30;

/// By how many steps the clocks of the app and of the service may differ (RFC 6238 section 5.2).
const TOLERANCE: u64 = 1;

/// What stands for itself in any part of an address (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an app and the service share. It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret([u8; SECRET_BYTES]);

/// The half minute that a code is for, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotpStep(pub u64);

impl TotpStep {
    /// The step of a moment; the first one for whatever was before.
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(u64::try_from(moment.timestamp()).unwrap_or_default() / PERIOD)
    }
}

impl TotpSecret {
    /// The secret of these bytes, which are random.
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be sealed.
    pub fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The secret as people type it into an app.
    pub fn base32(&self) -> String {
        Secret::new_stack(self.0).to_base32()
    }

    /// The address that an app reads from a picture (the Key URI Format of Google Authenticator).
    pub fn uri(&self, issuer: &str, address: &str) -> String {
        let [issuer, address] = [issuer, address].map(|text| utf8_percent_encode(text, RESERVED).to_string());
        let secret = self.base32();
        format!(
            "otpauth://totp/{issuer}:{address}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={PERIOD}"
        )
    }

    /// The step that a code is for, where the code is right at that moment. A code works once: its step has to be
    /// later than the one that was used last. How long it takes does not tell how much of the code is right.
    pub fn accepts(&self, code: &str, at: DateTime<Utc>, used: Option<TotpStep>) -> Option<TotpStep> {
        let app = self.app();
        let TotpStep(now) = TotpStep::at(at);
        let near = now.saturating_sub(TOLERANCE)..=now.saturating_add(TOLERANCE);
        near.map(TotpStep)
            .filter(|step| app.check(code, step.0.saturating_mul(PERIOD)).is_some())
            .find(|step| used.is_none_or(|used| *step > used))
    }

    /// One step at a time: the tolerance is this module's, which has to know which step it was.
    fn app(&self) -> Totp {
        Builder::new()
            .with_secret(Secret::new_stack(self.0))
            .with_step_duration(PERIOD)
            .with_skew(0)
            .build_noncompliant()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn secret() -> TotpSecret {
        TotpSecret::from_bytes(*b"12345678901234567890")
    }

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (moment, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = second(moment);
            assert_eq!(secret().accepts(code, at, None), Some(TotpStep::at(at)), "{moment}");
        }
    }

    #[test]
    fn a_code_counts_one_step_either_way() {
        // "287082" is the code of the seconds 30 to 59.
        for (moment, counts) in [(0, true), (29, true), (30, true), (59, true), (89, true), (90, false), (120, false)] {
            assert_eq!(secret().accepts("287082", second(moment), None).is_some(), counts, "{moment}");
        }
        assert!(secret().accepts("081804", second(1_111_111_139), None).is_some());
        assert!(secret().accepts("081804", second(1_111_111_140), None).is_none());
        assert!(secret().accepts("081804", second(1_111_111_050), None).is_some());
        assert!(secret().accepts("081804", second(1_111_111_049), None).is_none());
    }

    #[test]
    fn a_code_works_once_and_none_before_it_works_after_it() {
        let at = second(59);
        let used = secret().accepts("287082", at, None);
        assert_eq!(used, Some(TotpStep(1)));
        assert_eq!(secret().accepts("287082", at, used), None);
        assert_eq!(secret().accepts("287082", at, Some(TotpStep(2))), None);
        assert_eq!(secret().accepts("287082", at, Some(TotpStep(0))), Some(TotpStep(1)));
    }

    #[test]
    fn nothing_but_six_digits_is_a_code() {
        for code in ["", "28708", "2870820", "287 082", "+87082", "28708２", "94287082", "287083"] {
            assert_eq!(secret().accepts(code, second(59), None), None, "{code}");
        }
    }

    #[test]
    fn an_app_reads_the_secret_from_an_address() {
        assert_eq!(secret().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            secret().uri("accounts.example:8080", "ana+two@lima.example"),
            "otpauth://totp/accounts.example%3A8080:ana%2Btwo%40lima.example\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=accounts.example%3A8080\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", secret()), "TotpSecret(…)");
    }
}
