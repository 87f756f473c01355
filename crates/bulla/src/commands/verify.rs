//! `bulla verify`: one quote, or many as JSON Lines.

mod lines;
mod provider;

use bulla_collateral::CollateralSet;
use bulla_evidence::input::MAX_TEXT_SIZE;
use bulla_pki::Timestamp;
use bulla_verifier::PreparedCollateral;

use crate::args::{CollateralArgs, Format, VerifyArgs};
use crate::collateral;
use crate::error::{Error, Result};
use crate::input::Source;
use crate::judge::{Judge, Outcome, QuoteInput};
use crate::output::{Exit, Output};
use crate::render::json::Answer;
use crate::render::text;

use provider::Provider;

/// What the quote is called in error messages.
pub(crate) const QUOTE: &str = "quote";

pub(crate) fn run(args: &VerifyArgs, output: &mut Output) -> Result<Exit> {
    let mut source = Source::open(QUOTE, &args.quote)?;
    if is_json(source.peek()?) {
        return lines::run(source, args, output);
    }
    let quote = read_quote(source)?;
    let judge = Judge::from_args(&args.terms)?;
    let at = args.terms.at.as_ref().map(|_| judge.at);
    let set = set(&args.from, &judge, &quote, at)?;
    let (_, outcome) = judge_one(&judge, quote, &set);
    match output.format() {
        Format::Json => output.json(&Answer::from(&outcome))?,
        Format::Text => output.text(&text::answer(&outcome))?,
    }
    Ok(outcome.exit())
}

/// The only quote in `source`.
pub(crate) fn read_quote(source: Source) -> Result<QuoteInput> {
    Ok(QuoteInput::decode(&source.read_all(MAX_TEXT_SIZE)?))
}

/// The collateral of a quote, from where it is to come; of a service that of an instant, or what is in
/// force now.
pub(crate) fn set(
    from: &CollateralArgs,
    judge: &Judge,
    quote: &QuoteInput,
    at: Option<Timestamp>,
) -> Result<CollateralSet> {
    match (&from.collateral, Provider::open(from)?) {
        (Some(path), _) => collateral::load(path),
        (None, Some(mut provider)) => provider.set(judge.need(quote.bytes())?, at),
        (None, None) => Err(Error::CollateralNotGiven),
    }
}

/// The outcome for one quote, and the collateral that it rests on.
pub(crate) fn judge_one(
    judge: &Judge,
    quote: QuoteInput,
    set: &CollateralSet,
) -> (PreparedCollateral, Outcome) {
    let prepared = PreparedCollateral::new(set, &judge.anchors);
    let outcome = judge.judge(quote, |quote| prepared.verify(quote, judge.at));
    (prepared, outcome)
}

/// Whether the content is JSON: no quote begins so, in any encoding.
pub(crate) fn is_json(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{")
}
