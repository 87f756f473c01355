//! What differs from hardware, shown: should one of these tests fail, the machine has come nearer,
//! and `docs/simulation.md` is to be mended.

use bulla_enclave::machine::{Backend, Event, Exit, Vector};
use bulla_processor::sgxs::ImagePage;
use bulla_processor::structures::SecinfoFlags;

use crate::world::*;

/// `vpxor ymm0, ymm0, ymm0`: on hardware an invalid opcode under this XFRM.
#[test]
fn state_that_xfrm_lacks_stays_usable() {
    let tiny = Tiny::new(&[&[0xc5, 0xfd, 0xef, 0xc0], &eexit()]);
    let has_avx = tiny.machine().backend().xcr0() & 4 != 0;
    match has_avx {
        true => drop(tiny.exit()),
        false => assert_eq!(tiny.exception().1.vector, Vector::InvalidOpcode),
    }
}

/// On hardware a page fault: the page may only be executed.
#[test]
fn pages_that_are_executable_are_readable_too() {
    let only_executable = SecinfoFlags(SecinfoFlags::CODE.0 & !SecinfoFlags::R);
    let tiny = Tiny {
        extra: Some(ImagePage::measured(
            HOLE - BASE,
            only_executable,
            &[0x5a; 4096],
        )),
        // mov r8, [rsi]
        ..Tiny::new(&[&load("rsi", HOLE), &[0x4c, 0x8b, 0x06], &eexit()])
    };
    assert_eq!(tiny.exit().1.r8, 0x5a5a_5a5a_5a5a_5a5a);
}

/// On hardware an invalid opcode. Here it works, or the kernel forbids it.
#[test]
fn the_tables_of_the_system_are_no_invalid_opcode() {
    // sgdt [rsi]
    let code = [&load("rsi", DATA)[..], &[0x0f, 0x01, 0x06], &eexit()].concat();
    let mut machine = Tiny::new(&[&code]).machine();
    match machine.enter(TCS, AEP, &outside()).expect("entered") {
        Exit::Synchronous(_) => {}
        Exit::Asynchronous {
            event: Event::Exception(exception),
            ..
        } => assert_eq!(exception.vector, Vector::GeneralProtection),
        other => panic!("{other:?}"),
    }
}
