//! The table of routes.

use crate::baselines;
use crate::gate;
use crate::http::Method;
use crate::page;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every check knows all of them")]
pub enum Access {
    /// Whoever reaches the service.
    Anybody,
    /// Whoever sends a user's or an administrator's token.
    User,
    /// Whoever sends an administrator's token.
    Administrator,
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Says that the process is alive.
    Health,
    /// Says whether the service is of use.
    Readiness,
    /// Gives all counts.
    Metrics,
    /// Lists the documents that are kept.
    Collateral,
    /// Lists every issue of a document.
    History,
    /// Gives a document, of now or of a past instant.
    Document,
    /// Lists what was refused on arrival.
    Refused,
    /// Asks the upstreams anew.
    RefreshCollateral,
    /// Takes an archive that came across an air gap.
    Import,
    /// Takes collateral in the form of Intel's cache, and says of each thing what became of it.
    TakeIn,
    /// Lists platforms.
    Platforms,
    /// Gives platforms with their certificates, to be carried to another service.
    Certificates,
    /// Removes a platform.
    RemovePlatform,
    /// Lists the last evidence of platforms.
    Evidence,
    /// Gives the last quotes of one platform.
    Quotes,
    /// Takes a quote as evidence of its platform's state.
    Observe,
    /// Takes a quote also where it shows an older state than the one that is known.
    ReplaceEvidence,
    /// Says how the upstreams are.
    Upstreams,
    /// Lists what was done by whom.
    Audit,
    /// Writes a backup of the store beside it.
    BackUp,
    /// Reads all that is stored, and says whether it is what was written.
    Check,
    /// Something of the baselines.
    Baselines(baselines::Action),
    /// Something of the gate; its routes are there only where it is enabled.
    Gate(gate::Action),
    /// Something of the operator's page.
    Page(page::Action),
}

/// One of the routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a row of the table")]
pub struct Route {
    /// The method; `HEAD` goes with `GET`.
    pub method: &'static str,
    /// The path, which has this one spelling.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What it does.
    pub action: Action,
    /// Its name in log and metrics.
    pub name: &'static str,
}

const fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    action: Action,
    name: &'static str,
) -> Route {
    Route {
        method,
        path,
        access,
        action,
        name,
    }
}

