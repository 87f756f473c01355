//! The vendor's JSON: what is accepted is JSON to another reader, and says the same there.

#![no_main]

use bulla_collateral::{
    CollateralSet, EnclaveIdentity, EvaluationDataNumbers, IsvLevels, SignedKind, SignedText,
    TcbInfo, TcbInfoId,
};
use bulla_pki::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    check_body(text);
    if let Ok((kind, signed)) = SignedText::from_wrapped(text) {
        check_wrapped(kind, &signed, text);
        check_body(&signed.body);
    }
    if let Ok(set) = CollateralSet::from_json(text) {
        check_set(&set, text);
    }
});

/// Reads a signed text as each of the three kinds; none is two of them.
fn check_body(text: &[u8]) {
    let tcb_info = TcbInfo::parse(text);
    let identity = EnclaveIdentity::parse(text);
    let numbers = EvaluationDataNumbers::parse(text);
    if let Ok(document) = &tcb_info {
        check_tcb_info(document, &value(text));
    }
    if let Ok(document) = &identity {
        check_identity(document, &value(text));
    }
    if let Ok(document) = &numbers {
        check_numbers(document, &value(text));
    }
    let kinds = [tcb_info.is_ok(), identity.is_ok(), numbers.is_ok()];
    assert!(kinds.into_iter().filter(|is_kind| *is_kind).count() <= 1);
}

/// The same text as another reader reads it, which keeps one of two members of the same name.
fn value(text: &[u8]) -> Value {
    let value = serde_json::from_slice(text).expect("whatever is accepted is JSON");
    assert_eq!(
        members(&value),
        written_members(text),
        "a member stands twice"
    );
    value
}

/// How many members the objects in it have.
fn members(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(members).sum(),
        Value::Object(object) => object.values().map(|value| 1 + members(value)).sum(),
        _ => 0,
    }
}

