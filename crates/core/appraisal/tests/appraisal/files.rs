//! Policy files that cannot be used, and what is said about them.

use bulla_appraisal::{Policy, PolicyError};
use bulla_collateral::TcbStatus;

use crate::support::policy;

#[track_caller]
fn error(text: &str) -> PolicyError {
    match Policy::from_toml(text) {
        Ok(policy) => panic!("{text}\nwas read as {policy:#?}"),
        Err(error) => error,
    }
}

/// Line, field, and a part of the message.
#[track_caller]
fn assert_error(text: &str, line: usize, field: &str, message: &str) {
    let error = error(text);
    assert_eq!(error.line(), line, "{error}");
    assert_eq!(error.field(), Some(field), "{error}");
    assert!(error.message().contains(message), "{error}");
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(policy(""), Policy::default());
    assert_eq!(policy("# nothing\n"), Policy::default());
}

#[test]
fn lists_of_exceptions_and_rejections_may_be_empty() {
    let text = "allowed_advisories = []\nrejected_advisories = []\nexpired_documents = []\n\
                [sgx]\nrequired_attributes = []\nforbidden_attributes = []\n";
    let empty = policy(text);
    assert_eq!(empty, policy("[sgx]"));
}

#[test]
fn an_unknown_field_is_named_with_the_known_ones() {
    assert_error(
        "\nminimum_tcb_dat = 1",
        2,
        "minimum_tcb_dat",
        "`minimum_tcb_date`",
    );
    assert_error("[sgx]\nmrtd = []", 2, "sgx.mrtd", "`mrenclave`");
    assert_error(
        "[tdx]\ndebug = \"any\"\nrtmr4 = []",
        3,
        "tdx.rtmr4",
        "`rtmr3`",
    );
    assert_error("[platforms]\nfmspc = []", 2, "platforms.fmspc", "`ppid`");
    assert_error(
        "[[allowed_advisories]]\nid = \"INTEL-SA-00001\"\nto = 1",
        3,
        "allowed_advisories[0].to",
        "`until`",
    );
    assert_error("[snp]", 1, "snp", "`tdx`");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_the_right_one() {
    assert_error(
        "accepted_tcb_statuses = \"UpToDate\"",
        1,
        "accepted_tcb_statuses",
        "a sequence",
    );
    assert_error(
        "equal_evaluation_data_numbers = 1",
        1,
        "equal_evaluation_data_numbers",
        "a boolean",
    );
    assert_error(
        "minimum_evaluation_data_number = -1",
        1,
        "minimum_evaluation_data_number",
        "u32",
    );
    assert_error("[sgx]\nmrenclave = [1]", 2, "sgx.mrenclave[0]", "a string");
    assert_error("[sgx]\nisvprodid = [65536]", 2, "sgx.isvprodid[0]", "u16");
    assert_error("[sgx]\ndebug = true", 2, "sgx.debug", "string");
    assert_error("sgx = 1", 1, "sgx", "a table");
    assert_error(
        "allowed_advisories = [7]",
        1,
        "allowed_advisories[0]",
        "a table",
    );
}

#[test]
fn words_are_named_with_the_allowed_ones() {
    assert_error(
        "[sgx]\ndebug = \"yes\"",
        2,
        "sgx.debug",
        "`refused` or `any`",
    );
    assert_error(
        "[tdx]\nsept_ve_disable = \"refused\"",
        2,
        "tdx.sept_ve_disable",
        "`required`",
    );
    assert_error(
        "accepted_tcb_statuses = [\n  \"UpToDate\",\n  \"outofdate\",\n]",
        3,
        "accepted_tcb_statuses[1]",
        "`SWHardeningNeeded`",
    );
    assert_error(
        "[sgx]\nrequired_attributes = [\"kss\"]",
        2,
        "sgx.required_attributes[0]",
        "`KSS`",
    );
    assert_error(
        "trust_anchors = [\"intel\"]",
        1,
        "trust_anchors[0]",
        "`intel-sgx-root`",
    );
    assert_error(
        "trust_anchors = [\"simulated-0011223344556677\"]",
        1,
        "trust_anchors[0]",
        "all 64 hexadecimal digits",
    );
}

#[test]
fn revoked_can_never_be_accepted() {
    let text = "accepted_tcb_statuses = [\"UpToDate\", \"Revoked\"]";
    assert_error(text, 1, "accepted_tcb_statuses[1]", "never be accepted");
    let listed = Policy::default().with_accepted_statuses(vec![TcbStatus::Revoked]);
    assert!(listed.is_err());
}

#[test]
fn hexadecimal_text_has_the_length_of_its_field() {
    for (field, bytes) in [
        ("report_data", 64),
        ("platforms.ppid", 16),
        ("platforms.platform_instance_id", 16),
        ("sgx.mrenclave", 32),
        ("sgx.mrsigner", 32),
        ("sgx.isvextprodid", 16),
        ("sgx.isvfamilyid", 16),
        ("sgx.configid", 64),
        ("tdx.mrtd", 48),
        ("tdx.mrseam", 48),
        ("tdx.mrsignerseam", 48),
        ("tdx.mrconfigid", 48),
        ("tdx.mrowner", 48),
        ("tdx.mrownerconfig", 48),
        ("tdx.rtmr0", 48),
        ("tdx.rtmr1", 48),
        ("tdx.rtmr2", 48),
        ("tdx.rtmr3", 48),
        ("tdx.mrservicetd", 48),
        ("tdx.xfam", 8),
    ] {
        policy(&format!("{field} = [\"{}\"]", "aB".repeat(bytes)));
        let wanted = format!("expected {} hexadecimal digits ({bytes} bytes)", 2 * bytes);
        for digits in [
            "",
            &"ab".repeat(bytes - 1),
            &"ab".repeat(bytes + 1),
            &"x".repeat(2 * bytes),
        ] {
            let text = format!("\n{field} = [\"{digits}\"]");
            assert_error(&text, 2, &format!("{field}[0]"), &wanted);
        }
        assert_error(
            &format!("{field} = []"),
            1,
            field,
            "an empty list accepts nothing",
        );
    }
}

#[test]
fn lists_that_can_accept_nothing_are_errors() {
    for field in ["trust_anchors", "accepted_tcb_statuses", "sgx.isvprodid"] {
        assert_error(
            &format!("{field} = []"),
            1,
            field,
            "an empty list accepts nothing",
        );
    }
    assert_error("[platforms]", 1, "platforms", "no platform is listed");
}

#[test]
fn contradictions_are_errors() {
    let text = "rejected_advisories = [\"INTEL-SA-00828\"]\n\
                [[allowed_advisories]]\nid = \"INTEL-SA-00828\"\n\
                until = 2027-01-31T23:59:59Z\nreason = \"both\"\n";
    assert_error(text, 1, "rejected_advisories", "INTEL-SA-00828");
    let text =
        "[sgx]\nrequired_attributes = [\"KSS\"]\nforbidden_attributes = [\"KSS\", \"CET\"]\n";
    assert_error(
        text,
        3,
        "sgx.forbidden_attributes",
        "both required and forbidden",
    );
}

#[test]
fn exceptions_are_complete_dated_and_have_a_reason() {
    let whole = "[[allowed_advisories]]\nid = \"INTEL-SA-00828\"\n\
                 until = \"2027-01-31T23:59:59Z\"\nreason = \"OPS-1\"\n";
    let toml_date = whole.replace("\"2027-01-31T23:59:59Z\"", "2027-01-31T23:59:59Z");
    assert_eq!(policy(whole), policy(&toml_date));
    for line in 1..4 {
        let without: Vec<&str> = whole
            .lines()
            .enumerate()
            .filter(|(n, _)| *n != line)
            .map(|(_, text)| text)
            .collect();
        assert_error(
            &without.join("\n"),
            1,
            "allowed_advisories[0]",
            "missing field",
        );
    }
    for (valid, invalid, line, field) in [
        ("\"OPS-1\"", "\" \"", 4, "reason"),
        ("INTEL-SA-00828", "00828", 2, "id"),
        ("2027-01-31T23:59:59Z", "2027-01-31", 3, "until"),
        (
            "2027-01-31T23:59:59Z",
            "2027-01-31T23:59:59+01:00",
            3,
            "until",
        ),
        ("\"2027-01-31T23:59:59Z\"", "2027-01-31", 3, "until"),
        ("\"2027-01-31T23:59:59Z\"", "1801440000", 3, "until"),
    ] {
        let text = whole.replace(valid, invalid);
        let error = error(&text);
        assert_eq!(error.line(), line, "{error}");
        assert_eq!(
            error.field(),
            Some(format!("allowed_advisories[0].{field}").as_str())
        );
    }

    let whole = "[[expired_documents]]\ndocuments = [\"pck_crl\"]\n\
                 until = \"2027-01-31T23:59:59Z\"\nreason = \"OPS-1\"\n";
    policy(whole);
    let unknown = whole.replace("pck_crl", "crl");
    assert_error(
        &unknown,
        2,
        "expired_documents[0].documents[0]",
        "`root_ca_crl`",
    );
    let empty = whole.replace("\"pck_crl\"", "");
    assert_error(&empty, 2, "expired_documents[0].documents", "an empty list");
}

#[test]
fn text_that_is_not_toml_says_where() {
    let error = error("minimum_evaluation_data_number = 1\n[sgx\n");
    assert_eq!((error.line(), error.field()), (2, None));
    assert!(error.to_string().starts_with("line 2, column "), "{error}");
    let twice = "minimum_evaluation_data_number = 1\nminimum_evaluation_data_number = 2\n";
    assert_eq!(self::error(twice).line(), 2);
}
