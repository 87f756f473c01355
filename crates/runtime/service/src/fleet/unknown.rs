//! What the vendor has nothing for, for a while: hosts ask again each time they start.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256_of;
use bulla_protocol::pcs::Request;

use crate::clock;
use crate::keeper::Absent;

/// How long it is believed, in seconds: as for documents.
const BELIEVED: u64 = 60;

/// Most that are remembered, at about 200 bytes each: all that clients may ask in vain in that
/// time, and registrations besides.
const MOST: usize = 1_024;

/// What the vendor has nothing for.
#[derive(Default)]
pub(super) struct Unknown(Mutex<HashMap<Question, (Absent, Timestamp)>>);

/// A question by its digest, which names no machine. By what is asked, not by who is named: whoever
/// names somebody else's platform and sends a PPID that does not exist must not silence it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question([u8; 32]);

impl Question {
    pub(super) fn of(request: &Request) -> Self {
        let parts = request.write();
        Self(sha256_of(&[
            parts.target().as_bytes(),
            b"\0",
            parts.body.as_slice(),
        ]))
    }
}

impl Unknown {
    /// What the vendor said, if that is still believed.
    pub(super) fn find(&self, question: Question, now: Timestamp) -> Option<Absent> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (absent, until) = all.get(&question)?;
        clock::is_waiting(now, *until, BELIEVED).then(|| absent.clone())
    }

    /// Remembers that the vendor has nothing; whatever else it said may change at any time.
    pub(super) fn note(&self, question: Question, absent: &Absent, now: Timestamp) {
        if !matches!(absent, Absent::Missing(_)) {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, until)| clock::is_waiting(now, *until, BELIEVED));
        if all.len() < MOST {
            all.insert(question, (absent.clone(), now.saturating_add(BELIEVED)));
        }
    }
}

#[cfg(test)]
mod tests {
    use bulla_protocol::pcs::PlatformKey;
    use bulla_protocol::value::{EncryptedPpid, PceId};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn question(number: u32) -> Question {
        let mut ppid = [1; 384];
        ppid[..4].copy_from_slice(&number.to_be_bytes());
        Question::of(&Request::PckCertificates {
            platform: PlatformKey::EncryptedPpid(Box::new(EncryptedPpid(ppid))),
            pceid: PceId([0; 2]),
        })
    }

    #[test]
    fn it_is_believed_for_a_minute_and_of_that_question_alone() {
        let unknown = Unknown::default();
        let missing = Absent::Missing("no such platform".to_owned());
        unknown.note(question(1), &missing, at(1_000));
        assert_eq!(unknown.find(question(1), at(1_059)), Some(missing));
        assert_eq!(unknown.find(question(1), at(1_060)), None);
        assert_eq!(unknown.find(question(1), at(10)), None);
        assert_eq!(unknown.find(question(2), at(1_000)), None);
        let later = Absent::Unavailable {
            reason: "busy".to_owned(),
            retry_after: 1,
        };
        unknown.note(question(2), &later, at(1_000));
        assert_eq!(unknown.find(question(2), at(1_000)), None);
    }

    #[test]
    fn the_memory_is_bounded_and_empties() {
        let unknown = Unknown::default();
        let missing = Absent::Missing(String::new());
        for number in 0..2_000 {
            unknown.note(question(number), &missing, at(1_000));
        }
        assert_eq!(unknown.0.lock().unwrap().len(), 1_024);
        unknown.note(question(5_000), &missing, at(2_000));
        assert_eq!(unknown.0.lock().unwrap().len(), 1);
    }
}
