//! What comes with a request.

use bulla_protocol::wire::Status;
use bytes::Bytes;

use super::Problem;
use crate::http::Asked;

/// Reads a body of at most so many bytes.
pub(crate) async fn read(asked: Asked, most: usize) -> Result<Bytes, Problem> {
    asked.body.read(most).await.map_err(|error| {
        let title = "The body cannot be read.";
        let status = Status::new(error.status().as_u16()).unwrap_or(Status::BAD_REQUEST);
        Problem::new(status, "invalid-body", title).because(&error.to_string())
    })
}

/// The same as text; `what` it is stands in the message.
pub(crate) async fn read_text(asked: Asked, most: usize, what: &str) -> Result<String, Problem> {
    let body = read(asked, most).await?;
    String::from_utf8(body.into()).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Problem::bad_request(&format!("{what} is no UTF-8 text from byte {offset} on"))
    })
}
