//! The service from its start to its end: store, collection, refreshing, listeners, signals.

mod local_token;
mod upkeep;

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::Duration;

use bulla_protocol::pccs::RouteRules;
use bulla_store::audit::Event;
use bulla_store::{Audit as _, Fleet as _, Retention, Store, StoreError};
use bulla_upstream::{Mirror, Upstreams};
use tokio::runtime::Runtime;

use crate::Service;
use crate::baselines::{Baselines, BaselinesError, Claimable};
use crate::clock::Clock;
use crate::collection::Collection;
use crate::dialects::Dialect;
use crate::fleet::Fleet;
use crate::gate::{Gate, GateSettings, OpenError};
use crate::http::{
    Limits, ListenError, Listener, Metrics, Place, Refusal, Server, ServerSettings, Speech, Token,
    Tokens, signals,
};
use crate::keeper::{Keeper, Mode};
use crate::nodes::Hearers;
use crate::realm::Realm;
use crate::refresh::{Refresh, Standing};
use crate::secret_file::SecretFileError;
use crate::shadow::{self, Comparing};

pub use local_token::FILE as LOCAL_TOKEN_FILE;

/// The database in the directory of the store.
pub const DATABASE_FILE: &str = "store.sqlite";

/// How long the end waits for what cannot be broken off, as looking up the name of an upstream.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Everything that is settled before the service starts.
pub struct Settings {
    /// The version of the program.
    pub version: &'static str,
    /// The anchor.
    pub realm: Realm,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The directory of the store, and of what belongs to this node alone; made where it is not there.
    pub store: PathBuf,
    /// In which database the store is.
    pub database: Database,
    /// Whom to ask.
    pub upstreams: Upstreams,
    /// When they are asked.
    pub mode: Mode,
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// Listeners that have one dialect alone, by name.
    pub dialects: HashMap<Arc<str>, Dialect>,
    /// What clients can have.
    pub limits: Limits,
    /// Whether each answer gets a line in the log.
    pub access_log: bool,
    /// Who may register platforms.
    pub users: Vec<Token>,
    /// Who looks after the service. Where there is nobody, a token is made for whoever can read the
    /// directory of the store.
    pub administrators: Vec<Token>,
    /// What is kept whether somebody asked for it or not.
    pub standing: Standing,
    /// Whether documents that have ended are served where no later issue can be had.
    pub serve_expired: bool,
    /// How long what is kept.
    pub retention: Retention,
    /// Another cache whose answers are compared with those of this service; absent where none is.
    pub shadow: Option<Mirror>,
    /// Which routes there are.
    pub rules: RouteRules,
    /// The gate; absent where it is not enabled.
    pub gate: Option<GateSettings>,
}

/// In which database the store is.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Database {
    /// In a file of the directory.
    #[default]
    File,
    /// In a database of PostgreSQL, which other nodes may have too.
    #[cfg(feature = "postgres")]
    Postgres(Box<bulla_store::postgres::Settings>),
}

