//! Quotes through the interface of the vendor's service, with messages written by hand.

#[path = "common/buffers.rs"]
mod buffers;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use buffers::{number, take, text};
use bulla_enclave::aesm::{Quoter, Server, Service};
use bulla_evidence::layout::SgxReport;
use bulla_evidence::{Quote, QuoteVersion, Tee};
use bulla_issuer::Seed;
use bulla_processor::architectural::{self, Refusal};
use bulla_processor::structures::TargetInfo;
use bulla_processor::{Enclave, EnclaveSigner, Fuses, Platform, SmallEnclave, Tcb, TdxModule};
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

struct Plain(Platform);

impl Quoter for Plain {
    fn platform(&self) -> &Platform {
        &self.0
    }

    fn quote(&self, report: &SgxReport) -> Result<Vec<u8>, Refusal> {
        let pck = self.0.tcb().pck();
        let certification = self.0.ppid_clear(pck);
        let quote = self
            .0
            .quote_enclave(QuoteVersion::V3, report, pck, certification);
        Ok(quote?.write())
    }
}

fn platform() -> Platform {
    let tcb = Tcb {
        cpusvn: [7; 16],
        pcesvn: 13,
        qe_svn: 8,
        tdqe_svn: 4,
        tdx_module: TdxModule::new([0; 16]),
    };
    Platform::new(Fuses::derive(&Seed::from(1), "aesm"), tcb)
}

fn service() -> Arc<Service> {
    Arc::new(Service::new(Plain(platform())).expect("a quoter that quotes"))
}

fn application() -> Enclave {
    SmallEnclave::new("an application")
        .start(&EnclaveSigner::demonstration())
        .expect("it starts")
}

/// The name of the platform's attestation key.
fn key() -> Vec<u8> {
    let mut name = vec![0; 256];
    name[4] = 32;
    name[6..38].copy_from_slice(&architectural::MRSIGNER);
    name[54] = 1;
    name[154] = 2;
    name
}

/// Sends one request and reads its answer: what stands in the field of the same number.
fn ask(stream: &mut UnixStream, kind: usize, inner: &[u8]) -> Answer {
    let request = text(kind, inner);
    let length = u32::try_from(request.len()).expect("short");
    stream.write_all(&length.to_ne_bytes()).expect("sent");
    stream.write_all(&request).expect("sent");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_ne_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("a whole answer");
    let (field, bytes, rest) = take(&answer);
    assert_eq!((field, rest), (kind, &[][..]));
    Answer(bytes)
}

/// The fields of an answer.
struct Answer(Vec<u8>);

impl Answer {
    fn field(&self, wanted: usize) -> Option<Vec<u8>> {
        let mut rest = &self.0[..];
        while !rest.is_empty() {
            let (field, value, more) = take(rest);
            if field == wanted {
                return Some(value);
            }
            rest = more;
        }
        None
    }

    fn number(&self, wanted: usize) -> Option<usize> {
        let bytes = self.field(wanted)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |n, byte| n << 8 | usize::from(*byte)),
        )
    }

    fn code(&self) -> usize {
        self.number(1).expect("every answer has a code")
    }
}

#[test]
fn a_program_gets_its_quote_step_by_step() {
    let mut stream = service().connect().expect("a connection");
    assert_eq!(ask(&mut stream, 21, &[]).number(2), Some(1));
    let names = ask(&mut stream, 22, &number(1, 256))
        .field(2)
        .expect("names");
    assert_eq!(names, key());

    let first = ask(&mut stream, 15, &[text(1, &names), number(3, 0)].concat());
    assert_eq!(
        (first.code(), first.number(3), first.field(4)),
        (0, Some(32), None)
    );
    let request = [text(1, &names), number(3, 1), number(4, 32)].concat();
    let second = ask(&mut stream, 15, &request);
    let digest = second.field(4).expect("asked for");
    let target = second.field(2).expect("always");
    let platform = platform();
    let quoting_enclave = platform.quoting_enclave(Tee::Sgx);
    assert_eq!(target, quoting_enclave.target_info().as_bytes());

    let size = ask(&mut stream, 16, &text(1, &names))
        .number(2)
        .expect("a size");
    let target = TargetInfo::read_from_bytes(&target).expect("512 bytes");
    let enclave = application();
    let report = platform.processor().ereport(&enclave, &target, [9; 64]);
    let report = report.expect("a good target");
    let back = [&[5; 16][..], enclave.target_info().as_bytes(), &[0; 432]].concat();
    let request = [
        text(1, report.as_bytes()),
        text(2, &names),
        text(3, &back),
        number(4, size),
    ]
    .concat();
    let answer = ask(&mut stream, 17, &request);
    assert_eq!(answer.code(), 0);
    let bytes = answer.field(2).expect("a quote");
    assert_eq!(bytes.len(), size);
    let quote = Quote::parse(&bytes).expect("a quote");
    assert_eq!(quote.body().sgx(), Some(&report.body));
    assert_eq!(quote.auth().qe_report.reportdata[..32], digest);

    // The enclave is sure by the report that came back: its code holds, and it is of this quote.
    let back = answer.field(3).expect("asked for");
    assert_eq!(
        back[..528],
        [&[5; 16][..], enclave.target_info().as_bytes()].concat()
    );
    let report = SgxReport::read_from_bytes(&back[528..]).expect("a report");
    assert!(
        platform
            .processor()
            .verify_report(&enclave, &report)
            .is_ok()
    );
    assert_eq!(
        report.body.mrenclave,
        quoting_enclave.enclave().secs().mrenclave
    );
    let again = platform
        .report_back(&enclave.target_info(), [5; 16], &bytes)
        .expect("a good target");
    assert_eq!(report.body.reportdata, again.body.reportdata);
    let other = platform
        .report_back(&enclave.target_info(), [6; 16], &bytes)
        .expect("a good target");
    assert_ne!(report.body.reportdata, other.body.reportdata);
}

