//! The requests of Intel's own clients, as these send them, and the rules by which they take what
//! they get: the library of quoting hosts (QCNL), `pccsadmin`, `pcsclient`, `PCKIDRetrievalTool`.

use std::net::{Ipv4Addr, TcpListener};

use bulla_pki::certificate::Certificate;
use bulla_pki::pem;
use bulla_protocol::percent;
use bulla_protocol::value::PceSvn;
use bulla_service::keeper::Mode;
use bulla_tests::daemon::{Reply, exchange};
use bulla_tests::front::{ADMINISTRATOR, Front, JSON, USER};
use bulla_tests::host::Host;
use bulla_tests::liar::Liar;
use bulla_tests::site::{Clock, Site, source, vendor};
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC};
use serde_json::Value;

const BASE: &str = "/sgx/certification/v4/";

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

fn with_vendor(clock: &Clock, mode: Mode) -> (Site, Front) {
    let site = Site::open(vendor(), clock);
    let front = Front::open(clock, vec![site.upstream("vendor")], mode);
    (site, front)
}

/// A request of QCNL: a connection of its own, no token, nothing but what curl says of itself.
fn of_qcnl(front: &Front, target: &str) -> Vec<u8> {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        front.address
    );
    let reply = exchange(&front.address, request.as_bytes());
    [reply.head.as_bytes(), b"\r\n\r\n", &reply.body].concat()
}

/// What QCNL makes of the answers to its attempts: headers and bodies of all of them run together.
struct Taken {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Taken {
    fn of(attempts: &[Vec<u8>]) -> Self {
        let (mut headers, mut body) = (Vec::new(), Vec::new());
        for attempt in attempts {
            let end = attempt.windows(4).position(|part| part == b"\r\n\r\n");
            let end = end.expect("a head");
            let head = std::str::from_utf8(&attempt[..end]).expect("text");
            for line in head.lines() {
                // At a colon and a space; the name in lower case.
                if let Some((name, value)) = line.split_once(": ") {
                    headers.push((name.to_lowercase(), value.to_owned()));
                }
            }
            body.extend_from_slice(&attempt[end + 4..]);
        }
        Self { headers, body }
    }

    /// The first of a name.
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    }

    /// A chain, of which nothing but `%XX` is decoded: two certificates, the root last.
    fn chain(&self, name: &str) -> String {
        let value = self.header(name);
        assert!(!value.contains(['+', ' ', '\n']), "{name}: {value}");
        let chain = percent::decode(value).expect("encoded");
        let blocks = pem::decode(chain.as_bytes(), "CERTIFICATE", 2).expect("PEM");
        assert_eq!(blocks.len(), 2, "{name}");
        chain
    }

    /// Document and chain, each with a zero behind it, fit into 16 bits.
    fn fits(&self, chain: &str) {
        assert!(self.body.len() + chain.len() + 2 <= 65_535);
    }
}

#[test]
fn the_library_of_a_quoting_host_gets_a_whole_set_in_its_order() {
    let clock = noon();
    let (_site, front) = with_vendor(&clock, Mode::Lazy);
    let ask = |target: &str| Taken::of(&[of_qcnl(&front, target)]);
    let fmspc = hex::encode_upper(PLATFORM_FMSPC);
    for encoding in ["", "&encoding=der"] {
        let crl = ask(&format!("{BASE}pckcrl?ca=platform{encoding}"));
        let chain = crl.chain("sgx-pck-crl-issuer-chain");
        crl.fits(&chain);
        let der = match encoding {
            "" => hex::decode(&crl.body).expect("digits"),
            _ => crl.body,
        };
        bulla_pki::crl::Crl::parse(&der).expect("a CRL");
    }
    for base in [BASE, "/tdx/certification/v4/"] {
        let info = ask(&format!("{base}tcb?fmspc={fmspc}&update=standard"));
        let names = ["tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"];
        let chains = names.map(|name| info.chain(name));
        assert_eq!(chains[0], chains[1]);
        info.fits(&chains[0]);
        assert!(info.body.starts_with(b"{\"tcbInfo\":{"));
    }
    let mut root = String::new();
    for path in [
        "/sgx/certification/v4/qe/identity",
        "/sgx/certification/v4/qve/identity",
        "/tdx/certification/v4/qe/identity",
    ] {
        let identity = ask(&format!("{path}?update=standard"));
        let chain = identity.chain("sgx-enclave-identity-issuer-chain");
        identity.fits(&chain);
        assert!(identity.body.starts_with(b"{\"enclaveIdentity\":{"));
        root = chain;
    }
    // The root's CRL is where the second certificate of that chain says, which is not encoded.
    let blocks = pem::decode(root.as_bytes(), "CERTIFICATE", 2).expect("PEM");
    let certificate = Certificate::parse(&blocks[1]).expect("the root");
    let place = certificate.extensions().crl_distribution_point;
    let by_root = ask(&format!(
        "{BASE}crl?uri={}",
        place.expect("it can be read").expect("a place")
    ));
    let vendors = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
    let by_vendor = ask(&format!("{BASE}crl?uri={vendors}"));
    let digits = ask(&format!("{BASE}rootcacrl"));
    assert_eq!(by_root.body, by_vendor.body);
    assert_eq!(hex::decode(&digits.body).expect("digits"), by_root.body);
    assert!(digits.body.len() < 65_535);
    // What it has no use for may be said by whoever configures it so.
    let more = format!("{BASE}qe/identity?update=standard&customParameter=eyJhIjoxfQ%3D%3D");
    assert!(ask(&more).body.starts_with(b"{\"enclaveIdentity\":{"));
}

