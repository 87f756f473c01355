//! Whatever is wrong with a request to the gate: a documented refusal, nothing changed, and no
//! secret. That each answer is described in `docs/openapi.json` is checked with every request.

use bulla_pki::hpke::KeyPair;
use bulla_tests::front::{ADMINISTRATOR, Front, JSON};
use bulla_tests::gatehouse::{Gatehouse, POLICY};
use proptest::prelude::*;
use serde_json::{Value, json};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A place in a request, as a JSON pointer, and whether it may be left out.
type Place = (&'static str, bool);

/// A request that is good, and its places.
fn requests(house: &Gatehouse) -> Vec<(&'static str, &'static str, Value, Vec<Place>)> {
    let key = key();
    let attest = house
        .attempt(&key)
        .with("audience", "https://a.example")
        .body;
    let release = json!({ "token": house.token(&key), "secret": "database" });
    let secret = json!({
        "policy": POLICY,
        "value": "AAAA",
        "times": 1,
        "until": "2027-01-01T00:00:00Z",
        "platforms": ["00".repeat(32)],
    });
    vec![
        (
            "POST",
            "/attest",
            attest,
            vec![
                ("/nonce", false),
                ("/evidence", false),
                ("/evidence/format", false),
                ("/evidence/quote", false),
                ("/public_key", false),
                ("/public_key/kty", false),
                ("/public_key/crv", false),
                ("/public_key/x", false),
                ("/policy", false),
                ("/audience", true),
            ],
        ),
        (
            "POST",
            "/release",
            release,
            vec![("/token", false), ("/secret", false)],
        ),
        (
            "PUT",
            "/gate/secrets?name=other",
            secret,
            vec![
                ("/policy", false),
                ("/value", false),
                ("/times", true),
                ("/until", true),
                ("/platforms", true),
                ("/platforms/0", true),
            ],
        ),
    ]
}

fn send(front: &Front, method: &str, target: &str, body: &[u8]) -> u16 {
    front
        .send(method, target, &[ADMINISTRATOR, JSON], body)
        .status()
}

/// Values that no member can have.
fn wrong() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e300),
        json!([]),
        json!({}),
        json!([["a"]]),
        json!({ "a": 1 }),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("å"),
        json!("\u{202e}"),
        json!("=".repeat(43)),
        json!("\n".repeat(10)),
        json!("../../etc/passwd"),
        json!("%00"),
    ]
}

#[test]
fn every_member_missing_or_of_another_kind_is_refused() {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({}));
    let requests = requests(&house);
    let (state, _) = house.front.state();
    for (method, target, good, places) in &requests {
        for (place, optional) in places {
            let (parent, name) = place.rsplit_once('/').expect("a pointer");
            let mut without = good.clone();
            let parent = without.pointer_mut(parent).expect("a parent");
            if let (Value::Object(members), false) = (parent, optional) {
                members.remove(name);
                let status = send(&house.front, method, target, without.to_string().as_bytes());
                assert_eq!(status, 400, "{target} without {place}");
            }
            for value in wrong() {
                // An audience is any text that can be seen.
                let is_text =
                    |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
                if *place == "/audience" && value.as_str().is_some_and(is_text) {
                    continue;
                }
                let mut changed = good.clone();
                *changed.pointer_mut(place).expect("a place") = value.clone();
                let status = send(&house.front, method, target, changed.to_string().as_bytes());
                assert_eq!(status, 400, "{target} {place} {value}");
            }
        }
        // A member that is not known, and one that stands twice.
        let mut more = good.clone();
        more["simulated"] = json!(true);
        assert_eq!(
            send(&house.front, method, target, more.to_string().as_bytes()),
            400
        );
        let text = good.to_string();
        let (first, _) = places[0];
        let name = first.trim_start_matches('/');
        let twice = format!("{{\"{name}\":{},{}", good[name], &text[1..]);
        assert_eq!(
            send(&house.front, method, target, twice.as_bytes()),
            400,
            "{twice:.80}"
        );
    }
    assert_eq!(house.front.state().0, state);
}

#[test]
fn every_member_that_is_huge_is_refused() {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({}));
    for (method, target, good, places) in requests(&house) {
        for (place, _) in places {
            for size in [1_000_usize, 20_000, 60_000, 190_000, 3_000_000] {
                let long = match place {
                    "/times" => json!("9".repeat(size)),
                    // Base64 of that size may be a quote, a value or a token: too long only beyond
                    // their limits.
                    "/evidence/quote" | "/value" if size < 100_000 => continue,
                    "/platforms" => json!(vec!["00".repeat(32); size / 30 + 1_025]),
                    _ => json!("A".repeat(size)),
                };
                let mut changed = good.clone();
                *changed.pointer_mut(place).expect("a place") = long;
                let status = send(&house.front, method, target, changed.to_string().as_bytes());
                let is_refused = [400, 413].contains(&status);
                assert!(is_refused, "{target} {place} of {size}: {status}");
            }
        }
    }
}

#[test]
fn a_body_in_another_encoding_is_refused() {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({}));
    for (method, target, good, _) in requests(&house) {
        let text = good.to_string();
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let latin = [b"{\"a\":\"\xe5\",".as_slice(), &text.as_bytes()[1..]].concat();
        let form = b"nonce=a&policy=b".to_vec();
        let twice = text.repeat(2).into_bytes();
        let cut = text.as_bytes()[..text.len() - 1].to_vec();
        let list = format!("[{text}]").into_bytes();
        let deep = format!("{}{text}", "{\"a\":".repeat(5_000)).into_bytes();
        for body in [utf_16, marked, latin, form, twice, cut, list, deep] {
            let status = send(&house.front, method, target, &body);
            assert!([400, 413].contains(&status), "{target}: {status}");
        }
    }
}

#[test]
fn a_number_where_there_must_be_one_has_its_range() {
    let house = Gatehouse::open();
    let good = json!({ "policy": POLICY, "value": "AAAA" });
    let put = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        let body = changed.to_string();
        send(&house.front, "PUT", "/gate/secrets?name=a", body.as_bytes())
    };
    assert_eq!(put("times", json!(4_294_967_295_u32)), 200);
    assert_eq!(put("times", json!(4_294_967_296_u64)), 400);
    for until in [
        "2026-02-30T00:00:00Z",
        "2026-11-23",
        "9999-99-99T99:99:99Z",
        "2026-11-23T00:00:00+01:00",
    ] {
        assert_eq!(put("until", json!(until)), 400, "{until}");
    }
    // What has passed already is the operator's affair.
    assert_eq!(put("until", json!("1970-01-01T00:00:00Z")), 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Bytes that anybody may have changed on their way: an answer that is described, and never a
    /// result.
    #[test]
    fn a_changed_byte_never_makes_more_of_a_request(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 40),
    ) {
        let house = Gatehouse::open();
        house.put_secret("database", b"open sesame", &json!({ "times": 1 }));
        let key = key();
        let token = house.token(&key);
        let good = json!({ "token": token, "secret": "database" }).to_string().into_bytes();
        for (place, byte) in changes {
            let mut body = good.clone();
            let place = place.index(body.len());
            if body[place] == byte {
                continue;
            }
            body[place] = byte;
            let status = send(&house.front, "POST", "/release", &body);
            prop_assert!([400, 403].contains(&status), "{}", status);
        }
        prop_assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    }
}
