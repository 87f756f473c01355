//! The fleet by what it reports: platforms that report the same are counted together.

use std::collections::{BTreeSet, HashMap};

use bulla_appraisal::baseline::preview::Platform;
use bulla_appraisal::baseline::{FamilyName, State, Technology};
use bulla_appraisal::policy::HexBytes;
use bulla_evidence::Quote;
use bulla_pki::digest::sha256;
use bulla_protocol::value::PceId;
use bulla_store::fleet::Evidence;
use bulla_store::{AnchorId, Fleet as _, Store, StoreError};
use bulla_verifier::ReportedTcb;

use crate::judging;

/// How much is read from the store at a time: some five megabytes of quotes.
const PAGE: usize = 1_000;

/// How many platforms there are of each kind. Its size is that of the number of different ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Census(pub(super) HashMap<Platform, u64>);

/// A platform by its names.
pub(super) struct Named<'a> {
    /// SHA-256 of its PPID; absent where there is no evidence of it.
    pub(super) ppid_sha256: Option<[u8; 32]>,
    /// As clients send it, in upper case.
    pub(super) qe_id: &'a str,
    pub(super) pce_id: PceId,
}

/// The platforms that exceptions name: those are told apart from others that report the same.
pub(super) fn named_in(state: &State) -> BTreeSet<HexBytes<32>> {
    let exceptions = state.exceptions.values();
    exceptions
        .flat_map(|exception| exception.group.platforms.iter().copied())
        .collect()
}

impl Census {
    /// Counts the last evidence of each platform and technology, and platforms without any, once
    /// each; `look` sees every one of them. Blocks.
    pub(super) fn take(
        store: &Store,
        anchor: AnchorId,
        named: &BTreeSet<HexBytes<32>>,
        mut look: impl FnMut(&Platform, &Named<'_>),
    ) -> Result<Self, StoreError> {
        let mut census = Self::default();
        let mut count = |platform: Platform, names: &Named<'_>| {
            look(&platform, names);
            *census.0.entry(platform).or_default() += 1;
        };
        let mut after: Option<([u8; 16], String)> = None;
        loop {
            let behind = after.as_ref().map(|(ppid, tee)| (ppid, tee.as_str()));
            let page = store.evidence(anchor, behind, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some((last.ppid, last.tee.clone()));
            for evidence in &page {
                let digest = sha256(&evidence.ppid);
                let names = Named {
                    ppid_sha256: Some(digest),
                    qe_id: &hex::encode_upper(evidence.qe_id),
                    pce_id: evidence.pce_id,
                };
                let is_named = named.contains(&HexBytes(digest));
                count(platform(evidence, is_named), &names);
            }
        }
        let mut after = None;
        loop {
            let page = store.platforms_without_evidence(anchor, after.as_ref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for silent in &page {
                let names = Named {
                    ppid_sha256: None,
                    qe_id: &silent.id.qe_id,
                    pce_id: silent.id.pce_id,
                };
                let unknown = Platform {
                    technology: Technology::Sgx,
                    family: FamilyName(silent.fmspc.map_or([0; 6], |fmspc| fmspc.0)),
                    ppid: None,
                    reported: None,
                };
                count(unknown, &names);
            }
        }
        Ok(census)
    }

    /// The families for which documents are needed, each with the technology.
    pub(super) fn families(&self) -> BTreeSet<(Technology, FamilyName)> {
        let platforms = self.0.keys().filter(|platform| platform.reported.is_some());
        platforms
            .map(|platform| (platform.technology, platform.family))
            .collect()
    }
}

fn platform(evidence: &Evidence, is_named: bool) -> Platform {
    Platform {
        technology: match evidence.tee.as_str() {
            "tdx" => Technology::Tdx,
            _ => Technology::Sgx,
        },
        family: FamilyName(evidence.fmspc.0),
        ppid: is_named.then_some(evidence.ppid),
        reported: reported(&evidence.quote),
    }
}

/// What a quote reports; absent where it carries no certificate that can be read, as none does that
/// was verified.
fn reported(quote: &[u8]) -> Option<ReportedTcb> {
    let quote = Quote::parse(quote).ok()?;
    let certified = judging::certified(&quote).ok()?;
    let body = quote.body();
    Some(ReportedTcb {
        components: certified.components,
        pcesvn: certified.pcesvn,
        tdx: body.td10().map(|td| td.tee_tcb_svn),
        tdx_now: body.td15().map(|td| td.tee_tcb_svn2),
        qe_isvsvn: quote.auth().qe_report.isvsvn.get(),
    })
}
