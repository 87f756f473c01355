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
    }
}

fn platform(number: usize, size: usize) -> Platform {
    Platform {
        name: PlatformName {
            qe_id: format!("{number:032X}"),
            pce_id: "0000".to_owned(),
        },
        fmspc: "00806F050000".to_owned(),
        until: at("2030-01-01T00:00:00Z"),
        body: vec![b'c'; size],
        issuer_chain: b"CA and root".to_vec(),
    }
}

/// An archive of these platforms, each with the row that the base has of it.
fn seal(
    key: &SigningKey,
    contents: &Contents,
    platforms: &[Platform],
    base: Option<(&Whole, &[PlatformRow])>,
) -> Result<Vec<u8>, SealError> {
    let mut sealing = Sealing::begin(contents.clone(), key, base.map(|(whole, _)| whole))?;
    let mut out = Vec::new();
    for platform in platforms {
        let rows = base.map_or(&[][..], |(_, rows)| rows);
        let row = rows.iter().find(|row| row.name == platform.name);
        out.append(&mut sealing.platform(platform.clone(), row)?);
    }
    out.append(&mut sealing.finish()?);
    Ok(out)
}

/// An archive of one platform.
fn sealed(key: &SigningKey, contents: &Contents) -> Vec<u8> {
    seal(key, contents, &[platform(1, 2)], None).unwrap()
}

/// The volumes of an archive that is whole.
fn volumes<'a>(
    bytes: &'a [u8],
    signer: Signer<'_>,
) -> Result<(Vec<Volume<'a>>, Whole), ArchiveError> {
    let mut reading = Reading::new(signer);
    let mut rest = bytes;
    let mut take = |size: usize| {
        let (taken, behind) = rest.split_at(size.min(rest.len()));
        rest = behind;
        taken
    };
    let mut volumes = Vec::new();
    loop {
        match reading.header(take(HEADER_SIZE))? {
            Next::Volume(size) => volumes.push(reading.volume(take(size))?),
            Next::End => return Ok((volumes, reading.end(take(HEADER_SIZE + 1))?)),
        }
    }
}

fn read(bytes: &[u8], key: &SigningKey) -> Result<Whole, ArchiveError> {
    volumes(bytes, Signer::Key(key.public_key())).map(|(_, whole)| whole)
}

fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

#[test]
fn what_was_sealed_is_read_again() {
    let (key, contents) = (key(), contents());
    let bytes = sealed(&key, &contents);
    let (volumes, whole) = volumes(&bytes, Signer::Key(key.public_key())).unwrap();
    assert_eq!((volumes.len(), whole.volumes()), (1, 1));
    assert_eq!(whole.signer(), key.public_key());
    let manifest = whole.manifest();
    assert_eq!(manifest.created, contents.created);
    assert_eq!(manifest.base, None);
    assert_eq!(manifest.good_until(), Some(at("2026-12-23T08:00:00Z")));
    let slots: Vec<Slot> = volumes[0].documents().map(|(row, _)| row.slot).collect();
    let ordered = [identity(17), Slot::PckCrl(PckCa::Platform), Slot::RootCaCrl];
    assert_eq!(slots, ordered);
    for (row, item) in volumes[0].documents() {
        let mut given = contents.documents.iter();
        let given = given.find(|given| given.slot == row.slot).unwrap();
        let item = item.unwrap();
        assert_eq!(
            (item.body, item.issuer_chain),
            (&given.body[..], &given.issuer_chain[..])
        );
        assert_eq!(row.selected_as, given.selected_as);
    }
    let (row, item) = volumes[0].platforms().next().unwrap();
    assert_eq!(row.name, platform(1, 2).name);
    assert_eq!(item.unwrap().body, b"cc");
    let digest = key_sha256(key.public_key());
    assert!(super::tests::volumes(&bytes, Signer::Digest(digest)).is_ok());
}

#[test]
fn the_same_contents_in_any_order_are_the_same_manifest() {
    let (key, mut contents) = (key(), contents());
    let sha256 = |contents: &Contents| read(&sealed(&key, contents), &key).unwrap().sha256();
    let first = sha256(&contents);
    contents.documents.reverse();
    assert_eq!(sha256(&contents), first);
}

