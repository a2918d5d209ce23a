//! Who makes tokens: with a key of each kind, right and wrong.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

pub(super) struct Issuer {
    pub(super) kid: &'static str,
    key: Key,
}

enum Key {
    Shared(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Issuer {
    pub(super) fn hs256(secret: &[u8]) -> Self {
        Self { kid: "", key: Key::Shared(secret.to_vec()) }
    }

    pub(super) fn rs256(kid: &'static str) -> Self {
        let pem = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
        let der = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &pem);
        Self { kid, key: Key::Rsa(Box::new(RsaKeyPair::from_pkcs8(&der).expect("an RSA key"))) }
    }

    pub(super) fn es256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random);
        Self { kid, key: Key::Ec(key.expect("an EC key")) }
    }

    pub(super) fn eddsa(kid: &'static str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self { kid, key: Key::Ed(Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("an Ed25519 key")) }
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Shared(_) => "HS256",
            Key::Rsa(_) => "RS256",
            Key::Ec(_) => "ES256",
            Key::Ed(_) => "EdDSA",
        }
    }

    /// A token of these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "typ": "JWT", "kid": self.kid }), claims)
    }

    /// A token with another header than it should have.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
        let message = format!("{header}.{claims}");
        let signature = encode(&self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Shared(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
                signature
            }
            Key::Ec(key) => key.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Key::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// The key that anybody may have.
    pub(super) fn jwk(&self) -> Value {
        match &self.key {
            Key::Shared(_) => unreachable!("nobody may have it"),
            Key::Rsa(_) => {
                let (n, e) = self.rsa_numbers();
                json!({ "kty": "RSA", "kid": self.kid, "use": "sig", "n": encode(&n), "e": encode(&e) })
            }
            Key::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": encode(x), "y": encode(y) })
            }
            Key::Ed(key) => {
                let x = encode(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x })
            }
        }
    }

    /// The public RSA key in the forms that a server may have it in: DER and PEM, of PKCS #1 and of X.509.
    pub(super) fn rsa_forms(&self) -> Vec<Vec<u8>> {
        let Key::Rsa(key) = &self.key else { unreachable!("an RSA key") };
        let pkcs1 = key.public().as_ref().to_vec();
        let read = ["rsa", "-RSAPublicKey_in", "-inform", "DER"];
        let written = [
            ["-RSAPublicKey_out", "-outform", "PEM"],
            ["-pubout", "-outform", "DER"],
            ["-pubout", "-outform", "PEM"],
        ];
        let others = written.map(|written| openssl(&[&read[..], &written[..]].concat(), &pkcs1));
        [pkcs1].into_iter().chain(others).collect()
    }

    fn rsa_numbers(&self) -> (Vec<u8>, Vec<u8>) {
        let Key::Rsa(key) = &self.key else { unreachable!("an RSA key") };
        let numbers = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
        (numbers.n, numbers.e)
    }
}

/// A JWK set of theirs.
pub(super) fn set(issuers: &[&Issuer]) -> String {
    json!({ "keys": issuers.iter().map(|issuer| issuer.jwk()).collect::<Vec<_>>() }).to_string()
}

/// The claims of a token that is good for a minute, for one room.
pub(super) fn good() -> Value {
    json!({ "exp": now() + 60, "switchboard": { "room": "room" } })
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What openssl makes of some bytes.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    let piped = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("openssl");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