impl Database {
    /// The database and its server, for people; absent for a file.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::File => None,
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => Some(settings.name()),
        }
    }

    /// Whether everything between here and the database can be read on the way.
    pub fn is_plain_text(&self) -> bool {
        match self {
            Self::File => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => settings.is_plain_text(),
        }
    }

    fn open(self, directory: &Path) -> Result<Store, StoreError> {
        match self {
            Self::File => Store::open(&directory.join(DATABASE_FILE)),
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => {
                // The administrator's token is here, where none was set.
                let made = std::fs::create_dir_all(directory);
                made.map_err(|error| StoreError::Unavailable {
                    path: directory.display().to_string(),
                    reason: error.to_string(),
                })?;
                Store::connect(*settings)
            }
        }
    }
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The administrator's token cannot be made or read.
    #[error(transparent)]
    LocalToken(#[from] SecretFileError),
    /// What was decided on baselines cannot be read.
    #[error(transparent)]
    Baselines(#[from] BaselinesError),
    /// The gate does not open.
    #[error(transparent)]
    Gate(#[from] OpenError),
    /// The operating system gives no threads.
    #[error("the operating system gives no threads: {0}")]
    Threads(io::Error),
}

/// What there is at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// The places of the listeners, with the port where any was asked for.
    pub listening: Vec<String>,
    /// The addresses among them.
    pub addresses: Vec<SocketAddr>,
    /// Documents that are served.
    pub documents: usize,
    /// Platforms that are known.
    pub platforms: u64,
    /// The file with the administrator's token; absent where tokens were set.
    pub token_file: Option<PathBuf>,
    /// Whether that token was made just now.
    pub token_is_new: bool,
    /// The file with the gate's key; absent where it is not enabled.
    pub gate_key_file: Option<PathBuf>,
    /// Whether that key was made just now.
    pub gate_key_is_new: bool,
}

/// A service that listens, and answers nobody yet.
pub struct Daemon {
    runtime: Runtime,
    server: Server,
    service: Arc<Service>,
    refresh: Arc<Refresh>,
    fleet: Arc<Fleet>,
    baselines: Arc<Baselines>,
    hearers: Hearers,
    retention: Retention,
    comparing: Option<Comparing>,
    start: Start,
}

impl Daemon {
    /// Opens the store, looks through what it has, and takes the places to listen on.
    pub fn open(settings: Settings) -> Result<Self, DaemonError> {
        let store = Arc::new(settings.database.open(&settings.store)?);
        let anchor = settings.realm.id();
        let is_simulated = settings.realm.is_simulated();
        let metrics = Arc::new(Metrics::new(settings.version, is_simulated));
        let runtime = runtime()?;
        let listeners = settings.listeners;
        let server = runtime.block_on(Server::bind(
            ServerSettings {
                listeners: listeners.clone(),
                limits: settings.limits,
                access_log: settings.access_log,
            },
            Arc::clone(&metrics),
        ))?;
        let local = match settings.administrators.is_empty() {
            true => Some(local_token::take(&settings.store)?),
            false => None,
        };
        let mut administrators = settings.administrators;
        administrators.extend(local.iter().map(|local| local.token.clone()));
        let claimable = Claimable {
            tokens: settings
                .users
                .iter()
                .chain(&administrators)
                .map(|token| token.name.clone())
                .collect(),
            listeners: listeners
                .iter()
                .map(|listener| listener.name.to_string())
                .collect(),
        };
        let tokens = Tokens::new(
            settings.users,
            administrators,
            Arc::clone(&metrics),
            tell_refusal,
        );
        let collection = Collection::open(settings.realm, Arc::clone(&store), settings.clock)?;
        let collection = Arc::new(collection);
        let keeper = Arc::new(Keeper::new(
            Arc::clone(&collection),
            Arc::new(settings.upstreams),
            settings.mode,
        ));
        keeper.serve_expired(settings.serve_expired);
        let refresh = Arc::new(Refresh::new(keeper, settings.standing));
        let fleet = Arc::new(Fleet::new(Arc::clone(&refresh)));
        fleet.keep_families()?;
        let baselines = Arc::new(Baselines::open(Arc::clone(&refresh))?);
        baselines.limit_claims(claimable);
        let gate = match settings.gate {
            None => None,
            Some(mut gate) => {
                let mut places = listeners.iter().zip(server.places());
                let first = places.find_map(|(one, address)| Some(shown(one, Some(address?))));
                gate.issuer = gate.issuer.or(first);
                Some(Gate::open(
                    gate,
                    Arc::clone(&collection),
                    Arc::clone(&fleet),
                    Arc::clone(&baselines),
                    &settings.store,
                )?)
            }
        };
        let start = Start {
            addresses: server.addresses(),
            listening: listeners
                .iter()
                .zip(server.places())
                .map(|(listener, address)| shown(listener, address))
                .collect(),
            documents: collection.snapshot().documents().count(),
            platforms: store.platform_count(anchor)?,
            token_is_new: local.as_ref().is_some_and(|local| local.is_new),
            token_file: local.map(|local| local.file),
            gate_key_file: gate.as_ref().map(|gate| gate.key_file().0.to_owned()),
            gate_key_is_new: gate.as_ref().is_some_and(|gate| gate.key_file().1),
        };
        let rules = settings.rules;
        let compared = Arc::clone(&metrics);
        let gate = gate.map(Arc::new);
        let hearers = Hearers {
            collection: Arc::clone(&collection),
            fleet: Arc::clone(&fleet),
            baselines: Arc::clone(&baselines),
            gate: gate.clone(),
        };
        let mut service = Service::new(
            Arc::clone(&fleet),
            Arc::clone(&refresh),
            tokens,
            metrics,
            rules,
            Arc::clone(&baselines),
            gate,
        )
        .with_dialects(settings.dialects);
        let mut comparing = None;
        if let Some(mirror) = settings.shadow {
            let (shadow, runs) = shadow::shadow(mirror);
            service = service.with_shadow(shadow, &compared);
            comparing = Some(runs);
        }
        note_start(&collection, settings.version, settings.mode);
        Ok(Self {
            runtime,
            server,
            service: Arc::new(service),
            refresh,
            fleet,
            baselines,
            hearers,
            retention: settings.retention,
            comparing,
            start,
        })
    }

    /// Answers until the process is told to end, by SIGTERM or an interrupt; requests that are
    /// being answered then are finished. SIGHUP has certificates read anew.
    ///
    /// `tell` is called once signals are heard, with what there is; where it fails, so does this.
    pub fn run<E>(self, tell: impl FnOnce(&Start) -> Result<(), E>) -> Result<(), E> {
        self.run_until(signals::termination(), tell)
    }

    /// The same, until `end` is done: for a service that is part of another program.
    pub fn run_until<E>(
        self,
        end: impl Future<Output = ()>,
        tell: impl FnOnce(&Start) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self {
            runtime,
            server,
            service,
            refresh,
            fleet,
            baselines,
            hearers,
            retention,
            start,
            comparing,
        } = self;
        let mut told = Ok(());
        runtime.block_on(async {
            let keeper = Arc::clone(refresh.keeper());
            let mut beside = vec![
                tokio::spawn(async move { refresh.run().await }),
                tokio::spawn(async move { baselines.run().await }),
                tokio::spawn(upkeep::renew(fleet)),
                tokio::spawn(upkeep::tidy(keeper, retention)),
                tokio::spawn(upkeep::feed_watchdog()),
            ];
            beside.extend(comparing.map(|comparing| tokio::spawn(comparing.run())));
            if hearers.collection.store().is_shared() {
                let nodes = Arc::clone(hearers.collection.nodes());
                beside.push(tokio::spawn(nodes.run(hearers)));
            }
            let stop = async {
                let mut end = pin!(end);
                // Whoever reads that the service is ready may end it, so it has to listen first.
                let early = poll_fn(|context| Poll::Ready(end.as_mut().poll(context).is_ready()));
                if early.await {
                    return;
                }
                told = tell(&start);
                if told.is_err() {
                    return;
                }
                signals::tell_status(&format!("listening on {}", start.listening.join(", ")));
                signals::tell_ready();
                end.await;
                tracing::info!("told to end");
                signals::tell_stopping();
            };
            server.run(service, stop).await;
            for task in &beside {
                task.abort();
            }
            // One that works just now ends at its next wait, for which the runtime must be there.
            let ended = async {
                for task in beside {
                    let _aborted = task.await;
                }
            };
            let _too_long = tokio::time::timeout(LAST_WAIT, ended).await;
        });
        // What was dropped with its task closes the store in order.
        runtime.shutdown_timeout(LAST_WAIT);
        told
    }
}

/// Two threads at least: one may wait for the disk.
fn runtime() -> Result<Runtime, DaemonError> {
    let processors = available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.max(2))
        .enable_all()
        .build()
        .map_err(DaemonError::Threads)
}

