//! `bulla collateral fetch`: from an upstream into a directory, verified on the way.

use std::path::Path;
use std::sync::Arc;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, TcbInfoId};
use bulla_protocol::pcs::{Answer as PcsAnswer, PlatformFilter, Request, Response};
use bulla_protocol::value::Fmspc;
use bulla_service::collection::Collection;
use bulla_service::keeper::{Absent, Keeper, Mode};
use bulla_service::realm::Realm;
use bulla_service::want::{Choice, Want};
use bulla_store::{Documents as _, Store};
use bulla_upstream::{Kind, Proxy};
use tokio::runtime::Runtime;

use super::fetched::{self, Outcome, Row};
use super::headline;
use crate::args::{FetchArgs, Format};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::progress::Progress;
use crate::supply::{self, Way};
use crate::{client, roots, time};

const UPSTREAM: &str = "--upstream";

pub(super) fn run(args: &FetchArgs, output: &mut Output) -> Result<Exit> {
    let realm = roots::realm(&args.root)?;
    let kind = supply::kind(&args.upstream, |url| Kind::Pcs { url });
    let name = supply::shown(UPSTREAM, &kind)?;
    let families: Vec<Fmspc> = args
        .fmspc
        .iter()
        .map(|text| fmspc(text))
        .collect::<Result<_>>()?;
    std::fs::create_dir_all(&args.out).map_err(|source| Error::FileUnwritable {
        path: args.out.clone(),
        source,
    })?;
    let is_cache = matches!(kind, Kind::Pccs { .. });
    if is_cache && families.is_empty() {
        return Err(Error::ArgumentInvalid {
            option: "--fmspc",
            reason: "a cache does not list its families; name those that you want".to_owned(),
        });
    }
    let way = Way {
        ca_file: args.ca_file.as_deref(),
        proxy: proxy(&args.proxy),
    };
    let is_simulated = realm.is_simulated();
    let mut fetch = Fetch::open(realm, kind, way, &name, &args.out)?;
    let families = match families.is_empty() {
        true => fetch.families()?,
        false => families,
    };
    fetch.all(
        &wants(&families, is_cache, args.early),
        !args.fmspc.is_empty(),
    )?;
    let rows = fetch.rows;
    let exit = rows
        .iter()
        .fold(Exit::Done, |exit, row| exit.worst(row.outcome.exit()));
    let out = args.out.display().to_string();
    match output.format() {
        Format::Json => output.json(&fetched::answer(&name, &out, is_simulated, &rows))?,
        Format::Text => {
            let title = format!("fetched from {name} into {out}");
            let mut text = headline(is_simulated, &title);
            fetched::table(&rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(exit)
}

/// A collection in memory: what enters it has been checked, and follows what was in the directory.
struct Fetch<'a> {
    runtime: Runtime,
    name: &'a str,
    out: &'a Path,
    /// Whoever is asked.
    upstream: Arc<Keeper>,
    /// What is in the directory already, over the same collection.
    directory: Arc<Keeper>,
    rows: Vec<Row>,
}

impl<'a> Fetch<'a> {
    fn open(realm: Realm, kind: Kind, way: Way<'_>, name: &'a str, out: &'a Path) -> Result<Self> {
        let in_memory = |error: bulla_store::StoreError| Error::Service(error.into());
        let store = Arc::new(Store::open_in_memory().map_err(in_memory)?);
        let now = time::now()?;
        let collection = Collection::open(realm, store, Arc::new(move || now));
        let collection = Arc::new(collection.map_err(in_memory)?);
        let path = out.to_owned();
        let own = Kind::Directory { path };
        let own = supply::upstreams("--out", "directory", own, Way::default())?;
        let upstream = supply::upstreams(UPSTREAM, "upstream", kind, way)?;
        let keeper = |upstreams| {
            let collection = Arc::clone(&collection);
            Arc::new(Keeper::new(collection, Arc::new(upstreams), Mode::Lazy))
        };
        Ok(Self {
            runtime: client::runtime(name)?,
            name,
            out,
            upstream: keeper(upstream),
            directory: keeper(own),
            rows: Vec::new(),
        })
    }

    /// The families that the upstream lists.
    fn families(&mut self) -> Result<Vec<Fmspc>> {
        let request = Request::Fmspcs(PlatformFilter::All);
        let asked = self
            .upstream
            .upstreams()
            .ask(&request, |supplied| match supplied.answer {
                PcsAnswer::Fmspcs(list) => Ok(list),
                _ => Err("the answer is something else".to_owned()),
            });
        let list = self.runtime.block_on(asked);
        let list = list.map_err(|failure| Error::CollateralUnavailable {
            url: self.name.to_owned(),
            what: "list of families".to_owned(),
            reason: format!("{failure}; name them by --fmspc"),
        })?;
        let families = list.iter().map(|platform| platform.fmspc).collect();
        // Nobody has signed it, and nothing rests on it but what is asked for.
        let outcome = Ok(PcsAnswer::Fmspcs(list));
        let (request_id, warning) = (None, None);
        let parts = Response {
            request_id,
            warning,
            outcome,
        }
        .write();
        fetched::write(self.out, &request, &parts.body, None)?;
        Ok(families)
    }

    fn all(&mut self, wants: &[Want], families_are_named: bool) -> Result<()> {
        let progress = Progress::new(wants.len());
        // The root's list first: whoever it revokes has signed nothing from then on. It comes without
        // the root itself, which the chain of any document brings.
        let first = self.upstream.fetch(Want::PckCrl(PckCa::Processor));
        let _ = self.runtime.block_on(first);
        let order = [Want::RootCaCrl].into_iter().chain(wants.iter().copied());
        for (done, want) in order.enumerate() {
            progress.show(done, want);
            let needed = match want {
                Want::Series(Series::TcbInfo { id, .. }, choice) => {
                    id == TcbInfoId::Sgx && choice == STANDARD && families_are_named
                }
                Want::Series(Series::EnclaveIdentity(id), choice) => {
                    id == EnclaveId::Qe && choice == STANDARD
                }
                Want::EvaluationDataNumbers(_) => false,
                Want::PckCrl(_) | Want::RootCaCrl => true,
            };
            let outcome = self.one(want, needed)?;
            self.rows.push(Row { want, outcome });
        }
        Ok(())
    }

    fn one(&self, want: Want, needed: bool) -> Result<Outcome> {
        // What cannot be used any more is as good as not there.
        let before = self.runtime.block_on(self.directory.fetch(want)).ok();
        let refusals = self.refusals();
        let held = match self.runtime.block_on(self.upstream.fetch(want)) {
            Ok(held) => held,
            Err(absent) => {
                let refused = self.refused_since(refusals);
                return Ok(match (refused, absent) {
                    (Some((code, reason)), _) => Outcome::Refused { code, reason },
                    (None, Absent::Missing(reason) | Absent::Gone(reason)) if !needed => {
                        Outcome::Absent { reason }
                    }
                    (None, absent) => Outcome::Unavailable {
                        reason: absent.to_string(),
                    },
                });
            }
        };
        if let Some(before) = &before {
            if before.slot.number() > held.slot.number() {
                let (code, held) = ("SelectionMovedBack".to_owned(), held.slot);
                let reason = format!("{held} was given, {} is in the directory.", before.slot);
                return Ok(Outcome::Refused { code, reason });
            }
            if before.sha256 == held.sha256 {
                return Ok(Outcome::Same { held });
            }
        }
        let Some(request) = want.request() else {
            return Ok(Outcome::Same { held });
        };
        let chain = (want != Want::RootCaCrl).then_some(&held.issuer_chain[..]);
        fetched::write(self.out, &request, &held.body, chain)?;
        Ok(Outcome::Written { held })
    }

    /// How much was refused so far.
    fn refusals(&self) -> u64 {
        let counters = self.upstream.counters();
        counters.refused.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The latest refusal, if there was one.
    fn refused_since(&self, before: u64) -> Option<(String, String)> {
        if self.refusals() == before {
            return None;
        }
        let collection = self.upstream.collection();
        let latest = collection.store().all_set_aside(collection.realm().id(), 1);
        let latest = latest.ok()?.into_iter().next()?;
        Some((latest.code, latest.reason))
    }
}

const STANDARD: Choice = Choice::Selected(Selector::Standard);

/// Everything that is fetched, beside the root's CRL.
fn wants(families: &[Fmspc], is_cache: bool, early: bool) -> Vec<Want> {
    let early = early.then_some(Choice::Selected(Selector::Early));
    let choices: Vec<Choice> = [STANDARD].into_iter().chain(early).collect();
    let enclaves = [
        EnclaveId::Qe,
        EnclaveId::TdQe,
        EnclaveId::Qve,
        EnclaveId::Qae,
    ];
    let technologies = [TcbInfoId::Sgx, TcbInfoId::Tdx];
    let mut wants = vec![
        Want::PckCrl(PckCa::Processor),
        Want::PckCrl(PckCa::Platform),
    ];
    // Intel's cache has neither of these two.
    if !is_cache {
        wants.extend(technologies.map(Want::EvaluationDataNumbers));
    }
    let enclaves = enclaves.into_iter();
    let enclaves = enclaves.filter(|enclave| !is_cache || *enclave != EnclaveId::Qae);
    let families = families.iter().flat_map(|fmspc| {
        technologies.map(|id| Series::TcbInfo {
            id,
            fmspc: fmspc.0,
            version: 3,
        })
    });
    for series in enclaves.map(Series::EnclaveIdentity).chain(families) {
        wants.extend(choices.iter().map(|choice| Want::Series(series, *choice)));
    }
    wants
}

/// A family of platforms by its digits.
pub(crate) fn fmspc(text: &str) -> Result<Fmspc> {
    text.parse().map_err(|error| Error::ArgumentInvalid {
        option: "--fmspc",
        reason: format!("an FMSPC has 12 hexadecimal digits: {error}"),
    })
}

fn proxy(text: &str) -> Proxy {
    match text {
        "none" => Proxy::None,
        "environment" => Proxy::Environment,
        address => Proxy::Address(address.to_owned()),
    }
}
