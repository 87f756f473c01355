//! Trust domains and the TDX module (Intel TDX module specification).

use std::fmt;

use bulla_evidence::layout::{TdInfo, TdReport, TeeTcbInfo, td_attributes};
use sha2::{Digest, Sha384};
use thiserror::Error;
use zerocopy::{FromZeros, IntoBytes};

use crate::processor::Processor;
use crate::structures::PAGE_SIZE;

/// Which fields of `TEE_TCB_INFO` a module of TDX 1.0 fills in.
const TDX_10_VALID: u64 = 0x1ff;

/// What a module that can be updated under running trust domains adds.
pub(crate) const TEE_TCB_SVN_2_VALID: u64 = 0x3_0000;

/// That `tdid` and `vmid` are filled in. The bits are the model's own reading (unchecked).
pub(crate) const TDID_VALID: u32 = 0b11;

/// x87 and SSE state, without which no trust domain runs.
const XFAM_REQUIRED: u64 = 0b11;

/// Bytes of a record of the measurement, without the data behind it.
const RECORD_SIZE: usize = 128;

/// Bytes that one extension of the measurement takes.
pub const TD_CHUNK_SIZE: usize = 256;

/// The TDX module of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdxModule {
    /// Security versions of the TDX components: byte 0 of the module, byte 1 its major version.
    pub tee_tcb_svn: [u8; 16],
    /// SHA-384 measurement of the module.
    pub mrseam: [u8; 48],
    /// SHA-384 of its signer; zero for a module of the processor's vendor.
    pub mrsignerseam: [u8; 48],
    /// Attributes; zero for modules in production.
    pub attributes: u64,
}

impl TdxModule {
    /// The model's module of these security versions, in production, with a measurement that
    /// follows from its own.
    pub fn new(tee_tcb_svn: [u8; 16]) -> Self {
        let digest = Sha384::new()
            .chain_update("bulla model TDX module, version ")
            .chain_update(&tee_tcb_svn[..2])
            .finalize();
        Self {
            tee_tcb_svn,
            mrseam: digest.into(),
            mrsignerseam: [0; 48],
            attributes: 0,
        }
    }
}

/// What whoever starts a trust domain chooses for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdParameters {
    /// Attributes; see [`td_attributes`].
    pub attributes: u64,
    /// The processor state components that the trust domain may use.
    pub xfam: u64,
    /// Configuration id.
    pub mrconfigid: [u8; 48],
    /// Owner.
    pub mrowner: [u8; 48],
    /// Owner's configuration.
    pub mrownerconfig: [u8; 48],
}

impl Default for TdParameters {
    /// Not open to debugging, safe from injected exceptions, with x87, SSE, AVX and AVX-512 state,
    /// and all else zero.
    fn default() -> Self {
        Self {
            attributes: td_attributes::SEPT_VE_DISABLE,
            xfam: 0xe7,
            mrconfigid: [0; 48],
            mrowner: [0; 48],
            mrownerconfig: [0; 48],
        }
    }
}

/// A trust domain to which pages can be added, and that cannot run.
#[derive(Clone)]
pub struct TdBuild {
    info: TdInfo,
    measurement: Sha384,
}

impl TdBuild {
    /// `TDH.MNG.INIT`: a trust domain without pages.
    ///
    /// # Errors
    ///
    /// For attributes that no module sets, and for state without x87 and SSE.
    pub fn new(parameters: &TdParameters) -> Result<Self, TdError> {
        let reserved = parameters.attributes & td_attributes::MUST_BE_ZERO;
        if reserved != 0 {
            return Err(TdError::Attributes { reserved });
        }
        if parameters.xfam & XFAM_REQUIRED != XFAM_REQUIRED {
            return Err(TdError::Xfam {
                xfam: parameters.xfam,
            });
        }
        let info = TdInfo {
            attributes: parameters.attributes.into(),
            xfam: parameters.xfam.into(),
            mrconfigid: parameters.mrconfigid,
            mrowner: parameters.mrowner,
            mrownerconfig: parameters.mrownerconfig,
            ..TdInfo::new_zeroed()
        };
        Ok(Self {
            info,
            measurement: Sha384::new(),
        })
    }

    /// `TDH.MEM.PAGE.ADD`: measures where a page is, by its guest-physical address in bytes. Its
    /// contents count only where [`Self::extend`] says so.
    ///
    /// # Errors
    ///
    /// When the address is not that of a page.
    pub fn add_page(&mut self, gpa: u64) -> Result<(), TdError> {
        self.measure(b"MEM.PAGE.ADD", gpa, PAGE_SIZE)
    }

    /// `TDH.MR.EXTEND`: measures 256 bytes of a page.
    ///
    /// # Errors
    ///
    /// When the address is no multiple of 256.
    pub fn extend(&mut self, gpa: u64, data: &[u8; TD_CHUNK_SIZE]) -> Result<(), TdError> {
        self.measure(b"MR.EXTEND", gpa, TD_CHUNK_SIZE as u64)?;
        self.measurement.update(data);
        Ok(())
    }

