//! Whether clients can take what is served.

use bulla_collateral::{EnclaveId, Series, Slot};

use crate::finding::{Code, Findings};

/// Longest answer that Intel's client (QCNL) passes on, in bytes: it counts document and chain
/// together in 16 bits, with a zero behind each.
const LONGEST_ANSWER: usize = 65_535;

/// Longest headers of an answer, in bytes: the default limit of Node.js, in which the vendor's
/// cache and tools are written.
const LONGEST_HEADERS: usize = 16 * 1024;

/// Kept free for all other headers of an answer.
const OTHER_HEADERS: usize = 2 * 1024;

/// Notes what is too long for clients. It is genuine and kept all the same: others can take it.
pub(super) fn note(slot: Slot, body: &[u8], chain: &[u8], findings: &mut Findings) {
    if let Some(length) = answer_length(slot, body, chain)
        && length > LONGEST_ANSWER
    {
        findings.note(
            Code::DocumentTooLongForClients,
            "document",
            format!(
                "Document and chain have {length} bytes for Intel's client, which takes \
                 {LONGEST_ANSWER} at most."
            ),
        );
    }
    let length = chain_header_length(slot, chain);
    let longest = LONGEST_HEADERS - OTHER_HEADERS;
    if length > longest {
        findings.note(
            Code::DocumentTooLongForClients,
            "issuer_chain",
            format!(
                "The chain has {length} bytes in the headers of an answer; some clients take \
                 {longest} at most."
            ),
        );
    }
}

/// What Intel's client counts of an answer, in the longest form in which it asks for it: a CRL as
/// hexadecimal digits. Absent for what it does not count in 16 bits, or never asks for.
fn answer_length(slot: Slot, body: &[u8], chain: &[u8]) -> Option<usize> {
    let with_chain = |length: usize| length.saturating_add(chain.len()).saturating_add(2);
    let digits = body.len().saturating_mul(2);
    match slot {
        Slot::Numbered(
            Series::TcbInfo { .. } | Series::EnclaveIdentity(EnclaveId::Qe | EnclaveId::TdQe),
            _,
        ) => Some(with_chain(body.len())),
        Slot::PckCrl(_) => Some(with_chain(digits)),
        Slot::RootCaCrl => Some(digits.saturating_add(1)),
        Slot::Numbered(Series::EnclaveIdentity(_), _) | Slot::EvaluationDataNumbers(_) => None,
    }
}

/// Length of the chain in the headers of an answer: percent-encoded, with TCB info under the name
/// of either version of the interface; the root's CRL comes without.
fn chain_header_length(slot: Slot, chain: &[u8]) -> usize {
    let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let plain = chain.iter().filter(is_plain).count();
    let encoded = chain.len().saturating_sub(plain).saturating_mul(3);
    let times = match slot {
        Slot::RootCaCrl => 0,
        Slot::Numbered(Series::TcbInfo { .. }, _) => 2,
        _ => 1,
    };
    encoded.saturating_add(plain).saturating_mul(times)
}

#[cfg(test)]
mod tests {
    use bulla_collateral::{PckCa, TcbInfoId};

    use super::*;
    use crate::finding::Stage;

    fn is_noted(slot: Slot, body: usize, chain: &str) -> bool {
        let mut findings = Findings::new(Stage::TcbInfo);
        note(slot, &vec![0; body], chain.as_bytes(), &mut findings);
        !findings.as_slice().is_empty()
    }

    #[test]
    fn what_is_just_short_enough_is_not_noted() {
        let tcb_info = Series::TcbInfo {
            id: TcbInfoId::Sgx,
            fmspc: [0; 6],
            version: 3,
        };
        let tcb_info = Slot::Numbered(tcb_info, 1);
        let qe = Slot::Numbered(Series::EnclaveIdentity(EnclaveId::Qe), 1);
        let qve = Slot::Numbered(Series::EnclaveIdentity(EnclaveId::Qve), 1);
        let numbers = Slot::EvaluationDataNumbers(TcbInfoId::Sgx);
        let pck_crl = Slot::PckCrl(PckCa::Platform);
        for (slot, longest) in [
            (tcb_info, 65_533),
            (qe, 65_533),
            (pck_crl, 32_766),
            (Slot::RootCaCrl, 32_767),
        ] {
            assert!(!is_noted(slot, longest, ""), "{slot}");
            assert!(is_noted(slot, longest + 1, ""), "{slot}");
        }
        for (slot, longest) in [(tcb_info, 7_168), (qe, 14_336), (pck_crl, 14_336)] {
            assert!(!is_noted(slot, 0, &"a".repeat(longest)), "{slot}");
            assert!(is_noted(slot, 0, &"a".repeat(longest + 1)), "{slot}");
            // In headers a line end is three characters.
            let other = format!("{}\n", "a".repeat(longest - 2));
            assert!(is_noted(slot, 0, &other), "{slot}");
        }
        // Not asked for, counted in more bits, or without a chain.
        assert!(!is_noted(qve, 100_000, "") && !is_noted(numbers, 100_000, ""));
        assert!(!is_noted(Slot::RootCaCrl, 0, &"a".repeat(20_000)));
    }
}
