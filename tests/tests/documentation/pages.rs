//! What the documentation says holds: commands run, policies parse, codes and knobs are all there,
//! functions and tests that are named exist, links lead somewhere, examples compile.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use bulla_appraisal::baseline::{Changes, Governance, KnownNumbers};
use bulla_appraisal::{Demand, Policy, Reason};
use bulla_issuer::QuoteKind;
use bulla_tests::pages::{blocks, commands, pages, read, root, run_in, runnable};
use bulla_tests::workbench::{AT, Folder, scenario, set_json, write_set};
use bulla_verifier::Code;
use serde_json::json;

/// The cells of one column, by its title, of all tables of a page.
fn column<'a>(page: &'a str, title: &str) -> Vec<&'a str> {
    let mut cells = Vec::new();
    let mut index = None;
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|l| l.strip_suffix(" |")) else {
            if !line.starts_with('|') {
                index = None;
            }
            continue;
        };
        let row: Vec<&str> = row.split(" | ").map(str::trim).collect();
        match row.iter().position(|cell| *cell == title) {
            Some(found) => index = Some(found),
            None => cells.extend(index.and_then(|index| row.get(index).copied())),
        }
    }
    cells
}

/// What stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

pub(super) fn quoted_in_column(page: &str, title: &str) -> BTreeSet<String> {
    let cells = column(page, title);
    assert!(!cells.is_empty(), "no column `{title}`");
    let words = cells.into_iter().flat_map(quoted);
    words.map(str::to_owned).collect()
}

/// Names that a `code` function of a source file gives: `=> "Name"`.
fn codes_in(source: &str) -> BTreeSet<String> {
    let names = source.lines().filter_map(|line| {
        let (_, rest) = line.split_once("=> \"")?;
        let name = rest.strip_suffix("\",")?;
        name.starts_with(char::is_uppercase)
            .then(|| name.to_owned())
    });
    names.collect()
}

/// All codes that a finding can bear.
fn finding_codes() -> BTreeSet<String> {
    let errors = read("crates/core/evidence/src/error.rs");
    let (quote_errors, _) = errors.split_once("enum WriteError").expect("two enums");
    let mut codes = codes_in(quote_errors);
    codes.extend(codes_in(&read("crates/core/evidence/src/input.rs")));
    codes.extend(Code::ALL.iter().map(|code| code.as_str().to_owned()));
    codes.extend(Reason::ALL.iter().map(|reason| reason.as_str().to_owned()));
    codes
}

#[test]
fn every_finding_code_is_documented_and_every_documented_one_exists() {
    let codes = finding_codes();
    let verification = read("docs/verification.md");
    let policy = read("docs/policy.md");
    let named: BTreeSet<&str> = quoted(&verification).chain(quoted(&policy)).collect();
    for code in &codes {
        assert!(
            named.contains(code.as_str()),
            "{code} is documented nowhere"
        );
    }
    for code in quoted_in_column(&verification, "Code") {
        assert!(
            codes.contains(&code),
            "docs/verification.md: no code {code}"
        );
    }
    // Fields and values stand in the same cells; codes begin with a capital letter.
    for code in quoted_in_column(&policy, "Refuses with code") {
        let known = codes.contains(&code) || !code.starts_with(char::is_uppercase);
        assert!(known, "docs/policy.md: no code {code}");
    }
}

#[test]
fn every_error_code_of_the_command_line_is_documented() {
    let page = read("docs/command-line.md");
    let documented = quoted_in_column(&page, "Error");
    assert_eq!(documented, codes_in(&read("crates/bulla/src/error.rs")));
}

#[test]
fn every_finding_of_the_doctor_is_documented_and_every_documented_one_exists() {
    let source = read("crates/bulla/src/doctor/finding.rs");
    // Each code stands on a line of its own; what to do about it has more than one word.
    let names = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .filter(|name| name.chars().all(char::is_alphanumeric));
    let codes: BTreeSet<String> = names.map(str::to_owned).collect();
    assert!(codes.len() > 20, "{codes:?}");
    let page = read("docs/command-line.md");
    assert_eq!(quoted_in_column(&page, "Finding"), codes);
}

