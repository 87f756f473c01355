//! Chains of certificates: in the quote, beside it, and of the collateral's issuers.

use bulla_issuer::{Certification, PckCa, Vendor, YEAR, pem};

use super::Change;
use crate::draft::Draft;
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    certificates,
    certificates,
    text,
    brought,
    root_issued_again,
    signers_issued_again,
];

/// The four places where chains stand.
const PLACES: [&str; 4] = [
    "PCK chain",
    "TCB info chain",
    "identity chain",
    "PCK CRL chain",
];

/// The text of a chain.
fn chain(draft: &mut Draft, place: usize) -> Option<&mut Vec<u8>> {
    let documents = &mut draft.documents;
    Some(match place {
        0 => match (
            &mut documents.collateral.pck_certificate_chain,
            &mut documents.quote.certification,
        ) {
            (_, Certification::PckChain(text)) => text,
            (Some(text), _) => text,
            (None, _) => return None,
        },
        1 => &mut documents.collateral.tcb_info_issuer_chain,
        2 => &mut documents.collateral.qe_identity_issuer_chain,
        _ => &mut documents.collateral.pck_crl_issuer_chain,
    })
}

/// The certificates that stand in a chain as the issuer writes it.
fn usual(draft: &Draft, place: usize) -> Vec<Vec<u8>> {
    let documents = &draft.documents;
    let root = &documents.root_certificate;
    match place {
        0 => vec![
            &documents.pck_certificate,
            &documents.pck_ca_certificate,
            root,
        ],
        1 | 2 => vec![&documents.tcb_signing_certificate, root],
        _ => vec![&documents.pck_ca_certificate, root],
    }
    .into_iter()
    .cloned()
    .collect()
}

/// Any certificate at hand, of this vendor or of another.
fn any_certificate(draft: &Draft, random: &mut Random) -> (Vec<u8>, &'static str) {
    let vendor = &draft.scenario.vendor;
    let documents = &draft.documents;
    let other_ca = match draft.scenario.ca {
        PckCa::Processor => PckCa::Platform,
        PckCa::Platform => PckCa::Processor,
    };
    match random.below(6) {
        0 => (documents.pck_certificate.clone(), "the PCK certificate"),
        1 => (documents.pck_ca_certificate.clone(), "its CA"),
        2 => (documents.tcb_signing_certificate.clone(), "the TCB signer"),
        3 => (documents.root_certificate.clone(), "the root"),
        4 => (vendor.ca_certificate(other_ca), "the other PCK CA"),
        _ => {
            let founded = vendor.root.certificate.validity.from;
            let seed = bulla_issuer::Seed::from("another vendor");
            let other = Vendor::new(&seed, &vendor.address, founded);
            (other.root_certificate(), "another vendor's root")
        }
    }
}

fn certificates(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let place = random.index(PLACES.len());
    let mut list = usual(draft, place);
    let index = random.index(list.len());
    let change = match random.below(8) {
        0 => {
            list.remove(index);
            format!("certificate {index} left out")
        }
        1 => {
            list.insert(random.index(list.len() + 1), list[index].clone());
            format!("certificate {index} twice")
        }
        2 => {
            random.shuffle(&mut list);
            "shuffled".to_owned()
        }
        3 => {
            let (certificate, name) = any_certificate(draft, random);
            list.push(certificate);
            format!("{name} at the end")
        }
        4 => {
            let (certificate, name) = any_certificate(draft, random);
            list.insert(random.index(list.len() + 1), certificate);
            format!("{name} added")
        }
        5 | 6 => {
            let (certificate, name) = any_certificate(draft, random);
            list[index] = certificate;
            format!("{name} instead of certificate {index}")
        }
        _ => {
            let count = 1 + random.index(8);
            list.extend(vec![list[index].clone(); count]);
            format!("certificate {index} another {count} times")
        }
    };
    let list: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    *chain(draft, place)? = pem::chain(&list);
    Some(format!("{}: {change}", PLACES[place]))
}

/// The text around and between the certificates.
fn text(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let place = random.index(PLACES.len());
    let text = chain(draft, place)?;
    let (content, change) = match random.below(9) {
        0 => ([&text[..], &[0]].concat(), "a NUL at the end"),
        1 => ([&text[..], &[0, 0]].concat(), "two NULs at the end"),
        2 => ([b"text\n", &text[..]].concat(), "text in front"),
        3 => ([&text[..], b"text"].concat(), "text at the end"),
        4 => (replaced(text, "\n", "\r\n"), "CR LF"),
        5 => (
            replaced(text, "\n-----BEGIN", "\n\n \t-----BEGIN"),
            "white space between",
        ),
        6 => (
            replaced(text, "-----BEGIN", "#\n-----BEGIN"),
            "text between",
        ),
        7 => (
            replaced(text, " CERTIFICATE", " X509 CERTIFICATE"),
            "another label",
        ),
        _ => (Vec::new(), "empty"),
    };
    *text = content;
    Some(format!("{}: {change}", PLACES[place]))
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(text).replace(from, to).into_bytes()
}

/// A chain beside the one in the quote: the same, or of another platform.
fn brought(draft: &mut Draft, random: &mut Random) -> Option<String> {
    if draft.documents.collateral.pck_certificate_chain.is_some() {
        return None;
    }
    let own = chain(draft, 0)?.clone();
    let (text, what) = match random.below(4) {
        0 => (own, "the same chain"),
        1 => (own[..own.len() / 2].to_vec(), "half the chain"),
        2 => {
            let mut scenario = draft.scenario.clone();
            scenario.sgx_extension.component_svns[0] += 1;
            scenario.sgx_extension.cpusvn[0] += 1;
            let key = &scenario.vendor.ca(scenario.ca).key;
            let leaf = scenario.pck_certificate_spec().sign(key);
            let documents = &draft.documents;
            let others = [
                &documents.pck_ca_certificate[..],
                &documents.root_certificate,
            ];
            (
                pem::chain(&[&leaf, others[0], others[1]]),
                "a certificate of the same key, with other SVNs",
            )
        }
        _ => (Vec::new(), "nothing"),
    };
    draft.documents.collateral.pck_certificate_chain = Some(text);
    Some(format!("brought beside the quote: {what}"))
}

/// Another certificate of the root key, in some of the chains.
fn root_issued_again(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let vendor = &draft.scenario.vendor;
    let mut spec = vendor.root.certificate.clone();
    spec.validity.until = spec.validity.until.saturating_add(YEAR);
    let signed_by = if random.one_in(4) {
        &vendor.tcb_signer.key
    } else {
        &vendor.root.key
    };
    let root = spec.sign(signed_by);
    let places: Vec<usize> = (0..PLACES.len()).filter(|_| !random.one_in(2)).collect();
    for place in &places {
        let mut list = usual(draft, *place);
        list.pop();
        list.push(root.clone());
        let list: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
        *chain(draft, *place)? = pem::chain(&list);
    }
    Some(format!(
        "another certificate of the root key in chains {places:?}"
    ))
}

/// Another certificate of the signer's key, in one of the two chains: these then differ.
fn signers_issued_again(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let vendor = &draft.scenario.vendor;
    let mut spec = vendor.tcb_signer.certificate.clone();
    spec.serial = vec![1, 2, 3, 4];
    let key = if random.one_in(4) {
        &vendor.platform_ca.key
    } else {
        &vendor.root.key
    };
    let place = 1 + random.index(2);
    let text = pem::chain(&[&spec.sign(key), &draft.documents.root_certificate]);
    *chain(draft, place)? = text;
    Some(format!(
        "another certificate of the TCB signer in the {}",
        PLACES[place]
    ))
}
