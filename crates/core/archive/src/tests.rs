use bulla_collateral::{EnclaveId, PckCa, Selector, Series, Slot};
use bulla_pki::{SigningKey, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn document(slot: Slot, selected_as: &[Selector], body: &[u8]) -> Document {
    Document {
        slot,
        selected_as: selected_as.to_vec(),
        issued: at("2026-11-23T08:00:00Z"),
        until: at("2026-12-23T08:00:00Z"),
        body: body.to_vec(),
        issuer_chain: b"signer and root".to_vec(),
    }
}

fn identity(number: u32) -> Slot {
    Slot::Numbered(Series::EnclaveIdentity(EnclaveId::Qe), number)
}

fn contents() -> Contents {
    Contents {
        created: at("2026-11-23T09:00:00Z"),
        trust_anchor: Anchor {
            name: "simulated-00".to_owned(),
            genuine: false,
            simulated: true,
            public_key_sha256: Sha256([7; 32]),
        },
        documents: vec![
            document(Slot::RootCaCrl, &[], &[0x30, 0x00]),
            document(identity(17), &[Selector::Standard], b"{\"n\":17}"),
            document(Slot::PckCrl(PckCa::Platform), &[], &[b'x'; 1_024]),
        ],
        platforms: vec![Platform {
            name: "one/0000".to_owned(),
            fmspc: "00806F050000".to_owned(),
            body: b"{}".to_vec(),
            issuer_chain: b"CA and root".to_vec(),
        }],
    }
}

fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

#[test]
fn what_was_sealed_is_read_again() {
    let (key, contents) = (key(), contents());
    let bytes = contents.seal(&key, None).unwrap();
    let archive = Archive::read(&bytes, key.public_key()).unwrap();
    assert_eq!(archive.signer(), key.public_key());
    let manifest = archive.manifest();
    assert_eq!(manifest.created, contents.created);
    assert_eq!(manifest.base, None);
    assert_eq!(manifest.good_until(), Some(at("2026-12-23T08:00:00Z")));
    let slots: Vec<Slot> = archive.documents().map(|(row, _)| row.slot).collect();
    let ordered = [identity(17), Slot::PckCrl(PckCa::Platform), Slot::RootCaCrl];
    assert_eq!(slots, ordered);
    for (row, item) in archive.documents() {
        let mut given = contents.documents.iter();
        let given = given.find(|given| given.slot == row.slot).unwrap();
        let item = item.unwrap();
        assert_eq!(
            (item.body, item.issuer_chain),
            (&given.body[..], &given.issuer_chain[..])
        );
        assert_eq!(row.selected_as, given.selected_as);
    }
    let (row, item) = archive.platforms().next().unwrap();
    assert_eq!(row.name, Sha256::of(b"one/0000"));
    assert_eq!(item.unwrap().body, b"{}");
    let digest = key_sha256(key.public_key());
    assert!(Archive::read_by_digest(&bytes, digest).is_ok());
}

#[test]
fn the_same_contents_in_any_order_are_the_same_manifest() {
    let (key, mut contents) = (key(), contents());
    let sha256 = |contents: &Contents| {
        let bytes = contents.seal(&key, None).unwrap();
        Archive::read_of_anybody(&bytes).unwrap().sha256()
    };
    let first = sha256(&contents);
    contents.documents.reverse();
    assert_eq!(sha256(&contents), first);
}

#[test]
fn a_delta_lists_everything_and_carries_what_changed() {
    let (key, mut contents) = (key(), contents());
    let whole = contents.seal(&key, None).unwrap();
    let whole = Archive::read(&whole, key.public_key()).unwrap();
    contents.created = at("2026-11-24T09:00:00Z");
    contents.documents[0].body = vec![0x30, 0x01, 0x00];
    // The very same document, under another name.
    contents.documents[1].selected_as = vec![Selector::Standard, Selector::Early];
    contents
        .documents
        .push(document(identity(18), &[], b"{\"n\":18}"));
    let delta = contents.seal(&key, Some(&whole)).unwrap();
    let delta = Archive::read(&delta, key.public_key()).unwrap();
    let base = delta.manifest().base.unwrap();
    assert_eq!(base, whole.as_base());
    let carried: Vec<(Slot, bool)> = delta
        .documents()
        .map(|(row, item)| (row.slot, item.is_some()))
        .collect();
    let expected = [
        (identity(17), true),
        (identity(18), true),
        (Slot::PckCrl(PckCa::Platform), false),
        (Slot::RootCaCrl, true),
    ];
    assert_eq!(carried, expected);
    assert!(delta.platforms().all(|(_, item)| item.is_none()));
}

#[test]
fn a_delta_follows_its_base() {
    let (key, mut contents) = (key(), contents());
    let whole = contents.seal(&key, None).unwrap();
    let whole = Archive::read(&whole, key.public_key()).unwrap();
    contents.created = at("2026-11-23T08:59:59Z");
    let refused = contents.seal(&key, Some(&whole)).unwrap_err();
    assert!(matches!(refused, SealError::BeforeBase { .. }), "{refused}");
    contents.created = at("2026-11-23T09:00:00Z");
    contents.trust_anchor.public_key_sha256 = Sha256([8; 32]);
    let refused = contents.seal(&key, Some(&whole)).unwrap_err();
    assert!(
        matches!(refused, SealError::AnchorsDiffer { .. }),
        "{refused}"
    );
}

#[test]
fn of_another_signer_nothing_is_read() {
    let (key, other) = (key(), key());
    let bytes = contents().seal(&key, None).unwrap();
    let refused = Archive::read(&bytes, other.public_key()).unwrap_err();
    assert_eq!(refused.code(), "ArchiveSignerOther");
    let refused = Archive::read_by_digest(&bytes, Sha256([0; 32])).unwrap_err();
    assert_eq!(refused.code(), "ArchiveSignerOther");
}

#[test]
fn every_bit_counts() {
    let key = key();
    let bytes = contents().seal(&key, None).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut doctored = bytes.clone();
        doctored[bit / 8] ^= 1 << (bit % 8);
        let read = Archive::read(&doctored, key.public_key());
        assert!(read.is_err(), "bit {} of byte {}", bit % 8, bit / 8);
    }
}

