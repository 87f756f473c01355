//! The operator's page: who sees it, what it shows, and what no other site can have it do.

use bulla_service::keeper::Mode;
use bulla_store::Documents as _;
use bulla_store::documents::SetAside;
use bulla_tests::baselines::{apply, recovering};
use bulla_tests::daemon::Reply;
use bulla_tests::front::{ADMINISTRATOR, Front, USER};
use bulla_tests::site::Clock;
use bulla_tests::watched::Fleet;

/// The pages that show something, and those of them that everybody sees.
const PAGES: [&str; 6] = [
    "/page",
    "/page/sign-in",
    "/page/fleet",
    "/page/enforcement",
    "/page/upstreams",
    "/page/refusals",
];
const OPEN: [&str; 2] = ["/page", "/page/sign-in"];

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// The service that asks nobody.
fn alone() -> Front {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    Front::open(&clock, Vec::new(), Mode::Offline)
}

fn post(front: &Front, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = [&[FORM], headers].concat();
    front.send("POST", path, &headers, body.as_bytes())
}

/// Signs in, and gives the cookie as a browser sends it back.
#[track_caller]
fn sign_in(front: &Front) -> String {
    let body = format!("token={}", ADMINISTRATOR.1);
    let reply = post(front, "/page/sign-in", &[], &body);
    assert_eq!(reply.status(), 303, "{}", reply.text());
    let cookie = reply.header("Set-Cookie").expect("a cookie");
    let (pair, rest) = cookie.split_once("; ").expect("attributes");
    let expected = "Path=/page; Max-Age=28800; HttpOnly; SameSite=Strict";
    assert_eq!(rest, expected, "over plain HTTP");
    pair.to_owned()
}

/// What the forms of a page have to bring back.
#[track_caller]
fn check_in(page: &Reply) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"check\" value=\"").expect("a form");
    rest[..64].to_owned()
}

#[test]
fn every_page_says_that_it_is_simulated_and_loads_nothing_from_elsewhere() {
    let fleet = Fleet::seen(recovering());
    for page in PAGES {
        let reply = fleet.front.administrate("GET", page);
        assert_eq!(reply.status(), 200, "{page}");
        let head = &reply.head;
        assert_eq!(
            reply.header("Content-Security-Policy"),
            Some(
                "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                 base-uri 'none'; frame-ancestors 'none'"
            ),
            "{head}"
        );
        for (name, value) in [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{head}");
        }
        assert_eq!(reply.header("Set-Cookie"), None, "{head}");
        let text = reply.text();
        assert!(text.contains("<strong>SIMULATED.</strong>"), "{page}");
        assert!(text.contains("<title>SIMULATED: "), "{page}");
        for never in ["<script", "style=", " on", "<style", "<iframe"] {
            let found = text.split('<').any(|tag| {
                let tag = tag.split('>').next().unwrap_or_default();
                format!("<{tag}").contains(never)
            });
            assert!(!found, "{page}: {never}");
        }
        for attribute in ["href=\"", "src=\"", "action=\""] {
            for (place, _) in text.match_indices(attribute) {
                let target = &text[place + attribute.len()..];
                let is_ours = target.starts_with("/page") || target.starts_with("#main\"");
                assert!(is_ours, "{page}: {target:.40}");
            }
        }
    }
    for (path, kind) in [
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ] {
        let reply = fleet.front.get(path);
        assert_eq!(reply.header("Content-Type"), Some(kind), "{path}");
        assert!(!reply.text().contains("url("), "{path}");
    }
}

