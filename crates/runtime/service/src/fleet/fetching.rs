//! PCK certificates that the vendor is asked for: for a platform that is new, and anew for those that there
//! are.

use std::collections::HashSet;
use std::sync::PoisonError;

use bulla_collateral::{Selector, Slot};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{Answer, PlatformKey, Request};
use bulla_protocol::value::Fmspc;
use bulla_store::fleet::{PckCertificates, Platform, PlatformId};
use bulla_store::{Fleet as _, Nodes as _, StoreError};
use bulla_upstream::{Failure, Supplied};

use super::certificates::Brought;
use super::selection::sgx_tcb_info;
use super::unknown::Question;
use super::{Fleet, NoCertificate};
use crate::clock;
use crate::keeper::{Absent, COME_AGAIN, Mode, unhurried};
use crate::turns::{self, Chance};

/// How many platforms are read from the store at a time.
const PAGE: usize = 1_000;

/// After how long certificates are asked for again in any case, in seconds: 30 days, as what is
/// signed with them lasts.
const RENEWED_AFTER: u64 = 30 * 24 * 3_600;

/// For how long a platform is not asked for again that the vendor has refused, in seconds.
const LEFT_IN_PEACE: u64 = 24 * 3_600;

/// How many platforms are asked for at one look. With a look each minute a fleet of 100,000 is
/// renewed within a week after a TCB recovery, which the vendor can bear.
pub(super) const MOST_AT_ONCE: usize = 10;

impl Fleet {
    /// Asks the upstreams for a platform's certificates and keeps both. Equal questions at one
    /// time are one.
    pub(super) async fn fetch(&self, platform: Platform) -> Result<(), NoCertificate> {
        let key = (platform.id.clone(), question(&platform)?);
        self.flights.run(key, || self.fetch_alone(platform)).await
    }

    /// Asks when it is this node's turn, where others have the same store: one that another has asked
    /// for meanwhile is not asked for again.
    pub(super) async fn fetch_alone(&self, platform: Platform) -> Result<(), NoCertificate> {
        let store = self.store();
        if !store.is_shared() {
            return self.fetch_now(platform).await;
        }
        let now = self.shared_clock()?;
        let what = format!(
            "pck/{}/{}",
            platform.id.qe_id,
            hex::encode(platform.id.pce_id.0)
        );
        match turns::take(store, self.anchor(), &what, now).await? {
            Chance::Asked(_) => Ok(()),
            Chance::Ask(mut turn) => {
                let fetched = turn.hold(self.fetch_now(platform)).await;
                // Where it cannot be said when, others ask too.
                let asked = fetched.as_ref().ok().map(|()| self.shared_clock());
                turn.end(asked.and_then(|asked| asked.ok().flatten()));
                fetched
            }
        }
    }

