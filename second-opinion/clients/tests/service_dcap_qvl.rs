//! `dcap-qvl` with the collateral service: what its client fetches from there as from Intel's cache,
//! and quotes verified with it.

use dcap_qvl::TcbStatus;
use dcap_qvl::collateral::TcbEvaluationDataSet;
use dcap_qvl::verify::QuoteVerifier;
use independent_clients::qvl::{
    Anything, KNOWN, UNKNOWN, WITHOUT_CHAIN, fetch, verify, without_chain, written,
};
use independent_clients::{Service, Vendor, now};

use TcbEvaluationDataSet::{Early, Number, Standard};

const ADVISORY: &str = "SIMULATED-SA-00002";

/// How it refuses a certificate that stands in a list.
const REVOKED: &str = "verify: Failed to verify certificate chain: CertRevoked";

/// A vendor that disclosed a second number.
fn recovered() -> Vendor {
    let vendor = Vendor::founded();
    vendor.run(&["recover", "--raises", "microcode", "--advisory", ADVISORY]);
    vendor
}

/// A service, and the root that its clients trust.
struct Trusted {
    service: Service,
    root: Vec<u8>,
}

impl Trusted {
    fn of(vendor: &Vendor) -> Self {
        Self {
            service: Service::of(vendor),
            root: vendor.root(),
        }
    }

    /// The status of a quote with what the service gives.
    fn status(&self, quote: &[u8], set: TcbEvaluationDataSet) -> Result<TcbStatus, String> {
        let claims = verify(self.service.server(), self.root.clone(), quote, set);
        claims.map(|claims| claims.tcb.status)
    }
}

#[test]
fn every_form_that_it_knows_is_verified_also_while_the_vendor_is_switched_off() {
    let mut vendor = recovered();
    let trusted = Trusted::of(&vendor);
    let quotes: Vec<_> = ["one", "two"]
        .into_iter()
        .flat_map(|platform| KNOWN.map(|kind| (platform, kind)))
        .map(|(platform, kind)| (platform, kind, vendor.quote(platform, kind)))
        .collect();
    let outcomes = [
        (Standard, TcbStatus::UpToDate),
        (Number(1), TcbStatus::UpToDate),
        (Early, TcbStatus::OutOfDate),
        (Number(2), TcbStatus::OutOfDate),
    ];
    for is_on in [true, false] {
        if !is_on {
            vendor.switch_off();
        }
        for (platform, kind, quote) in &quotes {
            for (set, expected) in outcomes {
                let status = trusted.status(quote, set);
                assert_eq!(status, Ok(expected), "{platform} {kind} {set:?} {is_on}");
            }
        }
    }
    for kind in UNKNOWN {
        let quote = vendor.quote("one", kind);
        let error = trusted.status(&quote, Standard).unwrap_err();
        assert_eq!(error, "verify: SGX TEE quote must have version 3", "{kind}");
    }
}

#[test]
fn it_fetches_what_the_vendor_writes_beside_a_quote() {
    let vendor = recovered();
    let trusted = Trusted::of(&vendor);
    let sets = [("standard", Standard), ("early", Early), ("1", Number(1))];
    let cases: Vec<_> = ["one", "two"]
        .into_iter()
        .flat_map(|platform| ["sgx-v3", "tdx15-v5"].map(|kind| (platform, kind)))
        .flat_map(|(platform, kind)| sets.map(|set| (platform, kind, set)))
        .collect();
    let all_written = || -> Vec<_> {
        let written = cases.iter();
        let written = written.map(|(platform, kind, set)| vendor.collateral(platform, kind, set.0));
        written.collect()
    };
    // Documents are signed anew once a day, which may be in between.
    let before = all_written();
    let fetched = cases.iter().map(|(platform, kind, (_, set))| {
        let quote = vendor.quote(platform, kind);
        fetch(trusted.service.server(), &quote, *set).expect("collateral")
    });
    let fetched: Vec<_> = fetched.map(|collateral| written(&collateral)).collect();
    let after = all_written();
    for (at, case) in cases.iter().enumerate() {
        assert!(
            [&before[at], &after[at]].contains(&&fetched[at]),
            "{case:?}"
        );
    }
}

