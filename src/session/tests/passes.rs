//! What a door grants, for as long as it grants it.

use super::*;

/// A door that reads what it grants from the token: JSON with `signal`, `broadcast`, `info`, `capacity` and `seconds`.
#[derive(Debug)]
struct Reading;

impl Door for Reading {
    fn admit(&self, _: Knock, token: Option<&str>, room: &RoomName) -> Result<Grants, Denied> {
        let token = token.ok_or_else(|| Denied::unauthorized("no token"))?;
        let token: Value = serde_json::from_str(token).map_err(|_| Denied::unauthorized("no token"))?;
        if token["room"].as_str().is_some_and(|other| other != room.as_str()) {
            return Err(Denied::forbidden("another room"));
        }
        let flag = |name: &str| token[name].as_bool().unwrap_or(true);
        Ok(Grants {
            signal: flag("signal"),
            broadcast: flag("broadcast"),
            info: flag("info"),
            capacity: token["capacity"].as_u64().and_then(|n| NonZeroUsize::new(usize::try_from(n).ok()?)),
            valid_for: token["seconds"].as_u64().map(Duration::from_secs),
        })
    }
}

struct Visit {
    session: Session,
    now: Instant,
}

impl Visit {
    fn begin() -> Self {
        let now = start();
        Self { session: Session::new(Arc::new(rules()), SECRETS, Box::new(Reading), now), now }
    }

    /// A member of a room with one peer, number 1.
    fn with(token: &Value) -> Self {
        let mut visit = Self::begin();
        visit.join(token);
        visit.enter();
        visit
    }

    fn join(&mut self, token: &Value) -> Vec<Effect> {
        self.says("join", &json!({ "room": "room", "token": token.to_string(), "resume": true }))
    }

    fn enter(&mut self) {
        let snapshot = Snapshot { version: 1, peers: vec![peer(id(1), 0)] };
        self.input(Input::Exchange(Event::Joined(snapshot)));
    }

    fn says(&mut self, event_name: &str, data: &Value) -> Vec<Effect> {
        self.says_numbered(event_name, data, None)
    }

    fn says_numbered(&mut self, event_name: &str, data: &Value, n: Option<u64>) -> Vec<Effect> {
        let frame = json!({ "eventName": event_name, "data": data, "n": n });
        self.input(Input::Text(&frame.to_string()))
    }

    fn renews(&mut self, token: &Value) -> Vec<Effect> {
        self.says("token", &json!({ "token": token.to_string() }))
    }

    fn after(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.input(Input::Tick)
    }

    /// Seconds in which its client says something, so that it isn't taken for gone.
    fn talks_for(&mut self, seconds: u64) -> Vec<Effect> {
        let effects = (0..seconds).flat_map(|_| {
            let mut effects = self.input(Input::Heard);
            effects.extend(self.after(Duration::from_secs(1)));
            effects
        });
        effects.collect()
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.session.handle(input, self.now, &mut effects);
        effects
    }
}

/// Name and data of the frames, and the code of errors.
fn told(effects: &[Effect]) -> Vec<(String, Value)> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Send(text) | Effect::Refuse(_, Some(text)) => Some(text.as_str()),
        _ => None,
    });
    let read = frames.map(|text| {
        let mut frame: Value = serde_json::from_str(text).expect("JSON");
        (frame["eventName"].as_str().expect("a name").to_owned(), frame["data"].take())
    });
    read.collect()
}

const EXPIRED: [Effect; 2] =
    [Effect::Leave(LeaveReason::Lost), Effect::End(Ending::Closed(CloseCode::Unauthorized))];

#[test]
fn who_is_denied_is_told_why_counted_and_closed() {
    let (id, key) = ("0".repeat(SocketId::LEN), "1".repeat(ResumeKey::LEN));
    let resume = json!({ "room": "room", "socketId": id, "key": key, "attempt": 1, "received": {} });
    let mut elsewhere = resume.clone();
    elsewhere["token"] = json!({ "room": "other" }).to_string().into();
    for (knock, event_name, data, code, close) in [
        (Knock::Join, "join", json!({ "room": "room" }), ErrorCode::Unauthorized, CloseCode::Unauthorized),
        (Knock::Resume, "resume", resume, ErrorCode::Unauthorized, CloseCode::Unauthorized),
        (Knock::Resume, "resume", elsewhere, ErrorCode::Forbidden, CloseCode::Forbidden),
    ] {
        let effects = Visit::begin().says(event_name, &data);
        let [Effect::TurnedAway(what, counted), Effect::Refuse(told, Some(_)), Effect::End(end)] =
            &effects[..]
        else {
            panic!("{effects:?}")
        };
        assert_eq!((*what, *counted, *told, *end), (knock, code, code, Ending::Closed(close)));
    }
}

