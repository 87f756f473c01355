//! What the vendor signs as JSON: TCB info, enclave identities, evaluation data numbers.

use bulla_collateral::{EnclaveId, MAX_DOCUMENT_SIZE};
use bulla_evidence::Tee;
use bulla_issuer::{
    DocumentKind, EnclaveIdentitySpec, EvaluationNumberSpec, EvaluationNumbersSpec, IsvLevelSpec,
    TcbInfoSpec, TcbLevelSpec, TdxModuleIdentitySpec, pem, sign_text,
};
use bulla_pki::{Timestamp, Window};
use bulla_protocol::pcs::Selection;

use crate::cadence;
use crate::certificates::sgx_extension;
use crate::enclaves;
use crate::history::EventError;
use crate::levels::{Level, levels};
use crate::tcb::{Part, Svns, TDX_MODULE_MAJOR};
use crate::vendor::{PROCESSOR_FMSPC, Vendor};

/// What stands around the signed part of a document, in bytes and rounded up: two names, and 128
/// digits of the signature.
const WRAPPING: usize = 256;

/// A document as the vendor serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// `{"tcbInfo":{...},"signature":"..."}`, or one of its siblings.
    pub body: Vec<u8>,
    /// PEM: the TCB signer's certificate, then the root's.
    pub chain: Vec<u8>,
}

/// Why there is no such document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Absent {
    /// The vendor has made no platform of this kind.
    #[error("the vendor has no platforms of FMSPC {}", hex::encode_upper(.0))]
    UnknownFmspc([u8; 6]),
    /// No recovery has disclosed this number.
    #[error("evaluation data number {number} is not disclosed; the newest is {newest}")]
    NumberTooNew {
        /// The number asked for.
        number: u32,
        /// The newest number.
        newest: u32,
    },
    /// The number is not signed any more.
    #[error("evaluation data number {number} is not signed any more; {standard} is in force")]
    NumberGone {
        /// The number asked for.
        number: u32,
        /// The standard number.
        standard: u32,
    },
    /// The instant lies before the vendor's time.
    #[error("the vendor was founded later, at {founded}")]
    NotFounded {
        /// When it was founded.
        founded: Timestamp,
    },
}

impl Vendor {
    /// TCB info for a technology and a kind of platform, as served at `at`.
    pub fn tcb_info(
        &self,
        tee: Tee,
        fmspc: [u8; 6],
        selection: Selection,
        at: Timestamp,
    ) -> Result<Issued, Absent> {
        let number = self.number(selection, at)?;
        if self.fmspcs(at).iter().all(|(known, _)| *known != fmspc) {
            return Err(Absent::UnknownFmspc(fmspc));
        }
        let spec = self.tcb_info_spec(tee, fmspc, number, self.window(at));
        Ok(self.issue(DocumentKind::TcbInfo, spec.to_json(), at))
    }

    /// The identity of one of the vendor's enclaves, as served at `at`.
    pub fn identity(
        &self,
        id: EnclaveId,
        selection: Selection,
        at: Timestamp,
    ) -> Result<Issued, Absent> {
        let number = self.number(selection, at)?;
        let spec = self.identity_spec(id, number, self.window(at));
        Ok(self.issue(DocumentKind::EnclaveIdentity, spec.to_json(), at))
    }

    /// The numbers that are signed at `at`, newest first.
    pub fn evaluation_numbers(&self, tee: Tee, at: Timestamp) -> Result<Issued, Absent> {
        self.check_founded(at)?;
        let spec = self.numbers_spec(tee, at);
        Ok(self.issue(DocumentKind::EvaluationNumbers, spec.to_json(), at))
    }

    /// The number that a selection means at `at`.
    pub fn number(&self, selection: Selection, at: Timestamp) -> Result<u32, Absent> {
        self.check_founded(at)?;
        let newest = self.history.newest(at);
        let standard = self.history.standard(at);
        match selection {
            Selection::Standard => Ok(standard),
            Selection::Early => Ok(newest),
            Selection::Number(number) if number > newest => {
                Err(Absent::NumberTooNew { number, newest })
            }
            Selection::Number(number)
                if number < crate::history::FIRST_NUMBER || self.history.has_ended(number, at) =>
            {
                Err(Absent::NumberGone { number, standard })
            }
            Selection::Number(number) => Ok(number),
        }
    }

