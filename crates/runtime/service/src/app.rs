//! The service as the front sees it: which ring a client follows, which dialect a request is in, and
//! who may make it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bulla_appraisal::baseline::Name;
use bulla_protocol::pccs::{self, Access, Reason, Refusal, Route, RouteRules};
use bulla_protocol::pcs::MAX_REQUEST_BODY_SIZE;
use bulla_protocol::problem::Code;
use bulla_protocol::thim;
use bulla_protocol::wire::{Headers, RequestParts, Status};
use bytes::Bytes;

use crate::administration::{self, Action, Administration, Found, Problem};
use crate::baselines::{BaselineGauges, Baselines, Followed, ring};
use crate::dialects::pccs::Pccs;
use crate::dialects::pcs::Pcs;
use crate::dialects::thim::Thim;
use crate::dialects::{Dialect, written};
use crate::fleet::Fleet;
use crate::gate::Gate;
use crate::gauges::Gauges;
use crate::http::header::CONTENT_TYPE;
use crate::http::{
    Application, Asked, BodyError, Denied, HeaderMap, HeaderName, HeaderValue, Method, Metrics,
    Reply, Role, Tokens,
};
use crate::nodes::NodeGauges;
use crate::page::Page;
use crate::refresh::Refresh;
use crate::shadow::Shadow;

/// Where the vendor's dialect stands on a listener that has all of them.
pub const PCS_BASE: &str = "/pcs";

/// The same for Azure's.
pub const THIM_BASE: &str = "/thim";

/// Where Azure's client looks for the agent on its host; below it is Azure's dialect too.
const THIM_AGENT_BASE: &str = "/metadata/THIM";

/// With this every answer of a simulated anchor says so.
const SIMULATED: HeaderName = HeaderName::from_static("bulla-simulated");

/// The service.
pub struct Service {
    pccs: Pccs,
    pcs: Pcs,
    thim: Thim,
    /// Listeners that have one dialect alone, by name.
    dialects: HashMap<Arc<str>, Dialect>,
    administration: Administration,
    page: Page,
    baselines: Arc<Baselines>,
    /// Whose answers are compared with the cache's; absent where nobody's are.
    shadow: Option<Shadow>,
    tokens: Tokens,
    rules: RouteRules,
    is_simulated: bool,
}

impl Service {
    /// The service over a fleet and the documents that `refresh` keeps current; with a gate where
    /// that is enabled.
    pub fn new(
        fleet: Arc<Fleet>,
        refresh: Arc<Refresh>,
        tokens: Tokens,
        metrics: Arc<Metrics>,
        rules: RouteRules,
        baselines: Arc<Baselines>,
        gate: Option<Arc<Gate>>,
    ) -> Self {
        let keeper = Arc::clone(refresh.keeper());
        let gauges = Box::new(Gauges::new(Arc::clone(&keeper)));
        metrics.register(|registry| registry.register_collector(gauges));
        let gauges = Box::new(BaselineGauges(Arc::clone(&baselines)));
        metrics.register(|registry| registry.register_collector(gauges));
        if keeper.collection().store().is_shared() {
            let nodes = Arc::clone(keeper.collection().nodes());
            metrics.register(|registry| registry.register_collector(Box::new(NodeGauges(nodes))));
        }
        if let Some(gate) = &gate {
            metrics.register(|registry| gate.register(registry));
        }
        Self {
            is_simulated: keeper.collection().realm().is_simulated(),
            pccs: Pccs::new(Arc::clone(&fleet), Arc::clone(&refresh)),
            pcs: Pcs::new(Arc::clone(&keeper), Arc::clone(&fleet)),
            thim: Thim::new(keeper, Arc::clone(&fleet)),
            dialects: HashMap::new(),
            administration: Administration::new(
                fleet,
                refresh,
                metrics,
                Arc::clone(&baselines),
                gate,
            ),
            page: Page::default(),
            baselines,
            shadow: None,
            tokens,
            rules,
        }
    }

    /// The same, with listeners that have one dialect alone, by name: there it begins at the root,
    /// and nothing else is there.
    #[must_use]
    pub fn with_dialects(mut self, dialects: HashMap<Arc<str>, Dialect>) -> Self {
        self.dialects = dialects;
        self
    }

    /// The same, with another cache whose answers are compared with those in its dialect.
    #[must_use]
    pub fn with_shadow(mut self, shadow: Shadow, metrics: &Metrics) -> Self {
        metrics.register(|registry| shadow.register(registry));
        self.shadow = Some(shadow);
        self
    }

