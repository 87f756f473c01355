//! The operator's page in a browser: by the keyboard alone, without scripts, in light and dark.
//!
//! `BULLA_PICTURES` names a folder for the pictures of docs/operators-page.md; without it none are
//! written.

use std::path::PathBuf;

use bulla_tests::baselines::{apply, recovering};
use bulla_tests::browser::{Browser, Heard, tools};
use bulla_tests::front::ADMINISTRATOR;
use bulla_tests::watched::Fleet;
use serde_json::json;

/// The pages by their headings, as the menu leads through them.
const PAGES: [(&str, &str); 5] = [
    ("Documents", "/page"),
    ("Fleet", "/page/fleet"),
    ("Enforcement", "/page/enforcement"),
    ("Upstreams", "/page/upstreams"),
    ("Refusals", "/page/refusals"),
];

/// Largest picture, in bytes: they stand in the repository.
const LARGEST_PICTURE: usize = 150_000;

/// A service that has seen platforms, and where something is coming.
fn world() -> Fleet {
    let fleet = Fleet::seen(recovering());
    apply(
        &fleet.front,
        "[baselines.next.sgx]\nnumber = \"early\"\n[rollouts.december]\nring = \"default\"\n\
         baseline = \"next\"\nfrom = \"2026-12-01T00:00:00Z\"\n",
    );
    fleet.front.block_on(fleet.front.baselines.look());
    fleet.refuse("issued 2026-10-02T09:00:00Z, and there is one of 2026-11-23T09:00:00Z");
    fleet
}

#[test]
fn the_page_is_used_by_the_keyboard_alone_and_found_accessible() {
    let Some(tools) = tools("page_browser") else {
        return;
    };
    let fleet = world();
    let origin = format!("http://{}", fleet.front.address);
    let mut browser = Browser::start(&tools);
    browser.look("light", 1100, 760);

    // In by the keyboard, from the first page on.
    browser.open(&format!("{origin}/page"));
    browser.tab_to("Skip to the content");
    browser.tab_to("Sign in");
    browser.lead(|browser| browser.press("Enter"));
    assert_eq!(browser.heading(), "Sign in");
    assert_eq!(browser.violations(), [""; 0], "the form");
    browser.tab_to("token");
    browser.call("Input.insertText", json!({ "text": ADMINISTRATOR.1 }));
    browser.lead(|browser| browser.press("Enter"));
    assert_eq!(browser.heading(), "Documents");

    // From page to page, and something done.
    for (heading, _) in PAGES {
        browser.tab_to(heading);
        browser.lead(|browser| browser.press("Enter"));
        assert_eq!(browser.heading(), heading);
    }
    browser.open(&format!("{origin}/page"));
    browser.tab_to("Ask the upstreams now");
    browser.lead(|browser| browser.press("Enter"));
    assert_eq!(browser.heading(), "The upstreams were asked");

    // As people see it, with whatever eyes.
    for scheme in ["light", "dark"] {
        browser.look(scheme, 1100, 760);
        for (heading, path) in PAGES {
            browser.open(&format!("{origin}{path}"));
            assert_eq!(browser.violations(), [""; 0], "{scheme} {path}");
            if let Some(folder) = std::env::var_os("BULLA_PICTURES") {
                let picture = browser.picture();
                assert!(
                    picture.len() < LARGEST_PICTURE,
                    "{heading}: {}",
                    picture.len()
                );
                let name = format!("{}-{scheme}.png", heading.to_lowercase());
                std::fs::write(PathBuf::from(folder).join(name), picture).expect("written");
            }
        }
    }
    // On a narrow screen, or enlarged four times, nobody scrolls both ways.
    browser.look("light", 320, 700);
    for (_, path) in PAGES {
        browser.open(&format!("{origin}{path}"));
        let width = browser.evaluate("document.documentElement.scrollWidth");
        assert!(
            width.as_u64().is_some_and(|width| width <= 320),
            "{path}: {width}"
        );
    }

    browser.tab_to("Sign out");
    browser.lead(|browser| browser.press("Enter"));
    assert_eq!(browser.heading(), "Documents");
    assert_eq!(browser.complaints, [""; 0]);
    assert!(browser.requests.len() > 20);
    for address in &browser.requests {
        assert!(address.starts_with(&origin), "{address}");
    }
}