#[test]
fn it_fetches_the_pck_certificate_of_a_quote_without_one() {
    let mut vendor = Vendor::founded();
    // What the vendor has nothing for is believed for a minute: another service sees it change.
    let [before, trusted] = [(); 2].map(|()| Trusted::of(&vendor));
    let quotes = |platform| {
        let request = vendor.request_of(platform);
        WITHOUT_CHAIN.map(|kind| without_chain(&vendor.quote(platform, kind), kind, &request))
    };
    let [one, two] = ["one", "two"].map(quotes);
    for quote in &two {
        let error = before.status(quote, Standard).unwrap_err();
        assert!(
            error.starts_with("fetch: ") && error.contains("404"),
            "{error}"
        );
    }
    vendor.register("two");
    for is_on in [true, false] {
        if !is_on {
            vendor.switch_off();
        }
        for quote in one.iter().chain(&two) {
            assert_eq!(trusted.status(quote, Standard), Ok(TcbStatus::UpToDate));
        }
    }
}

#[test]
fn nothing_holds_under_another_root() {
    let vendor = Vendor::founded();
    let trusted = Trusted::of(&vendor);
    let stranger = Vendor::founded().root();
    for kind in KNOWN {
        let quote = vendor.quote("one", kind);
        assert!(trusted.status(&quote, Standard).is_ok());
        let server = trusted.service.server();
        let error = verify(server, stranger.clone(), &quote, Standard).unwrap_err();
        assert!(error.starts_with("verify: "), "{error}");
        let collateral = fetch(server, &quote, Standard).expect("collateral");
        let genuine = QuoteVerifier::new_prod();
        let claims = genuine.verify_with_policy(&quote, &collateral, now(), &Anything);
        assert!(claims.is_err(), "{kind}");
    }
}

#[test]
fn what_happens_at_the_vendor_is_seen_once_it_was_asked_anew() {
    let vendor = Vendor::founded();
    let trusted = Trusted::of(&vendor);
    let [one, two] = ["one", "two"].map(|platform| vendor.quote(platform, "tdx15-v5"));
    let statuses = |set| [&one, &two].map(|quote| trusted.status(quote, set));
    let revoked = || Err(REVOKED.to_owned());
    let [up, out] = [TcbStatus::UpToDate, TcbStatus::OutOfDate].map(Ok);
    assert_eq!(statuses(Standard), [up.clone(), up.clone()]);
    vendor.run(&["revoke", "--platform", "one"]);
    assert_eq!(statuses(Standard), [up.clone(), up.clone()]);
    trusted.service.refresh();
    assert_eq!(statuses(Standard), [revoked(), up.clone()]);

    vendor.run(&["recover", "--raises", "microcode", "--advisory", ADVISORY]);
    trusted.service.refresh();
    assert_eq!(statuses(Standard), [revoked(), up]);
    vendor.run(&["promote", "2"]);
    vendor.run(&["retire", "1"]);
    trusted.service.refresh();
    assert_eq!(statuses(Standard), [revoked(), out]);
    // The last issue of a number that ended is good until its own end, where there is one.
    assert!(trusted.status(&two, Number(1)).is_ok());
    let gone = Trusted::of(&vendor).status(&two, Number(1)).unwrap_err();
    assert!(gone.contains("410"), "{gone}");
    let too_new = trusted.status(&two, Number(3)).unwrap_err();
    assert!(too_new.contains("404"), "{too_new}");

    vendor.run(&["revoke", "--ca", "platform"]);
    trusted.service.refresh();
    // What a revoked CA has signed is not served.
    let error = trusted.status(&two, Standard).unwrap_err();
    assert!(error.starts_with("fetch: "), "{error}");
    assert!(error.contains("pckcrl") && error.contains("503"), "{error}");
}
