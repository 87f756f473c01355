//! A verdict and its appraisal as people read them: the answer first, then what it rests on.

use bulla_appraisal::Appraisal;
use bulla_pki::{AnchorKind, Timestamp, TrustAnchor};
use bulla_verifier::{
    CollateralFacts, DocumentFacts, DocumentKind, EvidenceFacts, ReachedLevel, TcbFacts,
    Verification,
};

use crate::describe::{Fields, body, platform};
use crate::judge::{Finding, Outcome};
use crate::render::fields;
use crate::render::style::{
    BAD, CAUTION, FAINT, GOOD, PLAIN, STRONG, WIDTH, harmless, paint, span, wrap,
};

/// What most owners compare; `bulla inspect` shows the rest.
const COMPARED: [&str; 16] = [
    "mrenclave",
    "mrsigner",
    "isvprodid",
    "isvsvn",
    "attribute_names",
    "mrtd",
    "rtmr0",
    "rtmr1",
    "rtmr2",
    "rtmr3",
    "mrseam",
    "mrconfigid",
    "tdattribute_names",
    "tee_tcb_svn",
    "tee_tcb_svn2",
    "report_data",
];

const NAMES_OF_PLATFORM: [&str; 5] = ["fmspc", "pce_id", "ppid", "platform_instance_id", "pck_ca"];

/// The whole answer on one quote.
pub(crate) fn answer(outcome: &Outcome) -> String {
    let verdict = &outcome.verdict;
    let mut text = format!("{}\n", headline(outcome));
    let mut section = |title: &str, fields: &Fields| {
        text.push_str(&format!("\n{}\n", paint(STRONG, title)));
        fields::write(fields, 2, &mut text);
    };
    if let Some(anchor) = &verdict.trust_anchor {
        section("trust anchor", &trust_anchor(anchor));
    }
    if let Some(evidence) = &verdict.evidence {
        let proven = verdict.verification() == Verification::Ok;
        let claimed = if proven { "" } else { " (claimed, not proven)" };
        section(&format!("platform{claimed}"), &who(evidence));
        section(&format!("evidence{claimed}"), &what(evidence));
    }
    if let Some(levels) = &verdict.tcb {
        section("tcb", &tcb(levels));
    }
    if let Some(baseline) = outcome.baseline() {
        section("baseline demanded", &baseline);
    }
    section(
        &format!("collateral at {}", verdict.at),
        &collateral(&verdict.collateral, verdict.at),
    );
    text.push('\n');
    text.push_str(&findings(&outcome.findings()));
    text
}

/// The answer in one line, for a list of quotes.
pub(crate) fn headline(outcome: &Outcome) -> String {
    let verdict = &outcome.verdict;
    let word = match outcome.decision.appraisal() {
        Appraisal::Accepted => paint(GOOD, "ACCEPTED"),
        Appraisal::Refused => paint(BAD, "REFUSED "),
    };
    let anchor = verdict.trust_anchor.as_deref();
    let mark = anchor
        .and_then(mark)
        .map_or(String::new(), |mark| format!("{}  ", paint(CAUTION, mark)));
    let subject = verdict.evidence.as_ref().map_or_else(
        || "no quote".to_owned(),
        |evidence| {
            let kind = match evidence.body.borrow().tee() {
                bulla_evidence::Tee::Sgx => "SGX enclave",
                bulla_evidence::Tee::Tdx => "TDX trust domain",
            };
            format!("{kind}, quote version {}", evidence.quote_version.number())
        },
    );
    let standing = match (verdict.verification(), &verdict.tcb) {
        (Verification::Ok, Some(tcb)) => {
            let genuine = match anchor.is_some_and(TrustAnchor::is_genuine) {
                true => "genuine",
                false => "in order under that root",
            };
            format!("{genuine}, TCB {}", tcb.status)
        }
        _ => "not shown to be genuine".to_owned(),
    };
    format!("{word}  {mark}{subject}: {standing}")
}

/// What must be said of a root before anything else.
pub(crate) fn mark(anchor: &TrustAnchor) -> Option<&'static str> {
    match anchor.kind() {
        AnchorKind::Vendor => None,
        AnchorKind::Simulated => Some("SIMULATED"),
        _ => Some("CUSTOM ROOT"),
    }
}

