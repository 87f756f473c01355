//! What every command of the gate's administrator does: asks a route, and tells what it said.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::{Administered, Format};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, headline};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::table;
use crate::service::{Role, Service, Told};

/// A body with its media type.
pub(super) type Body = Option<(&'static str, Vec<u8>)>;

/// A gate, asked with the administrator's token.
pub(super) struct Gate(Service);

/// How a list is told.
pub(super) struct List<'a, const N: usize> {
    /// What one row is, and what the list is called, in JSON too.
    pub(super) nouns: [&'static str; 2],
    /// Of the columns, for people.
    pub(super) titles: [&'static str; N],
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
}

impl Gate {
    pub(super) fn open(args: &Administered) -> Result<Self> {
        Service::open_with_token(&args.at, PATIENCE).map(Self)
    }

    /// What a route says.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Body,
    ) -> Result<Told<T>> {
        self.0.ask(method, path, query, body, Role::Administrator)
    }

    /// Answers with what the gate said, or for people with a text of their own.
    pub(super) fn answer<T: Serialize>(
        &self,
        told: Told<T>,
        text: impl FnOnce(&T) -> String,
        output: &mut Output,
    ) -> Result<Exit> {
        match output.format() {
            Format::Json => output.json(&Answer {
                service: &self.0.url,
                simulated: told.simulated,
                content: told.value,
            })?,
            Format::Text => output.text(&text(&told.value))?,
        }
        Ok(Exit::Done)
    }

    /// The same with a line.
    pub(super) fn tell<T: Serialize>(
        &self,
        told: Told<T>,
        title: impl FnOnce(&T) -> String,
        output: &mut Output,
    ) -> Result<Exit> {
        let simulated = told.simulated;
        self.answer(told, |value| headline(simulated, &title(value)), output)
    }

    /// Asks a route for a list, and answers with it, or for people with a table.
    pub(super) fn list<T, const N: usize>(
        &self,
        list: &List<'_, N>,
        row: impl Fn(&T) -> [String; N],
        output: &mut Output,
    ) -> Result<Exit>
    where
        T: DeserializeOwned + Serialize,
    {
        let [one, many] = list.nouns;
        let Told { simulated, value } = self.0.get::<Vec<T>>(list.path, list.query)?;
        let text = |content: &BTreeMap<&str, Vec<T>>| {
            let all = &content[many];
            let noun = if all.len() == 1 { one } else { many };
            let title = format!("{} {noun} at {}", all.len(), self.0.url);
            let mut text = headline(simulated, &title);
            let rows: Vec<[String; N]> = all.iter().map(row).collect();
            table::write(list.titles, &rows, &mut text);
            text
        };
        let value = BTreeMap::from([(many, value)]);
        self.answer(Told { simulated, value }, text, output)
    }
}
