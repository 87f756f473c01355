//! One platform as it is by default: its SVNs, its quoting enclave and what runs on it.

use bulla_evidence::layout::{
    SgxReportBody, TdReport10, TdReport15, TdReport15Ex, sgx_attributes, td_attributes,
};
use bulla_evidence::{BodyType, Tee};
use zerocopy::FromZeros;

use crate::key::Seed;
use crate::quote_data::QuoteBody;
use crate::sgx_extension::{PlatformSpec, SgxExtensionSpec, SgxType};
use crate::vendor::PckCa;

/// The first FMSPC of simulated platforms: `ff`, where the vendor's begin with `00` to `c0`, then
/// `SIMUL`.
pub const SIMULATED_FMSPC: [u8; 6] = *b"\xffSIMUL";

/// The processor's SVN, which is also the list of component SVNs. One of them is 255, as in many
/// genuine ones: its INTEGER needs a leading zero octet, and no SVN exceeds it.
const CPUSVN: [u8; 16] = [7, 7, 2, 2, 4, 1, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0];

/// SVN of the provisioning certification enclave.
pub(crate) const PCESVN: u16 = 13;

/// SVNs of the TDX components: SVN 5 of the module's major version 1, and microcode.
const TEE_TCB_SVN: [u8; 16] = [5, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// x87, SSE, AVX and AVX-512 state, in `XCR0`.
const XFRM: u64 = 0xe7;

/// As [`XFRM`], with protection keys, user interrupts and AMX beside them.
const XFAM: u64 = 0x0006_02e7;

/// What the PCK certificate says of the platform.
pub(crate) fn sgx_extension(seed: &Seed, ca: PckCa) -> SgxExtensionSpec {
    SgxExtensionSpec {
        ppid: seed.bytes("ppid"),
        component_svns: CPUSVN.map(u32::from).to_vec(),
        pcesvn: PCESVN.into(),
        cpusvn: CPUSVN,
        pceid: [0; 2],
        fmspc: SIMULATED_FMSPC,
        sgx_type: match ca {
            PckCa::Processor => SgxType::Standard,
            PckCa::Platform => SgxType::Scalable,
        },
        platform: (ca == PckCa::Platform).then(|| PlatformSpec {
            platform_instance_id: seed.bytes("platform instance id"),
            dynamic_platform: true,
            cached_keys: true,
            smt_enabled: true,
        }),
    }
}

/// The report of the quoting enclave for enclaves or for trust domains, with empty report data.
pub(crate) fn quoting_enclave(seed: &Seed, tee: Tee) -> SgxReportBody {
    let (isvprodid, isvsvn) = match tee {
        Tee::Sgx => (1, 8),
        Tee::Tdx => (2, 4),
    };
    let mut report = enclave(seed, "qe");
    report.attributes.flags |= sgx_attributes::PROVISION_KEY;
    report.isvprodid = isvprodid.into();
    report.isvsvn = isvsvn.into();
    report
}

/// An application: an enclave or a trust domain, neither open to debugging.
pub(crate) fn application(seed: &Seed, body_type: BodyType) -> QuoteBody {
    match body_type {
        BodyType::Sgx => QuoteBody::Sgx(SgxReportBody {
            isvprodid: 1.into(),
            isvsvn: 1.into(),
            reportdata: seed.bytes("report data"),
            ..enclave(seed, "application")
        }),
        BodyType::Td10 => QuoteBody::Td10(td10(seed)),
        BodyType::Td15 => QuoteBody::Td15(td15(seed)),
        BodyType::Td15Ex => QuoteBody::Td15Ex(TdReport15Ex {
            td15: td15(seed),
            tdid: seed.bytes("tdid"),
            ..TdReport15Ex::new_zeroed()
        }),
    }
}

fn enclave(seed: &Seed, who: &str) -> SgxReportBody {
    let mut report = SgxReportBody {
        cpusvn: CPUSVN,
        mrenclave: seed.bytes(&format!("{who} mrenclave")),
        mrsigner: seed.bytes(&format!("{who} mrsigner")),
        ..SgxReportBody::new_zeroed()
    };
    report.attributes.flags = (sgx_attributes::INIT | sgx_attributes::MODE64).into();
    report.attributes.xfrm = XFRM.into();
    report
}

fn td10(seed: &Seed) -> TdReport10 {
    TdReport10 {
        tee_tcb_svn: TEE_TCB_SVN,
        mrseam: seed.bytes("mrseam"),
        tdattributes: td_attributes::SEPT_VE_DISABLE.into(),
        xfam: XFAM.into(),
        mrtd: seed.bytes("mrtd"),
        rtmr0: seed.bytes("rtmr0"),
        rtmr1: seed.bytes("rtmr1"),
        rtmr2: seed.bytes("rtmr2"),
        rtmr3: seed.bytes("rtmr3"),
        reportdata: seed.bytes("report data"),
        ..TdReport10::new_zeroed()
    }
}

fn td15(seed: &Seed) -> TdReport15 {
    TdReport15 {
        td10: td10(seed),
        tee_tcb_svn2: TEE_TCB_SVN,
        mrservicetd: [0; 48],
    }
}
