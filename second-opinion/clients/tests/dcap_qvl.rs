//! `dcap-qvl`: quotes of the vendor's platforms, with the collateral that its own client fetches.

use dcap_qvl::TcbStatus;
use dcap_qvl::collateral::TcbEvaluationDataSet;
use dcap_qvl::verify::QuoteVerifier;
use independent_clients::qvl::{
    Anything, KNOWN, UNKNOWN, WITHOUT_CHAIN, fetch, verify, without_chain, written,
};
use independent_clients::{Vendor, now};

use TcbEvaluationDataSet::{Early, Number, Standard};

/// How it refuses a certificate that stands in a list.
const REVOKED: &str = "verify: Failed to verify certificate chain: CertRevoked";

/// The status of a quote under the vendor's own root.
fn status(vendor: &Vendor, quote: &[u8], set: TcbEvaluationDataSet) -> Result<TcbStatus, String> {
    verify(vendor.server(), vendor.root(), quote, set).map(|claims| claims.tcb.status)
}

#[test]
fn every_form_that_it_knows_is_verified_on_both_kinds_of_platform() {
    let vendor = Vendor::founded();
    for platform in ["one", "two"] {
        let fmspc = vendor.request_of(platform).fmspc;
        for kind in KNOWN {
            let quote = vendor.quote(platform, kind);
            let claims = verify(vendor.server(), vendor.root(), &quote, Standard)
                .unwrap_or_else(|error| panic!("{platform} {kind}: {error}"));
            assert_eq!(claims.tcb.status, TcbStatus::UpToDate, "{platform} {kind}");
            assert_eq!(claims.tcb.eval_data_number, 1);
            assert_eq!(hex::encode(claims.platform.pck.fmspc), fmspc);
        }
        for kind in UNKNOWN {
            let quote = vendor.quote(platform, kind);
            let error = status(&vendor, &quote, Standard).unwrap_err();
            assert_eq!(
                error, "verify: SGX TEE quote must have version 3",
                "{platform} {kind}"
            );
        }
    }
}

#[test]
fn it_fetches_what_the_vendor_writes_beside_a_quote() {
    let vendor = Vendor::founded();
    vendor.run(&[
        "recover",
        "--raises",
        "microcode",
        "--advisory",
        "SIMULATED-SA-00002",
    ]);
    for platform in ["one", "two"] {
        for kind in KNOWN {
            for (name, set) in [("standard", Standard), ("early", Early), ("1", Number(1))] {
                let quote = vendor.quote(platform, kind);
                // Documents are signed anew once a day, which may be in between.
                let before = vendor.collateral(platform, kind, name);
                let fetched = fetch(vendor.server(), &quote, set).expect("collateral");
                let after = vendor.collateral(platform, kind, name);
                assert!(
                    [before, after].contains(&written(&fetched)),
                    "{platform} {kind} {name}"
                );
            }
        }
    }
}

#[test]
fn it_fetches_the_pck_certificate_of_a_quote_without_one() {
    let vendor = Vendor::founded();
    let [one, two] = ["one", "two"].map(|platform| vendor.request_of(platform));
    for kind in WITHOUT_CHAIN {
        let quote = without_chain(&vendor.quote("one", kind), kind, &one);
        assert_eq!(
            status(&vendor, &quote, Standard),
            Ok(TcbStatus::UpToDate),
            "{kind}"
        );
        // A certificate of the same platform, but for a platform that registers first.
        let quote = without_chain(&vendor.quote("two", kind), kind, &two);
        let error = status(&vendor, &quote, Standard).unwrap_err();
        assert!(
            error.starts_with("fetch: ") && error.contains("404"),
            "{error}"
        );
        // The PPID of another platform brings the certificate of another key.
        let quote = without_chain(&vendor.quote("two", kind), kind, &one);
        let error = status(&vendor, &quote, Standard).unwrap_err();
        assert!(error.starts_with("verify: "), "{error}");
    }
}

#[test]
fn nothing_holds_under_another_root() {
    let vendor = Vendor::founded();
    let stranger = Vendor::founded();
    for kind in KNOWN {
        let quote = vendor.quote("one", kind);
        assert!(verify(vendor.server(), vendor.root(), &quote, Standard).is_ok());
        let error = verify(vendor.server(), stranger.root(), &quote, Standard).unwrap_err();
        assert!(error.starts_with("verify: "), "{error}");
        let collateral = fetch(vendor.server(), &quote, Standard).expect("collateral");
        let genuine = QuoteVerifier::new_prod();
        let claims = genuine.verify_with_policy(&quote, &collateral, now(), &Anything);
        assert!(claims.is_err(), "{kind}");
    }
}

