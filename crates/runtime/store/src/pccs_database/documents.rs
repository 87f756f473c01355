//! The vendor's documents in the database.

use std::collections::HashMap;

use bulla_protocol::pccs::{
    IdentityDocument, JsonObject, PlatformCollateral, TcbInfoDocument, Update,
};
use bulla_protocol::pcs::{Enclave, Tee};
use bulla_protocol::percent;
use bulla_protocol::value::Pem;

use super::row::{bytes, number, parsed, text};
use super::{LeftOut, MOST_ROWS, PccsDatabase, Result};

/// The id of the root among the certificates; its row has the root's CRL too.
const ROOT: i64 = 1;
/// The id of the one signer of TCB infos and identities.
const SIGNER: i64 = 3;

/// What the database has but for platforms.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Documents {
    /// For version 4 of the interface.
    pub version_4: PlatformCollateral,
    /// TCB infos for version 3, with their chain.
    pub version_3: PlatformCollateral,
    /// Appraisal policies.
    pub policies: Vec<Policy>,
    /// What could not be read.
    pub left_out: Vec<LeftOut>,
}

/// An appraisal policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct Policy {
    /// The family, as it stands there.
    pub fmspc: String,
    /// Whether it is the default of the family.
    pub is_default: bool,
    /// The policy, a JWT.
    pub text: String,
}

/// Certificates in PEM, by id.
type Certificates = HashMap<i64, String>;

impl PccsDatabase {
    /// Reads all documents.
    pub fn documents(&self) -> Result<Documents> {
        let mut read = Documents::default();
        let certificates = self.certificates(&mut read)?;
        let signers = chain(&certificates, SIGNER, ROOT);
        read.version_4.identity_chain = signers.clone();
        read.version_4.tcb_info_chain = signers.clone();
        read.version_3.tcb_info_chain = signers;
        self.chains(&certificates, &mut read)?;
        self.crls(&mut read)?;
        self.tcb_infos(&mut read)?;
        self.identities(&mut read)?;
        self.policies(&mut read)?;
        Ok(read)
    }

    fn certificates(&self, read: &mut Documents) -> Result<Certificates> {
        let rows = self.rows("SELECT id, cert, crl FROM pcs_certificates", |row| {
            Ok((
                row.get::<_, i64>("id")?,
                text(row, "cert")?,
                bytes(row, "crl")?,
            ))
        })?;
        let mut certificates = Certificates::new();
        for (id, cert, crl) in rows {
            if id == ROOT && !crl.is_empty() {
                read.version_4.root_ca_crl = Some(crl);
            }
            match percent::decode(&cert) {
                Ok(pem) => drop(certificates.insert(id, pem)),
                Err(error) => read.leave_out(&format!("pcs_certificates {id}"), &error.to_string()),
            }
        }
        Ok(certificates)
    }

    fn chains(&self, certificates: &Certificates, read: &mut Documents) -> Result<()> {
        let mut rows = self.rows(
            "SELECT ca, root_cert_id, intmd_cert_id FROM pck_certchain \
             UNION SELECT ca, root_cert_id, intmd_cert_id FROM pck_crl",
            |row| {
                let ids = (number(row, "root_cert_id")?, number(row, "intmd_cert_id")?);
                Ok((text(row, "ca")?, ids))
            },
        )?;
        rows.sort();
        for (ca, (root, issuer)) in rows {
            let found = chain(
                certificates,
                issuer.unwrap_or_default(),
                root.unwrap_or(ROOT),
            );
            let place = match ca.as_str() {
                "PROCESSOR" => &mut read.version_4.processor_chain,
                "PLATFORM" => &mut read.version_4.platform_chain,
                _ => {
                    read.leave_out(&format!("pck_certchain {ca}"), "there is no such CA");
                    continue;
                }
            };
            if place.is_none() {
                *place = found;
            }
        }
        Ok(())
    }

    fn crls(&self, read: &mut Documents) -> Result<()> {
        let rows = self.rows("SELECT ca, pck_crl FROM pck_crl", |row| {
            Ok((text(row, "ca")?, bytes(row, "pck_crl")?))
        })?;
        for (ca, crl) in rows.into_iter().filter(|(_, crl)| !crl.is_empty()) {
            match ca.as_str() {
                "PROCESSOR" => read.version_4.processor_crl = Some(crl),
                "PLATFORM" => read.version_4.platform_crl = Some(crl),
                _ => read.leave_out(&format!("pck_crl {ca}"), "there is no such CA"),
            }
        }
        let rows = self.rows(
            "SELECT cdp_url, crl FROM crl_cache ORDER BY cdp_url",
            |row| Ok((text(row, "cdp_url")?, bytes(row, "crl")?)),
        )?;
        for (url, crl) in rows {
            let is_root = url.to_ascii_lowercase().contains("intelsgxrootca.");
            if is_root && read.version_4.root_ca_crl.is_none() && !crl.is_empty() {
                read.version_4.root_ca_crl = Some(crl);
            } else if read.version_4.root_ca_crl.as_ref() != Some(&crl) {
                let reason =
                    "lists are kept by their issuer, and this one is there or none of those";
                read.leave_out(&format!("crl_cache {url}"), reason);
            }
        }
        Ok(())
    }

