//! Settings with which clients use a cache, ready to be copied.

use reqwest::Url;
use serde::Serialize;
use serde_json::json;

use super::plan::Dialect;
use super::site::{Site, Transport};
use crate::client;

/// The settings of one client.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) client: &'static str,
    /// Whether this client can use this cache.
    pub(crate) usable: bool,
    /// Where the settings belong.
    pub(crate) place: &'static str,
    /// The settings; empty where there are none to be made.
    pub(crate) content: String,
    /// What else there is to know.
    pub(crate) notes: Vec<String>,
}

/// Where the vendor's dialect of a bulla stands below its cache's.
const PCS_BASE: &str = "/pcs";

/// The same of Azure's.
const THIM_BASE: &str = "/thim";

/// What requests of both dialects begin with, and clients' addresses end with.
const MOUNT: &str = "/sgx/certification/v4/";

/// What the addresses of Azure's client end with; it adds the version itself.
const AZURES_MOUNT: &str = "/sgx/certification";

/// The addresses of a cache by dialect; absent where it does not have that one.
struct Addresses {
    pccs: Option<String>,
    pcs: Option<String>,
    is_intels: bool,
}

pub(super) fn settings(site: &Site) -> Vec<Settings> {
    let addresses = Addresses::of(&site.base, site.dialect, site.is_bulla);
    let distrusted = site.transport == Transport::TlsUntrusted;
    vec![
        qcnl(&addresses, is_azures(&site.base), distrusted),
        dcap_qvl(&addresses),
        go_tdx_guest(&addresses),
        trustee(&addresses),
        azures_of(&site.base, &addresses, site),
    ]
}

impl Addresses {
    fn of(base: &Url, dialect: Dialect, is_bulla: bool) -> Self {
        let url = client::shown(base);
        let is_intels = url.contains("trustedservices.intel.com");
        match dialect {
            Dialect::Pccs => Self {
                pcs: is_bulla.then(|| format!("{url}{PCS_BASE}")),
                pccs: Some(url),
                is_intels,
            },
            Dialect::Pcs => Self {
                pccs: url.strip_suffix(PCS_BASE).map(str::to_owned),
                pcs: Some(url),
                is_intels,
            },
        }
    }
}

/// Where a machine of Azure asks for PCK certificates first.
const AZURES_HOST_AGENT: &str = "http://169.254.169.254/metadata/THIM";

/// Whether it is a service of Azure itself.
fn is_azures(base: &Url) -> bool {
    base.host_str()
        .is_some_and(|host| host.ends_with(".azure.net"))
}

const QCNL: &str = "Intel QPL, QCNL";

fn qcnl(addresses: &Addresses, is_azures: bool, distrusted: bool) -> Settings {
    let mut notes = Vec::new();
    let usable = addresses.pccs.is_some() || addresses.is_intels;
    let mut settings = json!({
        "use_secure_cert": true,
        "tcb_update_type": "standard",
        "pccs_api_version": "3.0",
        "retry_times": 6,
        "retry_delay": 10,
        "pck_cache_expire_hours": 168,
        // A week, as in the file that Intel ships, is how long a revocation would not be seen.
        "verify_collateral_cache_expire_hours": 24,
        "local_cache_only": false,
    });
    match (&addresses.pccs, &addresses.pcs) {
        (Some(url), _) => settings["pccs_url"] = json!(format!("{url}{MOUNT}")),
        (None, Some(url)) => settings["collateral_service"] = json!(format!("{url}{MOUNT}")),
        (None, None) => {}
    }
    if is_azures {
        settings["pccs_api_version"] = json!("3.1");
        settings["retry_delay"] = json!(5);
        settings["pck_cache_expire_hours"] = json!(48);
        settings["local_pck_url"] = json!(format!("{AZURES_HOST_AGENT}{MOUNT}"));
        settings["custom_request_options"] = json!({ "get_cert": {
            "headers": { "metadata": "true" },
            "params": { "api-version": "2021-07-22-preview" },
        }});
    }
    if distrusted {
        notes.push(
            "Its certificate is not trusted here. Add its CA to those of the system, rather than \
             set use_secure_cert to false."
                .to_owned(),
        );
    }
    if addresses.is_intels {
        notes.push(
            "PCK certificates do not come from there: set pccs_url to a cache of yours.".to_owned(),
        );
    }
    if !usable {
        notes.push(
            "This client takes the vendor's dialect from Intel's own hosts alone; it needs a cache."
                .to_owned(),
        );
    }
    Settings {
        client: QCNL,
        usable,
        place: "sgx_default_qcnl.conf, or the file that $QCNL_CONF_PATH names",
        content: match usable {
            true => format!("{settings:#}\n"),
            false => String::new(),
        },
        notes,
    }
}

