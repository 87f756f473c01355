//! `bulla enclave run`, `quote` and `seal-info`: enclaves on the simulated processor, from the
//! command line.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::program::*;
use crate::world;
use bulla_enclave::image::demonstration;
use bulla_processor::structures::key_policy;
use bulla_processor::{Enclave, EnclaveSigner, Grants, Sigstruct, StartParameters};
use bulla_tests::binary::bulla;
use bulla_tests::enclaves::{KNOWN, enclave, found_vendor, quote, verify};
use bulla_tests::workbench::{Answer, Folder, run};
use bulla_vendor::StateDirectory;
use serde_json::Value as Json;
use zerocopy::IntoBytes;

/// A folder with the demonstration image, its SIGSTRUCT and a vendor with the platform `node-1`.
fn demonstration_folder() -> Folder {
    let folder = Folder::new();
    folder.write("image", demonstration::image().write());
    sign(&folder, "image.sig", 0, &EnclaveSigner::demonstration());
    found_vendor(&folder);
    folder
}

fn sign(folder: &Folder, name: &str, flags: u64, signer: &EnclaveSigner) {
    let mrenclave = demonstration::image().mrenclave();
    let mut sigstruct = Sigstruct {
        attributes: StartParameters::new(flags).attributes,
        attribute_mask: bulla_evidence::layout::SgxAttributes {
            flags: u64::MAX.into(),
            xfrm: 0.into(),
        },
        ..Sigstruct::new(mrenclave.expect("the size is known"))
    };
    signer.sign(&mut sigstruct);
    folder.write(name, sigstruct.as_bytes());
}

/// A folder with an image of this program, and its SIGSTRUCT.
fn program_folder(program: Program) -> Folder {
    let folder = Folder::new();
    let tiny = program.tiny();
    folder.write("image", tiny.image().write());
    folder.write("image.sig", tiny.sigstruct_of(&tiny.image()).as_bytes());
    folder
}

fn run_image(folder: &Folder, options: &[&str], arguments: &[&str], input: &[u8]) -> Answer {
    let line = [
        &["run", "@image", "--sigstruct", "@image.sig"][..],
        options,
        &["--"],
        arguments,
    ];
    enclave(folder, &line.concat(), input)
}

/// The report that stands on the last line of standard error.
#[track_caller]
fn report(answer: &Answer) -> Json {
    let line = answer.stderr.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", answer.stderr))
}

/// How a program ends: exit status and report.
#[track_caller]
fn ending(program: Program, options: &[&str]) -> (i32, Json) {
    let options = [options, &["--format", "json"]].concat();
    let answer = run_image(&program_folder(program), &options, &[], b"");
    (answer.status, report(&answer))
}

#[test]
fn a_program_has_its_streams_arguments_and_exit_status() {
    let program = Program::new()
        // The second argument: data and length.
        .follow(1, 16, 3)
        .follow(1, 24, 4)
        .call(3, [Value(1), Slot(3), Slot(4), Value(0)], [SCRAP, SCRAP])
        .alloc(64, 5)
        .call(1, [Value(0), Slot(5), Value(64), Value(0)], [6, 7])
        .call(3, [Value(2), Slot(5), Slot(7), Value(0)], [SCRAP, SCRAP])
        .exit();
    let folder = program_folder(program);
    let answer = run_image(&folder, &[], &["argument"], b"from outside");
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    assert_eq!(answer.stdout, "argument");
    assert!(answer.stderr.starts_with("SIMULATED"), "{}", answer.stderr);
    assert!(answer.stderr.ends_with("from outside"), "{}", answer.stderr);

    let answer = run_image(&folder, &["--format", "json"], &["argument"], b"");
    assert_eq!((answer.status, &*answer.stdout), (0, "argument"));
    let report = report(&answer);
    assert_eq!(report["simulated"], true);
    assert_eq!(report["ending"], "finished");
    assert_eq!(report["site"], Json::Null);
}