/// All Rust sources below a folder of the repository.
pub(super) fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Whether a source defines this function.
fn defines(source: &str, function: &str) -> bool {
    [format!("fn {function}("), format!("fn {function}<")]
        .iter()
        .any(|start| source.contains(start.as_str()))
}

#[test]
fn functions_and_tests_that_are_named_exist() {
    let page = read("docs/verification.md");
    let core = sources("crates/core");
    for name in quoted_in_column(&page, "Function") {
        let (file, function) = name.split_once("::").expect("file::function");
        let file = format!("{file}.rs");
        let exists = core
            .iter()
            .filter(|path| path.file_name().is_some_and(|name| *name == *file))
            .any(|path| defines(&read(path), function));
        assert!(exists, "no function {name}");
    }
    let tests: String = [sources("crates"), sources("tests")]
        .concat()
        .iter()
        .map(read)
        .collect();
    let named = quoted(&page)
        .filter(|word| word.matches('_').count() >= 3)
        .filter(|word| {
            word.chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        })
        .map(str::to_owned);
    let mut names = quoted_in_column(&page, "Test");
    names.extend(named);
    for name in names {
        assert!(defines(&tests, &name), "no test {name}");
    }
}

/// The fields that a table of a policy can have, as its own reader lists them.
fn fields_of(table: &str) -> BTreeSet<String> {
    let header = match table {
        "" => String::new(),
        "allowed_advisories" | "expired_documents" => format!("[[{table}]]\n"),
        _ => format!("[{table}]\n"),
    };
    let error = Policy::from_toml(&format!("{header}no_such_field = 1\n"))
        .expect_err("an unknown field is an error")
        .to_string();
    let (_, list) = error
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{error}"));
    let dot = if table.is_empty() { "" } else { "." };
    quoted(list)
        .map(|field| format!("{table}{dot}{field}"))
        .collect()
}

#[test]
fn every_knob_is_documented_and_every_documented_knob_exists() {
    let tables = [
        "",
        "platforms",
        "sgx",
        "tdx",
        "allowed_advisories",
        "expired_documents",
    ];
    let knobs: BTreeSet<String> = tables.into_iter().flat_map(fields_of).collect();
    assert!(knobs.len() > 40, "{knobs:?}");
    let page = read("docs/policy.md");
    assert_eq!(quoted_in_column(&page, "Knob"), knobs);

    let examples = blocks(&page, &["toml"]);
    let longest = examples.iter().max_by_key(|text| text.len());
    let mut table = String::new();
    let mut shown = BTreeSet::new();
    for line in longest.expect("an example").lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_matches(['[', ']']).clone_into(&mut table);
            shown.insert(table.clone());
            table.push('.');
        } else if let Some((field, _)) = line.split_once(" = ") {
            shown.insert(format!("{table}{field}"));
        }
    }
    assert_eq!(shown, knobs, "the example with every knob");
}

#[test]
fn every_policy_shown_can_be_used() {
    let mut count = 0;
    for page in pages() {
        // Whose TOML is configurations.
        if page.ends_with("docs/service.md") {
            continue;
        }
        for text in blocks(&read(&page), &["toml"]) {
            if let Err(error) = Policy::from_toml(&text) {
                panic!("{}: {error}\n{text}", page.display());
            }
            count += 1;
        }
    }
    assert!(count >= 3);
}

#[test]
fn every_baseline_shown_can_be_used() {
    let baselines = blocks(&read("docs/policy.md"), &["toml baseline"]);
    assert_eq!(baselines.len(), 1);
    for text in baselines {
        let name = Demand::default().name;
        let demand = Demand::from_toml(name, &text);
        let demand = demand.unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(demand.exceptions.len(), 1);
    }
}

#[test]
fn every_plan_shown_can_be_planned() {
    let plans = blocks(&read("docs/baselines.md"), &["toml plan"]);
    assert!(!plans.is_empty());
    let now = "2026-12-01T00:00:00Z".parse().expect("a time");
    for text in plans {
        let changes = Changes::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let planned = Governance::default().plan(changes, &KnownNumbers::default(), now);
        planned.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    }
}

