//! Reading a body within limits, on demand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Incoming};

use super::connection::Connection;

/// Longest body where a route sets no other limit, in bytes: as the vendor's cache has it.
pub const LONGEST_BODY: usize = 2 * 1024 * 1024;

/// The body of a request, which is read only on demand: whoever must not send one is refused before
/// it.
#[derive(Debug)]
pub struct RequestBody(Option<Unread>);

#[derive(Debug)]
struct Unread {
    incoming: Incoming,
    connection: Arc<Connection>,
}

/// Why a body was not read. What is left of it is not read either: the connection ends after the
/// answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It has more bytes than are allowed.
    #[error("the body is longer than the {limit} bytes that are allowed here")]
    TooLong {
        /// How many are allowed.
        limit: usize,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// It broke off, or is no body by the rules of HTTP. Nobody may be there for the answer.
    #[error("the body is incomplete or malformed")]
    Broken,
}

impl BodyError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, connection: &Arc<Connection>) -> Self {
        if incoming.is_end_stream() {
            return Self(None);
        }
        connection.leave_unread(true);
        Self(Some(Unread {
            incoming,
            connection: Arc::clone(connection),
        }))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Reads all of it, at most `limit` bytes; [`LONGEST_BODY`] where nothing speaks for another. A
    /// length that is announced and too large fails before anything is read; one beyond [`LONGEST_BODY`]
    /// has the time for a body so many times over.
    pub async fn read(self, limit: usize) -> Result<Bytes, BodyError> {
        let Some(Unread {
            incoming,
            connection,
        }) = self.0
        else {
            return Ok(Bytes::new());
        };
        let too_long = BodyError::TooLong { limit };
        let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_long);
        }
        let reading = Limited::new(incoming, limit).collect();
        let time = time_for(announced, connection.limits().body_time);
        match tokio::time::timeout(time, reading).await {
            Err(_) => Err(BodyError::TooSlow),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long),
            Ok(Err(_)) => Err(BodyError::Broken),
            Ok(Ok(collected)) => {
                connection.leave_unread(false);
                Ok(collected.to_bytes())
            }
        }
    }
}

/// How long a body may take of which this length is announced, in bytes: for each [`LONGEST_BODY`] of it the
/// time that one has, so that what is slow enough for one is for the other.
fn time_for(announced: usize, of_one: Duration) -> Duration {
    let count = announced.div_ceil(LONGEST_BODY).max(1);
    of_one.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_bodies_have_more_time() {
        let second = Duration::from_secs(1);
        for (announced, seconds) in [
            (0, 1),
            (1, 1),
            (LONGEST_BODY, 1),
            (LONGEST_BODY + 1, 2),
            (16 * LONGEST_BODY, 16),
        ] {
            assert_eq!(
                time_for(announced, second).as_secs(),
                seconds,
                "{announced}"
            );
        }
        assert!(time_for(usize::MAX, Duration::MAX) == Duration::MAX);
    }
}
