//! Reading the vendor's JSON strictly: exact types, no duplicate keys at any depth, no `null` for
//! an absent field, unknown fields kept by name.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bulla_pki::Timestamp;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::status::TcbStatus;

/// Largest JSON document that is read, in bytes. Genuine ones have 600 to 10,100.
pub const MAX_DOCUMENT_SIZE: usize = 128 * 1024;

/// Deepest nesting inside a field that this version does not know. Intel's library stops at 32
/// for a whole document; genuine documents have 6.
const MAX_UNKNOWN_DEPTH: usize = 24;

/// Longest reason of the JSON reader that is passed on, in characters.
const MAX_REASON_LENGTH: usize = 240;

/// Why text is not one of the vendor's documents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Longer than [`MAX_DOCUMENT_SIZE`].
    #[error("{size} bytes are too long for a document of the vendor (at most {limit})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// Not JSON, a field missing or standing twice, a value of the wrong type or out of range.
    #[error("line {line}, column {column}: {reason}")]
    Json {
        /// Line in the text that was read, from 1; 0 if unknown.
        line: usize,
        /// Column in the line, from 1; 0 if unknown.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// The document is of a version that this program does not read.
    #[error("version {version} of this document is not supported")]
    VersionUnsupported {
        /// The version found.
        version: u64,
    },
    /// A field is there that this kind of document must not have, or is missing that it must.
    #[error("`{field}` {problem}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two levels demand the same: which of them applies would depend on their order.
    #[error("two TCB levels in `{list}` demand the same SVNs")]
    LevelRepeated {
        /// Name of the list.
        list: &'static str,
    },
}

/// Reads one value of type `T` that fills `bytes`, within the budget for a document.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DocumentError> {
    if bytes.len() > MAX_DOCUMENT_SIZE {
        return Err(DocumentError::TooLong {
            size: bytes.len(),
            limit: MAX_DOCUMENT_SIZE,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::Json {
        line: 0,
        column: 0,
        reason: format!("not UTF-8 from byte {} on", error.valid_up_to()),
    })?;
    serde_json::from_str(text).map_err(|error| DocumentError::Json {
        line: error.line(),
        column: error.column(),
        reason: reason_without_position(&error),
    })
}

/// The words of an error without the position that serde_json appends.
///
/// They may quote the document; so much of them is kept that a person recognises it.
fn reason_without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    let reason = text.get(..end).unwrap_or(&text);
    match reason.char_indices().nth(MAX_REASON_LENGTH) {
        Some((cut, _)) => format!("{} …", reason.get(..cut).unwrap_or_default()),
        None => reason.to_owned(),
    }
}

/// `N` bytes written as hexadecimal digits of either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hex<const N: usize>(pub(crate) [u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        let mut bytes = [0; N];
        hex::decode_to_slice(&*text, &mut bytes).map_err(|_| {
            D::Error::custom(format_args!(
                "`{}` is not {} hexadecimal digits",
                shortened(&text),
                N.saturating_mul(2)
            ))
        })?;
        Ok(Self(bytes))
    }
}

/// A time of the form `YYYY-MM-DDTHH:MM:SSZ`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        text.parse()
            .map(Self)
            .map_err(|error| D::Error::custom(format_args!("`{}` is {error}", shortened(&text))))
    }
}

/// One of the vendor's words for a TCB level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status(pub(crate) TcbStatus);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        match text.parse() {
            // The advice to launch again is a conclusion of the verifier, never a level's word.
            Ok(TcbStatus::TDRelaunchAdvised | TcbStatus::TDRelaunchAdvisedConfigurationNeeded)
            | Err(_) => Err(D::Error::custom(format_args!(
                "`{}` is not a TCB status of a level",
                shortened(&text)
            ))),
            Ok(status) => Ok(Self(status)),
        }
    }
}

/// Advisory identifiers, shared between levels and verdicts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advisories(pub(crate) Arc<[Arc<str>]>);

impl<'de> Deserialize<'de> for Advisories {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Text<'_>>::deserialize(deserializer)?;
        Ok(Self(list.into_iter().map(|id| Arc::from(&*id.0)).collect()))
    }
}

/// A string, borrowed where it holds no escapes.
#[derive(Clone, Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Characters;

        impl<'de> Visitor<'de> for Characters {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Characters)
    }
}

