//! The collateral service without its listeners.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bulla_collateral::{EnclaveId, Selector, Series, TcbInfoId};
use bulla_pki::TrustAnchors;
use bulla_protocol::pccs::{Route, RouteRules};
use bulla_protocol::wire::ResponseParts;
use bulla_service::baselines::Followed;
use bulla_service::collection::Collection;
use bulla_service::dialects::pccs::Pccs;
use bulla_service::fleet::{Fleet, NotObserved, Observation, Regression};
use bulla_service::http::HeaderMap;
use bulla_service::keeper::{Absent, Keeper, Mode};
use bulla_service::realm::Realm;
use bulla_service::refresh::{Refresh, Standing};
use bulla_service::want::{Choice, Want};
use bulla_store::documents::SetAside;
use bulla_store::{Documents as _, Store};
use bulla_upstream::{UpstreamSettings, Upstreams};

use crate::site::Clock;

/// A service that keeps the documents of a simulated vendor.
pub struct Keeping {
    /// What time it is for the service.
    pub clock: Clock,
    /// Who fetches.
    pub keeper: Arc<Keeper>,
    /// Who keeps current.
    pub refresh: Arc<Refresh>,
    /// The platforms.
    pub fleet: Arc<Fleet>,
    pccs: Pccs,
}

/// What a client was answered.
#[derive(Clone, Debug)]
pub struct Said {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A store in memory.
pub fn store() -> Arc<Store> {
    Arc::new(Store::open_in_memory().unwrap())
}

/// The realm of a simulated root.
pub fn realm(root: &[u8]) -> Realm {
    let anchors = TrustAnchors::vendors().with_simulated(root).unwrap();
    Realm::named(anchors).unwrap()
}

impl Keeping {
    /// A service over a store, by the root of the vendor of all tests.
    pub fn open(
        clock: &Clock,
        store: &Arc<Store>,
        upstreams: Vec<UpstreamSettings>,
        mode: Mode,
    ) -> Self {
        let root = crate::site::vendor().root_certificate();
        Self::under(realm(&root), clock, store, upstreams, mode)
    }

    /// A service over a store, under an anchor.
    pub fn under(
        realm: Realm,
        clock: &Clock,
        store: &Arc<Store>,
        upstreams: Vec<UpstreamSettings>,
        mode: Mode,
    ) -> Self {
        let reader = Arc::new(clock.reader());
        let collection = Arc::new(Collection::open(realm, Arc::clone(store), reader).unwrap());
        let upstreams = Arc::new(Upstreams::new(upstreams).unwrap());
        let keeper = Arc::new(Keeper::new(collection, upstreams, mode));
        let refresh = Arc::new(Refresh::new(Arc::clone(&keeper), Standing::default()));
        let fleet = Arc::new(Fleet::new(Arc::clone(&refresh)));
        fleet.keep_families().unwrap();
        Self {
            clock: clock.clone(),
            pccs: Pccs::new(Arc::clone(&fleet), Arc::clone(&refresh)),
            keeper,
            refresh,
            fleet,
        }
    }

    /// How many requests went to all upstreams together.
    pub fn exchanges(&self) -> u64 {
        let health = self.keeper.upstreams().health();
        health.iter().map(|upstream| upstream.exchanges).sum()
    }

    /// How many documents were refused on arrival.
    pub fn refused(&self) -> u64 {
        self.keeper.counters().refused.load(Ordering::Relaxed)
    }

    /// What was set aside, latest first.
    pub fn aside(&self) -> Vec<SetAside> {
        let collection = self.keeper.collection();
        let store = collection.store();
        store.all_set_aside(collection.realm().id(), 100).unwrap()
    }

    /// The bytes of a document that a client of the service is given.
    pub async fn bytes(&self, want: Want) -> Result<Vec<u8>, Absent> {
        let held = self.keeper.get(want, false).await?;
        Ok(held.body.to_vec())
    }

    /// The number that is selected.
    pub fn number(&self, series: Series, selector: Selector) -> Option<u32> {
        let snapshot = self.keeper.collection().snapshot();
        Some(snapshot.selected(series, selector)?.number)
    }

    /// Looks until nothing is due.
    pub async fn settle(&self) {
        for _ in 0..20 {
            let look = self.refresh.look().await;
            if look.asked == 0 || look.asked == look.failed {
                return;
            }
        }
        panic!("something is due without end");
    }

    /// Takes a quote as evidence, as a user may.
    pub async fn observe(&self, quote: &[u8]) -> Result<Observation, NotObserved> {
        let refuse = Regression::Refuse;
        self.fleet.observe(quote, refuse, "test").await
    }

    /// `GET` in the dialect of Intel's cache.
    pub async fn get(&self, target: &str) -> Said {
        self.ask("GET", target, b"").await
    }

    /// A request in the dialect of Intel's cache, of somebody who may make it.
    pub async fn ask(&self, method: &str, target: &str, body: &[u8]) -> Said {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let route = match Route::read(method, path, RouteRules::default()) {
            Ok(route) => route,
            Err(refusal) => return refusal.write().into(),
        };
        match route.request(query, Some("application/json"), body) {
            Err(refusal) => refusal.write().into(),
            Ok(request) => {
                let headers = HeaderMap::new();
                let followed = Followed::default();
                let answer = self
                    .pccs
                    .respond(route.version, request, &headers, &followed);
                let reply = answer.await;
                Said {
                    status: reply.status.as_u16(),
                    headers: reply
                        .headers
                        .iter()
                        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                        .collect(),
                    body: reply.body.to_vec(),
                }
            }
        }
    }
}

impl From<ResponseParts> for Said {
    fn from(parts: ResponseParts) -> Self {
        let headers = parts.headers.iter();
        Self {
            status: parts.status.number(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: parts.body,
        }
    }
}

impl Said {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// TCB info of version 3.
pub fn tcb_info(id: TcbInfoId, fmspc: [u8; 6]) -> Series {
    Series::TcbInfo {
        id,
        fmspc,
        version: 3,
    }
}

/// What the vendor gives out under a selector.
pub fn selected(series: Series, selector: Selector) -> Want {
    Want::Series(series, Choice::Selected(selector))
}

/// What the vendor enforces.
pub fn standard(series: Series) -> Want {
    selected(series, Selector::Standard)
}

/// One number.
pub fn numbered(series: Series, number: u32) -> Want {
    Want::Series(series, Choice::Number(number))
}

/// Every series of the vendor of all tests.
pub fn every_series() -> Vec<Series> {
    let identities = [
        EnclaveId::Qe,
        EnclaveId::TdQe,
        EnclaveId::Qve,
        EnclaveId::Qae,
    ];
    let families = [bulla_vendor::PROCESSOR_FMSPC, bulla_vendor::PLATFORM_FMSPC];
    let technologies = [TcbInfoId::Sgx, TcbInfoId::Tdx];
    let identities = identities.into_iter().map(Series::EnclaveIdentity);
    let infos = families
        .into_iter()
        .flat_map(|fmspc| technologies.map(|id| tcb_info(id, fmspc)));
    identities.chain(infos).collect()
}
