//! Holds bulla's verdicts against those of an independent verifier, case by case.
//!
//! Cases are genuine evidence, what bulla's issuer writes, and changes of both; each must be
//! accepted by both verifiers with the same facts, or rejected by both, or differ in a way that
//! `divergences.json` names with who is right and why. Everything else makes the program fail.

mod bench;
mod case;
mod change;
mod compare;
mod divergence;
mod draft;
mod generate;
mod issued;
mod opinion;
mod ours;
mod panics;
mod random;
mod recorded;
mod run;
mod summary;
mod theirs;
mod traits;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use compare::Comparison;
use divergence::Divergences;
use generate::Generator;
use issued::Issued;
use ours::Ours;
use summary::Summary;
use theirs::Theirs;

/// Compares bulla's verdicts with those of an independent verifier.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: Compare,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows one case, both opinions, and how they compare.
    Reproduce(Reproduce),
    /// Measures what verifications cost, relative to one signature verification.
    Bench(Bench),
}

#[derive(Debug, Args)]
struct Compare {
    /// All cases follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases to compare.
    #[arg(long, default_value_t = 20_000)]
    count: u64,
    /// How many threads to use; as many as the machine has cores if left out.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// How many kinds of unexplained difference to show with a case each.
    #[arg(long, default_value_t = 20)]
    show: usize,
}

#[derive(Debug, Args)]
struct Reproduce {
    /// The seed of the run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the case.
    #[arg(long)]
    index: u64,
    /// A folder to write quote and collateral to.
    #[arg(long)]
    save: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Bench {
    /// How often everything is measured.
    #[arg(long, default_value = "101")]
    rounds: NonZeroUsize,
    /// How the table is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => compare(&arguments.compare),
        Some(Command::Reproduce(reproduce)) => show(&reproduce),
        Some(Command::Bench(bench)) => measure(&bench),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// The folder of genuine cases, where `BULLA_VECTORS` names one.
fn vectors() -> Result<Option<PathBuf>, String> {
    let folder = std::env::var_os("BULLA_VECTORS").map(PathBuf::from);
    let required = std::env::var("BULLA_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|need| need == "vectors"));
    match folder {
        Some(folder) => Ok(Some(folder)),
        None if required => Err("vectors are required; set BULLA_VECTORS to their folder".into()),
        None => {
            eprintln!("BULLA_VECTORS names no folder: no genuine cases in this run");
            Ok(None)
        }
    }
}

fn set_up(seed: u64) -> Result<(Generator, Comparison), String> {
    let root = Issued::root_der();
    let comparison = Comparison {
        ours: Ours::new(&root),
        theirs: Theirs::new(&root),
        divergences: Divergences::known(),
    };
    let generator = Generator::new(seed, vectors()?.as_deref(), &comparison.ours)?;
    Ok((generator, comparison))
}

fn compare(arguments: &Compare) -> Result<bool, String> {
    let (generator, comparison) = set_up(arguments.seed)?;
    let threads = arguments
        .threads
        .map_or_else(std::thread::available_parallelism, Ok);
    let threads = threads.map_err(|error| error.to_string())?;
    let tally = run::run(&generator, &comparison, arguments.count, threads);
    let summary = Summary {
        seed: arguments.seed,
        count: arguments.count,
        show: arguments.show,
        tally: &tally,
        divergences: &comparison.divergences,
        generator: &generator,
    };
    print!("{summary}");
    Ok(summary.is_good())
}

fn show(arguments: &Reproduce) -> Result<bool, String> {
    let (generator, comparison) = set_up(arguments.seed)?;
    let case = generator.case(arguments.index);
    if let Some(folder) = &arguments.save {
        case.save(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    println!("{case}");
    let verdict = comparison.ours.verdict(&case);
    let bulla = comparison.ours.opinion(&case, &verdict);
    let other = comparison.theirs.opinion(&case);
    println!("bulla {bulla}\nother {other}");
    let outcome = comparison.outcome(&case, verdict.as_ref().ok(), &bulla, &other);
    println!("{outcome:#?}");
    Ok(!matches!(outcome, compare::Outcome::Surprise(_)))
}

fn measure(arguments: &Bench) -> Result<bool, String> {
    let vectors = vectors()?.ok_or("the bench verifies genuine evidence: set BULLA_VECTORS")?;
    let report = bench::run(&recorded::read_all(&vectors)?, arguments.rounds)?;
    match arguments.format {
        Format::Text => print!("{report}"),
        Format::Json => println!("{}", serde_json::json!(report)),
    }
    Ok(true)
}
