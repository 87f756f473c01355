//! `bulla serve`: the collateral service.

use std::path::Path;

use bulla_pki::digest::sha512;
use bulla_service::daemon::{self, Daemon, Database, Settings, Start};
use bulla_service::gate::GateSettings;
use bulla_service::http::log;

use crate::args::{Format, ServiceArgs};
use crate::config::{Overrides, Settled, Source, pccs, settle};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::input;
use crate::output::{Exit, Output};
use crate::render::style::{CAUTION, GOOD, STRONG, harmless, paint};
use crate::render::{fields, table};

/// Longest token, in bytes: longer ones are never looked at.
const LONGEST_TOKEN: usize = 1_024;

pub(crate) fn run(args: &ServiceArgs, output: &mut Output) -> Result<Exit> {
    if args.hash_token {
        return hash_token(output);
    }
    let (source, taken_over) = match (&args.config, &args.as_pccs) {
        (Some(path), _) => (Source::read(path)?, None),
        (None, Some(directory)) => {
            let taken_over = pccs::read(directory)?;
            (taken_over.source, Some(taken_over.settings))
        }
        (None, None) => (Source::default(), None),
    };
    let overrides = Overrides {
        listen: args.listen.clone(),
        store: args.store.clone(),
        upstream: args.upstream.clone(),
        trust_root: args.trust_root.clone(),
        simulated: args.simulated,
        mode: args.mode,
        shadow: args.shadow.clone(),
        shadow_ca_file: args.shadow_ca_file.clone(),
    };
    let settled = settle(&source, &overrides)?;
    let told = told(&settled);
    let is_simulated = settled.settings.realm.is_simulated();
    if args.check_config {
        let listeners = settled.settings.listeners.iter();
        let places = listeners.map(|listener| daemon::shown(listener, None));
        let listen = Fields::new().with("listen", places.collect::<Vec<_>>());
        tell_taken_over(taken_over.as_deref(), output)?;
        let told = listen
            .and(told)
            .and(accounts(taken_over.as_deref(), output));
        tell("configuration in order", is_simulated, told, output)?;
        return Ok(Exit::Done);
    }
    log::install(settled.log).map_err(|error| Error::LogUnusable {
        reason: error.to_string(),
    })?;
    let daemon = Daemon::open(settled.settings)?;
    daemon.run(|start| {
        tell_taken_over(taken_over.as_deref(), output)?;
        let told = listening(start).and(told).and(present(start));
        let told = told.and(accounts(taken_over.as_deref(), output));
        tell(
            "serving, until it is interrupted",
            is_simulated,
            told,
            output,
        )?;
        // Whoever waits for the address must see it now.
        output.flush()
    })?;
    Ok(Exit::Done)
}

/// What became of each setting of Intel's cache, as a table for people.
fn tell_taken_over(settings: Option<&[pccs::Setting]>, output: &mut Output) -> Result<()> {
    let Some(settings) = settings.filter(|_| output.format() == Format::Text) else {
        return Ok(());
    };
    let rows: Vec<[String; 4]> = settings
        .iter()
        .map(|one| {
            let style = match one.became {
                pccs::Became::TakenOver => GOOD,
                pccs::Became::Left => CAUTION,
            };
            [
                harmless(one.name()),
                harmless(&one.value),
                paint(style, one.became.as_str()),
                harmless(&one.why),
            ]
        })
        .collect();
    let mut text = String::new();
    table::write(
        ["of Intel's cache", "value", "became", ""],
        &rows,
        &mut text,
    );
    text.push('\n');
    output.text(&text)
}

/// The same for programs; for people there is the table.
fn accounts(settings: Option<&[pccs::Setting]>, output: &Output) -> Fields {
    let Some(settings) = settings.filter(|_| output.format() == Format::Json) else {
        return Fields::new();
    };
    let all = settings.iter().map(|one| {
        Fields::new()
            .with("setting", one.name())
            .with("value", one.value.as_str())
            .with("became", one.became.as_str())
            .with("why", one.why.as_str())
    });
    Fields::new().with("as_pccs", all.collect::<Vec<_>>())
}

/// What was settled.
fn told(settled: &Settled) -> Fields {
    let Settings {
        realm,
        mode,
        store,
        database,
        serve_expired,
        gate,
        ..
    } = &settled.settings;
    let anchor = realm.anchor();
    let anchor = Fields::new()
        .with("name", anchor.name())
        .with("genuine", anchor.is_genuine())
        .hex("public_key_sha256", anchor.public_key_sha256());
    Fields::new()
        .with("mode", mode.as_str())
        .with("serve_expired", *serve_expired)
        .with("trust_anchor", anchor)
        .with("upstreams", settled.upstreams.clone())
        .with("store", shown(store))
        .with(
            "database",
            database.name().map(|name| told_of(database, name)),
        )
        .with("gate", gate.as_ref().map(told_of_gate))
}

/// What was settled of the database, with a warning where others can read what is said to it.
fn told_of(database: &Database, name: &str) -> Fields {
    let told = Fields::new().with("name", name);
    match database.is_plain_text() {
        true => told.with("warning", "it is spoken to in plain text"),
        false => told,
    }
}

/// What was settled of the gate, with a warning where it does not belong.
fn told_of_gate(gate: &GateSettings) -> Fields {
    let told = Fields::new()
        .with("place", gate.place.as_str())
        .with("token_seconds", u64::from(gate.token_seconds))
        .with("nonce_seconds", u64::from(gate.nonce_seconds));
    match gate.place.warning() {
        Some(warning) => told.with("warning", warning),
        None => told,
    }
}

fn listening(start: &Start) -> Fields {
    let first = start.addresses.first().map(ToString::to_string);
    Fields::new()
        .with("address", first)
        .with("listening", start.listening.clone())
}

fn present(start: &Start) -> Fields {
    let token = start.token_file.as_deref().map(|file| {
        Fields::new()
            .with("file", shown(file))
            .with("made_now", start.token_is_new)
    });
    let gate_key = start.gate_key_file.as_deref().map(|file| {
        Fields::new()
            .with("file", shown(file))
            .with("made_now", start.gate_key_is_new)
    });
    Fields::new()
        .with("documents", start.documents)
        .with("platforms", start.platforms)
        .with("administrator_token", token)
        .with("gate_key", gate_key)
}

/// Answers, and says whether it is all simulated.
fn tell(title: &str, is_simulated: bool, told: Fields, output: &mut Output) -> Result<()> {
    match output.format() {
        Format::Json => output.json(&Fields::new().with("simulated", is_simulated).and(told)),
        Format::Text => {
            let mark = match is_simulated {
                true => format!("{}  ", paint(CAUTION, "SIMULATED")),
                false => String::new(),
            };
            let mut text = format!("{mark}{}\n\n", paint(STRONG, title));
            fields::write(&told, 0, &mut text);
            output.text(&text)
        }
    }
}

/// A token comes on standard input: arguments can be seen by everybody on the machine.
fn hash_token(output: &mut Output) -> Result<Exit> {
    let path = Path::new("-");
    let bytes = input::read("token", path, LONGEST_TOKEN)?;
    let token = bytes.trim_ascii();
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err(Error::SecretMalformed {
            what: "token",
            path: path.to_owned(),
        });
    }
    let digest = hex::encode(sha512(token));
    match output.format() {
        Format::Json => output.json(&Fields::new().with("sha512", digest))?,
        Format::Text => output.text(&format!("sha512 = \"{digest}\"\n"))?,
    }
    Ok(Exit::Done)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
