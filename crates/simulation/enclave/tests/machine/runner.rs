//! What programs ask the outside for.

use std::io::{Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use bulla_enclave::runner::{Ending, Outside};

use crate::program::*;

#[test]
fn a_program_writes_to_standard_output_and_ends() {
    let (sender, receiver) = mpsc::channel();
    let outside = Outside {
        output: Box::new(Sent(sender)),
        ..Outside::none()
    };
    let program = Program::new()
        .alloc(8, 3)
        .poke(3, b"inside!\n")
        .call(3, [Value(1), Slot(3), Value(8), Value(0)], [4, 5])
        .call(4, [Value(1), Value(0), Value(0), Value(0)], [6, SCRAP])
        .call(15, [Slot(3), Value(8), Value(8), Value(0)], [SCRAP, SCRAP])
        .exit();
    let (report, machine) = program.run(&[], outside);
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!(report.calls, 5);
    assert_eq!(receiver.recv().expect("written"), b"inside!\n");
    assert_eq!((slot(&machine, 4), slot(&machine, 5)), (0, 8));
    assert_eq!(slot(&machine, 6), 0);
}

#[test]
fn a_program_gets_its_arguments_and_copies_its_input() {
    let (sender, receiver) = mpsc::channel();
    let outside = Outside {
        input: Box::new(Cursor::new(b"from outside".to_vec())),
        output: Box::new(Sent(sender)),
        ..Outside::none()
    };
    let program = Program::new()
        // The second argument: data and length.
        .follow(1, 16, 3)
        .follow(1, 24, 4)
        .call(3, [Value(1), Slot(3), Slot(4), Value(0)], [SCRAP, SCRAP])
        .alloc(64, 5)
        .call(1, [Value(0), Slot(5), Value(64), Value(0)], [6, 7])
        .call(3, [Value(1), Slot(5), Slot(7), Value(0)], [SCRAP, SCRAP])
        .alloc(16, 8)
        .call(2, [Value(0), Slot(8), Value(0), Value(0)], [9, SCRAP])
        .exit();
    let (report, machine) = program.run(&["program", "argument"], outside);
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!(receiver.recv().expect("written"), b"argument");
    assert_eq!(receiver.recv().expect("written"), b"from outside");
    assert_eq!(slot(&machine, 2), 2, "number of arguments");
    assert_eq!((slot(&machine, 6), slot(&machine, 7)), (0, 12));
    assert_eq!(slot(&machine, 9), 0, "read_alloc at the end of the input");
}

#[test]
fn a_program_connects_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        client.write_all(b"to you").expect("written");
        let mut text = String::new();
        client.read_to_string(&mut text).expect("read");
        text
    });
    let program = Program::new()
        .follow(1, 0, 3)
        .follow(1, 8, 4)
        .call(8, [Slot(3), Slot(4), Value(0), Value(0)], [5, 6])
        .alloc(8, 7)
        .call(1, [Slot(6), Slot(7), Value(8), Value(0)], [8, 9])
        .call(3, [Slot(6), Slot(7), Slot(9), Value(0)], [SCRAP, SCRAP])
        .call(5, [Slot(6), Value(0), Value(0), Value(0)], [SCRAP, SCRAP])
        .exit();
    let (report, machine) = program.run(&[&address], Outside::none());
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!((slot(&machine, 5), slot(&machine, 9)), (0, 6));
    assert_eq!(server.join().expect("served"), "to you");
}

