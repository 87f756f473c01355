//! The audit of a cache of collateral, ours or another, from where its clients stand.
//!
//! Everything is asked with `GET` as clients ask it; nothing that drains a queue or starts a refresh
//! is asked at all. Documents are verified one by one, as a service does when they arrive.

pub(crate) mod clients;
mod document;
mod finding;
mod headers;
mod plan;
mod root;
mod site;
mod whole;

use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_service::realm::Realm;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::error::Result;
use crate::{client, roots, time};

pub(crate) use document::{Document, State};
pub(crate) use finding::{Finding, Severity};
use plan::Question;
use site::Site;

/// What was found out about a cache.
#[derive(Serialize)]
pub(crate) struct Audit {
    pub(crate) url: String,
    pub(crate) dialect: &'static str,
    /// Whether it is a service of bulla.
    pub(crate) bulla: bool,
    /// Whether everything here rests on a simulated root.
    pub(crate) simulated: bool,
    pub(crate) trust_anchor: String,
    pub(crate) at: String,
    /// How the way there is protected: `loopback`, `clear`, `tls` or `tls_untrusted`.
    pub(crate) transport: &'static str,
    /// Whether `tcbEvaluationDataNumber` is honoured; absent where that could not be told.
    pub(crate) honours_numbers: Option<bool>,
    pub(crate) documents: Vec<Document>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) clients: Vec<clients::Settings>,
}

/// What documents are held against.
struct Standard {
    realm: Realm,
    at: Timestamp,
    /// From when on an answer is called slow.
    slow_after: Duration,
}

/// Asks and examines.
pub(crate) fn examine(args: &DoctorArgs) -> Result<Audit> {
    let standard = Standard {
        realm: roots::realm(&args.root)?,
        at: time::given_or_now(args.at.as_deref())?,
        slow_after: Duration::from_millis(args.slow_after),
    };
    let base = client::address("URL", &args.url)?;
    let named = args.fmspc.iter().map(|text| plan::Family::named(text));
    let named: Vec<_> = named.collect::<Result<_>>()?;
    let site = Site::find(base, args.ca_file.as_deref(), args.dialect)?;
    let mut findings = site.findings();
    let mut families = match named.is_empty() {
        true => site.families(),
        false => named,
    };
    if families.len() > plan::MOST_FAMILIES {
        let message = format!(
            "It lists {} families; the first {} were examined.",
            families.len(),
            plan::MOST_FAMILIES
        );
        findings.push(finding::Ailment::FamiliesTooMany.of("tcb-info", message));
        families.truncate(plan::MOST_FAMILIES);
    }
    if families.is_empty() {
        findings.push(finding::Ailment::FamiliesUnknown.of("tcb-info", String::new()));
    }
    let questions = plan::questions(site.dialect, &families);
    let asked = site.ask_all(&questions, standard.realm.anchor());
    let documents = document::examine_all(&asked, &standard, site.dialect, &mut findings);
    let honours_numbers = whole::examine(&site, &documents, &mut findings);
    // What is worst first; what belongs to one document stays together.
    findings.sort_by_key(|finding| finding.severity);
    Ok(Audit {
        url: client::shown(&site.base),
        dialect: site.dialect.as_str(),
        bulla: site.is_bulla,
        simulated: standard.realm.is_simulated(),
        trust_anchor: standard.realm.anchor().name().to_owned(),
        at: standard.at.to_string(),
        transport: site.transport.as_str(),
        honours_numbers,
        documents,
        findings,
        clients: clients::settings(&site),
    })
}

impl Audit {
    /// How many findings are of a severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        let of_it = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(of_it).count()
    }

    /// Whether something is wrong: a note is nothing wrong.
    pub(crate) fn is_wrong(&self) -> bool {
        self.count(Severity::Failure) > 0 || self.count(Severity::Warning) > 0
    }
}