fn dcap_qvl(addresses: &Addresses) -> Settings {
    let url = addresses.pccs.as_ref().or(addresses.pcs.as_ref());
    let usable = addresses.pccs.is_some() || addresses.is_intels;
    Settings {
        client: "dcap-qvl",
        usable,
        place: "the environment, or the address that its collateral client is given",
        content: match url.filter(|_| usable) {
            Some(url) => format!("PCCS_URL={url}\n"),
            None => String::new(),
        },
        notes: match usable {
            true => Vec::new(),
            false => vec!["This client asks a cache for the root's CRL; it needs one.".to_owned()],
        },
    }
}

fn go_tdx_guest(addresses: &Addresses) -> Settings {
    let mut notes = Vec::new();
    let content = match &addresses.pcs {
        Some(_) if addresses.is_intels => {
            notes.push("This client asks there by itself.".to_owned());
            String::new()
        }
        Some(url) => {
            notes.push(
                "This client has Intel's address compiled in, and takes the other from the root. Give \
                 verify.Options a Getter that puts the second address of each line in the place of \
                 the first."
                    .to_owned(),
            );
            ["api", "certificates"]
                .map(|host| format!("https://{host}.trustedservices.intel.com {url}\n"))
                .concat()
        }
        None => {
            notes.push(
                "This client speaks the vendor's dialect alone, which this cache does not."
                    .to_owned(),
            );
            String::new()
        }
    };
    Settings {
        client: "go-tdx-guest",
        usable: addresses.pcs.is_some(),
        place: "the Getter in verify.Options",
        content,
        notes,
    }
}

fn trustee(addresses: &Addresses) -> Settings {
    let usable = addresses.pccs.is_some() || addresses.is_intels;
    Settings {
        client: "Confidential Containers trustee",
        usable,
        place: "the environment of its attestation service, with the file there",
        content: match usable {
            true => "QCNL_CONF_PATH=/etc/sgx_default_qcnl.conf\n".to_owned(),
            false => String::new(),
        },
        notes: vec![format!(
            "It verifies with Intel's library: the file is that of {QCNL}."
        )],
    }
}

/// Azure's client at a bulla is led below the base path of its dialect.
fn azures_of(base: &Url, addresses: &Addresses, site: &Site) -> Settings {
    let below = addresses.pccs.as_ref().filter(|_| site.is_bulla);
    match below.and_then(|url| Url::parse(&format!("{url}{THIM_BASE}")).ok()) {
        Some(base) => azure(&base, true),
        None => azure(base, site.speaks_azures),
    }
}

