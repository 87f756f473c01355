//! What a fuzzer does to evidence: it changes bytes, takes pieces from elsewhere and signs with
//! the keys that an attacker has.

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use bulla_collateral::CollateralSet;
use bulla_evidence::layout::SgxReportBody;
use bulla_evidence::{AuthData, CertificationData, Quote, write_quote};
use bulla_issuer::{QuoteKind, Scenario, Seed, SigningKey, qe_report_data, quote_point, sign_text};
use bulla_pki::Timestamp;
use zerocopy::{FromBytes, IntoBytes};

use crate::bases::{Base, Bases, OUTSIDE, Owner};

/// Where to start, and what to do.
#[derive(Arbitrary, Debug)]
pub struct Input {
    /// The evidence to start from.
    pub base: u8,
    /// The instant to judge by.
    pub at: Instant,
    /// The changes, in their order.
    pub edits: Vec<Edit>,
}

/// An instant.
#[derive(Arbitrary, Debug)]
pub enum Instant {
    /// That of the evidence.
    Its,
    /// So many seconds later or earlier.
    Later(i32),
    /// At an end of the window of a document, or beside it.
    AtAnEnd {
        /// Which document.
        document: u8,
        /// Whether the last second is meant, not the first.
        last: bool,
        /// Seconds later or earlier.
        later: i8,
    },
}

/// A change.
#[derive(Arbitrary, Debug)]
pub enum Edit {
    /// Changes bytes.
    Bytes(Part, Change),
    /// Changes bytes of a piece of the quote, and the lengths with them.
    Piece(Piece, Change),
    /// Takes a piece of the quote from other evidence.
    TakePiece(Piece, u8),
    /// Takes a part from other evidence, perhaps to another place.
    Take {
        /// Whose.
        from: u8,
        /// What.
        part: Part,
        /// Where to.
        to: Part,
    },
    /// Rearranges a chain of certificates.
    Chain(Part, Order),
    /// Signs anew.
    Sign(Target, Signer),
}

/// A part of the evidence.
#[derive(Arbitrary, Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Part {
    Quote,
    TcbInfo,
    TcbInfoSignature,
    TcbInfoChain,
    QeIdentity,
    QeIdentitySignature,
    QeIdentityChain,
    PckCrl,
    PckCrlChain,
    RootCaCrl,
    PckChain,
}

/// A piece of a quote.
#[derive(Arbitrary, Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Piece {
    Signed,
    Signature,
    AttestationKey,
    QeReport,
    QeReportSignature,
    QeAuth,
    Certification,
}

/// A change of bytes; places wrap around.
#[derive(Arbitrary, Debug)]
#[allow(missing_docs)]
pub enum Change {
    Set { at: u16, value: u8 },
    Flip { at: u16, bit: u8 },
    Insert { at: u16, bytes: [u8; 3] },
    Remove { at: u16, count: u8 },
    Append { byte: u8, count: u8 },
    CountUp { at: u16 },
    ToHex,
    SwapLetterCase,
}

/// A new order of the certificates in a chain.
#[derive(Arbitrary, Debug)]
#[allow(missing_docs)]
pub enum Order {
    Rotated,
    Reversed,
    WithoutFirst,
    WithoutLast,
    FirstTwice,
}

/// What is signed anew.
#[derive(Arbitrary, Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Target {
    Quote,
    QeReport,
    TcbInfo,
    QeIdentity,
}

/// Who signs.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Signer {
    /// A vendor that nobody trusts.
    Outsider,
    /// The platform itself. It signs no report of a quoting enclave: whatever its key signs there
    /// is true.
    Platform,
}

/// The outsider's keys: they sign quotes, reports of quoting enclaves and documents.
static OUTSIDER: LazyLock<[SigningKey; 3]> = LazyLock::new(|| {
    let now = "2026-11-23T00:00:00Z".parse().expect("a time");
    let scenario = Scenario::new(&Seed::from(OUTSIDE), QuoteKind::SgxV3, now);
    let documents = scenario.vendor.tcb_signer.key;
    [scenario.quote.attestation_key, scenario.pck_key, documents]
});

/// Evidence as it was changed.
pub struct Edited<'a> {
    /// What it was.
    pub base: &'a Base,
    /// The quote.
    pub quote: Vec<u8>,
    /// The collateral; absent where it is the base's.
    pub collateral: Option<CollateralSet>,
    /// The instant to judge by.
    pub at: Timestamp,
}

