//! Operands of leaves that cannot be used, each of each leaf: where they are not aligned or not
//! inside, a general protection fault; where their page does not permit it, a page fault. Nothing
//! changes.

use bulla_enclave::machine::{Exception, Registers, Vector};

use crate::world::*;

/// An operand: its register, the alignment that it needs, its size, and whether it is written.
type Operand = (&'static str, u64, u64, bool);

/// Each leaf by its number, with its operands.
const LEAVES: &[(u64, &[Operand])] = &[
    (
        0,
        &[
            ("rbx", 512, 512, false),
            ("rcx", 128, 64, false),
            ("rdx", 512, 432, true),
        ],
    ),
    (1, &[("rbx", 512, 512, false), ("rcx", 16, 16, true)]),
    (8, &[("rbx", 256, 256, false)]),
];

/// Behind the last page.
const END: u64 = BASE + 0x8000;

/// Where operands are that are fine: each in a place of its own.
fn fine(register: &str) -> u64 {
    match register {
        "rbx" => DATA,
        "rcx" => DATA + 0x200,
        _ => DATA + 0x400,
    }
}

fn value(registers: &Registers, name: &str) -> u64 {
    let named = registers.named().into_iter();
    named.into_iter().find(|(n, _)| *n == name).expect("one").1
}

/// Executes a leaf with one operand elsewhere; gives the exception and the registers at it.
fn executed(number: u64, operands: &[Operand], wrong: &str, at: u64) -> (Exception, Registers) {
    let operands: Vec<(&str, u64)> = operands
        .iter()
        .map(|(name, ..)| (*name, if *name == wrong { at } else { fine(name) }))
        .collect();
    let (machine, exception, inside) = Tiny::new(&[&leaf(number, &operands)]).exception();
    assert_eq!(read::<3>(&machine, inside.rip), ENCLU, "at the instruction");
    assert_eq!(inside.rax, number);
    for (name, given) in operands {
        assert_eq!(value(&inside, name), given, "leaf {number}: {name}");
    }
    assert_eq!(
        read::<1024>(&machine, DATA),
        [0; 1024],
        "nothing is written"
    );
    (exception, inside)
}

#[test]
fn not_aligned_or_not_inside() {
    for (number, operands) in LEAVES {
        for (name, alignment, size, _) in *operands {
            let last = END - size;
            for at in [
                DATA + 1,
                DATA + alignment / 2,
                ARENA,
                0,
                BASE - alignment,
                last + alignment,
                u64::MAX - alignment + 1,
            ] {
                let (exception, _) = executed(*number, operands, name, at);
                let vector = exception.vector;
                assert_eq!(
                    vector,
                    Vector::GeneralProtection,
                    "leaf {number}: {name} {at:#x}"
                );
            }
        }
    }
}

#[test]
fn on_a_page_that_does_not_permit_it() {
    for (number, operands) in LEAVES {
        for (name, _, _, written) in *operands {
            let write = if *written { 2 } else { 0 };
            // Nothing there, and a thread control structure, which is nobody's to use.
            let mut places = vec![(HOLE, 4 | write), (TCS, 5 | write)];
            if *written {
                places.extend([(CONSTANTS, 7), (BASE, 7)]);
            }
            for (at, code) in places {
                let (exception, _) = executed(*number, operands, name, at);
                assert_eq!(
                    exception,
                    Exception::page(at, code),
                    "leaf {number}: {name}"
                );
            }
        }
    }
}
