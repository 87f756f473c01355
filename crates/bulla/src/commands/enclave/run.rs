//! Running an enclave, and telling how it ended.

use std::io::{self, Write};
use std::time::Duration;

use bulla_enclave::image::{self, Functions};
use bulla_enclave::machine::Machine;
use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::runner::{self, ARENA_SIZE, Connector, Ending, Limits, Outside, Report, Site};

use super::aesm;
use super::start::{Placed, passing_processor, start_read};
use crate::args::{Format, RunArgs};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::inspect::MAX_IMAGE_SIZE;
use crate::output::{Exit, remark};
use crate::render::style::{BAD, CAUTION, harmless, paint};
use crate::{input, time};

/// The first argument of every enclave, as the runner of Fortanix EDP has it.
const NAME: &str = "enclave";

/// The host behind which an enclave finds the service that quotes it.
const AESM: &str = "aesm.local";

pub(super) fn run(args: &RunArgs) -> Result<Exit> {
    let format = args.format.unwrap_or(Format::Text);
    let bytes = input::read("image", &args.image, MAX_IMAGE_SIZE)?;
    let functions = functions(args, &bytes)?;
    let placed = Placed::of(&args.platform)?;
    let processor = match &placed {
        Some(placed) => placed.processor(),
        None => passing_processor()?,
    };
    let mut outside = Outside::of_process(clock(placed.as_ref())?);
    if let Some(placed) = placed {
        let service = aesm::service(placed)?;
        let connector: Connector = Box::new(move || service.connect());
        outside.services.insert(AESM.to_owned(), connector);
    }
    let enclave = start_read(&bytes, &args.image, &args.signature, &args.memory)?;
    drop(bytes);
    let beside_hardware = match args.despite_hardware {
        true => BesideHardware::Insist,
        false => BesideHardware::Refuse,
    };
    let backend = PtraceBackend::new(&enclave, ARENA_SIZE, beside_hardware)?;
    let mut machine = Machine::new(backend, enclave, processor);
    if format == Format::Text {
        let mark = paint(CAUTION, "SIMULATED");
        remark(&format!(
            "{mark}  processor: isolation for development, not confidentiality"
        ));
    }
    let mut arguments = vec![NAME.to_owned()];
    arguments.extend(args.arguments.iter().cloned());
    let limits = Limits {
        compute: args
            .compute_limit
            .map(|seconds| Duration::from_secs(seconds.into())),
    };
    let report = runner::run(&mut machine, &arguments, outside, &limits);
    match format {
        Format::Text => tell(&report, &functions),
        Format::Json => {
            let line = serde_json::to_string(&fields(&report, &functions)).map_err(io::Error::from);
            line.and_then(|line| writeln!(io::stderr(), "{line}"))
                .map_err(Error::OutputFailed)?;
        }
    }
    Ok(match report.ending.is_success() {
        true => Exit::Done,
        false => Exit::Refused,
    })
}

/// The functions of the program, as far as a file names them.
fn functions(args: &RunArgs, image: &[u8]) -> Result<Functions> {
    let (path, read) = match &args.symbols {
        Some(path) => {
            let program = input::read("program", path, MAX_IMAGE_SIZE)?;
            (path, Functions::read(&program))
        }
        None if image::is_elf(image) => (&args.image, Functions::read(image)),
        None => return Ok(Functions::default()),
    };
    read.map_err(|error| Error::ImageInvalid {
        path: path.clone(),
        reason: error.to_string(),
    })
}

/// The clock of the outside: it starts when the platform does, and goes on from there.
fn clock(placed: Option<&Placed>) -> Result<Box<dyn Fn() -> u64>> {
    let started = time::since_1970()?;
    let start = match placed {
        Some(placed) => Duration::from_secs(placed.at.unix_seconds()),
        None => started,
    };
    Ok(Box::new(move || {
        // A clock that was set back shows the start until it has caught up.
        let passed = time::since_1970().map_or(Duration::ZERO, |now| now.saturating_sub(started));
        u64::try_from(start.saturating_add(passed).as_nanos()).unwrap_or(u64::MAX)
    }))
}

/// Tells people what went wrong; nothing where all went well.
fn tell(report: &Report, functions: &Functions) {
    for note in &report.notes {
        remark(&format!("{} {}", paint(CAUTION, "note:"), harmless(note)));
    }
    if report.ending.is_success() {
        return;
    }
    let ending = harmless(&report.ending.to_string());
    let code = report.ending.code();
    remark(&format!("{} {ending} ({code})", paint(BAD, "error:")));
    if let Some(site) = report.ending.site() {
        if let Some(function) = functions.at(site.offset) {
            remark(&format!("  in {}", harmless(&function)));
        }
        remark(site.registers.to_string().trim_end());
    }
}

fn fields(report: &Report, functions: &Functions) -> Fields {
    let exception = match &report.ending {
        Ending::Crashed(crash) => Some(crash.exception),
        _ => None,
    };
    let exception = exception.map(|exception| {
        Fields::new()
            .with("vector", exception.vector.mnemonic())
            .with("address", exception.address.map(|at| format!("{at:#x}")))
            .with("error_code", exception.error_code)
    });
    Fields::new()
        .with("simulated", true)
        .with("ending", report.ending.code())
        .with("message", report.ending.to_string())
        .with("exception", exception)
        .with(
            "site",
            report.ending.site().map(|site| place(site, functions)),
        )
        .with("notes", report.notes.clone())
        .with("calls", report.calls)
}

fn place(site: &Site, functions: &Functions) -> Fields {
    let registers = site.registers.named().into_iter();
    let registers = registers.fold(Fields::new(), |fields, (name, value)| {
        fields.with(name, format!("{value:#x}"))
    });
    Fields::new()
        .with("offset", format!("{:#x}", site.offset))
        .with("function", functions.at(site.offset))
        .with("registers", registers)
}
