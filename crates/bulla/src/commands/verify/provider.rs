//! Collateral from a service: what is in force now, or what it had at an instant.

use bulla_collateral::CollateralSet;
use bulla_pki::Timestamp;
use bulla_service::judging::Need;

use crate::args::{CollateralArgs, ServiceAt};
use crate::error::Result;
use crate::past;
use crate::service::Service;
use crate::supply::{self, Supplier, Way};

/// The service that is named.
pub(crate) struct Provider {
    address: ServiceAt,
    present: Supplier,
    /// Its own routes, once it was asked about the past.
    past: Option<Service>,
}

impl Provider {
    /// Reaches nobody yet; absent where no service is named.
    pub(crate) fn open(from: &CollateralArgs) -> Result<Option<Self>> {
        let Some(service) = &from.service else {
            return Ok(None);
        };
        let way = Way {
            ca_file: from.ca_file.as_deref(),
            ..Way::default()
        };
        let kind = supply::kind(service, supply::service);
        Ok(Some(Self {
            address: ServiceAt {
                service: service.clone(),
                ca_file: from.ca_file.clone(),
            },
            present: Supplier::open("--service", kind, way)?,
            past: None,
        }))
    }

    /// What it had for a need at an instant, or has now.
    pub(crate) fn set(&mut self, need: Need, at: Option<Timestamp>) -> Result<CollateralSet> {
        let Some(at) = at else {
            return self.present.set(need);
        };
        past::has_come(at)?;
        let service = match self.past.take() {
            Some(service) => service,
            None => Service::open(&self.address)?,
        };
        let (set, _) = past::set(self.past.insert(service), at, need)?;
        Ok(set)
    }
}
