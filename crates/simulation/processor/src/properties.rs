//! What keys depend on, held against the table of the manual.

use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use bulla_issuer::Seed;
use proptest::prelude::*;
use zerocopy::FromBytes;

use crate::enclave::Enclave;
use crate::error::{ErrorCode, Failure};
use crate::fuses::Fuses;
use crate::kdf::Key;
use crate::processor::Processor;
use crate::structures::{KeyRequest, Secs, key_name, key_policy};

/// The versions of the processor under test: above zero and below 255 in every component.
const CPUSVN: [u8; 16] = [100; 16];

/// One thing on which a key may depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    FuseSecrets,
    OwnerEpoch,
    RequestedCpusvn,
    RequestedIsvsvn,
    RequestedConfigsvn,
    Keyid,
    Policy,
    AttributeInMask,
    AttributeOutsideMask,
    Init,
    Debug,
    XfrmInMask,
    XfrmOutsideMask,
    MiscInMask,
    MiscOutsideMask,
    Isvprodid,
    OwnIsvsvn,
    OwnConfigsvn,
    Mrenclave,
    Mrsigner,
    Configid,
    Isvfamilyid,
    Isvextprodid,
}

use Field::*;

const FIELDS: [Field; 23] = [
    FuseSecrets,
    OwnerEpoch,
    RequestedCpusvn,
    RequestedIsvsvn,
    RequestedConfigsvn,
    Keyid,
    Policy,
    AttributeInMask,
    AttributeOutsideMask,
    Init,
    Debug,
    XfrmInMask,
    XfrmOutsideMask,
    MiscInMask,
    MiscOutsideMask,
    Isvprodid,
    OwnIsvsvn,
    OwnConfigsvn,
    Mrenclave,
    Mrsigner,
    Configid,
    Isvfamilyid,
    Isvextprodid,
];

/// The table: whether the key of this name and policy depends on the field.
fn depends(field: Field, name: u16, policy: u16) -> bool {
    let is = |names: &[u16]| names.contains(&name);
    let sealing = is(&[key_name::SEAL, key_name::PROVISION_SEAL]);
    let report = is(&[key_name::REPORT]);
    let has = |bit: u16| policy & bit != 0;
    match field {
        FuseSecrets => true,
        OwnerEpoch => is(&[key_name::EINITTOKEN, key_name::REPORT, key_name::SEAL]),
        RequestedCpusvn | RequestedIsvsvn => !report,
        RequestedConfigsvn => sealing && has(key_policy::CONFIGID),
        Keyid => is(&[key_name::EINITTOKEN, key_name::REPORT, key_name::SEAL]),
        Policy => sealing,
        AttributeInMask | Init | Debug | XfrmInMask | MiscInMask => true,
        // A report is for one enclave exactly.
        AttributeOutsideMask | XfrmOutsideMask | MiscOutsideMask => report,
        Isvprodid => match name {
            key_name::REPORT => false,
            key_name::SEAL | key_name::PROVISION_SEAL => !has(key_policy::NOISVPRODID),
            _ => true,
        },
        OwnIsvsvn => false,
        OwnConfigsvn => report,
        Mrenclave => report || (name == key_name::SEAL && has(key_policy::MRENCLAVE)),
        Mrsigner => match name {
            key_name::REPORT => false,
            key_name::SEAL => has(key_policy::MRSIGNER),
            _ => true,
        },
        Configid => report || (sealing && has(key_policy::CONFIGID)),
        Isvfamilyid => sealing && has(key_policy::ISVFAMILYID),
        Isvextprodid => sealing && has(key_policy::ISVEXTPRODID),
    }
}

/// Everything that a key is derived from.
#[derive(Clone, Debug)]
struct Setting {
    processor: Processor,
    secs: Secs,
    request: KeyRequest,
}

impl Setting {
    fn key(&self) -> Result<Key, Failure> {
        self.processor
            .egetkey(&Enclave::of(self.secs.clone()), &self.request)
    }

    /// The same but for one thing.
    fn with_other(&self, field: Field) -> Self {
        let mut other = self.clone();
        let secs = &mut other.secs;
        let request = &mut other.request;
        match field {
            FuseSecrets => {
                other.processor = Processor::new(Fuses::derive(&Seed::from(2), "other"), CPUSVN)
            }
            OwnerEpoch => other.processor = other.processor.with_owner_epoch([9; 16]),
            RequestedCpusvn => request.cpusvn[5] ^= 1,
            RequestedIsvsvn => request.isvsvn = (request.isvsvn.get() ^ 1).into(),
            RequestedConfigsvn => request.configsvn = (request.configsvn.get() ^ 1).into(),
            Keyid => request.keyid[31] ^= 1,
            Policy => request.key_policy = (request.key_policy.get() ^ key_policy::MRSIGNER).into(),
            AttributeInMask => secs.attributes.flags ^= sgx_attributes::CET,
            AttributeOutsideMask => secs.attributes.flags ^= sgx_attributes::AEX_NOTIFY,
            Init => secs.attributes.flags ^= sgx_attributes::INIT,
            Debug => secs.attributes.flags ^= sgx_attributes::DEBUG,
            XfrmInMask => secs.attributes.xfrm ^= 4,
            XfrmOutsideMask => secs.attributes.xfrm ^= 1 << 9,
            MiscInMask => secs.miscselect ^= 1,
            MiscOutsideMask => secs.miscselect ^= 2,
            Isvprodid => secs.isvprodid = (secs.isvprodid.get() ^ 1).into(),
            OwnIsvsvn => secs.isvsvn += 1,
            OwnConfigsvn => secs.configsvn += 1,
            Mrenclave => secs.mrenclave[0] ^= 1,
            Mrsigner => secs.mrsigner[0] ^= 1,
            Configid => secs.configid[63] ^= 1,
            Isvfamilyid => secs.isvfamilyid[0] ^= 1,
            Isvextprodid => secs.isvextprodid[15] ^= 1,
        }
        other
    }
}

