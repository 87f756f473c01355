//! The structures that instructions take, byte for byte (Intel SDM volume 3D, "Enclave data
//! structures").
//!
//! Fields bear the vendor's names in snake case. Sizes and offsets are in bytes, `offset/size`;
//! integers are little-endian.

use bulla_evidence::layout::{SgxAttributes, SgxReportBody, sgx_attributes};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a page.
pub const PAGE_SIZE: u64 = 4096;

/// The control structure of an enclave, 4096 bytes.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Secs {
    /// 0/8: size of the enclave's range of addresses; a power of two.
    pub size: U64,
    /// 8/8: start of the range; a multiple of its size.
    pub base_addr: U64,
    /// 16/4: size of one frame of the state save area, in pages.
    pub ssa_frame_size: U32,
    /// 20/4: which extra information the processor saves when the enclave is left by a fault.
    pub miscselect: U32,
    /// 24/8: offset of the legacy code bitmap of control-flow enforcement (unchecked).
    pub cet_leg_bitmap_offset: U64,
    /// 32/1: attributes of control-flow enforcement (unchecked).
    pub cet_attributes: u8,
    /// 33/15: zero.
    pub reserved1: [u8; 15],
    /// 48/16: attributes.
    pub attributes: SgxAttributes,
    /// 64/32: the measurement; set by `EINIT`.
    pub mrenclave: [u8; 32],
    /// 96/32: zero.
    pub reserved2: [u8; 32],
    /// 128/32: SHA-256 of the signer's modulus; set by `EINIT`.
    pub mrsigner: [u8; 32],
    /// 160/32: zero.
    pub reserved3: [u8; 32],
    /// 192/64: configuration id, chosen by whoever starts the enclave.
    pub configid: [u8; 64],
    /// 256/2: product id; set by `EINIT`.
    pub isvprodid: U16,
    /// 258/2: security version of the enclave; set by `EINIT`.
    pub isvsvn: U16,
    /// 260/2: security version of the configuration.
    pub configsvn: U16,
    /// 262/3802: zero.
    pub reserved4: [u8; 3802],
    /// 4064/16: product family id; set by `EINIT`. The place is the model's own: software never
    /// sees it.
    pub isvfamilyid: [u8; 16],
    /// 4080/16: extended product id; likewise.
    pub isvextprodid: [u8; 16],
}

impl Secs {
    /// Whether the attribute flag is set; see [`sgx_attributes`].
    pub fn has(&self, flag: u64) -> bool {
        self.attributes.flags.get() & flag != 0
    }

    /// What the enclave is to others on the same processor: the target of their reports.
    pub fn target_info(&self) -> TargetInfo {
        TargetInfo {
            mrenclave: self.mrenclave,
            attributes: self.attributes,
            cet_attributes: self.cet_attributes,
            configsvn: self.configsvn,
            miscselect: self.miscselect,
            configid: self.configid,
            ..TargetInfo::new_zeroed()
        }
    }

    /// What a report says of the enclave.
    pub fn report_body(&self, cpusvn: [u8; 16], reportdata: [u8; 64]) -> SgxReportBody {
        SgxReportBody {
            cpusvn,
            miscselect: self.miscselect,
            cet_attributes: self.cet_attributes,
            isvextprodid: self.isvextprodid,
            attributes: self.attributes,
            mrenclave: self.mrenclave,
            mrsigner: self.mrsigner,
            configid: self.configid,
            isvprodid: self.isvprodid,
            isvsvn: self.isvsvn,
            configsvn: self.configsvn,
            isvfamilyid: self.isvfamilyid,
            reportdata,
            ..SgxReportBody::new_zeroed()
        }
    }
}

/// Which enclave a report is for, 512 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TargetInfo {
    /// 0/32: measurement of the target.
    pub mrenclave: [u8; 32],
    /// 32/16: its attributes.
    pub attributes: SgxAttributes,
    /// 48/1: its attributes of control-flow enforcement.
    pub cet_attributes: u8,
    /// 49/1: zero.
    pub reserved1: u8,
    /// 50/2: security version of its configuration.
    pub configsvn: U16,
    /// 52/4: its `MISCSELECT`.
    pub miscselect: U32,
    /// 56/8: zero.
    pub reserved2: [u8; 8],
    /// 64/64: its configuration id.
    pub configid: [u8; 64],
    /// 128/384: zero.
    pub reserved3: [u8; 384],
}