/// How many colons stand outside of strings.
fn written_members(text: &[u8]) -> usize {
    let (mut count, mut in_string, mut bytes) = (0, false, text.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => drop(bytes.next()),
            b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn check_tcb_info(ours: &TcbInfo, theirs: &Value) {
    assert_eq!(theirs["version"], ours.version);
    assert_eq!(theirs.get("id").is_some(), ours.version == 3);
    assert_hex(&ours.fmspc, &theirs["fmspc"]);
    assert_hex(&ours.pce_id, &theirs["pceId"]);
    assert_eq!(
        theirs["tcbEvaluationDataNumber"],
        ours.evaluation_data_number
    );
    assert_eq!(theirs["issueDate"], ours.window.from.to_string());
    assert_eq!(theirs["nextUpdate"], ours.window.until.to_string());

    let is_tdx = ours.id == TcbInfoId::Tdx;
    assert_eq!(ours.tdx_module.is_some(), is_tdx);
    assert!(is_tdx || ours.tdx_module_identities.is_empty());
    if let Some(module) = &ours.tdx_module {
        assert_hex(&module.mrsigner, &theirs["tdxModule"]["mrsigner"]);
        assert_hex(&module.attributes, &theirs["tdxModule"]["attributes"]);
    }
    let identities = theirs["tdxModuleIdentities"].as_array();
    assert_eq!(
        ours.tdx_module_identities.len(),
        identities.map_or(0, Vec::len)
    );
    for theirs in identities.into_iter().flatten() {
        let id = theirs["id"].as_str().expect("a text");
        let version = u8::from_str_radix(&id[4..], 16).expect("a version");
        let identity = ours.tdx_module_identity(version).expect("it is listed");
        assert_hex(&identity.module.mrsigner, &theirs["mrsigner"]);
        check_isv_levels(&identity.tcb_levels, &theirs["tcbLevels"]);
    }

    let keys: Vec<_> = ours
        .tcb_levels
        .iter()
        .map(|level| {
            assert_eq!(level.tdx_components.is_some(), is_tdx);
            (level.sgx_components, level.pcesvn, level.tdx_components)
        })
        .collect();
    assert!(
        keys.is_sorted_by(|high, low| high > low),
        "sorted, no two alike"
    );
    let levels = theirs["tcbLevels"].as_array().expect("a list");
    assert_eq!(keys.len(), levels.len());
    for theirs in levels {
        let tcb = &theirs["tcb"];
        let key = (
            match ours.version {
                2 => numbered_components(tcb),
                _ => components(&tcb["sgxtcbcomponents"]).expect("components"),
            },
            u16::try_from(number(&tcb["pcesvn"])).expect("16 bits"),
            components(&tcb["tdxtcbcomponents"]),
        );
        let index = keys.iter().position(|known| *known == key);
        let level = ours.tcb_levels.iter().nth(index.expect("it is listed"));
        let level = level.expect("it is listed");
        assert_eq!(theirs["tcbStatus"], level.status.as_str());
        assert_eq!(theirs["tcbDate"], level.date.to_string());
        assert_advisories(&level.advisory_ids, theirs);
    }
}

fn check_identity(ours: &EnclaveIdentity, theirs: &Value) {
    assert_eq!(theirs["version"], 2);
    assert_eq!(theirs["id"], ours.id.as_str());
    assert_eq!(theirs["issueDate"], ours.window.from.to_string());
    assert_eq!(theirs["nextUpdate"], ours.window.until.to_string());
    assert_eq!(
        theirs["tcbEvaluationDataNumber"],
        ours.evaluation_data_number
    );
    assert_hex(&ours.miscselect, &theirs["miscselect"]);
    assert_hex(&ours.miscselect_mask, &theirs["miscselectMask"]);
    assert_hex(&ours.attributes, &theirs["attributes"]);
    assert_hex(&ours.attributes_mask, &theirs["attributesMask"]);
    assert_hex(&ours.mrsigner, &theirs["mrsigner"]);
    assert_eq!(theirs["isvprodid"], ours.isvprodid);
    check_isv_levels(&ours.tcb_levels, &theirs["tcbLevels"]);
}

fn check_isv_levels(ours: &IsvLevels, theirs: &Value) {
    assert!(
        ours.iter()
            .is_sorted_by(|high, low| high.isvsvn > low.isvsvn)
    );
    let theirs = theirs.as_array().expect("a list");
    assert_eq!(ours.iter().count(), theirs.len());
    for theirs in theirs {
        let isvsvn = u16::try_from(number(&theirs["tcb"]["isvsvn"])).expect("16 bits");
        let level = ours.reached_by(isvsvn).expect("it is listed");
        assert_eq!(level.isvsvn, isvsvn);
        assert_eq!(theirs["tcbStatus"], level.status.as_str());
        assert_eq!(theirs["tcbDate"], level.date.to_string());
        assert_advisories(&level.advisory_ids, theirs);
    }
}

fn check_numbers(ours: &EvaluationDataNumbers, theirs: &Value) {
    assert_eq!(theirs["id"], ours.id.as_str());
    assert_eq!(theirs["issueDate"], ours.window.from.to_string());
    assert_eq!(theirs["nextUpdate"], ours.window.until.to_string());
    let numbers = ours.numbers.iter().map(|entry| entry.number);
    assert!(numbers.is_sorted_by(|high, low| high > low));
    let theirs = theirs["tcbEvalNumbers"].as_array().expect("a list");
    assert_eq!(ours.numbers.len(), theirs.len());
    for theirs in theirs {
        let same = |date: Timestamp, key: &str| theirs[key] == date.to_string();
        assert!(ours.numbers.iter().any(|entry| {
            theirs["tcbEvaluationDataNumber"] == entry.number
                && same(entry.recovery_event_date, "tcbRecoveryEventDate")
                && same(entry.tcb_date, "tcbDate")
        }));
    }
}

/// The text that was signed stands in the document as it was received.
fn check_wrapped(kind: SignedKind, signed: &SignedText, document: &[u8]) {
    let body = std::str::from_utf8(&signed.body).expect("part of a text");
    let document = std::str::from_utf8(document).expect("a text");
    assert!(document.contains(body));
    // The signed text is not looked into here, so that another reader may still refuse it.
    let Ok(theirs) = serde_json::from_str::<Value>(document) else {
        return;
    };
    assert_eq!(theirs["signature"], signed.signature.as_str());
    let field = match kind {
        SignedKind::TcbInfo => "tcbInfo",
        SignedKind::EnclaveIdentity => "enclaveIdentity",
        SignedKind::EvaluationDataNumbers => "tcbEvaluationDataNumbers",
        other => panic!("{other:?} is new"),
    };
    let body: Value = serde_json::from_slice(&signed.body).expect("part of JSON");
    assert_eq!(theirs[field], body);
}

fn check_set(ours: &CollateralSet, text: &[u8]) {
    // Fields of other names are not looked into, so that another reader may still refuse them.
    let Ok(theirs) = serde_json::from_slice::<Value>(text) else {
        return;
    };
    let same = |ours: &[u8], field: &str| {
        assert!(!ours.trim_ascii().is_empty(), "{field}");
        assert_eq!(
            theirs[field].as_str().map(str::as_bytes),
            Some(ours),
            "{field}"
        );
    };
    same(&ours.tcb_info.body, "tcb_info");
    same(&ours.tcb_info_issuer_chain, "tcb_info_issuer_chain");
    same(&ours.qe_identity.body, "qe_identity");
    same(&ours.qe_identity_issuer_chain, "qe_identity_issuer_chain");
    same(&ours.pck_crl, "pck_crl");
    same(&ours.pck_crl_issuer_chain, "pck_crl_issuer_chain");
    same(&ours.root_ca_crl, "root_ca_crl");
    assert_eq!(
        theirs["tcb_info_signature"],
        ours.tcb_info.signature.as_str()
    );
    assert_eq!(
        theirs["qe_identity_signature"],
        ours.qe_identity.signature.as_str()
    );
    let chain = theirs["pck_certificate_chain"].as_str().map(str::as_bytes);
    assert_eq!(ours.pck_certificate_chain.as_deref(), chain);
}

fn assert_hex(ours: &[u8], theirs: &Value) {
    let theirs = theirs.as_str().expect("a text").to_ascii_lowercase();
    assert_eq!(hex::encode(ours), theirs);
}

fn assert_advisories(ours: &[std::sync::Arc<str>], level: &Value) {
    let theirs = level["advisoryIDs"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    assert!(
        ours.iter()
            .map(|id| Some(&**id))
            .eq(theirs.iter().map(Value::as_str))
    );
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn components(list: &Value) -> Option<[u8; 16]> {
    let svns: Vec<u8> = list
        .as_array()?
        .iter()
        .map(|entry| svn(&entry["svn"]))
        .collect();
    Some(svns.try_into().expect("16 components"))
}

fn numbered_components(tcb: &Value) -> [u8; 16] {
    let mut number = 0;
    [(); 16].map(|()| {
        number += 1;
        svn(&tcb[format!("sgxtcbcomp{number:02}svn")])
    })
}

fn svn(value: &Value) -> u8 {
    u8::try_from(number(value)).expect("8 bits")
}
