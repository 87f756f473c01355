//! bulla's own routes, from the side of whoever asks.

use std::path::Path;
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_protocol::problem::Problem;
use bulla_protocol::wire::{Headers, RequestParts, header};
use bulla_protocol::{pccs, percent};
use serde::de::DeserializeOwned;

use crate::args::{ServiceAt, TokenAt};
use crate::client::{self, Client, PATIENCE, Reach, Reply};
use crate::config;
use crate::error::{Error, Result};

/// Time for a service to ask its upstreams for everything that it keeps: 200 documents, eight at a
/// time, each within the ten seconds of a deadline, and some to spare.
pub(crate) const REFRESH_PATIENCE: Duration = Duration::from_secs(600);

/// Under which name a token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Whoever looks after the service.
    Administrator,
    /// A user.
    User,
}

/// A running service.
pub(crate) struct Service {
    client: Client,
    token: Option<String>,
    /// Its address.
    pub(crate) url: String,
}

/// What a route answered, and whether it said that all is simulated.
pub(crate) struct Told<T> {
    pub(crate) simulated: bool,
    pub(crate) value: T,
}

impl Service {
    /// A service, for what anybody may ask.
    pub(crate) fn open(at: &ServiceAt) -> Result<Self> {
        Self::with(at, None, PATIENCE)
    }

    /// A service, with a token.
    pub(crate) fn open_with_token(at: &TokenAt, patience: Duration) -> Result<Self> {
        Self::open_for(&at.at, Some(&at.token_file), patience)
    }

    /// A service, with a token where there is a file with one.
    pub(crate) fn open_for(
        at: &ServiceAt,
        token_file: Option<&Path>,
        patience: Duration,
    ) -> Result<Self> {
        let token = token_file.map(|file| config::read_secret("token", file));
        Self::with(at, token.transpose()?, patience)
    }

    fn with(at: &ServiceAt, token: Option<String>, deadline: Duration) -> Result<Self> {
        let option = "--service";
        let base = client::address(option, &at.service)?;
        if token.is_some() && !client::is_private(&base) {
            return Err(Error::ArgumentInvalid {
                option,
                reason: "the token would be sent in clear over a network; use https".to_owned(),
            });
        }
        let reach = Reach {
            ca_file: at.ca_file.as_deref(),
            any_certificate: false,
            deadline,
        };
        let url = client::shown(&base);
        let client = Client::new(base, reach)?;
        Ok(Self { client, token, url })
    }

    /// `GET` of a route that answers with JSON.
    pub(crate) fn get<T>(&self, path: &str, query: &[(&str, &str)]) -> Result<Told<T>>
    where
        T: DeserializeOwned,
    {
        self.ask("GET", path, query, None, Role::Administrator)
    }

    /// The same of an instant; of now where it is absent.
    pub(crate) fn get_at<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        at: Option<Timestamp>,
    ) -> Result<Told<T>>
    where
        T: DeserializeOwned,
    {
        let at = at.map(|at| at.to_string());
        let at = at.as_deref().map(|at| ("at", at));
        let query: Vec<(&str, &str)> = query.iter().copied().chain(at).collect();
        self.get(path, &query)
    }

    /// Any method of a route that answers with JSON.
    pub(crate) fn ask<T>(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&str, Vec<u8>)>,
        role: Role,
    ) -> Result<Told<T>>
    where
        T: DeserializeOwned,
    {
        let query = query.iter();
        let query: Vec<String> = query
            .map(|(name, value)| format!("{name}={}", percent::encode(value)))
            .collect();
        let (media_type, body) = body.unzip();
        let mut headers = Headers::new();
        if let Some(media_type) = media_type {
            headers.add(header::CONTENT_TYPE, media_type);
        }
        let request = RequestParts {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.join("&"),
            headers,
            body: body.unwrap_or_default(),
        };
        let reply = self.send(request, role)?;
        if !reply.parts.status.is_success() {
            return Err(self.refused(&reply));
        }
        let value = serde_json::from_slice(&reply.parts.body).map_err(|error| {
            Error::ServiceAnswerUnknown {
                url: format!("{}{path}", self.url),
                reason: error.to_string(),
            }
        })?;
        Ok(Told {
            simulated: reply.is_simulated(),
            value,
        })
    }

    /// Sends a request with the token; what comes back may be a refusal.
    pub(crate) fn send(&self, mut request: RequestParts, role: Role) -> Result<Reply> {
        if let Some(token) = &self.token {
            let name = match role {
                Role::Administrator => pccs::ADMIN_TOKEN,
                Role::User => pccs::USER_TOKEN,
            };
            request.headers.add(name, token);
        }
        self.client
            .send(&request)
            .map_err(|reason| Error::ServiceUnreachable {
                url: self.url.clone(),
                reason,
            })
    }

    /// What a refusal says.
    pub(crate) fn refused(&self, reply: &Reply) -> Error {
        let problem = Problem::read(&reply.parts);
        let reason = match &problem {
            Some(problem) => match &problem.detail {
                // What cannot be decided is told on a line for each reason.
                Some(detail) => format!("{} {}", problem.title, detail.replace('\n', "; ")),
                None => problem.title.to_string(),
            },
            None => match reply.header(header::ERROR_MESSAGE) {
                Some(message) => message.to_owned(),
                None => "it says no reason; is this a service of bulla?".to_owned(),
            },
        };
        Error::ServiceRefused {
            url: self.url.clone(),
            status: reply.status(),
            code: match problem {
                Some(problem) => problem.code.as_str().to_owned(),
                None => reply.header(header::ERROR_CODE).unwrap_or("").to_owned(),
            },
            reason,
        }
    }
}