/// The findings, reasons to refuse in red.
pub(crate) fn findings(findings: &[Finding<'_>]) -> String {
    let title = paint(STRONG, "findings");
    if findings.is_empty() {
        return format!("{title}  none\n");
    }
    let mut text = format!("{title}\n");
    for finding in findings {
        let style = match finding.severity {
            "warning" => CAUTION,
            _ if finding.refuses() => BAD,
            _ => PLAIN,
        };
        let severity = paint(style, format!("{:<7}", finding.severity));
        let check = paint(FAINT, &finding.check);
        text.push_str(&format!("  {severity}  {}  {check}\n", finding.code));
        let margin = " ".repeat(11);
        for line in wrap(
            &harmless(&finding.message),
            WIDTH.saturating_sub(margin.len()),
        ) {
            text.push_str(&format!("{margin}{line}\n"));
        }
        let sides = [("expected", finding.expected), ("actual  ", finding.actual)];
        for (name, side) in sides {
            if let Some(side) = side {
                text.push_str(&format!(
                    "{margin}{}  {}\n",
                    paint(FAINT, name),
                    harmless(side)
                ));
            }
        }
    }
    text
}

fn trust_anchor(anchor: &TrustAnchor) -> Fields {
    Fields::new()
        .with("name", anchor.name())
        .with("genuine", anchor.is_genuine())
        .hex("key_sha256", anchor.public_key_sha256())
}

fn who(evidence: &EvidenceFacts) -> Fields {
    platform::facts(evidence.platform.as_ref()).only(&NAMES_OF_PLATFORM)
}

fn what(evidence: &EvidenceFacts) -> Fields {
    let quote_body = evidence.body.borrow();
    Fields::new()
        .with("body", quote_body.name())
        .and(body::body(quote_body).only(&COMPARED))
}

fn tcb(tcb: &TcbFacts) -> Fields {
    let words = if tcb.launch_status == tcb.current_status {
        tcb.status.to_string()
    } else {
        format!(
            "{} (at launch {}, now {})",
            tcb.status, tcb.launch_status, tcb.current_status
        )
    };
    let advisories: Vec<String> = tcb.advisory_ids.iter().map(|id| id.to_string()).collect();
    let numbers =
        match tcb.tcb_info_evaluation_data_number == tcb.qe_identity_evaluation_data_number {
            true => tcb.evaluation_data_number().to_string(),
            false => format!(
                "TCB info {}, quoting enclave identity {}",
                tcb.tcb_info_evaluation_data_number, tcb.qe_identity_evaluation_data_number
            ),
        };
    let module = tcb.tdx_module_level.iter();
    let module = module.fold(Fields::new(), |fields, module| {
        fields.with("tdx_module", level(module))
    });
    Fields::new()
        .with("status", words)
        .with("platform", level(&tcb.platform_level))
        .and(module)
        .with("qe", level(&tcb.qe_level))
        .with("advisories", advisories)
        .with("evaluation_data_number", numbers)
}

fn level(level: &ReachedLevel) -> String {
    format!("{} of {}", level.status, day(level.date))
}

fn collateral(collateral: &CollateralFacts, at: Timestamp) -> Fields {
    let (certificates, documents): (Vec<&DocumentFacts>, Vec<&DocumentFacts>) = collateral
        .documents
        .iter()
        .partition(|document| document.kind == DocumentKind::Certificate);
    let mut fields = documents.iter().fold(Fields::new(), |fields, document| {
        fields.with(document.name, age(document, at))
    });
    let (valid, invalid): (Vec<&DocumentFacts>, Vec<&DocumentFacts>) = certificates
        .into_iter()
        .partition(|certificate| certificate.window.contains(at));
    for certificate in invalid {
        fields = fields.with(certificate.name, age(certificate, at));
    }
    if let Some(first) = valid
        .iter()
        .min_by_key(|certificate| certificate.window.until)
    {
        let left = first
            .window
            .until
            .unix_seconds()
            .saturating_sub(at.unix_seconds());
        fields = fields.with(
            "certificates",
            format!(
                "{} valid, the first to run out is {}, in {}",
                valid.len(),
                first.name,
                span(left)
            ),
        );
    }
    fields
}

fn age(document: &DocumentFacts, at: Timestamp) -> String {
    let (from, until) = (document.window.from, document.window.until);
    let between =
        |a: Timestamp, b: Timestamp| span(b.unix_seconds().saturating_sub(a.unix_seconds()));
    if at < from {
        return format!("NOT YET VALID, from {from} on, in {}", between(at, from));
    }
    if at > until {
        return format!("EXPIRED {} ago, at {until}", between(until, at));
    }
    format!(
        "{} old, of {}; valid for {} more, until {}",
        between(from, at),
        day(from),
        between(at, until),
        day(until)
    )
}

/// The date of an instant, in UTC.
pub(crate) fn day(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('T')
        .map_or(text.clone(), |(day, _)| day.to_owned())
}
