//! Our access tokens as others read them: by a library that nobody here wrote, with nothing but the published keys.

use accounts_tests::{given, json, on_both};
use chrono::TimeDelta;
use jwt_compact::alg::Ed25519;
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmExt, TimeOptions, Token, UntrustedToken, ValidationError};
use serde_json::{Map, Value};

type VerifyingKey = <Ed25519 as Algorithm>::VerifyingKey;

on_both! {
    fn r_19_a_foreign_library_accepts_our_token_by_the_published_keys(app) {
        let ana = given::owner(app, "ana@example.com");
        let me = ana.get("/v1/me").expect(200).text("id");
        let jwks = app.client().get("/.well-known/jwks.json").expect(200);

        let untrusted = UntrustedToken::new(&ana.token).unwrap();
        assert_eq!(untrusted.algorithm(), "EdDSA");
        assert_eq!(untrusted.header().token_type.as_deref(), Some("at+jwt"));
        let kid = untrusted.header().key_id.clone().unwrap();
        let key = jwks.list("keys").iter().find(|key| key["kid"] == kid.as_str()).unwrap();
        let key: JsonWebKey<'_> = serde_json::from_value(key.clone()).unwrap();
        let key = VerifyingKey::try_from(&key).unwrap();

        let token: Token<Map<String, Value>> = Ed25519.validator(&key).validate(&untrusted).unwrap();
        let claims = token.claims();
        assert_eq!((&claims.custom["sub"], &claims.custom["aud"]), (&json!(me), &json!("accounts")));
        let now = app.clock().now();
        let lives_at = |later: i64| {
            let at = now + TimeDelta::seconds(later);
            claims.validate_expiration(&TimeOptions::new(TimeDelta::zero(), move || at)).is_ok()
        };
        assert!(lives_at(0) && lives_at(599) && !lives_at(601));

        // It is the signature that it looks at.
        let (head, seal) = ana.token.rsplit_once('.').unwrap();
        let other = given::logged_in(app, "ana@example.com").token;
        let (_, others) = other.rsplit_once('.').unwrap();
        assert_ne!(seal, others);
        let forged = format!("{head}.{others}");
        let forged = UntrustedToken::new(&forged).unwrap();
        let refused = Ed25519.validator::<Map<String, Value>>(&key).validate(&forged);
        assert!(matches!(refused, Err(ValidationError::InvalidSignature)));
    }
}