#[test]
fn a_key_is_selected_among_those_that_a_program_knows() {
    let mut stream = service().connect().expect("a connection");
    let mut foreign = key();
    foreign[10] ^= 1;
    let list = |names: &[Vec<u8>]| {
        let count = [&[0; 4][..], &(names.len() as u32).to_le_bytes()].concat();
        text(1, &[count, names.concat()].concat())
    };
    let mut select = |inner: &[u8]| {
        let answer = ask(&mut stream, 19, inner);
        (answer.code(), answer.field(2))
    };
    assert_eq!(select(&list(&[foreign.clone(), key()])), (0, Some(key())));
    assert_eq!(select(&[]), (0, Some(key())));
    assert_eq!(select(&list(&[foreign])), (38, None));
    assert_eq!(select(&text(1, &[0; 100])), (3, None));
    assert_eq!(select(&text(1, &[0, 0, 0, 0, 2, 0, 0, 0])), (3, None));
}

#[test]
fn what_cannot_be_met_has_its_code() {
    let mut stream = service().connect().expect("a connection");
    let platform = platform();
    let good = platform.report_enclave(&application(), [9; 64]);
    let mut changed = good;
    changed.body.isvsvn = 7.into();
    let mut foreign = key();
    foreign[154] = 3;
    let quote =
        |report: &[u8], key: &[u8], room| [text(1, report), text(2, key), number(4, room)].concat();
    let (report, changed) = (good.as_bytes(), changed.as_bytes());
    let short = [quote(report, &key(), 1 << 16), text(3, &[0; 959])].concat();
    let mut bad_target = vec![0; 960];
    bad_target[16 + 300] = 1;
    let bad_target = [quote(report, &key(), 1 << 16), text(3, &bad_target)].concat();
    for (kind, inner, code) in [
        (17, quote(report, &key(), 1 << 16), 0),
        (17, quote(report, &key(), 100), 3),
        (17, quote(&report[..431], &key(), 1 << 16), 3),
        (17, quote(report, &[0; 10], 1 << 16), 3),
        (17, quote(report, &foreign, 1 << 16), 38),
        (17, quote(changed, &key(), 1 << 16), 47),
        (17, short, 3),
        (17, bad_target, 49),
        (16, text(1, &foreign), 38),
        (16, Vec::new(), 3),
        (
            15,
            [text(1, &key()), number(3, 1), number(4, 31)].concat(),
            3,
        ),
        (22, number(1, 255), 3),
    ] {
        let answer = ask(&mut stream, kind, &inner);
        assert_eq!(answer.code(), code, "{kind}: {inner:02x?}");
        assert_eq!(answer.field(2).is_some(), code == 0);
    }
    // Launch tokens and EPID: the answer has a field of its own.
    for kind in [1, 2, 3, 99] {
        let answer = service().answer(&text(kind, &number(9, 1)));
        let (field, inner, _) = take(answer.as_deref().expect("an answer"));
        assert_eq!((field, Answer(inner).code()), (20, 30));
    }
}

proptest! {
    #[test]
    fn nonsense_gets_an_answer_or_none_and_never_a_quote(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        thread_local! { static SERVICE: Arc<Service> = service(); }
        SERVICE.with(|service| {
            let longest = service.answer(&bytes).map_or(0, |answer| answer.len());
            prop_assert!(longest < 1024, "{longest} bytes");
            Ok(())
        })?;
    }
}

#[test]
fn nonsense_closes_the_connection() {
    for bytes in [&[0xff; 4][..], &[1, 0, 0, 0, 0xff], &[0; 4]] {
        let mut stream = service().connect().expect("a connection");
        stream.write_all(bytes).expect("sent");
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(read) => assert_eq!(read, 0, "{bytes:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn a_server_replaces_the_socket_of_one_that_is_gone() {
    let path = PathBuf::from(format!(
        "{}/aesm-{}",
        std::env::temp_dir().display(),
        std::process::id()
    ));
    // A socket behind which nobody is.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let server = Server::bind(&path, service()).expect("it is nobody's");
    let taken = Server::bind(&path, service()).expect_err("it is somebody's");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    thread::spawn(move || server.run());
    for _ in 0..2 {
        let mut stream = UnixStream::connect(&path).expect("it listens");
        assert_eq!(ask(&mut stream, 21, &[]).number(2), Some(1));
    }
    std::fs::remove_file(&path).expect("our own");
    std::fs::write(&path, "").expect("a file");
    assert!(
        Server::bind(&path, service()).is_err(),
        "a file is not replaced"
    );
    std::fs::remove_file(&path).expect("our own");
}
