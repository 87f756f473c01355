//! Pitfalls in reading DER: certificates, CRLs and the SGX extension.

use bulla_collateral::TcbStatus;
use bulla_issuer::{
    Extension, KEY_COMPROMISE, QuoteKind, Scenario, certificate, extension, sgx_extension, tlv,
};
use bulla_tests::scenarios::{
    assert_fails, assert_status, changed, judge, judge_changed, judge_tampered, scenario,
};
use bulla_verifier::{Code, Verdict};

/// The verdict where the CA signed a PCK certificate with these contents in the place of others.
fn with_contents_of_leaf(from: &[u8], to: &[u8]) -> Verdict {
    let scenario = scenario(QuoteKind::Td10V4);
    judge_tampered(&scenario, |documents| {
        let to_be_signed = scenario.pck_certificate_spec().to_be_signed();
        let faulty = replaced_in_sequence(&to_be_signed, from, to);
        documents.pck_certificate = certificate::seal(&faulty, &scenario.vendor.platform_ca.key);
        documents.rewrite_chains();
    })
}

/// A SEQUENCE of more than 255 bytes with some of its contents replaced, and its length made right.
fn replaced_in_sequence(sequence: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let contents = &sequence[4..];
    let places = contents
        .windows(from.len())
        .filter(|bytes| *bytes == from)
        .count();
    assert_eq!(places, 1, "what is replaced stands there once");
    let start = contents
        .windows(from.len())
        .position(|bytes| bytes == from)
        .expect("one place");
    let (before, rest) = contents.split_at(start);
    tlv::sequence(&[before, to, &rest[from.len()..]])
}

const LEAF_MALFORMED: [(Code, &str); 2] = [
    (Code::CertificateMalformed, "pck_certificate_chain"),
    (Code::CertificateMissing, "pck_certificate"),
];

#[test]
fn pitfall_35_der_of_certificates_is_strict() {
    let spec = scenario(QuoteKind::Td10V4).pck_certificate;
    let serial = tlv::unsigned(&spec.serial);
    assert_status(
        &with_contents_of_leaf(&serial, &serial),
        TcbStatus::UpToDate,
    );
    let digits = &serial[2..];
    let length = serial[1];
    let version = [0xa0, 3, 2, 1, 2];
    let no_constraints = [0x30, 0];
    let constraints = [&[1, 1, 0xff, 4, 2], &no_constraints[..]].concat();
    for (from, to) in [
        // Lengths: two octets where one does, three, without end.
        (&serial[..], tlv::raw(2, &[0x81, length], digits)),
        (&serial, tlv::raw(2, &[0x82, 0, length], digits)),
        (&serial, tlv::raw(2, &[0x80], digits)),
        // Numbers: negative, zero, with an octet too many, longer than 20 octets.
        (&serial, tlv::raw(2, &[1], &[0x85])),
        (&serial, tlv::raw(2, &[1], &[0])),
        (&serial, tlv::raw(2, &[2], &[0, 5])),
        (&serial, tlv::unsigned(&[1; 21])),
        // Versions 1 and 2, and the number in the wrong type.
        (&version, vec![0xa0, 3, 2, 1, 0]),
        (&version, vec![0xa0, 3, 2, 1, 1]),
        (&version, vec![0xa0, 3, 4, 1, 2]),
        (&version, Vec::new()),
        // The flag "critical": neither true nor false, and a default that is written out.
        (
            &constraints,
            [&[1, 1, 1, 4, 2], &no_constraints[..]].concat(),
        ),
        (
            &constraints,
            [&[1, 1, 0, 4, 2], &no_constraints[..]].concat(),
        ),
        // Basic constraints: neither true nor false, with something behind, of another type.
        (&constraints, vec![1, 1, 0xff, 4, 5, 0x30, 3, 1, 1, 0x2a]),
        (&constraints, vec![1, 1, 0xff, 4, 4, 0x30, 2, 5, 0]),
        (&constraints, vec![1, 1, 0xff, 4, 3, 0x30, 0, 0]),
        (&constraints, vec![1, 1, 0xff, 4, 2, 0x31, 0]),
    ] {
        assert_fails(&with_contents_of_leaf(from, &to), &LEAF_MALFORMED);
    }
}

