//! Who can open sealed data.

use bulla_processor::structures::{KeyRequest, key_policy};
use bulla_processor::{Enclave, Failure, Processor, UnsealError};

use super::start::{Placed, start};
use super::tell;
use crate::args::{SealInfoArgs, SignatureArgs};
use crate::describe::{Fields, body};
use crate::error::{Error, Result};
use crate::input;
use crate::output::{Exit, Output};

/// Largest file of sealed data: the secrets of a program, not its data.
const MAX_SEALED_SIZE: usize = 64 * 1024 * 1024;

const POLICIES: [(u16, &str); 6] = [
    (key_policy::MRENCLAVE, "MRENCLAVE"),
    (key_policy::MRSIGNER, "MRSIGNER"),
    (key_policy::NOISVPRODID, "NOISVPRODID"),
    (key_policy::CONFIGID, "CONFIGID"),
    (key_policy::ISVFAMILYID, "ISVFAMILYID"),
    (key_policy::ISVEXTPRODID, "ISVEXTPRODID"),
];

pub(super) fn run(args: &SealInfoArgs, output: &mut Output) -> Result<Exit> {
    let sealed = input::read("sealed data", &args.sealed, MAX_SEALED_SIZE)?;
    let request = KeyRequest::of_sealed(&sealed).ok_or_else(|| Error::SealedMalformed {
        path: args.sealed.clone(),
    })?;
    let mut fields = describe(&request).with("size", sealed.len());
    let mut exit = Exit::Done;
    let placed = Placed::of(&args.platform)?;
    if let (Some(image), Some(placed)) = (&args.image, placed) {
        let signature = SignatureArgs {
            sigstruct: args.sigstruct.clone(),
            throwaway_key: false,
        };
        let enclave = start(image, &signature, &args.memory)?;
        let opened = open(&placed.processor(), &enclave, &sealed, &request);
        if opened.is_err() {
            exit = Exit::Refused;
        }
        fields = fields
            .hex("mrenclave", enclave.secs().mrenclave)
            .hex("mrsigner", enclave.secs().mrsigner)
            .with("platform", placed.platform.name().as_str())
            .with("opens", opened.is_ok())
            .with("reason", opened.unwrap_or_else(|reason| reason));
    }
    tell(&fields, output)?;
    Ok(exit)
}

/// Which key it is sealed under.
fn describe(request: &KeyRequest) -> Fields {
    let policy = request.key_policy.get();
    let named = POLICIES.iter().filter(|(bit, _)| policy & bit != 0);
    let policies: Vec<&str> = named.map(|(_, name)| *name).collect();
    let (flags, xfrm) = (
        request.attribute_mask.flags.get(),
        request.attribute_mask.xfrm,
    );
    Fields::new()
        .with("key_policy", policies)
        .with("isvsvn", request.isvsvn.get())
        .hex("cpusvn", request.cpusvn)
        .with("configsvn", request.configsvn.get())
        .with("attributes_that_count", body::sgx_names(flags))
        .hex("xfrm_mask", xfrm.to_bytes())
        .hex("miscselect_mask", request.misc_mask.to_bytes())
        .hex("keyid", request.keyid)
}

/// Whether the enclave opens it on this processor, and by what that is known.
fn open(
    processor: &Processor,
    enclave: &Enclave,
    sealed: &[u8],
    request: &KeyRequest,
) -> std::result::Result<String, String> {
    match processor.unseal(enclave, sealed) {
        Ok(_) => Ok("the vendor's layout: the code holds".to_owned()),
        // Of other layouts no more can be said than whether the key is given.
        Err(UnsealError::Malformed) => processor
            .egetkey(enclave, request)
            .map(|_| "the processor gives a key; the layout behind the request is not known".into())
            .map_err(|failure| refused(&failure)),
        Err(UnsealError::Refused(failure)) => Err(refused(&failure)),
        Err(error) => Err(error.to_string()),
    }
}

fn refused(failure: &Failure) -> String {
    format!("the processor refuses the key: {failure}")
}
