//! PostgreSQL: a connection that is lost while a change is made durable.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bulla_store::postgres::Settings;
use bulla_store::{Audit, Store, StoreError};

use crate::samples::event;
use crate::server::{PASSWORD, Server};

/// What becomes of the next `COMMIT` on its way to the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It arrives, and so does the answer.
    Passes,
    /// The connection is lost before it arrives.
    IsLost,
    /// It arrives, and the connection is lost before the answer does.
    IsNotAnswered,
}

/// A way to a server, on which one connection is lost.
struct Way {
    next: Mutex<Next>,
    /// Whether the server is asked about another transaction: the one with which it began, which is
    /// committed.
    has_reused: AtomicBool,
}

impl Way {
    /// Gives the port by which the server of that port is reached.
    fn to(port: u16) -> (Arc<Self>, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let near = listener.local_addr().unwrap().port();
        let way = Arc::new(Self {
            next: Mutex::new(Next::Passes),
            has_reused: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let is_answered = Arc::new(AtomicBool::new(true));
                let (way, answers) = (Arc::clone(&of_thread), Arc::clone(&is_answered));
                thread::spawn(move || carry(&from, &to, |_| answers.load(Ordering::SeqCst)));
                thread::spawn(move || {
                    carry(&client, &server, |said| {
                        way.lets_through(said, &is_answered)
                    });
                });
            }
        });
        (way, near)
    }

    fn lets_through(&self, said: &mut [u8], is_answered: &AtomicBool) -> bool {
        let find = |what: &[u8]| said.windows(what.len()).position(|one| one == what);
        if find(b"COMMIT\0").is_some() {
            match std::mem::replace(&mut *self.next.lock().unwrap(), Next::Passes) {
                Next::Passes => {}
                Next::IsLost => return false,
                Next::IsNotAnswered => is_answered.store(false, Ordering::SeqCst),
            }
        }
        let asked = b"pg_xact_status('";
        if let (true, Some(at)) = (self.has_reused.load(Ordering::SeqCst), find(asked)) {
            let number = said[at + asked.len()..].iter_mut();
            let mut digits: Vec<_> = number.take_while(|digit| digit.is_ascii_digit()).collect();
            digits.iter_mut().for_each(|digit| **digit = b'0');
            **digits.last_mut().unwrap() = b'2';
        }
        true
    }

    fn lose(&self, next: Next) {
        *self.next.lock().unwrap() = next;
    }
}

/// Carries what is said until the connection ends, or something is not let through.
fn carry(
    mut from: &TcpStream,
    mut to: &TcpStream,
    mut lets_through: impl FnMut(&mut [u8]) -> bool,
) {
    let mut octets = [0; 16 * 1024];
    while let Ok(size @ 1..) = from.read(&mut octets) {
        if !lets_through(&mut octets[..size]) || to.write_all(&octets[..size]).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn names(store: &Store) -> Vec<String> {
    let entries = store.entries(0, 99).unwrap().into_iter();
    entries.map(|entry| entry.event.action).collect()
}

#[test]
fn whether_a_change_was_made_is_told_rightly_where_its_answer_was_lost() {
    let Some(server) = Server::start("a change whose answer is lost") else {
        return;
    };
    let (way, port) = Way::to(server.port());
    let address = Server::address_through(port, &server.database());
    let settings = Settings::parse(&address, Some(PASSWORD), Path::new("/")).unwrap();
    let store = Store::connect(settings).unwrap();

    way.lose(Next::IsNotAnswered);
    store.record(&event("made")).unwrap();
    way.lose(Next::IsLost);
    let lost = store.record(&event("lost")).unwrap_err();
    assert!(matches!(lost, StoreError::Unreachable { .. }), "{lost}");
    assert_eq!(names(&store), ["made"]);

    // A server that crashed gives the number of what was lost to the next transaction.
    way.has_reused.store(true, Ordering::SeqCst);
    way.lose(Next::IsLost);
    let lost = store.record(&event("lost")).unwrap_err();
    assert!(matches!(lost, StoreError::Unreachable { .. }), "{lost}");
    store.record(&event("after")).unwrap();
    assert_eq!(names(&store), ["made", "after"]);
    assert_eq!(store.verify_chain().unwrap(), Ok(2));
}
