//! `EGETKEY`: every key, and why there is none.

use bulla_enclave::machine::{Vector, flags};
use bulla_evidence::layout::sgx_attributes;
use bulla_processor::Grants;
use bulla_processor::structures::{KeyRequest, key_name, key_policy};
use zerocopy::IntoBytes;

use crate::leaves::CODE_FLAGS;
use crate::world::*;

fn egetkey(request: &KeyRequest) -> Tiny {
    let code = leaf(1, &[("rbx", DATA), ("rcx", DATA + 0x200)]);
    Tiny {
        data: request.as_bytes().to_vec(),
        ..Tiny::new(&[STC, &code, &keep_outcome(), &eexit()])
    }
}

#[test]
fn egetkey_writes_the_key_and_clears_the_flags() {
    let request = KeyRequest::new(key_name::SEAL, key_policy::MRENCLAVE);
    let (machine, registers) = egetkey(&request).exit();
    let key = processor()
        .egetkey(machine.enclave(), &request)
        .expect("a key");
    assert_eq!(&read::<16>(&machine, DATA + 0x200), key.as_bytes());
    assert_eq!(registers.r8, 0);
    assert_eq!(registers.r9 & CODE_FLAGS, 0);
}

#[test]
fn each_key_is_given_to_whom_it_is_due() {
    let permitted = |name, flag| {
        let tiny = Tiny {
            flags: flag,
            grants: Grants {
                provisioning: true,
                launch: true,
            },
            ..egetkey(&KeyRequest::new(name, 0))
        };
        let (machine, registers) = tiny.exit();
        assert_eq!((registers.r8, registers.r9 & CODE_FLAGS), (0, 0));
        read::<16>(&machine, DATA + 0x200)
    };
    let keys = [
        permitted(key_name::EINITTOKEN, sgx_attributes::EINITTOKEN_KEY),
        permitted(key_name::PROVISION, sgx_attributes::PROVISION_KEY),
        permitted(key_name::PROVISION_SEAL, sgx_attributes::PROVISION_KEY),
        permitted(key_name::REPORT, 0),
        permitted(key_name::SEAL, 0),
        // Policies of KSS are served to an enclave with KSS.
        {
            let request = KeyRequest::new(key_name::SEAL, key_policy::NOISVPRODID);
            let tiny = Tiny {
                flags: sgx_attributes::KSS,
                ..egetkey(&request)
            };
            read::<16>(&tiny.exit().0, DATA + 0x200)
        },
    ];
    for (index, key) in keys.iter().enumerate() {
        assert_ne!(*key, [0; 16], "key {index}");
        assert!(!keys[..index].contains(key), "key {index} is another's");
    }
}

#[test]
fn egetkey_says_by_a_code_why_there_is_no_key() {
    let seal = KeyRequest::new(key_name::SEAL, key_policy::MRSIGNER);
    for (request, code) in [
        (KeyRequest::new(77, 0), 256),
        (KeyRequest::new(key_name::PROVISION, 0), 2),
        (KeyRequest::new(key_name::PROVISION_SEAL, 0), 2),
        (KeyRequest::new(key_name::EINITTOKEN, 0), 2),
        (seal.at([6; 16], 3), 32),
        (seal.at([5; 16], 4), 64),
        (
            KeyRequest {
                configsvn: 1.into(),
                ..seal
            },
            64,
        ),
    ] {
        let (machine, registers) = egetkey(&request).exit();
        assert_eq!(registers.r8, code, "{request:?}");
        assert_eq!(registers.r9 & CODE_FLAGS, flags::ZF);
        assert_eq!(read::<16>(&machine, DATA + 0x200), [0; 16]);
    }
}

#[test]
fn egetkey_faults_for_a_request_that_breaks_its_format() {
    let request = KeyRequest::new(key_name::SEAL, 0);
    let mut last = request;
    last.reserved2[433] = 1;
    for request in [
        KeyRequest {
            reserved1: 1,
            ..request
        },
        last,
        KeyRequest::new(key_name::SEAL, 0x40),
        // A policy of KSS, asked for by an enclave without.
        KeyRequest::new(key_name::SEAL, key_policy::CONFIGID),
    ] {
        let (machine, exception, _) = egetkey(&request).exception();
        assert_eq!(exception.vector, Vector::GeneralProtection, "{request:?}");
        assert_eq!(read::<16>(&machine, DATA + 0x200), [0; 16]);
    }
}