#[test]
fn a_skyrtc_client_shows_its_token_too() {
    let mut visit = Visit::begin();
    let token = json!({ "signal": false }).to_string();
    visit.says("__join", &json!({ "room": "room", "token": token }));
    visit.enter();
    let offer = json!({ "socketId": id(1).as_str(), "sdp": "" });
    assert_eq!(visit.says("__offer", &offer), [Effect::Refuse(ErrorCode::Forbidden, None)]);

    let effects = Visit::begin().says("__join", &json!({ "room": "room" }));
    let end = Effect::End(Ending::Closed(CloseCode::Unauthorized));
    assert_eq!(effects[1..], [Effect::Refuse(ErrorCode::Unauthorized, None), end]);
}

#[test]
fn each_grant_is_asked_for_where_it_is_used() {
    let to_peer = json!({ "socketId": id(1).as_str() });
    for (grant, event_name, data) in [
        ("signal", "offer", to_peer.clone()),
        ("signal", "answer", to_peer.clone()),
        ("signal", "ice_candidate", to_peer.clone()),
        ("signal", "message", to_peer.clone()),
        ("signal", "wave", to_peer),
        ("broadcast", "message", json!({})),
        ("broadcast", "wave", json!({})),
        ("info", "info", json!({ "info": 1 })),
    ] {
        let n = (event_name != "info").then_some(7);
        let mut visit = Visit::with(&json!({ grant: false }));
        let effects = visit.says_numbered(event_name, &data, n);
        let [(_, error)] = &told(&effects)[..] else { panic!("{effects:?}") };
        assert_eq!((&error["code"], error["n"].as_u64()), (&json!("forbidden"), n), "{grant} {event_name}");
        assert!(error["message"].as_str().expect("a sentence").contains(grant), "{error}");
        assert_eq!(effects.len(), 1, "it goes nowhere, and ends nothing");
        // A number that was refused was handled.
        if n.is_some() {
            assert!(visit.says_numbered(event_name, &data, n).is_empty());
        }

        let others = json!({ "signal": grant == "signal", "broadcast": grant == "broadcast", "info": grant == "info" });
        let effects = Visit::with(&others).says_numbered(event_name, &data, n);
        assert!(
            matches!(effects[..], [Effect::Post(..) | Effect::Broadcast(_) | Effect::SetInfo(_)]),
            "{grant} is enough for {event_name}: {effects:?}"
        );
    }
}

#[test]
fn who_may_show_nothing_joins_without_info() {
    let token = json!({ "info": false }).to_string();
    let mut visit = Visit::begin();
    let effects = visit.says("join", &json!({ "room": "room", "token": token, "info": 1 }));
    let [Effect::TurnedAway(Knock::Join, ErrorCode::Forbidden), Effect::Refuse(ErrorCode::Forbidden, _)] =
        effects[..]
    else {
        panic!("{effects:?}")
    };
    let effects = visit.says("join", &json!({ "room": "room", "token": token, "info": null }));
    assert!(matches!(effects[..], [Effect::Join(..)]), "{effects:?}");
}

