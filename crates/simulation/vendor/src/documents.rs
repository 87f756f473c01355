//! What the vendor signs as JSON: TCB info, enclave identities, evaluation data numbers.

use bulla_collateral::EnclaveId;
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
use crate::levels::{Level, levels};
use crate::tcb::{Part, Svns, TDX_MODULE_MAJOR};
use crate::vendor::Vendor;

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
        let window = self.window(at);
        let enclave = enclaves::report(id);
        let mut spec = EnclaveIdentitySpec::of(id.as_str(), &enclave, window, number);
        let part = match id {
            EnclaveId::Qe => Some(Part::Qe),
            EnclaveId::TdQe => Some(Part::TdQe),
            // Nothing raises these two: the first level stays the only one.
            EnclaveId::Qve | EnclaveId::Qae => None,
        };
        spec.levels = self.isv_levels(number, part, enclave.isvsvn.get());
        Ok(self.issue(DocumentKind::EnclaveIdentity, spec.to_json(), at))
    }

    /// The numbers that are signed at `at`, newest first.
    pub fn evaluation_numbers(&self, tee: Tee, at: Timestamp) -> Result<Issued, Absent> {
        self.check_founded(at)?;
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
        let spec = EvaluationNumbersSpec {
            id: id(tee).to_owned(),
            version: 1,
            validity: self.window(at),
            numbers,
        };
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
