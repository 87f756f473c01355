//! `bulla demo`: the whole story on this machine. A vendor, its platforms, the service with the
//! vendor switched off, attestation, a key released, work; and each way it must not go.

mod asking;
mod attempt;
mod enclave;
mod interruption;
mod play;
mod stage;
mod story;
mod text;
mod trial;
mod world;

use crate::args::{DemoArgs, Format};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::time;

use interruption::Interruption;
use play::Play;
use story::{Attempt, Story};
use trial::TRIALS;

/// What a shell says of a command that an interrupt ended.
const INTERRUPTED: u8 = 130;

pub(crate) fn run(args: &DemoArgs, output: &mut Output) -> Result<Exit> {
    let interruption = Interruption::listen()?;
    let told = tell(args, &interruption);
    if interruption.is_there() {
        return Ok(Exit::Other(INTERRUPTED));
    }
    let story = told?;
    match output.format() {
        Format::Json => output.json(&story)?,
        Format::Text => output.text(&text::text(&story))?,
    }
    Ok(match story.as_expected {
        true => Exit::Done,
        false => Exit::Refused,
    })
}

/// Plays it all. Nothing of it is left afterwards.
fn tell(args: &DemoArgs, interruption: &Interruption) -> Result<Story> {
    let at = time::now()?;
    let mut play = Play::open(at, args.model_only, interruption)?;
    let (steps, chain) = play.act()?;
    let attempts: Vec<Attempt> = TRIALS
        .into_iter()
        .map(|trial| Ok(Attempt::of(trial, trial.make(&play)?)))
        .collect::<Result<_>>()?;
    let not_executed = play.not_executed().map(str::to_owned);
    Ok(Story {
        simulated: true,
        at: at.to_string(),
        executed: not_executed.is_none(),
        not_executed,
        as_expected: attempts.iter().all(|attempt| attempt.as_expected),
        steps,
        attempts,
        chain,
    })
}

fn broken(reason: impl ToString) -> Error {
    Error::DemoBroken {
        reason: reason.to_string(),
    }
}
