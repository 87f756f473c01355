//! A directory of files as an upstream, for places without a network.
//!
//! The vendor's bodies as they are, beside each the chain of its issuer as PEM:
//!
//! | File | Chain |
//! |---|---|
//! | `tcb-info/{sgx,tdx}/FMSPC/{standard,early,NUMBER}.json` | `….issuer-chain.pem` |
//! | `identity/{qe,qve,qae,td-qe}/{standard,early,NUMBER}.json` | `….issuer-chain.pem` |
//! | `evaluation-data-numbers/{sgx,tdx}.json` | `….issuer-chain.pem` |
//! | `pck-crl/{processor,platform}.der` | `….issuer-chain.pem` |
//! | `root-ca-crl.der` | none |
//! | `fmspcs/{all,client,E3,E5}.json` | none |
//!
//! The FMSPC has 12 digits in upper case, the chain's file the name of the document's without its
//! ending. CRLs may also be PEM or hexadecimal digits. Names are made from values that have a form,
//! so nothing outside the directory can be named. Certificates of platforms are not looked for.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use bulla_protocol::pcs::{
    Answer, Enclave, MAX_RESPONSE_BODY_SIZE, Refusal, Request, Selection, Tee,
};
use bulla_protocol::percent;
use bulla_protocol::wire::{Headers, ResponseParts, Status, header};

use crate::crl;
use crate::http;
use crate::settings::SettingsError;
use crate::trouble::Trouble;

/// The files in which the answer to a request lies, below the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a document and its chain")]
pub struct Files {
    /// The document.
    pub document: String,
    /// The chain of its issuer; absent where there is none.
    pub issuer_chain: Option<String>,
}

/// Where the answer to a request lies; `None` for what is not kept in directories.
pub fn files(request: &Request) -> Option<Files> {
    let place = place(request)?;
    Some(Files {
        document: place.document(),
        issuer_chain: place.chain.map(|_| place.issuer_chain()),
    })
}

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// How a document lies in the directory, and goes over the wire.
struct Place {
    /// Its name without the ending.
    stem: String,
    /// `json` or `der`.
    ending: &'static str,
    /// The header that carries its chain; absent where there is none.
    chain: Option<&'static str>,
}

impl Directory {
    /// The directory must exist; what is in it is looked at when it is asked for.
    pub(crate) fn new(path: &Path, name: &str) -> Result<Self, SettingsError> {
        if !path.is_dir() {
            return Err(SettingsError::Value {
                name: name.to_owned(),
                setting: "path",
                problem: format!("{} is no directory", path.display()),
            });
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Why it is not asked for this; `None` where it can be.
    pub(crate) fn cannot(request: &Request) -> Option<&'static str> {
        place(request)
            .is_none()
            .then_some("a directory has nothing of this")
    }

    pub(crate) async fn exchange(&self, request: &Request) -> Result<Answer, Trouble> {
        let Some(place) = place(request) else {
            return Err(Trouble::refusal(Refusal::new(Status::NOT_FOUND)));
        };
        let folder = self.path.clone();
        let read = tokio::task::spawn_blocking(move || place.read(&folder));
        let parts = read.await.map_err(|error| broken(error.to_string()))??;
        match request {
            Request::RootCaCrl(file) => crl::converted(parts.body, file.encoding())
                .map(Answer::RootCaCrl)
                .map_err(Trouble::Malformed),
            Request::PckCrl { ca, encoding } => crl::of_pck_ca(*ca, *encoding, parts),
            _ => http::read(request, parts),
        }
    }
}

impl Place {
    fn document(&self) -> String {
        format!("{}.{}", self.stem, self.ending)
    }

    fn issuer_chain(&self) -> String {
        format!("{}.issuer-chain.pem", self.stem)
    }

    fn read(self, folder: &Path) -> Result<ResponseParts, Trouble> {
        let media_type = match self.ending {
            "json" => "application/json",
            _ => "application/pkix-crl",
        };
        let body = contents(&folder.join(self.document()))?;
        let mut headers = Headers::new().with(header::CONTENT_TYPE, media_type);
        if let Some(name) = self.chain {
            let chain = contents(&folder.join(self.issuer_chain()))?;
            let chain = String::from_utf8(chain)
                .map_err(|_| Trouble::Malformed("the issuer chain is no PEM".to_owned()))?;
            headers.add(name, percent::encode(&chain));
        }
        Ok(ResponseParts {
            status: Status::OK,
            headers,
            body,
        })
    }
}

fn place(request: &Request) -> Option<Place> {
    let json = |stem, chain| Place {
        stem,
        ending: "json",
        chain,
    };
    let list = |stem: String, chain| Place {
        stem,
        ending: "der",
        chain,
    };
    Some(match request {
        Request::TcbInfo {
            tee,
            fmspc,
            selection,
        } => json(
            format!("tcb-info/{}/{fmspc}/{}", of_tee(*tee), of_set(*selection)),
            Some("TCB-Info-Issuer-Chain"),
        ),
        Request::EnclaveIdentity { enclave, selection } => {
            let enclave = match enclave {
                Enclave::SgxQe => "qe",
                Enclave::SgxQve => "qve",
                Enclave::SgxQae => "qae",
                Enclave::TdxQe => "td-qe",
            };
            json(
                format!("identity/{enclave}/{}", of_set(*selection)),
                Some("SGX-Enclave-Identity-Issuer-Chain"),
            )
        }
        Request::EvaluationDataNumbers(tee) => json(
            format!("evaluation-data-numbers/{}", of_tee(*tee)),
            Some("TCB-Evaluation-Data-Numbers-Issuer-Chain"),
        ),
        Request::Fmspcs(filter) => json(format!("fmspcs/{}", filter.as_str()), None),
        Request::PckCrl { ca, .. } => list(
            format!("pck-crl/{}", ca.as_str()),
            Some("SGX-PCK-CRL-Issuer-Chain"),
        ),
        Request::RootCaCrl(_) => list("root-ca-crl".to_owned(), None),
        Request::PckCertificate { .. }
        | Request::PckCertificates { .. }
        | Request::PckCertificatesConfig { .. }
        | Request::RegisterPlatform(_)
        | Request::AddPackage { .. } => return None,
    })
}

fn of_tee(tee: Tee) -> &'static str {
    match tee {
        Tee::Sgx => "sgx",
        Tee::Tdx => "tdx",
    }
}

fn of_set(selection: Selection) -> String {
    match selection {
        Selection::Standard => "standard".to_owned(),
        Selection::Early => "early".to_owned(),
        Selection::Number(number) => number.to_string(),
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, Trouble> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Trouble::refusal(Refusal::new(Status::NOT_FOUND)),
        _ => broken(format!("{} cannot be read: {error}", path.display())),
    };
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(broken(format!("{} is no file", path.display())));
    }
    let file = File::open(path).map_err(unreadable)?;
    let limit = MAX_RESPONSE_BODY_SIZE;
    let mut bytes = Vec::new();
    file.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > limit {
        return Err(Trouble::Malformed(format!(
            "{} has more than {limit} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

fn broken(reason: String) -> Trouble {
    Trouble::Connection { reason, sent: true }
}