#[test]
fn who_signs_in_sees_what_his_token_lets_him_and_only_until_he_signs_out() {
    let front = alone();
    for page in PAGES {
        let expected = if OPEN.contains(&page) { 200 } else { 401 };
        for headers in [&[][..], &[USER], &[("Cookie", "bulla-session=0")]] {
            let reply = front.send("GET", page, headers, b"");
            assert_eq!(reply.status(), expected, "{page} {headers:?}");
            // Whoever signs in there goes on where he wanted to go.
            let destination = format!("name=\"destination\" value=\"{page}\"");
            assert!(
                expected == 200 || reply.text().contains(&destination),
                "{page}"
            );
        }
    }
    let cookie = sign_in(&front);
    for page in PAGES {
        let reply = front.send("GET", page, &[("Cookie", &cookie)], b"");
        assert_eq!(reply.status(), 200, "{page}");
        assert!(reply.text().contains("Signed in as test"), "{page}");
        let text = reply.text();
        assert!(
            !text.contains(ADMINISTRATOR.1) && !text.contains(&cookie[14..]),
            "{page}"
        );
    }
    // It is good for pages alone: what programs use takes the token itself.
    assert_eq!(
        front
            .send("GET", "/audit", &[("Cookie", &cookie)], b"")
            .status(),
        401
    );
    let check = check_in(&front.send("GET", "/page", &[("Cookie", &cookie)], b""));
    let body = format!("check={check}");
    let gone = post(&front, "/page/sign-out", &[("Cookie", &cookie)], &body);
    assert_eq!(
        (gone.status(), gone.header("Location")),
        (303, Some("/page"))
    );
    let forgotten = gone.header("Set-Cookie").expect("an end");
    assert!(
        forgotten.starts_with("bulla-session=; Path=/page; Max-Age=0;"),
        "{forgotten}"
    );
    assert_eq!(
        front
            .send("GET", "/page/fleet", &[("Cookie", &cookie)], b"")
            .status(),
        401
    );
}

/// Else nobody could end the one that the browser has forgotten.
#[test]
fn who_signs_in_again_ends_the_session_that_he_had() {
    let front = alone();
    let [first, elsewhere] = [sign_in(&front), sign_in(&front)];
    let body = format!("token={}", ADMINISTRATOR.1);
    let again = post(&front, "/page/sign-in", &[("Cookie", &first)], &body);
    assert_eq!(again.status(), 303, "{}", again.text());
    let cookie = again.header("Set-Cookie").expect("a cookie");
    let second = cookie.split("; ").next().expect("a pair");
    for (cookie, expected) in [(first.as_str(), 401), (second, 200), (&elsewhere, 200)] {
        let reply = front.send("GET", "/page/fleet", &[("Cookie", cookie)], b"");
        assert_eq!(reply.status(), expected);
    }
    // A token that is wrong ends nothing.
    let refused = post(&front, "/page/sign-in", &[("Cookie", second)], "token=a");
    assert_eq!(refused.status(), 401);
    let reply = front.send("GET", "/page/fleet", &[("Cookie", second)], b"");
    assert_eq!(reply.status(), 200);
}

#[test]
fn signing_in_leads_on_and_guesses_are_measured() {
    let front = alone();
    for (destination, expected) in [
        ("%2Fpage%2Ffleet", "/page/fleet"),
        ("https%3A%2F%2Fa.example", "/page"),
        ("%2F%2Fa.example%2Fpage", "/page"),
        ("%2Faudit", "/page"),
    ] {
        let body = format!("destination={destination}&token={}", ADMINISTRATOR.1);
        let reply = post(&front, "/page/sign-in", &[], &body);
        assert_eq!(reply.header("Location"), Some(expected), "{destination}");
    }
    for body in [
        "",
        "token",
        "token=",
        "tokens=a",
        "token=a&token=b",
        "token=%ff",
    ] {
        let reply = post(&front, "/page/sign-in", &[], body);
        assert!([400, 401].contains(&reply.status()), "{body}");
        assert_eq!(reply.header("Set-Cookie"), None, "{body}");
    }
    let guess = || post(&front, "/page/sign-in", &[], &format!("token={}", USER.1));
    for _ in 0..10 {
        assert_eq!(guess().status(), 401);
    }
    let measured = guess();
    assert_eq!(measured.status(), 429);
    assert!(
        measured.header("Retry-After").is_some(),
        "{}",
        measured.head
    );
    // The guesses are those of all routes together.
    assert_eq!(front.administrate("GET", "/audit").status(), 429);
}

