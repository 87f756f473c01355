//! Archives that are in memory as a whole, as those of tests are.

use bulla_archive::{
    Contents, HEADER_SIZE, Next, Platform, PlatformRow, Reading, Sealing, Signer, Volume, Whole,
};
use bulla_pki::SigningKey;

/// An archive of these platforms, or of what `base` does not list.
pub fn seal(
    contents: &Contents,
    platforms: &[Platform],
    key: &SigningKey,
    base: Option<&[u8]>,
) -> Vec<u8> {
    let base = base.map(|bytes| {
        let mut rows: Vec<PlatformRow> = Vec::new();
        let whole = read(bytes, |volume| {
            rows.extend(volume.manifest().platforms.iter().cloned());
        });
        (whole, rows)
    });
    let whole = base.as_ref().map(|(whole, _)| whole);
    let mut sealing = Sealing::begin(contents.clone(), key, whole).expect("it begins");
    let mut platforms = platforms.to_vec();
    platforms.sort_by(|one, other| one.name.cmp(&other.name));
    let mut out = Vec::new();
    for platform in platforms {
        let rows = base.as_ref().map_or(&[][..], |(_, rows)| rows);
        let row = rows.iter().find(|row| row.name == platform.name);
        out.extend(sealing.platform(platform, row).expect("a platform"));
    }
    out.extend(sealing.finish().expect("an archive"));
    out
}

/// Reads an archive, whoever sealed it.
///
/// # Panics
///
/// If it is not whole.
pub fn read(mut bytes: &[u8], mut each: impl FnMut(&Volume<'_>)) -> Whole {
    let mut take = |size: usize| {
        let (taken, rest) = bytes.split_at(size.min(bytes.len()));
        bytes = rest;
        taken
    };
    let mut reading = Reading::new(Signer::Anybody);
    loop {
        match reading.header(take(HEADER_SIZE)).expect("a header") {
            Next::Volume(size) => each(&reading.volume(take(size)).expect("a volume")),
            Next::End => return reading.end(take(HEADER_SIZE + 1)).expect("the end"),
        }
    }
}

/// The volumes of an archive, as a service takes them.
pub fn volumes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut volumes = Vec::new();
    read(bytes, |volume| volumes.push(volume.bytes().to_vec()));
    volumes
}
