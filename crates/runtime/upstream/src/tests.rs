//! Tests of when upstreams are asked, how often and in which order, in time that only tests have.

use std::sync::Arc;
use std::time::Duration;

use bulla_protocol::pcs::{
    Answer, CrlFile, EncodedCrl, Refusal, Request, Selection, SubscriptionKey, Tee,
};
use bulla_protocol::value::{Fmspc, PlatformManifest};
use bulla_protocol::wire::Status;
use tokio::time::{Instant, advance};

use crate::gate::{Breaker, OPEN_FOR, OPENS_AFTER};
use crate::scripted::{Act, Scripted};
use crate::settings::{Kind, UpstreamSettings};
use crate::source::Source;
use crate::trouble::Trouble;
use crate::upstream::Upstream;
use crate::{Failure, Supplied, UpstreamHealth, Upstreams};

const SECOND: Duration = Duration::from_secs(1);

fn request() -> Request {
    Request::RootCaCrl(CrlFile::new("IntelSGXRootCA.der").unwrap())
}

fn numbered() -> Request {
    Request::TcbInfo {
        tee: Tee::Sgx,
        fmspc: Fmspc([0; 6]),
        selection: Selection::Number(17),
    }
}

fn registration() -> Request {
    Request::RegisterPlatform(PlatformManifest::new(vec![1; 9_000]).unwrap())
}

fn answer(byte: u8) -> Answer {
    Answer::RootCaCrl(EncodedCrl::Der(vec![byte]))
}

fn gives(byte: u8) -> Act {
    Act::Give(answer(byte))
}

fn refuses(status: u16) -> Act {
    Act::Fail(Trouble::refusal(Refusal::new(Status::new(status).unwrap())))
}

fn says_when(status: u16, seconds: u32) -> Act {
    let refusal = Refusal::new(Status::new(status).unwrap()).retry_after(seconds);
    Act::Fail(Trouble::Refusal {
        refusal: Box::new(refusal),
        says_when: true,
    })
}

fn disconnects(sent: bool) -> Act {
    Act::Fail(Trouble::Connection {
        reason: "reset".to_owned(),
        sent,
    })
}

fn malformed() -> Act {
    Act::Fail(Trouble::Malformed("the body is not JSON".to_owned()))
}

/// An upstream that does what it is told, and what it was asked.
fn one(name: &str, acts: impl IntoIterator<Item = Act>) -> (Upstream, Scripted) {
    with(name, acts, |_| {})
}

fn source(name: &str, acts: impl IntoIterator<Item = Act>) -> (Upstream, Scripted) {
    with(name, acts, |settings| settings.has_last_word = Some(true))
}

fn with(
    name: &str,
    acts: impl IntoIterator<Item = Act>,
    change: impl FnOnce(&mut UpstreamSettings),
) -> (Upstream, Scripted) {
    let scripted = Scripted::new(acts);
    let kind = Kind::Directory { path: "/".into() };
    let mut settings = UpstreamSettings::new(name, kind);
    change(&mut settings);
    let upstream = Upstream::over(Source::Scripted(scripted.clone()), &settings);
    (upstream, scripted)
}

fn list<const N: usize>(all: [(Upstream, Scripted); N]) -> (Upstreams, [Scripted; N]) {
    let (upstreams, scripts): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let scripts = scripts.try_into().expect("as many");
    (Upstreams::over(upstreams), scripts)
}

async fn ask(upstreams: &Upstreams) -> Result<(String, Answer), Failure> {
    ask_for(upstreams, &request()).await
}

async fn ask_for(upstreams: &Upstreams, request: &Request) -> Result<(String, Answer), Failure> {
    let take = |supplied: Supplied| Ok((supplied.upstream.to_string(), supplied.answer));
    upstreams.ask(request, take).await
}

fn calls<const N: usize>(scripts: &[Scripted; N]) -> [u32; N] {
    scripts.each_ref().map(Scripted::calls)
}

fn only(upstreams: &Upstreams) -> UpstreamHealth {
    upstreams.health().remove(0)
}

