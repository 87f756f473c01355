//! The whole service on loopback, by a clock that tests turn. What it answers is held against
//! `docs/openapi.json`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bulla_pki::digest::sha512;
use bulla_protocol::pccs::RouteRules;
use bulla_service::Service;
use bulla_service::baselines::Baselines;
use bulla_service::gate::{Gate, GateSettings};
use bulla_service::http::{
    Limits, Listener, Metrics, Place, Reach, Server, ServerSettings, Speech, Token, Tokens,
};
use bulla_service::keeper::Mode;
use bulla_store::{Audit as _, Documents as _, Fleet as _, Governance as _, Secrets as _, Store};
use bulla_upstream::UpstreamSettings;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::daemon::{Reply, exchange};
use crate::openapi::{operation, undescribed};
use crate::service::Keeping;
use crate::site::Clock;
use crate::workbench::Folder;

/// The token of a user, as a header.
pub const USER: (&str, &str) = ("user-token", "token-of-a-user");

/// The token of an administrator, as a header.
pub const ADMINISTRATOR: (&str, &str) = ("admin-token", "token-of-an-administrator");

/// Says that a body is JSON.
pub const JSON: (&str, &str) = ("Content-Type", "application/json");

/// The service until this is dropped.
pub struct Front {
    /// Behind the front.
    pub keeping: Keeping,
    /// What it keeps its documents in.
    pub store: Arc<Store>,
    /// Which level is mandatory.
    pub baselines: Arc<Baselines>,
    /// The gate, which is enabled.
    pub gate: Arc<Gate>,
    /// Where it listens.
    pub address: String,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    _folder: Folder,
}

impl Front {
    /// The service under the root of the vendor of all tests, over an empty store.
    pub fn open(clock: &Clock, upstreams: Vec<UpstreamSettings>, mode: Mode) -> Self {
        Self::with_rules(clock, upstreams, mode, RouteRules::default())
    }

    /// The same with rules.
    pub fn with_rules(
        clock: &Clock,
        upstreams: Vec<UpstreamSettings>,
        mode: Mode,
        rules: RouteRules,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let folder = Folder::new();
        let store = Arc::new(Store::open(&folder.path("store.sqlite")).unwrap());
        let keeping = Keeping::open(clock, &store, upstreams, mode);
        let metrics = Arc::new(Metrics::new("0.0.0", true));
        let token = |(_, token): (&str, &str)| {
            Token::new("test", &hex::encode(sha512(token.as_bytes()))).unwrap()
        };
        let tokens = Tokens::new(
            vec![token(USER)],
            vec![token(ADMINISTRATOR)],
            Arc::clone(&metrics),
            |_| {},
        );
        let baselines = Baselines::open(Arc::clone(&keeping.refresh)).unwrap();
        let baselines = Arc::new(baselines);
        let gate = Arc::new(gate(&keeping, Arc::clone(&baselines), &folder.path("")));
        let fleet = Arc::clone(&keeping.fleet);
        let refresh = Arc::clone(&keeping.refresh);
        let service = Service::new(
            fleet,
            refresh,
            tokens,
            Arc::clone(&metrics),
            rules,
            Arc::clone(&baselines),
            Some(Arc::clone(&gate)),
        );
        let settings = ServerSettings {
            listeners: vec![Listener {
                name: "test".into(),
                place: Place::Tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)),
                speech: Speech::Plain(Reach::ThisMachine),
            }],
            limits: Limits::default(),
            access_log: false,
        };
        let server = runtime.block_on(Server::bind(settings, metrics)).unwrap();
        let address = server.addresses()[0].to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(server.run(Arc::new(service), async {
            let _ = stopped.await;
        }));
        Self {
            keeping,
            store,
            baselines,
            gate,
            address,
            runtime: Some(runtime),
            stop: Some(stop),
            _folder: folder,
        }
    }

    /// Runs something where the service runs.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }

    /// What is stored, as text that differs where anything does: documents, platforms with what they
    /// reported, evidence, how many wait, policies, secrets, baselines, refusals; and apart from it how long the audit is.
    pub fn state(&self) -> (String, u64) {
        let (store, anchor) = (&self.store, self.keeping.keeper.collection().realm().id());
        let documents: Vec<_> = store
            .latest_documents(anchor)
            .unwrap()
            .into_iter()
            .map(|stored| (stored.document.slot.to_string(), stored.document.sha256))
            .collect();
        let platforms: Vec<_> = store
            .platforms(anchor, None, None, 1_000)
            .unwrap()
            .into_iter()
            .map(|platform| {
                let reported = store.raw_tcbs(anchor, &platform.id).unwrap();
                (platform.id.qe_id, platform.registered, reported)
            })
            .collect();
        let rest = (
            store.evidence(anchor, None, 1_000).unwrap().len(),
            store.queue_length(anchor).unwrap(),
            store.decisions("appraisal-policy").unwrap(),
            (store.decisions("policy").unwrap(), store.secrets().unwrap()),
            store.decisions("baselines").unwrap(),
            store.all_set_aside(anchor, 1_000).unwrap().len(),
        );
        let audit = store.head().unwrap().map_or(0, |entry| entry.sequence);
        (format!("{documents:?} {platforms:?} {rest:?}"), audit)
    }

    /// Asks for something.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], b"")
    }

    /// Asks for something as an administrator.
    #[track_caller]
    pub fn administrate(&self, method: &str, target: &str) -> Reply {
        self.send(method, target, &[ADMINISTRATOR], b"")
    }

    /// Sends a request on a connection of its own. The answer must be as it is described, where the
    /// path and the method are, and say that it is simulated.
    #[track_caller]
    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = match body.is_empty() {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}{length}\r\n",
            self.address
        );
        let reply = exchange(&self.address, &[head.as_bytes(), body].concat());
        let what = format!("{method} {target:.200}: {}", reply.head);
        assert_eq!(reply.header("Bulla-Simulated"), Some("true"), "{what}");
        let id = reply.header("Request-ID").expect("a name");
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{what}"
        );
        if let Some(operation) = operation(method, target)
            && (method != "HEAD" || reply.status() != 405)
        {
            let wrong = undescribed(operation, &reply, method != "HEAD");
            assert!(wrong.is_empty(), "{what}\n{wrong:?}");
        }
        if method == "HEAD" {
            assert_eq!(reply.body, b"", "{what}");
        } else {
            let length = reply.header("Content-Length").map(|length| length.parse());
            let expected = (reply.status() != 304).then_some(Ok(reply.body.len()));
            assert_eq!(length, expected, "{what}");
        }
        reply
    }
}

/// What the gate of all tests calls itself.
pub const ISSUER: &str = "https://gate.example";

/// A gate, with its key in a directory.
fn gate(keeping: &Keeping, baselines: Arc<Baselines>, directory: &Path) -> Gate {
    let mut settings = GateSettings::new("0.0.0");
    settings.issuer = Some(ISSUER.to_owned());
    let collection = Arc::clone(keeping.keeper.collection());
    let fleet = Arc::clone(&keeping.fleet);
    Gate::open(settings, collection, fleet, baselines, directory).unwrap()
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
