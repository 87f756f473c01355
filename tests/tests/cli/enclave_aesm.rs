//! An enclave that gets itself quoted as on hardware, and the service that does it for others.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Stdio};

use crate::buffers::{number, take, text};
use crate::program::*;
use crate::world::{DATA, leaf, load};
use bulla_processor::architectural;
use bulla_tests::binary::bulla;
use bulla_tests::enclaves::{KNOWN, found_vendor, quote, verify};
use bulla_tests::workbench::{Folder, run};
use zerocopy::IntoBytes;

/// Bytes of the buffer into which the enclave has its quote written.
const ROOM: usize = 0x4000;

/// The name of the attestation key of the model's quoting enclave.
fn key() -> [u8; 256] {
    let mut name = [0; 256];
    name[4] = 32;
    name[6..38].copy_from_slice(&architectural::MRSIGNER);
    name[54] = 1;
    name[154] = 2;
    name
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&length.to_ne_bytes()[..], message].concat()
}

/// Asks for the target of reports.
fn ask_for_target() -> Vec<u8> {
    framed(&text(15, &[text(1, &key()), number(3, 0)].concat()))
}

/// Asks for a quote; the report comes last, and all before it is known beforehand.
fn ask_for_quote() -> Vec<u8> {
    let inner = [number(4, ROOM), text(2, &key()), text(1, &[0; 432])].concat();
    framed(&text(17, &inner))
}

/// Asks AESM for a target, reports to it, asks for a quote, and hands the answer out. What it asks
/// with comes from its standard input: the enclave adds the report only.
fn program() -> Program {
    const STREAM: u8 = 3;
    const BUFFER: u8 = 4;
    const COUNT: u8 = 6;
    const TARGET: u64 = DATA + 0x200;
    const REPORT_DATA: u64 = DATA + 0x800;
    const REPORT: u64 = DATA + 0xa00;
    let ignored = [SCRAP, SCRAP];
    let ask = |program: Program, length: usize| {
        let length = Value(length as u64);
        program
            .call(1, [Value(0), Slot(BUFFER), length, Value(0)], ignored)
            .call(3, [Slot(STREAM), Slot(BUFFER), length, Value(0)], ignored)
    };
    let answer = |program: Program| {
        let arguments = [Slot(STREAM), Slot(BUFFER), Value(ROOM as u64), Value(0)];
        program.call(1, arguments, [SCRAP, COUNT])
    };
    let copy = |count: u32| [&[0xb9][..], &count.to_le_bytes(), &[0xf3, 0xa4]].concat();

    let program = Program::new()
        .follow(1, 16, 7)
        .follow(1, 24, 8)
        .call(8, [Slot(7), Slot(8), Value(0), Value(0)], [SCRAP, STREAM])
        .alloc(ROOM as u64, BUFFER);
    // Before the target the answer has its length, two headers and the code: 12 bytes.
    let program = answer(ask(program, ask_for_target().len()))
        .raw(&[0x48, 0x8b, 0x75, BUFFER * 8]) // mov rsi, [rbp + 8 * BUFFER]
        .raw(&[0x48, 0x83, 0xc6, 12]) // add rsi, 12
        .raw(&load("rdi", TARGET))
        .raw(&copy(512))
        .raw(&leaf(
            0,
            &[("rbx", TARGET), ("rcx", REPORT_DATA), ("rdx", REPORT)],
        ));
    let program = ask(program, ask_for_quote().len() - 432)
        .raw(&[0x48, 0x8b, 0x7d, BUFFER * 8]) // mov rdi, [rbp + 8 * BUFFER]
        .raw(&load("rsi", REPORT))
        .raw(&copy(432));
    let report = [Slot(STREAM), Slot(BUFFER), Value(432), Value(0)];
    answer(program.call(3, report, ignored))
        .call(3, [Value(1), Slot(BUFFER), Slot(COUNT), Value(0)], ignored)
        .exit()
}

#[test]
fn an_enclave_gets_itself_quoted() {
    let folder = Folder::new();
    let tiny = program().tiny();
    folder.write("image", tiny.image().write());
    folder.write("image.sig", tiny.sigstruct_of(&tiny.image()).as_bytes());
    found_vendor(&folder);
    let request = ask_for_quote();
    let before_report = &request[..request.len() - 432];
    let input = folder.write("input", [&ask_for_target(), before_report].concat());
    let output = bulla()
        .args(["enclave", "run", &folder.text_path("image")])
        .args(["--sigstruct", &folder.text_path("image.sig")])
        .args(["--vendor", &folder.text_path("box"), "--platform", "node-1"])
        .args(["--", "aesm.local"])
        .stdin(std::fs::File::open(input).expect("our own file"))
        .output()
        .expect("bulla runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let bytes = output.stdout;
    let (_, inner, _) = take(bytes.get(4..).expect("an answer"));
    let (_, code, rest) = take(&inner);
    assert!(code.iter().all(|byte| *byte == 0), "{code:?}");
    let (_, own, _) = take(rest);

    // The collateral is that of any quote of the platform.
    quote(&folder, "@image.sig", "@out");
    folder.write("out/quote.bin", own);
    let accepted = verify(&folder, "out", &KNOWN);
    let verdict = accepted.json();
    assert_eq!(accepted.status, 0, "{verdict}");
    let mrenclave = tiny.image().mrenclave().expect("the size is known");
    assert_eq!(verdict["evidence"]["mrenclave"], hex::encode(mrenclave));
    assert_eq!(verdict["trust_anchor"]["genuine"], false);
    let default = verify(&folder, "out", &[]);
    assert_eq!(
        (default.status, &default.json()["verification"]),
        (1, &"failed".into())
    );
}

/// A service that is stopped when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Folder) -> (Running, BufReader<ChildStdout>) {
    let mut child = bulla()
        .args([
            "enclave",
            "aesm",
            "--socket",
            &folder.text_path("aesm.socket"),
        ])
        .args(["--vendor", &folder.text_path("box"), "--platform", "node-1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("bulla starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    (Running(child), output)
}

#[test]
fn a_service_answers_at_its_socket() {
    let folder = Folder::new();
    found_vendor(&folder);
    // The second one finds the socket of the first, which was killed.
    for _ in 0..2 {
        let (service, mut output) = serve(&folder);
        let mut line = String::new();
        output
            .read_line(&mut line)
            .expect("it says that it is there");
        assert!(line.contains("simulated"), "{line}");
        let mut stream = UnixStream::connect(folder.path("aesm.socket")).expect("it listens");
        stream.write_all(&ask_for_target()).expect("sent");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; u32::from_ne_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("a whole answer");
        assert_eq!(take(&answer).0, 15);

        let taken = run(&[
            "enclave",
            "aesm",
            "--socket",
            &folder.text_path("aesm.socket"),
            "--vendor",
            &folder.text_path("box"),
            "--platform",
            "node-1",
            "--format",
            "json",
        ]);
        assert_eq!(taken.json()["error"]["code"], "AddressUnavailable");
        drop(service);
    }
}
