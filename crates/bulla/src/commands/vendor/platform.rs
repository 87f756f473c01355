//! The vendor's platforms.

use std::collections::BTreeSet;

use bulla_evidence::Tee;
use bulla_pki::Timestamp;
use bulla_vendor::{Order, Part, PckCa, Platform, PlatformName, Registration, Revoked, Vendor};

use super::events::parts;
use super::{argument, directory, write};
use crate::args::{
    PlatformAddArgs, PlatformCommand, PlatformManifestArgs, PlatformRegisterArgs, PlatformShowArgs,
    PlatformUpdateArgs, ShowArgs,
};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::input;
use crate::time;

/// Largest file that is read as a manifest, in bytes: as the vendor's description says.
const MAX_MANIFEST_SIZE: usize = 56_442;

pub(super) fn run(command: &PlatformCommand) -> Result<(&'static str, Fields)> {
    Ok(match command {
        PlatformCommand::Add(args) => ("platform made", add(args)?),
        PlatformCommand::List(args) => ("platforms", list(args)?),
        PlatformCommand::Show(args) => ("platform", show(args)?),
        PlatformCommand::Update(args) => ("platform updated", update(args)?),
        PlatformCommand::Manifest(args) => ("manifest written", manifest(args)?),
        PlatformCommand::Register(args) => ("platform registered", register(args)?),
    })
}

fn add(args: &PlatformAddArgs) -> Result<Fields> {
    let at = time::given_or_now(args.event.at.as_deref())?;
    let order = Order {
        name: name(&args.name)?,
        ca: match args.multi_package {
            true => PckCa::Platform,
            false => PckCa::Processor,
        },
        fmspc: args.fmspc.as_deref().map(fmspc).transpose()?,
        number: args.number,
    };
    directory(&args.event.place).change(|vendor| {
        let name = vendor.make(order, at)?.name().clone();
        Ok(fields(vendor, vendor.platform(&name, at)?, at))
    })
}

/// Orders of platforms of one package, by their names.
pub(super) fn orders(names: &[String]) -> Result<Vec<Order>> {
    let order = |text: &String| {
        Ok(Order {
            name: argument("--platform", text)?,
            ca: PckCa::Processor,
            fmspc: None,
            number: None,
        })
    };
    names.iter().map(order).collect()
}

fn list(args: &ShowArgs) -> Result<Fields> {
    let at = time::given_or_now(args.at.as_deref())?;
    let vendor = directory(&args.place).read()?;
    Ok(Fields::new()
        .with("at", at)
        .with("platforms", fields_of_all(&vendor, at)))
}

fn show(args: &PlatformShowArgs) -> Result<Fields> {
    let at = time::given_or_now(args.event.at.as_deref())?;
    let vendor = directory(&args.event.place).read()?;
    let platform = vendor.platform(&name(&args.name)?, at)?;
    let running = platform.start(at);
    let info = running.pce_info(&vendor.provisioning_key().public_key());
    let quoting_enclave = running.quoting_enclave(Tee::Sgx);
    let id = quoting_enclave
        .id(running.processor())
        .expect("a quoting enclave may derive its own seal key");
    let pck = running.tcb().pck();
    let request = Fields::new()
        .hex("qe_id", id)
        .hex("encrypted_ppid", info.encrypted_ppid)
        .hex("cpusvn", pck.cpusvn)
        // These two as the vendor's interface takes them, the lower byte first.
        .hex("pcesvn", pck.pcesvn.to_le_bytes())
        .hex("pceid", info.pce_id.to_le_bytes());
    Ok(fields(&vendor, platform, at).with("request", request))
}

fn update(args: &PlatformUpdateArgs) -> Result<Fields> {
    let at = time::given_or_now(args.event.at.as_deref())?;
    let name = name(&args.name)?;
    let number = match args.to.as_str() {
        "latest" => None,
        number => Some(argument("--to", number)?),
    };
    let mut chosen = BTreeSet::new();
    for word in args.part.iter().flatten() {
        chosen.extend(parts("--part", word)?);
    }
    if args.part.is_none() {
        chosen.extend(Part::all());
    }
    directory(&args.event.place).change(|vendor| {
        vendor.update(&name, number, chosen, at)?;
        Ok(fields(vendor, vendor.platform(&name, at)?, at))
    })
}

fn manifest(args: &PlatformManifestArgs) -> Result<Fields> {
    let at = time::given_or_now(args.event.at.as_deref())?;
    let vendor = directory(&args.event.place).read()?;
    let platform = vendor.platform(&name(&args.name)?, at)?;
    let manifest = vendor.manifest(platform)?;
    write(&args.out, &manifest)?;
    Ok(Fields::new()
        .with("name", platform.name().as_str())
        .with("file", args.out.display().to_string())
        .with("size", manifest.len()))
}

fn register(args: &PlatformRegisterArgs) -> Result<Fields> {
    let at = time::given_or_now(args.event.at.as_deref())?;
    let manifest = input::read("manifest", &args.manifest, MAX_MANIFEST_SIZE)?;
    let how = match args.indirect {
        true => Registration::Indirect,
        false => Registration::Direct,
    };
    directory(&args.event.place).change(|vendor| {
        let registered = vendor.register(&manifest, how, at);
        let registered = registered.map_err(|source| Error::VendorManifest {
            path: args.manifest.clone(),
            source,
        })?;
        let name = registered.name().clone();
        Ok(fields(vendor, vendor.platform(&name, at)?, at))
    })
}

/// Every platform made until `at`.
pub(super) fn fields_of_all(vendor: &Vendor, at: Timestamp) -> Vec<Fields> {
    let platforms = vendor.platforms().iter();
    platforms
        .filter(|platform| platform.made() <= at)
        .map(|platform| fields(vendor, platform, at))
        .collect()
}

/// What a platform is at `at`.
fn fields(vendor: &Vendor, platform: &Platform, at: Timestamp) -> Fields {
    let svns = platform.svns(at);
    let lacks: Vec<String> = Part::all()
        .filter(|part| svns.get(*part) < vendor.history().svns_at(at).get(*part))
        .map(|part| part.to_string())
        .collect();
    let registration = platform
        .registration(at)
        .map(|registration| match registration {
            Registration::Direct => "direct",
            Registration::Indirect => "indirect",
        });
    let of = Revoked::Platform(platform.name().clone());
    Fields::new()
        .with("name", platform.name().as_str())
        .hex("fmspc", platform.fmspc())
        .with("pck_ca", platform.ca().as_str())
        .hex("ppid", platform.ppid())
        .with("made", platform.made())
        .with("registration", registration)
        .with("revoked", vendor.history().revoked(&of, at))
        .hex("cpusvn", svns.components)
        .with("pcesvn", svns.pce)
        .hex("tee_tcb_svn", svns.tee_tcb_svn())
        .with("qe_isvsvn", svns.qe)
        .with("td_qe_isvsvn", svns.td_qe)
        .with("lacks", lacks)
}

fn name(text: &str) -> Result<PlatformName> {
    argument("NAME", text)
}

fn fmspc(text: &str) -> Result<[u8; 6]> {
    let mut fmspc = [0; 6];
    hex::decode_to_slice(text, &mut fmspc).map_err(|_| Error::ArgumentInvalid {
        option: "--fmspc",
        reason: "an FMSPC has 12 hexadecimal digits".to_owned(),
    })?;
    Ok(fmspc)
}
