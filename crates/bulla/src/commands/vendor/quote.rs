//! Quotes of the vendor's platforms, as files.

use std::fs;
use std::path::Path;

use bulla_issuer::pem;
use bulla_pki::Timestamp;
use bulla_vendor::{Attested, QuoteKind, Selection, Subject, Vendor};

use super::{argument, directory, root_key_digest, write};
use crate::args::{KindArg, QuoteArgs};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::time;

const POLICY: &str = "\
# Accepts what a SIMULATED vendor signs. For rehearsals, never for production.
";

pub(super) fn run(args: &QuoteArgs) -> Result<Fields> {
    let at = time::given_or_now(args.at.as_deref())?;
    let subject = Subject {
        kind: kind(args.kind),
        report_data: report_data(&args.report_data)?,
        debug: args.debug,
        launched: args.launched.as_deref().map(time::parse).transpose()?,
    };
    if subject.launched.is_some_and(|launched| launched > at) {
        return Err(Error::ArgumentInvalid {
            option: "--launched",
            reason: format!("a trust domain that attests at {at} was launched before"),
        });
    }
    let vendor = directory(&args.place).read()?;
    let name = argument("--platform", &args.platform)?;
    let platform = vendor.platform(&name, at)?;
    let attested = vendor.attest(platform, &subject, selection(&args.set)?, at)?;
    Ok(Fields::new()
        .with("platform", platform.name().as_str())
        .with("at", at)
        .and(deliver(
            &args.out,
            &vendor,
            &attested,
            args.at.is_some().then_some(at),
        )?))
}

/// Writes a quote with all that is needed to verify it, and says how, at an instant if one is given.
pub(crate) fn deliver(
    out: &Path,
    vendor: &Vendor,
    attested: &Attested,
    at: Option<Timestamp>,
) -> Result<Fields> {
    write_all(out, vendor, attested)?;
    let file = |name: &str| out.join(name).display().to_string();
    let mut verify = format!(
        "bulla verify --quote {} --collateral {} --trust-root {} --simulated --policy {}",
        quoted(&file("quote.bin")),
        quoted(&file("collateral.json")),
        quoted(&file("root.pem")),
        quoted(&file("policy.toml")),
    );
    if let Some(at) = at {
        verify.push_str(&format!(" --at {at}"));
    }
    Ok(Fields::new()
        .with("quote", file("quote.bin"))
        .with("collateral", file("collateral.json"))
        .with("root", file("root.pem"))
        .with("policy", file("policy.toml"))
        .with("verify", verify))
}

fn write_all(out: &Path, vendor: &Vendor, attested: &Attested) -> Result<()> {
    fs::create_dir_all(out).map_err(|source| Error::FileUnwritable {
        path: out.to_owned(),
        source,
    })?;
    let collateral = attested.collateral.to_json();
    let collateral = collateral.expect("the vendor writes text");
    let root = pem::block("CERTIFICATE", &vendor.root_certificate());
    let key = hex::encode(root_key_digest(vendor));
    let policy = format!("{POLICY}trust_anchors = [\"{key}\"]\n");
    replace_all(
        out,
        &[
            ("quote.bin", &attested.quote[..]),
            ("collateral.json", collateral.as_bytes()),
            ("root.pem", root.as_bytes()),
            ("policy.toml", policy.as_bytes()),
        ],
    )
}

/// Writes files beside those that they replace, and puts them in their place once all of them are
/// there: a full disk leaves an earlier set whole.
fn replace_all(out: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    let beside = |name: &str| out.join(format!("{name}.new"));
    let written = files
        .iter()
        .try_for_each(|(name, content)| write(&beside(name), content))
        .and_then(|()| {
            files.iter().try_for_each(|(name, _)| {
                let path = out.join(name);
                fs::rename(beside(name), &path)
                    .map_err(|source| Error::FileUnwritable { path, source })
            })
        });
    if written.is_err() {
        for (name, _) in files {
            let _ = fs::remove_file(beside(name));
        }
    }
    written
}

pub(crate) fn kind(kind: KindArg) -> QuoteKind {
    match kind {
        KindArg::SgxV3 => QuoteKind::SgxV3,
        KindArg::SgxV4 => QuoteKind::SgxV4,
        KindArg::SgxV5 => QuoteKind::SgxV5,
        KindArg::Tdx10V4 => QuoteKind::Td10V4,
        KindArg::Tdx10V5 => QuoteKind::Td10V5,
        KindArg::Tdx15V5 => QuoteKind::Td15V5,
        KindArg::Tdx15ExV5 => QuoteKind::Td15ExV5,
    }
}

pub(crate) fn report_data(text: &str) -> Result<[u8; 64]> {
    let mut data = [0; 64];
    let given = hex::decode(text)
        .ok()
        .filter(|bytes| bytes.len() <= data.len());
    let given = given.ok_or(Error::ArgumentInvalid {
        option: "--report-data",
        reason: "report data has an even number of hexadecimal digits, at most 128".to_owned(),
    })?;
    data[..given.len()].copy_from_slice(&given);
    Ok(data)
}

pub(crate) fn selection(text: &str) -> Result<Selection> {
    match text {
        "standard" => Ok(Selection::Standard),
        "early" => Ok(Selection::Early),
        number => number
            .parse()
            .map(Selection::Number)
            .map_err(|_| Error::ArgumentInvalid {
                option: "--set",
                reason: format!("`{number}` is neither standard, early nor a number"),
            }),
    }
}

/// A path as one word of a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
