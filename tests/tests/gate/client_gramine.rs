//! Evidence from Gramine, whose interface is stood in for by a directory of a model: it quotes what
//! was written last, whoever wrote it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bulla_gate::blocking::Client;
use bulla_gate::{
    ATTEMPTS, EvidenceError, EvidenceFormat, EvidenceProvider, Files, GateError, Gramine,
    MAX_BLOB_SIZE, Settings,
};
use bulla_tests::gate::{Gate, ISSUER};
use bulla_tests::site::{platform, vendor};
use bulla_vendor::{QuoteKind, Selection, Subject};
use rustix::io::Errno;

/// What quotes the data that was written.
type Quote = fn([u8; 64]) -> Result<Vec<u8>, Errno>;

/// The files of `/dev/attestation`.
#[derive(Clone)]
struct Enclave(Arc<Mutex<State>>);

struct State {
    scheme: &'static str,
    data: [u8; 64],
    quote: Quote,
    /// How often somebody else will write before a quote is read.
    meddling: u32,
    quoted: u32,
}

impl Enclave {
    fn new(scheme: &'static str, quote: Quote) -> Self {
        Self(Arc::new(Mutex::new(State {
            scheme,
            data: [0; 64],
            quote,
            meddling: 0,
            quoted: 0,
        })))
    }

    fn meddled(self, times: u32) -> Self {
        self.0.lock().expect("no panic").meddling = times;
        self
    }

    fn quoted(&self) -> u32 {
        self.0.lock().expect("no panic").quoted
    }

    fn provider(&self) -> Gramine<Self> {
        Gramine::over("/model", self.clone())
    }
}

fn name(path: &Path) -> &str {
    let inside = path.strip_prefix("/model").expect("inside");
    inside.to_str().expect("text")
}

impl Files for Enclave {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        panic!("{path:?}: nobody makes directories here");
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        assert_eq!(name(path), "user_report_data");
        self.0.lock().expect("no panic").data = content.try_into().expect("all of it");
        Ok(())
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let mut state = self.0.lock().expect("no panic");
        match name(path) {
            "attestation_type" => Ok(state.scheme.as_bytes().to_vec()),
            "quote" if state.scheme != "none" => {
                if state.meddling > 0 {
                    state.meddling -= 1;
                    state.data = [7; 64];
                }
                state.quoted += 1;
                let mut quote = (state.quote)(state.data)?;
                quote.truncate(limit + 1);
                Ok(quote)
            }
            _ => Err(Errno::NOENT.into()),
        }
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        panic!("{path:?}: nobody removes anything here");
    }
}

/// Bytes with the data where a quote of SGX has it.
fn plain(data: [u8; 64]) -> Result<Vec<u8>, Errno> {
    Ok([&[3; 368][..], &data, &[5; 700]].concat())
}

/// A quote of a simulated platform.
fn simulated(report_data: [u8; 64]) -> Result<Vec<u8>, Errno> {
    let vendor = vendor();
    let subject = Subject {
        kind: QuoteKind::SgxV3,
        report_data,
        debug: false,
        launched: None,
    };
    let at = "2026-11-03T00:00:00Z".parse().expect("an instant");
    let attested = vendor.attest(platform(&vendor, "one"), &subject, Selection::Standard, at);
    Ok(attested.expect("a quote").quote)
}

#[test]
fn an_enclave_attests_through_its_own_files() {
    let gate = Gate::open();
    let settings = Settings {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(ISSUER.to_owned()),
        ..Settings::new(gate.url(), "payroll")
    };
    let enclave = Enclave::new("dcap", simulated);
    let client = Client::new(settings, Arc::new(enclave.provider())).expect("a client");
    let attestation = client.attest().expect("attested");
    assert!(client.release(&attestation, "database").is_ok());
    assert_eq!(enclave.quoted(), 1);
}

#[test]
fn the_quote_is_of_the_data_that_was_given() {
    for scheme in ["dcap", "dcap\n"] {
        let evidence = Enclave::new(scheme, plain).provider().collect(&[9; 64]);
        let evidence = evidence.expect("a quote");
        assert_eq!(evidence.format, EvidenceFormat::DcapQuote);
        assert_eq!(Ok(evidence.bytes), plain([9; 64]));
        assert!(evidence.auxiliary.is_empty());
    }
}

#[test]
fn data_of_somebody_else_is_noticed() {
    let some = Enclave::new("dcap", plain).meddled(ATTEMPTS - 1);
    let evidence = some.provider().collect(&[9; 64]).expect("the last attempt");
    assert_eq!(Ok(evidence.bytes), plain([9; 64]));
    let always = Enclave::new("dcap", plain).meddled(u32::MAX);
    let error = always.provider().collect(&[9; 64]).expect_err("another's");
    assert!(matches!(
        &error,
        EvidenceError::OtherData { path, attempts: ATTEMPTS } if path.ends_with("quote")
    ));
    assert_eq!(always.quoted(), ATTEMPTS);
    assert!(GateError::from(error).may_pass());
}

#[test]
fn only_quotes_of_dcap_are_evidence() {
    for scheme in ["none", "epid", "DCAP", "dcap2", ""] {
        let enclave = Enclave::new(scheme, plain);
        let error = enclave.provider().collect(&[9; 64]).expect_err("another");
        assert!(
            matches!(&error, EvidenceError::SchemeUnknown { name, .. } if name == scheme),
            "{error:?}"
        );
        assert_eq!(enclave.quoted(), 0);
    }
}

type IsExpected = fn(&EvidenceError) -> bool;

#[test]
fn a_quote_that_is_none_is_not_sent() {
    let cases: [(Quote, IsExpected); 5] = [
        (
            |_| Err(Errno::ACCESS),
            |error| matches!(error, EvidenceError::Refused { path, .. } if path.ends_with("quote")),
        ),
        (
            |_| Err(Errno::IO),
            |error| matches!(error, EvidenceError::Io { .. }),
        ),
        (
            |_| Ok(Vec::new()),
            |error| matches!(error, EvidenceError::Empty { .. }),
        ),
        (
            |_| Ok(vec![0; 431]),
            |error| matches!(error, EvidenceError::OtherData { .. }),
        ),
        (
            |_| Ok(vec![0; MAX_BLOB_SIZE + 1]),
            |error| matches!(error, EvidenceError::TooLarge { .. }),
        ),
    ];
    for (number, (quote, is_expected)) in cases.into_iter().enumerate() {
        let error = Enclave::new("dcap", quote).provider().collect(&[9; 64]);
        let error = error.expect_err("no quote");
        assert!(is_expected(&error), "{number}: {error:?}");
    }
}

#[test]
fn where_gramine_is_not_it_is_said_what_is_missing() {
    let nowhere = PathBuf::from("/nowhere/attestation");
    let error = Gramine::at(&nowhere).collect(&[9; 64]).expect_err("none");
    assert!(
        matches!(&error, EvidenceError::NoGramine { path } if *path == nowhere),
        "{error:?}"
    );
    assert!(error.to_string().contains("sgx.remote_attestation"));
}