    fn check_founded(&self, at: Timestamp) -> Result<(), Absent> {
        let founded = self.charter.founded;
        match at < founded {
            true => Err(Absent::NotFounded { founded }),
            false => Ok(()),
        }
    }

    fn window(&self, at: Timestamp) -> Window {
        cadence::document(self.history.latest(at), at)
    }

    /// Whether the documents of the newest number can be read by those they are for. Each recovery
    /// adds a level, and nothing takes one away.
    pub(crate) fn check_sizes(&self, at: Timestamp) -> Result<(), EventError> {
        let number = self.history.newest(at);
        let window = self.window(at);
        let tcb_info = |tee| {
            self.tcb_info_spec(tee, PROCESSOR_FMSPC, number, window)
                .to_json()
        };
        let identity = |id| self.identity_spec(id, number, window).to_json();
        let numbers = self.numbers_spec(Tee::Tdx, at).to_json();
        for (document, body) in [
            ("the TCB info for SGX", tcb_info(Tee::Sgx)),
            ("the TCB info for TDX", tcb_info(Tee::Tdx)),
            ("the identity of the QE", identity(EnclaveId::Qe)),
            ("the identity of the TD QE", identity(EnclaveId::TdQe)),
            ("the list of numbers", numbers),
        ] {
            let (size, limit) = (body.len() + WRAPPING, MAX_DOCUMENT_SIZE);
            if size > limit {
                return Err(EventError::DocumentTooLong {
                    document,
                    size,
                    limit,
                });
            }
        }
        Ok(())
    }

    fn issue(&self, kind: DocumentKind, body: String, at: Timestamp) -> Issued {
        let hierarchy = self.hierarchy(at);
        let signed = sign_text(body, &hierarchy.tcb_signer.key);
        let signer = hierarchy.tcb_signing_certificate();
        Issued {
            body: kind.served(&signed),
            chain: pem::chain(&[&signer, &hierarchy.root_certificate()]),
        }
    }

    fn tcb_info_spec(&self, tee: Tee, fmspc: [u8; 6], number: u32, window: Window) -> TcbInfoSpec {
        let svns = Svns::FOUNDING;
        let platform = sgx_extension(fmspc, &svns);
        match tee {
            Tee::Sgx => {
                let mut spec = TcbInfoSpec::sgx(&platform, window, number);
                let levels = levels(&self.history, number, Part::of_sgx_platforms());
                spec.levels = tcb_levels(&spec.levels, &levels);
                spec
            }
            Tee::Tdx => {
                let mut spec = TcbInfoSpec::tdx(&platform, svns.tee_tcb_svn(), window, number);
                let levels = levels(&self.history, number, Part::of_tdx_platforms());
                spec.levels = tcb_levels(&spec.levels, &levels);
                let module = Some(Part::TdxModule);
                spec.tdx_module_identities = Some(vec![TdxModuleIdentitySpec {
                    levels: self.isv_levels(number, module, svns.tdx_module.into()),
                    ..TdxModuleIdentitySpec::of_the_vendor(TDX_MODULE_MAJOR, 0, window)
                }]);
                spec
            }
        }
    }

    fn identity_spec(&self, id: EnclaveId, number: u32, window: Window) -> EnclaveIdentitySpec {
        let enclave = enclaves::report(id);
        let mut spec = EnclaveIdentitySpec::of(id.as_str(), &enclave, window, number);
        let part = match id {
            EnclaveId::Qe => Some(Part::Qe),
            EnclaveId::TdQe => Some(Part::TdQe),
            // Nothing raises these two: the first level stays the only one.
            EnclaveId::Qve | EnclaveId::Qae => None,
        };
        spec.levels = self.isv_levels(number, part, enclave.isvsvn.get());
        spec
    }