#[test]
fn a_delta_lists_everything_and_carries_what_changed() {
    let (key, mut contents) = (key(), contents());
    let fleet = [platform(1, 2), platform(2, 2)];
    let base = seal(&key, &contents, &fleet, None).unwrap();
    let (base, whole) = volumes(&base, Signer::Key(key.public_key())).unwrap();
    let rows = &base[0].manifest().platforms;
    contents.created = at("2026-11-24T09:00:00Z");
    contents.documents[0].body = vec![0x30, 0x01, 0x00];
    // The very same document, under another name.
    contents.documents[1].selected_as = vec![Selector::Standard, Selector::Early];
    contents
        .documents
        .push(document(identity(18), &[], b"{\"n\":18}"));
    let fleet = [platform(0, 2), platform(1, 2), platform(2, 3)];
    let delta = seal(&key, &contents, &fleet, Some((&whole, rows))).unwrap();
    let (delta, _) = volumes(&delta, Signer::Key(key.public_key())).unwrap();
    let delta = &delta[0];
    assert_eq!(delta.manifest().base.unwrap(), whole.as_base());
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
    let carried: Vec<bool> = delta.platforms().map(|(_, item)| item.is_some()).collect();
    assert_eq!(carried, [true, false, true]);
}

#[test]
fn a_delta_follows_its_base() {
    let (key, mut contents) = (key(), contents());
    let whole = read(&sealed(&key, &contents), &key).unwrap();
    contents.created = at("2026-11-23T08:59:59Z");
    let refused = seal(&key, &contents, &[], Some((&whole, &[]))).unwrap_err();
    assert!(matches!(refused, SealError::BeforeBase { .. }), "{refused}");
    contents.created = at("2026-11-23T09:00:00Z");
    contents.trust_anchor.public_key_sha256 = Sha256([8; 32]);
    let refused = seal(&key, &contents, &[], Some((&whole, &[]))).unwrap_err();
    assert!(
        matches!(refused, SealError::AnchorsDiffer { .. }),
        "{refused}"
    );
}

#[test]
fn of_another_signer_nothing_is_read() {
    let (key, other) = (key(), key());
    let bytes = sealed(&key, &contents());
    assert_eq!(
        read(&bytes, &other).unwrap_err().code(),
        "ArchiveSignerOther"
    );
    let refused = volumes(&bytes, Signer::Digest(Sha256([0; 32]))).unwrap_err();
    assert_eq!(refused.code(), "ArchiveSignerOther");
    assert!(volumes(&bytes, Signer::Anybody).is_ok());
}

#[test]
fn every_byte_counts() {
    let key = key();
    let bytes = sealed(&key, &contents());
    for (place, bit) in (0..bytes.len()).zip((0..8).cycle()) {
        let mut doctored = bytes.clone();
        doctored[place] ^= 1 << bit;
        let read = read(&doctored, &key);
        assert!(read.is_err(), "bit {bit} of byte {place}");
    }
}

#[test]
fn at_every_length_it_is_told_to_be_cut_off() {
    let key = key();
    let bytes = sealed(&key, &contents());
    for size in 0..bytes.len() {
        let refused = read(&bytes[..size], &key).unwrap_err();
        let expected = match size < 16 {
            true => "ArchiveUnrecognised",
            false => "ArchiveTruncated",
        };
        assert_eq!(refused.code(), expected, "{size}");
    }
    let longer = [&bytes[..], &[0; 512]].concat();
    let refused = read(&longer, &key).unwrap_err();
    assert_eq!(refused.code(), "ArchiveAltered");
}

/// Platforms that fill three volumes.
fn fleet() -> Vec<Platform> {
    (0..20).map(|number| platform(number, 1_000_000)).collect()
}

/// The pieces of an archive: its volumes with their headers, then the end.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while rest.len() > 2 * HEADER_SIZE {
        let size = usize::try_from(tar::stated_size(rest).unwrap()).unwrap();
        let (piece, behind) = rest.split_at(HEADER_SIZE + size);
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