/// All of them.
pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/healthz",
        Access::Anybody,
        Action::Health,
        "healthz",
    ),
    route(
        "GET",
        "/readyz",
        Access::Anybody,
        Action::Readiness,
        "readyz",
    ),
    route(
        "GET",
        "/metrics",
        Access::Anybody,
        Action::Metrics,
        "metrics",
    ),
    route(
        "GET",
        "/collateral",
        Access::Anybody,
        Action::Collateral,
        "collateral.list",
    ),
    route(
        "GET",
        "/collateral/history",
        Access::Anybody,
        Action::History,
        "collateral.history",
    ),
    route(
        "GET",
        "/collateral/document",
        Access::Anybody,
        Action::Document,
        "collateral.document",
    ),
    route(
        "GET",
        "/collateral/refused",
        Access::Administrator,
        Action::Refused,
        "collateral.refused",
    ),
    route(
        "POST",
        "/collateral/refresh",
        Access::Administrator,
        Action::RefreshCollateral,
        "collateral.refresh",
    ),
    route(
        "POST",
        "/collateral/archive",
        Access::Administrator,
        Action::Import,
        "collateral.import",
    ),
    route(
        "GET",
        "/platforms/certificates",
        Access::Administrator,
        Action::Certificates,
        "platforms.certificates",
    ),
    route(
        "POST",
        "/collateral/platformcollateral",
        Access::Administrator,
        Action::TakeIn,
        "collateral.platformcollateral",
    ),
    route(
        "GET",
        "/platforms",
        Access::Administrator,
        Action::Platforms,
        "platforms.list",
    ),
    route(
        "DELETE",
        "/platforms",
        Access::Administrator,
        Action::RemovePlatform,
        "platforms.remove",
    ),
    route(
        "GET",
        "/platforms/evidence",
        Access::Administrator,
        Action::Evidence,
        "platforms.evidence",
    ),
    route(
        "POST",
        "/platforms/evidence",
        Access::User,
        Action::Observe,
        "platforms.observe",
    ),
    route(
        "PUT",
        "/platforms/evidence",
        Access::Administrator,
        Action::ReplaceEvidence,
        "platforms.replace_evidence",
    ),
    route(
        "GET",
        "/platforms/evidence/quotes",
        Access::Administrator,
        Action::Quotes,
        "platforms.quotes",
    ),
    route(
        "GET",
        "/upstreams",
        Access::Administrator,
        Action::Upstreams,
        "upstreams",
    ),
    route(
        "GET",
        "/audit",
        Access::Administrator,
        Action::Audit,
        "audit",
    ),
    route(
        "POST",
        "/store/backup",
        Access::Administrator,
        Action::BackUp,
        "store.backup",
    ),
    route(
        "GET",
        "/store/check",
        Access::Administrator,
        Action::Check,
        "store.check",
    ),
    route(
        "GET",
        "/baselines",
        Access::User,
        Action::Baselines(baselines::Action::List),
        "baselines.list",
    ),
    route(
        "GET",
        "/baselines/history",
        Access::User,
        Action::Baselines(baselines::Action::History),
        "baselines.history",
    ),
    route(
        "POST",
        "/baselines/plan",
        Access::Administrator,
        Action::Baselines(baselines::Action::Plan),
        "baselines.plan",
    ),
    route(
        "POST",
        "/baselines/apply",
        Access::Administrator,
        Action::Baselines(baselines::Action::Apply),
        "baselines.apply",
    ),
    route(
        "POST",
        "/baselines/pause",
        Access::Administrator,
        Action::Baselines(baselines::Action::Pause),
        "baselines.pause",
    ),
    route(
        "POST",
        "/baselines/resume",
        Access::Administrator,
        Action::Baselines(baselines::Action::Resume),
        "baselines.resume",
    ),
    route(
        "POST",
        "/baselines/rollback",
        Access::Administrator,
        Action::Baselines(baselines::Action::RollBack),
        "baselines.rollback",
    ),
    route(
        "POST",
        "/baselines/exceptions",
        Access::Administrator,
        Action::Baselines(baselines::Action::Grant),
        "baselines.exceptions.grant",
    ),
    route(
        "DELETE",
        "/baselines/exceptions",
        Access::Administrator,
        Action::Baselines(baselines::Action::End),
        "baselines.exceptions.end",
    ),
    route(
        "GET",
        "/baselines/preview",
        Access::Administrator,
        Action::Baselines(baselines::Action::Preview),
        "baselines.preview",
    ),
    route(
        "POST",
        "/challenge",
        Access::Anybody,
        Action::Gate(gate::Action::Challenge),
        "gate.challenge",
    ),
    route(
        "POST",
        "/attest",
        Access::Anybody,
        Action::Gate(gate::Action::Attest),
        "gate.attest",
    ),
    route(
        "POST",
        "/release",
        Access::Anybody,
        Action::Gate(gate::Action::Release),
        "gate.release",
    ),
    route(
        "GET",
        "/.well-known/jwks.json",
        Access::Anybody,
        Action::Gate(gate::Action::Jwks),
        "gate.jwks",
    ),
    route(
        "GET",
        "/gate/policies",
        Access::Administrator,
        Action::Gate(gate::Action::Policies),
        "gate.policies",
    ),
    route(
        "PUT",
        "/gate/policies",
        Access::Administrator,
        Action::Gate(gate::Action::PutPolicy),
        "gate.policies.put",
    ),
    route(
        "DELETE",
        "/gate/policies",
        Access::Administrator,
        Action::Gate(gate::Action::RemovePolicy),
        "gate.policies.remove",
    ),
    route(
        "GET",
        "/gate/secrets",
        Access::Administrator,
        Action::Gate(gate::Action::Secrets),
        "gate.secrets",
    ),
    route(
        "PUT",
        "/gate/secrets",
        Access::Administrator,
        Action::Gate(gate::Action::PutSecret),
        "gate.secrets.put",
    ),
    route(
        "DELETE",
        "/gate/secrets",
        Access::Administrator,
        Action::Gate(gate::Action::RemoveSecret),
        "gate.secrets.remove",
    ),
    route(
        "GET",
        "/gate/keys",
        Access::Administrator,
        Action::Gate(gate::Action::Keys),
        "gate.keys",
    ),
    route(
        "POST",
        "/gate/keys/rotate",
        Access::Administrator,
        Action::Gate(gate::Action::Rotate),
        "gate.keys.rotate",
    ),
    route(
        "POST",
        "/gate/keys/withdraw",
        Access::Administrator,
        Action::Gate(gate::Action::Withdraw),
        "gate.keys.withdraw",
    ),
    route(
        "GET",
        "/gate/decisions",
        Access::Administrator,
        Action::Gate(gate::Action::Decisions),
        "gate.decisions",
    ),
    route(
        "GET",
        "/page",
        Access::Anybody,
        Action::Page(page::Action::Documents),
        "page.documents",
    ),
    route(
        "GET",
        "/page/fleet",
        Access::Administrator,
        Action::Page(page::Action::Fleet),
        "page.fleet",
    ),
    route(
        "GET",
        "/page/enforcement",
        Access::Administrator,
        Action::Page(page::Action::Enforcement),
        "page.enforcement",
    ),
    route(
        "GET",
        "/page/upstreams",
        Access::Administrator,
        Action::Page(page::Action::Upstreams),
        "page.upstreams",
    ),
    route(
        "GET",
        "/page/refusals",
        Access::Administrator,
        Action::Page(page::Action::Refusals),
        "page.refusals",
    ),
    route(
        "POST",
        "/page/refresh",
        Access::Administrator,
        Action::Page(page::Action::Refresh),
        "page.refresh",
    ),
    route(
        "GET",
        "/page/sign-in",
        Access::Anybody,
        Action::Page(page::Action::SignInForm),
        "page.sign_in_form",
    ),
    route(
        "POST",
        "/page/sign-in",
        Access::Anybody,
        Action::Page(page::Action::SignIn),
        "page.sign_in",
    ),
    route(
        "POST",
        "/page/sign-out",
        Access::Administrator,
        Action::Page(page::Action::SignOut),
        "page.sign_out",
    ),
    route(
        "GET",
        "/page/style.css",
        Access::Anybody,
        Action::Page(page::Action::Style),
        "page.style",
    ),
    route(
        "GET",
        "/page/icon.svg",
        Access::Anybody,
        Action::Page(page::Action::Icon),
        "page.icon",
    ),
];

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This route.
    Route(&'static Route),
    /// Others than for this method: these are there.
    OtherMethods(Vec<&'static str>),
    /// Nothing of ours.
    Nothing,
}

/// The route of a method and a path, the latter as received; those of the gate only where there is
/// one.
pub(crate) fn find(method: &Method, path: &str, has_gate: bool) -> Found {
    let wanted = match *method {
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let is_there = |route: &Route| has_gate || !matches!(route.action, Action::Gate(_));
    let here = || {
        let at_path = ROUTES.iter().filter(move |route| route.path == path);
        at_path.filter(|route| is_there(route))
    };
    match here().find(|route| route.method == wanted) {
        Some(route) => Found::Route(route),
        None => {
            let methods: Vec<_> = here().map(|route| route.method).collect();
            match methods.is_empty() {
                true => Found::Nothing,
                false => Found::OtherMethods(methods),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let Found::Route(route) = find(&Method::HEAD, "/platforms", false) else {
            panic!("it is there");
        };
        assert_eq!(route.action, Action::Platforms);
        let methods = Found::OtherMethods(vec!["GET", "DELETE"]);
        assert_eq!(find(&Method::PUT, "/platforms", false), methods);
        for path in [
            "/Platforms",
            "/platforms/",
            "//platforms",
            "/platform%73",
            "/",
        ] {
            assert_eq!(find(&Method::GET, path, true), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn without_a_gate_there_is_nothing_of_it() {
        let of_gate = ROUTES
            .iter()
            .filter(|route| matches!(route.action, Action::Gate(_)));
        for route in of_gate {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                assert_eq!(
                    find(&method, route.path, false),
                    Found::Nothing,
                    "{route:?}"
                );
            }
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            assert_eq!(find(&method, route.path, true), Found::Route(route));
        }
    }

    #[test]
    fn whatever_changes_something_or_names_a_platform_needs_a_token() {
        for route in ROUTES {
            // Who attests has no token yet: what is asked there is answered for by evidence.
            let is_attesting = ["/challenge", "/attest", "/release"].contains(&route.path);
            // Nor has who signs in: he gives it there.
            let is_signing_in = route.path == "/page/sign-in";
            let names_something = ["/platforms", "/baselines", "/gate/", "/page/fleet"]
                .iter()
                .any(|start| route.path.starts_with(start));
            let is_private =
                (route.method != "GET" && !is_attesting && !is_signing_in) || names_something;
            assert!(!is_private || route.access != Access::Anybody, "{route:?}");
        }
    }
}
