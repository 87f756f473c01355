//! What is logged of an answer.
//!
//! Alone in its process and on one thread: whether anybody wants a line of the log is remembered for
//! the whole process by the thread that comes to it first, and threads of other tests want none.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod http {
    mod access_log;
    #[expect(dead_code, reason = "one test needs a part of it")]
    mod support;
}
