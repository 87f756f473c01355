//! CRLs: whatever is accepted means the same to another library, in each of its forms.

#![no_main]

use bulla_fuzz::reference;
use bulla_issuer::pem;
use bulla_pki::crl::{Crl, MAX_CRL_SIZE, Revocation, decode_encoding, find_revocation};
use der::Decode;
use der::asn1::UintRef;
use libfuzzer_sys::fuzz_target;
use x509_cert::crl::CertificateList;

fuzz_target!(|bytes: &[u8]| {
    let Ok(der) = decode_encoding(bytes) else {
        return;
    };
    match Crl::parse(&der) {
        Ok(crl) => check_crl(&crl, &der),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn check_crl(ours: &Crl<'_>, der: &[u8]) {
    assert!(der.len() <= MAX_CRL_SIZE);
    for text in [
        pem::block("X509 CRL", der),
        hex::encode(der),
        hex::encode_upper(der),
    ] {
        let decoded = decode_encoding(text.as_bytes()).expect("an encoded CRL");
        assert_eq!(decoded, der);
    }

    let Some(theirs) = reference::read::<CertificateList>(der) else {
        return;
    };
    let theirs = theirs.tbs_cert_list;
    reference::assert_same_name(ours.issuer(), &theirs.issuer);
    assert_eq!(ours.window().from, reference::instant(&theirs.this_update));
    assert_eq!(
        Some(ours.window().until),
        theirs.next_update.as_ref().map(reference::instant)
    );
    let mut revoked: Vec<Revocation> = theirs
        .revoked_certificates
        .iter()
        .flatten()
        .map(|entry| Revocation {
            serial: reference::serial(&entry.serial_number).expect("it was parsed"),
            date: reference::instant(&entry.revocation_date),
        })
        .collect();
    revoked.sort_unstable();
    assert_eq!(ours.revoked(), revoked);
    for entry in &revoked {
        let found = find_revocation(ours.revoked(), entry.serial).expect("it is listed");
        assert_eq!(found.serial, entry.serial);
    }

    let extensions = theirs.crl_extensions.as_deref().unwrap_or_default();
    assert_eq!(
        Some(ours.authority_key_identifier()),
        reference::authority_key_identifier(extensions).as_deref()
    );
    let number = reference::extension(extensions, "2.5.29.20").expect("a CRL number");
    let number = UintRef::from_der(number).expect("strict DER");
    let digits = number.as_bytes().iter();
    assert_eq!(
        ours.number(),
        digits.fold(0, |n, digit| n << 8 | u64::from(*digit))
    );
}
