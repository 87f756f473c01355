//! Each limit, from both sides where it matters.

use std::net::IpAddr;
use std::time::Duration;

use bulla_service::http::{LONGEST_HEAD, LONGEST_TARGET, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{BODY_LIMIT, Front, LARGE, bounded};

/// A time that passes soon.
const SOON: Duration = Duration::from_millis(50);

fn broken_off(reason: &str) -> String {
    format!("bulla_http_connections_broken_off_total{{reason=\"{reason}\"}} 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_as_long_as_allowed() {
    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    let longest = format!("/{}", "a".repeat(LONGEST_TARGET - 1));
    assert_eq!(client.get(&longest).await.status, 200);
    assert_eq!(client.get(&format!("{longest}a")).await.status, 414);
    assert_eq!(client.get("/again").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_as_long_as_allowed() {
    let front = Front::start(Limits::default()).await;
    let request = |size: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        let filling = "a".repeat(size - frame);
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {filling}\r\n\r\n")
    };
    let mut client = front.connect().await;
    client.send(request(LONGEST_HEAD)).await;
    assert_eq!(client.answer().await.status, 200);
    client.send(request(LONGEST_HEAD * 10)).await;
    assert_eq!(client.answer().await.status, 431);
    assert!(client.rest().await.is_empty());
    front.until_counted(&broken_off("malformed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_and_ended() {
    let front = Front::start(Limits::default()).await;
    for (bytes, status) in [
        ("no request\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
    ] {
        let mut client = front.connect().await;
        client.send(bytes).await;
        assert_eq!(client.answer().await.status, status, "{bytes}");
        assert!(client.rest().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_long_as_allowed() {
    let front = Front::start(Limits::default()).await;
    let head = |length: &str| format!("POST /read HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n");
    let body = vec![b'a'; BODY_LIMIT];

    let mut client = front.connect().await;
    client
        .send(head(&format!("Content-Length: {BODY_LIMIT}")))
        .await;
    client.send(&body).await;
    assert_eq!(client.answer().await.status, 200);
    // A length that is announced is believed.
    client
        .send(head(&format!("Content-Length: {}", BODY_LIMIT + 1)))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(answer.body.contains("100000"), "{}", answer.body);

    // One that is not is counted.
    let mut client = front.connect().await;
    client.send(head("Transfer-Encoding: chunked")).await;
    client.send(format!("{:x}\r\n", BODY_LIMIT + 1)).await;
    client.send(&body).await;
    client.send("a\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_reaches_a_client_that_sends_far_too_much() {
    let front = Front::start(Limits::default()).await;
    let client = front.connect().await;
    let (mut reader, mut writer) = client.0.into_split();
    let sending = tokio::spawn(async move {
        let head = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n";
        writer.write_all(head.as_bytes()).await.unwrap();
        // The server goes on taking it for a while, and for no longer.
        let _ = writer.write_all(&vec![b'a'; 50_000_000]).await;
    });
    let mut answer = [0; 12];
    bounded(reader.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    bounded(sending).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_in_is_cut_off() {
    let limits = Limits {
        head_time: SOON,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    // Once at the start of the connection, and once after an answer.
    for start in ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        // On a busy machine the first head, too, can come late.
        let said = loop {
            let mut client = front.connect().await;
            let begun = format!("{start}GET / HTTP/1.1\r\nX: ");
            let _ = client.0.write_all(begun.as_bytes()).await;
            let mut sent = 0;
            while client.0.write_all(b"a").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                sent += 1;
                assert!(sent < 10_000, "it goes on for ever");
            }
            let said = client.rest().await;
            if said.is_empty() == start.is_empty() {
                break said;
            }
        };
        let answers = said.windows(8).filter(|part| part == b"HTTP/1.1").count();
        assert_eq!(answers, usize::from(!start.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_is_given_up() {
    let limits = Limits {
        head_time: SOON,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    assert!(front.connect().await.rest().await.is_empty());
    front.until_counted(&broken_off("slow_head")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_in_is_refused() {
    let limits = Limits {
        body_time: SOON,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    let mut client = front.connect().await;
    client
        .send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.header("connection"), Some("close"));
    client.0.shutdown().await.unwrap();
    assert!(client.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_end_and_busy_ones_do_not() {
    let limits = Limits {
        idle_time: SOON,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    let mut idle = front.connect().await;
    assert_eq!(idle.get("/").await.status, 200);
    assert!(idle.rest().await.is_empty());

    // Whoever waits for an answer is not idle, however long that takes.
    let mut waiting = front.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    bounded(front.application.asked.notified()).await;
    tokio::time::sleep(SOON * 4).await;
    front.application.answers.0.add_permits(1);
    assert_eq!(waiting.answer().await.body, "waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_given_up() {
    let limits = Limits {
        taking_time: SOON,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    let mut client = front.connect().await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    front.until_counted(&broken_off("slow_taking")).await;
    assert!(client.rest().await.len() < LARGE);

    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    assert_eq!(client.get("/large").await.body.len(), LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_are_in_nobodys_way() {
    let front = Front::start(Limits::default()).await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(front.connect().await);
    }
    front.until_counted("bulla_http_connections 1000").await;
    let mut client = front.connect().await;
    for _ in 0..100 {
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), None);
    }
    drop(idle);
    front.until_counted("bulla_http_connections 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_cap_connections_wait_for_their_turn() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    let mut first = front.connect().await;
    let mut second = front.connect().await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = front.connect().await;
    third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(first.get("/").await.status, 200);
    assert!(front.counted("bulla_http_connections 2"));
    drop(first);
    assert_eq!(third.answer().await.body, "GET /third ");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_places_are_scarce_answers_end_connections() {
    let limits = Limits {
        connections: 8,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    let mut clients = Vec::new();
    for number in 1..=8 {
        let mut client = front.connect().await;
        let answer = client.get("/").await;
        let last = (number == 8).then_some("close");
        assert_eq!(answer.header("connection"), last, "{number}");
        clients.push(client);
    }
    let mut last = clients.pop().unwrap();
    assert!(last.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_for_one_do_not_hold_for_this_machine() {
    let limits = Limits {
        connections_of_one: 1,
        ..Limits::default()
    };
    let front = Front::start(limits).await;
    assert!(front.addresses[0].ip() == IpAddr::from([127, 0, 0, 1]));
    let mut first = front.connect().await;
    let mut second = front.connect().await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
}
