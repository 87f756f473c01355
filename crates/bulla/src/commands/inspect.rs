//! `bulla inspect`: what is in a file, field by field.

use crate::args::{Format, InspectArgs};
use crate::error::Result;
use crate::inspect::{self, Description};
use crate::output::{Exit, Output};
use crate::render::fields;
use crate::render::style::{CAUTION, STRONG, paint};

pub(crate) fn run(args: &InspectArgs, output: &mut Output) -> Result<Exit> {
    let description = inspect::describe(&args.path)?;
    match output.format() {
        Format::Json => output.json(&description)?,
        Format::Text => output.text(&text(&description))?,
    }
    Ok(Exit::Done)
}

fn text(description: &Description) -> String {
    let mut text = format!(
        "{}  {}\n\n",
        paint(STRONG, description.kind),
        paint(CAUTION, "nothing here was verified")
    );
    fields::write(&description.fields, 0, &mut text);
    text
}
