//! What answers behind an upstream's name.

use bulla_protocol::pcs::{Answer, Request};

use crate::directory::Directory;
use crate::pccs::Pccs;
use crate::pcs::Pcs;
use crate::settings::{Kind, SettingsError, UpstreamSettings};
use crate::trouble::Trouble;

#[derive(Debug)]
pub(crate) enum Source {
    Pcs(Box<Pcs>),
    Pccs(Pccs),
    Directory(Directory),
    #[cfg(test)]
    Scripted(crate::scripted::Scripted),
}

impl Source {
    pub(crate) fn new(settings: &UpstreamSettings) -> Result<Self, SettingsError> {
        let misplaced = |setting, set: bool| match (set, &settings.kind) {
            (false, _) | (true, Kind::Pcs { .. }) => Ok(()),
            (true, _) => Err(SettingsError::Value {
                name: settings.name.clone(),
                setting,
                problem: "is for upstreams of kind pcs".to_owned(),
            }),
        };
        misplaced("api_key", settings.api_key.is_some())?;
        misplaced("root_crl_url", settings.root_crl_url.is_some())?;
        misplaced("has_last_word", settings.has_last_word.is_some())?;
        match &settings.kind {
            Kind::Pcs { url } => Pcs::new(url, settings).map(Box::new).map(Self::Pcs),
            Kind::Pccs { url } => Pccs::new(url, settings).map(Self::Pccs),
            Kind::Directory { path } => Directory::new(path, &settings.name).map(Self::Directory),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Pcs(_) => "pcs",
            Self::Pccs(_) => "pccs",
            Self::Directory(_) => "directory",
            #[cfg(test)]
            Self::Scripted(_) => "scripted",
        }
    }

    /// Whether it is the vendor's own, as far as its address tells.
    pub(crate) fn is_intels(&self) -> bool {
        matches!(self, Self::Pcs(pcs) if pcs.is_intels())
    }

    /// Why it is not asked for this; `None` where it can be.
    pub(crate) fn cannot(&self, request: &Request) -> Option<&'static str> {
        match self {
            Self::Pcs(pcs) => pcs.cannot(request),
            Self::Pccs(_) => Pccs::cannot(request),
            Self::Directory(_) => Directory::cannot(request),
            #[cfg(test)]
            Self::Scripted(_) => None,
        }
    }

    pub(crate) async fn exchange(&self, request: &Request) -> Result<Answer, Trouble> {
        match self {
            Self::Pcs(pcs) => pcs.exchange(request).await,
            Self::Pccs(pccs) => pccs.exchange(request).await,
            Self::Directory(directory) => directory.exchange(request).await,
            #[cfg(test)]
            Self::Scripted(scripted) => scripted.exchange().await,
        }
    }
}
