//! The commands that the pages show for a service that runs (`sh service`) run against one.

use bulla_tests::pages::{blocks, commands, pages, read, run_in};
use bulla_tests::site::DAY;
use bulla_tests::workbench::now;
use bulla_tests::world::World;

/// What `plan.toml` has: a ring follows a number from now on.
const PLAN: &str = "[baselines.level-1]\nsgx.number = 1\n\
                    [rollouts.prod-1]\nring = \"prod\"\nbaseline = \"level-1\"\n";

/// The files that the pages speak of, and a service that knows a ring and a platform.
fn world() -> World {
    let world = World::new();
    let folder = &world.folder;
    for (from, to) in [
        ("attested/quote.bin", "quote.bin"),
        ("state/administrator-token", "token"),
    ] {
        std::fs::copy(folder.path(from), folder.path(to)).expect("a file");
    }
    folder.write("plan.toml", PLAN);
    world.apply("[rings.prod]\n");
    world.observe();
    world
}

/// A command as it is for this world, and now: names, digests and times of the pages are examples.
fn placed(world: &World, command: &str) -> String {
    let json = |words: &[&str]| {
        let answer = world.administer(&[words, &["--format", "json"]].concat());
        assert_eq!(answer.status, 0, "{}", answer.stdout);
        answer.json()
    };
    let plan = world.folder.text_path("plan.toml");
    let (mut before, mut words) = ("", Vec::new());
    for word in command.split(' ') {
        words.push(match before {
            "--at" => now().to_string(),
            "--until" => now().saturating_add(DAY).to_string(),
            "--service" => world.url(),
            "--digest" => {
                let planned = json(&["baseline", "plan", "--file", &plan]);
                planned["digest"].as_str().expect("a digest").to_owned()
            }
            "--platform" => {
                let listed = json(&["platform", "list", "--evidence"]);
                let name = listed["evidence"][0]["qe_id"].as_str();
                name.expect("a name").to_owned()
            }
            _ => word.to_owned(),
        });
        before = word;
    }
    if !words.iter().any(|word| word == "--service") {
        words.extend(["--service".to_owned(), world.url()]);
    }
    words.join(" ")
}

#[test]
fn every_command_shown_for_a_service_runs() {
    let world = world();
    let mut count = 0;
    for page in pages() {
        for block in blocks(&read(&page), &["sh service"]) {
            for command in commands(&block) {
                let placed = placed(&world, &command);
                let (status, answer, errors) = run_in(&world.folder, &placed);
                let page = page.display();
                // What is refused was asked rightly.
                assert!(status == 0 || status == 1, "{page}: {placed}\n{errors}");
                assert_eq!(errors, "", "{page}: {placed}");
                assert_ne!(answer, "", "{page}: {placed}");
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} commands");
}
