//! Verifying quotes with what the service keeps.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bulla_collateral::{
    CollateralSet, DocumentError, EnclaveId, PckCa, Series, SignedText, TcbInfoId,
};
use bulla_evidence::{CertificationData, Quote, QuoteError, Tee};
use bulla_pki::certificate::Certificate;
use bulla_pki::digest::sha256;
use bulla_pki::{SgxExtension, pem};
use bulla_verifier::{KnownPlatforms, PreparedCollateral, Verdict};

use crate::held::{Held, Snapshot};
use crate::keeper::{Absent, Keeper};
use crate::want::{Choice, Want};

/// Most platforms that are remembered for each collateral set; 2 KB each.
const REMEMBERED_PLATFORMS: NonZeroUsize = match NonZeroUsize::new(1_000) {
    Some(number) => number,
    None => NonZeroUsize::MIN,
};

/// Most PCK certificates of which it is remembered what they need; 50 bytes each.
const REMEMBERED_CERTIFICATES: usize = 10_000;

/// Most collateral sets that are kept prepared: one for each family, technology and CA of a fleet.
/// The vendor has about fifty families.
const PREPARED_SETS: usize = 128;

/// Which collateral a quote needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    /// For which technology.
    pub id: TcbInfoId,
    /// The family of the platform; 6 bytes.
    pub fmspc: [u8; 6],
    /// Which CA certified the platform.
    pub ca: PckCa,
    /// Which TCB info and identity.
    pub choice: Choice,
}

/// For whom collateral is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "somebody known, or not")]
pub enum Asking {
    /// For somebody who is known: upstreams are asked for what is missing, whatever the mode; what
    /// has ended is no collateral.
    Insisting,
    /// For anybody: upstreams are asked as for any client, in measure; where nothing current can be
    /// had, what has ended is judged by, so that the policy has the last word on it.
    Measured,
}

/// Why there is no verdict on a quote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoVerdict {
    /// The bytes are not a quote.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// The quote does not carry the certificate of its platform, so that nobody knows which
    /// collateral is for it.
    #[error("the quote carries no PCK certificate that can be read: {0}")]
    Platform(String),
    /// Collateral is missing.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// A document that is kept cannot be taken apart.
    #[error("a document that is kept cannot be read: {0}")]
    Document(#[from] DocumentError),
}

impl Need {
    /// What a quote needs, by the certificate that it carries.
    pub fn of(quote: &Quote<'_>, choice: Choice) -> Result<Self, NoVerdict> {
        Ok(Self::with(quote, Origin::of(quote)?, choice))
    }

    fn with(quote: &Quote<'_>, origin: Origin, choice: Choice) -> Self {
        Self {
            id: match quote.tee() {
                Tee::Sgx => TcbInfoId::Sgx,
                Tee::Tdx => TcbInfoId::Tdx,
            },
            fmspc: origin.fmspc,
            ca: origin.ca,
            choice,
        }
    }

    /// TCB info, identity, the CRL of the CA and that of the root.
    pub fn wants(&self) -> [Want; 4] {
        let enclave = match self.id {
            TcbInfoId::Sgx => EnclaveId::Qe,
            TcbInfoId::Tdx => EnclaveId::TdQe,
        };
        let tcb_info = Series::TcbInfo {
            id: self.id,
            fmspc: self.fmspc,
            version: 3,
        };
        [
            Want::Series(tcb_info, self.choice),
            Want::Series(Series::EnclaveIdentity(enclave), self.choice),
            Want::PckCrl(self.ca),
            Want::RootCaCrl,
        ]
    }
}

/// Where a platform comes from, by its PCK certificate.
#[derive(Clone, Copy)]
struct Origin {
    fmspc: [u8; 6],
    ca: PckCa,
}

impl Origin {
    fn of(quote: &Quote<'_>) -> Result<Self, NoVerdict> {
        let sgx = certified(quote)?;
        Ok(Self {
            fmspc: sgx.fmspc,
            ca: match sgx.platform {
                Some(_) => PckCa::Platform,
                None => PckCa::Processor,
            },
        })
    }
}

/// What the certificate that a quote carries says of its platform. Nothing of it is verified here.
pub(crate) fn certified(quote: &Quote<'_>) -> Result<SgxExtension, NoVerdict> {
    let leaf = leaf(&quote.auth().certification)?;
    let unreadable = |error: &dyn std::fmt::Display| NoVerdict::Platform(error.to_string());
    let certificate = Certificate::parse(&leaf).map_err(|error| unreadable(&error))?;
    let content = certificate
        .extensions()
        .sgx
        .ok_or_else(|| unreadable(&"it has no SGX extension"))?;
    SgxExtension::parse(content).map_err(|error| unreadable(&error))
}

/// What stands around a certificate.
const LABEL: &str = "CERTIFICATE";

fn leaf(certification: &CertificationData<'_>) -> Result<Vec<u8>, NoVerdict> {
    let decoded = pem::decode_first(pem_text(certification)?, LABEL);
    decoded.map_err(|error| NoVerdict::Platform(error.to_string()))
}

