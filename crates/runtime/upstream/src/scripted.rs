//! An upstream that does what a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla_protocol::pcs::Answer;
use tokio::time::sleep;

use crate::trouble::Trouble;

/// What happens to one exchange.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Give(Answer),
    Fail(Trouble),
    /// Gives after a time.
    Slowly(Duration, Answer),
    Hang,
}

/// Acts in their order; the last one for ever.
#[derive(Clone, Debug)]
pub(crate) struct Scripted(Arc<Mutex<(VecDeque<Act>, u32)>>);

impl Scripted {
    pub(crate) fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self(Arc::new(Mutex::new((acts.into_iter().collect(), 0))))
    }

    /// How many exchanges there were.
    pub(crate) fn calls(&self) -> u32 {
        self.0.lock().unwrap().1
    }

    pub(crate) async fn exchange(&self) -> Result<Answer, Trouble> {
        let act = {
            let mut script = self.0.lock().unwrap();
            script.1 += 1;
            match script.0.len() {
                1 => script.0[0].clone(),
                _ => script.0.pop_front().expect("an act"),
            }
        };
        match act {
            Act::Give(answer) => Ok(answer),
            Act::Fail(trouble) => Err(trouble),
            Act::Slowly(time, answer) => {
                sleep(time).await;
                Ok(answer)
            }
            Act::Hang => std::future::pending().await,
        }
    }
}
