//! What is logged of an answer.

use std::io;
use std::sync::{Arc, Mutex};

use bulla_service::http::Limits;
use bulla_service::http::log::{LogFormat, LogSettings, writing_to};
use tracing::level_filters::LevelFilter;

use super::support::Front;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_tells_of_each_answer_without_what_the_query_says() {
    let log = Log::default();
    let settings = LogSettings {
        format: LogFormat::Json,
        level: LevelFilter::INFO,
        simulated: true,
    };
    let writer = log.clone();
    let dispatch = writing_to(settings, move || writer.clone());
    let _logging = tracing::dispatcher::set_default(&dispatch);

    let front = Front::start(Limits::default()).await;
    let mut client = front.connect().await;
    let path = format!("/{}", "p".repeat(1_000));
    let answer = client.get(&format!("{path}?encrypted_ppid=5ec2e7")).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(line["request_id"], answer.header("request-id").unwrap());
    assert_eq!(line["path"], path[..256]);
    assert_eq!(line["status"], 200);
    assert_eq!(line["route"], "test");
    assert_eq!(line["peer"], "127.0.0.1");
    assert_eq!(line["listener"], "local");
    assert_eq!(line["simulated"], true);
    assert!(!text.contains("5ec2e7"), "{text}");
}
