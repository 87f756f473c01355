//! MRSIGNER and what signers sign.

use bulla_enclave::image::demonstration;
use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use bulla_processor::architectural::{self, Role};
use bulla_processor::{EnclaveSigner, Sigstruct};
use independent_measurements::{Signed, sign, signed};
use sgx_isa::{AttributesFlags, Miscselect};
use sgxs::sigstruct::{EnclaveHash, Signer};
use zerocopy::IntoBytes;

#[test]
fn the_signer_of_the_model_is_the_same() {
    let signer = EnclaveSigner::architectural();
    for role in [
        Role::Certification,
        Role::QuotingEnclaves,
        Role::QuotingDomains,
    ] {
        let enclave = role.enclave(1);
        let theirs = signed(enclave.sigstruct(&signer).as_bytes()).expect("it holds");
        let ours = Signed {
            mrenclave: enclave.image().mrenclave().expect("the size is known"),
            mrsigner: architectural::MRSIGNER,
        };
        assert_eq!(theirs, ours);
    }
}

/// Keys that are the same everywhere, and one that was never before.
fn signers() -> Vec<EnclaveSigner> {
    let mut random = [0; 32];
    openssl::rand::rand_bytes(&mut random).expect("random bytes");
    vec![
        EnclaveSigner::demonstration(),
        EnclaveSigner::generate(&random),
    ]
}

#[test]
fn both_sign_the_same_bytes_with_the_same_key() {
    let mrenclave = demonstration::image().mrenclave();
    let mrenclave = mrenclave.expect("the size is known");
    for signer in signers() {
        let mut ours = Sigstruct {
            date: 0x2026_1128.into(),
            misc_mask: u32::MAX.into(),
            attributes: SgxAttributes {
                flags: (sgx_attributes::MODE64 | sgx_attributes::DEBUG).into(),
                xfrm: 3.into(),
            },
            attribute_mask: SgxAttributes {
                flags: u64::MAX.into(),
                xfrm: (!0x2e4).into(),
            },
            isvprodid: 7.into(),
            isvsvn: 3.into(),
            ..Sigstruct::new(mrenclave)
        };
        signer.sign(&mut ours);

        let mut theirs = Signer::new(EnclaveHash::new(mrenclave));
        theirs
            .date(2026, 11, 28)
            .miscselect(Miscselect::default(), u32::MAX)
            .attributes_flags(
                AttributesFlags::MODE64BIT | AttributesFlags::DEBUG,
                u64::MAX,
            )
            .attributes_xfrm(3, !0x2e4)
            .isvprodid(7)
            .isvsvn(3);
        let theirs = sign(theirs, signer.to_pem().as_bytes()).expect("a key");
        assert!(theirs == ours.as_bytes());
        let expected = Signed {
            mrenclave,
            mrsigner: signer.mrsigner(),
        };
        assert_eq!(signed(&theirs).expect("it holds"), expected);
    }
}

#[test]
fn what_was_changed_holds_for_neither() {
    let mut sigstruct = Role::QuotingEnclaves
        .enclave(1)
        .sigstruct(&EnclaveSigner::demonstration());
    assert!(sigstruct.check_signature().is_ok());
    // Date, modulus, signature, measurement, security version, and both quotients.
    for at in [20, 200, 600, 970, 1026, 1100, 1500] {
        sigstruct.as_mut_bytes()[at] ^= 1;
        assert!(signed(sigstruct.as_bytes()).is_err(), "{at}");
        assert!(sigstruct.check_signature().is_err(), "{at}");
        sigstruct.as_mut_bytes()[at] ^= 1;
    }
}
