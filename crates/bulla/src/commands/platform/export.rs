//! `bulla platform export`: platforms of a service as Intel's tools list them, for whoever fetches
//! their certificates elsewhere.

use bulla_protocol::pccs::{Request, Source, Version};
use serde::{Deserialize, Serialize};

use crate::args::{Format, PlatformExportArgs, SourceArg};
use crate::commands::collateral::{Answer, counted, fmspc, headline};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::private_file::PrivateFile;
use crate::service::{REFRESH_PATIENCE, Role, Service};

/// A platform, with the keys of `platform_list.json` in their order.
#[derive(Deserialize, Serialize)]
struct Listed {
    qe_id: String,
    pce_id: String,
    cpu_svn: String,
    pce_svn: String,
    platform_manifest: String,
    enc_ppid: String,
}

#[derive(Serialize)]
struct Exported {
    output: String,
    platforms: usize,
    source: &'static str,
}

pub(super) fn run(args: &PlatformExportArgs, output: &mut Output) -> Result<Exit> {
    let families = args.fmspc.iter().map(|text| fmspc(text));
    let (source, name) = match args.source {
        SourceArg::Waiting => (Source::Waiting, "waiting"),
        SourceArg::NotAvailable => (Source::NotAvailable, "not-available"),
        SourceArg::Cached => (Source::Cached(families.collect::<Result<_>>()?), "cached"),
    };
    if !args.fmspc.is_empty() && args.source != SourceArg::Cached {
        return Err(Error::ArgumentInvalid {
            option: "--fmspc",
            reason: "the family of a platform is known once it is cached; add --source cached"
                .to_owned(),
        });
    }
    let service = Service::open_with_token(&args.at, REFRESH_PATIENCE)?;
    // Who waits is not handed out again soon: that the list cannot be written must show before.
    let file = PrivateFile::begin(&args.output)?;
    let reply = service.send(
        Request::Platforms(source).write(Version::V4),
        Role::Administrator,
    )?;
    if !reply.parts.status.is_success() {
        return Err(service.refused(&reply));
    }
    let unknown = |error: serde_json::Error| Error::ServiceAnswerUnknown {
        url: service.url.clone(),
        reason: error.to_string(),
    };
    let listed: Vec<Listed> = serde_json::from_slice(&reply.parts.body).map_err(unknown)?;
    let mut text = serde_json::to_vec_pretty(&listed).map_err(unknown)?;
    text.push(b'\n');
    file.finish(&text)?;
    let exported = Exported {
        output: args.output.display().to_string(),
        platforms: listed.len(),
        source: name,
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: reply.is_simulated(),
            content: exported,
        })?,
        Format::Text => {
            let count = counted(listed.len(), "platform");
            let title = format!("{count} ({name}) listed in {}", exported.output);
            output.text(&headline(reply.is_simulated(), &title))?;
        }
    }
    Ok(Exit::Done)
}
