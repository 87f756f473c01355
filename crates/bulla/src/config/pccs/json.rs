//! JSON as the cache's library reads it: with comments, and with a comma behind the last member. Intel's
//! own file has both.

/// The same as JSON: blanks stand where a comment was, or a comma behind which nothing follows. Lines
/// stay where they are, so that an error names its place.
pub(super) fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = text.to_vec();
    // The last comma, as long as nothing but blanks and comments has followed.
    let mut comma = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let comment = comment(rest);
        let length = comment.unwrap_or_else(|| word(rest));
        match (comment, rest[0]) {
            (Some(_), _) => blank(&mut plain[at..at + length]),
            (None, b',') => comma = Some(at),
            (None, b'}' | b']') => {
                if let Some(comma) = comma.take() {
                    plain[comma] = b' ';
                }
            }
            (None, byte) if byte.is_ascii_whitespace() => {}
            (None, _) => comma = None,
        }
        at += length;
    }
    plain
}

/// Length of the comment that begins here; absent where none does, or it does not end.
fn comment(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'/', b'/', ..] => {
            let end = rest.iter().position(|byte| *byte == b'\n');
            Some(end.unwrap_or(rest.len()))
        }
        [b'/', b'*', inside @ ..] => {
            let end = inside.windows(2).position(|two| two == b"*/")?;
            Some(end + 4)
        }
        _ => None,
    }
}

/// Length of the string that begins here, in which nothing is a comment; otherwise of one byte.
fn word(rest: &[u8]) -> usize {
    if rest[0] != b'"' {
        return 1;
    }
    let mut is_escaped = false;
    let end = rest.iter().skip(1).position(|byte| {
        let ends = !is_escaped && *byte == b'"';
        is_escaped = !is_escaped && *byte == b'\\';
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

fn blank(comment: &mut [u8]) {
    for byte in comment.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Option<Value> {
        serde_json::from_slice(&plain(text.as_bytes())).ok()
    }

    #[test]
    fn comments_and_last_commas_do_not_count() {
        for (text, expected) in [
            ("{ \"a\": 1, // \"b\": 2\n }", json!({ "a": 1 })),
            ("{ \"a\": [1, /* 2, \n */ ], }", json!({ "a": [1] })),
            ("// {\n{ }// }", json!({})),
            (
                "{ \"a//\\\"b/*\": \"https://c,}\" }",
                json!({ "a//\"b/*": "https://c,}" }),
            ),
            (
                "{ \"a\" : { \"b\" : \"c\" }, \n  //\"d\" : {\n  //}\n}\n",
                json!({ "a": { "b": "c" } }),
            ),
            ("[\"\\\\\", 1]", json!(["\\", 1])),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["[1,,]", "{ \"a\": 1 /* }", "{ \"a\": \"b }", "/", "[1 / 2]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn json_stays_what_it_is() {
        let text = "// \\ \" /* ,} ,] */ \u{e9}\n";
        let value = json!({ text: [text, 1, {}, [], { "a": null }] });
        for written in [value.to_string(), format!("{value:#}")] {
            assert_eq!(plain(written.as_bytes()), written.as_bytes());
        }
    }

    #[test]
    fn every_short_text_keeps_its_length_and_lines() {
        const MARKS: &[u8; 8] = b"\"\\/*,}\na";
        for number in 0..MARKS.len().pow(6) {
            let mark = |place| MARKS[number / MARKS.len().pow(place) % MARKS.len()];
            let text: Vec<u8> = (0..6).map(mark).collect();
            let plain = plain(&text);
            assert_eq!(plain.len(), text.len());
            let lines = |text: &[u8]| text.iter().map(|byte| *byte == b'\n').collect::<Vec<_>>();
            assert_eq!(lines(&plain), lines(&text), "{text:?}");
        }
    }
}