#[test]
fn pitfall_35_bytes_around_a_certificate_and_its_signature() {
    let scenario = scenario(QuoteKind::Td10V4);
    /// Puts together what is signed and the signature over it.
    type Seal<'a> = &'a dyn Fn(&[u8], &[u8]) -> Vec<u8>;
    let sealed = |seal: Seal<'_>| {
        judge_tampered(&scenario, |documents| {
            let to_be_signed = scenario.pck_certificate_spec().to_be_signed();
            let signature = scenario.vendor.platform_ca.key.sign_der(&to_be_signed);
            documents.pck_certificate = seal(&to_be_signed, &signature);
            documents.rewrite_chains();
        })
    };
    let seal = certificate::seal_with;
    assert_status(&sealed(&seal), TcbStatus::UpToDate);
    let raw_signature = |to_be_signed: &[u8]| scenario.vendor.platform_ca.key.sign(to_be_signed);
    let faults: [Seal<'_>; 6] = [
        &|text, signature| [&seal(text, signature)[..], &[0]].concat(),
        &|text, signature| seal(text, &[signature, &[0]].concat()),
        &|text, signature| {
            seal(
                text,
                &[&[0x30, 0x81, signature[1]], &signature[2..]].concat(),
            )
        },
        &|text, _| seal(text, &raw_signature(text)),
        &|text, _| seal(text, &[0x30, 6, 2, 1, 0, 2, 1, 1]),
        &|text, _| seal(text, &[]),
    ];
    for fault in faults {
        assert_fails(&sealed(fault), &LEAF_MALFORMED);
    }
}

#[test]
fn pitfall_35_extensions_that_stand_twice() {
    for oid in [
        extension::KEY_USAGE,
        extension::BASIC_CONSTRAINTS,
        extension::AUTHORITY_KEY_IDENTIFIER,
        extension::SIMULATED,
    ] {
        let verdict = judge_changed(QuoteKind::Td10V4, |s| {
            let again = s
                .pck_certificate
                .extensions
                .get(oid)
                .expect("there")
                .clone();
            s.pck_certificate.extensions.0.push(again);
        });
        assert_fails(&verdict, &LEAF_MALFORMED);
    }
    for oid in [extension::AUTHORITY_KEY_IDENTIFIER, extension::CRL_NUMBER] {
        let verdict = judge_changed(QuoteKind::Td10V4, |s| {
            let again = s.pck_crl.extensions.get(oid).expect("there").clone();
            s.pck_crl.extensions.0.push(again);
        });
        assert_fails(&verdict, &[(Code::CrlMalformed, "pck_crl")]);
    }
    // An identifier that is wrapped, or that stands twice inside one extension.
    let identifiers = |inner: &[Vec<u8>]| {
        judge_changed(QuoteKind::Td10V4, |s| {
            let mut extension = extension::authority_key_identifier([0; 20]);
            extension.value = tlv::sequence(inner);
            s.pck_certificate.extensions.set(extension);
        })
    };
    let right = scenario(QuoteKind::Td10V4)
        .vendor
        .platform_ca
        .key
        .key_identifier();
    let right = tlv::context_primitive(0, &right);
    assert_status(
        &identifiers(std::slice::from_ref(&right)),
        TcbStatus::UpToDate,
    );
    let wrong = tlv::context_primitive(0, &[7; 20]);
    assert_fails(&identifiers(&[wrong, right.clone()]), &LEAF_MALFORMED);
    assert_fails(
        &identifiers(&[right.clone(), right.clone()]),
        &LEAF_MALFORMED,
    );
    assert_fails(
        &identifiers(&[tlv::raw(0xa0, &[20], &right[2..])]),
        &LEAF_MALFORMED,
    );
}