/// The settings of a part of the configuration, as their reader lists them.
fn settings_of(folder: &Folder, part: &str) -> BTreeSet<String> {
    const SECTION_OF_LIST: [&str; 2] = ["listen", "upstream"];
    let text = match part {
        "" => "no_such_field = 1\n".to_owned(),
        "listen.tls" => "listen = [{ tls = { no_such_field = 1 } }]\n".to_owned(),
        "tokens.users" | "tokens.administrators" => {
            format!("{part} = [{{ no_such_field = 1 }}]\n")
        }
        _ if SECTION_OF_LIST.contains(&part) => format!("[[{part}]]\nno_such_field = 1\n"),
        _ => format!("[{part}]\nno_such_field = 1\n"),
    };
    folder.write("unknown.toml", text);
    let (status, _, error) = run_in(folder, "bulla serve --check-config --config unknown.toml");
    assert_eq!(status, 2, "{part}");
    let (_, list) = error
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{error}"));
    let dot = if part.is_empty() { "" } else { "." };
    quoted(list)
        .map(|setting| format!("{part}{dot}{setting}"))
        .collect()
}

#[test]
fn every_setting_of_the_service_is_documented_and_every_documented_one_exists() {
    let folder = Folder::new();
    let settings_of = |part: &str| settings_of(&folder, part);
    let sections = settings_of("");
    let mut settings = BTreeSet::new();
    for section in &sections {
        match section.as_str() {
            "mode" | "serve_expired" => settings.extend([section.clone()]),
            "listen" | "upstream" => {
                settings.insert(section.clone());
                settings.extend(settings_of(section));
            }
            _ => settings.extend(settings_of(section)),
        }
    }
    for inner in ["listen.tls", "tokens.users", "tokens.administrators"] {
        assert!(settings.contains(inner), "{settings:?}");
        settings.extend(settings_of(inner));
    }
    assert!(settings.len() > 40, "{settings:?}");
    let page = read("docs/service.md");
    assert_eq!(quoted_in_column(&page, "Setting"), settings);
}

/// Writes the files that the pages speak of: a simulated platform's, under their usual names.
fn lay_out(folder: &Folder) {
    let scenario = scenario(QuoteKind::Td15V5);
    let attestation = scenario.build();
    folder.lay_out_attestation(&scenario, &attestation);
    write_set(&folder.path("set"), &attestation.collateral);
    folder.write("quote.hex", hex::encode(&attestation.quote));
    for text in blocks(&read("docs/policy.md"), &["toml baseline"]) {
        folder.write("level-20.toml", text);
    }
    let chain = scenario
        .documents()
        .assemble()
        .collateral
        .pck_crl_issuer_chain;
    folder.write("pck-chain.pem", chain);
    let line = json!({"id": "rack 12", "quote": hex::encode(&attestation.quote), "at": AT});
    let unnamed = json!({"quote": hex::encode(&attestation.quote), "at": AT});
    folder.write("fleet.jsonl", format!("{line}\n{unnamed}\n"));
    folder.write("token", "a token of 32 random bytes\n".replace(' ', "-"));
    for text in blocks(&read("docs/service.md"), &["toml"]) {
        folder.write("bulla.toml", text);
    }
}

#[test]
fn every_command_shown_runs() {
    let folder = Folder::new();
    lay_out(&folder);
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        for block in blocks(&text, &["sh", "console"]) {
            for command in commands(&block).iter().filter_map(|line| runnable(line)) {
                let (status, _, errors) = run_in(&folder, &command);
                let page = page.display();
                assert!(status == 0 || status == 1, "{page}: {command}\n{errors}");
                assert_eq!(errors, "", "{page}: {command}");
                count += 1;
            }
        }
    }
    assert!(count >= 15, "{count} commands");
}

/// In a session the answer stands under the command; `...` is any number of lines.
#[test]
fn every_answer_shown_is_the_answer_given() {
    let folder = Folder::new();
    lay_out(&folder);
    let mut count = 0;
    for page in pages() {
        for block in blocks(&read(&page), &["console"]) {
            for part in format!("\n{}", block.replace("\\\n", " "))
                .split("\n$ ")
                .skip(1)
            {
                let (command, shown) = part.split_once('\n').unwrap_or((part, ""));
                let Some(command) = runnable(command) else {
                    continue;
                };
                let (_, answer, _) = run_in(&folder, &command);
                let (answer, shown) = (answer.trim_end(), shown.trim_end());
                let page = page.display();
                assert!(
                    matches(answer, shown),
                    "{page}: {command}\n{answer}\n\nnot:\n{shown}"
                );
                count += 1;
            }
        }
    }
    assert!(count >= 3, "{count} answers");
}