#[tokio::test(start_paused = true)]
async fn the_first_that_answers_acceptably_is_taken() {
    let (upstreams, scripts) = list([
        one("down", [disconnects(false)]),
        one("liar", [gives(1)]),
        one("honest", [gives(2)]),
        one("spare", [gives(3)]),
    ]);
    let examine = |supplied: Supplied| match supplied.answer == answer(2) {
        true => Ok(supplied.upstream),
        false => Err("the signature fails".to_owned()),
    };
    let taken = upstreams.ask(&request(), examine).await;
    assert_eq!(taken, Ok(Arc::from("honest")));
    assert_eq!(calls(&scripts), [3, 1, 1, 0]);
    let health = upstreams.health();
    assert_eq!(health[0].counts.failed, 1);
    assert_eq!(health[1].counts.refused, 1);
    let lie = health[1].last_failure.clone().unwrap().reason;
    assert_eq!(lie, "refused: the signature fails");
    assert_eq!(health[1].breaker, Breaker::Closed);
    assert_eq!(health[2].counts.accepted, 1);
    assert_eq!(health[2].last_success, Some(Duration::ZERO));
    assert_eq!(health[3].exchanges, 0);
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    for (act, attempts) in [
        (disconnects(false), 3),
        (disconnects(true), 3),
        (refuses(500), 3),
        (refuses(502), 3),
        (refuses(503), 3),
        (refuses(504), 3),
        (malformed(), 1),
        (says_when(429, 1), 1),
        (says_when(503, 1), 1),
        (refuses(302), 1),
        (refuses(400), 1),
        (refuses(401), 1),
        (refuses(403), 1),
        (refuses(404), 1),
        (refuses(407), 1),
        (refuses(410), 1),
        (refuses(429), 1),
        (refuses(461), 1),
    ] {
        let (upstreams, scripts) = list([one("a", [act.clone()])]);
        ask(&upstreams).await.unwrap_err();
        assert_eq!(calls(&scripts), [attempts], "{act:?}");
    }
    let (upstreams, scripts) = list([one("a", [refuses(500), disconnects(true), gives(1)])]);
    assert_eq!(ask(&upstreams).await, Ok(("a".to_owned(), answer(1))));
    assert_eq!(calls(&scripts), [3]);
    assert_eq!(
        only(&upstreams)
            .counts
            .named()
            .map(|(_, count)| count)
            .iter()
            .sum::<u64>(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_attempts_and_pauses_and_the_next_has_its_own() {
    let change = |settings: &mut UpstreamSettings| {
        settings.deadline = SECOND;
        settings.attempts = 10;
    };
    let (upstreams, scripts) = list([
        with("hangs", [Act::Hang], change),
        with("fails", [refuses(500)], change),
        with(
            "slow",
            [Act::Slowly(SECOND - Duration::from_millis(1), answer(1))],
            change,
        ),
    ]);
    let start = Instant::now();
    assert_eq!(ask(&upstreams).await, Ok(("slow".to_owned(), answer(1))));
    assert!(start.elapsed() <= SECOND * 3, "{:?}", start.elapsed());
    let [hangs, fails, _] = calls(&scripts);
    assert_eq!(hangs, 1);
    assert!((3..10).contains(&fails), "{fails}");
    assert_eq!(upstreams.health()[0].counts.timed_out, 1);
    assert_eq!(upstreams.health()[1].counts.failed, 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_while_others_are_asked() {
    for status in [429, 503] {
        let (upstreams, scripts) = list([
            one("busy", [says_when(status, 30), gives(1)]),
            one("other", [gives(2)]),
        ]);
        for _ in 0..3 {
            assert_eq!(ask(&upstreams).await.unwrap().0, "other");
        }
        assert_eq!(calls(&scripts), [1, 3]);
        let health = &upstreams.health()[0];
        assert_eq!(health.held_for, Some(SECOND * 30));
        assert_eq!((health.counts.throttled, health.counts.withheld), (1, 2));
        advance(SECOND * 29).await;
        assert_eq!(ask(&upstreams).await.unwrap().0, "other");
        advance(SECOND).await;
        assert_eq!(ask(&upstreams).await.unwrap().0, "busy");
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_to_wait_is_said_where_everybody_says_so() {
    let retry_after = |failure: Failure| match failure {
        Failure::Unavailable { retry_after, .. } => retry_after,
        other => panic!("{other}"),
    };
    let (upstreams, _) = list([
        one("a", [says_when(429, 30)]),
        one("b", [says_when(503, 20)]),
    ]);
    for _ in 0..2 {
        assert_eq!(retry_after(ask(&upstreams).await.unwrap_err()), Some(20));
    }
    advance(SECOND * 5 + Duration::from_millis(1)).await;
    assert_eq!(retry_after(ask(&upstreams).await.unwrap_err()), Some(15));
    let (upstreams, _) = list([
        one("a", [says_when(429, 3_000)]),
        one("b", [disconnects(false)]),
    ]);
    assert_eq!(retry_after(ask(&upstreams).await.unwrap_err()), None);
    let (upstreams, _) = list([one("a", [refuses(429)])]);
    assert_eq!(retry_after(ask(&upstreams).await.unwrap_err()), Some(60));
}

#[tokio::test(start_paused = true)]
async fn whoever_fails_too_often_is_left_alone_and_then_tried_once() {
    let failures = vec![refuses(500); 6];
    let (upstreams, scripts) = list([one("a", failures.into_iter().chain([gives(1)]))]);
    ask(&upstreams).await.unwrap_err();
    assert_eq!(only(&upstreams).breaker, Breaker::Closed);
    // It opens within the attempts of the second question, and ends them.
    ask(&upstreams).await.unwrap_err();
    assert_eq!(calls(&scripts), [OPENS_AFTER]);
    assert!(matches!(only(&upstreams).breaker, Breaker::Open { .. }));
    let Err(Failure::Unavailable {
        reason,
        retry_after,
    }) = ask(&upstreams).await
    else {
        panic!("it is open")
    };
    assert!(reason.starts_with("a: it failed too often"), "{reason}");
    assert!(retry_after.is_some_and(|seconds| seconds <= 15));
    assert_eq!(calls(&scripts), [OPENS_AFTER]);

    let cause = only(&upstreams).last_failure.unwrap().reason;
    assert_eq!(cause, "status 500", "why it is open stays known");

    advance(OPEN_FOR).await;
    assert_eq!(only(&upstreams).breaker, Breaker::HalfOpen);
    ask(&upstreams).await.unwrap_err();
    assert_eq!(
        calls(&scripts),
        [OPENS_AFTER + 1],
        "a trial is one exchange"
    );
    advance(OPEN_FOR).await;
    ask(&upstreams).await.unwrap_err();
    advance(OPEN_FOR).await;
    assert_eq!(ask(&upstreams).await, Ok(("a".to_owned(), answer(1))));
    assert_eq!(only(&upstreams).breaker, Breaker::Closed);
    let counts = only(&upstreams).counts;
    assert_eq!((counts.failed, counts.withheld, counts.accepted), (3, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_has_nothing_works() {
    let nothing = [refuses(404), refuses(400), refuses(410), refuses(461)];
    let (upstreams, _) = list([one("a", nothing)]);
    for _ in 0..OPENS_AFTER * 2 {
        ask(&upstreams).await.unwrap_err();
    }
    let health = only(&upstreams);
    assert_eq!(
        (health.breaker, health.last_failure),
        (Breaker::Closed, None)
    );
    assert_eq!(health.counts.not_found, u64::from(OPENS_AFTER * 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_client_brought_says_nothing_of_the_upstream() {
    let (upstreams, _) = list([source("a", [refuses(401), refuses(403)])]);
    let package = Request::AddPackage {
        add_request: vec![1; 300],
        key: SubscriptionKey::new("not-a-key").unwrap(),
    };
    for _ in 0..OPENS_AFTER * 2 {
        let failure = ask_for(&upstreams, &package).await.unwrap_err();
        assert!(matches!(failure, Failure::NotFound { .. }), "{failure}");
    }
    assert_eq!(only(&upstreams).breaker, Breaker::Closed);
}

#[tokio::test(start_paused = true)]
async fn questions_wait_for_their_turn_and_not_for_ever() {
    let slow = Act::Slowly(SECOND * 4, answer(1));
    let (upstreams, scripts) = list([with("a", [slow], |settings| settings.concurrency = 2)]);
    let upstreams = Arc::new(upstreams);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let upstreams = upstreams.clone();
        all.spawn(async move { ask(&upstreams).await.is_ok() });
    }
    let mut answers = all.join_all().await;
    answers.sort_unstable();
    // Two at 4 seconds, two at 8; the fifth has 2 seconds left of its 10.
    assert_eq!(answers, [false, true, true, true, true]);
    assert_eq!(calls(&scripts), [5]);

    let (upstreams, scripts) = list([with("a", [Act::Hang], |settings| settings.concurrency = 1)]);
    let upstreams = Arc::new(upstreams);
    let first = tokio::spawn({
        let upstreams = upstreams.clone();
        async move { ask(&upstreams).await }
    });
    tokio::task::yield_now().await;
    advance(SECOND).await;
    let second = ask(&upstreams);
    let (first, second) = tokio::join!(first, second);
    assert!(first.unwrap().is_err());
    assert!(second.is_err());
    assert_eq!(
        calls(&scripts),
        [2],
        "the second got the turn that the first gave up"
    );
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_gives_its_turn_back() {
    let (upstreams, scripts) = list([with("a", [Act::Hang, gives(1)], |settings| {
        settings.concurrency = 1;
    })]);
    let upstreams = Arc::new(upstreams);
    let asker = tokio::spawn({
        let upstreams = upstreams.clone();
        async move { ask(&upstreams).await }
    });
    while calls(&scripts) == [0] {
        tokio::task::yield_now().await;
    }
    asker.abort();
    asker.await.unwrap_err();
    assert!(ask(&upstreams).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_source_is_believed_about_what_does_not_exist() {
    for (status, request) in [(404, request()), (410, numbered())] {
        let (upstreams, scripts) = list([
            one("cache", [refuses(404)]),
            one("down", [disconnects(false)]),
            source("vendor", [refuses(status)]),
            one("spare", [gives(1)]),
        ]);
        let failure = ask_for(&upstreams, &request).await.unwrap_err();
        let expected = match status {
            404 => Failure::NotFound {
                upstream: "vendor".to_owned(),
                reason: "status 404".to_owned(),
                error_code: None,
            },
            _ => Failure::Gone {
                upstream: "vendor".to_owned(),
            },
        };
        assert_eq!(failure, expected);
        assert_eq!(calls(&scripts), [1, 3, 1, 0]);
    }
    // That it does not understand settles nothing.
    let (upstreams, _) = list([source("vendor", [refuses(400)]), one("cache", [gives(1)])]);
    assert_eq!(ask(&upstreams).await.unwrap().0, "cache");
}

#[tokio::test(start_paused = true)]
async fn others_are_believed_where_nobody_could_have_known_better() {
    let (upstreams, _) = list([
        one("a", [refuses(410)]),
        one("b", [refuses(404)]),
        one("c", [refuses(404)]),
    ]);
    let Err(Failure::NotFound { upstream, .. }) = ask_for(&upstreams, &numbered()).await else {
        panic!("b has nothing")
    };
    assert_eq!(upstream, "b");
    let (upstreams, _) = list([one("a", [refuses(410)])]);
    let gone = Failure::Gone {
        upstream: "a".to_owned(),
    };
    assert_eq!(ask_for(&upstreams, &numbered()).await, Err(gone));
    // 410 to what has no number is no statement about numbers.
    let failure = ask(&upstreams).await.unwrap_err();
    assert!(matches!(failure, Failure::NotFound { .. }), "{failure}");

    let (upstreams, _) = list([one("a", [refuses(404)]), one("b", [disconnects(false)])]);
    let failure = ask(&upstreams).await.unwrap_err();
    let expected = "no upstream answers: b: reset; a: status 404";
    assert_eq!(failure.to_string(), expected);

    let (upstreams, _) = list([
        one("a", [refuses(404)]),
        one("b", [disconnects(false)]),
        one("c", [gives(1)]),
    ]);
    let refused = upstreams
        .ask(&request(), |_| Err::<(), _>("forged".to_owned()))
        .await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "what the upstreams gave was refused: c: forged; b: reset; a: status 404"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_nobody_is_set() {
    let upstreams = Upstreams::new(Vec::new()).unwrap();
    let failure = ask(&upstreams).await.unwrap_err();
    assert_eq!(failure.to_string(), "no upstream answers: none is set");
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_not_made_twice() {
    for act in [disconnects(true), refuses(500), malformed(), Act::Hang] {
        let (upstreams, scripts) = list([one("a", [act.clone()]), one("b", [gives(1)])]);
        let failure = ask_for(&upstreams, &registration()).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");
        assert_eq!(calls(&scripts), [1, 0], "{act:?}");
    }
    // What cannot have arrived, or was declined, was not done.
    for (act, attempts) in [
        (disconnects(false), 3),
        (refuses(400), 1),
        (says_when(429, 5), 1),
    ] {
        let (upstreams, scripts) = list([one("a", [act.clone()]), one("b", [gives(1)])]);
        assert!(ask_for(&upstreams, &registration()).await.is_ok());
        assert_eq!(calls(&scripts), [attempts, 1], "{act:?}");
    }
    let (upstreams, scripts) = list([one("a", [gives(1)]), one("b", [gives(1)])]);
    let refused = upstreams
        .ask(&registration(), |_| Err::<(), _>("odd".to_owned()))
        .await;
    assert!(matches!(refused, Err(Failure::Refused { .. })));
    assert_eq!(calls(&scripts), [1, 0]);
}