#[test]
fn at_every_length_it_is_told_to_be_cut_off() {
    let key = key();
    let bytes = contents().seal(&key, None).unwrap();
    for size in 0..bytes.len() {
        let refused = Archive::read(&bytes[..size], key.public_key()).unwrap_err();
        let expected = match size < 10 {
            true => "ArchiveUnrecognised",
            false => "ArchiveTruncated",
        };
        assert_eq!(refused.code(), expected, "{size}");
    }
    let longer = [&bytes[..], &[0; 512]].concat();
    let refused = Archive::read(&longer, key.public_key()).unwrap_err();
    assert_eq!(refused.code(), "ArchiveAltered");
}

/// An archive with this manifest, signed by whoever may, with nothing behind it.
fn signed(key: &SigningKey, manifest: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let signature = signature::write(key, manifest.as_bytes()).unwrap();
    tar::write(&mut out, signature::FILE, &signature);
    tar::write(&mut out, "manifest.json", manifest.as_bytes());
    tar::finish(&mut out);
    out
}

#[test]
fn a_manifest_that_was_signed_still_has_to_be_one() {
    let key = key();
    let part = format!("{{\"sha256\":\"{}\",\"size\":1}}", "0".repeat(64));
    let row = |size: &str, carried: bool| {
        format!(
            "{{\"slot\":\"root-ca-crl\",\"selected_as\":[],\"issued\":\"2026-11-23T08:00:00Z\",\
             \"until\":\"2026-11-23T08:00:00Z\",\"body\":{},\"issuer_chain\":{part},\
             \"carried\":{carried}}}",
            part.replace(":1}", &format!(":{size}}}"))
        )
    };
    let manifest = |format: &str, documents: &str, more: &str| {
        format!(
            "{{\"format\":\"{format}\",\"created\":\"2026-11-23T09:00:00Z\",\"base\":null,\
             \"trust_anchor\":{{\"name\":\"x\",\"genuine\":true,\"simulated\":false,\
             \"public_key_sha256\":\"{}\"}},\"documents\":[{documents}],\"platforms\":[]{more}}}",
            "0".repeat(64)
        )
    };
    let known = "bulla-archive/1";
    let good = signed(&key, &manifest(known, "", ""));
    assert!(Archive::read(&good, key.public_key()).is_ok());
    let (carried, huge) = (row("1", true), row("1048577", true));
    for (text, code) in [
        ("{}".to_owned(), "ArchiveMalformed"),
        ("[".repeat(1_000), "ArchiveMalformed"),
        (
            manifest("bulla-archive/2", "", ",\"new\":1"),
            "ArchiveFormatUnknown",
        ),
        (manifest(known, "", ",\"new\":1"), "ArchiveMalformed"),
        (manifest(known, "", ",\"base\":null"), "ArchiveMalformed"),
        (
            manifest(known, &format!("{carried},{carried}"), ""),
            "ArchiveMalformed",
        ),
        (manifest(known, &row("1", false), ""), "ArchiveMalformed"),
        (manifest(known, &huge, ""), "ArchiveTooLarge"),
        // What it lists is not there.
        (manifest(known, &carried, ""), "ArchiveAltered"),
    ] {
        let bytes = signed(&key, &text);
        let refused = Archive::read(&bytes, key.public_key()).unwrap_err();
        assert_eq!(refused.code(), code, "{text}: {refused}");
    }
}

#[test]
fn sizes_are_believed_within_limits_only() {
    let key = key();
    let mut bytes = contents().seal(&key, None).unwrap();
    // The size of the manifest, with the sum of its header left as it is.
    bytes[1_024 + 124..1_024 + 135].copy_from_slice(b"77777777777");
    let refused = Archive::read(&bytes, key.public_key()).unwrap_err();
    assert_eq!(refused.code(), "ArchiveTooLarge");
    let mut contents = contents();
    contents.documents[0].body = vec![0; MAX_FILE_SIZE + 1];
    let refused = contents.seal(&key, None).unwrap_err();
    assert!(matches!(refused, SealError::TooLarge(_)), "{refused}");
    let again = contents.documents[1].clone();
    contents.documents = vec![again.clone(), again];
    let refused = contents.seal(&key, None).unwrap_err();
    assert!(matches!(refused, SealError::Twice { .. }), "{refused}");
}

proptest! {
    #[test]
    fn nothing_else_is_an_archive(bytes in prop::collection::vec(any::<u8>(), 0..4_096)) {
        prop_assert!(Archive::read_of_anybody(&bytes).is_err());
        let begun = [&b"signature\0"[..], &bytes].concat();
        prop_assert!(Archive::read_of_anybody(&begun).is_err());
    }
}
