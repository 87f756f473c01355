//! Certificates: whatever is accepted means the same to another library.

#![no_main]

use bulla_fuzz::reference;
use bulla_pki::{AnchorError, Certificate, SgxExtension, TrustAnchor, TrustAnchors};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence};
use libfuzzer_sys::fuzz_target;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};

fuzz_target!(|bytes: &[u8]| {
    check_sgx_extension(bytes);
    check_anchors(bytes);
    match Certificate::parse(bytes) {
        Ok(certificate) => check_certificate(&certificate, bytes),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn check_certificate(ours: &Certificate<'_>, bytes: &[u8]) {
    assert_eq!(ours.der(), bytes);
    let Some(theirs) = reference::read::<x509_cert::Certificate>(bytes) else {
        return;
    };
    let fields = theirs.tbs_certificate();
    assert_eq!(
        Some(ours.serial()),
        reference::serial(fields.serial_number())
    );
    reference::assert_same_name(ours.issuer(), fields.issuer());
    reference::assert_same_name(ours.subject(), fields.subject());
    let validity = fields.validity();
    assert_eq!(
        ours.validity().from,
        reference::instant(&validity.not_before)
    );
    assert_eq!(
        ours.validity().until,
        reference::instant(&validity.not_after)
    );

    let key = fields.subject_public_key_info();
    assert_eq!(key.algorithm.oid.to_string(), "1.2.840.10045.2.1");
    assert_eq!(
        Some(&ours.public_key_bytes()[..]),
        key.subject_public_key.as_bytes()
    );
    let point = p256::PublicKey::from_sec1_bytes(ours.public_key_bytes());
    assert_eq!(ours.public_key().is_ok(), point.is_ok());

    let list = fields.extensions().map(Vec::as_slice).unwrap_or_default();
    let value = |oid| reference::extension(list, oid);
    let extensions = ours.extensions();
    assert_eq!(extensions.sgx, value("1.2.840.113741.1.13.1"));
    assert_eq!(
        extensions.simulated,
        value("1.3.6.1.4.1.32473.1.1").is_some()
    );
    assert_eq!(
        extensions.crl_distribution_point.is_some(),
        value("2.5.29.31").is_some()
    );
    assert_eq!(
        extensions.authority_key_identifier,
        reference::authority_key_identifier(list).as_deref()
    );
    let subject_key_identifier = value("2.5.29.14").map(|value| {
        SubjectKeyIdentifier::from_der(value)
            .expect("strict DER")
            .0
            .into_bytes()
    });
    assert_eq!(
        extensions.subject_key_identifier,
        subject_key_identifier.as_deref()
    );
    let usage = value("2.5.29.15").map(|value| KeyUsage::from_der(value).expect("strict DER"));
    assert_eq!(
        extensions
            .key_usage
            .map(|u| [u.digital_signature, u.key_cert_sign, u.crl_sign]),
        usage.map(|u| [u.digital_signature(), u.key_cert_sign(), u.crl_sign()])
    );
    let constraints =
        value("2.5.29.19").map(|value| BasicConstraints::from_der(value).expect("strict DER"));
    assert_eq!(
        extensions.basic_constraints.map(|c| (c.ca, c.path_length)),
        constraints.map(|c| (c.ca, c.path_len_constraint))
    );
    const KNOWN: [&str; 7] = [
        "2.5.29.14",
        "2.5.29.15",
        "2.5.29.19",
        "2.5.29.31",
        "2.5.29.35",
        "1.2.840.113741.1.13.1",
        "1.3.6.1.4.1.32473.1.1",
    ];
    let unknown_critical = list
        .iter()
        .filter(|extension| extension.critical)
        .map(|extension| extension.extn_id.to_string())
        .find(|oid| !KNOWN.contains(&oid.as_str()));
    assert_eq!(extensions.unknown_critical, unknown_critical);

    if let Some(content) = extensions.sgx {
        check_sgx_extension(content);
    }
}

/// An entry of the SGX extension, and of the lists in it.
#[derive(Sequence)]
struct Entry<'a> {
    oid: ObjectIdentifier,
    value: AnyRef<'a>,
}

fn check_sgx_extension(content: &[u8]) {
    let Ok(ours) = SgxExtension::parse(content) else {
        return;
    };
    let top = entries(content);
    let entry = |list: &[(String, Vec<u8>)], oid: &str| -> Vec<u8> {
        let oid = format!("1.2.840.113741.1.13.1.{oid}");
        let found: Vec<_> = list.iter().filter(|entry| entry.0 == oid).collect();
        assert_eq!(found.len(), 1, "{oid}");
        found[0].1.clone()
    };
    let contents = |list: &[(String, Vec<u8>)], oid: &str| -> Vec<u8> {
        AnyRef::from_der(&entry(list, oid))
            .expect("strict DER")
            .value()
            .to_vec()
    };
    assert_eq!(ours.ppid[..], contents(&top, "1"));
    assert_eq!(ours.pce_id[..], contents(&top, "3"));
    assert_eq!(ours.fmspc[..], contents(&top, "4"));
    assert_eq!([ours.sgx_type][..], contents(&top, "5"));
    assert_eq!(ours.platform.is_some(), top.len() == 7);

    let tcb = entries(&entry(&top, "2"));
    assert_eq!(tcb.len(), 18);
    for (number, component) in (1..).zip(ours.components) {
        let svn = u8::from_der(&entry(&tcb, &format!("2.{number}")));
        assert_eq!(svn, Ok(component));
    }
    assert_eq!(u16::from_der(&entry(&tcb, "2.17")), Ok(ours.pcesvn));
    assert_eq!(ours.cpusvn[..], contents(&tcb, "2.18"));

    if let Some(platform) = ours.platform {
        assert_eq!(platform.platform_instance_id[..], contents(&top, "6"));
        let configuration = entries(&entry(&top, "7"));
        assert_eq!(configuration.len(), 3);
        let flags = [
            platform.dynamic_platform,
            platform.cached_keys,
            platform.smt_enabled,
        ];
        for (number, flag) in (1..).zip(flags) {
            let theirs = bool::from_der(&entry(&configuration, &format!("7.{number}")));
            assert_eq!(theirs, Ok(flag));
        }
    }
}

/// Object identifier and encoded value of each entry.
fn entries(content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let list = Vec::<Entry<'_>>::from_der(content).expect("strict DER");
    list.iter()
        .map(|entry| {
            (
                entry.oid.to_string(),
                entry.value.to_der().expect("it was parsed"),
            )
        })
        .collect()
}

/// Whatever becomes an anchor signs itself, says what it is, and is never genuine.
fn check_anchors(bytes: &[u8]) {
    let vendors = TrustAnchors::vendors();
    let custom = vendors.clone().with_custom(bytes);
    let simulated = vendors.clone().with_simulated(bytes);
    assert!(custom.is_err() || simulated.is_err(), "a root of two kinds");
    for (added, is_simulated) in [(custom, false), (simulated, true)] {
        let anchors = match added {
            Ok(anchors) => anchors,
            Err(AnchorError::AlreadyNamed { name }) => {
                assert_eq!(name, "intel-sgx-root");
                continue;
            }
            Err(_) => continue,
        };
        let root = Certificate::parse(bytes).expect("an anchor is a certificate");
        let key = root.public_key().expect("an anchor has a key");
        assert_eq!(root.issuer(), root.subject());
        assert!(root.verify_signature(&key).is_ok());
        assert_eq!(root.extensions().simulated, is_simulated);
        let anchor = anchors.find(root.public_key_bytes()).expect("it was added");
        assert!(!anchor.is_genuine() && anchor.knows_certificate(&root.sha256()));
        assert_eq!(
            anchors.iter().filter(|anchor| anchor.is_genuine()).count(),
            1
        );
        assert_eq!(anchors.iter().map(TrustAnchor::name).count(), 2);
    }
}