/// The place of a listener as people write it; with the address that it got, where it listens.
pub fn shown(listener: &Listener, address: Option<SocketAddr>) -> String {
    let scheme = match listener.speech {
        Speech::Plain(_) => "http",
        Speech::Tls(_) => "https",
    };
    match (&listener.place, address) {
        (_, Some(address)) | (&Place::Tcp(address), None) => format!("{scheme}://{address}"),
        (Place::Unix { path, .. }, None) => format!("unix:{}", path.display()),
        (place @ Place::Passed(_), None) => place.to_string(),
    }
}

/// Has the audit begin with the start. That it cannot is no reason not to serve what is there.
fn note_start(collection: &Collection, version: &str, mode: Mode) {
    let realm = collection.realm();
    let details = serde_json::json!({
        "version": version,
        "mode": mode.as_str(),
        "trust_anchor": realm.anchor().name(),
        "simulated": realm.is_simulated(),
    });
    let noted = collection.store().record(&Event {
        at: collection.now().at,
        actor: "service".to_owned(),
        action: "service.start".to_owned(),
        subject: String::new(),
        details: details.to_string(),
    });
    if let Err(error) = noted {
        tracing::error!(%error, "the start cannot be noted in the audit");
    }
}

fn tell_refusal(refusal: &Refusal) {
    tracing::warn!(
        role = refusal.role.name(),
        peer = refusal.peer.map(tracing::field::display),
        reason = refusal.because.name(),
        "not let in"
    );
}
