//! `docs/openapi.json` against the tables of the code.

use std::collections::{BTreeMap, BTreeSet};

use bulla_protocol::gate;
use bulla_protocol::pccs::{self, CrlUri, QeId, Route};
use bulla_protocol::pcs::{self, Endpoint};
use bulla_protocol::thim;
use bulla_protocol::value::PlatformManifest;
use bulla_service::administration::{Access, ROUTES};
use bulla_service::baselines::LONGEST_PLAN;
use bulla_service::{PCS_BASE, THIM_BASE};
use bulla_tests::openapi::{document, members, resolved};
use serde_json::Value;

/// Methods and paths with the tokens of which one is needed.
type Table = BTreeMap<(String, String), BTreeSet<&'static str>>;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "head"];

fn described() -> Table {
    operations()
        .map(|(path, method, operation)| {
            let security = operation["security"].as_array().expect("a list");
            let tokens = security.iter().flat_map(|one| {
                let names = one.as_object().expect("an object").keys();
                names.map(String::as_str)
            });
            let key = (method.to_ascii_uppercase(), path.to_owned());
            (key, tokens.collect())
        })
        .collect()
}

/// Path, method and description of every operation.
fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    members(&document()["paths"])
        .iter()
        .flat_map(|(path, place)| {
            members(place).iter().map(move |(method, operation)| {
                assert!(METHODS.contains(&method.as_str()), "{path}: {method}");
                (path.as_str(), method.as_str(), operation)
            })
        })
}

fn known() -> Table {
    let mut known = Table::new();
    for route in ROUTES {
        let tokens: &[&str] = match route.access {
            Access::Anybody => &[],
            Access::User => &[pccs::USER_TOKEN, pccs::ADMIN_TOKEN],
            Access::Administrator if route.path.starts_with("/page") => {
                &[pccs::ADMIN_TOKEN, "page-session"]
            }
            Access::Administrator => &[pccs::ADMIN_TOKEN],
        };
        let key = (route.method.to_owned(), route.path.to_owned());
        known.insert(key, tokens.iter().copied().collect());
    }
    for (method, path, route) in Route::every() {
        let tokens: &[&str] = match route.access() {
            pccs::Access::Anybody => &[],
            pccs::Access::User => &[pccs::USER_TOKEN],
            pccs::Access::Administrator => &[pccs::ADMIN_TOKEN],
        };
        let key = (method.to_string(), path);
        known.insert(key, tokens.iter().copied().collect());
    }
    for endpoint in Endpoint::every() {
        let path = endpoint.path().unwrap_or("/{file}");
        for method in endpoint.methods() {
            let key = (method.to_string(), format!("{PCS_BASE}{path}"));
            known.insert(key, BTreeSet::new());
        }
    }
    for path in thim::Route::every() {
        let key = ("GET".to_owned(), format!("{THIM_BASE}{path}"));
        known.insert(key, BTreeSet::new());
    }
    known
}

#[test]
fn every_route_is_described_with_its_tokens_and_nothing_else_is() {
    assert_eq!(described(), known());
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let mut used = BTreeSet::new();
    collect(document(), &mut used);
    let components = members(&document()["components"]);
    let mut defined = BTreeSet::new();
    for (kind, all) in components {
        for name in members(all).keys() {
            defined.insert(format!("#/components/{kind}/{name}"));
        }
    }
    let schemes = components["securitySchemes"].as_object().expect("schemes");
    for name in schemes.keys() {
        used.insert(format!("#/components/securitySchemes/{name}"));
    }
    assert_eq!(used, defined);
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "$ref" => drop(references.insert(text.to_owned())),
                    _ => collect(member, references),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| collect(one, references)),
        _ => {}
    }
}

