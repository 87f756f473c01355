//! `bulla baseline`: which TCB level is mandatory, for whom and from when on.

mod calendar;
mod decide;
mod list;
mod preview;

use crate::args::{BaselineCommand, ExceptionCommand};
use crate::error::Result;
use crate::output::{Exit, Output};

pub(crate) fn run(command: &BaselineCommand, output: &mut Output) -> Result<Exit> {
    match command {
        BaselineCommand::List(args) => list::rings(args, output),
        BaselineCommand::Show(args) => list::show(args, output),
        BaselineCommand::Plan(args) => decide::plan(args, output),
        BaselineCommand::Apply(args) => decide::apply(args, output),
        BaselineCommand::Preview(args) => preview::run(args, output),
        BaselineCommand::Pause(args) => decide::pause(args, output),
        BaselineCommand::Resume(args) => decide::resume(args, output),
        BaselineCommand::Rollback(args) => decide::roll_back(args, output),
        BaselineCommand::Exception(ExceptionCommand::List(args)) => list::exceptions(args, output),
        BaselineCommand::Exception(ExceptionCommand::Grant(args)) => decide::grant(args, output),
        BaselineCommand::Exception(ExceptionCommand::End(args)) => decide::end(args, output),
        BaselineCommand::History(args) => list::history(args, output),
        BaselineCommand::Calendar(args) => calendar::run(args, output),
    }
}