#[test]
fn pitfall_35_der_of_crls_is_strict() {
    let scenario = changed(QuoteKind::Td10V4, |s| s.pck_crl.revoke(&[5; 20]));
    let with_contents = |from: &[u8], to: &[u8]| {
        judge_tampered(&scenario, |documents| {
            let faulty = replaced_in_sequence(&scenario.pck_crl.to_be_signed(), from, to);
            let key = &scenario.vendor.platform_ca.key;
            documents.collateral.pck_crl = certificate::seal(&faulty, key);
        })
    };
    let serial = tlv::unsigned(&[5; 20]);
    let next_update = tlv::time(scenario.pck_crl.validity.until);
    let reason = extension::crl_reason(KEY_COMPROMISE);
    let critical = Extension {
        critical: true,
        ..reason.clone()
    };
    assert_status(&with_contents(&serial, &serial), TcbStatus::UpToDate);
    for (from, to) in [
        // A list without an end would be in force for ever.
        (&next_update[..], Vec::new()),
        (&serial, tlv::raw(2, &[0x80], &[5; 20])),
        (&serial, tlv::raw(2, &[20], &[0x85; 20])),
        (&serial, tlv::raw(4, &[20], &[5; 20])),
    ] {
        assert_fails(
            &with_contents(from, &to),
            &[(Code::CrlMalformed, "pck_crl")],
        );
    }
    // Of an entry, an extension that may change its meaning.
    let verdict = judge_tampered(&scenario, |documents| {
        let text = scenario.pck_crl.to_be_signed();
        let date = tlv::time(scenario.pck_crl.validity.from);
        let entry = |extension: &Extension| {
            let extensions = tlv::sequence(&[extension.to_der()]);
            tlv::sequence(&[tlv::sequence(&[serial.clone(), date.clone(), extensions])])
        };
        let faulty = replaced_in_sequence(&text, &entry(&reason), &entry(&critical));
        let key = &scenario.vendor.platform_ca.key;
        documents.collateral.pck_crl = certificate::seal(&faulty, key);
    });
    assert_fails(&verdict, &[(Code::CrlMalformed, "pck_crl")]);
    let verdict = judge_changed(QuoteKind::Td10V4, |s| {
        s.pck_crl.extensions.set(Extension {
            // An issuing distribution point says that the list is not complete.
            oid: "2.5.29.28".parse().expect("an OID"),
            critical: true,
            value: vec![0x30, 0],
        });
    });
    assert_fails(&verdict, &[(Code::CrlMalformed, "pck_crl")]);
}

#[test]
fn crl_distribution_points_that_are_not_what_they_should_be() {
    let with_points = |value: &[u8]| {
        judge_changed(QuoteKind::Td10V4, |s| {
            let mut extension = extension::crl_distribution_point("https://crl.invalid");
            extension.value = value.to_vec();
            s.pck_certificate.extensions.set(extension);
        })
    };
    let name = tlv::context(0, &tlv::context_primitive(6, b"https://crl.invalid"));
    let named = tlv::context(0, &name);
    let relative = tlv::context(0, &tlv::context(1, &[]));
    let reasons = tlv::context_primitive(1, &[1, 6]);
    let issuer = tlv::context(2, &tlv::context_primitive(6, b"a name"));
    let point = |fields: &[&[u8]]| tlv::sequence(fields);
    for good in [
        tlv::sequence(&[point(&[&named])]),
        tlv::sequence(&[point(&[&relative]), point(&[&named, &reasons, &issuer])]),
    ] {
        assert_status(&with_points(&good), TcbStatus::UpToDate);
    }
    let list = tlv::sequence(&[point(&[&named])]);
    for bad in [
        Vec::new(),
        vec![5, 0],
        [&[0x70], &list[1..]].concat(),
        [&list[..], &[0]].concat(),
        tlv::sequence(&[&named]),
        tlv::sequence(&[point(&[&reasons, &named])]),
        tlv::sequence(&[point(&[&named, &named])]),
        tlv::sequence(&[point(&[&tlv::context(0, &[5, 0])])]),
        tlv::sequence(&[point(&[&tlv::context(0, &[&name[..], &name].concat())])]),
        tlv::sequence(&[point(&[&tlv::context(0, &tlv::context(0, &[0x86, 5, 0]))])]),
    ] {
        assert_fails(&with_points(&bad), &LEAF_MALFORMED);
    }
}

/// The verdict on a platform whose SGX extension has other entries.
fn with_entries(change: impl FnOnce(&Scenario, &mut Vec<sgx_extension::Entry>)) -> Verdict {
    let mut scenario = scenario(QuoteKind::Td10V4);
    let mut entries = scenario.sgx_extension.entries();
    change(&scenario, &mut entries);
    scenario
        .pck_certificate
        .extensions
        .set(sgx_extension::extension(&entries));
    judge(&scenario)
}

