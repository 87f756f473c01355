//! How enclaves are entered and left.

use bulla_enclave::machine::{Backend, Event, Exit, MachineError, Registers, Vector, flags};

use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::SecinfoFlags;

use crate::world::*;

/// `mov r8, rax; mov r9, rcx; mov r10, rbx; rdfsbase r11; rdgsbase r12`.
const KEEP_ENTRY: &[u8] = &[
    0x49, 0x89, 0xc0, 0x49, 0x89, 0xc9, 0x49, 0x89, 0xda, 0xf3, 0x49, 0x0f, 0xae, 0xc3, 0xf3, 0x49,
    0x0f, 0xae, 0xcc,
];

#[test]
fn eenter_and_eexit_set_the_documented_registers() {
    let (machine, r) = Tiny::new(&[KEEP_ENTRY, &eexit()]).exit();
    assert_eq!(r.r8, 0, "RAX is CSSA");
    assert_eq!(r.r9, OUTSIDE + 3, "RCX is the address behind ENCLU");
    assert_eq!(r.r10, TCS);
    assert_eq!((r.r11, r.r12), (DATA, CONSTANTS), "FS and GS of the TCS");
    assert_eq!((r.rip, r.rcx), (OUTSIDE, AEP));
    assert_eq!((r.fs_base, r.gs_base), (0x1111_0000, 0x2222_0000));
    assert_eq!((r.rsp, r.rbp), (0x7fff_0000, 0x7fff_1000));
    assert_eq!((r.rsi, r.rdi, r.r15), (0x51, 0xd1, 0x15), "all else passes");
    assert_eq!(read_u64(&machine, GPRSGX + 144), 0x7fff_0000, "URSP");
    assert_eq!(read_u64(&machine, GPRSGX + 152), 0x7fff_1000, "URBP");
}

#[test]
fn an_enclave_is_entered_again_and_keeps_its_memory() {
    // inc qword [DATA]; mov r8, [DATA], by way of RSI
    let count = [
        &load("rsi", DATA)[..],
        &[0x48, 0xff, 0x06, 0x4c, 0x8b, 0x06],
        &eexit(),
    ];
    let mut machine = Tiny::new(&count).machine();
    for expected in 1..=3 {
        let exit = machine.enter(TCS, AEP, &outside()).expect("entered");
        assert_eq!(synchronous(exit).r8, expected);
    }
}

#[test]
fn no_single_step_enters_an_enclave() {
    let mut machine = Tiny::new(&[&eexit()]).machine();
    let stepping = Registers {
        rflags: flags::ALWAYS | flags::TF,
        ..outside()
    };
    synchronous(machine.enter(TCS, AEP, &stepping).expect("entered"));
}