#[test]
fn an_enclave_that_goes_wrong_is_reported_and_the_program_goes_on() {
    let (status, report) = ending(Program::new().raw(&[0x0f, 0x0b]), &[]);
    assert_eq!((status, &report["ending"]), (1, &"crashed".into()));
    assert_eq!(report["exception"]["vector"], "#UD");
    let data = format!("{:#x}", world::DATA);
    assert_eq!(report["site"]["registers"]["rbp"], data);

    let loops = Program::new().raw(&[0xeb, 0xfe]);
    let (status, report) = ending(loops, &["--compute-limit", "1"]);
    assert_eq!((status, &report["ending"]), (1, &"out_of_time".into()));
    let rip = report["site"]["registers"]["rip"].as_str().expect("digits");
    let offset = report["site"]["offset"].as_str().expect("digits");
    let number = |digits: &str| u64::from_str_radix(&digits[2..], 16).expect("a number");
    assert_eq!(number(rip), world::BASE + number(offset));

    let lies = Program::new().call(
        3,
        [Value(1), Value(0x1234), Value(8), Value(0)],
        [SCRAP, SCRAP],
    );
    let (status, report) = ending(lies, &[]);
    assert_eq!((status, &report["ending"]), (1, &"call_invalid".into()));
    let message = report["message"].as_str().expect("text");
    assert!(
        message.contains("write") && message.contains("0x1234"),
        "{message}"
    );

    let unknown = Program::new().call(99, [Value(0); 4], [SCRAP, SCRAP]);
    let (status, report) = ending(unknown, &[]);
    assert_eq!((status, &report["ending"]), (1, &"call_unknown".into()));

    let panics = Program::new().call(10, [Value(1), Value(0), Value(0), Value(0)], [SCRAP, SCRAP]);
    let (status, report) = ending(panics, &[]);
    assert_eq!((status, &report["ending"]), (1, &"panicked".into()));
}

#[test]
fn people_read_what_where_and_the_registers() {
    let folder = program_folder(Program::new().raw(&[0x31, 0xc0, 0x48, 0x89, 0x00]));
    let answer = run_image(&folder, &[], &[], b"");
    assert_eq!(answer.status, 1);
    for part in [
        "error: the enclave crashed at +0x",
        "#PF",
        "(crashed)",
        "  rip ",
        "  gs_base ",
    ] {
        assert!(answer.stderr.contains(part), "{part}: {}", answer.stderr);
    }
}

#[test]
fn a_full_standard_error_is_no_panic() {
    let folder = program_folder(Program::new().raw(&[0x31, 0xc0, 0x48, 0x89, 0x00]));
    let full = || OpenOptions::new().write(true).open("/dev/full");
    // That of a crash, and where a program reads the report, that of output which is lost.
    for (format, expected) in [("text", 1), ("json", 2)] {
        let status = bulla()
            .args(["enclave", "run", &folder.text_path("image")])
            .args(["--sigstruct", &folder.text_path("image.sig")])
            .args(["--format", format])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(full().expect("/dev/full"))
            .status()
            .expect("bulla starts");
        assert_eq!(status.code(), Some(expected), "{format}");
    }
    // What starts the command of `gate run` says that there is none by its status, as `env` does.
    let parent = std::process::id().to_string();
    let status = bulla()
        .args(["gate", "exec", "--parent", &parent, "--", "/nonexistent"])
        .stderr(full().expect("/dev/full"))
        .status()
        .expect("bulla starts");
    assert_eq!(status.code(), Some(127));
}

/// An ELF file that has nothing but the name of one function.
fn naming(name: &str, start: u64, size: u64) -> Vec<u8> {
    const SYMBOLS: usize = 64;
    const NAMES: usize = SYMBOLS + 2 * 24;
    const SECTIONS: usize = 256;
    let mut bytes = vec![0; SECTIONS + 3 * 64];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    // Position-independent, x86-64; where the headers of the sections are, how large and how many.
    for (at, value) in [
        (16, 3),
        (18, 62),
        (20, 1),
        (40, SECTIONS),
        (52, 64),
        (58, 64),
    ] {
        put(at, &(value as u16).to_le_bytes());
    }
    put(60, &[3, 0, 2, 0]);
    // The symbol: its name, that it is a function, its section, place and size.
    put(SYMBOLS + 24, &[1, 0, 0, 0, 2, 0, 1, 0]);
    put(SYMBOLS + 32, &start.to_le_bytes());
    put(SYMBOLS + 40, &size.to_le_bytes());
    put(NAMES + 1, name.as_bytes());
    for (section, kind, at, size, link, entry) in [
        (1, 2, SYMBOLS, 48, 2, 24),
        (2, 3, NAMES, name.len() + 2, 0, 0),
    ] {
        let header = SECTIONS + section * 64;
        for (field, value) in [(4, kind), (24, at), (32, size), (40, link), (56, entry)] {
            put(header + field, &(value as u16).to_le_bytes());
        }
    }
    bytes
}