    async fn answer(&self, mut asked: Asked) -> Reply {
        let named = match self.enter_ring(&mut asked) {
            Ok(named) => named,
            Err(reply) => return *reply,
        };
        let path = asked.path();
        if let Some(dialect) = self.dialects.get(asked.connection.listener()) {
            let path = path.to_owned();
            return match dialect {
                Dialect::Pccs => self.cache(asked, named).await,
                Dialect::Pcs => self.vendor(asked, path, named).await,
                Dialect::Thim => self.azure(asked, &path, named).await,
            };
        }
        if let Some(place) = below(path, THIM_BASE) {
            let place = place.to_owned();
            return self.azure(asked, &place, named).await;
        }
        if below(path, THIM_AGENT_BASE).is_some() {
            let path = path.to_owned();
            return self.azure(asked, &path, named).await;
        }
        if let Some(place) = below(path, PCS_BASE) {
            let place = place.to_owned();
            return self.vendor(asked, place, named).await;
        }
        let found = administration::find(&asked.method, path, self.administration.has_gate());
        match found {
            // Rings are for the dialects; everything else has one path. At the gate a ring that
            // could be named would be one that the attester chooses.
            Found::Route(_) if named.is_some() => not_below(),
            Found::Route(route) => match route.action {
                Action::Page(action) => {
                    let house = (&self.administration, &self.tokens);
                    self.page.respond(route, action, asked, house).await
                }
                _ => self.administrate(route, asked).await,
            },
            Found::OtherMethods(methods) => administration::method_not_allowed(&methods),
            Found::Nothing => self.cache(asked, named).await,
        }
    }

    /// Takes the base path of a ring away, if there is one; gives the ring.
    fn enter_ring(&self, asked: &mut Asked) -> Result<Option<Name>, Box<Reply>> {
        let Some((name, rest)) = ring::below(asked.path()) else {
            return Ok(None);
        };
        let named = name.parse::<Name>().ok();
        let Some(ring) = named.filter(|ring| self.baselines.has_ring(ring)) else {
            let mut reply = Problem::not_found("there is no ring of this name").reply();
            reply.route = "ring.unknown";
            return Err(Box::new(reply));
        };
        let rest = match asked.target.query() {
            Some(query) => format!("{rest}?{query}"),
            None => rest.to_owned(),
        };
        match rest.parse() {
            Ok(target) => asked.target = target,
            Err(_) => return Err(Box::new(not_below())),
        }
        Ok(Some(ring))
    }

    /// The ring that somebody follows who may have named it.
    fn ring(&self, named: Option<Name>, asked: &Asked) -> Name {
        let token = || {
            let known = |role, header| {
                let token = asked.headers.get(header)?;
                let peer = asked.connection.peer();
                let token = self
                    .tokens
                    .check(role, Some(token.as_bytes()), peer, Instant::now());
                Some(token.ok()?.name.clone())
            };
            known(Role::User, pccs::USER_TOKEN)
                .or_else(|| known(Role::Administrator, pccs::ADMIN_TOKEN))
        };
        named.unwrap_or_else(|| self.baselines.ring_of(asked, token))
    }

    /// bulla's own routes.
    async fn administrate(&self, route: &administration::Route, asked: Asked) -> Reply {
        match self.actor(route.access, &asked) {
            Ok(actor) => {
                let administration = &self.administration;
                administration.respond(route, asked, &actor).await
            }
            Err(denied) => administration::unauthorised(route, denied),
        }
    }

    /// The name of the token that lets somebody in. An administrator may do what a user may.
    fn actor(&self, access: administration::Access, asked: &Asked) -> Result<String, Denied> {
        let check = |role, header| {
            let token = asked.headers.get(header).map(HeaderValue::as_bytes);
            let peer = asked.connection.peer();
            let token = self.tokens.check(role, token, peer, Instant::now())?;
            Ok(token.name.clone())
        };
        let administrator = || check(Role::Administrator, pccs::ADMIN_TOKEN);
        match access {
            administration::Access::Anybody => Ok(String::new()),
            administration::Access::Administrator => administrator(),
            administration::Access::User if asked.headers.contains_key(pccs::ADMIN_TOKEN) => {
                administrator()
            }
            administration::Access::User => check(Role::User, pccs::USER_TOKEN),
        }
    }

