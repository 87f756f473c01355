//! Who may come, how often, with how much, and how it ends.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bulla_protocol::pcs::MAX_REQUEST_BODY_SIZE;
use bulla_protocol::wire::Status;
use bulla_vendor::web::{Books, Fault, RateLimit, Reach, Server, ServerError, Service};

use super::world::{World, connect, exchange, get, now, of, received, send, vendor};

const FMSPCS: &str = "/sgx/certification/v4/fmspcs";

fn service() -> Service {
    Service::new(Books::in_memory(vendor()), now)
}

#[test]
fn the_limit_of_requests_says_when_to_come_again() {
    let limit = RateLimit {
        requests: NonZeroU32::new(2).unwrap(),
        period: Duration::from_secs(3_600),
    };
    let world = World::of(service().limited(limit));
    assert_eq!([world.status(FMSPCS), world.status(FMSPCS)], [200, 200]);
    let parts = world.exchange(&get(FMSPCS));
    assert_eq!(parts.status, Status::TOO_MANY_REQUESTS);
    let seconds: u32 = parts.headers.find("Retry-After").unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&seconds));
}

#[test]
fn addresses_of_others_must_be_asked_for() {
    let everywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let bind = |reach| Server::bind(everywhere, reach, Arc::new(service()));
    assert!(matches!(
        bind(Reach::ThisMachine),
        Err(ServerError::NotLoopback(address)) if address == everywhere
    ));
    assert_ne!(bind(Reach::Anybody).unwrap().address().port(), 0);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let world = World::new();
    let taken = Server::bind(world.address, Reach::ThisMachine, Arc::new(service()));
    let error = taken.unwrap_err().to_string();
    assert!(error.contains(&world.address.to_string()), "{error}");
}

#[test]
fn bodies_and_heads_have_a_longest() {
    let world = World::new();
    let long = vec![0; MAX_REQUEST_BODY_SIZE + 1];
    let parts = world.exchange(&of("POST", "/sgx/registration/v1/platform", long));
    assert_eq!(parts.status, Status::CONTENT_TOO_LARGE);
    assert_eq!(parts.headers.find("Bulla-Simulated"), Some("true"));

    let mut parts = get(FMSPCS);
    parts.headers.add("X-Long", "a".repeat(20_000));
    let refused = send(world.address, &parts);
    let status = refused.map(|bytes| received(&bytes).parts.status.number());
    assert!(matches!(status, Ok(431) | Err(_)), "{status:?}");
}

#[test]
fn what_is_no_http_is_no_trouble() {
    let world = World::new();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        &[0; 64],
    ] {
        let mut stream = connect(world.address);
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"));
    }
    assert_eq!(world.status(FMSPCS), 200);
}

#[test]
fn a_connection_serves_several_requests() {
    let world = World::new();
    let mut stream = connect(world.address);
    for _ in 0..3 {
        let request = format!("GET {FMSPCS} HTTP/1.1\r\nHost: vendor\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"]") {
            let mut buffer = [0; 512];
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0);
            answer.extend_from_slice(&buffer[..read]);
        }
        assert_eq!(received(&answer).parts.status, Status::OK);
    }
}

#[test]
fn more_connections_than_there_is_room_for_wait() {
    let world = World::new();
    let idle: Vec<TcpStream> = (0..64).map(|_| connect(world.address)).collect();
    let mut late = connect(world.address);
    let request = format!("GET {FMSPCS} HTTP/1.1\r\nHost: vendor\r\nConnection: close\r\n\r\n");
    late.write_all(request.as_bytes()).unwrap();
    drop(idle);
    let mut answer = Vec::new();
    late.read_to_end(&mut answer).unwrap();
    assert_eq!(received(&answer).parts.status, Status::OK);
}

#[test]
fn whoever_is_being_answered_is_answered_before_the_end() {
    let mut world = World::with_faults(&["* latency=500 count=2"]);
    let address = world.address;
    let asking = std::thread::spawn(move || exchange(address, &get(FMSPCS)).parts);
    // As soon as the request was read, the fault is counted.
    let counted: Fault = "* latency=500 count=1".parse().unwrap();
    while world.service.faults() != [counted.clone()] {
        std::thread::yield_now();
    }
    world.stop();
    assert_eq!(asking.join().unwrap().status, Status::OK);
    assert!(TcpStream::connect(address).is_err());
}
