//! Signed JSON, carried as text: writing it anew would break its signature.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::value::ValueError;

/// The text of a JSON object, byte for byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonObject(String);

impl JsonObject {
    /// Takes the text of a JSON object with nothing around it.
    pub fn new(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        let is_json = serde_json::from_str::<&RawValue>(&text)
            .is_ok_and(|value| value.get().len() == text.len());
        if !is_json || !text.starts_with('{') {
            return Err(ValueError::JsonObject);
        }
        Ok(Self(text))
    }

    /// The same object without blanks between its tokens; the tokens stay byte for byte.
    #[must_use]
    pub fn compact(self) -> Self {
        let mut in_text = false;
        let mut escaped = false;
        let keep = |character: char| {
            if in_text {
                in_text = escaped || character != '"';
                escaped = !escaped && character == '\\';
                return true;
            }
            in_text = character == '"';
            !character.is_ascii_whitespace()
        };
        let mut text = self.0;
        text.retain(keep);
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonObject({} bytes)", self.0.len())
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_an_object_alone_is_one() {
        for text in ["", "1", "[]", "{", "{}{}", " {}", "{} ", "{\"a\":}", "null"] {
            assert_eq!(JsonObject::new(text), Err(ValueError::JsonObject), "{text}");
        }
        assert_eq!(JsonObject::new("{ }").unwrap().as_str(), "{ }");
    }

    #[test]
    fn blanks_inside_of_strings_stay() {
        let text = "{ \"a b\" :\t[1.0, 2e3],\r\n\"c\\\" d\\\\\" : \" \\u0020\" }";
        assert_eq!(
            JsonObject::new(text).unwrap().compact().as_str(),
            "{\"a b\":[1.0,2e3],\"c\\\" d\\\\\":\" \\u0020\"}"
        );
    }

    proptest! {
        #[test]
        fn compacting_changes_no_value(text in any::<String>(), other in any::<String>()) {
            let value = serde_json::json!({ text.clone(): [other, 1], "a": {} });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let compact = JsonObject::new(pretty).unwrap().compact();
            let read: serde_json::Value = serde_json::from_str(compact.as_str()).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(compact.as_str(), serde_json::to_string(&read).unwrap());
        }
    }
}