/// The certificate, with or without those above it.
fn pem_text<'a>(certification: &CertificationData<'a>) -> Result<&'a [u8], NoVerdict> {
    match certification {
        CertificationData::PckChain(text) | CertificationData::PckLeaf(text) => Ok(text),
        other => {
            let reason = format!("its certification data is of type {}", other.kind());
            Err(NoVerdict::Platform(reason))
        }
    }
}

/// Verifies quotes with what a keeper has, doing for each platform and collateral once what can be
/// done once.
pub struct Judge {
    keeper: Arc<Keeper>,
    prepared: Mutex<HashMap<Need, Prepared>>,
    /// By SHA-256 of the certificate in base64.
    origins: Mutex<HashMap<[u8; 32], Origin>>,
}

struct Prepared {
    /// Digests of the four documents.
    of: [[u8; 32]; 4],
    platforms: Arc<KnownPlatforms>,
}

impl Judge {
    /// A judge who takes collateral from `keeper`.
    pub fn new(keeper: Arc<Keeper>) -> Self {
        Self {
            keeper,
            prepared: Mutex::default(),
            origins: Mutex::default(),
        }
    }

    /// The same as [`Need::of`]; a certificate that was seen before is not taken apart again.
    pub fn need(&self, quote: &Quote<'_>, choice: Choice) -> Result<Need, NoVerdict> {
        let leaf = pem::first_undecoded(pem_text(&quote.auth().certification)?, LABEL);
        let leaf = leaf.map_err(|error| NoVerdict::Platform(error.to_string()))?;
        let key = sha256(leaf);
        let origins = || self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let known = origins().get(&key).copied();
        let origin = match known {
            Some(origin) => origin,
            None => {
                let origin = Origin::of(quote)?;
                let mut origins = origins();
                if origins.len() >= REMEMBERED_CERTIFICATES {
                    origins.clear();
                }
                origins.insert(key, origin);
                origin
            }
        };
        Ok(Need::with(quote, origin, choice))
    }

    /// The verdict on a quote in binary form by the collateral that it needs, at the present time,
    /// under the service's anchor. Collateral of another platform is no danger: the verdict says so.
    pub async fn verify(
        &self,
        quote: &[u8],
        need: Need,
        asking: Asking,
    ) -> Result<Verdict, NoVerdict> {
        let platforms = self.platforms(need, asking).await?;
        let now = self.keeper.collection().now().at;
        Ok(platforms.verify(quote, now))
    }

    /// The collateral set that is for a need, as it is kept.
    pub async fn set(&self, need: Need) -> Result<CollateralSet, NoVerdict> {
        let held = self.held(need, Asking::Insisting).await?;
        set_of(&held)
    }

    async fn held(&self, need: Need, asking: Asking) -> Result<[Arc<Held>; 4], NoVerdict> {
        let [tcb_info, identity, pck_crl, root_crl] = need.wants();
        Ok([
            self.document(tcb_info, asking).await?,
            self.document(identity, asking).await?,
            self.document(pck_crl, asking).await?,
            self.document(root_crl, asking).await?,
        ])
    }

    async fn document(&self, want: Want, asking: Asking) -> Result<Arc<Held>, Absent> {
        let got = self.keeper.get(want, asking == Asking::Insisting).await;
        match (got, asking) {
            (Err(absent @ Absent::Expired { .. }), Asking::Measured) => {
                let ended = |snapshot: &Snapshot| snapshot.find(want).map(Arc::clone);
                self.keeper.collection().look(ended).ok_or(absent)
            }
            (got, _) => got,
        }
    }

    async fn platforms(
        &self,
        need: Need,
        asking: Asking,
    ) -> Result<Arc<KnownPlatforms>, NoVerdict> {
        let held = self.held(need, asking).await?;
        let of = held.each_ref().map(|held| held.sha256);
        if let Some(known) = self.known(need, &of) {
            return Ok(known);
        }
        let anchors = self.keeper.collection().realm().anchors();
        let prepared = Arc::new(PreparedCollateral::new(&set_of(&held)?, anchors));
        let platforms = Arc::new(KnownPlatforms::new(prepared, REMEMBERED_PLATFORMS));
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= PREPARED_SETS {
            all.clear();
        }
        let entry = Prepared {
            of,
            platforms: Arc::clone(&platforms),
        };
        all.insert(need, entry);
        Ok(platforms)
    }

    fn known(&self, need: Need, of: &[[u8; 32]; 4]) -> Option<Arc<KnownPlatforms>> {
        let all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.get(&need).filter(|entry| entry.of == *of)?;
        Some(Arc::clone(&entry.platforms))
    }
}

fn set_of(held: &[Arc<Held>; 4]) -> Result<CollateralSet, NoVerdict> {
    let [tcb_info, identity, pck_crl, root_crl] = held;
    Ok(CollateralSet {
        tcb_info: SignedText::from_wrapped(&tcb_info.body)?.1,
        tcb_info_issuer_chain: tcb_info.issuer_chain.to_vec(),
        qe_identity: SignedText::from_wrapped(&identity.body)?.1,
        qe_identity_issuer_chain: identity.issuer_chain.to_vec(),
        pck_crl: pck_crl.body.to_vec(),
        pck_crl_issuer_chain: pck_crl.issuer_chain.to_vec(),
        root_ca_crl: root_crl.body.to_vec(),
        pck_certificate_chain: None,
    })
}
