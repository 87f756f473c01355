//! Images from elsewhere: every `NAME.sgxs` in the folder that `BULLA_ENCLAVES` names, with its
//! SIGSTRUCT `NAME.sig` beside it where there is one.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bulla_enclave::machine::Machine;
use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::runner::{ARENA_SIZE, Limits, Outside, run};
use bulla_issuer::Seed;
use bulla_processor::sgxs::Image;
use bulla_processor::{
    Enclave, EnclaveSigner, Fuses, Grants, Processor, Sigstruct, StartParameters,
};

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

#[test]
fn images_from_elsewhere_are_measured_initialised_and_entered() {
    for path in images() {
        let name = path.display();
        let image = Image::parse(&fs::read(&path).expect("it can be read")).expect("canonical");
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
        let backend = PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse);
        let processor = Processor::new(Fuses::derive(&Seed::from(1), "public"), [5; 16]);
        let mut machine = Machine::new(backend.expect("placed"), enclave, processor);
        let limits = Limits {
            compute: Some(Duration::from_secs(2)),
        };
        // Whatever it was built for, it ends, and we go on.
        let report = run(&mut machine, &[], Outside::none(), &limits);
        tell(&format!("{name}: {}", report.ending));
    }
}
