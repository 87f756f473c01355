//! What goes over the wire, and what comes back from upstreams that are in trouble, or mean it.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod fake;

use std::time::Duration;

use bulla_protocol::pcs::{Answer, EncodedCrl, ErrorCode, MAX_RESPONSE_BODY_SIZE};
use bulla_upstream::{Failure, Supplied, Upstreams};
use tokio::time;

use fake::{Fake, Reply, ask, document, key, once, only, response, root_crl, tcb_info};

const TARGET: &str = "/sgx/certification/v4/tcb?fmspc=00806F050000&update=standard";

fn reason(outcome: Result<Answer, Failure>) -> String {
    match outcome.expect_err("no answer") {
        Failure::Unavailable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_document_comes_as_it_was_sent() {
    let fake = Fake::saying(document()).await;
    let Answer::TcbInfo(issued) = ask(&only(fake.pcs("a")), &tcb_info()).await.unwrap() else {
        panic!("TCB info was asked for")
    };
    assert_eq!(issued.document, fake::DOCUMENT.as_bytes());
    assert!(
        issued
            .issuer_chain
            .as_str()
            .starts_with("-----BEGIN CERTIFICATE-----\n")
    );
    assert_eq!(fake.lines(), [format!("GET {TARGET} HTTP/1.1")]);
    let asked = &fake.asked()[0];
    for header in [
        "cookie",
        "accept-encoding",
        "referer",
        "ocp-apim-subscription-key",
    ] {
        assert_eq!(asked.header(header), None, "{header}");
    }
    assert!(asked.header("user-agent").unwrap().starts_with("bulla/"));
}

#[tokio::test]
async fn an_address_may_have_a_path() {
    let fake = Fake::saying(document()).await;
    for path in ["/pcs", "/pcs/", "/pcs/sgx/certification/v4/"] {
        let mut settings = fake.pcs("a");
        settings.kind = bulla_upstream::Kind::Pcs {
            url: fake.url() + path,
        };
        ask(&only(settings), &tcb_info()).await.unwrap();
    }
    assert_eq!(fake.lines(), vec![format!("GET /pcs{TARGET} HTTP/1.1"); 3]);
}

#[tokio::test]
async fn every_status_has_one_meaning() {
    let told = &[("Error-Code", "Oops"), ("Error-Message", "No such thing")];
    for status in 200..=599 {
        if status == 200 {
            continue;
        }
        let fake = Fake::saying(response(status, told, b"<html>")).await;
        let failure = ask(&only(once(fake.pcs("a"))), &tcb_info())
            .await
            .unwrap_err();
        match status {
            400 | 404 | 410 | 461 | 462 => {
                let expected = Failure::NotFound {
                    upstream: "a".to_owned(),
                    reason: format!("status {status}, Oops: No such thing"),
                    error_code: (status == 400).then(|| ErrorCode::new("Oops").unwrap()),
                };
                assert_eq!(failure, expected);
            }
            _ => {
                let unavailable = matches!(failure, Failure::Unavailable { .. });
                assert!(unavailable, "{status}: {failure}");
                assert!(
                    failure.to_string().contains(&status.to_string()),
                    "{failure}"
                );
            }
        }
        assert_eq!(fake.asked().len(), 1);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Fake::saying(document()).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/x", target.url());
        let fake = Fake::saying(response(status, &[("Location", &location)], b"")).await;
        let mut settings = once(fake.pcs("a"));
        settings.api_key = Some(key());
        let reason = reason(ask(&only(settings), &tcb_info()).await);
        assert!(reason.contains("redirects are not followed"), "{reason}");
        assert!(
            fake.asked()[0]
                .header("Ocp-Apim-Subscription-Key")
                .is_some()
        );
    }
    assert!(target.asked().is_empty());
}

#[tokio::test]
async fn the_key_goes_to_its_upstream_alone() {
    let unavailable = response(500, &[], b"");
    let before = Fake::saying(unavailable.clone()).await;
    let own = Fake::saying(unavailable.clone()).await;
    let list = Fake::saying(response(200, &[], b"300100")).await;
    let after = Fake::saying(document()).await;
    let mut settings = once(own.pcs("own"));
    settings.api_key = Some(key());
    settings.root_crl_url = Some(format!("{}/lists/Root.crl", list.url()));
    let all = Upstreams::new(vec![
        once(before.pcs("before")),
        settings.clone(),
        once(after.pcs("after")),
    ])
    .unwrap();
    ask(&all, &tcb_info()).await.unwrap();
    let sent = |fake: &Fake| fake.asked()[0].header("Ocp-Apim-Subscription-Key");
    assert_eq!(sent(&before), None);
    assert_eq!(sent(&own).as_deref(), Some("s3cret"));
    assert_eq!(sent(&after), None);

    let Answer::RootCaCrl(crl) = ask(&only(settings.clone()), &root_crl()).await.unwrap() else {
        panic!("a list was asked for")
    };
    assert_eq!(crl, EncodedCrl::Der(vec![0x30, 1, 0]));
    assert_eq!(list.lines(), ["GET /lists/Root.crl HTTP/1.1"]);
    assert_eq!(sent(&list), None);
    assert_eq!(own.asked().len(), 1);

    let shown = format!("{settings:?} {all:?} {:?}", all.health());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn the_list_of_the_root_lies_beside_unless_it_was_said() {
    let fake = Fake::saying(response(200, &[], b"\x30\x80\x00\xff")).await;
    ask(&only(fake.pcs("a")), &root_crl()).await.unwrap();
    assert_eq!(fake.lines(), ["GET /IntelSGXRootCA.der HTTP/1.1"]);
}

#[tokio::test]
async fn answers_that_break_off_are_none() {
    let Reply::Bytes(whole) = document() else {
        panic!("bytes")
    };
    let half = whole[..whole.len() - 1].to_vec();
    for reply in [Reply::Bytes(half), Reply::Reset, Reply::Bytes(Vec::new())] {
        let fake = Fake::saying(reply.clone()).await;
        let mut settings = fake.pcs("a");
        settings.attempts = 2;
        let upstreams = only(settings);
        let reason = reason(ask(&upstreams, &tcb_info()).await);
        assert!(reason.starts_with("a: "), "{reason}");
        assert!(!reason.contains("fmspc"), "{reason}");
        assert_eq!(fake.asked().len(), 2, "{reply:?}");
        assert_eq!(upstreams.health()[0].counts.failed, 1);
    }
    // Nobody listens there any more.
    let fake = Fake::saying(Reply::Reset).await;
    let settings = once(fake.pcs("a"));
    drop(fake);
    tokio::task::yield_now().await;
    let reason = reason(ask(&only(settings), &tcb_info()).await);
    assert!(reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn silence_and_slowness_end_at_the_deadline() {
    let Reply::Bytes(whole) = document() else {
        panic!("bytes")
    };
    let half = whole[..whole.len() / 2].to_vec();
    let most = whole[..whole.len() - 1].to_vec();
    for bytes in [Vec::new(), b"HTTP/1.1 200 ".to_vec(), half, most] {
        let fake = Fake::saying(Reply::Stalls(bytes)).await;
        let upstreams = only(once(fake.pcs("a")));
        let impatient = async {
            fake.received(1).await;
            // From here on nothing waits but for the clock, which then leaps.
            time::pause();
        };
        let request = tcb_info();
        let (outcome, ()) = tokio::join!(ask(&upstreams, &request), impatient);
        time::resume();
        assert!(reason(outcome).contains("no answer within 60s"));
        assert_eq!(upstreams.health()[0].counts.timed_out, 1);
    }
}

#[tokio::test]
async fn bodies_and_heads_have_an_end() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let announced = format!(
        "{head}Content-Length: {}\r\n\r\n",
        MAX_RESPONSE_BODY_SIZE + 1
    );
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let closing = format!("{head}Connection: close\r\n\r\n");
    let long = format!(
        "{head}X-Long: {}\r\nContent-Length: 2\r\n\r\n{{}}",
        "x".repeat(40_000)
    );
    let many = format!(
        "{head}{}Content-Length: 2\r\n\r\n{{}}",
        "X-Many: x\r\n".repeat(100)
    );
    for (reply, said) in [
        (Reply::Stalls(announced.into()), "at most 1500000"),
        (
            Reply::Endless(chunked.into(), chunk.into()),
            "at most 1500000",
        ),
        (
            Reply::Endless(closing.into(), vec![b'x'; 0x10000]),
            "at most 1500000",
        ),
        (Reply::Bytes(long.into()), "at most 32768"),
        (Reply::Bytes(many.into()), "head is too large"),
        (
            Reply::Endless(head.into(), b"X-Endless: x\r\n".repeat(100)),
            "head is too large",
        ),
    ] {
        let fake = Fake::saying(reply).await;
        let reason = reason(ask(&only(once(fake.pcs("a"))), &tcb_info()).await);
        assert!(reason.contains(said), "{reason}");
    }
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_is_none() {
    let json = ("Content-Type", "application/json");
    let chain = ("TCB-Info-Issuer-Chain", fake::CHAIN);
    for (headers, said) in [
        (
            vec![("Content-Type", "text/html"), chain],
            "application/json",
        ),
        (vec![json], "TCB-Info-Issuer-Chain is missing"),
        (
            vec![json, ("TCB-Info-Issuer-Chain", "%zz")],
            "TCB-Info-Issuer-Chain",
        ),
        (
            vec![json, chain, ("Content-Encoding", "gzip")],
            "compressed",
        ),
    ] {
        let fake = Fake::saying(response(200, &headers, b"{}")).await;
        let upstreams = only(fake.pcs("a"));
        let reason = reason(ask(&upstreams, &tcb_info()).await);
        assert!(reason.contains(said), "{reason}");
        assert_eq!(fake.asked().len(), 1, "not tried again");
    }
    let fake = Fake::saying(Reply::Bytes(b"SSH-2.0-OpenSSH_9\r\n".to_vec())).await;
    reason(ask(&only(once(fake.pcs("a"))), &tcb_info()).await);
}

#[tokio::test]
async fn whoever_says_when_is_asked_then() {
    for (status, when, seconds) in [
        (429, "7", 7),
        (503, "7", 7),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", 60),
        (429, "99999999", 3_600),
    ] {
        let busy = Fake::saying(response(status, &[("Retry-After", when)], b"")).await;
        let upstreams = only(once(busy.pcs("a")));
        for _ in 0..2 {
            let failure = ask(&upstreams, &tcb_info()).await.unwrap_err();
            let Failure::Unavailable { retry_after, .. } = failure else {
                panic!("{failure}")
            };
            assert!(retry_after.is_some_and(|said| (1..=seconds).contains(&said)));
        }
        assert_eq!(busy.asked().len(), 1);
        time::pause();
        time::advance(Duration::from_secs(seconds.into())).await;
        time::resume();
        ask(&upstreams, &tcb_info()).await.unwrap_err();
        assert_eq!(busy.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_liar_is_passed_over() {
    let liar = Fake::saying(document()).await;
    let honest = Fake::saying(document()).await;
    let upstreams = Upstreams::new(vec![liar.pcs("liar"), honest.pcs("honest")]).unwrap();
    let examine = |supplied: Supplied| match &*supplied.upstream {
        "honest" => Ok(supplied.upstream),
        _ => Err("the signature does not hold".to_owned()),
    };
    let request = tcb_info();
    assert_eq!(&*upstreams.ask(&request, examine).await.unwrap(), "honest");
    let refused = upstreams
        .ask(&request, |_| Err::<(), _>("forged".to_owned()))
        .await;
    let expected = Failure::Refused {
        reason: "liar: forged; honest: forged".to_owned(),
    };
    assert_eq!(refused, Err(expected));
    assert_eq!(upstreams.health()[0].counts.refused, 2);
}
