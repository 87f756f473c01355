//! What the owner of the records does at home: seals a batch of them.
//!
//! `owner KEY NUMBER < records > batch`: KEY is a file of 32 random bytes, NUMBER counts from 1.

use std::error::Error;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use risk_score::batch::DataKey;
use risk_score::service::MAX_BATCH;
use zeroize::Zeroizing;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, key, number] = &arguments[..] else {
        return Err("usage: owner KEY NUMBER < records > batch".into());
    };
    let bytes = Zeroizing::new(std::fs::read(key)?);
    let key = DataKey::new(&bytes)?;
    let mut records = Zeroizing::new(Vec::new());
    io::stdin().read_to_end(&mut records)?;
    let sealed = key.seal(number.parse()?, &records)?;
    if sealed.len() > MAX_BATCH {
        return Err(format!("more than {MAX_BATCH} bytes; make several batches of it").into());
    }
    io::stdout().write_all(&sealed)?;
    Ok(())
}