impl<'a> Edited<'a> {
    /// Does what the input says.
    pub fn new(input: &Input, bases: &'a Bases) -> Self {
        let base = bases.get(input.base);
        let mut edited = Self {
            base,
            quote: base.quote.clone(),
            collateral: None,
            at: input.at.of(base),
        };
        for edit in &input.edits {
            edited.apply(edit, bases);
        }
        edited
    }

    fn apply(&mut self, edit: &Edit, bases: &Bases) {
        match edit {
            Edit::Bytes(part, change) => self.change(*part, |bytes| change.apply(bytes)),
            Edit::Piece(piece, change) => {
                let Ok(quote) = Quote::parse(&self.quote) else {
                    return;
                };
                let mut bytes = piece.of(&quote).to_vec();
                change.apply(&mut bytes);
                self.put(*piece, &bytes);
            }
            Edit::TakePiece(piece, from) => {
                self.put(*piece, piece.of(&bases.get(*from).parsed()));
            }
            Edit::Take { from, part, to } => {
                let bytes = part.of(bases.get(*from));
                self.change(*to, |own| *own = bytes);
            }
            Edit::Chain(Part::Quote, order) => {
                let chain = match Quote::parse(&self.quote) {
                    Ok(quote) => quote.auth().certification.as_bytes().to_vec(),
                    Err(_) => return,
                };
                self.put(Piece::Certification, &order.apply(&chain));
            }
            Edit::Chain(part, order) => self.change(*part, |chain| *chain = order.apply(chain)),
            Edit::Sign(target, signer) => self.sign(*target, *signer),
        }
    }

