//! What is served of whoever the vendor's root, or a PCK CA, has revoked.

use bulla_collateral::PckCa;
use bulla_pki::Timestamp;
use bulla_protocol::value::PceSvn;
use bulla_service::fleet::LEASE;
use bulla_service::keeper::Mode;
use bulla_service::want::Want;
use bulla_tests::front::{Front, JSON, USER};
use bulla_tests::host::Host;
use bulla_tests::service::{Keeping, store};
use bulla_tests::site::{Clock, HOUR, Site, vendor};
use bulla_vendor::{Event, Revoked, Vendor};

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

/// When the vendor revokes somebody: an hour after noon.
fn revoked() -> Timestamp {
    noon().now().saturating_add(HOUR)
}

fn that_revokes(of: Revoked) -> Vendor {
    let mut vendor = vendor();
    let recorded = vendor.record(revoked(), Event::Revocation { of });
    recorded.expect("a revocation");
    vendor
}

#[tokio::test]
async fn certificates_of_a_revoked_ca_are_served_no_longer() {
    let clock = noon();
    let vendor = that_revokes("processor-ca".parse().expect("a CA"));
    let site = Site::open(vendor.clone(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    let one = Host::of(&vendor, "one", clock.now());
    let two = Host::of(&vendor, "two", clock.now());
    for host in [&one, &two] {
        let registered = keeping.fleet.register(host.registration()).await;
        registered.expect("registered");
    }
    // Nobody has told the service yet.
    clock.set(revoked().saturating_add(HOUR));
    for host in [&one, &two] {
        assert_eq!(keeping.get(&host.target()).await.status, 200);
    }
    let list = keeping.keeper.fetch(Want::RootCaCrl).await;
    list.expect("a list");

    // The vendor has none of another CA: whoever asks is to come again.
    let exchanges = keeping.exchanges();
    let put_off = keeping.get(&one.target()).await;
    assert_eq!((put_off.status, put_off.body.len()), (503, 0));
    assert_eq!(put_off.header("error-code"), "UpstreamInvalid");
    let why = put_off.header("error-message");
    assert!(why.contains("revoked"), "{why}");
    assert!(!put_off.header("retry-after").is_empty());
    assert!(keeping.exchanges() > exchanges, "the vendor was asked");
    assert_eq!(keeping.aside()[0].code, "CertificateRevoked");
    assert_eq!(keeping.get(&two.target()).await.status, 200);

    // A TCB that is new is not answered from what such a CA has signed either.
    let mut later = one.clone();
    later.pce_svn += 1;
    assert_eq!(keeping.get(&later.target()).await.status, 503);

    // The vendor is asked for all of before anew, and those that it has nothing good for do not
    // keep it from being asked for the others.
    clock.pass(HOUR);
    assert_eq!(keeping.fleet.look().await.expect("a look"), 2);
    assert_eq!(keeping.fleet.look().await.expect("a look"), 0);
    assert_eq!(keeping.get(&two.target()).await.status, 200);
    drop(keeping);

    // Neither does a restart bring them back, nor a mode in which nobody is asked.
    for mode in [Mode::Req, Mode::Offline] {
        let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], mode);
        for target in [one.target(), one.target_with_ppid(), later.target()] {
            let missing = keeping.get(&target).await;
            assert_eq!(missing.status, 404, "{mode:?}");
            assert_eq!(missing.body, b"No cache data for this platform.");
            assert_eq!(missing.header("error-code"), "IssuerRevoked", "{mode:?}");
        }
        assert_eq!(keeping.get(&two.target()).await.status, 200, "{mode:?}");
        // Whoever registers again is not taken for known.
        let platforms = "/sgx/certification/v4/platforms";
        let body = one.body().to_string();
        let said = keeping.ask("POST", platforms, body.as_bytes()).await;
        match mode {
            Mode::Offline => assert_eq!(said.status, 200),
            _ => {
                assert_eq!(said.status, 502, "{said:?}");
                assert_eq!(said.header("error-code"), "UpstreamInvalid");
            }
        }
        // Whoever took it from the queue before brought nothing.
        clock.pass(LEASE);
        let waiting = keeping.get(&format!("{platforms}?source=reg")).await;
        assert_eq!(waiting.header("platform-count"), "1", "{mode:?}");
    }
}

#[test]
fn the_vendor_s_dialect_passes_none_of_a_revoked_ca_on() {
    let clock = noon();
    let vendor = that_revokes("processor-ca".parse().expect("a CA"));
    let site = Site::open(vendor.clone(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let host = Host::of(&vendor, "one", clock.now());
    let target = format!(
        "/pcs/sgx/certification/v4/pckcert?encrypted_ppid={}&cpusvn={}&pcesvn={}&pceid=0000",
        hex::encode(host.encrypted_ppid),
        hex::encode(host.cpu_svn),
        PceSvn(host.pce_svn)
    );
    assert_eq!(front.get(&target).status(), 200);
    clock.set(revoked().saturating_add(HOUR));
    let list = front.block_on(front.keeping.keeper.fetch(Want::RootCaCrl));
    list.expect("a list");
    let reply = front.get(&target);
    assert_eq!(reply.status(), 503, "{}", reply.head);
    assert!(reply.header("Retry-After").is_some());
    let why = reply.header("Error-Message").expect("a reason");
    assert!(why.contains("revoked"), "{why}");
    // Of its list of whom it has revoked, too, there is none that somebody vouches for.
    let crl = "/sgx/certification/v4/pckcrl?ca=processor";
    assert_eq!(front.get(crl).status(), 503);
    assert_eq!(
        front.get(&crl.replace("processor", "platform")).status(),
        200
    );
}

/// Whoever verifies learns it from the list, which is served beside it; without the certificate he
/// would learn nothing.
#[test]
fn a_revoked_certificate_is_served_and_its_quotes_fail() {
    let clock = noon();
    let vendor = that_revokes(Revoked::Platform("one".parse().expect("a name")));
    let site = Site::open(vendor.clone(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let host = Host::of(&vendor, "one", clock.now());
    let body = host.body().to_string();
    let platforms = "/sgx/certification/v4/platforms";
    let registered = front.send("POST", platforms, &[USER, JSON], body.as_bytes());
    assert_eq!(registered.status(), 200);
    let before = front.get(&host.target());
    assert_eq!(before.status(), 200);

    clock.set(revoked().saturating_add(HOUR));
    for want in [Want::PckCrl(PckCa::Processor), Want::RootCaCrl] {
        let list = front.block_on(front.keeping.keeper.fetch(want));
        list.expect("a list");
    }
    let after = front.get(&host.target());
    assert_eq!((after.status(), &after.body), (200, &before.body));
    let subject = bulla_vendor::Subject {
        kind: bulla_vendor::QuoteKind::SgxV3,
        report_data: [1; 64],
        debug: false,
        launched: None,
    };
    let platform = bulla_tests::site::platform(&vendor, "one");
    let standard = bulla_vendor::Selection::Standard;
    let attested = vendor.attest(platform, &subject, standard, clock.now());
    let quote = attested.expect("a quote").quote;
    let observed = front.send("POST", "/platforms/evidence", &[USER], &quote);
    assert_eq!(observed.status(), 422, "{}", observed.text());
    assert!(observed.text().contains("revoked"), "{}", observed.text());
}
