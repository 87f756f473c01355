//! What only several documents together show.

use bulla_collateral::{EvaluationDataNumbers, SignedKind, SignedText};
use bulla_service::want::{Choice, Want};

use super::document::Document;
use super::finding::{Ailment, Finding};
use super::plan::STANDARD;
use super::site::Site;

/// A number that is above all that the vendor can have given out: since 2018 there were some 20.
const BEYOND: u32 = 1_000_000;

/// How far apart two issues of one document may be, in seconds: a day, as on arrival.
const SPREAD: u64 = 24 * 3_600;

/// Whether evaluation numbers are honoured, and what is wrong with those that were given.
pub(super) fn examine(
    site: &Site,
    documents: &[Document],
    findings: &mut Vec<Finding>,
) -> Option<bool> {
    rolled_back(documents, findings);
    let standard = numbers(documents, |choice| choice == STANDARD);
    let early = numbers(documents, |choice| choice != STANDARD);
    if let (Some((lowest, low)), Some((highest, high))) =
        (standard.iter().min(), standard.iter().max())
        && lowest < highest
    {
        let message = format!("{low} is of number {lowest}, {high} of {highest}.");
        findings.push(Ailment::NumbersDiffer.of("service", message));
    }
    if let (Some((in_force, _)), Some((newest, _))) = (standard.iter().max(), early.iter().max()) {
        if newest < in_force {
            let message = format!("The set in force is {in_force}, the newest {newest}.");
            findings.push(Ailment::EarlyBehindStandard.of("service", message));
        }
        let newest = *newest.max(&listed(documents).map_or(0, |(number, _)| number));
        if newest > *in_force {
            let since = listed(documents).filter(|(number, _)| *number == newest);
            let since = since.map(|(_, date)| format!(", public since {date}"));
            let message = format!(
                "The set in force is {in_force}; the newest is {newest}{}.",
                since.unwrap_or_default()
            );
            findings.push(Ailment::StandardLags.of("service", message));
        }
    }
    let honoured = honours_numbers(site);
    if honoured == Some(false) {
        let message = "A number that does not exist is answered with a document.".to_owned();
        findings.push(Ailment::NumberIgnored.of("service", message));
    }
    honoured
}

/// What is given in an older issue to one question than to another.
fn rolled_back(documents: &[Document], findings: &mut Vec<Finding>) {
    for document in documents {
        let Some((slot, issued)) = document.issue else {
            continue;
        };
        let issues = documents.iter().filter_map(|other| other.issue);
        let issues = issues.filter(|(other, _)| *other == slot);
        let newest = issues.map(|(_, issued)| issued).max();
        if let Some(newest) = newest.filter(|newest| issued.saturating_add(SPREAD) < *newest) {
            let message = format!("It was issued on {issued}, and {slot} is there of {newest}.");
            findings.push(Ailment::RolledBack.of(&document.name, message));
        }
    }
}

/// The numbers of the documents that were chosen so, and of which each is.
fn numbers(documents: &[Document], chosen: impl Fn(Choice) -> bool) -> Vec<(u32, &str)> {
    let is_chosen = |document: &&Document| match document.want {
        Want::Series(_, choice) => chosen(choice),
        _ => false,
    };
    let numbered = documents.iter().filter(is_chosen);
    numbered
        .filter_map(|document| Some((document.number?, document.name.as_str())))
        .collect()
}

/// The newest number of the vendor's list, and the day on which it was made public.
fn listed(documents: &[Document]) -> Option<(u32, String)> {
    let lists = documents.iter().filter_map(|document| {
        let (kind, text) = SignedText::from_wrapped(&document.body).ok()?;
        let list = EvaluationDataNumbers::parse(&text.body);
        let is_list = kind == SignedKind::EvaluationDataNumbers;
        list.ok().filter(|_| is_list)
    });
    lists
        .flat_map(|list| list.numbers)
        .map(|one| {
            let day = one.recovery_event_date.to_string();
            (one.number, day.chars().take(10).collect())
        })
        .max()
}

/// Asks for a number that cannot be: who honours numbers has nothing, who ignores them has the
/// usual document. Absent where the answer says neither.
fn honours_numbers(site: &Site) -> Option<bool> {
    let target = format!("/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber={BEYOND}");
    match site.get(&target).ok()?.status() {
        200..=299 => Some(false),
        400 | 404 | 410 => Some(true),
        _ => None,
    }
}
