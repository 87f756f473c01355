//! For logs: of what is personal to a machine only whether it is there.

use std::fmt::{Debug, Formatter, Result};

use super::{Evidence, PckAnswer, PckCertificates, Platform, Registration};

impl Debug for Platform {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Platform")
            .field("id", &self.id)
            .field("has_encrypted_ppid", &self.encrypted_ppid.is_some())
            .field("has_manifest", &self.manifest.is_some())
            .field("fmspc", &self.fmspc)
            .field("ca", &self.ca)
            .field("registered", &self.registered)
            .finish()
    }
}

impl Debug for PckCertificates {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let tcbs: Vec<_> = self.certificates.iter().map(|(tcbm, _)| tcbm).collect();
        f.debug_struct("PckCertificates")
            .field("certificates_for", &tcbs)
            .field("not_available", &self.not_available)
            .field("fmspc", &self.fmspc)
            .field("ca", &self.ca)
            .field("arrived", &self.arrived)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Debug for PckAnswer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("PckAnswer")
            .field("tcbm", &self.tcbm)
            .field("fmspc", &self.fmspc)
            .field("ca", &self.ca)
            .finish_non_exhaustive()
    }
}

impl Debug for Evidence {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Evidence")
            .field("qe_id", &hex(&self.qe_id))
            .field("pce_id", &self.pce_id)
            .field("fmspc", &self.fmspc)
            .field("tee", &self.tee)
            .field("arrived", &self.arrived)
            .field("tcb_status", &self.tcb_status)
            .finish_non_exhaustive()
    }
}

impl Debug for Registration {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Registration")
            .field("id", &self.id)
            .field("cpu_svn", &self.cpu_svn)
            .field("pce_svn", &self.pce_svn)
            .field("has_encrypted_ppid", &self.encrypted_ppid.is_some())
            .field("has_manifest", &self.manifest.is_some())
            .finish()
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}
