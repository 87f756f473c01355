//! What the system says of a process.

use std::fs;
use std::net::SocketAddr;

use bulla_tests::daemon::Daemon;

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