    /// The present time by the clock of the database, by which all nodes mean the same; absent where
    /// nobody else has the store.
    fn shared_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let marks = unhurried(|| self.store().marks(self.anchor()))?;
        Ok(marks.clock)
    }

    async fn fetch_now(&self, platform: Platform) -> Result<(), NoCertificate> {
        let request = request(&platform)?;
        let supplied = self
            .keeper
            .upstreams()
            .ask(&request, |supplied| self.take(&platform.id, supplied))
            .await;
        let brought = supplied.map_err(|failure| {
            if let Failure::Refused { reason } = failure {
                return NoCertificate::UpstreamInvalid(reason);
            }
            let absent = absent(failure);
            let now = self.keeper.collection().now().at;
            self.unknown.note(Question::of(&request), &absent, now);
            absent.into()
        })?;
        self.keep(platform, brought).await
    }

    /// What an upstream gave, if it is genuine.
    fn take(&self, id: &PlatformId, supplied: Supplied) -> Result<PckCertificates, String> {
        let Answer::PckCertificates {
            certificates,
            fmspc,
            issuer_chain,
            ..
        } = supplied.answer
        else {
            return Err("the answer is not what was asked for".to_owned());
        };
        let brought = Brought {
            entries: certificates,
            issuer_chain: issuer_chain.as_str().as_bytes().to_vec(),
            fmspc: Some(fmspc),
            source: supplied.upstream.to_string(),
        };
        let entries = brought.entries.clone();
        self.check(id, brought).map_err(|error| {
            self.set_aside(id, &entries, &supplied.upstream, &error);
            error.to_string()
        })
    }

    /// Asks anew for the certificates of all platforms of these families, or of all where none is
    /// given; what failed, in words.
    pub async fn renew_certificates(&self, families: &[Fmspc]) -> Result<Vec<String>, StoreError> {
        let mut failures = Vec::new();
        let mut after: Option<PlatformId> = None;
        loop {
            let page = self
                .store()
                .platforms(self.anchor(), None, after.as_ref(), PAGE)?;
            let Some(last) = page.last() else {
                return Ok(failures);
            };
            after = Some(last.id.clone());
            for platform in page {
                let is_chosen = families.is_empty()
                    || platform
                        .fmspc
                        .is_some_and(|fmspc| families.contains(&fmspc));
                let has_key = platform.manifest.is_some() || platform.encrypted_ppid.is_some();
                if !is_chosen || !has_key {
                    continue;
                }
                let name = platform.id.qe_id.clone();
                if let Err(error) = self.fetch(platform).await {
                    failures.push(format!("platform {name}: {error}"));
                }
            }
        }
    }

    /// Asks anew for a few platforms' certificates: those that arrived before the vendor gave out
    /// the number that it enforces now, or before the list of whom its root has revoked, and those
    /// of long ago. How many were asked for.
    ///
    /// A platform that the vendor refuses, or has nothing good for, is left in peace for a day;
    /// where the vendor cannot be asked at all, the look ends.
    pub async fn look(&self) -> Result<usize, NoCertificate> {
        if self.keeper.mode() == Mode::Offline {
            return Ok(0);
        }
        let now = self.keeper.collection().now().at;
        let refused = self.refused_at(now);
        let mut asked = 0;
        for fmspc in self.store().families(self.anchor())? {
            let limit = MOST_AT_ONCE.saturating_sub(asked);
            let stale = self.store().platforms_certified_before(
                self.anchor(),
                fmspc,
                self.renewed_before(fmspc, now),
                limit.saturating_add(refused.len()),
            )?;
            let due = stale
                .into_iter()
                .filter(|platform| !refused.contains(&platform.id));
            for platform in due.take(limit) {
                asked += 1;
                let id = platform.id.clone();
                match self.fetch(platform).await {
                    Ok(()) => {}
                    Err(NoCertificate::Absent(Absent::Unavailable { .. })) => return Ok(asked),
                    Err(NoCertificate::Store(error)) => return Err(NoCertificate::Store(error)),
                    Err(error) => {
                        tracing::warn!(platform = id.qe_id, %error, "not certified anew");
                        self.leave_in_peace(id, now);
                    }
                }
            }
        }
        Ok(asked)
    }

    /// Certificates of a family that arrived before this instant are to be asked for anew: what the
    /// vendor enforces has changed since, or its root has revoked somebody, or it is long ago.
    fn renewed_before(&self, fmspc: Fmspc, now: Timestamp) -> Timestamp {
        let long_ago = now.saturating_sub(RENEWED_AFTER);
        let collection = self.keeper.collection();
        let has_revoked = collection
            .revocations()
            .is_some_and(|list| !list.is_empty());
        collection.look(|snapshot| {
            let selected = snapshot.selected(sgx_tcb_info(fmspc), Selector::Standard);
            let since = selected.map(|selected| selected.since);
            let list = snapshot.get(Slot::RootCaCrl).filter(|_| has_revoked);
            let revoked = list.map(|held| held.arrived);
            long_ago.max(since.max(revoked).unwrap_or(long_ago))
        })
    }

    pub(super) fn refused_at(&self, now: Timestamp) -> HashSet<PlatformId> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, until| clock::is_waiting(now, *until, LEFT_IN_PEACE));
        refused.keys().cloned().collect()
    }

    pub(super) fn leave_in_peace(&self, id: PlatformId, now: Timestamp) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(id, now.saturating_add(LEFT_IN_PEACE));
    }
}

/// How the vendor is asked for all certificates of a platform.
fn request(platform: &Platform) -> Result<Request, NoCertificate> {
    let key = match (&platform.manifest, &platform.encrypted_ppid) {
        (Some(manifest), _) => PlatformKey::Manifest(manifest.clone()),
        (None, Some(ppid)) => PlatformKey::EncryptedPpid(ppid.clone()),
        (None, None) => return Err(NoCertificate::PpidMissing),
    };
    Ok(Request::PckCertificates {
        platform: key,
        pceid: platform.id.pce_id,
    })
}

/// That request as it is remembered.
pub(super) fn question(platform: &Platform) -> Result<Question, NoCertificate> {
    request(platform).map(|request| Question::of(&request))
}

fn absent(failure: Failure) -> Absent {
    let reason = failure.to_string();
    match failure {
        Failure::NotFound { .. } => Absent::Missing(reason),
        Failure::Gone { .. } => Absent::Gone(reason),
        Failure::Unavailable { retry_after, .. } => Absent::Unavailable {
            reason,
            retry_after: retry_after.unwrap_or(COME_AGAIN),
        },
        _ => Absent::Unavailable {
            reason,
            retry_after: COME_AGAIN,
        },
    }
}
