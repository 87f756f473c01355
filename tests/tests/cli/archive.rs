//! `bulla collateral export`, `inspect`, `import`: two services that never meet.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bulla_archive::{Contents, Document, Platform, PlatformName};
use bulla_tests::archives::{read, seal, volumes};
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, found_vendor, with_tokens};
use bulla_tests::gap::{FMSPC, Gap, ask, certificate, register, service, token};
use bulla_tests::relay::Relay;
use bulla_tests::workbench::{Answer, Folder, run};
use serde_json::{Value, json};

fn outcomes(answer: &Answer) -> Vec<(String, String)> {
    let answer = answer.json();
    let rows = answer["documents"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.iter()
        .map(|row| (text(&row["document"]), text(&row["outcome"])))
        .collect()
}

#[track_caller]
fn refused(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 1, "{} {}", answer.stdout, answer.stderr);
    let error = answer.json()["error"].clone();
    let text = |name: &str| error[name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

#[test]
fn two_services_that_never_meet_serve_the_same() {
    let gap = Gap::new();
    let request = register(&gap, &gap.open, &gap.outside.text_path("user"));
    gap.fetch("tdx");
    let (status, certified) = certificate(&gap.open, &request);
    assert_eq!(status, 200);
    assert_eq!(
        certificate(&gap.closed, &request).0,
        461,
        "nobody knows it there"
    );
    assert_eq!(gap.verify().status, 2, "there is nothing to verify with");

    let whole = gap.export("whole", &[]);
    assert_eq!(whole.status, 0, "{}", whole.stdout);
    let report = whole.json();
    assert_eq!(report["simulated"], true);
    assert_eq!(report["base"], Value::Null);
    let platforms = &report["platforms"];
    assert_eq!(platforms["families"], json!({ FMSPC: 1 }));
    assert_eq!(platforms["ending_within_90_days"], 0);
    let until = platforms["certificates_until"]
        .as_str()
        .expect("an instant");
    assert!(until > report["good_until"].as_str().expect("an instant"));
    let ends: Vec<&str> = report["documents"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["until"].as_str().expect("text"))
        .collect();
    assert!(ends.is_sorted() && ends.len() > 5, "{ends:?}");
    assert_eq!(report["good_until"], ends[0]);
    let mode = fs::metadata(gap.outside.path("whole"))
        .expect("it is there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "certificates are personal");
    let size = fs::metadata(gap.outside.path("whole"))
        .expect("it is there")
        .len();
    assert_eq!(report["size"], size);

    let imported = gap.import("whole");
    assert_eq!(imported.status, 0, "{}", imported.stdout);
    assert_eq!(
        imported.json()["platforms"],
        json!({"brought": 1, "unchanged": 0, "older": 0, "without": 0, "failed": []})
    );
    assert!(
        outcomes(&imported)
            .iter()
            .all(|(_, outcome)| outcome == "first")
    );
    assert_eq!(certificate(&gap.closed, &request), (200, certified));
    assert_eq!(gap.verify().status, 0, "{}", gap.verify().stdout);

    // Once more changes nothing, and is no error: an import that broke off is done again.
    let before = gap.kept();
    let again = gap.import("whole");
    assert_eq!(again.status, 0, "{}", again.stdout);
    assert!(
        outcomes(&again)
            .iter()
            .all(|(_, outcome)| outcome == "same")
    );
    assert_eq!(again.json()["platforms"]["unchanged"], 1);
    assert_eq!(gap.kept(), before);

    // What changed, and the name under which the vendor gives it out.
    gap.change(&["recover", "--raises", "microcode"]);
    gap.change(&["promote", "2"]);
    gap.refresh();
    let since = gap.outside.text_path("whole");
    let delta = gap.export("delta", &["--since", &since]);
    assert_eq!(delta.status, 0, "{}", delta.stdout);
    let report = delta.json();
    assert_eq!(report["base"]["sha256"], whole.json()["sha256"]);
    assert_eq!(report["platforms"]["listed"], 1);
    let rows = report["documents"].as_array().expect("a list");
    let carried = rows.iter().filter(|row| row["carried"] == true).count();
    assert!((1..rows.len()).contains(&carried), "{report}");
    let imported = gap.import("delta");
    assert_eq!(imported.status, 0, "{}", imported.stdout);
    let tcb = (format!("tcb-info/sgx/{FMSPC}/3/2"), "first".to_owned());
    assert!(outcomes(&imported).contains(&tcb), "{}", imported.stdout);
    assert!(
        outcomes(&imported)
            .iter()
            .any(|(_, outcome)| outcome == "present")
    );
    let tcb = format!("/sgx/certification/v4/tcb?fmspc={FMSPC}");
    assert_eq!(gap.closed.get(&tcb).body, gap.open.get(&tcb).body);

    let token = fs::read_to_string(token(&gap.inside)).expect("a token");
    let header = [("admin-token", token.trim())];
    let log = gap.closed.send("GET", "/audit?limit=1000", &header, b"");
    let imports = log.json();
    let imports = imports.as_array().expect("a list");
    let imports = imports
        .iter()
        .filter(|entry| entry["action"] == "archive.import");
    assert_eq!(imports.count(), 2, "{}", log.text());
}

#[test]
fn what_is_not_as_it_was_sealed_is_refused_and_nothing_enters() {
    let gap = Gap::new();
    gap.fetch("sgx");
    assert_eq!(gap.export("whole", &[]).status, 0);
    let bytes = fs::read(gap.outside.path("whole")).expect("it is there");
    let kept = gap.kept();

    // Bits of a header, the signature, the manifest, a document, and the end.
    for place in [100, 1_100, 2_600, bytes.len() / 2, bytes.len() - 1] {
        let mut doctored = bytes.clone();
        doctored[place] ^= 4;
        gap.outside.write("doctored", doctored);
        let (code, message) = refused(&gap.import("doctored"));
        assert!(
            ["ArchiveAltered", "ArchiveTruncated"].contains(&&*code),
            "{place}: {message}"
        );
    }
    gap.outside
        .write("truncated", &bytes[..bytes.len() - 1_000]);
    let (code, message) = refused(&gap.import("truncated"));
    assert_eq!(code, "ArchiveTruncated", "{message}");
    assert!(message.contains("bring it again"), "{message}");

    let other = gap.outside.text_path("other.key");
    assert_eq!(run(&["collateral", "keygen", &other]).status, 0);
    let (code, _) = refused(&gap.import_of("whole", &format!("{other}.pub")));
    assert_eq!(code, "ArchiveSignerOther");

    // The service does not take the client's word for it.
    let token = fs::read_to_string(token(&gap.inside)).expect("a token");
    let header = [("admin-token", token.trim())];
    let send = |signer: &str, body: &[u8]| {
        let target = format!("/collateral/archive?signer={signer}");
        gap.closed.send("POST", &target, &header, body)
    };
    let key = fs::read(gap.outside.path("archive.key.pub")).expect("a key");
    let der = bulla_pki::pem::decode(&key, "PUBLIC KEY", 1).expect("PEM");
    let key = bulla_pki::PublicKey::from_spki(&der[0]).expect("a key");
    let signer = bulla_archive::key_sha256(&key).to_string();
    let volume = volumes(&bytes).remove(0);
    let mut doctored = volume.clone();
    doctored[volume.len() / 2] ^= 4;
    for (signer, body) in [(&*signer, &doctored), (&*"0".repeat(64), &volume)] {
        let reply = send(signer, body);
        assert_eq!(reply.status(), 422, "{}", reply.text());
        assert_eq!(reply.json()["code"], "archive-refused");
    }
    assert_eq!(send(&signer, b"no archive").status(), 400);
    assert_eq!(gap.kept(), kept);
    assert_eq!(gap.import("whole").status, 0, "it was good all the time");
}

#[test]
fn what_is_older_foreign_or_without_its_base_is_refused() {
    let gap = Gap::new();
    gap.fetch("sgx");
    assert_eq!(gap.export("first", &[]).status, 0);
    // Instants in archives are of seconds.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let since = gap.outside.text_path("first");
    assert_eq!(gap.export("second", &["--since", &since]).status, 0);

    let (code, message) = refused(&gap.import("second"));
    assert_eq!(code, "ServiceRefused");
    assert!(message.contains("archive-base-missing"), "{message}");
    assert_eq!(gap.kept(), []);
    assert_eq!(gap.import("first").status, 0);
    assert_eq!(gap.import("second").status, 0);
    let (_, message) = refused(&gap.import("first"));
    assert!(message.contains("archive-older"), "{message}");

    // Simulated documents, at a service of the vendor's own root and at one of another simulation.
    let genuine = Folder::new();
    let config = with_tokens(&genuine);
    let vendors = Daemon::service(&genuine, &["--config", &config, "--mode", "offline"]);
    let elsewhere = Folder::new();
    found_vendor(&elsewhere);
    let others = service(&elsewhere, &elsewhere, &["--mode", "offline"]);
    for (folder, service) in [(&genuine, &vendors), (&elsewhere, &others)] {
        let archive = gap.outside.text_path("first");
        let signer = gap.outside.text_path("archive.key.pub");
        let words = ["collateral", "import", &archive, "--signer", &signer];
        let token = token(folder);
        let words = [&words[..], &["--token-file", &token]].concat();
        let (_, message) = refused(&ask(service, &words));
        assert!(message.contains("archive-foreign"), "{message}");
        let listed = ask(service, &["collateral", "list"]);
        assert_eq!(listed.json()["documents"], json!([]));
    }
}

#[test]
fn a_signature_over_the_archive_makes_no_document_genuine() {
    let gap = Gap::new();
    gap.fetch("sgx");
    assert_eq!(gap.export("whole", &[]).status, 0);
    let bytes = fs::read(gap.outside.path("whole")).expect("it is there");
    let mut documents = Vec::new();
    let whole = read(&bytes, |volume| {
        for (row, item) in volume.documents() {
            let item = item.expect("it is whole");
            let mut body = item.body.to_vec();
            if row.slot.to_string().starts_with("tcb-info/sgx") {
                let text = String::from_utf8(body).expect("text");
                body = text.replacen("UpToDate", "OutOfDate", 1).into_bytes();
            }
            documents.push(Document {
                slot: row.slot,
                selected_as: row.selected_as.clone(),
                issued: row.issued,
                until: row.until,
                body,
                issuer_chain: item.issuer_chain.to_vec(),
            });
        }
    });
    let contents = Contents {
        created: whole.manifest().created,
        trust_anchor: whole.manifest().trust_anchor.clone(),
        documents,
    };
    let key = bulla_pki::SigningKey::generate().expect("a key");
    gap.outside.write("liar", seal(&contents, &[], &key, None));
    let public = bulla_pki::pem::encode("PUBLIC KEY", &key.public_key().to_spki());
    gap.outside.write("liar.pub", public);
    let imported = gap.import_of("liar", &gap.outside.text_path("liar.pub"));
    assert_eq!(imported.status, 1, "{}", imported.stdout);
    let rows = imported.json()["documents"].clone();
    let rows = rows.as_array().expect("a list");
    let row = rows
        .iter()
        .find(|row| row["outcome"] == "refused")
        .expect("one");
    assert_eq!(row["code"], "DocumentSignatureInvalid");
    assert!(!row["reason"].as_str().expect("text").is_empty());
    let rest = rows.iter().filter(|row| row["outcome"] == "first").count();
    assert_eq!(rest, rows.len() - 1, "the others entered");
    assert!(
        gap.kept()
            .iter()
            .all(|(slot, _)| !slot.starts_with("tcb-info/sgx"))
    );
}

/// An archive of several volumes in the outer folder, as `large`, sealed with the key of the gap: the
/// documents of another, and the one platform of the outer service under many names, with blanks in what
/// is known of it. Gives how many there are.
fn write_large(gap: &Gap, documents: &[u8]) -> usize {
    let token = fs::read_to_string(token(&gap.outside)).expect("a token");
    let header = [("admin-token", token.trim())];
    let page = gap
        .open
        .send("GET", "/platforms/certificates", &header, b"");
    let row = page.json()["platforms"][0].clone();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let known = row["platform"].to_string();
    let names = (0..20).map(|number| format!("{number:032X}"));
    let platforms: Vec<Platform> = names
        .map(|qe_id| {
            let own = text(&row["platform"]["qe_id"]);
            let mut body = known.replacen(&own, &qe_id, 1).into_bytes();
            body.resize(1_000_000, b' ');
            Platform {
                name: PlatformName {
                    qe_id,
                    pce_id: text(&row["platform"]["pce_id"]),
                },
                fmspc: text(&row["fmspc"]),
                until: text(&row["until"]).parse().expect("an instant"),
                body,
                issuer_chain: text(&row["issuer_chain"]).into_bytes(),
            }
        })
        .collect();
    let mut contents = None;
    read(documents, |volume| {
        let rows = volume.documents().map(|(row, item)| {
            let item = item.expect("it is whole");
            Document {
                slot: row.slot,
                selected_as: row.selected_as.clone(),
                issued: row.issued,
                until: row.until,
                body: item.body.to_vec(),
                issuer_chain: item.issuer_chain.to_vec(),
            }
        });
        contents = Some(Contents {
            created: volume.manifest().created,
            trust_anchor: volume.manifest().trust_anchor.clone(),
            documents: rows.collect(),
        });
    });
    let pem = fs::read(gap.outside.path("archive.key")).expect("a key");
    let der = bulla_pki::pem::decode(&pem, "PRIVATE KEY", 1).expect("PEM");
    let key = bulla_pki::SigningKey::from_pkcs8(&der[0]).expect("a key");
    let contents = contents.expect("a volume");
    gap.outside
        .write("large", seal(&contents, &platforms, &key, None));
    platforms.len()
}

#[test]
fn an_import_that_was_broken_off_goes_on_when_it_is_repeated() {
    let gap = Gap::new();
    register(&gap, &gap.open, &gap.outside.text_path("user"));
    assert_eq!(gap.export("small", &[]).status, 0);
    let small = fs::read(gap.outside.path("small")).expect("it is there");
    let count = write_large(&gap, &small);
    let archive = gap.outside.text_path("large");
    let inspected = run(&["collateral", "inspect", &archive, "--format", "json"]).json();
    assert_eq!(inspected["volumes"], 3, "{inspected}");
    assert_eq!(inspected["platforms"]["listed"], count);

    // The way to the service is cut within the second volume.
    let relay = Relay::to(gap.closed.address.parse().expect("an address"));
    relay.cut_after(12_000_000);
    let signer = gap.outside.text_path("archive.key.pub");
    let token = token(&gap.inside);
    let url = format!("http://{}", relay.address());
    let import = ["collateral", "import", &archive, "--signer", &signer];
    let by = [
        "--token-file",
        &token,
        "--service",
        &url,
        "--format",
        "json",
    ];
    let import = [&import[..], &by].concat();
    let broken = run(&import);
    assert_eq!(broken.status, 2, "{} {}", broken.stdout, broken.stderr);
    let error = broken.json()["error"].clone();
    assert_eq!(error["code"], "ServiceUnreachable", "{error}");
    let message = error["message"].as_str().expect("text");
    assert!(message.contains("import the archive again"), "{message}");
    let secret = fs::read_to_string(&token).expect("a token");
    let header = [("admin-token", secret.trim())];
    let rows = gap.closed.send("GET", "/platforms?limit=100", &header, b"");
    let listed = rows.json().as_array().expect("a list").len();
    assert!((1..count).contains(&listed), "{listed} of {count}");

    relay.mend();
    let repeated = run(&import);
    assert_eq!(repeated.status, 0, "{}", repeated.stdout);
    let told = repeated.json();
    assert_eq!(told["archive"]["volumes"], 3, "{told}");
    assert_eq!(told["platforms"]["unchanged"], listed, "{told}");
    assert_eq!(told["platforms"]["brought"], count - listed, "{told}");
}

#[test]
fn a_file_that_changes_while_it_is_imported_breaks_the_import_off() {
    let gap = Gap::new();
    register(&gap, &gap.open, &gap.outside.text_path("user"));
    assert_eq!(gap.export("small", &[]).status, 0);
    let small = gap.outside.text_path("small");
    let count = write_large(&gap, &fs::read(&small).expect("it is there"));
    let path = gap.outside.path("large");
    let large = fs::read(&path).expect("it is there");
    let relay = Relay::to(gap.closed.address.parse().expect("an address"));
    let (archive, signer, token) = (
        gap.outside.text_path("large"),
        gap.outside.text_path("archive.key.pub"),
        token(&gap.inside),
    );
    let url = format!("http://{}", relay.address());
    let import = ["collateral", "import", &archive, "--signer", &signer];
    let by = ["--token-file", &token, "--service", &url];
    let import = [&import[..], &by, &["--format", "json"]].concat();

    // It was whole, and has lost its end when the first volume is on its way.
    relay.before_the_next(move || {
        let file = fs::File::options().write(true).open(path);
        let cut = file.and_then(|file| file.set_len(12_000_000));
        cut.expect("a file that can be cut");
    });
    let broken = run(&import);
    assert_eq!(broken.status, 2, "{} {}", broken.stdout, broken.stderr);
    let error = broken.json()["error"].clone();
    assert_eq!(error["code"], "ArchiveTruncated", "{error}");
    let message = error["message"].as_str().expect("text");
    assert!(message.contains("which stay"), "{message}");
    gap.outside.write("large", large);
    let repeated = run(&import);
    assert_eq!(repeated.status, 0, "{}", repeated.stdout);
    let told = repeated.json()["platforms"].clone();
    let all = ["brought", "unchanged"].map(|name| told[name].as_u64().expect("a number"));
    assert_eq!(usize::try_from(all[0] + all[1]), Ok(count), "{told}");

    // A pipe can be read once.
    let piped = std::process::Command::new("sh")
        .args(["-c", "cat \"$1\" | \"$0\" collateral import /dev/stdin --signer \"$2\" --token-file \"$3\" --service \"$4\" --format json"])
        .arg(bulla().get_program())
        .args([&small, &signer, &token, &url])
        .output();
    let piped = piped.expect("sh runs");
    let said = String::from_utf8_lossy(&piped.stdout);
    assert_eq!(piped.status.code(), Some(2), "{said}");
    assert!(said.contains("\"ArchiveChanged\""), "{said}");
}

#[test]
fn an_archive_is_looked_into_without_a_service() {
    let gap = Gap::new();
    gap.fetch("sgx");
    let exported = gap.export("whole", &["--without-platforms"]);
    assert_eq!(exported.status, 0, "{}", exported.stdout);
    drop(gap.vendor);
    drop(gap.open);
    let archive = gap.outside.text_path("whole");
    let signer = gap.outside.text_path("archive.key.pub");
    let inspect = ["collateral", "inspect", &archive];
    let by_anybody = run(&[&inspect[..], &["--format", "json"]].concat()).json();
    assert_eq!(by_anybody["signer_compared"], false);
    let pinned = [&inspect[..], &["--signer", &signer]].concat();
    let by_signer = run(&[&pinned[..], &["--format", "json"]].concat()).json();
    assert_eq!(by_signer, exported.json());
    let text = run(&pinned);
    assert!(text.stdout.starts_with("SIMULATED  "), "{}", text.stdout);
    for part in [
        "whole archive",
        "good until",
        "PCK until",
        "in 1 volume",
        "as expected",
        "root-ca-crl",
        " days",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    // Any tool unpacks it.
    let unpacked = std::process::Command::new("sh")
        .args(["-c", "tar -xOf \"$0\" volume-00001.tar | tar -t", &archive])
        .output();
    let listed = String::from_utf8(unpacked.expect("tar runs").stdout).expect("text");
    for name in ["signature", "manifest.json", "documents/root-ca-crl.der"] {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
}

#[test]
fn keys_are_made_once_and_kept_from_others() {
    let folder = Folder::new();
    let key = folder.text_path("key");
    let keygen = ["collateral", "keygen", &key, "--format", "json"];
    let made = run(&keygen);
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert_eq!(made.json()["public_key"], format!("{key}.pub"));
    let first = fs::read(folder.path("key")).expect("a key");
    let mode = fs::metadata(folder.path("key"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = run(&keygen);
    assert_eq!(again.status, 2);
    assert_eq!(again.json()["error"]["code"], "FileUnwritable");
    assert_eq!(fs::read(folder.path("key")).expect("a key"), first);

    // A disk that takes nothing: no part of a key is left behind.
    let full = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(bulla().get_program())
        .args(["collateral", "keygen", &folder.text_path("none")])
        .output();
    let full = full.expect("sh runs");
    assert_eq!(full.status.code(), Some(2), "{full:?}");
    assert!(!folder.path("none").exists());

    let export = |key: &str| {
        let output = folder.text_path("archive");
        let words = ["collateral", "export", "--key", key, "--output", &output];
        let answer = run(&[&words[..], &["--without-platforms", "--format", "json"]].concat());
        assert_eq!(answer.status, 2);
        assert!(!folder.path("archive").exists());
        answer.json()["error"]["code"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(0o644)).expect("a file");
    assert_eq!(export(&key), "SecretExposed");
    fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(0o600)).expect("a file");
    let over_itself = ["collateral", "export", "--key", &key, "--output", &key];
    let refused = run(&[
        &over_itself[..],
        &["--without-platforms", "--format", "json"],
    ]
    .concat());
    assert_eq!(refused.json()["error"]["code"], "ArgumentInvalid");
    assert_eq!(fs::read(folder.path("key")).expect("a key"), first);
    let public = folder.text_path("key.pub");
    fs::set_permissions(folder.path("key.pub"), fs::Permissions::from_mode(0o600)).expect("a file");
    assert_eq!(export(&public), "ArchiveKeyInvalid");
}
