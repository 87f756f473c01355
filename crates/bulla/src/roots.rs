//! Trust anchors: the vendors' own, and those named on the command line.

use std::path::{Path, PathBuf};

use bulla_pki::{AnchorError, TrustAnchors, pem};
use bulla_service::realm::Realm;

use crate::args::RootArgs;
use crate::error::{Error, Result};
use crate::input;

/// The vendors' roots and the given ones. `simulated` says of all that are given that a vendor in
/// a box is behind them: nothing they sign ever counts as genuine, with or without it.
pub(crate) fn load(paths: &[PathBuf], simulated: bool) -> Result<TrustAnchors> {
    paths
        .iter()
        .try_fold(TrustAnchors::vendors(), |anchors, path| {
            let der = read_certificate(path)?;
            let added = match simulated {
                true => anchors.with_simulated(&der),
                false => anchors.with_custom(&der),
            };
            added.map_err(|source| Error::TrustRootInvalid {
                path: path.clone(),
                remedy: remedy(&source),
                source,
            })
        })
}

/// The one root that documents are checked by: the vendor's, or the one that is named.
pub(crate) fn realm(args: &RootArgs) -> Result<Realm> {
    let realm = match &args.trust_root {
        None => Realm::vendor(),
        Some(path) => Realm::named(load(std::slice::from_ref(path), args.simulated)?),
    };
    realm.ok_or_else(|| Error::Usage {
        message: "--trust-root names the vendor's own root, which is the default; leave it out"
            .to_owned(),
    })
}

fn remedy(error: &AnchorError) -> &'static str {
    match error {
        AnchorError::IsSimulated => "; add `--simulated` if that is meant",
        AnchorError::NotSimulated => "; leave `--simulated` out for a root of another kind",
        _ => "",
    }
}

fn read_certificate(path: &Path) -> Result<Vec<u8>> {
    let bytes = input::read("trust root", path, input::MAX_ROOT_SIZE)?;
    if !bytes.trim_ascii_start().starts_with(b"-----") {
        return Ok(bytes);
    }
    let unreadable = |reason: String| Error::TrustRootUnreadable {
        path: path.to_owned(),
        reason,
    };
    let blocks = pem::decode(&bytes, "CERTIFICATE", 1).map_err(|e| unreadable(e.to_string()))?;
    blocks
        .into_iter()
        .next()
        .ok_or_else(|| unreadable("there is no certificate".to_owned()))
}