#[test]
fn a_function_is_named_where_a_file_names_it() {
    let folder = program_folder(Program::new().raw(&[0x0f, 0x0b]));
    let name = "_ZN5ruled4work17h0123456789abcdefE";
    folder.write("symbols", naming(name, 0x10, 0x1000));
    let symbols = folder.text_path("symbols");
    let told = |options: &[&str]| run_image(&folder, options, &[], b"");
    let answer = told(&["--symbols", &symbols, "--format", "json"]);
    let site = &report(&answer)["site"];
    let offset = site["offset"].as_str().expect("digits");
    let inside = u64::from_str_radix(&offset[2..], 16).expect("a number") - 0x10;
    assert_eq!(site["function"], format!("ruled::work+{inside:#x}"));
    let answer = told(&["--symbols", &symbols]);
    assert!(
        answer.stderr.contains("in ruled::work+"),
        "{}",
        answer.stderr
    );
    assert_eq!(
        report(&told(&["--format", "json"]))["site"]["function"],
        Json::Null
    );
}

#[test]
fn the_smallest_enclave_runs_with_either_signature() {
    let folder = demonstration_folder();
    let answer = run_image(&folder, &[], &[], b"");
    assert_eq!(
        (answer.status, &*answer.stdout),
        (0, ""),
        "{}",
        answer.stderr
    );
    let thrown_away = ["run", "@image", "--throwaway-key", "--format", "json"];
    assert_eq!(enclave(&folder, &thrown_away, b"").status, 0);
}

#[test]
fn what_was_not_signed_for_does_not_start() {
    let folder = demonstration_folder();
    let mut image = demonstration::image().write();
    let program = demonstration::program();
    let code = image.windows(16).position(|bytes| *bytes == program[..16]);
    image[code.expect("the code is in the image")] ^= 1;
    folder.write("flipped", image);
    sign(&folder, "debug.sig", 2, &EnclaveSigner::demonstration());
    let mut sigstruct = std::fs::read(folder.path("image.sig")).expect("it was written");
    sigstruct[600] ^= 1;
    folder.write("changed.sig", &sigstruct);
    folder.write("short.sig", &sigstruct[..1000]);
    let line = |image, signature| ["run", image, "--sigstruct", signature, "--format", "json"];
    for (line, code, said) in [
        (
            &line("@flipped", "@image.sig")[..],
            "EnclaveRefused",
            "4 (InvalidMeasurement)",
        ),
        (
            &line("@image", "@changed.sig"),
            "EnclaveRefused",
            "8 (InvalidSignature)",
        ),
        (
            &line("@image", "@short.sig"),
            "SigstructInvalid",
            "1808 bytes",
        ),
        (
            &[
                "run",
                "@image",
                "--sigstruct",
                "@image.sig",
                "--debug",
                "--format",
                "json",
            ],
            "EnclaveRefused",
            "2 (InvalidAttribute)",
        ),
        (
            &[
                "run",
                "@image",
                "--sigstruct",
                "@image.sig",
                "--symbols",
                "@image",
                "--format",
                "json",
            ],
            "ImageInvalid",
            "ELF",
        ),
    ] {
        let answer = enclave(&folder, line, b"");
        assert_eq!(answer.status, 2, "{line:?}");
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code, "{line:?}");
        let message = error["message"].as_str().expect("text");
        assert!(message.contains(said), "{line:?}: {message}");
    }
    // One signed for debugging runs with DEBUG by itself.
    assert_eq!(
        enclave(&folder, &line("@image", "@debug.sig"), b"").status,
        0
    );
    let unsigned = enclave(&folder, &["run", "@image"], b"");
    assert_eq!(unsigned.status, 2);
    assert!(
        unsigned.stderr.contains("--sigstruct"),
        "{}",
        unsigned.stderr
    );
}

#[test]
fn one_file_of_all_may_be_standard_input() {
    let folder = program_folder(Program::new().exit());
    let image = std::fs::read(folder.path("image")).expect("our own file");
    let line = |signature| ["run", "-", "--sigstruct", signature, "--format", "json"];
    let answer = enclave(&folder, &line("@image.sig"), &image);
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    for twice in [&line("-")[..], &["diff", "-", "-", "--format", "json"]] {
        let answer = enclave(&folder, twice, &image);
        assert_eq!(answer.status, 2, "{}", answer.stderr);
        assert_eq!(answer.json()["error"]["code"], "StandardInputTaken");
    }
}