#[test]
fn a_program_serves_over_tcp() {
    let (sender, receiver) = mpsc::channel();
    let outside = Outside {
        output: Box::new(Sent(sender)),
        ..Outside::none()
    };
    let client = thread::spawn(move || {
        let address = String::from_utf8(receiver.recv().expect("an address")).expect("text");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(b"question").expect("written");
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).expect("read");
        answer
    });
    let program = Program::new()
        .follow(1, 0, 3)
        .follow(1, 8, 4)
        .alloc(16, 5)
        .call(6, [Slot(3), Slot(4), Slot(5), Value(0)], [6, 7])
        .follow(5, 0, 8)
        .follow(5, 8, 9)
        .call(3, [Value(1), Slot(8), Slot(9), Value(0)], [SCRAP, SCRAP])
        .call(7, [Slot(7), Value(0), Value(0), Value(0)], [10, 11])
        .alloc(8, 12)
        .call(1, [Slot(11), Slot(12), Value(8), Value(0)], [13, SCRAP])
        .poke(12, b"answered")
        .call(3, [Slot(11), Slot(12), Value(8), Value(0)], [SCRAP, SCRAP])
        .exit();
    let (report, _) = program.run(&["127.0.0.1:0"], outside);
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!(&client.join().expect("answered"), b"answered");
}

#[test]
fn errors_of_the_host_are_told_by_their_numbers() {
    let program = Program::new()
        .follow(1, 0, 3)
        .follow(1, 8, 4)
        // Nobody listens on the first port; no stream is 77; standard input is not written.
        .call(8, [Slot(3), Slot(4), Value(0), Value(0)], [5, SCRAP])
        .call(4, [Value(77), Value(0), Value(0), Value(0)], [6, SCRAP])
        .call(4, [Value(0), Value(0), Value(0), Value(0)], [7, SCRAP])
        .call(8, [Slot(3), Value(1), Value(0), Value(0)], [8, SCRAP])
        .exit();
    let (report, machine) = program.run(&["127.0.0.1:1"], Outside::none());
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!(slot(&machine, 5), 0x6f, "ConnectionRefused");
    assert_eq!(slot(&machine, 6), 0x16, "InvalidInput");
    assert_eq!(slot(&machine, 7), 0x16);
    assert_eq!(slot(&machine, 8), 0x16, "no address");
}

#[test]
fn time_events_and_threads() {
    let program = Program::new()
        .call(13, [Value(0); 4], [3, SCRAP])
        .call(11, [Value(4), Value(0), Value(0), Value(0)], [4, SCRAP])
        .call(12, [Value(4), Value(0), Value(0), Value(0)], [5, SCRAP])
        .call(11, [Value(7), Value(0), Value(0), Value(0)], [6, 7])
        .call(11, [Value(0x10), Value(0), Value(0), Value(0)], [8, SCRAP])
        .call(9, [Value(0); 4], [9, SCRAP])
        .call(9, [Value(0); 4], [9, SCRAP])
        .exit();
    let outside = Outside {
        clock: Box::new(|| 1_700_000_000_000_000_000),
        ..Outside::none()
    };
    let (report, machine) = program.run(&[], outside);
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!(slot(&machine, 3), 1_700_000_000_000_000_000);
    assert_eq!(slot(&machine, 4), 0xb, "WouldBlock");
    assert_eq!(
        (slot(&machine, 6), slot(&machine, 7)),
        (0, 4),
        "what was sent"
    );
    assert_eq!(slot(&machine, 8), 0x16, "no such event");
    assert_eq!(slot(&machine, 9), 0x3fff_ffff, "no further thread");
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
}

#[test]
fn a_program_that_returns_is_finished_and_one_that_panics_is_not() {
    let returns = Program::new().call(0, [Value(0); 4], [SCRAP, SCRAP]);
    assert_eq!(returns.report().ending, Ending::Finished);
    let panics = Program::new().call(10, [Value(1), Value(0), Value(0), Value(0)], [SCRAP, SCRAP]);
    assert_eq!(panics.report().ending, Ending::Panicked { message: None });
    // mov rax, "out of t"; mov [r10], rax
    let speaks = Program::new()
        .raw(&crate::world::load("rax", u64::from_le_bytes(*b"out of t")))
        .raw(&[0x49, 0x89, 0x02])
        .call(10, [Value(1), Value(0), Value(0), Value(0)], [SCRAP, SCRAP]);
    let message = Some("out of t".to_owned());
    assert_eq!(speaks.report().ending, Ending::Panicked { message });
}