/// What a screen reader is told of a page: where its parts are, in which order its headings come, and
/// what everything is called that one reads by its name.
#[track_caller]
fn is_heard_well(browser: &mut Browser, path: &str) {
    let heard = browser.heard();
    let with = |role: &str| -> Vec<&Heard> { heard.iter().filter(|it| it.role == role).collect() };
    let language = browser.evaluate("document.documentElement.lang");
    assert_eq!(language, "en", "{path}");
    assert!(!with("RootWebArea")[0].name.is_empty(), "{path}: the title");
    for landmark in ["banner", "main", "contentinfo"] {
        assert_eq!(with(landmark).len(), 1, "{path}: {landmark}");
    }

    let levels: Vec<u64> = with("heading").iter().filter_map(|it| it.level).collect();
    assert_eq!(levels.first(), Some(&1), "{path}");
    assert!(
        levels[1..].iter().all(|level| *level > 1),
        "{path}: {levels:?}"
    );
    let jumps = levels.windows(2).find(|pair| pair[1] > pair[0] + 1);
    assert_eq!(jumps, None, "{path}");

    for role in [
        "heading",
        "navigation",
        "region",
        "table",
        "columnheader",
        "rowheader",
        "link",
        "button",
        "textbox",
        "image",
    ] {
        let nameless = with(role)
            .iter()
            .filter(|it| it.name.trim().is_empty())
            .count();
        assert_eq!(nameless, 0, "{path}: {role} without a name in {heard:#?}");
    }
    // Whoever goes from part to part, or from table to table, tells them apart.
    for role in ["navigation", "region", "table"] {
        let mut names: Vec<&str> = with(role).iter().map(|it| it.name.as_str()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{path}: {role} {names:?}");
    }
    // Whoever reads a cell is told of which column and row it is.
    let mut inside = heard.as_slice();
    while let Some(start) = inside.iter().position(|it| it.role == "table") {
        let rest = &inside[start + 1..];
        let end = rest.iter().position(|it| it.role == "table");
        let table = &rest[..end.unwrap_or(rest.len())];
        let count = |role: &str| table.iter().filter(|it| it.role == role).count();
        let told = (
            &inside[start].name,
            count("columnheader"),
            count("rowheader"),
        );
        assert!(told.1 > 1 && told.2 > 0, "{path}: {told:?}");
        inside = rest;
    }
}

#[test]
fn a_screen_reader_is_told_what_there_is_and_what_was_done() {
    let Some(tools) = tools("page_browser") else {
        return;
    };
    let fleet = world();
    let origin = format!("http://{}", fleet.front.address);
    let mut browser = Browser::start(&tools);
    let said = |browser: &mut Browser, role: &str| -> Vec<String> {
        let heard = browser.heard();
        let place = heard.iter().position(|it| it.role == role);
        let place = place.unwrap_or_else(|| panic!("no {role} in {heard:#?}"));
        let text = heard[place + 1..].iter();
        text.take_while(|it| it.role == "StaticText")
            .map(|it| it.name.clone())
            .collect()
    };

    browser.open(&format!("{origin}/page/sign-in"));
    is_heard_well(&mut browser, "/page/sign-in");
    for (token, role) in [("wrong", Some("alert")), (ADMINISTRATOR.1, None)] {
        browser.tab_to("token");
        browser.call("Input.insertText", json!({ "text": token }));
        browser.lead(|browser| browser.press("Enter"));
        if let Some(role) = role {
            let refusal = "This is not the token of an administrator.";
            assert_eq!(said(&mut browser, role), [refusal]);
            is_heard_well(&mut browser, "a refusal");
        }
    }
    for (heading, path) in PAGES {
        browser.open(&format!("{origin}{path}"));
        is_heard_well(&mut browser, path);
        let current = browser.evaluate("document.querySelector('[aria-current=page]').textContent");
        assert_eq!(current, heading);
    }
    browser.open(&format!("{origin}/page"));
    browser.tab_to("Ask the upstreams now");
    browser.lead(|browser| browser.press("Enter"));
    let done = said(&mut browser, "status").concat();
    assert!(done.contains("documents were asked for"), "{done}");
    is_heard_well(&mut browser, "what was done");
}

#[test]
fn a_form_of_another_site_gets_nothing_done() {
    let Some(tools) = tools("page_browser") else {
        return;
    };
    let fleet = world();
    let origin = format!("http://{}", fleet.front.address);
    let mut browser = Browser::start(&tools);
    browser.open(&format!("{origin}/page/sign-in"));
    browser.tab_to("token");
    browser.call("Input.insertText", json!({ "text": ADMINISTRATOR.1 }));
    browser.lead(|browser| browser.press("Enter"));
    assert_eq!(browser.heading(), "Documents");

    let before = fleet.front.state();
    let form =
        format!("<form method=post action={origin}/page/refresh><button>win</button></form>");
    browser.open(&format!("data:text/html,{form}"));
    browser.tab_to("win");
    browser.lead(|browser| browser.press("Enter"));
    assert_eq!(browser.heading(), "Sign in", "the cookie stayed at home");
    assert_eq!(fleet.front.state(), before);

    browser.open(&format!("{origin}/page/fleet"));
    assert_eq!(browser.heading(), "Fleet", "where it belongs it is sent");
}