#[test]
fn how_many_may_be_there_goes_with_the_join() {
    for (token, asked) in [(json!({ "capacity": 2 }), NonZeroUsize::new(2)), (json!({}), None)] {
        let effects = Visit::begin().join(&token);
        let [Effect::Join(_, _, capacity, _)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(*capacity, asked);
    }
}

#[test]
fn the_end_is_told_before_it_comes_and_ends_the_connection() {
    let mut visit = Visit::with(&json!({ "seconds": 100 }));
    assert_eq!(visit.talks_for(69), []);
    assert_eq!(told(&visit.talks_for(1)), [("token_expiring".to_owned(), json!({ "afterMs": 30_000 }))]);
    assert_eq!(visit.talks_for(29), [], "it is told once");
    assert_eq!(visit.talks_for(1), EXPIRED, "it can't be resumed");
}

#[test]
fn one_that_ends_soon_is_told_at_once() {
    let mut visit = Visit::with(&json!({ "seconds": 10 }));
    assert!(visit.session.deadline() <= visit.now);
    assert_eq!(
        told(&visit.input(Input::Tick)),
        [("token_expiring".to_owned(), json!({ "afterMs": 10_000 }))]
    );
    assert_eq!(visit.session.deadline(), visit.now + Duration::from_secs(10));
}

#[test]
fn it_ends_while_its_client_waits_to_be_let_in() {
    let mut visit = Visit::begin();
    visit.join(&json!({ "seconds": 2 }));
    assert_eq!(visit.session.deadline(), visit.now + Duration::from_secs(2));
    assert_eq!(visit.after(Duration::from_secs(2)), EXPIRED);
}

#[test]
fn a_client_that_left_may_wait_without_a_token() {
    let mut visit = Visit::with(&json!({ "seconds": 5 }));
    visit.says("leave", &json!({}));
    assert_eq!(visit.after(Duration::from_secs(9)), []);
    assert_eq!(told(&visit.renews(&json!({})))[0].1["code"], "not_joined");
}

#[test]
fn another_token_takes_the_place_of_the_first() {
    let mut visit = Visit::with(&json!({ "seconds": 31, "broadcast": false }));
    let [(name, data)] = &told(&visit.renews(&json!({ "seconds": 90 })))[..] else { panic!("an answer") };
    assert_eq!((name.as_str(), data), ("token", &json!({ "validForMs": 90_000 })));
    assert!(matches!(visit.says_numbered("message", &json!({}), Some(1))[..], [Effect::Broadcast(_)]));
    assert_eq!(told(&visit.talks_for(60)).last().expect("a warning").0, "token_expiring");
    let [(_, data)] = &told(&visit.renews(&json!({ "signal": false })))[..] else { panic!("an answer") };
    assert_eq!(data, &json!({}), "it doesn't end");
    let effects = visit.says_numbered("offer", &json!({ "socketId": id(1).as_str() }), Some(2));
    assert_eq!(told(&effects)[0].1["code"], "forbidden", "grants are replaced, not added");
}

#[test]
fn one_that_is_not_good_changes_nothing() {
    let mut visit = Visit::with(&json!({ "seconds": 100, "broadcast": false }));
    for (token, code) in [(json!("no token"), "unauthorized"), (json!({ "room": "other" }), "forbidden")] {
        let token = token.as_str().map_or(token.to_string(), str::to_owned);
        let effects = visit.says("token", &json!({ "token": token }));
        assert_eq!((told(&effects)[0].1["code"].as_str(), effects.len()), (Some(code), 2));
        assert!(matches!(effects[0], Effect::TurnedAway(Knock::Renew, _)));
    }
    let effects = visit.says_numbered("message", &json!({}), Some(1));
    assert_eq!(told(&effects)[0].1["code"], "forbidden");
    assert_eq!(visit.talks_for(100).last(), EXPIRED.last());
}

proptest! {
    /// Whatever a client does with its tokens, and when: what it sends goes out if, and only if, the last good one is still
    /// good and says so; and its session wants to be woken before that ends.
    #[test]
    fn what_goes_out_was_granted(steps in prop::collection::vec(
        prop_oneof![
            (1..40u64).prop_map(Doing::Waits),
            (1..80u64, any::<bool>()).prop_map(|(seconds, may)| Doing::Renews(seconds, may)),
            Just(Doing::RenewsInVain),
            Just(Doing::Sends),
        ],
        1..40,
    )) {
        let mut visit = Visit::with(&json!({ "seconds": 50 }));
        let (mut end, mut may, mut n) = (visit.now + Duration::from_secs(50), true, 0);
        for step in steps {
            prop_assert!(visit.session.deadline() <= end);
            match step {
                Doing::Waits(seconds) => drop(visit.talks_for(seconds)),
                Doing::Renews(seconds, broadcast) => {
                    visit.renews(&json!({ "seconds": seconds, "broadcast": broadcast }));
                    (end, may) = (visit.now + Duration::from_secs(seconds), broadcast);
                }
                Doing::RenewsInVain => drop(visit.renews(&json!({ "room": "other", "seconds": 1000 }))),
                Doing::Sends => {
                    n += 1;
                    let effects = visit.says_numbered("message", &json!({}), Some(n));
                    prop_assert_eq!(matches!(effects[..], [Effect::Broadcast(_)]), may, "{:?}", effects);
                }
            }
            if visit.now >= end {
                prop_assert!(matches!(visit.session.state, State::Over));
                return Ok(());
            }
            prop_assert!(matches!(visit.session.state, State::Inside(_)));
        }
    }
}

#[derive(Clone, Debug)]
enum Doing {
    Waits(u64),
    Renews(u64, bool),
    RenewsInVain,
    Sends,
}
