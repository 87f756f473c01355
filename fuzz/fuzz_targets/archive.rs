//! Archives: what nobody signed is none; of a manifest that was signed, whatever it says, only what it
//! lists is given, byte for byte, and what is read can be sealed again.

#![no_main]

use std::sync::LazyLock;

use bulla_archive::{
    Contents, Document, MAX_FILE_SIZE, Platform, PlatformRow, Sealing, Sha256, Signer, Volume,
    Whole,
};
use bulla_fuzz::tar;
use bulla_pki::SigningKey;
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate().expect("there are random bytes"));

// A manifest, a zero, and what follows it in the volume.
fuzz_target!(|input: &[u8]| {
    let signer = Signer::Key(KEY.public_key());
    assert!(
        Volume::read(input, signer).is_err() && tar::read(input, &KEY).is_err(),
        "nobody signed it"
    );
    let end = input.iter().position(|byte| *byte == 0);
    let (manifest, rest) = input.split_at(end.unwrap_or(input.len()));
    let rest = rest.get(1..).unwrap_or_default();
    let bytes = tar::volume(&KEY, manifest, rest);
    let volume = match Volume::read(&bytes, signer) {
        Ok(volume) => volume,
        Err(error) => {
            assert!(error.to_string().len() < 10_000, "{error}");
            return;
        }
    };
    given(&volume);
    // It is an archive alone if it says that it is the first and the last.
    let archive = tar::archive(&bytes);
    let manifest = volume.manifest();
    match tar::read(&archive, &KEY) {
        Ok((volumes, _)) => {
            assert!(manifest.volume == 1 && manifest.last);
            sealed_again(&volumes[0]);
        }
        Err(error) => assert!(manifest.volume != 1 || !manifest.last, "{error}"),
    }
    // Whatever is changed in what was accepted, it is not accepted any more.
    let place = u64::from_be_bytes(Sha256::of(input).0[..8].try_into().expect("8 bytes"));
    let place = |bytes: &[u8]| usize::try_from(place).expect("64 bits") % bytes.len();
    let doctored = |bytes: &[u8]| {
        let place = place(bytes);
        let mut doctored = bytes.to_vec();
        doctored[place] ^= 1 << (place % 8);
        doctored
    };
    assert!(Volume::read(&doctored(&bytes), signer).is_err());
    assert!(Volume::read(&bytes[..place(&bytes)], signer).is_err());
    assert!(tar::read(&doctored(&archive), &KEY).is_err());
    assert!(tar::read(&archive[..place(&archive)], &KEY).is_err());
});

/// What is carried is what is listed.
fn given(volume: &Volume<'_>) {
    let documents = volume
        .documents()
        .map(|(row, item)| (row.body, row.issuer_chain, item));
    let platforms = volume
        .platforms()
        .map(|(row, item)| (row.body, row.issuer_chain, item));
    for (body, issuer_chain, item) in documents.chain(platforms) {
        let Some(item) = item else {
            assert!(volume.manifest().base.is_some(), "a whole one carries all");
            continue;
        };
        for (part, given) in [(body, item.body), (issuer_chain, item.issuer_chain)] {
            assert_eq!(part.sha256, Sha256::of(given));
            assert_eq!(usize::try_from(part.size), Ok(given.len()));
            assert!(given.len() <= MAX_FILE_SIZE);
        }
    }
}

/// What a whole archive carries makes one with the same rows, and one made since it carries nothing.
fn sealed_again(volume: &Volume<'_>) {
    let manifest = volume.manifest();
    let documents = volume.documents().map(|(row, item)| {
        let item = item?;
        Some(Document {
            slot: row.slot,
            selected_as: row.selected_as.clone(),
            issued: row.issued,
            until: row.until,
            body: item.body.to_vec(),
            issuer_chain: item.issuer_chain.to_vec(),
        })
    });
    let platforms = volume.platforms().map(|(row, item)| {
        let item = item?;
        Some(Platform {
            name: row.name.clone(),
            fmspc: row.fmspc.clone(),
            until: row.until,
            body: item.body.to_vec(),
            issuer_chain: item.issuer_chain.to_vec(),
        })
    });
    let (Some(documents), Some(platforms)) = (
        documents.collect::<Option<Vec<_>>>(),
        platforms.collect::<Option<Vec<_>>>(),
    ) else {
        return;
    };
    let contents = Contents {
        created: manifest.created,
        trust_anchor: manifest.trust_anchor.clone(),
        documents,
    };
    let again = sealed(&contents, &platforms, None);
    let (volumes, whole) = tar::read(&again, &KEY).expect("it was sealed");
    let [again] = &volumes[..] else {
        panic!("it was one volume");
    };
    assert!(again.documents().eq(volume.documents()));
    assert!(again.platforms().eq(volume.platforms()));
    let rows = &again.manifest().platforms;
    let since = sealed(&contents, &platforms, Some((&whole, rows)));
    let (since, _) = tar::read(&since, &KEY).expect("it was sealed");
    assert!(since[0].documents().all(|(_, item)| item.is_none()));
    assert!(since[0].platforms().all(|(_, item)| item.is_none()));
}

fn sealed(
    contents: &Contents,
    platforms: &[Platform],
    base: Option<(&Whole, &[PlatformRow])>,
) -> Vec<u8> {
    let whole = base.map(|(whole, _)| whole);
    let sealing = Sealing::begin(contents.clone(), &KEY, whole);
    let mut sealing = sealing.expect("it was within all limits");
    let mut out = Vec::new();
    for (place, platform) in platforms.iter().enumerate() {
        let row = base.and_then(|(_, rows)| rows.get(place));
        let piece = sealing.platform(platform.clone(), row);
        out.extend(piece.expect("it was in order"));
    }
    out.extend(sealing.finish().expect("it was within all limits"));
    out
}
