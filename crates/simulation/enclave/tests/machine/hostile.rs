//! Enclaves that do what none should: each ends with a clear report, and the host goes on.

use bulla_enclave::machine::Vector;
use bulla_enclave::runner::{Ending, Outside};

use crate::program::*;
use crate::world::*;

fn lie(program: Program) -> String {
    let ending = program.report().ending;
    assert_eq!(ending.code(), "call_invalid", "{ending}");
    ending.to_string()
}

#[test]
fn memory_that_is_not_shared_is_not_read_or_written_for_an_enclave() {
    let end = ARENA + ARENA_SIZE;
    for (address, length) in [
        (DATA, 8),
        (0, 8),
        (end - 4, 8),
        (ARENA, ARENA_SIZE + 1),
        (ARENA + 8, u64::MAX),
        (u64::MAX, 2),
    ] {
        for number in [1, 3] {
            let fd = if number == 1 { 0 } else { 1 };
            let arguments = [Value(fd), Value(address), Value(length), Value(0)];
            let said = lie(Program::new().call(number, arguments, [SCRAP, SCRAP]));
            assert!(said.contains(&format!("{address:#x}")), "{said}");
        }
    }
}

#[test]
fn buffers_for_answers_must_be_shared_memory_too() {
    let read = [Value(0), Value(DATA), Value(0), Value(0)];
    lie(Program::new().call(2, read, [SCRAP, SCRAP]));
    let bind = [Slot(3), Slot(4), Value(DATA), Value(0)];
    let program = Program::new().follow(1, 0, 3).follow(1, 8, 4);
    let program = program.call(6, bind, [SCRAP, SCRAP]);
    let (report, _) = program.run(&["127.0.0.1:0"], Outside::none());
    assert_eq!(report.ending.code(), "call_invalid", "{}", report.ending);
}

#[test]
fn memory_that_was_not_given_is_not_taken_back() {
    let free = |address, size| [address, Value(size), Value(8), Value(0)];
    lie(Program::new().call(15, free(Value(ARENA + 64), 8), [SCRAP, SCRAP]));
    lie(Program::new()
        .alloc(64, 3)
        .call(15, free(Slot(3), 8), [SCRAP, SCRAP]));
    let twice = Program::new()
        .alloc(64, 3)
        .call(15, free(Slot(3), 64), [SCRAP, SCRAP])
        .call(15, free(Slot(3), 64), [SCRAP, SCRAP]);
    lie(twice);
}

#[test]
fn an_enclave_that_wants_all_memory_is_told_that_there_is_none() {
    let program = Program::new()
        .call(14, [Value(u64::MAX), Value(1), Value(0), Value(0)], [3, 4])
        .call(14, [Value(1 << 40), Value(8), Value(0), Value(0)], [5, 6])
        .call(14, [Value(8), Value(3), Value(0), Value(0)], [7, 8])
        .exit();
    let (report, machine) = program.run(&[], Outside::none());
    assert_eq!(report.ending, Ending::Finished);
    for (result, value) in [(3, 4), (5, 6), (7, 8)] {
        assert_eq!(slot(&machine, result), 0x3fff_ffff);
        assert_eq!(slot(&machine, value), 0);
    }
}

#[test]
fn calls_that_do_not_exist_end_the_enclave() {
    for number in [16, 17, 99, 1 << 31, u64::MAX] {
        let report = Program::new()
            .call(number, [Value(0); 4], [SCRAP, SCRAP])
            .report();
        assert_eq!(report.ending, Ending::CallUnknown { number });
    }
}

#[test]
fn an_enclave_that_loops_ends_after_its_time() {
    let ending = Program::new().raw(&[0xeb, 0xfe]).report().ending;
    let Ending::OutOfTime { crash_site } = ending else {
        panic!("{ending}");
    };
    assert_eq!(crash_site.registers.rip, BASE + crash_site.offset);
    assert_eq!(crash_site.registers.rbp, DATA);
}

#[test]
fn an_enclave_that_waits_for_nobody_ends() {
    let arguments = [Value(4), Value(u64::MAX), Value(0), Value(0)];
    let ending = Program::new()
        .call(11, arguments, [SCRAP, SCRAP])
        .report()
        .ending;
    assert_eq!(ending, Ending::Deadlocked);
}

#[test]
fn a_crash_tells_what_and_where() {
    for (code, vector, said) in [
        (
            &[0x0f, 0x0b][..],
            Vector::InvalidOpcode,
            "illegal instruction",
        ),
        (&[0x0f, 0x05], Vector::InvalidOpcode, "a system call"),
        (&[0xcd, 0x80], Vector::InvalidOpcode, "a system call"),
        (&[0xf4], Vector::GeneralProtection, "general protection"),
        (&[0x31, 0xc9, 0xf7, 0xf1], Vector::DivideError, "division"),
        (&[0x31, 0xc0, 0x48, 0x89, 0x00], Vector::PageFault, "0x0"),
    ] {
        let ending = Program::new().raw(code).report().ending;
        let Ending::Crashed(crash) = &ending else {
            panic!("{ending}");
        };
        assert_eq!(crash.exception.vector, vector);
        assert!(ending.to_string().contains(said), "{ending}");
        assert!(crash.site.offset > 20, "behind the entry");
        assert!(
            crash
                .site
                .registers
                .to_string()
                .contains(&format!("{DATA:016x}"))
        );
    }
}

#[test]
fn system_calls_are_not_made() {
    // mov eax, 60 (exit); syscall: were it made, the process would be gone.
    let program = Program::new().raw(&[0xb8, 60, 0, 0, 0, 0x0f, 0x05]);
    let ending = program.report().ending;
    let Ending::Crashed(crash) = ending else {
        panic!("{ending}");
    };
    assert_eq!(crash.site.registers.rax, 60);
}

#[test]
fn an_enclave_without_a_frame_for_exits_is_not_run() {
    let mut machine = Tiny {
        frames: 0,
        ..Program::new().exit().tiny()
    }
    .machine();
    let limits = bulla_enclave::runner::Limits { compute: None };
    let report = bulla_enclave::runner::run(&mut machine, &[], Outside::none(), &limits);
    assert_eq!(report.ending.code(), "stopped");
}