#[test]
fn an_enclave_is_quoted_and_accepted_under_its_root_alone() {
    let folder = demonstration_folder();
    let told = quote(&folder, "@image.sig", "@good");
    let mrenclave = demonstration::image()
        .mrenclave()
        .expect("the size is known");
    assert_eq!(told["mrenclave"], hex::encode(mrenclave));

    let accepted = verify(&folder, "good", &KNOWN);
    let verdict = accepted.json();
    assert_eq!(accepted.status, 0, "{verdict}");
    assert_eq!(verdict["trust_anchor"]["genuine"], false);
    assert_eq!(verdict["evidence"]["mrenclave"], hex::encode(mrenclave));
    let mrsigner = EnclaveSigner::demonstration().mrsigner();
    assert_eq!(verdict["evidence"]["mrsigner"], hex::encode(mrsigner));
    let data = verdict["evidence"]["report_data"].as_str().expect("digits");
    assert!(data.starts_with("010200"), "{data}");

    let default = verify(&folder, "good", &[]);
    assert_eq!(
        (default.status, &default.json()["verification"]),
        (1, &"failed".into())
    );

    // A policy that names the signer accepts this one, and neither another nor a debug build.
    let policy = folder.path("good/policy.toml");
    let roots = std::fs::read_to_string(&policy).expect("it was written");
    let signers = format!("{roots}[sgx]\nmrsigner = [\"{}\"]\n", hex::encode(mrsigner));
    for out in ["debug", "other"] {
        std::fs::create_dir(folder.path(out)).expect("a folder");
    }
    sign(&folder, "debug.sig", 2, &EnclaveSigner::demonstration());
    sign(&folder, "other.sig", 0, &EnclaveSigner::architectural());
    quote(&folder, "@debug.sig", "@debug");
    quote(&folder, "@other.sig", "@other");
    for (out, refusal) in [
        ("good", None),
        ("debug", Some("DebugEnclave")),
        ("other", Some("MrsignerMismatch")),
    ] {
        folder.write(&format!("{out}/policy.toml"), &signers);
        let verdict = verify(&folder, out, &KNOWN);
        let json = verdict.json();
        let refusals = bulla_tests::workbench::refusals(&json);
        assert_eq!(refusals, refusal.into_iter().collect::<Vec<_>>(), "{out}");
    }
}

#[test]
fn sealed_data_opens_for_whom_it_was_sealed() {
    let folder = demonstration_folder();
    sign(&folder, "other.sig", 0, &EnclaveSigner::architectural());
    let vendor = StateDirectory::new(folder.path("box"))
        .read()
        .expect("a vendor");
    let node = &vendor.platforms()[0];
    let running = node.start(node.made());
    let sigstruct = std::fs::read(folder.path("image.sig")).expect("it was written");
    let enclave_of = Enclave::load(
        &demonstration::image(),
        Sigstruct::parse(&sigstruct).expect("a SIGSTRUCT"),
        &StartParameters::new(0),
        Grants::default(),
    );
    let sealed = running
        .processor()
        .seal(
            &enclave_of.expect("it starts"),
            key_policy::MRSIGNER,
            b"secret",
        )
        .expect("a policy that fits");
    folder.write("sealed", &sealed);
    let request = bulla_processor::structures::KeyRequest::of_sealed(&sealed).expect("a request");
    folder.write("own-layout", [request.as_bytes(), b"whatever"].concat());
    folder.write("nothing", [0xff; 600]);

    let info = |file, signature: Option<&str>| {
        let mut line = vec!["seal-info", file, "--format", "json"];
        if let Some(signature) = signature {
            line.extend(["--image", "@image", "--sigstruct", signature]);
            line.extend(["--vendor", "@box", "--platform", "node-1"]);
        }
        enclave(&folder, &line, b"")
    };
    let told = info("@sealed", None);
    assert_eq!(told.status, 0);
    assert_eq!(told.json()["key_policy"], serde_json::json!(["MRSIGNER"]));
    assert_eq!(told.json()["opens"], Json::Null);
    for (file, signature, opens) in [
        ("@sealed", "@image.sig", true),
        ("@own-layout", "@image.sig", true),
        ("@sealed", "@other.sig", false),
    ] {
        let answer = info(file, Some(signature));
        assert_eq!(answer.json()["opens"], opens, "{file} {signature}");
        assert_eq!(answer.status, i32::from(!opens));
        assert!(answer.json()["reason"].is_string());
    }
    assert_eq!(
        info("@nothing", None).json()["error"]["code"],
        "SealedMalformed"
    );

    // After a TCB recovery the platform still opens what it sealed before; a platform that has not
    // taken it does not open what was sealed after.
    let after = run(&[
        "vendor",
        "recover",
        "--raises",
        "microcode",
        "--dir",
        &folder.text_path("box"),
    ]);
    assert_eq!(after.status, 0, "{}", after.stderr);
    let update = [
        "vendor",
        "platform",
        "update",
        "node-1",
        "--dir",
        &folder.text_path("box"),
    ];
    assert_eq!(run(&update).status, 0);
    assert_eq!(info("@sealed", Some("@image.sig")).json()["opens"], true);
}