/// Which key `EGETKEY` is to give, 512 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct KeyRequest {
    /// 0/2: name of the key; see [`key_name`].
    pub key_name: U16,
    /// 2/2: what else the key depends on; see [`key_policy`].
    pub key_policy: U16,
    /// 4/2: security version of the enclave; at most its own.
    pub isvsvn: U16,
    /// 6/1: which attributes of control-flow enforcement count.
    pub cet_attributes_mask: u8,
    /// 7/1: zero.
    pub reserved1: u8,
    /// 8/16: security version of the processor; at most its own.
    pub cpusvn: [u8; 16],
    /// 24/16: which attributes count. `INIT` and `DEBUG` always do.
    pub attribute_mask: SgxAttributes,
    /// 40/32: wear-out protection: another id gives another key.
    pub keyid: [u8; 32],
    /// 72/4: which bits of `MISCSELECT` count.
    pub misc_mask: U32,
    /// 76/2: security version of the configuration; at most the enclave's own.
    pub configsvn: U16,
    /// 78/434: zero.
    pub reserved2: [u8; 434],
}

impl KeyRequest {
    /// A request for a key of this name and policy, at security versions of zero, on which every
    /// attribute counts, with all else zero.
    pub fn new(key_name: u16, key_policy: u16) -> Self {
        Self {
            key_name: key_name.into(),
            key_policy: key_policy.into(),
            attribute_mask: SgxAttributes {
                flags: u64::MAX.into(),
                xfrm: u64::MAX.into(),
            },
            misc_mask: u32::MAX.into(),
            ..Self::new_zeroed()
        }
    }

    /// The request by which Intel's architectural enclaves bind a key neither to the mode nor to
    /// the extended state that they run with.
    pub(crate) fn architectural(key_name: u16, key_policy: u16) -> Self {
        Self {
            attribute_mask: SgxAttributes {
                flags: (!sgx_attributes::MODE64).into(),
                xfrm: 0.into(),
            },
            ..Self::new(key_name, key_policy)
        }
    }

    /// The same request for these security versions of processor and enclave.
    #[must_use]
    pub fn at(self, cpusvn: [u8; 16], isvsvn: u16) -> Self {
        Self {
            cpusvn,
            isvsvn: isvsvn.into(),
            ..self
        }
    }
}

/// The names of keys.
pub mod key_name {
    /// Authenticates launch tokens; needs `EINITTOKEN_KEY`.
    pub const EINITTOKEN: u16 = 0;
    /// Known to the vendor too; needs `PROVISION_KEY`.
    pub const PROVISION: u16 = 1;
    /// Sealing that does not change with the owner; needs `PROVISION_KEY`.
    pub const PROVISION_SEAL: u16 = 2;
    /// Authenticates reports that are for this enclave.
    pub const REPORT: u16 = 3;
    /// Sealing.
    pub const SEAL: u16 = 4;
}

/// The bits of a key policy. Those from `NOISVPRODID` on need the attribute `KSS`.
pub mod key_policy {
    /// The key depends on the measurement.
    pub const MRENCLAVE: u16 = 1;
    /// The key depends on the signer.
    pub const MRSIGNER: u16 = 2;
    /// The key does not depend on the product id.
    pub const NOISVPRODID: u16 = 4;
    /// The key depends on configuration id and version.
    pub const CONFIGID: u16 = 8;
    /// The key depends on the product family.
    pub const ISVFAMILYID: u16 = 0x10;
    /// The key depends on the extended product id.
    pub const ISVEXTPRODID: u16 = 0x20;
    /// All bits that need `KSS`.
    pub const KSS: u16 = NOISVPRODID | CONFIGID | ISVFAMILYID | ISVEXTPRODID;
    /// All bits.
    pub const ALL: u16 = MRENCLAVE | MRSIGNER | KSS;
}

/// What a thread starts with, 4096 bytes: the contents of a TCS page.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tcs {
    /// 0/8: state of the thread; the processor's own.
    pub stage: U64,
    /// 8/8: flags; see [`Self::DBGOPTIN`] and [`Self::AEXNOTIFY`].
    pub flags: U64,
    /// 16/8: offset of the state save area.
    pub ossa: U64,
    /// 24/4: frame of the state save area that is used next.
    pub cssa: U32,
    /// 28/4: number of frames.
    pub nssa: U32,
    /// 32/8: offset of the entry point.
    pub oentry: U64,
    /// 40/8: where asynchronous exits go; the processor's own.
    pub aep: U64,
    /// 48/8: offset of the base of `FS`.
    pub ofsbase: U64,
    /// 56/8: offset of the base of `GS`.
    pub ogsbase: U64,
    /// 64/4: limit of `FS`.
    pub fslimit: U32,
    /// 68/4: limit of `GS`.
    pub gslimit: U32,
    /// 72/4024: zero.
    pub reserved: [u8; 4024],
}

