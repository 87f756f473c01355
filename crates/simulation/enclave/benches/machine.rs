//! What the machine costs: entries and exits against the bare trap, computing inside against
//! computing outside, loading and measuring.
//!
//! `cargo bench -p bulla-enclave`. Of each figure the best of several rounds is shown: noise only
//! adds.
#![allow(missing_docs)]

#[path = "../tests/machine/world.rs"]
#[allow(dead_code)]
mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::machine::{Backend, Exit, Registers};
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::SecinfoFlags;
use bulla_processor::{EnclaveSigner, Grants, Sigstruct, StartParameters};

use world::*;

const ROUNDS: u32 = 7;
const TRAPS: u32 = 2000;
const ITERATIONS: u32 = 1_000_000_000;

fn main() {
    let trap = bare_trap();
    let pair = entry_and_exit();
    let ratio = pair.as_secs_f64() / trap.as_secs_f64();
    println!("bare trap               {trap:>12.2?}");
    println!("EENTER and EEXIT        {pair:>12.2?}  {ratio:.2} of the trap");

    let native = native();
    let inside = inside();
    let ratio = inside.as_secs_f64() / native.as_secs_f64();
    println!("1e9 iterations outside  {native:>12.2?}");
    println!("1e9 iterations inside   {inside:>12.2?}  {ratio:.3} of outside");

    let (bytes, time) = load_and_measure();
    let rate = bytes as f64 / time.as_secs_f64() / 1e6;
    println!("load and measure 64 MiB {time:>12.2?}  {rate:.0} MB/s");
}

fn best(mut round: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| round()).min().expect("a round")
}

/// An illegal instruction in a process under ptrace: what any emulation by this mechanism costs.
fn bare_trap() -> Duration {
    let enclave = Tiny::new(&[UD2]).enclave();
    let mut backend = PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse)
        .expect("processes can be traced");
    let registers = Registers {
        rip: BASE,
        ..outside()
    };
    best(|| {
        let start = Instant::now();
        for _ in 0..TRAPS {
            backend.run(&registers).expect("a trap");
        }
        start.elapsed() / TRAPS
    })
}

fn entry_and_exit() -> Duration {
    let mut machine = Tiny::new(&[&eexit()]).machine();
    best(|| {
        let start = Instant::now();
        for _ in 0..TRAPS {
            synchronous(machine.enter(TCS, AEP, &outside()).expect("entered"));
        }
        start.elapsed() / TRAPS
    })
}

/// `mov ecx, ITERATIONS; dec ecx; jnz`.
fn computation() -> Vec<u8> {
    let mut code = vec![0xb9];
    code.extend(ITERATIONS.to_le_bytes());
    code.extend([0xff, 0xc9, 0x75, 0xfc]);
    code
}

fn inside() -> Duration {
    let mut machine = Tiny::new(&[&computation(), &eexit()]).machine();
    best(|| {
        let start = Instant::now();
        let mut exit = machine.enter(TCS, AEP, &outside()).expect("entered");
        while let Exit::Asynchronous { .. } = exit {
            exit = machine.resume(TCS, AEP, &outside()).expect("resumed");
        }
        start.elapsed()
    })
}

/// The same instructions as a program of their own: they end with `exit(0)`. Eight instructions that
/// do nothing put the loop at the same place of a cache line as it has inside.
fn native() -> Duration {
    let exit = [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];
    let code = [&[0x90; 8][..], &computation(), &exit].concat();
    let size = 120 + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for value in [0x40_0078_u64, 64, 0] {
        file.extend(value.to_le_bytes());
    }
    file.extend([
        0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0,
    ]);
    for value in [0, 0x40_0000, 0x40_0000, size, size, 0x1000] {
        file.extend(value.to_le_bytes());
    }
    file.extend(code);
    let path = std::env::temp_dir().join(format!("bulla-bench-{}", std::process::id()));
    fs::write(&path, file).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a program");
    let time = best(|| {
        let start = Instant::now();
        assert!(Command::new(&path).status().expect("it runs").success());
        start.elapsed()
    });
    fs::remove_file(path).expect("it was there");
    time
}

/// From an image as bytes to a process that could be entered.
fn load_and_measure() -> (u64, Duration) {
    let page = [0x5a; 4096];
    let pages = (0..16_384).map(|n| ImagePage::measured(n * 4096, SecinfoFlags::DATA, &page));
    let image = Image::new(1, pages.collect()).expect("pages that rise");
    let mut sigstruct = Sigstruct::new(image.mrenclave().expect("measured"));
    EnclaveSigner::demonstration().sign(&mut sigstruct);
    let parameters = StartParameters::new(0);
    let time = best(|| {
        let start = Instant::now();
        let enclave =
            bulla_processor::Enclave::load(&image, &sigstruct, &parameters, Grants::default());
        let enclave = enclave.expect("it starts");
        PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse).expect("placed");
        start.elapsed()
    });
    (16_384 * 4096, time)
}