/// Enough of a hostile text to recognise it in a message.
fn shortened(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Declares a struct that is read from a JSON object.
///
/// Unlike serde's derived reader this one keeps the names of unknown fields, finds duplicate keys
/// inside them too, and takes `null` for a value of the wrong type where a field is optional. It
/// buffers nothing.
macro_rules! object {
    (
        $vis:vis struct $name:ident $(<$life:lifetime>)?;
        required { $($field:ident: $type:ty = $key:literal,)* }
        optional { $($optional:ident: $optional_type:ty = $optional_key:literal,)* }
    ) => {
        $vis struct $name $(<$life>)? {
            $($field: $type,)*
            $($optional: Option<$optional_type>,)*
            #[allow(dead_code, reason = "not every reader looks at them")]
            unknown: $crate::json::UnknownFields,
        }

        impl<'de> serde::Deserialize<'de> for $name $(<$life>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name $(<$life>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        $(let mut $field: Option<$type> = None;)*
                        $(let mut $optional: Option<$optional_type> = None;)*
                        let mut unknown = $crate::json::UnknownFields::default();
                        while let Some(key) = map.next_key::<$crate::json::Text<'de>>()? {
                            let repeated = match &*key.0 {
                                $($key => $field.replace(map.next_value()?).is_some(),)*
                                $($optional_key => {
                                    $optional.replace(map.next_value()?).is_some()
                                })*
                                other => unknown.take(other, &mut map)?,
                            };
                            if repeated {
                                return Err($crate::json::duplicate_field(&key.0));
                            }
                        }
                        let missing = <A::Error as serde::de::Error>::missing_field;
                        Ok($name {
                            $($field: $field.ok_or_else(|| missing($key))?,)*
                            $($optional,)*
                            unknown,
                        })
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
}
pub(crate) use object;

/// The names of the fields that a struct does not know. Their values are read to the end and
/// dropped: a duplicate key anywhere in them is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnknownFields(pub(crate) BTreeSet<String>);

impl UnknownFields {
    /// Takes over the names found in another object.
    pub(crate) fn absorb(&mut self, other: Self) {
        if !other.0.is_empty() {
            // Not `append`, which builds the whole set anew for each of a thousand small ones.
            self.0.extend(other.0);
        }
    }

    /// Takes one member whose value is still to be read; says whether the name was known already.
    pub(crate) fn take<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        map.next_value_seed(Anything {
            depth: MAX_UNKNOWN_DEPTH,
        })?;
        Ok(!self.0.insert(name.to_owned()))
    }
}

pub(crate) fn duplicate_field<E: Error>(name: &str) -> E {
    E::custom(format_args!("duplicate field `{}`", shortened(name)))
}

/// Any value without duplicate keys, nested at most so deep.
struct Anything {
    depth: usize,
}

impl Anything {
    fn inner<E: Error>(&self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Anything {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = self.inner::<A::Error>()?.depth;
        while list.next_element_seed(Anything { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.inner::<A::Error>()?.depth;
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Anything { depth })?;
            if let Some(name) = names.replace(name) {
                return Err(duplicate_field(&name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        struct Sample<'de>;
        required { number: u8 = "number", }
        optional { word: Text<'de> = "word", }
    }

    impl std::fmt::Debug for Sample<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} {:?} {:?}", self.number, self.word, self.unknown)
        }
    }

    fn read(text: &str) -> Result<Sample<'_>, DocumentError> {
        parse(text.as_bytes())
    }

    fn reason(text: &str) -> String {
        match read(text) {
            Err(DocumentError::Json { reason, .. }) => reason,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn unknown_fields_are_kept_by_name() {
        let sample = read(r#"{"z":[1,{"a":null}],"number":255,"b":true}"#).unwrap();
        assert_eq!(sample.number, 255);
        assert_eq!(sample.unknown.0.into_iter().collect::<Vec<_>>(), ["b", "z"]);
    }

    #[test]
    fn what_a_lenient_reader_would_let_pass() {
        assert_eq!(
            reason(r#"{"number":1,"number":1}"#),
            "duplicate field `number`"
        );
        assert_eq!(
            reason(r#"{"number":1,"numb\u0065r":1}"#),
            "duplicate field `number`"
        );
        assert_eq!(reason(r#"{"number":1,"a":1,"a":1}"#), "duplicate field `a`");
        assert_eq!(
            reason(r#"{"number":1,"a":[{"b":1,"b":1}]}"#),
            "duplicate field `b`"
        );
        assert_eq!(reason(r#"{"number":1} x"#), "trailing characters");
        assert_eq!(reason("{}"), "missing field `number`");
        assert!(read(r#"{"number":1,"word":"a"}"#).unwrap().word.is_some());
        assert!(read(r#"{"number":1,"word":null}"#).is_err());
        assert!(read(r#"{"number":1,"word":1}"#).is_err());
        for number in ["256", "-1", "1.0", "1e0", "\"1\"", "null", "01", "-0"] {
            let text = format!(r#"{{"number":{number}}}"#);
            assert!(read(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_and_size_have_limits() {
        let nested = |depth| {
            format!(
                r#"{{"number":1,"a":{}{}}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        assert!(read(&nested(MAX_UNKNOWN_DEPTH)).is_ok());
        assert_eq!(reason(&nested(MAX_UNKNOWN_DEPTH + 1)), "nested too deeply");
        assert!(read(&nested(50_000)).is_err());
        let long = format!(r#"{{"number":1,"a":"{}"}}"#, "x".repeat(100_000));
        assert!(read(&long).is_ok());
        let padded = format!("{}{long}", " ".repeat(MAX_DOCUMENT_SIZE - long.len()));
        assert!(read(&padded).is_ok());
        let size = MAX_DOCUMENT_SIZE + 1;
        let limit = MAX_DOCUMENT_SIZE;
        assert_eq!(
            read(&" ".repeat(size)).unwrap_err(),
            DocumentError::TooLong { size, limit }
        );
    }

    #[test]
    fn hostile_text_is_shortened_in_messages() {
        let text = format!(r#""{}""#, "\\u001b".repeat(1000));
        let error = parse::<Time>(text.as_bytes()).unwrap_err().to_string();
        assert!(error.len() < 600 && !error.contains('\u{1b}'), "{error}");
    }
}