#[test]
fn pitfall_35_der_of_the_sgx_extension_is_strict() {
    use sgx_extension::Entry;
    assert_status(&with_entries(|_, _| ()), TcbStatus::UpToDate);
    assert_status(
        &with_entries(|_, entries| entries.reverse()),
        TcbStatus::UpToDate,
    );

    let configuration = |s: &Scenario, index: usize, value: &[u8]| {
        let mut entries = s
            .sgx_extension
            .platform
            .as_ref()
            .expect("a platform")
            .entries();
        entries[index].value = value.to_vec();
        sgx_extension::sequence_of(&entries)
    };
    let tcb = |s: &Scenario, change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = s.sgx_extension.tcb_entries();
        change(&mut entries);
        sgx_extension::sequence_of(&entries)
    };
    assert_status(
        &with_entries(|s, entries| entries[6].value = configuration(s, 1, &[1, 1, 0])),
        TcbStatus::UpToDate,
    );
    type Change<'a> = &'a dyn Fn(&Scenario, &mut Vec<Entry>);
    let faults: [Change<'_>; 22] = [
        &|_, entries| entries.clear(),
        &|_, entries| entries.push(entries[3].clone()),
        &|_, entries| entries[5] = entries[3].clone(),
        &|_, entries| drop(entries.remove(2)),
        &|_, entries| entries.truncate(5),
        &|_, entries| entries.push(Entry::new(&[8], vec![5, 0])),
        &|_, entries| entries[3] = Entry::new(&[4, 1], entries[3].value.clone()),
        // Values of another length or type.
        &|_, entries| entries[0].value = tlv::octets(&[1; 15]),
        &|_, entries| entries[0].value = tlv::octets(&[1; 17]),
        &|_, entries| entries[0].value = tlv::utf8("sixteen letters!"),
        &|_, entries| entries[2].value = tlv::octets(&[0]),
        &|_, entries| entries[3].value.push(0),
        &|_, entries| entries[4].value = vec![0x0a, 1, 3],
        &|_, entries| entries[4].value = vec![0x0a, 2, 0, 1],
        &|_, entries| entries[4].value = vec![2, 1, 1],
        // A BOOLEAN that is neither true nor false, one of two octets, one that is none.
        &|s, entries| entries[6].value = configuration(s, 0, &[1, 1, 1]),
        &|s, entries| entries[6].value = configuration(s, 2, &[1, 2, 0xff, 0xff]),
        &|s, entries| entries[6].value = configuration(s, 1, &[2, 1, 1]),
        // SVNs: negative, with an octet too many, twice.
        &|s, entries| entries[1].value = tcb(s, &|svns| svns[0].value = vec![2, 1, 0x87]),
        &|s, entries| entries[1].value = tcb(s, &|svns| svns[0].value = vec![2, 2, 0, 7]),
        &|s, entries| entries[1].value = tcb(s, &|svns| svns[1] = svns[0].clone()),
        &|s, entries| entries[1].value = tcb(s, &|svns| svns.truncate(17)),
    ];
    for fault in faults {
        let verdict = with_entries(fault);
        assert_fails(&verdict, &[(Code::PckExtensionInvalid, "pck_certificate")]);
    }
    let without = judge_tampered(&scenario(QuoteKind::Td10V4), |documents| {
        let scenario = scenario(QuoteKind::Td10V4);
        let key = &scenario.vendor.platform_ca.key;
        documents.pck_certificate = scenario.pck_certificate.sign(key);
        documents.rewrite_chains();
    });
    assert_fails(&without, &[(Code::PckExtensionInvalid, "pck_certificate")]);
}

/// Seven entries are for the Platform CA alone, five for the Processor CA alone.
#[test]
fn entries_of_the_other_ca() {
    let platform = scenario(QuoteKind::Td10V4).sgx_extension.platform;
    let too_many = judge_changed(QuoteKind::SgxV3, |s| s.sgx_extension.platform = platform);
    assert_fails(&too_many, &[(Code::PckExtensionInvalid, "pck_certificate")]);
    let too_few = judge_changed(QuoteKind::Td10V4, |s| s.sgx_extension.platform = None);
    assert_fails(&too_few, &[(Code::PckExtensionInvalid, "pck_certificate")]);
}
