//! A way between two programs that can be cut or fall silent, and that remembers what was said.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A relay on a port of its own. Its threads end with the connections, and with the process.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    is_cut: AtomicBool,
    /// How many bytes may go towards the target until the way is cut.
    left: AtomicUsize,
    /// Whether nothing passes, though nobody is told.
    is_silent: AtomicBool,
    /// What is to be done before the next connection goes on.
    before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    connections: Mutex<Vec<TcpStream>>,
    /// What was sent towards the target, of all connections.
    sent: Mutex<Vec<Vec<u8>>>,
}

impl Relay {
    /// A way to a target on this machine.
    ///
    /// # Panics
    ///
    /// If there is no port.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            target,
            is_cut: AtomicBool::new(false),
            left: AtomicUsize::new(usize::MAX),
            is_silent: AtomicBool::new(false),
            before: Mutex::default(),
            connections: Mutex::default(),
            sent: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                of_thread.connect(&near);
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection, and lets none through.
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        for connection in self.connections().drain(..) {
            // One that has ended already is not there to be broken.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Cuts the way when so many bytes more have gone towards the target.
    pub fn cut_after(&self, bytes: usize) {
        self.shared.left.store(bytes, Ordering::SeqCst);
    }

    /// Carries nothing any more, and tells nobody: what is sent is taken, and kept until it is mended.
    pub fn fall_silent(&self) {
        self.shared.is_silent.store(true, Ordering::SeqCst);
    }

    /// Has something done when somebody connects next, before anything is carried.
    pub fn before_the_next(&self, work: impl FnOnce() + Send + 'static) {
        let mut before = self.shared.before.lock().expect("no panic before");
        *before = Some(Box::new(work));
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.shared.left.store(usize::MAX, Ordering::SeqCst);
        self.shared.is_cut.store(false, Ordering::SeqCst);
        self.shared.is_silent.store(false, Ordering::SeqCst);
    }

    /// The targets of all requests of HTTP that went through, in their order.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.shared.sent.lock().expect("no panic before");
        sent.iter()
            .flat_map(|sent| {
                String::from_utf8_lossy(sent)
                    .lines()
                    .filter_map(|line| Some(line.strip_suffix(" HTTP/1.1")?.to_owned()))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.shared.connections.lock().expect("no panic before")
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, near: &TcpStream) {
        if self.is_cut.load(Ordering::SeqCst) {
            return;
        }
        self.wait_while_silent();
        let before = self.before.lock().expect("no panic before").take();
        if let Some(work) = before {
            work();
        }
        let Ok(far) = TcpStream::connect(self.target) else {
            return;
        };
        let mut connections = self.connections.lock().expect("no panic before");
        let place = {
            let mut sent = self.sent.lock().expect("no panic before");
            sent.push(Vec::new());
            sent.len() - 1
        };
        let both = [near, &far].map(|one| one.try_clone().expect("a descriptor"));
        connections.extend(both);
        let [from, to] = [near, &far].map(|one| one.try_clone().expect("a descriptor"));
        let shared = Arc::clone(self);
        thread::spawn(move || {
            carry(&from, &to, |octets| {
                shared.wait_while_silent();
                let mut sent = shared.sent.lock().expect("no panic before");
                sent[place].extend_from_slice(octets);
                shared.may_send(octets.len())
            });
        });
        let [from, to] = [&far, near].map(|one| one.try_clone().expect("a descriptor"));
        let shared = Arc::clone(self);
        thread::spawn(move || {
            carry(&from, &to, |_| {
                shared.wait_while_silent();
                true
            });
        });
    }

    /// Counts what is to be sent; `false` from when on the way is cut.
    fn may_send(&self, bytes: usize) -> bool {
        let left = self.left.load(Ordering::SeqCst).saturating_sub(bytes);
        if left == 0 {
            self.is_cut.store(true, Ordering::SeqCst);
        }
        if self.left.load(Ordering::SeqCst) != usize::MAX {
            self.left.store(left, Ordering::SeqCst);
        }
        left > 0
    }

    fn wait_while_silent(&self) {
        while self.is_silent.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, may_pass: impl Fn(&[u8]) -> bool) {
    let mut octets = [0; 16 * 1024];
    while let Ok(size @ 1..) = from.read(&mut octets) {
        if !may_pass(&octets[..size]) || to.write_all(&octets[..size]).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
