//! `bulla verify`: one quote, or many as JSON Lines.

mod lines;

use bulla_evidence::input::MAX_TEXT_SIZE;
use bulla_verifier::PreparedCollateral;

use crate::args::{Format, VerifyArgs};
use crate::collateral;
use crate::error::{Error, Result};
use crate::input::Source;
use crate::judge::{Judge, Outcome, QuoteInput};
use crate::output::{Exit, Output};
use crate::render::json::Answer;
use crate::render::text;
use crate::supply::{self, Supplier, Way};

/// What the quote is called in error messages.
const QUOTE: &str = "quote";

pub(crate) fn run(args: &VerifyArgs, output: &mut Output) -> Result<Exit> {
    let mut source = Source::open(QUOTE, &args.quote)?;
    if is_json(source.peek()?) {
        return lines::run(source, args, output);
    }
    let (_, outcome) = judge_one(source, args)?;
    match output.format() {
        Format::Json => output.json(&Answer::from(&outcome))?,
        Format::Text => output.text(&text::answer(&outcome))?,
    }
    Ok(outcome.exit())
}

/// The outcome for the only quote in `source`, and the collateral it rests on.
pub(crate) fn judge_one(
    source: Source,
    args: &VerifyArgs,
) -> Result<(PreparedCollateral, Outcome)> {
    let quote = QuoteInput::decode(&source.read_all(MAX_TEXT_SIZE)?);
    let judge = Judge::from_args(&args.terms)?;
    let set = match (&args.collateral, supplier(args)?) {
        (Some(path), _) => collateral::load(path)?,
        (None, Some(supplier)) => supplier.set(judge.need(quote.bytes())?)?,
        (None, None) => return Err(Error::CollateralNotGiven),
    };
    let prepared = PreparedCollateral::new(&set, &judge.anchors);
    let outcome = judge.judge(quote, |quote| prepared.verify(quote, judge.at));
    Ok((prepared, outcome))
}

/// The service that collateral is to come from; absent where none is named.
fn supplier(args: &VerifyArgs) -> Result<Option<Supplier>> {
    let open = |text: &String| {
        let way = Way {
            ca_file: args.ca_file.as_deref(),
            ..Way::default()
        };
        Supplier::open("--service", supply::kind(text, supply::service), way)
    };
    args.service.as_ref().map(open).transpose()
}

/// Whether the content is JSON: no quote begins so, in any encoding.
pub(crate) fn is_json(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{")
}