    /// The dialect of Intel's cache: who asks is known before the body is read.
    async fn cache(&self, asked: Asked, named: Option<Name>) -> Reply {
        let refused = |refusal: Refusal| written("pccs.refused", refusal.write());
        let route = match Route::read(asked.method.as_str(), asked.path(), self.rules) {
            Ok(route) => route,
            Err(refusal) => return refused(refusal),
        };
        let role = match route.access() {
            Access::Anybody => None,
            Access::User => Some((Role::User, pccs::USER_TOKEN)),
            Access::Administrator => Some((Role::Administrator, pccs::ADMIN_TOKEN)),
        };
        let mut administrator = None;
        if let Some((role, name)) = role {
            let token = asked.headers.get(name).map(HeaderValue::as_bytes);
            let peer = asked.connection.peer();
            match self.tokens.check(role, token, peer, Instant::now()) {
                Ok(token) if role == Role::Administrator => administrator = Some(&token.name),
                Ok(_) => {}
                Err(denied) => return refused(unauthorised(denied).version(route.version)),
            }
        }
        let followed = match route.access() {
            Access::Anybody => self.baselines.followed(&self.ring(named, &asked)),
            Access::User | Access::Administrator => Followed::default(),
        };
        let mut body = Bytes::new();
        if route.operation.has_body() {
            match asked.body.read(route.max_body_size()).await {
                Ok(read) => body = read,
                Err(error) => return refused(unread(error).version(route.version)),
            }
        }
        let media_type = asked.headers.get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let query = asked.target.query().unwrap_or_default();
        match route.request(query, media_type, &body) {
            Ok(request) => {
                let answer = self
                    .pccs
                    .respond(route.version, request, &asked.headers, &followed);
                let reply = answer.await;
                if let Some(shadow) = &self.shadow
                    && route.access() == Access::Anybody
                {
                    shadow.take(&asked.headers, asked.target.path(), query, &reply);
                }
                if let Some(actor) = administrator {
                    self.pccs.note(actor, &reply);
                }
                reply
            }
            Err(refusal) => refused(refusal),
        }
    }

    /// The vendor's dialect.
    async fn vendor(&self, asked: Asked, path: String, named: Option<Name>) -> Reply {
        let followed = self.baselines.followed(&self.ring(named, &asked));
        let mut parts = RequestParts {
            method: asked.method.as_str().to_owned(),
            path,
            query: asked.query().to_owned(),
            headers: plain(&asked.headers),
            body: Vec::new(),
        };
        // The vendor's interface has no HEAD; as everywhere it is GET without the body.
        if parts.method == "HEAD" {
            parts.method = "GET".to_owned();
        }
        // What the body of any other request says, does not count.
        if asked.method == Method::POST {
            match asked.body.read(MAX_REQUEST_BODY_SIZE).await {
                Ok(body) => parts.body = body.to_vec(),
                Err(error) => return Reply::new("pcs.unreadable", error.status()),
            }
        }
        self.pcs.respond(parts, &asked.headers, &followed).await
    }

    /// Azure's dialect.
    async fn azure(&self, asked: Asked, path: &str, named: Option<Name>) -> Reply {
        let followed = self.baselines.followed(&self.ring(named, &asked));
        let refused = |refusal: Refusal| written("thim.refused", refusal.write());
        let route = match thim::Route::read(asked.method.as_str(), path) {
            Ok(route) => route,
            Err(refusal) => return refused(refusal),
        };
        match route.request(asked.query()) {
            Ok(request) => self.thim.respond(request, &asked.headers, &followed).await,
            Err(refusal) => refused(refusal),
        }
    }
}

impl Application for Service {
    async fn respond(&self, asked: Asked) -> Reply {
        self.answer(asked).await
    }

    fn mark(&self, headers: &mut HeaderMap) {
        if self.is_simulated {
            headers.insert(SIMULATED, HeaderValue::from_static("true"));
        }
    }
}

/// The answer to what does not stand below the base path of a ring.
fn not_below() -> Reply {
    let detail = "below a ring are the documents; everything else stands at the root";
    let mut reply = Problem::of(
        Status::NOT_FOUND,
        Code::PATH_UNKNOWN,
        "There is no such path.",
    )
    .because(detail)
    .reply();
    reply.route = "ring.path";
    reply
}

/// What follows a base path; absent for paths that are not below it.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    path.strip_prefix(base).filter(|rest| rest.starts_with('/'))
}

fn unauthorised(denied: Denied) -> Refusal {
    match denied {
        Denied::Missing => {
            Refusal::new(Reason::AuthenticationFailed).coded(pccs::cause::TOKEN_MISSING)
        }
        Denied::Wrong => Refusal::new(Reason::AuthenticationFailed),
        Denied::TooMany { wait } => {
            let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
            Refusal::new(Reason::TooManyAttempts).retry_after(seconds)
        }
    }
}

fn unread(error: BodyError) -> Refusal {
    let reason = match error {
        BodyError::TooLong { .. } => Reason::ContentTooLarge,
        _ => Reason::InvalidRequest,
    };
    Refusal::new(reason).because(&error.to_string())
}

/// Headers as the grammar has them; what is not ASCII is nothing that it knows.
fn plain(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .fold(Headers::new(), |all, (name, value)| match value.to_str() {
            Ok(value) => all.with(name.as_str(), value),
            Err(_) => all,
        })
}
