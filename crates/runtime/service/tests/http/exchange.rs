//! Requests and answers.

use bulla_service::http::Limits;

use super::support::{Front, bounded};

#[tokio::test(flavor = "multi_thread")]
async fn targets_arrive_as_they_were_sent() {
    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    for (target, seen) in [
        ("/a%20b//../c/?x=%41&x=+", "GET /a%20b//../c/ x=%41&x=+"),
        ("/A?", "GET /A "),
        ("http://elsewhere/b?c", "GET /b c"),
    ] {
        let answer = client.get(target).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, seen));
    }
    let line = "bulla_http_requests_total{route=\"test\",status=\"200\",outcome=\"\"} 3";
    assert!(front.counted(line));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_an_exchange_is_taken_over_or_made() {
    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    let given = "00112233445566778899aabbccddeeff";
    let mut names = Vec::new();
    for header in [
        format!("Request-ID: {given}\r\n"),
        String::new(),
        "Request-ID: not a name\r\n".to_owned(),
        format!("Request-ID: {given}\r\nRequest-ID: {given}\r\n"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{header}\r\n");
        client.send(request).await;
        let answer = client.answer().await;
        let name = answer.header("Request-ID").unwrap().to_owned();
        assert_eq!(answer.header("Server-Request-ID"), Some(name.as_str()));
        assert!(name.len() == 32 && name.bytes().all(|digit| digit.is_ascii_hexdigit()));
        names.push(name);
    }
    assert_eq!(names[0], given);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_the_length_and_leaves_the_body() {
    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    client
        .send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let head = bounded(client.head()).await;
    let length = "HEAD /abc ".len().to_string();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), Some(length.as_str()));
    // What follows is the next answer, no body.
    assert_eq!(client.answer().await.body, "GET /next ");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_body_says_so() {
    let front = Front::start(Limits::default()).await;
    let answer = front.connect().await.get("/refuse").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("content-length"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_arrive_in_one_piece_or_in_many() {
    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    client
        .send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345")
        .await;
    assert_eq!(client.answer().await.body, "5 bytes");
    client
        .send("PUT /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client
        .send("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.body, "13 bytes");
    assert_eq!(client.get("/read").await.body, "0 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_asked_for_a_body_is_answered_before_it() {
    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    client
        .send(
            "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\
             Expect: 100-continue\r\n\r\n",
        )
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.rest().await.is_empty());
}