fn not_entered(result: Result<Exit, MachineError>) -> (&'static str, Vector) {
    match result {
        Err(MachineError::NotEntered { leaf, exception }) => (leaf, exception.vector),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_thread_is_not_entered() {
    let mut machine = Tiny::new(&[&eexit()]).machine();
    let mut enter = |tcs, aep| not_entered(machine.enter(tcs, aep, &outside()));
    assert_eq!(enter(TCS + 8, AEP), ("EENTER", Vector::GeneralProtection));
    assert_eq!(enter(TCS, 1 << 63), ("EENTER", Vector::GeneralProtection));
    assert_eq!(enter(DATA, AEP), ("EENTER", Vector::PageFault));
    assert_eq!(enter(HOLE, AEP), ("EENTER", Vector::PageFault));
    assert_eq!(enter(ARENA, AEP), ("EENTER", Vector::PageFault));
    let resumed = not_entered(machine.resume(TCS, AEP, &outside()));
    assert_eq!(resumed, ("ERESUME", Vector::GeneralProtection));
}

#[test]
fn a_thread_without_a_frame_left_is_not_entered() {
    let (mut machine, ..) = Tiny::new(&[UD2]).exception();
    let entered = not_entered(machine.enter(TCS, AEP, &outside()));
    assert_eq!(entered, ("EENTER", Vector::GeneralProtection));
    let mut without = Tiny {
        frames: 0,
        ..Tiny::new(&[&eexit()])
    }
    .machine();
    let entered = not_entered(without.enter(TCS, AEP, &outside()));
    assert_eq!(entered, ("EENTER", Vector::GeneralProtection));
}

#[test]
fn a_frame_that_cannot_be_written_is_a_page_fault() {
    // The second frame is behind what can be written.
    let tiny = Tiny {
        frames: 2,
        ..Tiny::new(&[UD2])
    };
    let mut pages = tiny.image().pages().to_vec();
    pages.pop();
    pages.push(ImagePage::measured(
        SSA - BASE + 0x1000,
        SecinfoFlags::CONSTANTS,
        &[],
    ));
    let mut machine = tiny.machine_of(&Image::new(1, pages).expect("pages that rise"));
    let exit = machine.enter(TCS, AEP, &outside()).expect("the first");
    assert!(matches!(exit, Exit::Asynchronous { .. }));
    let entered = not_entered(machine.enter(TCS, AEP, &outside()));
    assert_eq!(entered, ("EENTER", Vector::PageFault));
}

#[test]
fn extended_state_that_the_processor_lacks_is_a_general_protection_fault() {
    // AMX, unless this machine has it.
    let amx = 3 << 17;
    let tiny = Tiny {
        xfrm: 3 | amx,
        frame_pages: 3,
        ..Tiny::new(&[&eexit()])
    };
    let mut machine = tiny.machine();
    let entered = machine.enter(TCS, AEP, &outside());
    match machine.backend().xcr0() & amx == amx {
        true => drop(synchronous(entered.expect("entered"))),
        false => assert_eq!(not_entered(entered), ("EENTER", Vector::GeneralProtection)),
    }
}

#[test]
fn eexit_to_what_is_no_address_is_a_general_protection_fault() {
    let (_, exception, _) = Tiny::new(&[&leaf(4, &[("rbx", 1 << 62)])]).exception();
    assert_eq!(exception.vector, Vector::GeneralProtection);
}

#[test]
fn exceptions_are_told_in_exitinfo_and_registers_are_saved() {
    let store_at = |address| [&load("rsi", address)[..], &[0x48, 0x89, 0x06]].concat();
    let jump_to = |address| [&load("rsi", address)[..], &[0xff, 0xe6]].concat();
    let cases: &[(&str, Vec<u8>, Vector, u32)] = &[
        ("ud2", UD2.to_vec(), Vector::InvalidOpcode, 0x8000_0306),
        (
            "div",
            vec![0x31, 0xc9, 0xf7, 0xf1],
            Vector::DivideError,
            0x8000_0300,
        ),
        ("int3", vec![0xcc], Vector::Breakpoint, 0x8000_0603),
        ("null", store_at(0), Vector::PageFault, 0),
        ("hole", store_at(HOLE), Vector::PageFault, 0),
        ("code", store_at(BASE), Vector::PageFault, 0),
        ("constants", store_at(CONSTANTS), Vector::PageFault, 0),
        ("thread", store_at(TCS), Vector::PageFault, 0),
        ("data run", jump_to(DATA), Vector::PageFault, 0),
        ("arena run", jump_to(ARENA), Vector::PageFault, 0),
        ("far", store_at(1 << 62), Vector::GeneralProtection, 0),
        ("hlt", vec![0xf4], Vector::GeneralProtection, 0),
        (
            "syscall",
            vec![0x0f, 0x05],
            Vector::InvalidOpcode,
            0x8000_0306,
        ),
        (
            "int 0x80",
            vec![0xcd, 0x80],
            Vector::InvalidOpcode,
            0x8000_0306,
        ),
        (
            "int 0x21",
            vec![0xcd, 0x21],
            Vector::InvalidOpcode,
            0x8000_0306,
        ),
        ("in", vec![0xec], Vector::InvalidOpcode, 0x8000_0306),
        (
            // fninit; fldcw with division unmasked; fld1; fldz; fdivp; fwait
            "x87",
            [
                &load("rsi", DATA)[..],
                &[0x66, 0xc7, 0x06, 0x7b, 0x03, 0xdb, 0xe3, 0xd9, 0x2e],
                &[0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b],
            ]
            .concat(),
            Vector::FloatingPoint,
            0x8000_0310,
        ),
        (
            // ldmxcsr with division unmasked; 1.0 / 0.0
            "sse",
            [
                &load("rsi", DATA)[..],
                &[0xc7, 0x06, 0x80, 0x1d, 0, 0, 0x0f, 0xae, 0x16],
                &[0xb8, 1, 0, 0, 0, 0xf2, 0x0f, 0x2a, 0xc0],
                &[0x0f, 0x57, 0xc9, 0xf2, 0x0f, 0x5e, 0xc1],
            ]
            .concat(),
            Vector::SimdFloatingPoint,
            0x8000_0313,
        ),
    ];
    for (name, code, vector, exit_info) in cases {
        let (machine, exception, inside) = Tiny::new(&[code]).exception();
        assert_eq!(exception.vector, *vector, "{name}: {exception}");
        let info: [u8; 4] = read(&machine, GPRSGX + 160);
        assert_eq!(u32::from_le_bytes(info), *exit_info, "{name}");
        assert_eq!(read_u64(&machine, GPRSGX + 136), inside.rip, "{name}: RIP");
        assert_eq!(read_u64(&machine, GPRSGX + 24), inside.rbx, "{name}: RBX");
        assert_eq!(read_u64(&machine, GPRSGX + 120), 0x15, "{name}: R15");
        assert_eq!(read_u64(&machine, GPRSGX + 168), DATA, "{name}: FS");
        if (BASE..BASE + 0x1000).contains(&inside.rip) && *name != "x87" {
            let at = (inside.rip - BASE) as usize;
            assert!(at < code.len(), "{name}: RIP is at the instruction, {at}");
        }
    }
}

#[test]
fn cpuid_faults_where_the_processor_can_have_it_so() {
    let tiny = Tiny::new(&[&[0x0f, 0xa2], &eexit()]);
    if tiny.machine().backend().cpuid_faults() {
        assert_eq!(tiny.exception().1.vector, Vector::InvalidOpcode);
    } else {
        // A known difference: it works silently.
        tiny.exit();
    }
}

#[test]
fn with_exinfo_faults_leave_address_and_code() {
    let code = [&load("rsi", CONSTANTS + 8)[..], &[0x48, 0x89, 0x06]].concat();
    let tiny = Tiny {
        miscselect: 1,
        ..Tiny::new(&[&code])
    };
    let (machine, ..) = tiny.exception();
    assert_eq!(read_u64(&machine, GPRSGX - 16), CONSTANTS + 8, "MADDR");
    assert_eq!(read_u64(&machine, GPRSGX - 8), 7, "ERRCD");
    let info: [u8; 4] = read(&machine, GPRSGX + 160);
    assert_eq!(u32::from_le_bytes(info), 0x8000_030e);
}

#[test]
fn an_asynchronous_exit_shows_synthetic_registers_outside() {
    let mut machine = Tiny::new(&[UD2]).machine();
    let Ok(Exit::Asynchronous { outside: r, .. }) = machine.enter(TCS, AEP, &outside()) else {
        panic!("an exception");
    };
    assert_eq!((r.rax, r.rbx, r.rcx, r.rip), (3, TCS, AEP, AEP));
    assert_eq!((r.rsp, r.rbp), (0x7fff_0000, 0x7fff_1000));
    assert_eq!((r.rsi, r.rdi, r.r15), (0, 0, 0));
    assert_eq!((r.fs_base, r.gs_base), (0x1111_0000, 0x2222_0000));
}

#[test]
fn a_handler_repairs_what_an_exception_interrupted() {
    // test eax, eax; jnz handler; ud2; mov r8d, 77; eexit; handler: add [frame 0 RIP], 2; eexit
    let body = [UD2, &[0x41, 0xb8, 77, 0, 0, 0], &eexit()].concat();
    let handler = [
        &load("rsi", GPRSGX + 136)[..],
        &[0x48, 0x83, 0x06, 0x02],
        &eexit(),
    ]
    .concat();
    let jump = [0x85, 0xc0, 0x0f, 0x85, body.len() as u8, 0, 0, 0];
    let tiny = Tiny {
        frames: 2,
        ..Tiny::new(&[&jump, &body, &handler])
    };
    let (mut machine, exception, _) = tiny.exception();
    assert_eq!(exception.vector, Vector::InvalidOpcode);
    synchronous(machine.enter(TCS, AEP, &outside()).expect("the handler"));
    let exit = machine.resume(TCS, AEP, &outside()).expect("resumed");
    assert_eq!(synchronous(exit).r8, 77);
    let again = not_entered(machine.resume(TCS, AEP, &outside()));
    assert_eq!(again.0, "ERESUME");
}

/// `mov rax, value; movq xmm0, rax; mov rsi, ARENA; loop: cmp byte [rsi], 0; je loop;
/// movq r8, xmm0; eexit`.
fn waiting() -> Tiny {
    Tiny::new(&[
        &load("rax", 0x1122_3344_5566_7788),
        &[0x66, 0x48, 0x0f, 0x6e, 0xc0],
        &load("rsi", ARENA),
        &[0x80, 0x3e, 0x00, 0x74, 0xfb],
        &[0x66, 0x49, 0x0f, 0x7e, 0xc0],
        &eexit(),
    ])
}

#[test]
fn an_enclave_that_loops_is_left_and_resumed_with_its_whole_state() {
    let mut machine = waiting().machine();
    let mut exit = machine.enter(TCS, AEP, &outside()).expect("entered");
    for _ in 0..3 {
        assert!(
            matches!(
                exit,
                Exit::Asynchronous {
                    event: Event::Tick,
                    ..
                }
            ),
            "{exit:?}"
        );
        assert_eq!(read_u64(&machine, SSA + 160), 0x1122_3344_5566_7788, "XMM0");
        assert_eq!(read::<4>(&machine, GPRSGX + 160), [0; 4], "no EXITINFO");
        exit = machine.resume(TCS, AEP, &outside()).expect("resumed");
    }
    machine.backend().write(ARENA, &[1]).expect("the arena");
    while let Exit::Asynchronous { .. } = exit {
        exit = machine.resume(TCS, AEP, &outside()).expect("resumed");
    }
    assert_eq!(synchronous(exit).r8, 0x1122_3344_5566_7788);
}

#[test]
fn a_saved_state_that_no_processor_loads_is_not_resumed() {
    for (address, bytes) in [
        (SSA + 512, [0xff; 8]),
        (SSA + 520, [1; 8]),
        (SSA + 24, [0xff; 8]),
        (GPRSGX + 136, [0x7f; 8]),
        (GPRSGX + 168, [0x7f; 8]),
    ] {
        let (mut machine, ..) = Tiny::new(&[UD2]).exception();
        machine.backend().write(address, &bytes).expect("memory");
        let resumed = not_entered(machine.resume(TCS, AEP, &outside()));
        assert_eq!(
            resumed,
            ("ERESUME", Vector::GeneralProtection),
            "{address:#x}"
        );
    }
}

#[test]
fn there_is_nothing_but_the_enclave_and_its_arena() {
    for address in [
        0x40_0000_u64,
        0x7fff_f000_0000,
        0x5555_5555_0000,
        BASE - 8,
        ARENA - 8,
    ] {
        // mov rax, [rsi]
        let code = [&load("rsi", address)[..], &[0x48, 0x8b, 0x06]].concat();
        let (_, exception, _) = Tiny::new(&[&code]).exception();
        assert_eq!(exception.vector, Vector::PageFault, "{address:#x}");
        assert_eq!(exception.address, Some(address));
    }
}
