//! That what comes from outside stands in a page as text, and nowhere else.

use super::frame::{Frame, Place};

impl Frame {
    /// One around nothing.
    pub(super) fn plain() -> Self {
        Self {
            place: Place::Outside,
            now: String::new(),
            anchor: String::new(),
            is_simulated: false,
            mode: "",
            actor: String::new(),
            check: None,
        }
    }
}

/// Asserts that a page with this text, which is not empty, has the tags and attributes that it has
/// with a plain word, and shows all of the text.
#[track_caller]
pub(super) fn stands_as_text(text: &str, page: impl Fn(&str) -> String) {
    let (shown, plain) = (page(text), page("plain"));
    for mark in ['<', '>', '"'] {
        let count = |page: &str| page.matches(mark).count();
        assert_eq!(count(&shown), count(&plain), "{mark} of {text:?}");
    }
    assert!(unescaped(&shown).contains(text), "{text:?}");
}

fn unescaped(page: &str) -> String {
    [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ]
    .into_iter()
    .fold(page.to_owned(), |page, (escape, mark)| {
        page.replace(escape, mark)
    })
}

#[test]
fn no_template_writes_anything_unescaped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/page");
    let mut templates = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "html") {
            let text = std::fs::read_to_string(&path).unwrap();
            for never in ["safe", "escape", "raw"] {
                let is_there = text
                    .split("{{")
                    .skip(1)
                    .any(|rest| rest.split("}}").next().unwrap_or_default().contains(never));
                assert!(!is_there, "{}: {never}", path.display());
            }
            templates += 1;
        }
    }
    assert_eq!(templates, 9);
}