#[test]
fn a_recovery_is_seen_where_it_counts() {
    let vendor = Vendor::founded();
    let quotes = KNOWN.map(|kind| vendor.quote("one", kind));
    vendor.run(&[
        "recover",
        "--raises",
        "microcode",
        "--advisory",
        "SIMULATED-SA-00002",
    ]);
    for quote in &quotes {
        assert_eq!(status(&vendor, quote, Standard), Ok(TcbStatus::UpToDate));
        for set in [Early, Number(2)] {
            let claims = verify(vendor.server(), vendor.root(), quote, set).expect("claims");
            assert_eq!(claims.tcb.status, TcbStatus::OutOfDate);
            assert_eq!(claims.tcb.advisory_ids, ["SIMULATED-SA-00002"]);
            assert_eq!(claims.tcb.eval_data_number, 2);
        }
        let too_new = status(&vendor, quote, Number(3)).unwrap_err();
        assert!(too_new.contains("404"), "{too_new}");
    }
    vendor.run(&["promote", "2"]);
    vendor.run(&["retire", "1"]);
    let gone = status(&vendor, &quotes[0], Number(1)).unwrap_err();
    assert!(gone.contains("410"), "{gone}");
    assert_eq!(
        status(&vendor, &quotes[0], Standard),
        Ok(TcbStatus::OutOfDate)
    );
    vendor.run(&["platform", "update", "one"]);
    for kind in KNOWN {
        let updated = vendor.quote("one", kind);
        assert_eq!(
            status(&vendor, &updated, Standard),
            Ok(TcbStatus::UpToDate),
            "{kind}"
        );
    }
}

#[test]
fn who_is_revoked_is_refused_and_nobody_else() {
    let vendor = Vendor::founded();
    let [one, two] = ["one", "two"].map(|platform| KNOWN.map(|kind| vendor.quote(platform, kind)));
    let accepted = |quotes: &[Vec<u8>]| {
        let statuses = quotes.iter().map(|quote| status(&vendor, quote, Standard));
        statuses.filter(Result::is_ok).count()
    };
    assert_eq!([accepted(&one), accepted(&two)], [KNOWN.len(); 2]);
    vendor.run(&["revoke", "--platform", "one"]);
    assert_eq!([accepted(&one), accepted(&two)], [0, KNOWN.len()]);
    vendor.run(&["revoke", "--ca", "platform"]);
    assert_eq!([accepted(&one), accepted(&two)], [0, 0]);
    for quote in one.iter().chain(&two) {
        let error = status(&vendor, quote, Standard).unwrap_err();
        assert_eq!(error, REVOKED);
    }
}

#[test]
fn a_revoked_signer_is_refused_until_there_is_another() {
    let vendor = Vendor::founded();
    let quote = vendor.quote("one", "tdx15-v5");
    vendor.run(&["revoke", "--signer"]);
    let error = status(&vendor, &quote, Standard).unwrap_err();
    assert_eq!(error, REVOKED);
    vendor.run(&["rotate-signer"]);
    assert_eq!(status(&vendor, &quote, Standard), Ok(TcbStatus::UpToDate));
}

#[test]
fn faults_reach_it() {
    let vendor = Vendor::founded();
    let quote = vendor.quote("one", "tdx15-v5");
    for (fault, stage) in [
        (r#"{"status":503}"#, "fetch: "),
        (r#""reset""#, "fetch: "),
        (r#""truncate""#, "fetch: "),
        (r#"{"stale":3000000}"#, "verify: "),
        (r#""wrong_signature""#, "verify: "),
    ] {
        vendor.set_faults(&format!(
            r#"[{{"paths":"*/tcb","fault":{fault},"count":1}}]"#
        ));
        let error = status(&vendor, &quote, Standard).unwrap_err();
        assert!(error.starts_with(stage), "{fault}: {error}");
        let after = status(&vendor, &quote, Standard);
        assert_eq!(after, Ok(TcbStatus::UpToDate), "{fault}");
    }
    vendor.set_faults(r#"[{"paths":"/tdx/certification/v4/tcb","fault":"other_platform"}]"#);
    let error = status(&vendor, &quote, Standard).unwrap_err();
    assert!(error.starts_with("verify: "), "{error}");
}
