//! Parameters of a query: each once, each known.

use bulla_pki::Timestamp;
use bulla_protocol::percent;

use super::Problem;

/// Most parameters that are read: no route has more than three.
const MOST: usize = 8;

/// A query, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the question mark.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let mut all: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text| {
                percent::decode(text)
                    .map_err(|error| Problem::bad_request(&format!("the query: {error}")))
            };
            let (name, value) = (decode(name)?, decode(value)?);
            if all.iter().any(|(other, _)| *other == name) {
                let detail = format!("the parameter {name:?} stands twice");
                return Err(Problem::bad_request(&detail));
            }
            if all.len() == MOST {
                return Err(Problem::bad_request("the query has too many parameters"));
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// Refuses parameters of other names: a misspelt one would be ignored in silence.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => Err(Problem::bad_request(&format!(
                "the parameter {name:?} is not known here; known are: {}",
                match known.is_empty() {
                    true => "none".to_owned(),
                    false => known.join(", "),
                }
            ))),
        }
    }

    /// The value of a parameter; absent where it is.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, in its type; absent where it is.
    pub(crate) fn typed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|error| Problem::bad_request(&format!("{name}: {error}")))
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem>
    where
        T::Err: std::fmt::Display,
    {
        self.typed(name)?
            .ok_or_else(|| Problem::bad_request(&format!("the parameter {name} is missing")))
    }

    /// The value of a parameter that is a number: decimal digits alone; absent where it is.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self.find(name) {
            Some(text) if !is_number(text) => {
                Err(Problem::bad_request(&format!("{name}: decimal digits")))
            }
            _ => self.typed(name),
        }
    }

    /// How many entries are wanted: `limit`, at most `most`, which is also the default.
    pub(crate) fn limit(&self, most: usize) -> Result<usize, Problem> {
        let limit = self.number("limit")?.map(usize::try_from);
        match limit {
            None => Ok(most),
            Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::bad_request(&format!("limit: from 1 to {most}"))),
        }
    }

    /// The instant `at`; absent where the present one is meant.
    pub(crate) fn at(&self) -> Result<Option<Timestamp>, Problem> {
        self.typed("at")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_once_and_known() {
        let query = Query::read("slot=pck-crl%2Fplatform&limit=7").unwrap();
        assert_eq!(query.find("slot"), Some("pck-crl/platform"));
        assert_eq!(query.limit(10).unwrap(), 7);
        assert!(query.limit(6).is_err());
        assert!(query.only(&["slot", "limit"]).is_ok());
        assert!(query.only(&["slot"]).is_err());
        for text in [
            "limit=+7",
            "limit=",
            "limit=0",
            "limit=-1",
            "limit=99999999999999999999",
        ] {
            assert!(Query::read(text).unwrap().limit(10).is_err(), "{text}");
        }
        for text in ["a=1&a=2", "a=%2", "a=%FF", "a&b&c&d&e&f&g&h&i"] {
            assert!(Query::read(text).is_err(), "{text}");
        }
        assert!(Query::read("").unwrap().required::<u32>("n").is_err());
    }
}
