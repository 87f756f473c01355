//! `bulla verify`: one quote, or many as JSON Lines.

mod lines;

use bulla_collateral::CollateralSet;
use bulla_evidence::input::MAX_TEXT_SIZE;
use bulla_verifier::PreparedCollateral;

use crate::args::{CollateralArgs, Format, VerifyArgs};
use crate::collateral;
use crate::error::{Error, Result};
use crate::input::Source;
use crate::judge::{Judge, Outcome, QuoteInput};
use crate::output::{Exit, Output};
use crate::render::json::Answer;
use crate::render::text;
use crate::supply::{self, Supplier, Way};

/// What the quote is called in error messages.
pub(crate) const QUOTE: &str = "quote";

pub(crate) fn run(args: &VerifyArgs, output: &mut Output) -> Result<Exit> {
    let mut source = Source::open(QUOTE, &args.quote)?;
    if is_json(source.peek()?) {
        return lines::run(source, args, output);
    }
    let quote = read_quote(source)?;
    let judge = Judge::from_args(&args.terms)?;
    let set = set(&args.from, &judge, &quote)?;
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

/// The collateral of a quote, from where it is to come.
pub(crate) fn set(
    from: &CollateralArgs,
    judge: &Judge,
    quote: &QuoteInput,
) -> Result<CollateralSet> {
    match (&from.collateral, supplier(from)?) {
        (Some(path), _) => collateral::load(path),
        (None, Some(supplier)) => supplier.set(judge.need(quote.bytes())?),
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

/// The service that collateral is to come from; absent where none is named.
fn supplier(from: &CollateralArgs) -> Result<Option<Supplier>> {
    let open = |text: &String| {
        let way = Way {
            ca_file: from.ca_file.as_deref(),
            ..Way::default()
        };
        Supplier::open("--service", supply::kind(text, supply::service), way)
    };
    from.service.as_ref().map(open).transpose()
}

/// Whether the content is JSON: no quote begins so, in any encoding.
pub(crate) fn is_json(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{")
}