#[test]
fn a_host_that_makes_a_quote_asks_with_a_ppid_of_zeros() {
    let clock = noon();
    let (_site, front) = with_vendor(&clock, Mode::Req);
    let host = Host::of(&vendor(), "one", clock.now());
    let target = |ppid: &str| {
        format!(
            "{BASE}pckcert?qeid={}&encrypted_ppid={ppid}&cpusvn={}&pcesvn={}&pceid=0000",
            host.qe_id,
            hex::encode_upper(host.cpu_svn),
            PceSvn(host.pce_svn)
        )
    };
    let zeros = target(&"0".repeat(768));
    let status = |bytes: &[u8]| {
        let line = String::from_utf8_lossy(bytes).into_owned();
        line.split(' ').nth(1).map(str::to_owned)
    };
    // Its code for a platform that is not known; at anything else it would say less.
    assert_eq!(status(&of_qcnl(&front, &zeros)).as_deref(), Some("461"));
    let body = host.body().to_string();
    let platforms = format!("{BASE}platforms");
    let registered = front.send("POST", &platforms, &[USER, JSON], body.as_bytes());
    assert_eq!(registered.status(), 200);
    let ppid = hex::encode_upper(host.encrypted_ppid);
    for target in [zeros, target(&ppid), format!("{}&key=value", target(&ppid))] {
        let taken = Taken::of(&[of_qcnl(&front, &target)]);
        assert_eq!(taken.header("sgx-tcbm").len(), 36);
        taken.chain("sgx-pck-certificate-issuer-chain");
        let leaf = pem::decode(&taken.body, "CERTIFICATE", 1).expect("PEM");
        Certificate::parse(&leaf[0]).expect("a certificate");
    }
}

/// The only status that it retries is 503, and then it takes all attempts for one answer.
#[test]
fn an_answer_after_a_503_is_whole() {
    let clock = noon();
    let (_site, front) = with_vendor(&clock, Mode::Lazy);
    let host = Host::of(&vendor(), "one", clock.now());
    let targets = [
        (
            format!("{BASE}pckcrl?ca=processor"),
            "sgx-pck-crl-issuer-chain",
        ),
        (
            format!(
                "{BASE}tcb?fmspc={}&update=standard",
                hex::encode_upper(PROCESSOR_FMSPC)
            ),
            "tcb-info-issuer-chain",
        ),
        (
            format!("{BASE}qe/identity?update=standard"),
            "sgx-enclave-identity-issuer-chain",
        ),
        (host.target_with_ppid(), "sgx-pck-certificate-issuer-chain"),
    ];
    for fault in ["* status=500", "* status=429", "* status=401", "* reset"] {
        // While the vendor is in trouble, and afterwards.
        let (site, in_trouble) = with_vendor(&clock, Mode::Lazy);
        site.set(&[fault]);
        for (target, chain) in &targets {
            let attempt = of_qcnl(&in_trouble, target);
            assert!(attempt.starts_with(b"HTTP/1.1 503 "), "{fault}: {target}");
            let whole = front.get(target);
            assert_eq!(whole.status(), 200, "{target}");
            let taken = Taken::of(&[attempt.clone(), attempt, of_qcnl(&front, target)]);
            assert_eq!(taken.body, whole.body, "{fault}: {target}");
            taken.chain(chain);
        }
    }
}

/// Nor does a host learn of an upstream that redirects: it follows nobody.
#[test]
fn a_redirect_is_not_passed_on() {
    let clock = noon();
    let liar = Liar::answering(|_| bulla_protocol::wire::ResponseParts {
        status: bulla_protocol::wire::Status::new(302).expect("a status"),
        headers: bulla_protocol::wire::Headers::new().with("Location", "http://127.0.0.1:9/"),
        body: Vec::new(),
    });
    let front = Front::open(&clock, vec![liar.upstream("elsewhere")], Mode::Lazy);
    let reply = front.get(&format!("{BASE}qe/identity?update=standard"));
    assert_eq!((reply.status(), reply.text()), (503, ""));
    assert_eq!(reply.header("Location"), None);
}

