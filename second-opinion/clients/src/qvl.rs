//! `dcap-qvl`: its client, its verifier, and the quotes that it reads.

use dcap_qvl::collateral::{CollateralClient, TcbEvaluationDataSet};
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{Policy, QuoteClaims, QuoteCollateralV3};
use serde_json::{Value, json};

use crate::{PlatformRequest, Server, now};

/// The forms of quotes that this verifier knows.
pub const KNOWN: [&str; 5] = ["sgx-v3", "tdx10-v4", "tdx10-v5", "tdx15-v5", "tdx15-ex-v5"];

/// Those that it does not: a newer version of it may.
pub const UNKNOWN: [&str; 2] = ["sgx-v4", "sgx-v5"];

/// Accepts whatever was verified, with any TCB status.
pub struct Anything;

impl Policy for Anything {
    fn validate(&self, _: &QuoteClaims) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What its client fetches for a quote from a server.
///
/// # Errors
///
/// In its words, behind `fetch: `.
pub fn fetch(
    server: &Server,
    quote: &[u8],
    set: TcbEvaluationDataSet,
) -> Result<QuoteCollateralV3, String> {
    fetch_at(server.url(), quote, set)
}

/// The same from an address.
///
/// # Errors
///
/// In its words, behind `fetch: `.
pub fn fetch_at(
    url: &str,
    quote: &[u8],
    set: TcbEvaluationDataSet,
) -> Result<QuoteCollateralV3, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = CollateralClient::with_default_http(url).expect("a client");
    let client = client.with_evaluation_data_set(set);
    let fetched = runtime.block_on(client.fetch(quote));
    fetched.map_err(|error| format!("fetch: {error:#}"))
}

/// What it says of a quote with what its client fetches from a server, under a root.
///
/// # Errors
///
/// In its words, behind `fetch: ` or `verify: `.
pub fn verify(
    server: &Server,
    root: Vec<u8>,
    quote: &[u8],
    set: TcbEvaluationDataSet,
) -> Result<QuoteClaims, String> {
    let collateral = fetch(server, quote, set)?;
    QuoteVerifier::new(root)
        .verify_with_policy(quote, &collateral, now(), &Anything)
        .map_err(|error| format!("verify: {error:#}"))
}

/// Collateral in the vendor's form, without the chain that came with the quote.
pub fn written(collateral: &QuoteCollateralV3) -> Value {
    json!({
        "tcb_info": collateral.tcb_info,
        "tcb_info_signature": hex::encode(&collateral.tcb_info_signature),
        "tcb_info_issuer_chain": collateral.tcb_info_issuer_chain,
        "qe_identity": collateral.qe_identity,
        "qe_identity_signature": hex::encode(&collateral.qe_identity_signature),
        "qe_identity_issuer_chain": collateral.qe_identity_issuer_chain,
        "pck_crl": hex::encode(&collateral.pck_crl),
        "pck_crl_issuer_chain": collateral.pck_crl_issuer_chain,
        "root_ca_crl": hex::encode(&collateral.root_ca_crl),
    })
}

/// The kinds of quotes of which [`without_chain`] makes another.
pub const WITHOUT_CHAIN: [&str; 2] = ["sgx-v3", "tdx10-v4"];

/// The quote as a platform writes it that has no certificate yet: with its PPID, encrypted, in place
/// of the chain. Nothing signs that part.
///
/// # Panics
///
/// For a kind that is not in [`WITHOUT_CHAIN`].
pub fn without_chain(quote: &[u8], kind: &str, request: &PlatformRequest) -> Vec<u8> {
    // Where the size of the authentication data stands, and in version 4, behind signature and key
    // of the quote, that of the outer certification data; each counts all that follows it.
    let sizes: &[usize] = match kind {
        "sgx-v3" => &[48 + 384],
        "tdx10-v4" => &[48 + 584, 48 + 584 + 4 + 64 + 64 + 2],
        _ => panic!("{kind}"),
    };
    let begin = b"-----BEGIN CERTIFICATE-----";
    let chain = quote.windows(begin.len()).position(|part| part == begin);
    // Before the chain: what kind of data it is, two bytes, and its size, four.
    let mut changed = quote[..chain.expect("a chain") - 6].to_vec();
    let data = [
        &request.encrypted_ppid,
        &request.cpusvn,
        &request.pcesvn,
        &request.pceid,
    ];
    let data = data.map(|digits| hex::decode(digits).expect("digits"));
    let data = data.concat();
    changed.extend(3_u16.to_le_bytes());
    changed.extend(size(data.len()));
    changed.extend(data);
    for &at in sizes {
        let rest = changed.len() - at - 4;
        changed[at..at + 4].copy_from_slice(&size(rest));
    }
    changed
}

fn size(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a small size").to_le_bytes()
}