impl Tcs {
    /// The thread lets itself be debugged.
    pub const DBGOPTIN: u64 = 1;
    /// The thread is told of asynchronous exits.
    pub const AEXNOTIFY: u64 = 2;
}

/// The flags of `SECINFO`: permissions and type of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecinfoFlags(pub u64);

impl SecinfoFlags {
    /// Readable.
    pub const R: u64 = 1;
    /// Writable.
    pub const W: u64 = 2;
    /// Executable.
    pub const X: u64 = 4;
    /// Waits for the enclave to accept it.
    pub const PENDING: u64 = 8;
    /// Its type was changed.
    pub const MODIFIED: u64 = 0x10;
    /// Its permissions were restricted.
    pub const PR: u64 = 0x20;

    /// A thread control structure.
    pub const TCS: Self = Self::page(PageType::Tcs, 0);
    /// Code: readable and executable.
    pub const CODE: Self = Self::page(PageType::Reg, Self::R | Self::X);
    /// Data: readable and writable.
    pub const DATA: Self = Self::page(PageType::Reg, Self::R | Self::W);
    /// Constants: readable.
    pub const CONSTANTS: Self = Self::page(PageType::Reg, Self::R);

    /// A page of this type with these permissions.
    pub const fn page(page_type: PageType, permissions: u64) -> Self {
        Self(((page_type as u64) << 8) | permissions)
    }

    /// The type; `None` for a number that none has.
    pub const fn page_type(self) -> Option<PageType> {
        Some(match (self.0 >> 8) & 0xff {
            0 => PageType::Secs,
            1 => PageType::Tcs,
            2 => PageType::Reg,
            3 => PageType::Va,
            4 => PageType::Trim,
            5 => PageType::SsFirst,
            6 => PageType::SsRest,
            _ => return None,
        })
    }

    /// Whether the flag is set.
    pub const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
}

/// The types of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageType {
    /// Control structure of an enclave.
    Secs = 0,
    /// Control structure of a thread.
    Tcs = 1,
    /// Code or data.
    Reg = 2,
    /// Versions of pages that were written out.
    Va = 3,
    /// On its way out of the enclave.
    Trim = 4,
    /// First page of a shadow stack (unchecked).
    SsFirst = 5,
    /// A further page of a shadow stack (unchecked).
    SsRest = 6,
}

impl PageType {
    /// The vendor's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secs => "SECS",
            Self::Tcs => "TCS",
            Self::Reg => "REG",
            Self::Va => "VA",
            Self::Trim => "TRIM",
            Self::SsFirst => "SS_FIRST",
            Self::SsRest => "SS_REST",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_structures_have_the_sizes_and_offsets_of_the_manual() {
        assert_eq!(size_of::<Secs>(), 4096);
        assert_eq!(offset_of!(Secs, cet_attributes), 32);
        assert_eq!(offset_of!(Secs, attributes), 48);
        assert_eq!(offset_of!(Secs, mrsigner), 128);
        assert_eq!(offset_of!(Secs, configsvn), 260);

        assert_eq!(size_of::<TargetInfo>(), 512);
        assert_eq!(offset_of!(TargetInfo, configsvn), 50);
        assert_eq!(offset_of!(TargetInfo, miscselect), 52);
        assert_eq!(offset_of!(TargetInfo, configid), 64);

        assert_eq!(size_of::<KeyRequest>(), 512);
        assert_eq!(offset_of!(KeyRequest, cpusvn), 8);
        assert_eq!(offset_of!(KeyRequest, keyid), 40);
        assert_eq!(offset_of!(KeyRequest, configsvn), 76);

        assert_eq!(size_of::<Tcs>(), 4096);
        assert_eq!(offset_of!(Tcs, nssa), 28);
        assert_eq!(offset_of!(Tcs, gslimit), 68);
    }

    #[test]
    fn the_flags_of_common_pages() {
        assert_eq!(SecinfoFlags::TCS.0, 0x100);
        assert_eq!(SecinfoFlags::CODE.0, 0x205);
        assert_eq!(SecinfoFlags::DATA.0, 0x203);
        assert_eq!(SecinfoFlags(0x0700).page_type(), None);
    }
}
