//! Names of exchanges, by which logs of several services are put together.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// The header that bears the name, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The name of an exchange: 32 hexadecimal digits. No secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// The name that the client gave, where there is exactly one and it is well formed, or else a
    /// fresh one.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(REQUEST_ID).iter();
        match (given.next(), given.next()) {
            (Some(only), None) => Self::read(only.as_bytes()).unwrap_or_else(Self::fresh),
            _ => Self::fresh(),
        }
    }

    /// The name with these digits, as they stand; `None` where they are not 32 hexadecimal ones.
    pub fn read(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 32] = digits.try_into().ok()?;
        digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then_some(Self(digits))
    }

    /// A name that nothing else has.
    pub fn fresh() -> Self {
        thread_local! {
            // Random, from keys of the operating system, and other ones in each thread.
            static NEXT: Cell<[u64; 2]> = Cell::new([0, 1].map(|n| RandomState::new().hash_one(n)));
        }
        let octets = NEXT.with(|next| {
            let state = next.get().map(|half| half.wrapping_add(STEP));
            next.set(state);
            let [high, low] = state.map(|half| u128::from(mix(half)));
            (high << 64 | low).to_be_bytes()
        });
        let mut digits = [0; 32];
        for (pair, octet) in digits.chunks_exact_mut(2).zip(octets) {
            pair.copy_from_slice(&[digit(octet >> 4), digit(octet & 0xf)]);
        }
        Self(digits)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The value of the header.
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// By how much the state of the generator SplitMix64 moves on: 2^64 through the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What SplitMix64 makes of its state (Steele, Lea and Flood, OOPSLA 2014).
fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + (nibble - 10),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn of(values: &[&'static str]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(REQUEST_ID, HeaderValue::from_static(value));
        }
        RequestId::of(&headers)
    }

    #[test]
    fn a_well_formed_name_is_taken_over_as_it_stands() {
        let given = "0123456789abcdefABCDEF0123456789";
        assert_eq!(of(&[given]).as_str(), given);
    }

    #[test]
    fn anything_else_gets_a_fresh_name() {
        let given = "0123456789abcdefABCDEF0123456789";
        for values in [
            &[][..],
            &[""],
            &["0123456789abcdefABCDEF012345678"],
            &["0123456789abcdefABCDEF01234567890"],
            &["0123456789abcdefABCDEF012345678g"],
            &[given, given],
        ] {
            let name = of(values);
            assert_ne!(name.as_str(), given);
            assert!(RequestId::read(name.as_str().as_bytes()).is_some());
        }
    }

    #[test]
    fn fresh_names_differ_also_between_threads() {
        let many = || (0..1_000).map(|_| RequestId::fresh().to_string());
        let mut names: HashSet<String> = many().collect();
        let others = std::thread::spawn(move || many().collect::<Vec<_>>());
        names.extend(others.join().unwrap());
        assert_eq!(names.len(), 2_000);
    }
}
