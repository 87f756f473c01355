//! The vendor's web service.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_vendor::web::{
    Books, FAULTS_PATH, Fault, RateLimit, Reach, Server, Service, termination,
};
use bulla_vendor::{PublicUrl, Vendor};

use super::{argument, directory, tell};
use crate::args::ServeArgs;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::time;

/// Where the service listens if neither the command nor the public address says so.
const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8181);

pub(super) fn run(args: &ServeArgs, output: &mut Output) -> Result<Exit> {
    let books = Books::open(directory(&args.place))?;
    let vendor = books.vendor()?;
    let address = match &args.listen {
        Some(text) => argument("--listen", text)?,
        None => named_in(&vendor.charter().public_url).unwrap_or(DEFAULT_ADDRESS),
    };
    let reach = match args.allow_remote {
        true => Reach::Anybody,
        false => Reach::ThisMachine,
    };
    let clock = clock(args, &vendor)?;
    let now = clock();
    let service = service(args, books, clock)?;
    let server = Server::bind(address, reach, Arc::new(service))?;
    let told = Fields::new()
        .with("address", server.address().to_string())
        .with("public_url", vendor.charter().public_url.as_str())
        .with("at", now)
        .with(
            "clock",
            if args.at.is_some() {
                "stands still"
            } else {
                "goes on"
            },
        )
        .with("faults_path", FAULTS_PATH);
    tell("vendor serving, until it is interrupted", told, output)?;
    // Whoever waits for the address must see it now.
    output.flush()?;
    server.run(termination());
    Ok(Exit::Done)
}

fn service(
    args: &ServeArgs,
    books: Books,
    clock: impl Fn() -> Timestamp + Send + Sync + 'static,
) -> Result<Service> {
    let mut service = Service::new(books, clock);
    if let Some(text) = &args.rate_limit {
        service = service.limited(rate_limit(text)?);
    }
    let faults: Result<Vec<Fault>> = args
        .fault
        .iter()
        .map(|text| argument("--fault", text))
        .collect();
    service
        .set_faults(faults?)
        .map_err(|error| Error::ArgumentInvalid {
            option: "--fault",
            reason: error.to_string(),
        })?;
    Ok(service)
}

/// The time by which the service lives.
fn clock(
    args: &ServeArgs,
    vendor: &Vendor,
) -> Result<impl Fn() -> Timestamp + Send + Sync + use<>> {
    let fixed = args.at.as_deref().map(time::parse).transpose()?;
    let offset = args.clock_offset;
    let founded = vendor.charter().founded;
    // A clock that cannot be read now will hardly be readable later.
    time::now()?;
    Ok(move || {
        fixed.unwrap_or_else(|| {
            let now = time::now().unwrap_or(founded);
            match offset >= 0 {
                true => now.saturating_add(offset.unsigned_abs()),
                false => now.saturating_sub(offset.unsigned_abs()),
            }
        })
    })
}

/// The address and port in a public address, where it names them and no proxy stands before it.
fn named_in(url: &PublicUrl) -> Option<SocketAddr> {
    let rest = url.as_str().strip_prefix("http://")?;
    let authority = rest.split('/').next()?;
    if let Some(port) = authority.strip_prefix("localhost:") {
        return Some((Ipv4Addr::LOCALHOST, port.parse().ok()?).into());
    }
    let address: SocketAddr = authority.parse().ok()?;
    address.ip().is_loopback().then_some(address)
}

/// `REQUESTS/SECONDS`.
fn rate_limit(text: &str) -> Result<RateLimit> {
    let limit = text.split_once('/').and_then(|(requests, seconds)| {
        Some(RateLimit {
            requests: requests.parse::<NonZeroU32>().ok()?,
            period: Duration::from_secs(seconds.parse::<NonZeroU32>().ok()?.get().into()),
        })
    });
    limit.ok_or_else(|| Error::ArgumentInvalid {
        option: "--rate-limit",
        reason: format!("`{text}` is no limit; write requests/seconds, for example 10/60"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_where_the_certificates_lead() {
        for (url, address) in [
            ("http://127.0.0.1:8190", Some("127.0.0.1:8190")),
            ("http://localhost:8190/vendor", Some("127.0.0.1:8190")),
            ("http://[::1]:8190", Some("[::1]:8190")),
            ("https://127.0.0.1:8190", None),
            ("http://192.0.2.1:8190", None),
            ("http://localhost", None),
        ] {
            let url: PublicUrl = url.parse().expect("an address");
            let expected = address.map(|text| text.parse().expect("an address"));
            assert_eq!(named_in(&url), expected, "{url}");
        }
    }
}
