//! Images from elsewhere: every `NAME.sgxs` in the folder that `BULLA_ENCLAVES` names, with its
//! SIGSTRUCT `NAME.sig` beside it where there is one.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::machine::{Backend, Exit, Machine, Registers, flags};
use bulla_enclave::runner::{ARENA_SIZE, Limits, Outside, run};
use bulla_evidence::layout::SgxReport;
use bulla_issuer::Seed;
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::{SecinfoFlags, TargetInfo};
use bulla_processor::{
    Enclave, EnclaveSigner, Fuses, Grants, Processor, Sigstruct, StartParameters,
};
use zerocopy::{FromBytes, FromZeros};

/// The images of the folder. Where there is none, a line says so, and with `enclaves` in
/// `BULLA_REQUIRE` the test fails.
fn images() -> Vec<PathBuf> {
    let folder = std::env::var_os("BULLA_ENCLAVES").map(PathBuf::from);
    let entries = folder.map(|folder| fs::read_dir(folder).expect("BULLA_ENCLAVES is a folder"));
    let mut images: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension() == Some(OsStr::new("sgxs")))
        .collect();
    images.sort();
    if images.is_empty() {
        let required = std::env::var("BULLA_REQUIRE").unwrap_or_default();
        let required = required.split(',').any(|word| word.trim() == "enclaves");
        assert!(!required, "no image is in the folder BULLA_ENCLAVES");
        tell("SKIPPED images from elsewhere: the folder that BULLA_ENCLAVES names has none");
    }
    images
}

/// An image as a file has it.
fn read(path: &Path) -> Image {
    Image::parse(&fs::read(path).expect("it can be read")).expect("canonical")
}

/// Not by `eprintln!`, which the test runner keeps to itself where a test passes.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The SIGSTRUCT beside an image; one of our own where there is none.
fn sigstruct(path: &Path, image: &Image) -> Sigstruct {
    let mrenclave = image.mrenclave().expect("the size is known");
    let bytes = fs::read(path.with_extension("sig")).ok();
    match bytes {
        Some(bytes) => Sigstruct::parse(&bytes).expect("a SIGSTRUCT").clone(),
        None => {
            tell(&format!("{}: signed here, it has no .sig", path.display()));
            let mut sigstruct = Sigstruct {
                attributes: StartParameters::new(0).attributes,
                ..Sigstruct::new(mrenclave)
            };
            EnclaveSigner::demonstration().sign(&mut sigstruct);
            sigstruct
        }
    }
}

fn machine(enclave: Enclave) -> Machine<PtraceBackend> {
    let backend = PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse);
    let processor = Processor::new(Fuses::derive(&Seed::from(1), "public"), [5; 16]);
    Machine::new(backend.expect("placed"), enclave, processor)
}

#[test]
fn images_from_elsewhere_are_measured_initialised_and_entered() {
    for path in images() {
        let name = path.display();
        let image = read(&path);
        let sigstruct = sigstruct(&path, &image);
        assert_eq!(sigstruct.check_format(), Ok(()), "{name}");
        assert_eq!(sigstruct.check_signature(), Ok(()), "{name}");
        assert_eq!(image.mrenclave(), Some(sigstruct.enclavehash), "{name}");

        let parameters = StartParameters {
            attributes: sigstruct.attributes,
            miscselect: sigstruct.miscselect.get(),
            ..StartParameters::new(0)
        };
        let grants = Grants {
            provisioning: true,
            launch: false,
        };
        let enclave = Enclave::load(&image, &sigstruct, &parameters, grants).expect("it starts");
        assert_eq!(enclave.secs().mrsigner, sigstruct.mrsigner(), "{name}");
        let mut machine = machine(enclave);
        let limits = Limits {
            compute: Some(Duration::from_secs(2)),
        };
        // Whatever it was built for, it ends, and we go on.
        let report = run(&mut machine, &[], Outside::none(), &limits);
        tell(&format!("{name}: {}", report.ending));
    }
}

/// `report.sgxs` of Fortanix' crate `report-test` reports to the target on the page that whoever loads
/// it adds, here to nobody, and copies the report to where `RDI` points.
#[test]
fn an_enclave_of_others_reports() {
    let is_report = |path: &PathBuf| path.file_name() == Some(OsStr::new("report.sgxs"));
    let Some(path) = images().into_iter().find(is_report) else {
        return tell("SKIPPED report.sgxs: it is not in the folder that BULLA_ENCLAVES names");
    };
    let image = read(&path);
    let mut pages = image.pages().to_vec();
    pages.push(ImagePage::measured(0x3000, SecinfoFlags::DATA, &[]));
    let image = Image::new(image.ssa_frame_size(), pages).expect("pages that rise");
    let mrenclave = image.mrenclave().expect("the size is known");
    assert_eq!(
        hex(&mrenclave),
        "fcf6c0858517e8e3a4185fb237dabbdc2885a0e03cb3e37fb39e20c70d213dce"
    );
    let mut sigstruct = Sigstruct::new(mrenclave);
    EnclaveSigner::demonstration().sign(&mut sigstruct);
    let parameters = StartParameters::new(0);
    let enclave = Enclave::load(&image, &sigstruct, &parameters, Grants::default());
    let mut machine = machine(enclave.expect("it starts"));
    let (arena, _) = machine.backend().arena();
    let outside = Registers {
        rdi: arena,
        rip: 0x1000,
        rflags: flags::ALWAYS,
        ..Registers::default()
    };
    let tcs = machine.threads()[0];
    let exit = machine.enter(tcs, 0x1000, &outside).expect("entered");
    assert!(matches!(exit, Exit::Synchronous(_)), "{exit:?}");
    let mut report = [0; 432];
    machine.backend().read(arena, &mut report).expect("shared");
    let report = SgxReport::read_from_bytes(&report).expect("a report");
    assert_eq!(report.body.mrenclave, mrenclave);
    let processor = Processor::new(Fuses::derive(&Seed::from(1), "public"), [5; 16]);
    let same = processor.ereport(
        machine.enclave(),
        &TargetInfo::new_zeroed(),
        report.body.reportdata,
    );
    assert_eq!(same, Ok(report));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