    /// `TDH.MR.FINALIZE`: makes the measurement final and lets the trust domain run.
    pub fn finalize(self, module: &TdxModule) -> TrustDomain {
        TrustDomain {
            info: TdInfo {
                mrtd: self.measurement.finalize().into(),
                ..self.info
            },
            launched_under: *module,
        }
    }

    fn measure(&mut self, tag: &[u8], gpa: u64, unit: u64) -> Result<(), TdError> {
        if !gpa.is_multiple_of(unit) {
            return Err(TdError::Address { gpa, unit });
        }
        let mut record = [0; RECORD_SIZE];
        record[..tag.len()].copy_from_slice(tag);
        record[16..24].copy_from_slice(&gpa.to_le_bytes());
        self.measurement.update(record);
        Ok(())
    }
}

impl fmt::Debug for TdBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TdBuild(..)")
    }
}

/// What a trust domain is reported to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TdReportForm {
    /// As by a module of TDX 1.0.
    Td10,
    /// As by one that can be updated under running trust domains.
    Td15,
    /// With the number of the trust domain and of the virtual machine in it, beside.
    Td15Ex,
}

/// A trust domain that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain {
    info: TdInfo,
    launched_under: TdxModule,
}

impl TrustDomain {
    /// A small trust domain for demonstrations: one page of `contents`, of which the rest is zero.
    ///
    /// # Panics
    ///
    /// When the contents are longer than a page.
    pub fn small(contents: &[u8], module: &TdxModule) -> Self {
        let mut page = [0; PAGE_SIZE as usize];
        page[..contents.len()].copy_from_slice(contents);
        let mut build = TdBuild::new(&TdParameters::default()).expect("parameters that fit");
        build.add_page(0).expect("aligned");
        for (chunk, gpa) in page.as_chunks().0.iter().zip((0..).step_by(TD_CHUNK_SIZE)) {
            build.extend(gpa, chunk).expect("aligned");
        }
        build.finalize(module)
    }

    /// What is reported of it.
    pub fn info(&self) -> &TdInfo {
        &self.info
    }

    /// `TDG.MR.RTMR.EXTEND`: makes a measurement register the SHA-384 of itself and `digest`.
    ///
    /// # Errors
    ///
    /// When there is no such register: there are 0 to 3.
    pub fn extend_rtmr(&mut self, index: usize, digest: &[u8; 48]) -> Result<(), TdError> {
        let register = self.info.rtmr.get_mut(index);
        let register = register.ok_or(TdError::Register { index })?;
        *register = Sha384::new()
            .chain_update(*register)
            .chain_update(digest)
            .finalize()
            .into();
        Ok(())
    }

    /// Binds service trust domains, by the SHA-384 over them.
    pub fn bind_service_domains(&mut self, servtd_hash: [u8; 48]) {
        self.info.servtd_hash = servtd_hash;
    }

    /// `TDG.MR.REPORT`: what the trust domain is, and `reportdata` of its choice, for whoever is on
    /// this processor.
    ///
    /// `module` is the one that runs now. Beside its version, the report tells under which one the
    /// trust domain was launched, in the forms that can.
    pub fn report(
        &self,
        processor: &Processor,
        module: &TdxModule,
        reportdata: [u8; 64],
        form: TdReportForm,
    ) -> TdReport {
        let mut tee_tcb_info = TeeTcbInfo {
            valid: TDX_10_VALID.into(),
            tee_tcb_svn: self.launched_under.tee_tcb_svn,
            mrseam: module.mrseam,
            mrsignerseam: module.mrsignerseam,
            attributes: module.attributes.into(),
            ..TeeTcbInfo::new_zeroed()
        };
        let mut td_info = self.info;
        if form != TdReportForm::Td10 {
            tee_tcb_info.valid |= TEE_TCB_SVN_2_VALID;
            tee_tcb_info.tee_tcb_svn2 = module.tee_tcb_svn;
        }
        if form == TdReportForm::Td15Ex {
            td_info.tdid = processor.random(&self.info.mrtd);
            td_info.valid = TDID_VALID.into();
        }
        let has_services = td_info.servtd_hash != [0; 48];
        let report_mac = processor.seamreport(
            u8::from(has_services),
            Sha384::digest(tee_tcb_info.as_bytes()).into(),
            Sha384::digest(td_info.as_bytes()).into(),
            reportdata,
        );
        TdReport {
            report_mac,
            tee_tcb_info,
            td_info,
            ..TdReport::new_zeroed()
        }
    }
}

/// Why the TDX module refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TdError {
    /// Attributes that no module sets.
    #[error("attributes {reserved:#x} of a trust domain must be zero")]
    Attributes {
        /// The bits that must be zero.
        reserved: u64,
    },
    /// State that no trust domain runs with.
    #[error("XFAM {xfam:#x} lacks x87 or SSE state, bits 0 and 1")]
    Xfam {
        /// The bits as given.
        xfam: u64,
    },
    /// An address that is not aligned.
    #[error("guest-physical address {gpa:#x} is no multiple of {unit:#x}")]
    Address {
        /// The address in bytes.
        gpa: u64,
        /// What it must be a multiple of, in bytes.
        unit: u64,
    },
    /// No such register.
    #[error("there is no RTMR {index}: there are 0 to 3")]
    Register {
        /// Its number.
        index: usize,
    },
}
