//! The operator's page in a browser: by the keyboard alone, without scripts, in light and dark.
//!
//! `BULLA_PICTURES` names a folder for the pictures of docs/operators-page.md; without it none are
//! written.

use std::path::PathBuf;

use bulla_tests::baselines::{apply, recovering};
use bulla_tests::browser::{Browser, tools};
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
