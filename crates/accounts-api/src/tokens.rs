//! Access tokens (RFC 9068): short-lived, signed with Ed25519, saying who and nothing about rights.

mod remembered;

use accounts_domain::actor::Actor;
use accounts_domain::ids::{OperatorId, OperatorSessionId, SessionId, UserId};
use accounts_domain::operators::IMPERSONATION_MINUTES;
use accounts_domain::sessions::ACCESS_LIFE;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::settings::Secret;
use remembered::{Remembered, Signed};

/// Whom access tokens are for.
pub const AUDIENCE: &str = "accounts";

/// Whom access tokens of operators are for: nothing that customers reach takes them (R40).
pub const OPERATOR_AUDIENCE: &str = "accounts-operators";

/// The media type that stands in the header of an access token (RFC 9068 section 2.1).
const TYPE: &str = "at+jwt";

/// By how many seconds two machines' clocks may differ.
const LEEWAY: i64 = 5;

/// How long a new key is published before it signs, so that every instance can be restarted with it in the meantime
/// and none refuses a token of another. A first key signs at once.
pub const KEY_REST: TimeDelta = TimeDelta::minutes(15);

/// A signing key as it is stored: an Ed25519 key in PKCS#8 version 1, base64.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredKey {
    /// The key pair.
    pub pkcs8: String,
    /// When it was made. The latest one signs, once it is [`KEY_REST`] old.
    pub created_at: DateTime<Utc>,
}

/// The stored keys are not what they should be. It does not say what they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("there is no signing key")]
    Missing,
    /// One is not an Ed25519 key.
    #[error("signing key {number} is not an Ed25519 key in PKCS#8 version 1, base64")]
    Unreadable {
        /// Its place in the file, from 1.
        number: usize,
    },
}

impl StoredKey {
    /// Makes a key.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn generate(at: DateTime<Utc>) -> std::io::Result<Self> {
        use aws_lc_rs::encoding::AsDer;
        let failed = |_| std::io::Error::other("no key could be made");
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().map_err(failed)?;
        let document: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        Ok(Self {
            pkcs8: STANDARD.encode(document.as_ref()),
            created_at: at,
        })
    }
}

struct Key {
    id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    created_at: DateTime<Utc>,
}

/// Signs and checks access tokens, and makes refresh tokens.
pub struct Tokens {
    issuer: String,
    /// The latest first; at least one.
    keys: Vec<Key>,
    published: JwkSet,
    refresh: Secret,
    remembered: Remembered,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    jti: String,
    iat: i64,
    exp: i64,
    /// Who really acts (RFC 8693 section 4.1): an operator in the place of the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<ActClaim>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ActClaim {
    sub: String,
}

/// Whom an access token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The operator who acts in the user's place, if one does.
    pub operator: Option<OperatorId>,
}

impl Bearer {
    /// Who acts by the token.
    pub fn actor(self) -> Actor {
        let user = self.user;
        match self.operator {
            None => Actor::User(user),
            Some(operator) => Actor::Impersonated { user, operator },
        }
    }
}

/// Which operator an access token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorBearer {
    /// The operator.
    pub operator: OperatorId,
    /// The session.
    pub session: OperatorSessionId,
}

/// An opaque refresh token: 256 bits, of which the database holds a hash.
#[derive(Clone)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// Takes what came in; what is no token has a hash that nobody knows.
    pub fn offered(text: String) -> Self {
        Self(text)
    }

    /// The token, for its bearer.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The SHA-256 under which the database knows it, in hexadecimal.
    pub fn hash(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }
}