    fn tcb_infos(&self, read: &mut Documents) -> Result<()> {
        let rows = self.rows(
            "SELECT fmspc, type, version, update_type, tcbinfo FROM fmspc_tcbs \
             ORDER BY fmspc, type, version, update_type",
            |row| {
                let key = (number(row, "type")?, number(row, "version")?);
                let update = text(row, "update_type")?;
                Ok((text(row, "fmspc")?, key, update, text(row, "tcbinfo")?))
            },
        )?;
        for (fmspc, (kind, version), update, document) in rows {
            let (of_kind, of_version) = (shown(kind), shown(version));
            let what = format!("fmspc_tcbs {fmspc}/{of_kind}/{of_version}/{update}");
            let read_row = || {
                Ok::<_, String>(TcbInfoDocument {
                    tee: match kind {
                        Some(0) => Tee::Sgx,
                        Some(1) => Tee::Tdx,
                        _ => return Err("there is no such technology".to_owned()),
                    },
                    fmspc: parsed("fmspc", &fmspc)?,
                    update: updated(&update)?,
                    document: object(document)?,
                })
            };
            match (version, read_row()) {
                (Some(4), Ok(info)) => read.version_4.tcb_infos.push(info),
                // Version 3 of the interface knows nothing of TDX.
                (Some(3), Ok(info)) if info.tee == Tee::Sgx => read.version_3.tcb_infos.push(info),
                (_, Ok(_)) => read.leave_out(&what, "there is no such version"),
                (_, Err(reason)) => read.leave_out(&what, &reason),
            }
        }
        Ok(())
    }

    /// Identities are the same in both versions; where both are there, that of version 4 counts, as
    /// the cache no longer refreshes the other.
    fn identities(&self, read: &mut Documents) -> Result<()> {
        let rows = self.rows(
            "SELECT id, version, update_type, identity FROM enclave_identities \
             ORDER BY id, update_type, version DESC",
            |row| {
                let key = (number(row, "id")?, number(row, "version")?);
                Ok((key, text(row, "update_type")?, text(row, "identity")?))
            },
        )?;
        for ((id, version), update, document) in rows {
            let what = format!(
                "enclave_identities {}/{}/{update}",
                shown(id),
                shown(version)
            );
            let read_row = || {
                Ok::<_, String>(IdentityDocument {
                    enclave: match id {
                        Some(1) => Enclave::SgxQe,
                        Some(2) => Enclave::SgxQve,
                        Some(3) => Enclave::TdxQe,
                        _ => return Err("there is no such enclave".to_owned()),
                    },
                    update: updated(&update)?,
                    document: object(document)?,
                })
            };
            match read_row() {
                Ok(identity) => {
                    let is_there = read.version_4.identities.iter().any(|other| {
                        (other.enclave, other.update) == (identity.enclave, identity.update)
                    });
                    match is_there {
                        true => read.leave_out(&what, "that of version 4 is taken"),
                        false => read.version_4.identities.push(identity),
                    }
                }
                Err(reason) => read.leave_out(&what, &reason),
            }
        }
        Ok(())
    }

    fn policies(&self, read: &mut Documents) -> Result<()> {
        read.policies = self.rows(
            "SELECT policy, is_default, fmspc FROM appraisal_policies ORDER BY updated_time, id",
            |row| {
                Ok(Policy {
                    fmspc: text(row, "fmspc")?,
                    is_default: number(row, "is_default")?.unwrap_or(0) != 0,
                    text: text(row, "policy")?,
                })
            },
        )?;
        Ok(())
    }

    pub(super) fn rows<T>(
        &self,
        query: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare(query).map_err(self.failed())?;
        let rows = statement.query_map([], read).map_err(self.failed())?;
        self.collect(rows, MOST_ROWS)
    }
}

impl Documents {
    fn leave_out(&mut self, what: &str, reason: &str) {
        self.left_out.push(LeftOut {
            what: what.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

/// An issuer and the root; absent where either is.
fn chain(certificates: &Certificates, issuer: i64, root: i64) -> Option<Pem> {
    let [issuer, root] = [certificates.get(&issuer)?, certificates.get(&root)?];
    Pem::new(format!("{}\n{}\n", issuer.trim_end(), root.trim_end())).ok()
}

/// A number of a key for people.
fn shown(number: Option<i64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn updated(word: &str) -> std::result::Result<Update, String> {
    match word {
        "STANDARD" => Ok(Update::Standard),
        "EARLY" => Ok(Update::Early),
        _ => Err("update_type is not STANDARD or EARLY".to_owned()),
    }
}

fn object(text: String) -> std::result::Result<JsonObject, String> {
    JsonObject::new(text).map_err(|problem| problem.to_string())
}
