//! `ECREATE`, `EADD` and `EEXTEND` (Intel SDM volume 3D).

use std::collections::BTreeMap;

use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use zerocopy::{FromBytes, FromZeros};

use super::EnclaveBuild;
use crate::error::{Failure, protect};
use crate::measurement::Measurement;
use crate::sgxs::{CHUNK_SIZE, Record};
use crate::structures::{PAGE_SIZE, PageType, SecinfoFlags, Secs, Tcs};

/// x87 and SSE state, without which no enclave runs.
const XFRM_REQUIRED: u64 = 0b11;

/// `MISCSELECT.EXINFO`, the only bit that the model knows.
const MISC_EXINFO: u32 = 1;

/// Bytes of the registers at the end of a frame of the state save area.
const GPRSGX_SIZE: u64 = 184;

/// Bytes of the `MISC` region below them, if any of it is selected.
const MISC_SIZE: u64 = 16;

/// Where the components of extended state end in the standard form of `XSAVE`, by their bit in
/// `XFRM` (Intel SDM volume 1, "Managing state using the XSAVE feature set").
const XSAVE_ENDS: &[(u32, u64)] = &[
    (2, 832),    // AVX
    (3, 1024),   // MPX bounds
    (4, 1088),   // MPX configuration
    (5, 1152),   // AVX-512 opmask
    (6, 1664),   // upper halves of ZMM0 to ZMM15
    (7, 2688),   // ZMM16 to ZMM31
    (9, 2696),   // PKRU
    (17, 2816),  // AMX tile configuration
    (18, 11008), // AMX tile data
];

/// Bytes of the area without any of them: legacy region and header.
const XSAVE_LEGACY: u64 = 576;

/// What whoever starts an enclave chooses for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartParameters {
    /// Attributes: flags without `INIT`, and the extended state that the enclave may use.
    pub attributes: SgxAttributes,
    /// Which extra information the processor saves when the enclave is left by a fault.
    pub miscselect: u32,
    /// Configuration id; needs `KSS`.
    pub configid: [u8; 64],
    /// Security version of the configuration; needs `KSS`.
    pub configsvn: u16,
}

impl StartParameters {
    /// A 64-bit enclave with x87 and SSE state, and these flags beside `MODE64`.
    pub fn new(flags: u64) -> Self {
        Self {
            attributes: SgxAttributes {
                flags: (sgx_attributes::MODE64 | flags).into(),
                xfrm: XFRM_REQUIRED.into(),
            },
            miscselect: 0,
            configid: [0; 64],
            configsvn: 0,
        }
    }

    /// The control structure for `ECREATE`. The base is the size, which is aligned to itself: no
    /// address counts in the model.
    pub(super) fn secs(&self, size: u64, ssa_frame_size: u32) -> Secs {
        Secs {
            size: size.into(),
            base_addr: size.into(),
            ssa_frame_size: ssa_frame_size.into(),
            miscselect: self.miscselect.into(),
            attributes: self.attributes,
            configid: self.configid,
            configsvn: self.configsvn.into(),
            ..Secs::new_zeroed()
        }
    }
}

impl EnclaveBuild {
    /// `ECREATE`: an enclave without pages.
    ///
    /// # Errors
    ///
    /// A general protection fault for a control structure that breaks its format.
    pub fn ecreate(secs: Secs) -> Result<Self, Failure> {
        check(&secs)?;
        let mut measurement = Measurement::default();
        measurement.record(&Record::Create {
            ssa_frame_size: secs.ssa_frame_size.get(),
            size: secs.size.get(),
        });
        Ok(Self {
            secs,
            measurement,
            pages: BTreeMap::new(),
        })
    }

    /// `EADD`: adds a page at this offset, in bytes from the start of the enclave.
    ///
    /// # Errors
    ///
    /// A general protection fault for a page outside the enclave, flags that no page can be added
    /// with, and a thread control structure that breaks its format; a page fault, told as a
    /// general protection fault, where there is a page already.
    pub fn eadd(
        &mut self,
        offset: u64,
        flags: SecinfoFlags,
        data: &[u8; PAGE_SIZE as usize],
    ) -> Result<(), Failure> {
        protect(offset.is_multiple_of(PAGE_SIZE), "the page is not aligned")?;
        protect(
            offset < self.secs.size.get(),
            "the page is outside the enclave",
        )?;
        protect(!self.pages.contains_key(&offset), "there is a page already")?;
        let permissions = flags.0 & (SecinfoFlags::R | SecinfoFlags::W | SecinfoFlags::X);
        let flags = match flags.page_type() {
            Some(PageType::Tcs) if flags == SecinfoFlags::TCS => {
                check_tcs(data, self.secs.has(sgx_attributes::DEBUG))?;
                flags
            }
            Some(PageType::Reg) if flags == SecinfoFlags::page(PageType::Reg, permissions) => flags,
            _ => {
                return Err(Failure::Fault {
                    reason: "no page can be added with these flags",
                });
            }
        };
        protect(
            permissions & SecinfoFlags::W == 0 || permissions & SecinfoFlags::R != 0,
            "a page that can be written must be readable",
        )?;
        self.measurement.record(&Record::Add { offset, flags });
        self.pages.insert(offset, (flags, Box::new(*data)));
        Ok(())
    }

