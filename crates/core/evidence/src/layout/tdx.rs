//! The bodies of TDX quotes. Each version extends the one before it.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a quote says of a trust domain, as of TDX 1.0, 584 bytes.
///
/// Intel TDX DCAP quoting library reference, "TD Quote Body".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TdReport10 {
    /// 0/16: security versions of the TDX components. Byte 0 is that of the TDX module, byte 1
    /// the module's major version, which selects the TDX module identity.
    pub tee_tcb_svn: [u8; 16],
    /// 16/48: SHA-384 measurement of the TDX module.
    pub mrseam: [u8; 48],
    /// 64/48: SHA-384 of the module's signer; zero for modules signed by Intel.
    pub mrsignerseam: [u8; 48],
    /// 112/8: attributes of the TDX module; zero for modules in production.
    pub seamattributes: U64,
    /// 120/8: attributes of the trust domain; see [`td_attributes`](super::td_attributes).
    pub tdattributes: U64,
    /// 128/8: the processor state components that the trust domain may use, as in `XCR0` and
    /// `IA32_XSS`.
    pub xfam: U64,
    /// 136/48: SHA-384 measurement of the trust domain's initial contents.
    pub mrtd: [u8; 48],
    /// 184/48: configuration id, chosen by whoever started the trust domain.
    pub mrconfigid: [u8; 48],
    /// 232/48: owner, chosen likewise.
    pub mrowner: [u8; 48],
    /// 280/48: owner's configuration, chosen likewise.
    pub mrownerconfig: [u8; 48],
    /// 328/48: measurement register 0, extended at run time; by convention the virtual firmware.
    pub rtmr0: [u8; 48],
    /// 376/48: measurement register 1; by convention boot loader and kernel.
    pub rtmr1: [u8; 48],
    /// 424/48: measurement register 2; by convention the operating system.
    pub rtmr2: [u8; 48],
    /// 472/48: measurement register 3; by convention the application.
    pub rtmr3: [u8; 48],
    /// 520/64: data of the trust domain's choice.
    pub reportdata: [u8; 64],
}

/// What a quote says of a trust domain, as of TDX 1.5, 648 bytes.
///
/// Intel TDX DCAP quoting library reference, version 5 quotes, body type 3.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TdReport15 {
    /// 0/584: the fields of TDX 1.0. Here `tee_tcb_svn` is as of the launch of the trust domain.
    pub td10: TdReport10,
    /// 584/16: security versions of the TDX components now: the module can be updated under a
    /// running trust domain.
    pub tee_tcb_svn2: [u8; 16],
    /// 600/48: SHA-384 over the service trust domains bound to this one; zero without any.
    pub mrservicetd: [u8; 48],
}

/// What a quote says of a trust domain, as of TDX 1.5 with the extended service TD fields,
/// 885 bytes.
///
/// The fields `init_*` and `cur_*` are filled in only when the trust domain has the attribute
/// `SERVTD_EXT`; otherwise they are zero.
///
/// Intel TDX DCAP quoting library reference, version 5 quotes, body type 4.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TdReport15Ex {
    /// 0/648: the fields of TDX 1.5.
    pub td15: TdReport15,
    /// 648/1: number of the virtual machine inside the trust domain; 0 without partitioning.
    pub vmid: u8,
    /// 649/32: id of the trust domain.
    pub tdid: [u8; 32],
    /// 681/48: measurement of the assigned devices.
    pub devinfo: [u8; 48],
    /// 729/48: service trust domains at launch; equals `mrservicetd`.
    pub init_servtd_hash: [u8; 48],
    /// 777/8: attributes of the service trust domains at launch.
    pub init_servtd_attributes: U64,
    /// 785/16: `cpusvn` of the platform where the trust domain was launched.
    pub init_cpusvn: [u8; 16],
    /// 801/16: `tee_tcb_svn` of the platform where the trust domain was launched.
    pub init_tee_tcb_svn: [u8; 16],
    /// 817/12: FMSPC of the platform where the trust domain was launched.
    pub init_tee_fmspc: [u8; 12],
    /// 829/48: service trust domains now.
    pub cur_servtd_hash: [u8; 48],
    /// 877/8: attributes of the service trust domains now.
    pub cur_servtd_attributes: U64,
}
