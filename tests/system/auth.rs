//! The door holds: who gets in, who doesn't, and what one may do inside. Whatever isn't good is refused in both dialects.

mod issuer;
mod key_server;

use self::{
    issuer::{Issuer, encode, good, now, set},
    key_server::KeyServer,
};
use crate::harness::{Client, Ended, Node, Process, Resumable, command, on_each_site, until};
use serde_json::{Value, json};
use std::{fs, time::Duration};
use switchboard::auth::{Pace, Source};

const SECRET: &str = "a-key-of-32-bytes-and-some-more-x";
const FLAGS: [&str; 2] = ["--auth-key", SECRET];

/// A token that is good for a minute and a room, for tests of other things.
pub(crate) fn token(key: &[u8], room: &str) -> String {
    Issuer::hs256(key).token(&json!({ "exp": now() + 60, "switchboard": { "room": room } }))
}

fn issuer() -> Issuer {
    Issuer::hs256(SECRET.as_bytes())
}

/// A node that takes tokens signed with `SECRET`.
async fn node() -> Node {
    Node::with(&FLAGS).await
}

/// Joins with a token, in the dialect of the client; returns the data of `peers`.
async fn admitted(client: &mut Client, token: &str) -> Value {
    client.join_with(json!({ "room": "room", "token": token })).await
}

/// A token that gets nobody in: a native client hears why, and both are closed.
async fn refused(node: &Node, token: &str, why: &str) {
    let data = json!({ "room": "room", "token": token });
    turned_away(node, data, ("unauthorized", 4401), why).await;
}

async fn turned_away(node: &Node, data: Value, (code, close): (&str, u16), why: &str) {
    let mut client = node.client().await;
    client.say("join", data.clone()).await;
    let error = client.hear_error(code).await;
    let message = error["message"].as_str().expect("a sentence");
    assert!(message.contains(why), "{message}");
    assert_eq!(error["retryable"], false);
    if let Some(token) = data["token"].as_str().filter(|token| !token.is_empty()) {
        assert!(!error.to_string().contains(token), "{error}");
    }
    assert_eq!(client.ended().await, Ended::with(close, code));
    let mut client = node.skyrtc_client().await;
    client.say("__join", data).await;
    assert_eq!(client.ended().await, Ended::with(close, code));
}

/// The same claims with others in their place.
fn with(mut claims: Value, others: Value) -> Value {
    let Value::Object(others) = others else { unreachable!("claims") };
    claims.as_object_mut().expect("claims").extend(others);
    claims
}

fn granting(grants: Value) -> Value {
    json!({ "exp": now() + 60, "switchboard": with(json!({ "room": "room" }), grants) })
}

#[tokio::test]
async fn a_good_token_opens_the_door_in_both_dialects() {
    let node = node().await;
    let token = issuer().token(&good());
    let (mut ann, mut ben) = (node.client().await, node.skyrtc_client().await);
    admitted(&mut ann, &token).await;
    admitted(&mut ben, &token).await;
    ann.hear_newcomer(&ben).await;
}

