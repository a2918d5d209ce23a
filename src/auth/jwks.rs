//! Sets of public keys (JWK, RFC 7517).

use super::keyring::Key;
use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
    },
};
use serde::Deserialize;
use serde_json::Value;

/// The keys of a set that signatures of this algorithm can be checked with. Others are passed over, as the RFC asks for: they
/// are for somebody else.
pub(super) fn read(json: &[u8], algorithm: Algorithm) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }

    let set: Set = serde_json::from_slice(json).map_err(|error| format!("it is no JWK set: {error}"))?;
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Ok(keys.filter_map(|key: Jwk| fitting(&key, algorithm)).collect())
}

fn fitting(jwk: &Jwk, algorithm: Algorithm) -> Option<Key> {
    if !is_meant(&jwk.common, algorithm) || !is_of_its_kind(&jwk.algorithm, algorithm) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok().filter(is_whole)?;
    Some(Key { kid: jwk.common.key_id.clone(), key })
}

fn is_meant(common: &CommonParameters, algorithm: Algorithm) -> bool {
    let CommonParameters { public_key_use, key_operations, key_algorithm, .. } = common;
    public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify))
        && key_algorithm.is_none_or(|meant| meant == KeyAlgorithm::from(algorithm))
}

fn is_of_its_kind(parameters: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match (algorithm, parameters) {
        (Algorithm::RS256, AlgorithmParameters::RSA(_)) => true,
        (Algorithm::ES256, AlgorithmParameters::EllipticCurve(key)) => key.curve == EllipticCurve::P256,
        (Algorithm::EdDSA, AlgorithmParameters::OctetKeyPair(key)) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    }
}

/// Whether it has the size that is taken: of RSA, 2048 to 8192 bits.
fn is_whole(key: &DecodingKey) -> bool {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => (256..=1024).contains(&n.len()),
        // A point of P-256, or of Ed25519.
        DecodingKeyKind::SecretOrDer(point) => [65, 32].contains(&point.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    fn kids(set: &Value, algorithm: Algorithm) -> Vec<String> {
        let keys = read(set.to_string().as_bytes(), algorithm).expect("a set");
        keys.into_iter().map(|key| key.kid.unwrap_or_default()).collect()
    }

    #[test]
    fn each_algorithm_has_its_keys_and_others_are_passed_over() {
        let bytes = |count: usize| URL_SAFE_NO_PAD.encode(vec![1; count]);
        let point = bytes(32);
        let set = json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "n": bytes(256), "e": "AQAB", "use": "sig", "alg": "RS256" },
            { "kty": "RSA", "kid": "short", "n": bytes(128), "e": "AQAB" },
            { "kty": "RSA", "kid": "other alg", "n": bytes(256), "e": "AQAB", "alg": "RS512" },
            { "kty": "RSA", "kid": "enc", "n": bytes(256), "e": "AQAB", "use": "enc" },
            { "kty": "RSA", "kid": "ops", "n": bytes(256), "e": "AQAB", "key_ops": ["sign"] },
            { "kty": "EC", "kid": "p256", "crv": "P-256", "x": point, "y": point },
            { "kty": "EC", "kid": "p384", "crv": "P-384", "x": point, "y": point },
            { "kty": "EC", "kid": "k1", "crv": "secp256k1", "x": point, "y": point },
            { "kty": "EC", "kid": "half", "crv": "P-256", "x": point, "y": "" },
            { "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": point, "key_ops": ["verify"] },
            { "kty": "OKP", "kid": "x", "crv": "X25519", "x": point },
            { "kty": "oct", "kid": "oct", "k": point },
            { "kty": "future", "kid": "future" },
            "no key",
        ] });
        assert_eq!(kids(&set, Algorithm::RS256), ["rsa"]);
        assert_eq!(kids(&set, Algorithm::ES256), ["p256"]);
        assert_eq!(kids(&set, Algorithm::EdDSA), ["ed"]);
        assert!(kids(&set, Algorithm::HS256).is_empty());
    }

    #[test]
    fn what_is_no_set_is_said() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, "-----BEGIN PUBLIC KEY-----"] {
            let why = read(text.as_bytes(), Algorithm::RS256).expect_err(text);
            assert!(why.starts_with("it is no JWK set"), "{why}");
        }
    }
}
