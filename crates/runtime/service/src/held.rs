//! What is served now, ready to be sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bulla_collateral::{
    EnclaveId, EvaluationDataNumbers, Selector, Series, SignedText, Slot, TcbInfoId,
};
use bulla_pki::{Timestamp, Window, pem};
use bulla_protocol::caching::EntityTag;
use bulla_protocol::percent;
use bytes::Bytes;
use hyper::header::HeaderValue;

use crate::freshness::{Age, Freshness, jitter};
use crate::want::Want;

/// A verified document as it is served: every form of it made once.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which document.
    pub slot: Slot,
    /// Its number in the store.
    pub id: i64,
    /// As received: JSON with its signature, or DER.
    pub body: Bytes,
    /// SHA-256 of `body`.
    pub sha256: [u8; 32],
    /// Names of the content as received.
    tag: Tag,
    /// PEM: the issuer and the root.
    pub issuer_chain: Bytes,
    /// The chain as it stands in a header: percent-encoded.
    pub chain_header: HeaderValue,
    /// For CRLs the other two forms; absent for JSON.
    crl: Option<CrlForms>,
    /// From when until when the document itself is current.
    pub window: Window,
    /// The earliest end in its issuer chain.
    pub chain_until: Timestamp,
    /// When this issue arrived.
    pub arrived: Timestamp,
    /// When an upstream last confirmed that there is no later one.
    pub asked: Timestamp,
    /// Where it came from, for people.
    pub source: Arc<str>,
    /// By how much sooner than others it is due.
    jitter: u16,
}

/// In which form a document is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// As received: JSON, or DER.
    AsReceived,
    /// A CRL in PEM.
    Pem,
    /// A CRL in lower-case hexadecimal digits.
    Hex,
}

/// A CRL for clients who do not take DER.
#[derive(Clone, Debug)]
struct CrlForms {
    pem: (Bytes, Tag),
    hex: (Bytes, Tag),
}

/// Name of a content, as tag and as header.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) tag: EntityTag,
    pub(crate) header: HeaderValue,
}

impl Tag {
    /// The digest of the document and the form, which give the bytes.
    fn new(sha256: &[u8; 32], form: &str) -> Option<Self> {
        let tag = EntityTag::strong(format!("{}{form}", hex::encode(sha256)))?;
        let header = HeaderValue::try_from(tag.to_string()).ok()?;
        Some(Self { tag, header })
    }
}

/// What a [`Held`] is made from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Which document.
    pub slot: Slot,
    /// Its number in the store.
    pub id: i64,
    /// As received.
    pub body: Vec<u8>,
    /// SHA-256 of `body`.
    pub sha256: [u8; 32],
    /// PEM: the issuer and the root.
    pub issuer_chain: Vec<u8>,
    /// From when until when the document is current.
    pub window: Window,
    /// The earliest end in its issuer chain.
    pub chain_until: Timestamp,
    /// When it arrived.
    pub arrived: Timestamp,
    /// Where it came from.
    pub source: String,
}

impl Held {
    /// Makes every form; absent where the chain cannot stand in a header, as no verified one does.
    pub fn new(parts: Parts) -> Option<Self> {
        let chain = str::from_utf8(&parts.issuer_chain).ok()?;
        let crl = match parts.slot {
            Slot::PckCrl(_) | Slot::RootCaCrl => Some(CrlForms {
                pem: (
                    pem::encode("X509 CRL", &parts.body).into(),
                    Tag::new(&parts.sha256, "-pem")?,
                ),
                hex: (
                    hex::encode(&parts.body).into(),
                    Tag::new(&parts.sha256, "-hex")?,
                ),
            }),
            _ => None,
        };
        Some(Self {
            slot: parts.slot,
            id: parts.id,
            sha256: parts.sha256,
            tag: Tag::new(&parts.sha256, "")?,
            chain_header: HeaderValue::try_from(percent::encode(chain)).ok()?,
            body: parts.body.into(),
            issuer_chain: parts.issuer_chain.into(),
            crl,
            window: parts.window,
            chain_until: parts.chain_until,
            arrived: parts.arrived,
            asked: parts.arrived,
            source: parts.source.into(),
            jitter: jitter(&parts.slot.to_string()),
        })
    }

    /// The same, of which an upstream has said again that it is the latest.
    pub(crate) fn confirmed(&self, asked: Timestamp) -> Self {
        Self {
            asked,
            ..self.clone()
        }
    }

    /// The bytes of a form; as received where it has no such form.
    pub fn bytes(&self, form: Body) -> &Bytes {
        match (form, &self.crl) {
            (Body::Pem, Some(forms)) => &forms.pem.0,
            (Body::Hex, Some(forms)) => &forms.hex.0,
            _ => &self.body,
        }
    }