/// Whether the parts between `...` lines occur in this order, the first and last at the ends.
fn matches(answer: &str, shown: &str) -> bool {
    let answer = format!("\n{answer}\n");
    let shown = format!("\n{shown}\n");
    let parts: Vec<&str> = shown.split("...\n").collect();
    let mut rest = match answer.strip_prefix(parts[0]) {
        Some(rest) => rest,
        None => return false,
    };
    let Some((last, middle)) = parts[1..].split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn every_relative_link_resolves() {
    for page in pages() {
        let text = read(&page);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.contains("://") || target.contains(char::is_whitespace) {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = match file.is_empty() {
                true => page.clone(),
                false => page.parent().expect("a folder").join(file),
            };
            assert!(linked.exists(), "{}: {target}", page.display());
            // Pictures have no headings.
            if anchor.is_empty() {
                continue;
            }
            let headings: Vec<String> = read(&linked).lines().filter_map(anchor_of).collect();
            let found = headings.iter().any(|heading| heading == anchor);
            assert!(found, "{}: {target}: {headings:?}", page.display());
        }
    }
}

/// The anchor of a heading as repository hosts make it.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
}

/// The names of external dependencies in the tables of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = read(manifest);
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("workspace");
        } else if inside && line.contains('=') && !line.starts_with('#') {
            let name = line.split(['.', ' ', '=']).next().unwrap_or(line);
            names.insert(name.to_owned());
        }
    }
    names.retain(|name| !name.starts_with("bulla-"));
    names
}

#[test]
fn every_dependency_has_a_line_and_every_line_a_dependency() {
    let page = read("docs/dependencies.md");
    let members = [
        "crates/core/evidence",
        "crates/core/pki",
        "crates/core/collateral",
        "crates/core/verifier",
        "crates/core/appraisal",
        "crates/core/protocol",
        "crates/runtime/store",
        "crates/runtime/service",
        "crates/runtime/upstream",
        "crates/runtime/gate",
        "crates/simulation/issuer",
        "crates/simulation/processor",
        "crates/simulation/enclave",
        "crates/simulation/vendor",
        "crates/bulla",
        "tests",
    ];
    let manifests = members.map(|member| format!("{member}/Cargo.toml"));
    let workspace: BTreeSet<String> = manifests.iter().flat_map(|m| dependencies(m)).collect();
    assert_eq!(quoted_in_column(&page, "Dependency"), workspace);
    let second = dependencies("second-opinion/Cargo.toml");
    assert_eq!(quoted_in_column(&page, "Of the second opinion"), second);
    let clients = dependencies("second-opinion/clients/Cargo.toml");
    assert_eq!(quoted_in_column(&page, "Of the clients"), clients);
    let enclaves = dependencies("second-opinion/enclaves/Cargo.toml");
    assert_eq!(quoted_in_column(&page, "Of the measurements"), enclaves);
    let example = dependencies("examples/risk-score/Cargo.toml");
    assert_eq!(quoted_in_column(&page, "Of the example"), example);
    let fuzz = dependencies("fuzz/Cargo.toml");
    assert_eq!(quoted_in_column(&page, "Of the fuzz targets"), fuzz);
}