/// `pccsadmin` tells 200 and 401 apart, and shows code and text of anything else.
#[test]
fn pccsadmin_carries_platforms_across_an_air_gap() {
    let clock = noon();
    let inside = Front::open(&clock, Vec::new(), Mode::Offline);
    let host = Host::of(&vendor(), "one", clock.now());
    // `PCKIDRetrievalTool` on the platform.
    let target = format!("{BASE}platforms");
    let body = host.body().to_string();
    let tool = inside.send("POST", &target, &[USER, JSON], body.as_bytes());
    assert_eq!((tool.status(), tool.text()), (200, "Operation successful."));
    let wrong = ("user-token", "another");
    let refused = inside.send("POST", &target, &[wrong, JSON], body.as_bytes());
    assert_eq!(
        (refused.status(), refused.text()),
        (401, "Authentication failed.")
    );

    // `pccsadmin get`
    let listed = inside.send("GET", &target, &[ADMINISTRATOR], b"");
    assert_eq!(listed.status(), 200);
    assert_eq!(listed.header("platform-count"), Some("1"));
    let list = listed.json();
    for (key, value) in host.body().as_object().expect("an object") {
        let told = list[0][key].as_str().expect("text");
        let sent = value.as_str().expect("text");
        assert!(told.eq_ignore_ascii_case(sent), "{key}: {told}");
    }
    let none = inside.send(
        "GET",
        &format!("{target}?source=reg_na"),
        &[ADMINISTRATOR],
        b"",
    );
    assert_eq!(
        (none.header("platform-count"), none.text()),
        (Some("0"), "[]")
    );

    // `pcsclient fetch` outside, `pccsadmin put` inside: JSON with a blank behind `,` and `:`.
    let (_site, outside) = with_vendor(&clock, Mode::Lazy);
    let file = Fetched::by(&outside, &host).file(&list);
    let put = |body: &str, tokens: &[(&str, &str)]| {
        let target = format!("{BASE}platformcollateral");
        inside.send("PUT", &target, tokens, body.as_bytes())
    };
    assert_eq!(put(&file, &[JSON]).status(), 401);
    let said = put(&file, &[ADMINISTRATOR, JSON]);
    assert_eq!(
        (said.status(), said.text()),
        (200, "Operation successful."),
        "{}",
        said.head
    );
    let other = put("{ \"platforms\": 1 }", &[ADMINISTRATOR, JSON]);
    assert_eq!(
        (other.status(), other.text()),
        (400, "Invalid request parameters.")
    );
    assert_eq!(inside.get(&host.target()).status(), 200);
    let info = format!("{BASE}tcb?fmspc={}", hex::encode_upper(PROCESSOR_FMSPC));
    assert_eq!(
        inside.get(&info).body,
        outside.get(&info).body,
        "the signed bytes"
    );

    // `pccsadmin refresh`, `refresh -f all` and `-f F1,F2`, where upstreams are asked.
    for query in [
        "",
        "?type=certs&fmspc=",
        "?type=certs&fmspc=00906EA10000,FF53494D554C",
    ] {
        let target = format!("{BASE}refresh{query}");
        let reply = outside.send("POST", &target, &[ADMINISTRATOR], b"");
        let told = (reply.status(), reply.text());
        assert_eq!(
            told,
            (200, "Operation successful."),
            "{query}: {}",
            reply.head
        );
    }
}

/// What `pcsclient` fetches of the vendor's dialect, after the checks that it makes.
struct Fetched {
    certificates: Reply,
    tcb_info: Reply,
    identity: Reply,
    crl: Reply,
    root_crl: Reply,
}