    fn numbers_spec(&self, tee: Tee, at: Timestamp) -> EvaluationNumbersSpec {
        let signed = self.history.editions(at);
        let signed = signed.filter(|edition| !self.history.has_ended(edition.number, at));
        let mut numbers: Vec<EvaluationNumberSpec> = signed
            .map(|edition| EvaluationNumberSpec {
                number: edition.number,
                recovery_event_date: edition.date,
                tcb_date: edition.date,
            })
            .collect();
        numbers.reverse();
        EvaluationNumbersSpec {
            id: id(tee).to_owned(),
            version: 1,
            validity: self.window(at),
            numbers,
        }
    }

    /// The levels of what one SVN decides; `None` is a part that is never raised from `first`.
    fn isv_levels(&self, number: u32, part: Option<Part>, first: u16) -> Vec<IsvLevelSpec> {
        levels(&self.history, number, part.into_iter())
            .iter()
            .map(|level| IsvLevelSpec {
                isvsvn: part.map_or(first, |part| level.svns.get(part)).into(),
                status: level.status_spec(),
            })
            .collect()
    }
}

/// `SGX` or `TDX`.
fn id(tee: Tee) -> &'static str {
    match tee {
        Tee::Sgx => "SGX",
        Tee::Tdx => "TDX",
    }
}

/// Levels with the vendor's words for components, as they stand in the first of `templates`.
fn tcb_levels(templates: &[TcbLevelSpec], levels: &[Level]) -> Vec<TcbLevelSpec> {
    let template = templates.first().expect("TCB info begins with one level");
    levels
        .iter()
        .map(|level| {
            let mut spec = template.clone();
            for (component, svn) in spec.sgx_components.iter_mut().zip(level.svns.components) {
                component.svn = svn.into();
            }
            spec.pcesvn = level.svns.pce.into();
            // The module has levels of its own, so these leave it open.
            let tdx = [0, 0, level.svns.tdx_microcode];
            for (component, svn) in spec.tdx_components.iter_mut().flatten().zip(tdx) {
                component.svn = svn.into();
            }
            spec.status = level.status_spec();
            spec
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bulla_collateral::{SignedText, TcbInfo, TcbStatus};
    use bulla_issuer::{PckCa, Seed};

    use super::*;
    use crate::charter::Charter;
    use crate::history::{Event, Recovery};
    use crate::vendor::Order;

    #[test]
    fn recoveries_end_before_a_document_is_too_long() {
        let at: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let charter = Charter {
            public_url: "http://127.0.0.1:8181".parse().unwrap(),
            founded: at,
            mark_critically: false,
        };
        let mut vendor = Vendor::new(Seed::from(1), charter);
        let order = Order {
            name: "one".parse().unwrap(),
            ca: PckCa::Processor,
            fmspc: None,
            number: None,
        };
        vendor.make(order, at).unwrap();
        let recovery = |number: u32| {
            Event::Recovery(Recovery {
                number,
                date: at,
                raises: Part::all()
                    .filter(|part| part.to_string() != "component-8")
                    .collect(),
                below: TcbStatus::OutOfDate,
                advisory_ids: (0..20).map(|i| format!("{number:032}{i:032}")).collect(),
            })
        };
        let refused = (2..255).find_map(|number| vendor.record(at, recovery(number)).err());
        assert!(
            matches!(refused, Some(EventError::DocumentTooLong { .. })),
            "{refused:?}"
        );
        // The one that was refused left nothing behind.
        let newest = vendor.history().newest(at) as usize;
        assert!(newest > 5);
        assert_eq!(vendor.history().occurrences().len() + 1, newest);
        for tee in [Tee::Sgx, Tee::Tdx] {
            let issued = vendor.tcb_info(tee, PROCESSOR_FMSPC, Selection::Early, at);
            let (_, text) = SignedText::from_wrapped(&issued.unwrap().body).unwrap();
            assert!(TcbInfo::parse(&text.body).is_ok());
        }
    }
}
