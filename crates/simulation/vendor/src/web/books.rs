//! Where the service has its vendor from, and where registrations go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bulla_pki::Timestamp;

use crate::manifest::ManifestError;
use crate::platform::Registration;
use crate::state::{Stamp, StateDirectory, StateError};
use crate::vendor::Vendor;

/// The vendor that a service answers for.
///
/// One in a directory is read anew when the directory changes, so that events from the command
/// line take effect while the service runs.
#[derive(Debug)]
pub struct Books {
    directory: Option<StateDirectory>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    vendor: Arc<Vendor>,
    /// Of the directory when the vendor was read from it.
    stamp: Option<Stamp>,
}

/// Why a registration was not entered.
#[derive(Debug, thiserror::Error)]
pub(super) enum BooksError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Books {
    /// A vendor that is kept nowhere else: what registers is forgotten with the service.
    pub fn in_memory(vendor: Vendor) -> Self {
        let current = Current {
            vendor: Arc::new(vendor),
            stamp: None,
        };
        Self {
            directory: None,
            current: Mutex::new(current),
        }
    }

    /// The vendor in a directory.
    pub fn open(directory: StateDirectory) -> Result<Self, StateError> {
        let current = read(&directory)?;
        Ok(Self {
            directory: Some(directory),
            current: Mutex::new(current),
        })
    }

    /// The vendor as it is now.
    pub fn vendor(&self) -> Result<Arc<Vendor>, StateError> {
        let mut current = self.lock();
        if let Some(directory) = &self.directory
            && current.stamp != Some(directory.stamp()?)
        {
            let known = Arc::clone(&current.vendor);
            *current = read(directory)?;
            if let Some(vendor) = Arc::get_mut(&mut current.vendor) {
                vendor.inherit_provisioning_key(&known);
            }
        }
        Ok(Arc::clone(&current.vendor))
    }

    /// Enters a registration. One that changes nothing is not written.
    pub(super) fn register(
        &self,
        manifest: &[u8],
        how: Registration,
        at: Timestamp,
    ) -> Result<(), BooksError> {
        let Some(directory) = &self.directory else {
            let mut current = self.lock();
            Arc::make_mut(&mut current.vendor).register(manifest, how, at)?;
            return Ok(());
        };
        let mut vendor = (*self.vendor()?).clone();
        let known = vendor.find_by_manifest(manifest, at)?.registration(at);
        if vendor.register(manifest, how, at)?.registration(at) != known {
            // The directory may have changed since: what it holds now decides.
            directory.change(|vendor| {
                vendor.register(manifest, how, at)?;
                Ok::<(), BooksError>(())
            })?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(directory: &StateDirectory) -> Result<Current, StateError> {
    // Taken first: a change in between is read again the next time.
    let stamp = directory.stamp()?;
    Ok(Current {
        vendor: Arc::new(directory.read()?),
        stamp: Some(stamp),
    })
}
