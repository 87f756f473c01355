//! `bulla enclave`: images, their measurement and their signature.

mod diff;
mod load;
mod sign;

use crate::args::{ConvertArgs, EnclaveCommand, Format, MeasureArgs};
use crate::commands;
use crate::describe::Fields;
use crate::error::Result;
use crate::inspect;
use crate::output::{Exit, Output};
use crate::render::fields;

use load::Loaded;

pub(crate) fn run(command: &EnclaveCommand, output: &mut Output) -> Result<Exit> {
    let told = match command {
        EnclaveCommand::Convert(args) => convert(args)?,
        EnclaveCommand::Measure(args) => measure(args)?,
        EnclaveCommand::Sign(args) => sign::run(args)?,
        EnclaveCommand::Inspect(args) => return commands::inspect::run(args, output),
        EnclaveCommand::Diff(args) => return diff::run(args, output),
    };
    match output.format() {
        Format::Json => output.json(&told)?,
        Format::Text => {
            let mut text = String::new();
            fields::write(&told, 0, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn convert(args: &ConvertArgs) -> Result<Fields> {
    let loaded = Loaded::read_program(&args.program, &args.memory)?;
    let bytes = loaded.image.write();
    load::write(&args.out, &bytes)?;
    Ok(Fields::new()
        .with("image", args.out.display().to_string())
        .and(inspect::image_fields(&bytes)))
}

fn measure(args: &MeasureArgs) -> Result<Fields> {
    let loaded = Loaded::read(&args.image, &args.memory)?;
    Ok(inspect::image_fields(&loaded.image.write()))
}