#[test]
fn operations_have_names_of_their_own_and_say_what_every_answer_has() {
    assert_eq!(document()["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations() {
        let at = format!("{method} {path}");
        let name = operation["operationId"].as_str().expect("a name");
        assert!(names.insert(name), "{at}: {name} stands twice");
        let responses = members(&operation["responses"]);
        assert!(responses.contains_key("414"), "{at}");
        let needs_token = operation["security"] != Value::Array(Vec::new());
        // Who needs no token to be answered is measured where the answer costs a lot.
        let is_measured = ["/challenge", "/attest", "/release"].contains(&path);
        // Who signs in gives the token with the form.
        let takes_token = needs_token || (path, method) == ("/page/sign-in", "post");
        for (status, expected) in [("401", takes_token), ("429", takes_token || is_measured)] {
            let is_vendor = path.starts_with(PCS_BASE);
            let described = responses.contains_key(status);
            assert!(described == expected || is_vendor, "{at}: {status}");
        }
        for (status, response) in responses {
            let headers = members(&resolved(response)["headers"]);
            for header in ["Request-ID", "Bulla-Simulated"] {
                assert!(headers.contains_key(header), "{at}: {status}: {header}");
            }
            let wait = headers.contains_key("Retry-After");
            // Where nobody is asked, and where the operator looks, time is no remedy.
            let is_lasting = path == "/readyz"
                || (path.ends_with("/v4/refresh") || path.ends_with("/v3/refresh"))
                    && status == "503";
            let says_when = ["429", "502", "503"].contains(&status.as_str()) && !is_lasting;
            assert_eq!(wait, says_when, "{at}: {status}");
        }
        let is_version_3 = path.contains("/v3/");
        for (status, response) in responses.iter().filter(|(status, _)| *status != "414") {
            let warning = &resolved(response)["headers"]["Warning"];
            let warns = warning["$ref"] == "#/components/headers/WarningOfVersion3";
            assert_eq!(warns, is_version_3, "{at}: {status}");
        }
    }
}

#[test]
fn parameters_are_where_they_can_be_and_named_once() {
    for (path, method, operation) in operations() {
        let parameters = operation["parameters"].as_array().expect("a list");
        let mut names = BTreeSet::new();
        for parameter in parameters {
            let parameter = resolved(parameter);
            let name = parameter["name"].as_str().expect("a name");
            let place = parameter["in"].as_str().expect("a place");
            assert!(names.insert((place, name)), "{method} {path}: {name}");
            match place {
                "path" => assert!(path.contains(&format!("{{{name}}}")), "{path}: {name}"),
                "query" | "header" => {}
                other => panic!("{path}: {name} in {other}"),
            }
        }
        let has_body = ["post", "put"].contains(&method);
        let body = &operation["requestBody"];
        assert!(has_body || body.is_null(), "{method} {path}");
    }
}

#[test]
fn limits_are_those_of_the_code() {
    let schema = |name: &str| &document()["components"]["schemas"][name];
    let manifest = schema("PlatformManifest");
    assert_eq!(manifest["minLength"], PlatformManifest::SMALLEST * 2);
    assert_eq!(manifest["maxLength"], PlatformManifest::LARGEST * 2);
    assert_eq!(schema("QeId")["maxLength"], QeId::LONGEST);
    let uri = &document()["components"]["parameters"]["Uri"];
    assert_eq!(uri["schema"]["maxLength"], CrlUri::LONGEST);
    let size = |method: &str, path: &str| {
        &document()["paths"][path][method.to_ascii_lowercase()]["requestBody"]["x-max-bytes"]
    };
    for (method, path, route) in Route::every() {
        let found = size(method.as_str(), &path);
        match route.operation.has_body() {
            true => assert_eq!(*found, route.max_body_size(), "{path}"),
            false => assert!(found.is_null(), "{path}"),
        }
    }
    for (method, path, limit) in [
        (
            "post",
            "/collateral/platformcollateral",
            pccs::MAX_COLLATERAL_BODY_SIZE,
        ),
        ("post", "/challenge", gate::MAX_CHALLENGE_SIZE),
        ("post", "/attest", gate::MAX_ATTEST_SIZE),
        ("post", "/release", gate::MAX_RELEASE_SIZE),
        ("put", "/gate/secrets", gate::MAX_SECRET_SPEC_SIZE),
        ("put", "/gate/policies", bulla_service::gate::LONGEST_POLICY),
        (
            "post",
            "/collateral/archive",
            bulla_archive::MAX_VOLUME_SIZE,
        ),
        ("post", "/baselines/plan", LONGEST_PLAN),
        ("post", "/baselines/apply", LONGEST_PLAN),
        ("post", "/baselines/exceptions", LONGEST_PLAN),
    ] {
        assert_eq!(*size(method, path), limit, "{path}");
    }
    assert_eq!(schema("Token")["maxLength"], gate::MAX_TOKEN_SIZE);
    let platforms = &schema("SecretSpec")["properties"]["platforms"];
    assert_eq!(platforms["maxItems"], gate::MAX_PLATFORMS);
    for endpoint in Endpoint::every() {
        let path = endpoint.path().unwrap_or("/{file}");
        let found = size("post", &format!("{PCS_BASE}{path}"));
        let posts = endpoint
            .methods()
            .contains(&bulla_protocol::wire::Method::Post);
        match posts {
            true => assert_eq!(*found, pcs::MAX_REQUEST_BODY_SIZE, "{path}"),
            false => assert!(found.is_null(), "{path}"),
        }
    }
}