impl Fetched {
    fn by(front: &Front, host: &Host) -> Self {
        let get = |path: &str| {
            let reply = front.get(&format!("/pcs{path}"));
            assert_eq!(reply.status(), 200, "{path}: {}", reply.head);
            assert!(reply.header("Request-ID").is_some_and(|id| id.len() == 32));
            reply
        };
        let json = |path: &str| {
            let reply = get(path);
            // No other spelling will do.
            assert_eq!(
                reply.header("Content-Type"),
                Some("application/json"),
                "{path}"
            );
            reply
        };
        for families in ["all", "client", "E3", "E5"] {
            get(&format!("{BASE}fmspcs?platform={families}"));
        }
        let ppid = hex::encode(host.encrypted_ppid);
        let certificates = json(&format!("{BASE}pckcerts?encrypted_ppid={ppid}&pceid=0000"));
        let fmspc = hex::encode_upper(PROCESSOR_FMSPC);
        assert_eq!(certificates.header("SGX-FMSPC"), Some(&*fmspc));
        assert_eq!(
            certificates.header("SGX-PCK-Certificate-CA-Type"),
            Some("processor")
        );
        for update in ["standard", "early"] {
            for path in ["/sgx/certification/v4/tcb", "/tdx/certification/v4/tcb"] {
                let info = json(&format!("{path}?fmspc={fmspc}&update={update}"));
                is_compact(&info, "tcbInfo");
            }
        }
        let identity = json(&format!("{BASE}qe/identity?update=standard"));
        is_compact(&identity, "enclaveIdentity");
        Self {
            certificates,
            tcb_info: json(&format!("{BASE}tcb?fmspc={fmspc}&update=standard")),
            identity,
            crl: get(&format!("{BASE}pckcrl?ca=processor&encoding=der")),
            root_crl: get("/IntelSGXRootCA.der"),
        }
    }

    /// The file that it writes for a list of platforms.
    fn file(&self, list: &Value) -> String {
        let chain = |reply: &Reply, name| reply.header(name).expect("a chain").to_owned();
        let quoted = |text: &str| Value::from(text).to_string();
        let one = &list[0];
        let spaced = |text: &str| text.replace("\",\"", "\", \"").replace("\":", "\": ");
        format!(
            "{{\"platforms\": [{}], \"collaterals\": {{\"version\": 4, \"pck_certs\": [{{\"qe_id\": {}, \
             \"pce_id\": \"0000\", \"enc_ppid\": {}, \"platform_manifest\": \"\", \"certs\": {}}}], \
             \"tcbinfos\": [{{\"fmspc\": \"{}\", \"sgx_tcbinfo\": {}}}], \"pckcacrl\": \
             {{\"processorCrl\": \"{}\"}}, \"qeidentity\": {}, \"certificates\": \
             {{\"SGX-PCK-Certificate-Issuer-Chain\": {{\"PROCESSOR\": {}}}, \
             \"TCB-Info-Issuer-Chain\": {}, \"SGX-Enclave-Identity-Issuer-Chain\": {}}}, \
             \"rootcacrl\": \"{}\"}}}}",
            spaced(&one.to_string()),
            one["qe_id"],
            one["enc_ppid"],
            spaced(self.certificates.text()),
            hex::encode_upper(PROCESSOR_FMSPC),
            spaced(self.tcb_info.text()),
            hex::encode(&self.crl.body),
            quoted(self.identity.text()),
            quoted(&chain(
                &self.certificates,
                "SGX-PCK-Certificate-Issuer-Chain"
            )),
            quoted(&chain(&self.tcb_info, "TCB-Info-Issuer-Chain")),
            quoted(&chain(&self.identity, "SGX-Enclave-Identity-Issuer-Chain")),
            hex::encode(&self.root_crl.body),
        )
    }
}

/// `pcsclient` checks signatures over what it writes anew without blanks: what is served must have
/// none outside of texts.
fn is_compact(reply: &Reply, field: &str) {
    let text = reply.text();
    assert!(text.starts_with(&format!("{{\"{field}\":{{")), "{text}");
    let mut is_inside = false;
    for letter in text.chars() {
        // No text of the vendor has an escape.
        assert!(letter != '\\', "{text}");
        if letter == '"' {
            is_inside = !is_inside;
        }
        assert!(is_inside || !letter.is_whitespace(), "{text}");
    }
    let value: Value = serde_json::from_str(text).expect("JSON");
    let signature = value["signature"].as_str().expect("a signature");
    assert_eq!(signature.len(), 128);
}

/// Where nobody answers, an administrator is told with code and text; a host is asked to come again.
#[test]
fn tools_are_told_by_code_and_text_that_the_vendor_does_not_answer() {
    let clock = noon();
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut nobody = source("nobody", closed.local_addr().expect("an address"));
    drop(closed);
    nobody.attempts = 1;
    let front = Front::open(&clock, vec![nobody], Mode::Lazy);
    let host = Host::of(&vendor(), "one", clock.now());
    let body = host.body().to_string();
    let text = "Unable to retrieve the collateral from the Intel SGX PCS.";
    let tool = front.send(
        "POST",
        &format!("{BASE}platforms"),
        &[USER, JSON],
        body.as_bytes(),
    );
    assert_eq!((tool.status(), tool.text()), (502, text));
    let admin = front.administrate("POST", &format!("{BASE}refresh"));
    assert_eq!((admin.status(), admin.text()), (502, text));
}