    /// The name of the content in a form.
    pub(crate) fn tag(&self, form: Body) -> &Tag {
        match (form, &self.crl) {
            (Body::Pem, Some(forms)) => &forms.pem.1,
            (Body::Hex, Some(forms)) => &forms.hex.1,
            _ => &self.tag,
        }
    }

    /// The last instant at which it may be used: that of the document or of its chain.
    pub fn until(&self) -> Timestamp {
        self.window.until.min(self.chain_until)
    }

    /// What its freshness follows from.
    pub fn age(&self) -> Age {
        Age {
            window: Window {
                from: self.window.from,
                until: self.until(),
            },
            asked: self.asked,
        }
    }

    /// How fresh it is.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        self.age().freshness(now, self.jitter)
    }
}

/// A number that the vendor gives out under a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The number.
    pub number: u32,
    /// Since when it is that one.
    pub since: Timestamp,
    /// When an upstream was last asked for it, with success.
    pub asked: Timestamp,
}

/// Everything that is served, at one moment. Never changed, only replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    documents: BTreeMap<Slot, Arc<Held>>,
    selected: BTreeMap<(Series, Selector), Selected>,
    latest_issue: Option<Timestamp>,
}

impl Snapshot {
    /// The document in a slot.
    pub fn get(&self, slot: Slot) -> Option<&Arc<Held>> {
        self.documents.get(&slot)
    }

    /// The document that is wanted, fresh or not.
    pub fn find(&self, want: Want) -> Option<&Arc<Held>> {
        let slot = want.slot(|series, selector| Some(self.selected(series, selector)?.number));
        self.get(slot?)
    }

    /// The number under a selector.
    pub fn selected(&self, series: Series, selector: Selector) -> Option<&Selected> {
        self.selected.get(&(series, selector))
    }

    /// All documents, in the order of their slots.
    pub fn documents(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.documents.values()
    }

    /// All selections, in the order of their series.
    pub fn selections(&self) -> impl Iterator<Item = (Series, Selector, &Selected)> {
        self.selected
            .iter()
            .map(|((series, selector), selected)| (*series, *selector, selected))
    }

    /// The latest instant that the vendor has signed; absent where nothing is there.
    pub fn latest_issue(&self) -> Option<Timestamp> {
        self.latest_issue
    }

    /// The numbers on the vendor's own list; absent where there is none, or it is empty.
    pub fn numbers(&self, id: TcbInfoId) -> Option<BTreeSet<u32>> {
        let held = self.get(Slot::EvaluationDataNumbers(id))?;
        let (_, text) = SignedText::from_wrapped(&held.body).ok()?;
        let list = EvaluationDataNumbers::parse(&text.body).ok()?;
        let numbers: BTreeSet<u32> = list.numbers.iter().map(|entry| entry.number).collect();
        (!numbers.is_empty()).then_some(numbers)
    }

    /// The numbers that the vendor no longer signs, by its own lists.
    pub fn retired(&self) -> Retired {
        let first = |id| self.numbers(id)?.first().copied();
        Retired {
            first_sgx: first(TcbInfoId::Sgx),
            first_tdx: first(TcbInfoId::Tdx),
        }
    }

    /// The same with a document in place of what was in its slot.
    #[must_use]
    pub fn with(mut self, held: Arc<Held>) -> Self {
        self.documents.insert(held.slot, held);
        self.dated()
    }

    /// The same without a document.
    #[must_use]
    pub fn without(mut self, slot: Slot) -> Self {
        self.documents.remove(&slot);
        self.dated()
    }

    /// Every request asks for the latest issue, so that it is looked for once.
    fn dated(mut self) -> Self {
        self.latest_issue = self.documents().map(|held| held.window.from).max();
        self
    }

    /// The same with a number under a selector.
    #[must_use]
    pub fn with_selected(mut self, series: Series, selector: Selector, number: Selected) -> Self {
        self.selected.insert((series, selector), number);
        self
    }
}

/// Numbers that the vendor no longer signs: those below all that its list has. What it signed
/// last of them is good until its end, and nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The smallest number of the list for SGX; absent where there is no list.
    first_sgx: Option<u32>,
    first_tdx: Option<u32>,
}

impl Retired {
    /// Whether a document has such a number.
    pub fn contains(&self, slot: Slot) -> bool {
        let Slot::Numbered(series, number) = slot else {
            return false;
        };
        let first = match series {
            Series::TcbInfo {
                id: TcbInfoId::Tdx, ..
            }
            | Series::EnclaveIdentity(EnclaveId::TdQe) => self.first_tdx,
            Series::TcbInfo { .. } | Series::EnclaveIdentity(_) => self.first_sgx,
        };
        first.is_some_and(|first| number < first)
    }
}
