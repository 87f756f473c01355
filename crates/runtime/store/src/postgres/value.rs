//! Values on their way to PostgreSQL and back.
//!
//! PostgreSQL keeps no U+0000 in a text. What has some is kept with U+0001 in front of `0` in its
//! place, and U+0001 itself with `1` behind it: so nothing else changes, and texts have the order
//! that they have by their bytes.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql::value::{Found, Value};

/// What a statement is given.
pub(super) struct Sent<'a>(pub(super) Value<'a>);

/// Says nothing of the value: the driver has it logged, where a program that embeds this logs so much.
impl fmt::Debug for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent(..)")
    }
}

impl ToSql for Sent<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0, kind) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::Integer(number), &Type::INT8) => out.extend_from_slice(&number.to_be_bytes()),
            (Value::Text(text), &Type::TEXT) => out.extend_from_slice(escape(text).as_bytes()),
            (Value::Blob(octets), &Type::BYTEA) => out.extend_from_slice(octets),
            (value, kind) => {
                let name = match value {
                    Value::Integer(_) => "an integer",
                    Value::Text(_) => "a text",
                    _ => "bytes",
                };
                return Err(format!("{name} was given where {kind} is needed").into());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

/// What a column gave.
#[derive(Debug)]
pub(super) enum Received<'a> {
    Integer(i64),
    Text(Cow<'a, str>),
    Blob(&'a [u8]),
}

impl Received<'_> {
    pub(super) fn found(&self) -> Found<'_> {
        match self {
            Self::Integer(number) => Found::Integer(*number),
            Self::Text(text) => Found::Text(text.as_bytes()),
            Self::Blob(octets) => Found::Blob(octets),
        }
    }
}

impl<'a> FromSql<'a> for Received<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::TEXT => Self::Text(unescape(std::str::from_utf8(raw)?)?),
            _ => Self::Blob(raw),
        })
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT | Type::BYTEA)
    }
}

const ESCAPE: char = '\u{1}';

fn escape(text: &str) -> Cow<'_, str> {
    match text.contains(['\0', ESCAPE]) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace(ESCAPE, "\u{1}1").replace('\0', "\u{1}0")),
    }
}

fn unescape(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let mut parts = text.split(ESCAPE);
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Ok(Cow::Borrowed(text));
    }
    let mut whole = first.to_owned();
    for part in parts {
        let (character, rest) = match part.as_bytes().first() {
            Some(b'0') => ('\0', &part[1..]),
            Some(b'1') => (ESCAPE, &part[1..]),
            _ => return Err("a text is not as it was written"),
        };
        whole.push(character);
        whole.push_str(rest);
    }
    Ok(Cow::Owned(whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_without_the_two_characters_stays_as_it_is() {
        assert_eq!(escape("a\u{2}é1"), "a\u{2}é1");
        assert_eq!(escape("\0a\u{1}"), "\u{1}0a\u{1}1");
    }

    #[test]
    fn what_is_sent_is_not_written_down() {
        let sent = [Sent(Value::Text("geheim")), Sent(Value::Blob(b"geheim"))];
        assert_eq!(format!("{sent:?}"), "[Sent(..), Sent(..)]");
    }

    #[test]
    fn what_was_not_written_so_is_refused() {
        for text in ["\u{1}", "a\u{1}2", "\u{1}\u{1}0", "\u{1}é"] {
            assert!(unescape(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_keeps_its_order(
            one in "[\\x00-\\x03a1é]{0,6}",
            other in "[\\x00-\\x03a1é]{0,6}",
        ) {
            let kept = escape(&one);
            prop_assert!(!kept.contains('\0'));
            prop_assert_eq!(unescape(&kept), Ok(Cow::Borrowed(&*one)));
            prop_assert_eq!(kept.cmp(&escape(&other)), one.cmp(&other));
        }
    }
}
