//! Archives: what nobody signed is none; of a manifest that was signed, whatever it says, only what it
//! lists is given, byte for byte, and what is read can be sealed again.

#![no_main]

use std::sync::LazyLock;

use bulla_archive::{Archive, Contents, Document, MAX_FILE_SIZE, Sha256};
use bulla_pki::SigningKey;
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate().expect("there are random bytes"));

// A manifest, a zero, and what follows it in the archive.
fuzz_target!(|input: &[u8]| {
    assert!(
        Archive::read(input, KEY.public_key()).is_err(),
        "nobody signed it"
    );
    let end = input.iter().position(|byte| *byte == 0);
    let (manifest, rest) = input.split_at(end.unwrap_or(input.len()));
    let rest = rest.get(1..).unwrap_or_default();
    let bytes = bulla_fuzz::tar::archive(&KEY, manifest, rest);
    let archive = match Archive::read(&bytes, KEY.public_key()) {
        Ok(archive) => archive,
        Err(error) => {
            assert!(error.to_string().len() < 10_000, "{error}");
            return;
        }
    };
    given(&archive);
    sealed_again(&archive);
    // Whatever is changed in what was accepted, it is not accepted any more.
    let place = usize::from_be_bytes(Sha256::of(input).0[..8].try_into().expect("8 bytes"));
    let mut doctored = bytes.clone();
    let place = place % bytes.len();
    doctored[place] ^= 1 << (place % 8);
    assert!(
        Archive::read(&doctored, KEY.public_key()).is_err(),
        "byte {place}"
    );
    assert!(
        Archive::read(&bytes[..place], KEY.public_key()).is_err(),
        "{place} bytes"
    );
});

/// What is carried is what is listed.
fn given(archive: &Archive<'_>) {
    let documents = archive
        .documents()
        .map(|(row, item)| (row.body, row.issuer_chain, item));
    let platforms = archive
        .platforms()
        .map(|(row, item)| (row.body, row.issuer_chain, item));
    for (body, issuer_chain, item) in documents.chain(platforms) {
        let Some(item) = item else {
            assert!(archive.manifest().base.is_some(), "a whole one carries all");
            continue;
        };
        for (part, given) in [(body, item.body), (issuer_chain, item.issuer_chain)] {
            assert_eq!(part.sha256, Sha256::of(given));
            assert_eq!(usize::try_from(part.size), Ok(given.len()));
            assert!(given.len() <= MAX_FILE_SIZE);
        }
    }
}

/// The documents of a whole archive make one with the same rows, and one made since it carries none.
fn sealed_again(archive: &Archive<'_>) {
    let manifest = archive.manifest();
    let documents: Option<Vec<Document>> = archive
        .documents()
        .map(|(row, item)| {
            let item = item?;
            Some(Document {
                slot: row.slot,
                selected_as: row.selected_as.clone(),
                issued: row.issued,
                until: row.until,
                body: item.body.to_vec(),
                issuer_chain: item.issuer_chain.to_vec(),
            })
        })
        .collect();
    let Some(documents) = documents else { return };
    let contents = Contents {
        created: manifest.created,
        trust_anchor: manifest.trust_anchor.clone(),
        documents,
        platforms: Vec::new(),
    };
    let again = contents.seal(&KEY, None).expect("it was within all limits");
    let again = Archive::read(&again, KEY.public_key()).expect("it was sealed");
    assert!(again.documents().eq(archive.documents()));
    let since = contents
        .seal(&KEY, Some(&again))
        .expect("it follows itself");
    let since = Archive::read(&since, KEY.public_key()).expect("it was sealed");
    assert!(since.documents().all(|(_, item)| item.is_none()));
}
