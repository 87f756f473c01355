//! JSON in the vendor's compact form, with fields in the order in which they are added.

use std::fmt::Write;

/// An object that is being written.
pub(crate) struct Object(String);

impl Object {
    /// An object without fields.
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a field whose value is JSON already.
    pub(crate) fn json(mut self, key: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&string(key));
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    /// Adds a string.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.json(key, &string(value))
    }

    /// Adds bytes as upper-case hexadecimal digits.
    pub(crate) fn hex(self, key: &str, value: &[u8]) -> Self {
        self.text(key, &hex::encode_upper(value))
    }

    /// Adds a number.
    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        self.json(key, &value.to_string())
    }

    /// Adds an array.
    pub(crate) fn array(self, key: &str, items: impl IntoIterator<Item = String>) -> Self {
        let items: Vec<String> = items.into_iter().collect();
        self.json(key, &format!("[{}]", items.join(",")))
    }

    /// Adds an array of strings, or nothing where there are none: the vendor leaves such a field
    /// out.
    pub(crate) fn texts_if_any(self, key: &str, items: &[String]) -> Self {
        if items.is_empty() {
            return self;
        }
        self.array(key, items.iter().map(|item| string(item)))
    }

    /// The object as text.
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A string in quotes.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if u32::from(control) < 0x20 => {
                write!(quoted, "\\u{:04x}", u32::from(control)).expect("a String takes any text");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_compact_and_keep_their_order() {
        let text = Object::new()
            .text("z", "a\"b\\c\n")
            .number("a", 256)
            .hex("m", &[0xab])
            .texts_if_any("none", &[])
            .array("list", [Object::new().end()])
            .end();
        assert_eq!(
            text,
            r#"{"z":"a\"b\\c\u000a","a":256,"m":"AB","list":[{}]}"#
        );
    }
}
