//! What only an enclave can do: keys and reports of the processor, quotes of the platform.

use std::error::Error;
use std::net::{TcpListener, TcpStream};

use aesm_client::AesmClient;
use aesm_client::sgx::AesmClientExt as _;
use risk_score::gate::{Attester, Gate};
use risk_score::service::Service;
use risk_score::state::{KeyWish, Processor, StateError, Versions};
use sgx_isa::{ErrorCode, Keyrequest, Report, Targetinfo};
use zeroize::Zeroizing;

/// What an EDP runner takes for the platform's architectural enclave service (AESM).
const AESM: &str = "aesm.local";

/// Where in the id of an attestation key its algorithm stands (`sgx_ql_att_key_id_t`), and ECDSA over
/// P-256 there.
const ALGORITHM: std::ops::Range<usize> = 154..158;
const ECDSA_P256: [u8; 4] = 2_u32.to_le_bytes();

/// The enclave that this program runs in.
struct Enclave;

/// Listens and answers, one request after the other, until it is stopped.
pub fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, gate, policy, listen] = &arguments[..] else {
        return Err("usage: risk-score GATE POLICY LISTEN".into());
    };
    let gate = Gate::new(gate.clone(), policy.parse()?);
    let mut service = Service::new(Enclave, gate);
    let listener = TcpListener::bind(listen)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        // A client that is gone before it was accepted is no reason to end.
        if let Ok((stream, _)) = listener.accept() {
            service.serve(stream);
        }
    }
}

impl Processor for Enclave {
    fn versions(&self) -> Versions {
        let own = Report::for_self();
        Versions {
            cpusvn: own.cpusvn,
            isvsvn: own.isvsvn,
        }
    }

    fn sealing_key(&self, wish: &KeyWish) -> Result<Zeroizing<[u8; 16]>, StateError> {
        let request = Keyrequest::try_copy_from(&wish.request()).ok_or(StateError::Malformed)?;
        request
            .egetkey()
            .map(Zeroizing::new)
            .map_err(|error| match error {
                ErrorCode::InvalidCpusvn | ErrorCode::InvalidIsvsvn => StateError::Newer,
                error => StateError::NoKey(error as u32),
            })
    }
}

impl Attester for Enclave {
    fn quote(&self, report_data: &[u8; 64]) -> Result<Vec<u8>, String> {
        quote(report_data).map_err(|error| error.to_string())
    }
}

/// Reports to the platform's quoting enclave, and has it quote the report. What comes back needs no
/// check: a quote that is not of this report is worth nothing at the gate.
fn quote(report_data: &[u8; 64]) -> Result<Vec<u8>, Box<dyn Error>> {
    let platform = AesmClient::new(TcpStream::connect(AESM)?);
    let keys = platform.get_supported_att_key_ids()?;
    let key = keys
        .into_iter()
        .find(|key| key.get(ALGORITHM) == Some(&ECDSA_P256[..]))
        .ok_or("the platform has no attestation key of ECDSA over P-256")?;
    let target = platform.init_quote_ex(key.clone())?;
    let target = Targetinfo::try_copy_from(target.target_info());
    let target = target.ok_or("the platform names no quoting enclave")?;
    let report = Report::for_target(&target, report_data);
    let report: &[u8] = report.as_ref();
    let quoted = platform.get_quote_ex(key, report.to_vec(), None, vec![0; 16])?;
    Ok(quoted.quote().to_vec())
}
