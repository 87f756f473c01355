//! `bulla enclave`: images, their measurement and their signature, and how they run.

mod aesm;
mod diff;
mod load;
mod quote;
mod run;
mod seal_info;
mod sign;
mod start;

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
        EnclaveCommand::Run(args) => return run::run(args),
        EnclaveCommand::Quote(args) => quote::run(args)?,
        EnclaveCommand::Aesm(args) => return aesm::run(args, output),
        EnclaveCommand::SealInfo(args) => return seal_info::run(args, output),
    };
    tell(&told, output)?;
    Ok(Exit::Done)
}

fn tell(told: &Fields, output: &mut Output) -> Result<()> {
    match output.format() {
        Format::Json => output.json(told),
        Format::Text => {
            let mut text = String::new();
            fields::write(told, 0, &mut text);
            output.text(&text)
        }
    }
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