fn azure(base: &Url, usable: bool) -> Settings {
    let url = client::shown(base);
    let mut content = String::new();
    let mut notes = Vec::new();
    if usable {
        content = format!(
            "AZDCAP_BASE_CERT_URL={url}{AZURES_MOUNT}\n\
             AZDCAP_SECONDARY_BASE_CERT_URL={url}{AZURES_MOUNT}\n\
             AZDCAP_BYPASS_BASE_URL=true\nAZDCAP_COLLATERAL_VERSION=v4\n"
        );
        match url.strip_prefix("https://") {
            // Azure has TDX on hosts of its own, which the client finds by itself.
            Some(_) if is_azures(base) => {}
            Some(place) => {
                let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
                content.push_str(&format!(
                    "AZDCAP_REGION_URL={host}\nAZDCAP_BASE_CERT_URL_TDX={path}{AZURES_MOUNT}\n"
                ));
            }
            None => notes.push("For TDX this client asks by https alone.".to_owned()),
        }
    } else {
        notes.push(
            "This client asks for CRLs by pckcrl?uri= and for certificates as JSON, which this \
             service does not answer."
                .to_owned(),
        );
    }
    Settings {
        client: "Azure-DCAP-Client",
        usable,
        place: "the environment",
        content,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        client::address("URL", text).expect("an address")
    }

    fn intels(base: &str, dialect: Dialect, is_bulla: bool) -> (bool, serde_json::Value) {
        let base = url(base);
        let addresses = Addresses::of(&base, dialect, is_bulla);
        let settings = qcnl(&addresses, is_azures(&base), false);
        let content = serde_json::from_str(&settings.content).unwrap_or_default();
        (settings.usable, content)
    }

    #[test]
    fn intels_client_is_given_a_cache_or_intels_own_service() {
        let (usable, content) = intels("https://cache.example:8081", Dialect::Pccs, false);
        assert!(usable);
        let address = "https://cache.example:8081/sgx/certification/v4/";
        assert_eq!(content["pccs_url"], address);
        assert_eq!(content["collateral_service"], serde_json::Value::Null);
        assert_eq!(content["pccs_api_version"], "3.0");
        assert_eq!(content["use_secure_cert"], true);
        // Below the vendor's dialect of a bulla lies its cache.
        let (_, content) = intels("https://cache.example/pcs", Dialect::Pcs, false);
        let address = "https://cache.example/sgx/certification/v4/";
        assert_eq!(content["pccs_url"], address);

        let intel = "https://api.trustedservices.intel.com";
        let (usable, content) = intels(intel, Dialect::Pcs, false);
        assert!(usable);
        let address = format!("{intel}/sgx/certification/v4/");
        assert_eq!(content["collateral_service"], address);
        assert_eq!(content["pccs_url"], serde_json::Value::Null);
        // The client takes the vendor's dialect from the vendor's host alone.
        let (usable, content) = intels("https://pcs.example", Dialect::Pcs, false);
        assert!(!usable && content.is_null());
    }

    #[test]
    fn on_azure_intels_client_asks_the_host_agent_for_pck_certificates() {
        let azures = "https://global.acccache.azure.net";
        let (_, content) = intels(azures, Dialect::Pccs, false);
        let agent = "http://169.254.169.254/metadata/THIM/sgx/certification/v4/";
        assert_eq!(content["local_pck_url"], agent);
        assert_eq!(content["pccs_api_version"], "3.1");
        let options = &content["custom_request_options"]["get_cert"];
        assert_eq!(options["headers"]["metadata"], "true");
        assert_eq!(options["params"]["api-version"], "2021-07-22-preview");
        let (_, content) = intels("https://azure.net.example", Dialect::Pccs, false);
        assert_eq!(content["local_pck_url"], serde_json::Value::Null);
    }

    #[test]
    fn azures_client_is_led_past_the_host_agent_and_to_tdx_by_https_alone() {
        let settings = azure(&url("https://cache.example:8081"), true);
        let lines: Vec<&str> = settings.content.lines().collect();
        let expected = [
            "AZDCAP_BASE_CERT_URL=https://cache.example:8081/sgx/certification",
            "AZDCAP_SECONDARY_BASE_CERT_URL=https://cache.example:8081/sgx/certification",
            "AZDCAP_BYPASS_BASE_URL=true",
            "AZDCAP_COLLATERAL_VERSION=v4",
            "AZDCAP_REGION_URL=cache.example:8081",
            "AZDCAP_BASE_CERT_URL_TDX=/sgx/certification",
        ];
        assert_eq!(lines, expected);
        let below = azure(&url("https://cache.example:8081/thim"), true).content;
        let of_tdx = "AZDCAP_REGION_URL=cache.example:8081\n\
                      AZDCAP_BASE_CERT_URL_TDX=/thim/sgx/certification\n";
        assert!(below.ends_with(of_tdx), "{below}");
        for base in [
            "http://cache.example:8081",
            "https://global.acccache.azure.net",
        ] {
            let settings = azure(&url(base), true);
            assert!(!settings.content.contains("TDX"), "{base}");
        }
        assert_eq!(azure(&url("https://cache.example"), false).content, "");
    }
}