prop_compose! {
    /// A request that the enclave may make. What the fields above change is in the mask or outside
    /// it as their names say; everything else is anything.
    fn settings()(
        name in 0u16..=4,
        policy in 0u16..=key_policy::ALL,
        cpusvn in any::<[u8; 16]>().prop_map(|svn| svn.map(|byte| byte % 100)),
        isvsvn in 0u16..1000,
        configsvn in 0u16..1000,
        keyid in any::<[u8; 32]>(),
        flags_mask in any::<u64>(),
        xfrm_mask in any::<u64>(),
        misc_mask in any::<u32>(),
        identity in prop::collection::vec(any::<u8>(), 4096),
    ) -> Setting {
        let mut secs = Secs::read_from_bytes(&identity).expect("a page");
        secs.attributes.flags = sgx_attributes::NAMED.iter().fold(0, |all, (_, flag)| all | flag).into();
        secs.isvsvn = 1000.into();
        secs.configsvn = 1000.into();
        let mut request = KeyRequest::new(name, policy).at(cpusvn, isvsvn);
        request.configsvn = configsvn.into();
        request.keyid = keyid;
        let without_required = !(sgx_attributes::INIT | sgx_attributes::DEBUG);
        request.attribute_mask = SgxAttributes {
            flags: ((flags_mask | sgx_attributes::CET) & without_required & !sgx_attributes::AEX_NOTIFY).into(),
            xfrm: ((xfrm_mask | 4) & !(1 << 9)).into(),
        };
        request.misc_mask = ((misc_mask | 1) & !2).into();
        let fuses = Fuses::derive(&Seed::from(1), "a");
        Setting { processor: Processor::new(fuses, CPUSVN), secs, request }
    }
}

proptest! {
    #[test]
    fn a_key_changes_with_exactly_what_it_depends_on(setting in settings()) {
        let key = setting.key().expect("the enclave may have it");
        let (name, policy) = (setting.request.key_name.get(), setting.request.key_policy.get());
        for field in FIELDS {
            let other = setting.with_other(field).key().expect("the other may have it");
            prop_assert_eq!(
                key != other,
                depends(field, name, policy),
                "key {} with policy {:#x} and {:?}", name, policy, field
            );
        }
    }

    #[test]
    fn later_versions_are_refused_and_earlier_ones_survive_an_update(
        setting in settings().prop_filter("reports know one version", |setting| {
            setting.request.key_name != key_name::REPORT
        }),
        current in any::<[u8; 16]>(),
        own in any::<u16>(),
        asked in any::<u16>(),
    ) {
        let mut setting = setting;
        setting.processor.restart(current);
        setting.secs.isvsvn = own.into();
        setting.request.isvsvn = asked.into();
        let svn = setting.request.cpusvn;
        let fits = svn.iter().zip(&current).all(|(svn, current)| svn <= current);
        let expected = match (fits, asked <= own) {
            (false, _) => Some(ErrorCode::InvalidCpuSvn),
            (true, false) => Some(ErrorCode::InvalidIsvSvn),
            (true, true) => None,
        };
        let key = setting.key();
        prop_assert_eq!(key.clone().err().and_then(|failure| failure.error_code()), expected);

        // After updates of processor and enclave the same request gives the same key.
        setting.processor.restart([255; 16]);
        setting.secs.isvsvn = u16::MAX.into();
        let updated = setting.key().expect("nothing is later than this");
        if let Ok(key) = key {
            prop_assert_eq!(key, updated);
        }
    }
}

#[test]
fn keys_are_refused_with_the_code_of_the_manual() {
    let fuses = Fuses::derive(&Seed::from(1), "a");
    let processor = Processor::new(fuses, CPUSVN);
    let mut secs = Secs::read_from_bytes(&[0; 4096]).expect("a page");
    secs.attributes.flags = (sgx_attributes::INIT | sgx_attributes::MODE64).into();
    let enclave = Enclave::of(secs);
    let code = |request: KeyRequest| {
        let failure = processor.egetkey(&enclave, &request).unwrap_err();
        failure.error_code()
    };
    for (name, expected) in [
        (key_name::EINITTOKEN, ErrorCode::InvalidAttribute),
        (key_name::PROVISION, ErrorCode::InvalidAttribute),
        (key_name::PROVISION_SEAL, ErrorCode::InvalidAttribute),
        (5, ErrorCode::InvalidKeyName),
        (u16::MAX, ErrorCode::InvalidKeyName),
    ] {
        assert_eq!(code(KeyRequest::new(name, 0)), Some(expected), "{name}");
    }

    let seal = |policy| KeyRequest::new(key_name::SEAL, policy);
    assert!(
        processor
            .egetkey(&enclave, &seal(key_policy::MRSIGNER))
            .is_ok()
    );
    let faults = [
        seal(key_policy::NOISVPRODID),
        seal(key_policy::CONFIGID),
        seal(0x40),
        KeyRequest {
            reserved1: 1,
            ..seal(0)
        },
        KeyRequest {
            reserved2: [1; 434],
            ..seal(0)
        },
    ];
    for request in faults {
        assert_eq!(code(request), None, "a fault");
    }
    let mut later = seal(0);
    later.configsvn = 1.into();
    assert_eq!(code(later), Some(ErrorCode::InvalidIsvSvn));
}