#[test]
fn a_large_fleet_is_in_several_volumes() {
    let (key, contents) = (key(), contents());
    let bytes = seal(&key, &contents, &fleet(), None).unwrap();
    let (volumes, whole) = volumes(&bytes, Signer::Key(key.public_key())).unwrap();
    assert_eq!(whole.volumes(), 3);
    assert_eq!(
        whole.sha256(),
        volumes[2].sha256(),
        "the last names the whole"
    );
    assert_eq!(whole.manifest().documents.len(), 3);
    assert!(volumes[1].documents().next().is_none());
    let listed = volumes.iter().flat_map(Volume::platforms);
    let names: Vec<&PlatformName> = listed.map(|(row, _)| &row.name).collect();
    let given = fleet();
    assert!(names.into_iter().eq(given.iter().map(|one| &one.name)));
    for piece in pieces(&bytes) {
        assert!(piece.len() < MAX_VOLUME_SIZE / 3, "{}", piece.len());
    }
}

#[test]
fn volumes_are_all_there_in_their_order_and_of_one_archive() {
    let (key, contents) = (key(), contents());
    let bytes = seal(&key, &contents, &fleet(), None).unwrap();
    let later = Contents {
        created: at("2026-11-23T09:00:01Z"),
        ..contents
    };
    let other = seal(&key, &later, &fleet(), None).unwrap();
    let (one, other) = (pieces(&bytes), pieces(&other));
    assert!(read(&one.concat(), &key).is_ok());
    let end = one[3];
    for (mixed, code) in [
        (vec![one[0], one[1], end], "ArchiveTruncated"),
        (vec![one[0], one[1]], "ArchiveTruncated"),
        (vec![end], "ArchiveUnrecognised"),
        (vec![one[1], one[2], end], "ArchiveUnrecognised"),
        (vec![one[0], one[2], end], "ArchiveAltered"),
        (vec![one[0], one[0], one[1], one[2], end], "ArchiveAltered"),
        (vec![one[0], one[1], other[2], end], "ArchiveAltered"),
        (vec![one[0], other[1], other[2], end], "ArchiveAltered"),
        (
            vec![one[0], one[1], one[2], other[0], end],
            "ArchiveAltered",
        ),
    ] {
        let refused = read(&mixed.concat(), &key).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    // Under the number of another the order is that of the digests.
    let renamed = [&tar::header("volume-00001.tar", 0)[..100], &one[1][100..]].concat();
    let refused = read(&renamed, &key).unwrap_err();
    assert_eq!(refused.code(), "ArchiveAltered");
}

#[test]
fn platforms_come_in_the_order_of_their_names() {
    let (key, contents) = (key(), contents());
    for wrong in [
        [platform(2, 1), platform(1, 1)],
        [platform(1, 1), platform(1, 1)],
    ] {
        let refused = seal(&key, &contents, &wrong, None).unwrap_err();
        assert!(matches!(refused, SealError::Twice { .. }), "{refused}");
    }
}

/// An archive with this manifest, signed by whoever may, with nothing behind it.
fn signed(key: &SigningKey, manifest: &str) -> Vec<u8> {
    let mut volume = Vec::new();
    let signature = signature::write(key, manifest.as_bytes()).unwrap();
    tar::write(&mut volume, signature::FILE, &signature);
    tar::write(&mut volume, "manifest.json", manifest.as_bytes());
    tar::finish(&mut volume);
    let mut out = Vec::new();
    tar::write(&mut out, "volume-00001.tar", &volume);
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
    let platform = |qe_id: &str, pce_id: &str, fmspc: &str| {
        format!(
            "{{\"name\":{{\"qe_id\":\"{qe_id}\",\"pce_id\":\"{pce_id}\"}},\"fmspc\":\"{fmspc}\",\
             \"until\":\"2026-11-23T08:00:00Z\",\"body\":{part},\"issuer_chain\":{part},\
             \"carried\":true}}"
        )
    };
    let text = |format: &str, place: &str, documents: &str, platforms: &str, more: &str| {
        format!(
            "{{\"format\":\"{format}\",\"created\":\"2026-11-23T09:00:00Z\",{place},\"base\":null,\
             \"trust_anchor\":{{\"name\":\"x\",\"genuine\":true,\"simulated\":false,\
             \"public_key_sha256\":\"{}\"}},\"documents\":[{documents}],\"platforms\":[{platforms}]{more}}}",
            "0".repeat(64)
        )
    };
    let known = "bulla-archive/2";
    let only = "\"volume\":1,\"previous\":null,\"last\":true";
    let place = |place: &str| text(known, place, "", "", "");
    let documents = |documents: &str| text(known, only, documents, "", "");
    let platforms = |platforms: &str| text(known, only, "", platforms, "");
    assert!(read(&signed(&key, &place(only)), &key).is_ok());
    let (carried, huge) = (row("1", true), row("1048577", true));
    let malformed = "ArchiveMalformed";
    for (text, code) in [
        ("{}".to_owned(), malformed),
        ("[".repeat(1_000), malformed),
        (
            text("bulla-archive/3", only, "", "", ",\"new\":1"),
            "ArchiveFormatUnknown",
        ),
        (text(known, only, "", "", ",\"new\":1"), malformed),
        (text(known, only, "", "", ",\"base\":null"), malformed),
        (documents(&format!("{carried},{carried}")), malformed),
        (documents(&row("1", false)), malformed),
        (documents(&huge), "ArchiveTooLarge"),
        (platforms(&platform("", "0000", "00806F050000")), malformed),
        (platforms(&platform("A", "000G", "00806F050000")), malformed),
        (platforms(&platform("A", "0000", "00806f050000")), malformed),
        (
            platforms(&platform(&"A".repeat(261), "0000", "00806F050000")),
            malformed,
        ),
        // What it lists is not there.
        (documents(&carried), "ArchiveAltered"),
        (
            platforms(&platform("A", "0000", "00806F050000")),
            "ArchiveAltered",
        ),
        // There is no such place among volumes.
        (place(&only.replace(":1,", ":0,")), malformed),
        (place(&only.replace(":1,", ":2,")), malformed),
        (
            place(&only.replace("null", &format!("\"{}\"", "0".repeat(64)))),
            malformed,
        ),
        (place(&only.replace("true", "false")), "ArchiveTruncated"),
    ] {
        let refused = read(&signed(&key, &text), &key).unwrap_err();
        assert_eq!(refused.code(), code, "{text}: {refused}");
    }
}

#[test]
fn sizes_are_believed_within_limits_only() {
    let key = key();
    let bytes = sealed(&key, &contents());
    // The size of the volume, with a header that is right.
    let size = u64::try_from(MAX_VOLUME_SIZE).unwrap() + 1;
    let mut large = bytes.clone();
    large[..512].copy_from_slice(&tar::header("volume-00001.tar", size));
    assert_eq!(read(&large, &key).unwrap_err().code(), "ArchiveTooLarge");
    // The size of the manifest, with the sum of its header left as it is.
    let mut large = bytes.clone();
    large[1_536 + 124..1_536 + 135].copy_from_slice(b"77777777777");
    assert_eq!(read(&large, &key).unwrap_err().code(), "ArchiveTooLarge");
    let mut contents = contents();
    contents.documents[0].body = vec![0; MAX_FILE_SIZE + 1];
    let refused = seal(&key, &contents, &[], None).unwrap_err();
    assert!(matches!(refused, SealError::TooLarge(_)), "{refused}");
    let again = contents.documents[1].clone();
    contents.documents = vec![again.clone(), again];
    let refused = seal(&key, &contents, &[], None).unwrap_err();
    assert!(matches!(refused, SealError::Twice { .. }), "{refused}");
}

#[test]
fn what_is_said_about_a_manifest_is_short() {
    let key = key();
    let manifest = format!(
        "{{\"format\":\"bulla-archive/2\",\"{}\":1}}",
        "x".repeat(100_000)
    );
    let refused = read(&signed(&key, &manifest), &key).unwrap_err();
    assert_eq!(refused.code(), "ArchiveMalformed");
    assert!(
        refused.to_string().len() < 400,
        "{}",
        refused.to_string().len()
    );
}

proptest! {
    #[test]
    fn nothing_else_is_an_archive(bytes in prop::collection::vec(any::<u8>(), 0..4_096)) {
        prop_assert!(volumes(&bytes, Signer::Anybody).is_err());
        prop_assert!(Volume::read(&bytes, Signer::Anybody).is_err());
        let begun = [&b"signature\0"[..], &bytes].concat();
        prop_assert!(Volume::read(&begun, Signer::Anybody).is_err());
        let begun = [&b"volume-00001.tar\0"[..], &bytes].concat();
        prop_assert!(volumes(&begun, Signer::Anybody).is_err());
    }
}