#[test]
fn the_json_fields_documented_are_those_written() {
    let folder = Folder::new();
    lay_out(&folder);
    let answer = folder.verify(&["--format", "json"]).json();
    let mut written = BTreeSet::new();
    paths("", &answer, &mut written);
    let page = read("docs/command-line.md");
    let documented = quoted_in_column(&page, "Field of the answer");
    // The bodies differ by technology, and the digests by document.
    let is_open = |path: &str| path.starts_with("collateral.sha256.");
    for path in written.iter().filter(|path| !is_open(path)) {
        assert!(documented.contains(path), "{path} is not documented");
    }
    let sgx = scenario(QuoteKind::SgxV3);
    folder.lay_out(&sgx);
    paths(
        "",
        &folder.verify(&["--format", "json"]).json(),
        &mut written,
    );
    let extended = scenario(QuoteKind::Td15ExV5);
    folder.lay_out(&extended);
    paths(
        "",
        &folder.verify(&["--format", "json"]).json(),
        &mut written,
    );
    for path in &documented {
        assert!(
            written.contains(path),
            "{path} is documented and not written"
        );
    }
    for path in written.iter().filter(|path| !is_open(path)) {
        assert!(documented.contains(path), "{path} is not documented");
    }
}

/// All paths of fields, `[]` for the elements of a list.
fn paths(prefix: &str, value: &serde_json::Value, found: &mut BTreeSet<String>) {
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            let dot = if prefix.is_empty() { "" } else { "." };
            let path = format!("{prefix}{dot}{name}");
            found.insert(path.clone());
            paths(&path, value, found);
        }
    }
    for element in value.as_array().into_iter().flatten() {
        paths(&format!("{prefix}[]"), element, found);
    }
}

/// The example of the README; what stands between the two marks is shown there.
#[expect(unreachable_pub, reason = "shown as the function of a library")]
mod example {
    // shown from here
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    use bulla_appraisal::{Appraisal, Policy, appraise};
    use bulla_collateral::CollateralSet;
    use bulla_pki::{Timestamp, TrustAnchors};
    use bulla_verifier::{KnownPlatforms, PreparedCollateral, Verification, verify};

    /// How many of the quotes are acceptable at the instant `at`.
    pub fn accepted(
        quotes: &[Vec<u8>],
        set: &[u8],
        anchors: &TrustAnchors, // TrustAnchors::vendors()
        policy: &Policy,        // Policy::default()
        at: Timestamp,
    ) -> Result<usize, Box<dyn std::error::Error>> {
        let set = CollateralSet::from_json(set)?;

        // Cold: everything from bytes.
        let cold = verify(&quotes[0], &set, anchors, at);

        // Prepared: the set is verified once and can be shared between threads.
        let prepared = Arc::new(PreparedCollateral::new(&set, anchors));
        let warm = prepared.verify(&quotes[0], at);
        assert_eq!(warm.findings, cold.findings);

        // Known: platforms seen before under this set are not verified again, at most 1,000 of them.
        let capacity = NonZeroUsize::new(1_000).ok_or("at least one")?;
        let known = KnownPlatforms::new(prepared, capacity);
        let mut accepted = 0;
        for quote in quotes {
            let verdict = known.verify(quote, at); // what is true
            let decision = appraise(&verdict, policy); // whether that is good enough
            match decision.appraisal() {
                Appraisal::Accepted => accepted += 1,
                Appraisal::Refused if verdict.verification() == Verification::Failed => {
                    println!("not genuine: {:?}", verdict.failures().next());
                }
                Appraisal::Refused => println!("not enough: {:?}", decision.refusals().next()),
            }
        }
        Ok(accepted)
    }
    // to here
}

#[test]
fn the_example_of_the_readme_is_the_one_that_runs_here() {
    let source = include_str!("pages.rs");
    let (_, rest) = source.split_once("// shown from here\n").expect("a start");
    let (code, _) = rest.split_once("    // to here\n").expect("an end");
    let code: Vec<&str> = code
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    let shown = blocks(&read("README.md"), &["rust"]);
    assert_eq!(shown, [code.join("\n")]);

    let scenario = scenario(QuoteKind::SgxV3);
    let attestation = scenario.build();
    let set = set_json(&attestation.collateral).to_string();
    let mut forged = attestation.quote.clone();
    forged[100] ^= 1;
    let anchors = bulla_pki::TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .expect("the simulated root");
    let named = bulla_tests::workbench::policy_naming(&scenario);
    let policy = Policy::from_toml(&named).expect("a policy");
    let quotes = [attestation.quote, forged];
    let at = AT.parse().expect("a time");
    let accepted = example::accepted(&quotes, set.as_bytes(), &anchors, &policy, at);
    assert_eq!(accepted.expect("a set"), 1);
}