#[tokio::test]
async fn without_a_token_it_stays_shut() {
    let node = node().await;
    turned_away(&node, json!({ "room": "room" }), ("unauthorized", 4401), "asks for a token").await;
    for dialect in ["native", "skyrtc"] {
        let series = format!(r#"switchboard_joins_total{{dialect="{dialect}",outcome="unauthorized"}}"#);
        assert_eq!(node.metric(&series).await, 1);
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let node = node().await;
    let whole = issuer().token(&good());
    let (message, _) = whole.rsplit_once('.').expect("a signature");
    let [header, nothing] = [r#"{"alg":"HS256"}"#, ""].map(|part| encode(part.as_bytes()));
    for token in ["", "nonsense", "a.b", "a.b.c", "...", "é.é.é", message, &format!("{header}.{nothing}")]
    {
        refused(&node, token, "no JWT that is signed with HS256").await;
    }
    refused(&node, &format!("{message}."), "signature is wrong").await;
}

#[tokio::test]
async fn an_expired_one_is_refused() {
    let claims = with(good(), json!({ "exp": now() - 12 }));
    refused(&node().await, &issuer().token(&claims), "expired (exp)").await;
}

#[tokio::test]
async fn one_that_is_not_yet_valid_is_refused() {
    let claims = with(good(), json!({ "nbf": now() + 13 }));
    refused(&node().await, &issuer().token(&claims), "isn't valid yet (nbf)").await;
}

#[tokio::test]
async fn clocks_may_be_a_little_apart() {
    let node = Node::with(&[&FLAGS[..], &["--auth-leeway", "30s"]].concat()).await;
    for claims in [json!({ "exp": now() - 20 }), json!({ "nbf": now() + 25 })] {
        let claims = with(good(), claims);
        admitted(&mut node.client().await, &issuer().token(&claims)).await;
    }
    let strict = Node::with(&[&FLAGS[..], &["--auth-leeway", "0s"]].concat()).await;
    refused(&strict, &issuer().token(&with(good(), json!({ "exp": now() - 2 }))), "expired").await;
}

#[tokio::test]
async fn one_without_an_end_is_refused() {
    let mut claims = good();
    claims.as_object_mut().expect("claims").remove("exp");
    refused(&node().await, &issuer().token(&claims), "needs the claim exp").await;
}

#[tokio::test]
async fn one_for_another_audience_is_refused() {
    let node = Node::with(&[&FLAGS[..], &["--auth-audience", "rooms"]].concat()).await;
    for (claims, why) in [
        (json!({}), "needs the claim aud"),
        (json!({ "aud": 5 }), "needs the claim aud"),
        (json!({ "aud": "other" }), "another audience (aud)"),
        (json!({ "aud": ["other", "else"] }), "another audience (aud)"),
    ] {
        refused(&node, &issuer().token(&with(good(), claims)), why).await;
    }
    for aud in [json!("rooms"), json!(["other", "rooms"])] {
        let claims = with(good(), json!({ "aud": aud }));
        admitted(&mut node.client().await, &issuer().token(&claims)).await;
    }
}

/// RFC 7519, section 4.1.3.
#[tokio::test]
async fn one_for_some_audience_is_refused_where_no_name_is_set() {
    let claims = with(good(), json!({ "aud": "rooms" }));
    refused(&node().await, &issuer().token(&claims), "is for an audience (aud)").await;
}

#[tokio::test]
async fn one_by_another_issuer_is_refused() {
    let node = Node::with(&[&FLAGS[..], &["--auth-issuer", "me"]].concat()).await;
    for (claims, why) in [
        (json!({}), "needs the claim iss"),
        (json!({ "iss": true }), "needs the claim iss"),
        (json!({ "iss": "other" }), "another issuer (iss)"),
        (json!({ "iss": ["me"] }), "claim iss takes a string"),
    ] {
        refused(&node, &issuer().token(&with(good(), claims)), why).await;
    }
    admitted(&mut node.client().await, &issuer().token(&with(good(), json!({ "iss": "me" })))).await;
}

#[tokio::test]
async fn one_that_is_not_signed_is_refused() {
    let node = node().await;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let token = issuer().token_with(&json!({ "alg": alg }), &good());
        let (unsigned, _) = token.rsplit_once('.').expect("a signature");
        for token in [token.as_str(), &format!("{unsigned}.")] {
            refused(&node, token, "no JWT that is signed with HS256").await;
        }
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let (keys, rsa) = (Folder::new(), Issuer::rs256("a"));
    keys.write(&set(&[&rsa]));
    let node = Node::with(&keys.flags("RS256")).await;
    let jwk = rsa.jwk();
    let as_jwk = [jwk.to_string(), jwk["n"].as_str().expect("text").to_owned()].map(String::into_bytes);
    for public in rsa.rsa_forms().into_iter().chain(as_jwk) {
        let forger = Issuer::hs256(&public);
        let named = json!({ "alg": "HS256", "kid": "a" });
        refused(&node, &forger.token_with(&named, &good()), "signed with HS256; this gateway takes RS256")
            .await;
        let claimed = json!({ "alg": "RS256", "kid": "a" });
        refused(&node, &forger.token_with(&claimed, &good()), "signature is wrong").await;
    }
    admitted(&mut node.client().await, &rsa.token(&good())).await;
}

#[tokio::test]
async fn the_algorithm_is_the_one_that_is_set() {
    let node = node().await;
    for other in ["HS384", "HS512", "RS256", "ES256", "EdDSA"] {
        let token = issuer().token_with(&json!({ "alg": other }), &good());
        refused(&node, &token, &format!("signed with {other}; this gateway takes HS256")).await;
    }
}

#[tokio::test]
async fn what_a_header_asks_for_and_nobody_understands_is_refused() {
    let token = issuer().token_with(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), &good());
    refused(&node().await, &token, "(crit)").await;
}

#[tokio::test]
async fn each_algorithm_has_good_signatures_and_broken_ones() {
    for (issuer, other) in [
        (Issuer::rs256("a"), Issuer::rs256("a")),
        (Issuer::es256("a"), Issuer::es256("a")),
        (Issuer::eddsa("a"), Issuer::eddsa("a")),
    ] {
        let keys = Folder::new();
        keys.write(&set(&[&issuer]));
        let node = Node::with(&keys.flags(issuer.algorithm())).await;
        check_signatures(&node, &issuer, &other).await;
        let unnamed = issuer.token_with(&json!({ "alg": issuer.algorithm() }), &good());
        admitted(&mut node.client().await, &unnamed).await;
    }
    check_signatures(&node().await, &issuer(), &Issuer::hs256(b"another key of 32 bytes, and more")).await;
}

async fn check_signatures(node: &Node, issuer: &Issuer, other: &Issuer) {
    let good_one = issuer.token(&good());
    admitted(&mut node.client().await, &good_one).await;
    refused(node, &other.token(&good()), "signature is wrong").await;
    let (message, signature) = good_one.rsplit_once('.').expect("a signature");
    let (first, rest) = signature.split_at(1);
    let changed = if first == "A" { "B" } else { "A" };
    refused(node, &format!("{message}.{changed}{rest}"), "signature is wrong").await;
    let promoted = with(good(), json!({ "switchboard": { "room": "*" } }));
    let (promoted, _) =
        issuer.token(&promoted).rsplit_once('.').map(|(m, s)| (m.to_owned(), s.len())).expect("one");
    refused(node, &format!("{promoted}.{signature}"), "signature is wrong").await;
}

#[tokio::test]
async fn a_token_of_another_room_is_refused() {
    let node = node().await;
    for room in [json!("other"), json!(["a", "room-*"]), json!("roo"), json!("*room2")] {
        let claims = with(good(), json!({ "switchboard": { "room": room } }));
        let data = json!({ "room": "room", "token": issuer().token(&claims) });
        turned_away(&node, data, ("forbidden", 4403), "another room").await;
    }
    assert_eq!(node.metric(r#"switchboard_joins_total{dialect="native",outcome="forbidden"}"#).await, 4);
    for room in [json!("ro*"), json!(["a", "room"]), json!("*")] {
        let claims = with(good(), json!({ "switchboard": { "room": room } }));
        admitted(&mut node.client().await, &issuer().token(&claims)).await;
    }
}

#[tokio::test]
async fn claims_of_another_type_are_refused() {
    let node = node().await;
    for (claims, why) in [
        (json!({ "exp": "4102444800" }), "exp"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": true }), "exp"),
        (json!({ "exp": now() * 1000 * 1000 }), "milliseconds"),
        (json!({ "nbf": "0" }), "nbf"),
        (json!({ "aud": { "a": 1 } }), "aud"),
        (json!({ "switchboard": "room" }), "switchboard"),
        (json!({ "switchboard": { "room": 5 } }), "switchboard.room"),
        (json!({ "switchboard": {} }), "switchboard.room"),
        (json!({ "switchboard": { "room": "room", "signal": "no" } }), "switchboard.signal"),
        (json!({ "switchboard": { "room": "room", "capacity": "1" } }), "switchboard.capacity"),
        (json!({ "switchboard": { "room": "room", "admin": true } }), "switchboard.admin"),
    ] {
        refused(&node, &issuer().token(&with(good(), claims)), why).await;
    }
    for text in
        ["[]", "5", "\"a\"", "", r#"{"exp":4102444800,"exp":4102444801,"switchboard":{"room":"room"}}"#]
    {
        refused(&node, &signed_text(text), "claims can't be read").await;
    }
}

/// A token whose claims are this text.
fn signed_text(claims: &str) -> String {
    let message = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.as_bytes()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{message}.{}", encode(ring::hmac::sign(&key, message.as_bytes()).as_ref()))
}

#[tokio::test]
async fn two_keys_are_good_while_one_replaces_the_other() {
    let secret = "the-key-that-replaces-the-other-one";
    let [old, new] = [SECRET, secret].map(|secret| Issuer::hs256(secret.as_bytes()));
    let both = Node::with(&["--auth-key", SECRET, "--auth-key", secret]).await;
    for issuer in [&old, &new] {
        admitted(&mut both.client().await, &issuer.token(&good())).await;
    }
    let one = Node::with(&["--auth-key", secret]).await;
    refused(&one, &old.token(&good()), "signature is wrong").await;
    admitted(&mut one.client().await, &new.token(&good())).await;
}

#[tokio::test]
async fn a_key_that_is_removed_from_the_file_is_good_no_longer() {
    let (keys, old, new) = (Folder::new(), Issuer::es256("old"), Issuer::es256("new"));
    keys.write(&set(&[&old]));
    let node = Node::with(&keys.flags("ES256")).await;
    admitted(&mut node.client().await, &old.token(&good())).await;
    keys.write(&set(&[&old, &new]));
    until_found(&node, &new).await;
    admitted(&mut node.client().await, &old.token(&good())).await;
    keys.write(&set(&[&new]));
    until_lost(&node, &old).await;
    admitted(&mut node.client().await, &new.token(&good())).await;

    // What can't be read changes nothing.
    let failed = r#"switchboard_auth_key_reads_total{outcome="failed"}"#;
    keys.write("not a set");
    until("it was read", async || node.metric(failed).await > 0).await;
    admitted(&mut node.client().await, &new.token(&good())).await;
}

#[tokio::test]
async fn a_set_that_is_emptied_lets_nobody_in() {
    let (keys, issuer) = (Folder::new(), Issuer::eddsa("a"));
    keys.write(&set(&[&issuer]));
    let node = Node::with(&keys.flags("EdDSA")).await;
    admitted(&mut node.client().await, &issuer.token(&good())).await;
    keys.write(&set(&[]));
    until_lost(&node, &issuer).await;
}

#[tokio::test]
async fn a_key_that_is_new_at_the_url_is_looked_for() {
    let (old, new) = (Issuer::eddsa("old"), Issuer::eddsa("new"));
    let server = KeyServer::start(set(&[&old])).await;
    let node = watching(&server, Pace { pause: Duration::ZERO, ..Pace::URL }).await;
    admitted(&mut node.client().await, &old.token(&good())).await;
    assert_eq!(server.asked(), 1, "it is kept");

    server.answer(500, "out of order".into());
    assert_eq!(asks_with(&node, &new).await, "unavailable");
    until("it was asked", async || server.asked() == 2).await;
    admitted(&mut node.client().await, &old.token(&good())).await;

    server.answer(200, set(&[&new]));
    until_found(&node, &new).await;
    until_lost(&node, &old).await;
}

#[tokio::test]
async fn unknown_keys_do_not_become_a_flood_of_questions() {
    let known = Issuer::eddsa("known");
    let server = KeyServer::start(set(&[&known])).await;
    let node = watching(&server, Pace::URL).await;
    let unknown = Issuer::eddsa("unknown");
    for _ in 0..20 {
        refused(&node, &unknown.token(&good()), "no key by the name").await;
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn keys_at_a_url_are_fetched_again_in_any_case() {
    let (old, new) = (Issuer::eddsa("old"), Issuer::eddsa("new"));
    let server = KeyServer::start(set(&[&old])).await;
    let interval = Duration::from_millis(50);
    let node = watching(&server, Pace { interval, ..Pace::URL }).await;
    admitted(&mut node.client().await, &old.token(&good())).await;
    server.answer(200, set(&[&new]));
    until_lost(&node, &old).await;
    admitted(&mut node.client().await, &new.token(&good())).await;
}

#[tokio::test]
async fn a_node_without_keys_says_so_and_ends() {
    let keys = Folder::new();
    for (text, why) in [
        (None, "No such file"),
        (Some("nonsense"), "no JWK set"),
        (Some(r#"{"keys":[]}"#), "the set has none"),
        (Some(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#), "the set has none"),
    ] {
        if let Some(text) = text {
            keys.write(text);
        }
        let failure = Node::with(&keys.flags("ES256")).await.failure().await;
        assert!(failure.contains(why) && failure.contains("no keys for ES256"), "{failure}");
    }
    let server = KeyServer::start("nonsense".into()).await;
    server.answer(404, String::new());
    let failure = watching(&server, Pace { patience: Duration::ZERO, ..Pace::URL }).await.failure().await;
    assert!(failure.contains("404") && failure.contains("--auth-jwks"), "{failure}");
    assert!(!failure.contains("hunter2"), "{failure}");
}

#[tokio::test]
async fn a_node_waits_for_its_keys() {
    let issuer = Issuer::eddsa("a");
    let server = KeyServer::start(String::new()).await;
    server.answer(503, String::new());
    let node = watching(&server, Pace::URL).await;
    until("it was asked", async || server.asked() == 1).await;
    server.answer(200, set(&[&issuer]));
    admitted(&mut node.client().await, &issuer.token(&good())).await;
}

/// A node whose keys are at this server.
async fn watching(server: &KeyServer, pace: Pace) -> Node {
    let url = server.url();
    Node::tuned(&["--auth-jwks", &url, "--auth-algorithm", "EdDSA"], |settings| {
        match settings.auth.as_mut().map(|auth| &mut auth.keys) {
            Some(Source::Set(_, of_the_node)) => *of_the_node = pace,
            other => panic!("no set: {other:?}"),
        }
    })
    .await
}

/// How a join with this issuer's token ends: `peers`, or an error's code.
async fn asks_with(node: &Node, issuer: &Issuer) -> String {
    let mut client = node.client().await;
    client.say("join", json!({ "room": "room", "token": issuer.token(&good()) })).await;
    let frame = client.hear().await;
    if frame["eventName"] != "error" {
        client.close().await;
        return "peers".into();
    }
    let code = frame["data"]["code"].as_str().expect("a code").to_owned();
    let end = client.ended().await.code;
    match code.as_str() {
        "unavailable" => {
            assert_eq!((end, &frame["data"]["retryable"]), (4503, &json!(true)), "it may be good");
        }
        _ => assert_eq!(end, 4401, "{frame}"),
    }
    code
}

async fn until_found(node: &Node, issuer: &Issuer) {
    until("its key is found", async || asks_with(node, issuer).await == "peers").await;
}

async fn until_lost(node: &Node, issuer: &Issuer) {
    until("its key is gone", async || asks_with(node, issuer).await != "peers").await;
}

/// Resuming with the key of the session, and without a token or with another one's.
#[tokio::test]
async fn a_session_is_resumed_with_a_token_only() {
    let node = node().await;
    let token = issuer().token(&good());
    let mut ann = Resumable::join_with(node.client().await, "room", &token).await;
    let elsewhere = issuer().token(&with(good(), json!({ "switchboard": { "room": "other" } })));
    for (shown, code, close) in
        [(json!({}), "unauthorized", 4401), (json!({ "token": elsewhere }), "forbidden", 4403)]
    {
        let mut thief = node.client().await;
        thief.say("resume", with(ann.claim(), shown)).await;
        thief.hear_error(code).await;
        assert_eq!(thief.ended().await, Ended::with(close, code));
        let series = format!(r#"switchboard_resumes_total{{outcome="{code}"}}"#);
        assert_eq!(node.metric(&series).await, 1);
    }
    // She is where she was, and can come back.
    let claim = with(ann.claim(), json!({ "token": token }));
    let mut second = node.client().await;
    second.say("resume", claim).await;
    assert_eq!(second.hear_event("resumed").await["you"], json!(ann.id));
}

/// Knowing somebody's socket id, and having a token of one's own, is not enough.
#[tokio::test]
async fn a_stolen_socket_id_is_worth_nothing_without_its_key() {
    let node = node().await;
    let token = issuer().token(&good());
    let mut ann = Resumable::join_with(node.client().await, "room", &token).await;
    let mut thief = node.client().await;
    let guess = json!({ "key": "0".repeat(32), "token": token });
    thief.say("resume", with(ann.claim(), guess)).await;
    thief.hear_error("session_expired").await;
    ann.line().hears_nothing().await;
}

#[tokio::test]
async fn a_token_ends_and_so_does_its_connection() {
    let node = Node::with(&[&FLAGS[..], &["--auth-leeway", "0s"]].concat()).await;
    let lasting = issuer().token(&good());
    let mut ben = node.client().await;
    admitted(&mut ben, &lasting).await;
    let token = issuer().token(&with(good(), json!({ "exp": now() + 2 })));
    let mut ann = Resumable::join_with(node.client().await, "room", &token).await;
    ben.hear_event("new_peer").await;
    let after = ann.line().hear_event("token_expiring").await["afterMs"].as_u64().expect("a time");
    assert!((1..=2000).contains(&after), "{after}");
    assert_eq!(ann.line().ended().await, Ended::with(4401, "unauthorized"));
    // Its time is reckoned from the beginning of the turn that read it.
    assert!(now() + 1 >= issued_until(&token), "not sooner");
    // She asked for it to be resumable, and it isn't: she has left.
    assert_eq!(ben.hear_leaver(&ann.id).await["reason"], "lost");
}

#[tokio::test]
async fn an_old_client_is_closed_when_its_token_ends() {
    let node = Node::with(&[&FLAGS[..], &["--auth-leeway", "0s"]].concat()).await;
    let token = issuer().token(&with(good(), json!({ "exp": now() + 1 })));
    let mut old = node.skyrtc_client().await;
    admitted(&mut old, &token).await;
    assert_eq!(old.ended().await, Ended::with(4401, "unauthorized"));
}

fn issued_until(token: &str) -> u64 {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = token.split('.').nth(1).expect("claims");
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    claims["exp"].as_u64().expect("a time")
}

#[tokio::test]
async fn a_token_is_renewed_and_what_it_grants_with_it() {
    on_each_site(&FLAGS, async |site| {
        let mut ann = site.client().await;
        let token =
            issuer().token(&with(granting(json!({ "broadcast": false })), json!({ "exp": now() + 2 })));
        admitted(&mut ann, &token).await;
        ann.hear_event("token_expiring").await;
        ann.say("message", json!({ "body": 1 })).await;
        assert_eq!(ann.hear_error("forbidden").await["n"], 1);

        let next = issuer().token(&with(good(), json!({ "exp": now() + 100 })));
        ann.say("token", json!({ "token": next })).await;
        let valid_for = ann.hear_event("token").await["validForMs"].as_u64().expect("a time");
        assert!((100_000..=110_000).contains(&valid_for), "{valid_for}");
        ann.say("message", json!({ "body": 2 })).await;
        ann.hears_nothing().await;

        // One that isn't good leaves it as it is.
        for (bad, code) in [
            ("nonsense".to_owned(), "unauthorized"),
            (issuer().token(&with(good(), json!({ "exp": 1 }))), "unauthorized"),
            (issuer().token(&with(good(), json!({ "switchboard": { "room": "other" } }))), "forbidden"),
        ] {
            ann.say("token", json!({ "token": bad })).await;
            ann.hear_error(code).await;
        }
        ann.say("message", json!({ "body": 3 })).await;
        ann.hears_nothing().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_shown_again_inside_a_room_only() {
    let node = node().await;
    let mut ann = node.client().await;
    ann.say("token", json!({ "token": issuer().token(&good()) })).await;
    ann.hear_error("not_joined").await;
}

#[tokio::test]
async fn where_nobody_asks_for_tokens_they_are_taken_and_not_read() {
    let node = Node::start().await;
    let mut ann = node.client().await;
    admitted(&mut ann, "anything").await;
    ann.say("token", json!({ "token": "anything" })).await;
    assert_eq!(ann.hear_event("token").await, json!({}));
}

#[tokio::test]
async fn without_signal_nothing_goes_to_a_peer() {
    on_each_site(&FLAGS, async |site| {
        let [mut ann, mut ben] =
            two(site.client().await, site.client().await, json!({ "signal": false })).await;
        for event_name in ["offer", "answer", "ice_candidate", "message", "wave"] {
            let data = json!({ "socketId": ben.id, "sdp": "", "candidate": "" });
            ann.say(event_name, data).await;
            assert!(ann.hear_error("forbidden").await["n"].is_u64());
        }
        // It wasn't handed on: the next thing that he hears is for all.
        ann.say("message", json!({ "body": "to all" })).await;
        assert_eq!(ben.hear_event("message").await["body"], "to all");
    })
    .await;
}

#[tokio::test]
async fn without_broadcast_nothing_goes_to_the_room() {
    on_each_site(&FLAGS, async |site| {
        let [mut ann, mut ben] =
            two(site.client().await, site.client().await, json!({ "broadcast": false })).await;
        for event_name in ["message", "wave"] {
            ann.say(event_name, json!({ "body": "to all" })).await;
            ann.hear_error("forbidden").await;
        }
        ann.say("message", json!({ "socketId": ben.id, "body": "to Ben" })).await;
        assert_eq!(ben.hear_event("message").await["body"], "to Ben");
    })
    .await;
}

#[tokio::test]
async fn without_info_nobody_shows_anything() {
    let node = node().await;
    let token = issuer().token(&granting(json!({ "info": false })));
    let mut ann = node.client().await;
    ann.say("join", json!({ "room": "room", "token": token, "info": { "name": "Ann" } })).await;
    ann.hear_error("forbidden").await;
    // The door is not shut for that.
    admitted(&mut ann, &token).await;
    ann.say("info", json!({ "info": { "name": "Ann" } })).await;
    ann.hear_error("forbidden").await;
    let mut ben = node.client().await;
    let peers = admitted(&mut ben, &issuer().token(&good())).await;
    assert_eq!(peers["peers"][0]["info"], json!(null));
}

#[tokio::test]
async fn a_token_says_how_many_may_be_there_but_no_more_than_the_node() {
    let node = Node::with(&[&FLAGS[..], &["--room-capacity", "3"]].concat()).await;
    let [two, many] = [2, 1000].map(|capacity| issuer().token(&granting(json!({ "capacity": capacity }))));
    let mut members: Vec<Client> = Vec::new();
    for (token, let_in) in [(&two, true), (&two, true), (&two, false), (&many, true), (&many, false)] {
        let mut client = node.client().await;
        client.say("join", json!({ "room": "room", "token": token })).await;
        if let_in {
            client.hear_event("peers").await;
            members.push(client);
        } else {
            client.hear_error("room_full").await;
        }
    }
}

/// Two in a room: the first with what it is granted, the second with all.
async fn two(mut ann: Client, mut ben: Client, grants: Value) -> [Client; 2] {
    admitted(&mut ann, &issuer().token(&granting(grants))).await;
    admitted(&mut ben, &issuer().token(&good())).await;
    ann.hear_newcomer(&ben).await;
    [ann, ben]
}

#[tokio::test]
async fn an_open_door_to_the_network_is_asked_for() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let output = command(&["--listen", listen]).output().await.expect("the binary");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        for part in ["anybody could join any room", "--auth-key or --auth-jwks", "--allow-anonymous"] {
            assert!(told.replace('\n', " ").contains(part), "{told}");
        }
    }
}

#[tokio::test]
async fn a_door_to_the_network_opens_by_either_way() {
    let anywhere = "0.0.0.0:0".parse().expect("an address");
    for flags in [&["--allow-anonymous"][..], &["--allow-anonymous=true"], &FLAGS] {
        let node = Process::start_at(anywhere, flags).await;
        assert!(node.is_ready().await, "{flags:?}");
    }
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused_without_the_key() {
    let set = ["--auth-jwks", "keys.json"];
    for (flags, said) in [
        (&["--auth-key", "s3cret"][..], "--auth-key is too short: it takes at least 32 bytes"),
        (&["--auth-key", "file:/nowhere/s"], "/nowhere/s, which can't be read"),
        (
            &["--auth-key", SECRET, "--auth-key", SECRET, "--auth-key", SECRET],
            "--auth-key may be given twice",
        ),
        (&[FLAGS[0], FLAGS[1], set[0], set[1]], "exclude each other"),
        (&[FLAGS[0], FLAGS[1], "--auth-algorithm", "RS256"], "isn't HS256"),
        (&set, "--auth-jwks takes --auth-algorithm, too"),
        (&[set[0], set[1], "--auth-algorithm", "HS256"], "--auth-jwks takes --auth-algorithm, too"),
        (&["--auth-jwks", "https://user:s3cret@id/keys", "--auth-algorithm", "RS256"], "without a user"),
        (&["--auth-jwks", "ftp://s3cret/keys", "--auth-algorithm", "RS256"], "takes a file, or a URL"),
        (&["--auth-audience", "rooms"], "do nothing without"),
        (&["--auth-issuer", "me"], "do nothing without"),
        (&["--auth-algorithm", "HS256"], "do nothing without"),
        (&[FLAGS[0], FLAGS[1], "--auth-leeway", "61s"], "--auth-leeway is at most 60s"),
        (&[FLAGS[0], FLAGS[1], "--allow-anonymous"], "--allow-anonymous contradicts"),
    ] {
        let output = command(flags).output().await.expect("the binary");
        let told = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(said), "{flags:?}: {told}");
        assert!(!told.contains("s3cret") && !told.contains(SECRET), "{told}");
    }
}

#[tokio::test]
async fn nothing_of_tokens_and_keys_is_logged() {
    let folder = Folder::new();
    folder.write(SECRET);
    let key = format!("file:{}", folder.path());
    let node = Process::start(&["--auth-key", &key, "--log", "trace"]).await;
    let good_one = issuer().token(&good());
    let bad_one = Issuer::hs256(b"another key of 32 bytes, and more").token(&good());
    let mut ann = node.client().await;
    admitted(&mut ann, &good_one).await;
    ann.say("token", json!({ "token": bad_one })).await;
    ann.hear_error("unauthorized").await;
    ann.say("token", json!({ "token": good_one })).await;
    ann.hear_event("token").await;
    let mut ben = node.client().await;
    ben.say("join", json!({ "room": "room", "token": bad_one })).await;
    ben.ended().await;
    let starting = format!("{:?}", node.starting);
    let (_, log) = node.stop().await;
    let log = format!("{starting}{log:?}");
    assert!(log.contains("connection"), "it logs something: {log}");
    for secret in [good_one.as_str(), &bad_one, SECRET].into_iter().flat_map(|secret| secret.split('.')) {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// A folder with one file, which goes with it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> String {
        self.0.path().join("keys.json").to_str().expect("UTF-8").to_owned()
    }

    /// Puts a text in the file's place, as a whole.
    fn write(&self, text: &str) {
        let next = self.0.path().join("next");
        fs::write(&next, text).expect("a writable folder");
        fs::rename(next, self.path()).expect("the same folder");
    }

    /// The flags of a node whose keys are in it. They live as long as the test.
    fn flags(&self, algorithm: &'static str) -> [&'static str; 4] {
        ["--auth-jwks", self.path().leak(), "--auth-algorithm", algorithm]
    }
}
