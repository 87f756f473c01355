//! The parameters of a query, looked up without copying them.

use std::borrow::Cow;
use std::str::FromStr;

use crate::percent;
use crate::value::ValueError;

use super::{MAX_QUERY_SIZE, Reason, Refusal};

/// A query, as received.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn new(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_QUERY_SIZE {
            let size = text.len();
            let problem = format!("the query has {size} bytes (at most {MAX_QUERY_SIZE})");
            return Err(Refusal::new(Reason::QueryTooLong).because(&problem));
        }
        Ok(Self(text))
    }

    /// The first value of a parameter, decoded. A list or an object of that name, as
    /// `fmspc[0]=`, is refused: what it asks for could not be given.
    pub(crate) fn find(self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        for pair in self.0.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            // What cannot be decoded is a parameter of another name.
            let Ok(key) = decode(key) else { continue };
            match key.strip_prefix(name) {
                Some("") => {
                    return decode(value).map(Some).map_err(|problem| {
                        Refusal::invalid(&format!("the parameter {name}: {problem}"))
                    });
                }
                Some(rest) if rest.starts_with('[') => {
                    return Err(Refusal::invalid(&format!(
                        "the parameter {name} must be one value"
                    )));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The value of a parameter that may be absent.
    pub(crate) fn optional<T>(self, name: &str) -> Result<Option<T>, Refusal>
    where
        T: FromStr<Err = ValueError>,
    {
        self.find(name)?
            .map(|text| {
                text.parse().map_err(|problem| {
                    Refusal::invalid(&format!("the parameter {name}: {problem}"))
                })
            })
            .transpose()
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required<T>(self, name: &str) -> Result<T, Refusal>
    where
        T: FromStr<Err = ValueError>,
    {
        self.optional(name)?.ok_or_else(|| missing(name))
    }
}

pub(crate) fn missing(name: &str) -> Refusal {
    Refusal::invalid(&format!("the parameter {name} is missing"))
}

/// Decodes as forms are: a plus is a space.
fn decode(text: &str) -> Result<Cow<'_, str>, percent::PercentError> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    percent::decode(&text.replace('+', " ")).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(query: &'a str, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        Query::new(query)?.find(name)
    }

    #[test]
    fn the_first_counts_and_other_names_do_not() {
        assert_eq!(find("a=1&a=2", "a").unwrap().as_deref(), Some("1"));
        assert_eq!(find("%61=%31+2&b", "a").unwrap().as_deref(), Some("1 2"));
        assert_eq!(find("b", "b").unwrap().as_deref(), Some(""));
        assert_eq!(find("a=b=c", "a").unwrap().as_deref(), Some("b=c"));
        for query in ["", "&&", "ab=1", "A=1", "%zz=1", "%=1"] {
            assert_eq!(find(query, "a"), Ok(None), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_one_value_is_refused() {
        for query in ["a[]=1", "a[b]=1&a=2", "a%5B0%5D=1", "a=%zz", "a=%ff"] {
            let refusal = find(query, "a").unwrap_err();
            assert_eq!(refusal.reason, Reason::InvalidRequest, "{query}");
        }
        assert_eq!(find("a=%zz", "b"), Ok(None));
        let long = "a".repeat(MAX_QUERY_SIZE + 1);
        assert_eq!(find(&long, "a").unwrap_err().reason, Reason::QueryTooLong);
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(find("a=1", "a"), Ok(Some(Cow::Borrowed("1")))));
    }
}