    /// `EEXTEND`: measures 256 bytes of a page that was added.
    ///
    /// # Errors
    ///
    /// A general protection fault where there is no page, or no multiple of 256.
    pub fn eextend(&mut self, offset: u64) -> Result<(), Failure> {
        protect(
            offset.is_multiple_of(CHUNK_SIZE as u64),
            "the chunk is not aligned",
        )?;
        let place = offset % PAGE_SIZE;
        let page = self.pages.get(&(offset - place));
        let (_, data) = page.ok_or(Failure::Fault {
            reason: "there is no page to measure",
        })?;
        let (chunks, _) = data.as_chunks::<CHUNK_SIZE>();
        let data = &chunks[place as usize / CHUNK_SIZE];
        self.measurement.record(&Record::Extend { offset, data });
        Ok(())
    }
}

fn check(secs: &Secs) -> Result<(), Failure> {
    let size = secs.size.get();
    protect(
        size.is_power_of_two() && size >= 2 * PAGE_SIZE,
        "the size is no power of two, or below two pages",
    )?;
    protect(
        secs.base_addr.get().is_multiple_of(size),
        "the base is not aligned to the size",
    )?;
    let flags = secs.attributes.flags.get();
    let xfrm = secs.attributes.xfrm.get();
    protect(
        sgx_attributes::unnamed(flags) == 0,
        "reserved attributes are set",
    )?;
    protect(!secs.has(sgx_attributes::INIT), "INIT is EINIT's to set")?;
    protect(
        xfrm & XFRM_REQUIRED == XFRM_REQUIRED,
        "XFRM lacks x87 or SSE state",
    )?;
    protect(
        secs.miscselect.get() & !MISC_EXINFO == 0,
        "reserved bits of MISCSELECT are set",
    )?;
    let misc = if secs.miscselect == 0 { 0 } else { MISC_SIZE };
    let needed = xsave_size(xfrm).ok_or(Failure::Fault {
        reason: "XFRM has state that the processor lacks",
    })? + misc
        + GPRSGX_SIZE;
    protect(
        u64::from(secs.ssa_frame_size.get()) * PAGE_SIZE >= needed,
        "a frame of the state save area is too small for XFRM",
    )?;
    protect(
        secs.has(sgx_attributes::KSS) || (secs.configid == [0; 64] && secs.configsvn == 0),
        "CONFIGID and CONFIGSVN need KSS",
    )?;
    protect(
        secs.has(sgx_attributes::CET)
            || (secs.cet_attributes == 0 && secs.cet_leg_bitmap_offset == 0),
        "attributes of CET need CET",
    )?;
    protect(
        secs.reserved1 == [0; 15]
            && secs.mrenclave == [0; 32]
            && secs.reserved2 == [0; 32]
            && secs.mrsigner == [0; 32]
            && secs.reserved3 == [0; 32]
            && secs.isvprodid == 0
            && secs.isvsvn == 0
            && secs.reserved4 == [0; 3802]
            && secs.isvfamilyid == [0; 16]
            && secs.isvextprodid == [0; 16],
        "reserved bytes of the SECS are not zero",
    )
}

/// Bytes of the `XSAVE` area in standard form for the components of `xfrm`; `None` for state that
/// the model does not know.
pub fn xsave_size(xfrm: u64) -> Option<u64> {
    let known = XSAVE_ENDS
        .iter()
        .fold(XFRM_REQUIRED, |known, (bit, _)| known | 1 << bit);
    let ends = XSAVE_ENDS
        .iter()
        .filter(|(bit, _)| xfrm & (1 << bit) != 0)
        .map(|(_, end)| *end);
    (xfrm & !known == 0).then(|| ends.fold(XSAVE_LEGACY, u64::max))
}

fn check_tcs(data: &[u8; PAGE_SIZE as usize], debug: bool) -> Result<(), Failure> {
    let tcs = Tcs::ref_from_bytes(data).expect("a page");
    let flags = tcs.flags.get();
    protect(
        flags & !(Tcs::DBGOPTIN | Tcs::AEXNOTIFY) == 0 && tcs.reserved == [0; 4024],
        "reserved bytes of the TCS are not zero",
    )?;
    protect(
        debug || flags & Tcs::DBGOPTIN == 0,
        "DBGOPTIN needs an enclave with DEBUG",
    )?;
    protect(tcs.cssa == 0, "CSSA of a new TCS is not zero")?;
    protect(
        [tcs.ossa, tcs.ofsbase, tcs.ogsbase]
            .iter()
            .all(|offset| offset.get().is_multiple_of(PAGE_SIZE)),
        "an offset of the TCS is not aligned",
    )?;
    protect(
        [tcs.fslimit, tcs.gslimit]
            .iter()
            .all(|limit| limit.get() & 0xfff == 0xfff),
        "a limit of the TCS does not end in 0xfff",
    )
}