impl Tokens {
    /// The tokens of this issuer under these keys; `refresh` derives the successors of refresh tokens.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(issuer: String, keys: &[StoredKey], refresh: Secret) -> Result<Self, KeyError> {
        let mut keys: Vec<(usize, &StoredKey)> = (1..).zip(keys).collect();
        keys.sort_by_key(|(_, key)| std::cmp::Reverse(key.created_at));
        let mut read = Vec::new();
        let mut published = Vec::new();
        for (number, stored) in keys {
            let (id, signing, jwk) = read_key(stored).ok_or(KeyError::Unreadable { number })?;
            let verifying = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::Unreadable { number })?;
            read.push(Key {
                id,
                signing,
                verifying,
                created_at: stored.created_at,
            });
            published.push(jwk);
        }
        if read.is_empty() {
            return Err(KeyError::Missing);
        }
        Ok(Self {
            issuer,
            keys: read,
            published: JwkSet { keys: published },
            refresh,
            remembered: Remembered::new(),
        })
    }

    /// The key that signs at that moment: the latest that every instance has had [`KEY_REST`] to learn of.
    fn signing_key(&self, at: DateTime<Utc>) -> Option<&Key> {
        self.keys
            .iter()
            .find(|key| key.created_at + KEY_REST <= at)
            .or_else(|| self.keys.last())
    }

    /// The public keys (RFC 7517), for whoever checks our tokens.
    pub fn published(&self) -> &JwkSet {
        &self.published
    }

    /// Signs an access token. Nothing where the signature fails, which it does not.
    pub fn sign(&self, bearer: Bearer, at: DateTime<Utc>) -> Option<String> {
        self.sign_until(bearer, at, at + ACCESS_LIFE)
    }

    /// Signs an access token that lasts until that moment, an hour away at most where an operator acts in a person's place.
    pub fn sign_until(&self, bearer: Bearer, at: DateTime<Utc>, until: DateTime<Utc>) -> Option<String> {
        let (user, session) = (bearer.user.to_string(), bearer.session.to_string());
        let claims = Claims {
            act: bearer.operator.map(|operator| ActClaim {
                sub: operator.to_string(),
            }),
            ..self.claims(AUDIENCE, user, session, at, until)
        };
        self.encode(&claims, at)
    }

    /// Signs an access token of an operator.
    pub fn sign_operator(&self, bearer: OperatorBearer, at: DateTime<Utc>) -> Option<String> {
        let (operator, session) = (bearer.operator.to_string(), bearer.session.to_string());
        let claims = self.claims(OPERATOR_AUDIENCE, operator, session, at, at + ACCESS_LIFE);
        self.encode(&claims, at)
    }

    fn claims(&self, audience: &str, sub: String, sid: String, at: DateTime<Utc>, until: DateTime<Utc>) -> Claims {
        Claims {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            sub,
            sid,
            jti: Uuid::now_v7().to_string(),
            iat: at.timestamp(),
            exp: until.timestamp(),
            act: None,
        }
    }

    fn encode(&self, claims: &Claims, at: DateTime<Utc>) -> Option<String> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        let key = self.signing_key(at)?;
        header.kid = Some(key.id.clone());
        encode(&header, claims, &key.signing).ok()
    }

    /// Reads an access token that is one of ours at that moment (R19 to R21). Every other is nothing.
    pub fn read(&self, token: &str, at: DateTime<Utc>) -> Option<Bearer> {
        let signed = self.remembered.signed(token, || self.check(token))?;
        is_timely(signed.issued_at, signed.ends_at, at).then_some(signed.bearer)
    }

    /// Reads an access token of an operator. Every other is nothing, one of a customer too.
    pub fn read_operator(&self, token: &str, at: DateTime<Utc>) -> Option<OperatorBearer> {
        let claims = self.checked_claims(token, OPERATOR_AUDIENCE)?;
        is_timely(claims.iat, claims.exp, at).then_some(())?;
        Some(OperatorBearer {
            operator: claims.sub.parse().ok()?,
            session: claims.sid.parse().ok()?,
        })
    }

    /// Reads a customer's token that one of our keys has signed, whatever the time.
    fn check(&self, token: &str) -> Option<Signed> {
        let claims = self.checked_claims(token, AUDIENCE)?;
        Some(Signed {
            bearer: Bearer {
                user: claims.sub.parse().ok()?,
                session: claims.sid.parse().ok()?,
                operator: claims.act.map(|act| act.sub.parse()).transpose().ok()?,
            },
            issued_at: claims.iat,
            ends_at: claims.exp,
        })
    }

    /// What a token says that one of our keys has signed for this audience.
    fn checked_claims(&self, token: &str, audience: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        let brings_a_key = header.jku.is_some()
            || header.jwk.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some()
            || header.x5t.is_some()
            || header.x5t_s256.is_some();
        if brings_a_key || header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let kid = header.kid?;
        let key = self.keys.iter().find(|key| key.id == kid)?;
        let validation = self.validation(audience);
        let claims = decode::<Claims>(token, &key.verifying, &validation).ok()?.claims;
        let longest = match claims.act {
            Some(_) => TimeDelta::minutes(i64::from(*IMPERSONATION_MINUTES.end())),
            None => ACCESS_LIFE,
        };
        // No token of ours lives longer, so whatever says so is none.
        (claims.exp.saturating_sub(claims.iat) <= longest.num_seconds()).then_some(claims)
    }

    /// A first refresh token. Nothing where the machine has no randomness.
    pub fn new_refresh_token(&self) -> Option<RefreshToken> {
        Some(RefreshToken(random_text()?))
    }

    /// The successor of a refresh token with that salt: the same each time, and nobody's without our key.
    pub fn successor(&self, token: &RefreshToken, salt: &str) -> RefreshToken {
        let sealed = self.refresh.seal(format!("{}\n{salt}", token.0).as_bytes());
        RefreshToken(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Times are judged by [`Tokens::read`] against the service's own clock.
    fn validation(&self, audience: &str) -> Validation {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }
}

/// Whether a token of these times works at that moment.
fn is_timely(issued_at: i64, ends_at: i64, at: DateTime<Utc>) -> bool {
    let now = at.timestamp();
    now < ends_at.saturating_add(LEEWAY) && issued_at <= now.saturating_add(LEEWAY)
}

/// 256 random bits as base64url. Nothing where the machine has no randomness.
pub fn random_text() -> Option<String> {
    random_bytes::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// Random bytes. Nothing where the machine has no randomness.
pub fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// The SHA-256 of a text in hexadecimal.
pub fn sha256_hex(text: &[u8]) -> String {
    use std::fmt::Write;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
    digest.as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a text does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn read_key(stored: &StoredKey) -> Option<(String, EncodingKey, Jwk)> {
    let der = STANDARD.decode(&stored.pkcs8).ok()?;
    let key = EncodingKey::from_ed_der(&der);
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).ok()?;
    let id = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    jwk.common.key_id = Some(id.clone());
    jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
    Some((id, key, jwk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(keys: &[StoredKey]) -> Tokens {
        Tokens::new("https://accounts.example".into(), keys, Secret::new(&[7; 32]).unwrap()).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn bearer() -> Bearer {
        Bearer {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(2)),
            operator: None,
        }
    }

    #[test]
    fn a_token_is_read_until_it_ends() {
        let tokens = tokens(&[StoredKey::generate(at(0)).unwrap()]);
        let token = tokens.sign(bearer(), at(0)).unwrap();
        assert_eq!(tokens.read(&token, at(0)), Some(bearer()));
        assert_eq!(tokens.read(&token, at(604)), Some(bearer()));
        assert_eq!(tokens.read(&token, at(605)), None);
        assert_eq!(tokens.read(&token, at(-6)), None);
    }

    #[test]
    fn after_a_rotation_the_former_key_still_counts_and_a_foreign_one_never() {
        let old = StoredKey::generate(at(0)).unwrap();
        let new = StoredKey::generate(at(10)).unwrap();
        let token = tokens(std::slice::from_ref(&old)).sign(bearer(), at(0)).unwrap();
        let rotated = tokens(&[old, new]);
        assert_eq!(rotated.read(&token, at(0)), Some(bearer()));
        assert_eq!(rotated.published().keys.len(), 2);
        let kid = |at| decode_header(rotated.sign(bearer(), at).unwrap()).unwrap().kid;
        assert_eq!(
            kid(at(10 + 899)),
            Some(rotated.keys[1].id.clone()),
            "others may not know the new one yet"
        );
        assert_eq!(kid(at(10 + 900)), Some(rotated.keys[0].id.clone()));
        assert_eq!(tokens(&[StoredKey::generate(at(0)).unwrap()]).read(&token, at(0)), None);
    }

    #[test]
    fn a_token_of_another_issuer_or_kind_is_none() {
        let key = StoredKey::generate(at(0)).unwrap();
        let staging = Tokens::new(
            "https://staging.example".into(),
            std::slice::from_ref(&key),
            Secret::new(&[7; 32]).unwrap(),
        )
        .unwrap();
        let ours = tokens(&[key]);
        assert_eq!(ours.read(&staging.sign(bearer(), at(0)).unwrap(), at(0)), None);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(ours.keys[0].id.clone());
        let claims = serde_json::json!({"iss": "https://accounts.example", "aud": AUDIENCE, "sub": bearer().user.to_string(),
            "sid": bearer().session.to_string(), "jti": "1", "iat": at(0).timestamp(), "exp": at(600).timestamp()});
        let token = encode(&header, &claims, &ours.keys[0].signing).unwrap();
        assert_eq!(ours.read(&token, at(0)), None, "typ is JWT");
        header.typ = Some(TYPE.into());
        assert!(
            ours.read(&encode(&header, &claims, &ours.keys[0].signing).unwrap(), at(0))
                .is_some()
        );
    }

    #[test]
    fn r_40_a_token_of_an_operator_is_no_customers_and_the_other_way_round() {
        let tokens = tokens(&[StoredKey::generate(at(0)).unwrap()]);
        let bearer = OperatorBearer {
            operator: OperatorId::from_uuid(Uuid::from_u128(3)),
            session: OperatorSessionId::from_uuid(Uuid::from_u128(4)),
        };
        let token = tokens.sign_operator(bearer, at(0)).unwrap();
        assert_eq!(tokens.read_operator(&token, at(0)), Some(bearer));
        assert_eq!(tokens.read_operator(&token, at(605)), None);
        assert_eq!(tokens.read(&token, at(0)), None);
        let customers = tokens.sign(self::bearer(), at(0)).unwrap();
        assert_eq!(tokens.read_operator(&customers, at(0)), None);
    }

    #[test]
    fn r_39_a_token_in_a_persons_place_lives_an_hour_at_most() {
        let tokens = tokens(&[StoredKey::generate(at(0)).unwrap()]);
        let operator = OperatorId::from_uuid(Uuid::from_u128(3));
        let bearer = Bearer {
            operator: Some(operator),
            ..bearer()
        };
        let sign = |until| tokens.sign_until(bearer, at(0), at(until)).unwrap();
        assert_eq!(tokens.read(&sign(3600), at(3599)), Some(bearer));
        assert_eq!(tokens.read(&sign(3600), at(3605)), None);
        assert_eq!(tokens.read(&sign(3601), at(0)), None);
    }

    #[test]
    fn a_successor_is_the_same_each_time() {
        let tokens = tokens(&[StoredKey::generate(at(0)).unwrap()]);
        let first = tokens.new_refresh_token().unwrap();
        let next = tokens.successor(&first, "salt");
        assert_eq!(next.as_str(), tokens.successor(&first, "salt").as_str());
        assert_ne!(next.as_str(), tokens.successor(&first, "pepper").as_str());
        assert_eq!(next.as_str().len(), 43);
    }
}
