//! The parameters of a request, from its query or from a JSON body.

use std::str::FromStr;

use serde::Deserialize;

use crate::percent;
use crate::value::ValueError;

use super::{MAX_QUERY_SIZE, RequestError};

/// Parameters by name, in their order.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of a query.
    pub(super) fn of_query(text: &str) -> Result<Self, RequestError> {
        if text.len() > MAX_QUERY_SIZE {
            return Err(RequestError::QueryTooLong {
                size: text.len(),
                limit: MAX_QUERY_SIZE,
            });
        }
        let pairs: Result<_, _> = text
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((percent::decode(name)?, percent::decode(value)?))
            })
            .collect();
        pairs.map(Self).map_err(RequestError::Query)
    }

    /// Those of a JSON object, as far as some request knows them.
    pub(super) fn of_json(body: &[u8]) -> Result<Self, RequestError> {
        let refused = |reason| RequestError::Json { reason };
        // serde would read an array as the fields in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(refused("it does not begin with a brace".to_owned()));
        }
        let body: Body =
            serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
        let fields = [
            ("platformManifest", body.platform_manifest),
            ("cpusvn", body.cpusvn),
            ("pcesvn", body.pcesvn),
            ("pceid", body.pceid),
        ];
        let pairs = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(Self(pairs.collect()))
    }

    /// The value of a parameter that may be absent.
    pub(super) fn optional<T>(&self, name: &'static str) -> Result<Option<T>, RequestError>
    where
        T: FromStr<Err = ValueError>,
    {
        let mut values = self.0.iter().filter(|(other, _)| other == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => value
                .parse()
                .map(Some)
                .map_err(|problem| RequestError::Value { name, problem }),
            (Some(_), Some(_)) => Err(RequestError::ParameterRepeated { name }),
        }
    }

    /// The value of a parameter that must be there.
    pub(super) fn required<T>(&self, name: &'static str) -> Result<T, RequestError>
    where
        T: FromStr<Err = ValueError>,
    {
        self.optional(name)?
            .ok_or(RequestError::ParameterMissing { name })
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "platformManifest")]
    platform_manifest: Option<String>,
    cpusvn: Option<String>,
    pcesvn: Option<String>,
    pceid: Option<String>,
}
