//! Who would fall out: the fleet's last evidence held against what is, or would be, demanded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::preview::{Counts, Outcome, Platform, Preview, Target};
use bulla_appraisal::baseline::{FamilyName, Technology};
use bulla_collateral::{EnclaveId, EnclaveIdentity, Series, SignedText, TcbInfo, TcbInfoId};
use bulla_pki::Timestamp;
use serde::Serialize;

use super::census::Census;
use crate::held::Held;
use crate::keeper::Keeper;
use crate::want::{Choice, Want};

/// What becomes of a fleet.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Foreseen {
    pub(crate) counts: Counts,
    /// The share that passes, in hundredths of a percent; of no platforms, all.
    pub(crate) share: u32,
    /// How many different ones were judged.
    pub(crate) different: usize,
    /// Those that do not pass, by what is the matter, the most first.
    pub(crate) by_reason: Vec<Reason>,
}

/// Platforms of a family with the same outcome.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reason {
    pub(crate) technology: &'static str,
    pub(crate) fmspc: FamilyName,
    pub(crate) platforms: u64,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// Holds a fleet against a demand.
pub(super) fn foresee(preview: &mut Preview<'_>, census: &Census) -> Foreseen {
    let mut counts = Counts::default();
    let mut reasons: BTreeMap<(Technology, FamilyName, String), Reason> = BTreeMap::new();
    for (platform, number) in &census.0 {
        let outcome = preview.judge(platform);
        counts.count(&outcome, *number);
        if matches!(*outcome, Outcome::Passes(_)) {
            continue;
        }
        // Of two that report something else the same can be said.
        let said = serde_json::to_string(&*outcome).unwrap_or_default();
        let Platform {
            technology, family, ..
        } = *platform;
        let reason = reasons
            .entry((technology, family, said))
            .or_insert_with(|| Reason {
                technology: technology.as_str(),
                fmspc: family,
                platforms: 0,
                outcome: Outcome::clone(&outcome),
            });
        reason.platforms += number;
    }
    let mut by_reason: Vec<Reason> = reasons.into_values().collect();
    by_reason.sort_by_key(|reason| std::cmp::Reverse(reason.platforms));
    Foreseen {
        share: counts.pass_share(),
        counts,
        different: preview.different(),
        by_reason,
    }
}

/// Whether upstreams may be asked for documents that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// They may: somebody known asks.
    Upstreams,
    /// What is at hand has to do.
    AtHand,
}

/// The documents that fleets are held against, each read once.
pub(super) struct Library<'a> {
    keeper: &'a Arc<Keeper>,
    reach: Reach,
    infos: HashMap<Want, Option<Arc<TcbInfo>>>,
    identities: HashMap<Want, Option<Arc<EnclaveIdentity>>>,
}

impl<'a> Library<'a> {
    pub(super) fn new(keeper: &'a Arc<Keeper>, reach: Reach) -> Self {
        Self {
            keeper,
            reach,
            infos: HashMap::new(),
            identities: HashMap::new(),
        }
    }

    /// A demand with the documents that it chooses for every family of a fleet.
    pub(super) async fn preview<'d>(
        &mut self,
        demand: &'d Demand,
        at: Timestamp,
        census: &Census,
    ) -> Preview<'d> {
        let mut preview = Preview::new(demand, at);
        for (technology, family) in census.families() {
            let number = demand.requirement(technology, &family).number;
            let target = self.target(technology, family, number.into()).await;
            if let Some(target) = target {
                preview.target(technology, family, target);
            }
        }
        preview
    }

    async fn target(
        &mut self,
        technology: Technology,
        family: FamilyName,
        choice: Choice,
    ) -> Option<Target> {
        let [info, identity] = wants(technology, family, choice);
        if !self.infos.contains_key(&info) {
            let parsed = self.body(info).await.and_then(|body| {
                let info = TcbInfo::parse(&body).ok()?;
                Some(Arc::new(info))
            });
            self.infos.insert(info, parsed);
        }
        if !self.identities.contains_key(&identity) {
            let parsed = self.body(identity).await.and_then(|body| {
                let identity = EnclaveIdentity::parse(&body).ok()?;
                Some(Arc::new(identity))
            });
            self.identities.insert(identity, parsed);
        }
        Some(Target {
            tcb_info: self.infos.get(&info)?.clone()?,
            identity: self.identities.get(&identity)?.clone()?,
        })
    }

    /// The signed body of a document; of one that has ended, too: its levels are known.
    async fn body(&self, want: Want) -> Option<Vec<u8>> {
        let known = || {
            let find = |snapshot: &crate::held::Snapshot| snapshot.find(want).map(Arc::clone);
            self.keeper.collection().look(find)
        };
        let held: Option<Arc<Held>> = match self.reach {
            Reach::AtHand => known(),
            Reach::Upstreams => match self.keeper.get(want, true).await {
                Ok(held) => Some(held),
                Err(_) => known(),
            },
        };
        let (_, text) = SignedText::from_wrapped(&held?.body).ok()?;
        Some(text.body)
    }
}

/// The TCB info and the quoting enclave of a technology.
pub(super) fn documents_of(technology: Technology) -> (TcbInfoId, EnclaveId) {
    match technology {
        Technology::Sgx => (TcbInfoId::Sgx, EnclaveId::Qe),
        Technology::Tdx => (TcbInfoId::Tdx, EnclaveId::TdQe),
    }
}

/// TCB info of a family and the identity of the quoting enclave, by the way in which they are chosen.
pub(super) fn wants(technology: Technology, family: FamilyName, choice: Choice) -> [Want; 2] {
    let (id, enclave) = documents_of(technology);
    let info = Series::TcbInfo {
        id,
        fmspc: family.0,
        version: 3,
    };
    [
        Want::Series(info, choice),
        Want::Series(Series::EnclaveIdentity(enclave), choice),
    ]
}
