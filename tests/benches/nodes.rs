//! What a request costs a node with a store in PostgreSQL, beside one with a store in a file.
//!
//! `cargo bench -p bulla -p bulla-tests --bench nodes` prints the CPU time of the process for each
//! request on a connection that stays open, in interleaved rounds so that a machine whose speed
//! drifts does it to both alike; and the ratio, which is what counts. What the database does for
//! itself is not in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use bulla_tests::cluster::Cluster;
use bulla_tests::daemon::Daemon;
use bulla_tests::load::{cpu_time, median};

/// Odd, for a median that was measured.
const ROUNDS: usize = 15;

/// Requests in a round: enough that what a node does beside them, once a second, weighs little.
const COUNT: u32 = 3_000;

/// How many requests are sent before the first answer is read: a node that sleeps between any two spends
/// most of its time on being woken, which differs from run to run by more than what is looked for.
const TOGETHER: u32 = 20;

/// The most that the first may cost more than the second.
const ALLOWED: f64 = 1.05;

const TCB: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

fn main() {
    let Some(cluster) = Cluster::open("nodes") else {
        return;
    };
    let way = cluster.way();
    let shared = cluster.start("shared", &way);
    let root = cluster.folder.text_path("root.pem");
    let upstream = format!("http://{}", cluster.vendor.address());
    let arguments = [
        "--upstream",
        &upstream,
        "--trust-root",
        &root,
        "--simulated",
    ];
    let alone = Daemon::service(&cluster.folder, &arguments);
    let host = cluster.host("one");
    for node in [&shared, &alone] {
        assert_eq!(node.get(&host.target_with_ppid()).status(), 200);
    }
    println!("CPU microseconds for each request, median of {ROUNDS} rounds of {COUNT}\n");
    let mut is_within = true;
    for (name, target) in [("TCB info", TCB), ("PCK certificate", &host.target())] {
        let mut visitors = [&shared, &alone].map(|node| Visitor::of(node, target));
        let mut costs: [Vec<f64>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (visitor, costs) in visitors.iter_mut().zip(&mut costs) {
                costs.push(visitor.cost());
            }
        }
        let ratios = costs[0]
            .iter()
            .zip(&costs[1])
            .map(|(one, other)| one / other);
        let ratio = median(ratios.collect());
        let [shared, alone] = costs.map(median);
        println!("{name:<16} PostgreSQL {shared:6.1}   file {alone:6.1}   ratio {ratio:.3}");
        is_within &= ratio <= ALLOWED;
    }
    assert!(
        is_within,
        "a node with PostgreSQL may cost {ALLOWED} times as much at most"
    );
}

/// Somebody who asks for the same again and again.
struct Visitor {
    process: u32,
    request: Vec<u8>,
    connection: BufReader<TcpStream>,
}

impl Visitor {
    fn of(node: &Daemon, target: &str) -> Self {
        let stream = TcpStream::connect(&node.address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self {
            process: node.id(),
            request: format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes(),
            connection: BufReader::new(stream),
        }
    }

    /// The CPU time of the node for one request, in microseconds.
    fn cost(&mut self) -> f64 {
        let before = cpu_time(self.process);
        for _ in 0..COUNT / TOGETHER {
            let requests = self.request.repeat(TOGETHER as usize);
            let sent = self.connection.get_mut().write_all(&requests);
            sent.expect("a connection");
            for _ in 0..TOGETHER {
                self.receive();
            }
        }
        let spent = cpu_time(self.process) - before;
        spent.as_secs_f64() * 1e6 / f64::from(COUNT)
    }

    fn receive(&mut self) {
        let mut size = 0;
        let mut line = String::new();
        self.connection.read_line(&mut line).expect("an answer");
        assert!(line.contains(" 200 "), "{line}");
        loop {
            line.clear();
            self.connection.read_line(&mut line).expect("an answer");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                size = value.trim().parse().expect("a number");
            }
        }
        let mut body = vec![0; size];
        self.connection.read_exact(&mut body).expect("a body");
    }
}