#[test]
fn no_other_site_can_have_anything_done() {
    let fleet = Fleet::seen(recovering());
    let front = &fleet.front;
    let cookie = sign_in(front);
    let other = sign_in(front);
    let check = |cookie: &str| check_in(&front.send("GET", "/page", &[("Cookie", cookie)], b""));
    let (mine, his) = (check(&cookie), check(&other));
    assert_ne!(mine, his);
    let before = front.state();
    let asked = |headers: &[(&str, &str)], body: &str| {
        let headers = [&[("Cookie", cookie.as_str())], headers].concat();
        post(front, "/page/refresh", &headers, body).status()
    };
    for body in [
        String::new(),
        "check=".to_owned(),
        format!("check={his}"),
        format!("check={}", mine.to_uppercase()),
    ] {
        assert_eq!(asked(&[], &body), 403, "{body}");
    }
    let right = format!("check={mine}");
    for site in ["cross-site", "same-site", ""] {
        assert_eq!(asked(&[("Sec-Fetch-Site", site)], &right), 403, "{site}");
        let body = format!("token={}", ADMINISTRATOR.1);
        let signed_in = post(front, "/page/sign-in", &[("Sec-Fetch-Site", site)], &body);
        assert_eq!(
            (signed_in.status(), signed_in.header("Set-Cookie")),
            (403, None)
        );
    }
    assert_eq!(front.state(), before);
    assert_eq!(asked(&[("Sec-Fetch-Site", "same-origin")], &right), 200);
    let (_, entries) = front.state();
    assert!(entries > before.1, "it stands in the audit");
    let audit = front
        .administrate("GET", &format!("/audit?after={}", before.1))
        .json();
    let entry = audit.as_array().and_then(|all| {
        all.iter()
            .find(|entry| entry["action"] == "collateral.refresh")
    });
    assert_eq!(entry.expect("an entry")["actor"], "test");
}

#[test]
fn pages_show_what_the_routes_tell() {
    let fleet = Fleet::seen(recovering());
    let front = &fleet.front;
    let plan = "[rollouts.later]\nring = \"default\"\nbaseline = \"next\"\nfrom = \"2026-12-01T00:00:00Z\"\n\
                [baselines.next.sgx]\nnumber = \"early\"\n";
    apply(front, plan);
    // Whoever may decide may write what he likes.
    let text = "<b onclick='a'>&\"</b>";
    let exception = format!(
        "[exceptions.one]\nadvisory = \"INTEL-SA-00828\"\nuntil = \"2026-12-24T00:00:00Z\"\n\
         reason = '''{text}'''\nauthor = '''{text}'''\n"
    );
    apply(front, &exception);
    front.block_on(front.baselines.look());
    let page = |path: &str| front.administrate("GET", path).text().to_owned();

    let documents = page("/page");
    let listed = front.get("/collateral").json();
    let listed = listed["documents"].as_array().expect("a list");
    assert!(listed.len() > 3);
    for document in listed {
        let slot = document["slot"].as_str().expect("text");
        assert!(
            documents.contains(&format!("<th scope=\"row\">{slot}</th>")),
            "{slot}"
        );
        let until = document["until"].as_str().expect("text");
        assert!(documents.contains(until), "{slot}: {until}");
    }
    assert_eq!(documents.matches("<rect ").count(), listed.len());

    let shown = page("/page/fleet");
    assert!(shown.contains("<td>UpToDate</td>"), "{shown}");
    assert!(shown.contains("<td>no evidence</td>"), "{shown}");
    let platforms = front.administrate("GET", "/platforms").json();
    for platform in platforms.as_array().expect("a list") {
        let name = platform["qe_id"].as_str().expect("text");
        assert!(shown.contains(name), "{name}");
    }

    let coming = page("/page/enforcement");
    assert!(
        coming.contains("<time>2026-12-01T00:00:00Z</time>"),
        "{coming}"
    );
    let [pass, fall_out, unknown] = fleet.counts("ring=default&at=2026-12-01T00:00:00Z");
    assert!(fall_out > 0);
    let counts =
        [pass, fall_out, unknown].map(|count| format!("<td class=\"number\">{count}</td>"));
    let row = coming
        .split("<tr>")
        .find(|row| row.contains("2026-12-01T00:00:00Z"));
    assert!(row.expect("a row").contains(&counts.concat()), "{coming}");
    assert!(
        coming.contains("provisioning certification enclave"),
        "what raises them"
    );

    let escaped = "&#60;b onclick=&#39;a&#39;&#62;&#38;&#34;&#60;/b&#62;";
    assert_eq!(coming.matches(&format!("<td>{escaped}</td>")).count(), 2);
    assert!(!coming.contains("<b "), "{coming}");

    assert!(page("/page/upstreams").contains("<th scope=\"row\">vendor</th>"));

    fleet.refuse("<script>alert('a') & \"b\"</script>");
    let refusals = page("/page/refusals");
    let decisions = front.administrate("GET", "/gate/decisions").json();
    let [decided] = &decisions.as_array().expect("a list")[..] else {
        panic!("{decisions}");
    };
    for name in ["request_id", "code", "reason"] {
        let text = decided[name].as_str().expect("text");
        assert!(refusals.contains(&text.replace('\'', "&#39;")), "{text}");
    }
    let reason = "&#60;script&#62;alert(&#39;a&#39;) &#38; &#34;b&#34;&#60;/script&#62;";
    assert!(refusals.contains(reason), "{refusals}");
    assert!(!refusals.contains("<script"));
}

