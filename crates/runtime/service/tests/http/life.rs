//! Starting, listening, stopping.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bulla_service::http::{
    Limits, ListenError, Listener, Metrics, Place, Reach, Server, ServerSettings, Speech,
};
use tokio::net::{TcpStream, UnixStream};

use super::support::{Client, Front, bounded, local};

/// Names the test below that runs as a process of its own.
const CHILD: &str = "http::life::serves_what_was_passed";

async fn bind(listener: Listener) -> Result<Server, ListenError> {
    let settings = ServerSettings {
        listeners: vec![listener],
        limits: Limits::default(),
        access_log: false,
    };
    Server::bind(settings, Arc::new(Metrics::new("0", false))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_what_was_begun_and_begins_nothing() {
    let mut front = Front::start(Limits::default()).await;
    let mut idle = front.connect().await;
    assert_eq!(idle.get("/").await.status, 200);
    let mut silent = front.connect().await;
    let mut waiting = front.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    bounded(front.application.asked.notified()).await;

    front.stop();
    assert!(idle.rest().await.is_empty());
    assert!(silent.rest().await.is_empty());
    let error = TcpStream::connect(front.addresses[0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!front.running.is_finished());

    front.application.answers.0.add_permits(1);
    let answer = waiting.answer().await;
    assert_eq!(answer.body, "waited");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(waiting.rest().await.is_empty());
    bounded(front.running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_only_so_long() {
    let limits = Limits {
        stop_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut front = Front::start(limits).await;
    let mut waiting = front.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    bounded(front.application.asked.notified()).await;
    front.stop();
    assert!(waiting.rest().await.is_empty());
    bounded(front.running).await.unwrap();
    let line = "bulla_http_connections_broken_off_total{reason=\"stopped\"} 1";
    assert!(front.metrics.text().contains(line));
    assert!(
        front
            .metrics
            .text()
            .contains("bulla_http_requests_in_flight 0")
    );
}

#[tokio::test]
async fn plain_text_beyond_this_machine_must_be_asked_for() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let listener = |reach| Listener {
            place: Place::Tcp(address.parse().unwrap()),
            ..local(Speech::Plain(reach))
        };
        let refused = bind(listener(Reach::ThisMachine)).await.unwrap_err();
        assert!(matches!(refused, ListenError::NotLoopback(_)), "{refused}");
        assert!(refused.to_string().contains("set up TLS"), "{refused}");
    }
    let listener = local(Speech::Plain(Reach::ThisMachine));
    assert!(bind(listener).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listener = Listener {
        place: Place::Tcp(address),
        ..local(Speech::Plain(Reach::ThisMachine))
    };
    let error = bind(listener).await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}

/// A path for a socket, in a folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("bulla-http-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn socket(&self) -> Listener {
        let place = Place::Unix {
            path: self.0.join("socket"),
            mode: 0o660,
        };
        Listener {
            place,
            ..local(Speech::Plain(Reach::ThisMachine))
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_sockets_come_and_go_with_the_server() {
    let folder = Folder::new("unix");
    let path = folder.0.join("socket");
    // What a process that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut front = Front::listening(Limits::default(), vec![folder.socket()]).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut client = Client(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/who").await.body, "local None ");

    // One that is in use is not taken away.
    let error = bind(folder.socket()).await.unwrap_err();
    assert!(matches!(error, ListenError::Unavailable { .. }), "{error}");
    assert_eq!(client.get("/who").await.status, 200);

    front.stop();
    bounded(front.running).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new("file");
    let path = folder.0.join("socket");
    std::fs::write(&path, "precious").unwrap();
    assert!(bind(folder.socket()).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_that_nobody_passes_is_missed() {
    let listener = Listener {
        place: Place::Passed(0),
        ..local(Speech::Plain(Reach::ThisMachine))
    };
    let error = bind(listener).await.unwrap_err();
    assert!(matches!(error, ListenError::NotPassed { passed: 0, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_the_service_manager_are_served() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let program = std::env::current_exe().unwrap();
    // As systemd does it: the socket is file 3, and the process is told by its number.
    let mut child = Command::new("sh")
        .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0"])
        .arg(program)
        .args(["--exact", CHILD, "--ignored", "--quiet"])
        .stdin(OwnedFd::from(socket))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut client = Client(TcpStream::connect(address).await.unwrap());
    let answer = client.get("/who").await;
    assert_eq!(answer.body, "local Some(127.0.0.1) ");
    assert_eq!(client.get("/wait").await.body, "waited");
    let status = bounded(tokio::task::spawn_blocking(move || child.wait())).await;
    assert!(status.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a process of its own, which the test above starts"]
async fn serves_what_was_passed() {
    let listener = Listener {
        place: Place::Passed(0),
        ..local(Speech::Plain(Reach::ThisMachine))
    };
    let mut front = Front::listening(Limits::default(), vec![listener]).await;
    bounded(front.application.asked.notified()).await;
    front.stop();
    front.application.answers.0.add_permits(1);
    bounded(front.running).await.unwrap();
}