    fn change(&mut self, part: Part, change: impl FnOnce(&mut Vec<u8>)) {
        if let Part::Quote = part {
            return change(&mut self.quote);
        }
        let set = self
            .collateral
            .get_or_insert_with(|| self.base.collateral.clone());
        let signature = match part {
            Part::TcbInfoSignature => &mut set.tcb_info.signature,
            Part::QeIdentitySignature => &mut set.qe_identity.signature,
            Part::TcbInfo => return change(&mut set.tcb_info.body),
            Part::TcbInfoChain => return change(&mut set.tcb_info_issuer_chain),
            Part::QeIdentity => return change(&mut set.qe_identity.body),
            Part::QeIdentityChain => return change(&mut set.qe_identity_issuer_chain),
            Part::PckCrl => return change(&mut set.pck_crl),
            Part::PckCrlChain => return change(&mut set.pck_crl_issuer_chain),
            Part::RootCaCrl => return change(&mut set.root_ca_crl),
            Part::Quote | Part::PckChain => {
                return change(set.pck_certificate_chain.get_or_insert_default());
            }
        };
        // A string holds no other bytes; whoever reads a set refuses them before.
        let mut bytes = std::mem::take(signature).into_bytes();
        change(&mut bytes);
        *signature = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Puts a piece into the quote; one of the wrong size is left out.
    fn put(&mut self, piece: Piece, bytes: &[u8]) {
        let own = self.quote.clone();
        let written = Quote::parse(&own).ok().and_then(|quote| {
            let mut signed = quote.signed();
            let mut auth = *quote.auth();
            match piece {
                Piece::Signed => signed = bytes,
                Piece::Signature => auth.signature = bytes.try_into().ok()?,
                Piece::AttestationKey => auth.attestation_key = bytes.try_into().ok()?,
                Piece::QeReport => auth.qe_report = SgxReportBody::ref_from_bytes(bytes).ok()?,
                Piece::QeReportSignature => auth.qe_report_signature = bytes.try_into().ok()?,
                Piece::QeAuth => auth.qe_auth = bytes,
                Piece::Certification => auth.certification = CertificationData::PckChain(bytes),
            }
            write_quote(signed, &auth).ok()
        });
        if let Some(written) = written {
            self.quote = written;
        }
    }

    fn sign(&mut self, target: Target, signer: Signer) {
        let [attestation_key, pck_key, signing_key] = &*OUTSIDER;
        let platform = match (signer, &self.base.owner) {
            (Signer::Platform, Owner::Issued(key)) => Some(key),
            _ => None,
        };
        match target {
            Target::Quote => {
                let Ok(quote) = Quote::parse(&self.quote) else {
                    return;
                };
                let key = platform.unwrap_or(attestation_key);
                let signature = key.sign(quote.signed());
                self.put(Piece::Signature, &signature);
                self.put(Piece::AttestationKey, &quote_point(key));
            }
            Target::QeReport => {
                let Ok(quote) = Quote::parse(&self.quote) else {
                    return;
                };
                let mut report = *quote.auth().qe_report;
                report.reportdata =
                    qe_report_data(quote.auth().attestation_key, quote.auth().qe_auth);
                let signature = pck_key.sign(report.as_bytes());
                self.put(Piece::QeReport, report.as_bytes());
                self.put(Piece::QeReportSignature, &signature);
            }
            Target::TcbInfo | Target::QeIdentity => {
                let set = self
                    .collateral
                    .get_or_insert_with(|| self.base.collateral.clone());
                let document = match target {
                    Target::TcbInfo => &mut set.tcb_info,
                    _ => &mut set.qe_identity,
                };
                let key = platform.unwrap_or(signing_key);
                *document = sign_text(std::mem::take(&mut document.body), key);
            }
        }
    }
}

impl Instant {
    fn of(&self, base: &Base) -> Timestamp {
        let moved = |from: Timestamp, seconds: i32| match seconds {
            0.. => from.saturating_add(seconds.unsigned_abs().into()),
            _ => from.saturating_sub(seconds.unsigned_abs().into()),
        };
        match *self {
            Self::Its => base.at,
            Self::Later(seconds) => moved(base.at, seconds),
            Self::AtAnEnd {
                document,
                last,
                later,
            } => {
                let documents = &base.verdict.collateral.documents;
                let window = documents[usize::from(document) % documents.len()].window;
                moved(if last { window.until } else { window.from }, later.into())
            }
        }
    }
}

impl Part {
    fn of(self, base: &Base) -> Vec<u8> {
        let set = &base.collateral;
        match self {
            Self::Quote => base.quote.clone(),
            Self::TcbInfo => set.tcb_info.body.clone(),
            Self::TcbInfoSignature => set.tcb_info.signature.clone().into_bytes(),
            Self::TcbInfoChain => set.tcb_info_issuer_chain.clone(),
            Self::QeIdentity => set.qe_identity.body.clone(),
            Self::QeIdentitySignature => set.qe_identity.signature.clone().into_bytes(),
            Self::QeIdentityChain => set.qe_identity_issuer_chain.clone(),
            Self::PckCrl => set.pck_crl.clone(),
            Self::PckCrlChain => set.pck_crl_issuer_chain.clone(),
            Self::RootCaCrl => set.root_ca_crl.clone(),
            Self::PckChain => base.pck_chain().to_vec(),
        }
    }
}

impl Piece {
    fn of<'a>(self, quote: &Quote<'a>) -> &'a [u8] {
        let auth: &AuthData<'a> = quote.auth();
        match self {
            Self::Signed => quote.signed(),
            Self::Signature => auth.signature,
            Self::AttestationKey => auth.attestation_key,
            Self::QeReport => auth.qe_report.as_bytes(),
            Self::QeReportSignature => auth.qe_report_signature,
            Self::QeAuth => auth.qe_auth,
            Self::Certification => auth.certification.as_bytes(),
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: u16, length: usize| usize::from(at).checked_rem(length).unwrap_or(0);
        let length = bytes.len();
        match *self {
            Self::Set { at, value } => {
                if let Some(byte) = bytes.get_mut(place(at, length)) {
                    *byte = value;
                }
            }
            Self::Flip { at, bit } => {
                if let Some(byte) = bytes.get_mut(place(at, length)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Insert { at, bytes: new } => {
                let at = place(at, length + 1);
                bytes.splice(at..at, new);
            }
            Self::Remove { at, count } => {
                let at = place(at, length);
                bytes.drain(at..length.min(at + usize::from(count)));
            }
            Self::Append { byte, count } => bytes.resize(length + usize::from(count), byte),
            // Documents stay what they are where a digit of them changes.
            Self::CountUp { at } => {
                let mut rest = bytes.iter_mut().skip(place(at, length));
                if let Some(digit) = rest.find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + (*digit - b'0' + 1) % 10;
                }
            }
            Self::ToHex => *bytes = hex::encode(&*bytes).into_bytes(),
            Self::SwapLetterCase => {
                for byte in bytes.iter_mut().filter(|byte| byte.is_ascii_alphabetic()) {
                    *byte ^= 0x20;
                }
            }
        }
    }
}

impl Order {
    fn apply(&self, chain: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(chain);
        let mut blocks: Vec<&str> = text.split_inclusive("-----END CERTIFICATE-----").collect();
        if blocks.is_empty() {
            return Vec::new();
        }
        match self {
            Self::Rotated => blocks.rotate_left(1),
            Self::Reversed => blocks.reverse(),
            Self::WithoutFirst => drop(blocks.drain(..1)),
            Self::WithoutLast => drop(blocks.pop()),
            Self::FirstTwice => blocks.push(blocks[0]),
        }
        blocks.concat().into_bytes()
    }
}