#[test]
fn refusals_come_in_parts_and_every_one_is_there() {
    let fleet = Fleet::new(recovering());
    let front = &fleet.front;
    let anchor = front.keeping.keeper.collection().realm().id();
    for number in 0..120 {
        let refused = SetAside {
            arrived: fleet.clock.now(),
            source: "vendor".to_owned(),
            what: "root-ca-crl".to_owned(),
            code: "CrlMalformed".to_owned(),
            reason: format!("reason {number:03}"),
            body: format!("{number}").into_bytes(),
        };
        front.store.set_aside(anchor, &refused).expect("kept");
    }
    let page = |target: &str| {
        let reply = front.administrate("GET", target);
        assert_eq!(reply.status(), 200, "{target}");
        reply.text().to_owned()
    };
    let link = |text: &str, relation: &str| {
        text.split("<a href=\"").find_map(|link| {
            let (target, rest) = link.split_once('"')?;
            let is_it = rest.starts_with(&format!(" rel=\"{relation}\""));
            is_it.then(|| target.replace("&#38;", "&"))
        })
    };
    let mut seen = Vec::new();
    let mut targets = vec!["/page/refusals".to_owned()];
    loop {
        let text = page(targets.last().expect("one"));
        let reasons = text.split("<td>reason ").skip(1);
        seen.extend(reasons.map(|rest| rest[..3].parse::<u32>().expect("a number")));
        let Some(next) = link(&text, "next") else {
            break;
        };
        targets.push(next);
    }
    assert_eq!(targets.len(), 3);
    assert_eq!(seen, (0..120).rev().collect::<Vec<_>>());
    let back = link(&page(&targets[2]), "prev").expect("the way back");
    assert_eq!(back, targets[1]);
    let beyond = page("/page/refusals?documents=7000&gate=7000");
    assert!(beyond.contains("There are no entries here."), "{beyond}");
    for wrong in ["documents=x", "from=0", "gate=-1"] {
        let reply = front.administrate("GET", &format!("/page/refusals?{wrong}"));
        assert_eq!(reply.status(), 400, "{wrong}");
    }
}

#[test]
fn long_lists_come_in_parts_and_every_entry_is_there() {
    let fleet = Fleet::new(recovering());
    let front = &fleet.front;
    let mut names: Vec<String> = (0..120).map(|number| format!("{number:032X}")).collect();
    // A name that cannot stand in an address or a page as it is.
    names.push("Z<i>&\"?%".to_owned());
    for name in &names {
        fleet.register(name);
    }
    let mut seen = String::new();
    let mut next = Some("/page/fleet".to_owned());
    let mut parts = 0;
    while let Some(target) = next {
        let page = front.administrate("GET", &target);
        assert_eq!(page.status(), 200, "{target}");
        let text = page.text();
        assert!(
            text.matches("<td>not known</td>").count() <= 100,
            "{target}"
        );
        seen.push_str(text);
        next = text.split("<a href=\"").find_map(|link| {
            let (target, rest) = link.split_once('"')?;
            rest.starts_with(" rel=\"next\"")
                .then(|| target.replace("&#38;", "&"))
        });
        parts += 1;
    }
    assert_eq!(parts, 3);
    names.pop();
    for name in &names {
        assert_eq!(
            seen.matches(&format!("<th scope=\"row\">{name}</th>"))
                .count(),
            1,
            "{name}"
        );
    }
    assert!(seen.contains("Z&#60;i&#62;&#38;&#34;?%"), "it is text");
    assert!(!seen.contains("<i>"));
}
