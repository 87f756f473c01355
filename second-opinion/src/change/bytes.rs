//! Bytes changed without any key: what anybody can do to evidence and collateral.

use bulla_collateral::CollateralSet;

use crate::random::Random;

/// Changes the quote or a document of the set, mostly the quote.
pub(crate) fn change(
    quote: &mut Vec<u8>,
    collateral: &mut CollateralSet,
    random: &mut Random,
) -> String {
    if !random.one_in(3) {
        return match random.one_in(3) {
            true => format!("quote: {}", field(quote, random)),
            false => format!("quote: {}", bytes(quote, random)),
        };
    }
    match random.below(9) {
        0 => format!("TCB info: {}", bytes(&mut collateral.tcb_info.body, random)),
        1 => format!(
            "identity: {}",
            bytes(&mut collateral.qe_identity.body, random)
        ),
        2 => format!(
            "TCB info chain: {}",
            bytes(&mut collateral.tcb_info_issuer_chain, random)
        ),
        3 => format!(
            "identity chain: {}",
            bytes(&mut collateral.qe_identity_issuer_chain, random)
        ),
        4 => format!(
            "PCK CRL chain: {}",
            bytes(&mut collateral.pck_crl_issuer_chain, random)
        ),
        5 => format!("PCK CRL: {}", bytes(&mut collateral.pck_crl, random)),
        6 => format!(
            "root CA's CRL: {}",
            bytes(&mut collateral.root_ca_crl, random)
        ),
        7 => format!(
            "TCB info signature: {}",
            digit(&mut collateral.tcb_info.signature, random)
        ),
        _ => format!(
            "identity signature: {}",
            digit(&mut collateral.qe_identity.signature, random)
        ),
    }
}

fn digit(text: &mut String, random: &mut Random) -> String {
    let mut bytes = std::mem::take(text).into_bytes();
    let index = random.index(bytes.len().max(1));
    if let Some(byte) = bytes.get_mut(index) {
        *byte = *random.pick(b"0123456789abcdefABCDEFg ");
    }
    *text = String::from_utf8_lossy(&bytes).into_owned();
    format!("digit {index}")
}

/// Bits and bytes changed, cut off, inserted, repeated or moved.
fn bytes(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    let length = bytes.len();
    if length == 0 {
        bytes.push(random.byte());
        return "a byte where none was".to_owned();
    }
    let start = random.index(length);
    let end = (start + 1 + random.index(64)).min(length);
    match random.below(10) {
        0..=3 => {
            let bit = random.below(8);
            bytes[start] ^= 1 << bit;
            format!("bit {bit} of byte {start}")
        }
        4 => {
            bytes[start] = random.byte();
            format!("byte {start} is {:#04x}", bytes[start])
        }
        5 => {
            bytes.truncate(start);
            format!("cut off at {start}")
        }
        6 => {
            bytes.drain(start..end);
            format!("bytes {start}..{end} removed")
        }
        7 => {
            let inserted: Vec<u8> = (start..end).map(|_| random.byte()).collect();
            bytes.splice(start..start, inserted);
            format!("{} bytes inserted at {start}", end - start)
        }
        8 => {
            bytes[start..end].fill(0);
            format!("bytes {start}..{end} zero")
        }
        _ => {
            let copied = bytes[start..end].to_vec();
            let target = random.index(bytes.len() + 1);
            bytes.splice(target..target, copied);
            format!("bytes {start}..{end} repeated at {target}")
        }
    }
}

/// Places in a quote that have a meaning: of the header, of the lengths, of the auth data; and
/// what follows the quote.
fn field(quote: &mut Vec<u8>, random: &mut Random) -> String {
    let body_end = match (quote.first(), quote.get(4), quote.get(48)) {
        (Some(5), _, Some(2)) => 54 + 584,
        (Some(5), _, Some(3)) => 54 + 648,
        (Some(5), _, Some(4)) => 54 + 885,
        (Some(5), ..) => 54 + 384,
        (_, Some(0x81), _) => 48 + 584,
        _ => 48 + 384,
    };
    let wrapped = if quote.first() == Some(&3) { 0 } else { 6 };
    let auth = body_end + 4;
    let qe = auth + 128 + wrapped;
    let (offset, size, what) = *random.pick(&[
        (0, 2, "version"),
        (2, 2, "attestation key type"),
        (4, 4, "TEE type"),
        (8, 4, "SVNs of the header"),
        (12, 16, "QE vendor"),
        (28, 20, "user data"),
        (48, 6, "body descriptor"),
        (body_end, 4, "length of the auth data"),
        (auth, 64, "signature"),
        (auth + 64, 64, "attestation key"),
        (auth + 128, 6, "outer certification data"),
        (qe, 384, "QE report"),
        (qe + 384, 64, "QE report signature"),
        (qe + 448, 2, "length of the QE auth data"),
        (qe + 450, 32, "QE auth data"),
        (qe + 482, 2, "certification type"),
        (qe + 484, 4, "length of the certification data"),
        (usize::MAX, 0, "end"),
    ]);
    if offset == usize::MAX {
        return after_the_end(quote, random);
    }
    let Some(bytes) = quote.get_mut(offset..offset + size) else {
        return format!("nothing: the quote ends before its {what}");
    };
    match random.below(4) {
        0 => bytes.fill(0),
        1 => bytes.fill(0xff),
        2 => bytes[0] = bytes[0].wrapping_add(1),
        _ => bytes[random.index(size)] = random.byte(),
    }
    what.to_owned()
}

fn after_the_end(quote: &mut Vec<u8>, random: &mut Random) -> String {
    let count = 1 + random.index(600);
    if random.one_in(2) {
        quote.extend(vec![0; count]);
        return format!("{count} zeros at the end");
    }
    quote.extend((0..count).map(|_| random.byte() | 1));
    format!("{count} other bytes at the end")
}
