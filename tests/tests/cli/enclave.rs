//! `bulla enclave`: images measured, signed, compared.

use std::os::unix::fs::PermissionsExt;

use bulla_enclave::image::demonstration;
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::SecinfoFlags;
use bulla_processor::{Enclave, Grants, Sigstruct, StartParameters};
use bulla_tests::workbench::{Answer, Folder, run};

fn enclave(folder: &Folder, arguments: &[&str]) -> Answer {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| match argument.strip_prefix('@') {
            Some(name) => folder.text_path(name),
            None => (*argument).to_owned(),
        })
        .collect();
    let mut line = vec!["enclave"];
    line.extend(arguments.iter().map(String::as_str));
    line.extend(["--format", "json"]);
    run(&line)
}

#[test]
fn an_image_is_measured_and_signed_and_starts() {
    let folder = Folder::new();
    let image = demonstration::image();
    folder.write("image", image.write());
    let measured = enclave(&folder, &["measure", "@image"]).json();
    let mrenclave = hex::encode(image.mrenclave().expect("the size is known"));
    assert_eq!(measured["mrenclave"], mrenclave);
    assert_eq!(measured["pages"], 4);

    let sign = |more: &[&str], out: &str| {
        let line = [
            "sign",
            "@image",
            "--key",
            "@key.pem",
            "--date",
            "2026-11-28",
            "--out",
        ];
        enclave(&folder, &[&line[..], &[out], more].concat())
    };
    let first = sign(&["--generate-key", "--product", "7"], "@first");
    assert_eq!(first.status, 0, "{}", first.stdout);
    let key = folder.path("key.pem");
    let mode = |path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    assert_eq!(mode(&key) & 0o777, 0o600);
    assert_eq!(sign(&["--product", "7"], "@second").status, 0);
    let read = |name| std::fs::read(folder.path(name)).expect("it is there");
    assert_eq!(read("first"), read("second"), "signing is reproducible");

    let bytes = read("first");
    let sigstruct = Sigstruct::parse(&bytes).expect("a SIGSTRUCT");
    assert_eq!(sigstruct.date.get(), 0x2026_1128);
    assert_eq!(hex::encode(sigstruct.mrsigner()), first.json()["mrsigner"]);
    let started = |flags| {
        let parameters = StartParameters::new(flags);
        Enclave::load(&image, sigstruct, &parameters, Grants::default())
    };
    assert!(started(0).is_ok());
    let code = started(2).err().and_then(|failure| failure.error_code());
    assert_eq!(
        code.map(|code| code.number()),
        Some(2),
        "DEBUG was not signed for"
    );

    let again = sign(&["--generate-key"], "@third").json();
    assert_eq!(
        again["error"]["code"], "FileUnwritable",
        "a key is never replaced"
    );
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&key, open).expect("our own file");
    assert_eq!(sign(&[], "@third").json()["error"]["code"], "SecretExposed");

    let debug = ["--debug", "--product", "7"];
    let closed = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&key, closed).expect("our own file");
    assert_eq!(sign(&debug, "@debug").status, 0);
    let diff = enclave(&folder, &["diff", "@first", "@debug"]);
    assert_eq!(
        (diff.status, &diff.json()["measures_same"]),
        (1, &true.into())
    );
    assert_eq!(diff.json()["differences"][0]["what"], "attributes");
}

#[test]
fn a_difference_is_told_with_its_place() {
    let folder = Folder::new();
    let image = demonstration::image();
    folder.write("left", image.write());
    let mut pages = image.pages().to_vec();
    pages[1].data[0x10] ^= 0xff;
    pages.insert(2, ImagePage::unmeasured(0x1_0000, SecinfoFlags::DATA));
    pages.swap(2, 4);
    pages.swap(2, 3);
    let right = Image::new(1, pages).expect("pages that rise");
    folder.write("right", right.write());
    let same = enclave(&folder, &["diff", "@left", "@left"]);
    assert_eq!((same.status, &same.json()["same"]), (0, &true.into()));
    let diff = enclave(&folder, &["diff", "@left", "@right"]);
    let json = diff.json();
    assert_eq!((diff.status, &json["difference_count"]), (1, &3.into()));
    let what = |index: usize| {
        json["differences"][index]["what"]
            .as_str()
            .map(ToOwned::to_owned)
    };
    assert_eq!(what(0).as_deref(), Some("secs.size"));
    assert_eq!(json["differences"][1]["offset"], "0x1010");
    assert_eq!(what(1).as_deref(), Some("content"));
    assert_eq!(json["differences"][2]["offset"], "0x10000");
    assert_eq!(what(2).as_deref(), Some("page"));
    let text = run(&[
        "enclave",
        "diff",
        &folder.text_path("left"),
        &folder.text_path("right"),
    ]);
    assert!(
        text.stdout.starts_with("different\nleft "),
        "{}",
        text.stdout
    );
}

#[test]
fn what_cannot_be_an_enclave_is_an_error() {
    let folder = Folder::new();
    folder.write("nothing", "nothing");
    folder.write("elf", b"\x7fELF\x02\x01\x01");
    folder.write("image", demonstration::image().write());
    folder.write(
        "key.pem",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
    );
    let closed = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.path("key.pem"), closed).expect("our own file");
    let sign = |date| {
        let line = [
            "sign", "@image", "--key", "@key.pem", "--out", "@out", "--date",
        ];
        enclave(&folder, &[&line[..], &[date]].concat())
    };
    for (answer, code) in [
        (enclave(&folder, &["measure", "@nothing"]), "ImageInvalid"),
        (enclave(&folder, &["measure", "@elf"]), "ImageInvalid"),
        (
            enclave(&folder, &["convert", "@image", "--out", "@out"]),
            "ImageInvalid",
        ),
        (enclave(&folder, &["inspect", "@elf"]), "ContentMalformed"),
        (
            enclave(&folder, &["measure", "@elf", "--heap", "many"]),
            "ArgumentInvalid",
        ),
        (sign("2026-11-28"), "SignerKeyInvalid"),
        (sign("28.11.2026"), "ArgumentInvalid"),
        (sign("2026-02-30"), "ArgumentInvalid"),
    ] {
        assert_eq!(answer.json()["error"]["code"], code, "{}", answer.stdout);
        assert_eq!(answer.status, 2);
    }
}
