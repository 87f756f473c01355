//! Pitfalls of mixing what is true with what is wanted, and what no verifier can see.

use bulla_appraisal::Reason;
use bulla_collateral::TcbStatus;
use bulla_evidence::layout::{sgx_attributes, td_attributes};
use bulla_issuer::{QuoteKind, Scenario};
use bulla_tests::scenarios::{
    SGX_KINDS, TDX_KINDS, assert_accepted, assert_refused, assert_status, changed, judge, policy,
    scenario,
};

fn with_td_attributes(kind: QuoteKind, attributes: u64) -> Scenario {
    changed(kind, |s| {
        s.quote.body.td10_mut().expect("a TD").tdattributes = attributes.into();
    })
}

/// What an enclave or TD is like is a fact: verification reports it, the policy judges it.
#[test]
fn pitfall_38_attributes_of_trust_domains() {
    const SEPT: u64 = td_attributes::SEPT_VE_DISABLE;
    let debug = [(SEPT | td_attributes::DEBUG, "debug", Reason::DebugTd)];
    let profiling =
        [1 << 4, 1 << 5, 1 << 6].map(|bit| (SEPT | bit, "profiling", Reason::TdProfiling));
    let reserved = [1 << 1, 1 << 15, 1 << 23, 1 << 61].map(|bit| {
        (
            SEPT | bit,
            "reserved_attributes",
            Reason::TdReservedAttributes,
        )
    });
    for kind in TDX_KINDS {
        // Refused unless the policy says otherwise.
        for (attributes, knob, reason) in debug.iter().chain(&profiling).chain(&reserved) {
            let scenario = with_td_attributes(kind, *attributes);
            let verdict = judge(&scenario);
            assert_status(&verdict, TcbStatus::UpToDate);
            assert_refused(&verdict, &policy(&scenario, ""), &[*reason]);
            let any = policy(&scenario, &format!("[tdx]\n{knob} = \"any\"\n"));
            assert_accepted(&verdict, &any);
        }
        // Accepted unless the policy says otherwise.
        for (attributes, knob, word, reason) in [
            (0, "sept_ve_disable", "required", Reason::SeptVeDisableClear),
            (
                SEPT | td_attributes::MIGRATABLE,
                "migratable",
                "refused",
                Reason::Migratable,
            ),
            (
                SEPT | td_attributes::SERVTD_EXT,
                "service_td_extension",
                "refused",
                Reason::ServiceTdExtension,
            ),
        ] {
            let scenario = with_td_attributes(kind, attributes);
            let verdict = judge(&scenario);
            assert_accepted(&verdict, &policy(&scenario, ""));
            let strict = policy(&scenario, &format!("[tdx]\n{knob} = \"{word}\"\n"));
            assert_refused(&verdict, &strict, &[reason]);
        }
    }
}

#[test]
fn pitfall_38_service_tds() {
    for kind in [QuoteKind::Td15V5, QuoteKind::Td15ExV5] {
        let bound = changed(kind, |s| {
            s.quote.body.td15_mut().expect("a TD 1.5").mrservicetd = [3; 48];
        });
        let verdict = judge(&bound);
        assert_accepted(&verdict, &policy(&bound, ""));
        let strict = policy(&bound, "[tdx]\nservice_td = \"refused\"\n");
        assert_refused(&verdict, &strict, &[Reason::ServiceTdBound]);
        let unbound = scenario(kind);
        assert_accepted(&judge(&unbound), &strict);
    }
}

#[test]
fn pitfall_38_debug_enclaves() {
    for kind in SGX_KINDS {
        let scenario = changed(kind, |s| {
            let enclave = s.quote.body.sgx_mut().expect("an enclave");
            enclave.attributes.flags |= sgx_attributes::DEBUG;
        });
        let verdict = judge(&scenario);
        assert_status(&verdict, TcbStatus::UpToDate);
        assert_refused(&verdict, &policy(&scenario, ""), &[Reason::DebugEnclave]);
        assert_accepted(&verdict, &policy(&scenario, "[sgx]\ndebug = \"any\"\n"));
    }
}

/// Keys taken from a processor by physical attack sign quotes that are genuine in every respect.
/// All that helps is to know one's machines.
#[test]
fn pitfall_47_only_listed_platforms() {
    for kind in QuoteKind::ALL {
        let scenario = scenario(kind);
        let verdict = judge(&scenario);
        let platform = verdict
            .evidence
            .as_ref()
            .and_then(|e| e.platform)
            .expect("a platform");
        assert_eq!(platform.ppid, scenario.sgx_extension.ppid);
        let instance = scenario
            .sgx_extension
            .platform
            .as_ref()
            .map(|p| p.platform_instance_id);
        assert_eq!(platform.platform_instance_id, instance);

        let listing = |list: &str, id: [u8; 16]| {
            let lines = format!("[platforms]\n{list} = [\"{}\"]\n", hex::encode(id));
            policy(&scenario, &lines)
        };
        let mut other = platform.ppid;
        other[15] ^= 1;
        let refused = [Reason::PlatformNotListed];
        assert_accepted(&verdict, &listing("ppid", platform.ppid));
        assert_refused(&verdict, &listing("ppid", other), &refused);
        if let Some(instance) = instance {
            assert_accepted(&verdict, &listing("platform_instance_id", instance));
        }
        // An id counts in the list of its own kind.
        assert_refused(
            &verdict,
            &listing("platform_instance_id", platform.ppid),
            &refused,
        );
    }
}

/// What has been found wrong in other verifiers' libraries is not among what the appraisal of
/// evidence is built from. TLS has a library for the web's certificates, which judges no evidence.
#[test]
fn pitfall_43_libraries_with_advisories() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "bulla-appraisal",
            "--edges",
            "normal,build",
        ])
        .args([
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--locked",
            "--offline",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(tree.stdout).expect("text");
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    for own in ["bulla-verifier", "aws-lc-rs"] {
        assert!(names.contains(&own), "the tree names packages: {tree}");
    }
    for name in [
        "ring",
        "webpki",
        "rustls-webpki",
        "asn1_der",
        "x509-parser",
        "untrusted",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
}
