//! Bodies of answers: whole, or broken off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// The body of an answer.
pub(super) type AnswerBody = Either<Full<Bytes>, Truncated>;

/// How long the first half has to leave before the connection ends.
const PAUSE: Duration = Duration::from_millis(20);

/// The whole body.
pub(super) fn whole(bytes: Vec<u8>) -> AnswerBody {
    Either::Left(Full::new(Bytes::from(bytes)))
}

/// A body that announces all of `bytes` and ends in their middle, and the connection with it.
pub(super) fn truncated(bytes: Vec<u8>) -> AnswerBody {
    let announced = bytes.len();
    let mut half = Bytes::from(bytes);
    half.truncate(announced / 2);
    Either::Right(Truncated {
        announced: u64::try_from(announced).unwrap_or(u64::MAX),
        half: Some(half),
        pause: None,
    })
}

/// See [`truncated`].
#[derive(Debug)]
pub(super) struct Truncated {
    announced: u64,
    half: Option<Bytes>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body for Truncated {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
        pause
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
