//! What the system says of a process.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use bulla_tests::daemon::Daemon;

/// The time that the scheduler has given to all threads of a process.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let time = |thread: fs::DirEntry| {
        // A thread that ends meanwhile has done nothing for a while.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
        Duration::from_nanos(nanoseconds.unwrap_or(0))
    };
    threads.map(|thread| time(thread.expect("a thread"))).sum()
}

/// A row of a process's memory, for example `VmRSS:`, in KiB.
pub(crate) fn memory(process: u32, row: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("a status");
    let value = text.lines().find_map(|line| line.strip_prefix(row));
    let number = value.and_then(|value| value.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("KiB")
}

/// Where a service listens in plain HTTP and with TLS.
pub(crate) fn addresses(service: &Daemon) -> [SocketAddr; 2] {
    [(0, "http://"), (1, "https://")].map(|(place, scheme)| {
        let told = service.told["listening"][place].as_str().expect("a place");
        let address = told.strip_prefix(scheme).expect("the scheme in this place");
        address.parse().expect("an address")
    })
}
