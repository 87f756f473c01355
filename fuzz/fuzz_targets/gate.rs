//! Requests and answers of the gate: whatever is read is written and read the same, and no message
//! of the reader repeats what it read.

#![no_main]

use std::fmt::Debug;

use bulla_protocol::gate::{
    AttestAnswer, AttestRequest, Challenge, ChallengeRequest, GateError, ReleaseAnswer,
    ReleaseRequest, Request, SecretSpec,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    request::<ChallengeRequest>(body);
    request::<AttestRequest>(body);
    request::<ReleaseRequest>(body);
    request::<SecretSpec>(body);
    answer(body, Challenge::read, Challenge::write);
    answer(body, AttestAnswer::read, AttestAnswer::write);
    answer(body, ReleaseAnswer::read, ReleaseAnswer::write);
});

fn request<T: Request + PartialEq + Debug>(body: &[u8]) {
    answer(body, T::read, T::write);
    if T::read(body).is_ok() {
        assert!(body.len() <= T::MAX_SIZE);
    }
}

fn answer<T: PartialEq + Debug>(
    body: &[u8],
    read: fn(&[u8]) -> Result<T, GateError>,
    write: fn(&T) -> Vec<u8>,
) {
    match read(body) {
        Ok(value) => assert_eq!(read(&write(&value)).expect("it was written"), value),
        // A fixed sentence with two numbers, or two sizes.
        Err(error) => assert!(error.to_string().len() < 160, "{error}"),
    }
}
