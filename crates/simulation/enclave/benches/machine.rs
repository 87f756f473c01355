//! What the machine costs: entries and exits against the bare trap, computing inside against
//! computing outside, loading and measuring.
//!
//! `cargo bench -p bulla-enclave`. Of each figure the best of several rounds is shown: noise only
//! adds. What is compared is measured in turns, so that both have the same noise. Computing is measured
//! in time on the processor.
#![allow(missing_docs)]

#[path = "../tests/machine/world.rs"]
#[allow(dead_code)]
mod world;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::machine::{Backend, Exit, Registers};
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::SecinfoFlags;
use bulla_processor::{EnclaveSigner, Grants, Sigstruct, StartParameters};

use world::*;

const ROUNDS: u32 = 41;
const TRAPS: u32 = 2000;
/// Long enough for a tick or two.
const ITERATIONS: u32 = 200_000_000;
const IMAGE_SIZE: u64 = 64 << 20;

fn main() {
    let [trap, pair] = best([&mut bare_trap(), &mut entry_and_exit()]);
    let ratio = pair.as_secs_f64() / trap.as_secs_f64();
    println!("bare trap               {trap:>12.2?}");
    println!("EENTER and EEXIT        {pair:>12.2?}  {ratio:.2} of the trap");

    let program = Native::new();
    let [native, inside] = best([&mut || program.run(), &mut inside()]);
    let ratio = inside.as_secs_f64() / native.as_secs_f64();
    println!("2e8 iterations outside  {native:>12.2?}");
    println!("2e8 iterations inside   {inside:>12.2?}  {ratio:.3} of outside");

    let [time] = best([&mut load_and_measure()]);
    let rate = IMAGE_SIZE as f64 / time.as_secs_f64() / 1e6;
    println!("load and measure 64 MiB {time:>12.2?}  {rate:.0} MB/s");
}

/// The best time of each.
fn best<const N: usize>(mut measured: [&mut dyn FnMut() -> Duration; N]) -> [Duration; N] {
    let mut times = [Duration::MAX; N];
    for _ in 0..ROUNDS {
        for (time, measure) in times.iter_mut().zip(&mut measured) {
            *time = measure().min(*time);
        }
    }
    times
}

/// An illegal instruction in a process under ptrace: what any emulation by this mechanism costs.
fn bare_trap() -> impl FnMut() -> Duration {
    let enclave = Tiny::new(&[UD2]).enclave();
    let mut backend = PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse)
        .expect("processes can be traced");
    let registers = Registers {
        rip: BASE,
        ..outside()
    };
    move || {
        let start = Instant::now();
        for _ in 0..TRAPS {
            backend.run(&registers).expect("a trap");
        }
        start.elapsed() / TRAPS
    }
}

fn entry_and_exit() -> impl FnMut() -> Duration {
    let mut machine = Tiny::new(&[&eexit()]).machine();
    move || {
        let start = Instant::now();
        for _ in 0..TRAPS {
            synchronous(machine.enter(TCS, AEP, &outside()).expect("entered"));
        }
        start.elapsed() / TRAPS
    }
}

/// `mov ecx, ITERATIONS; dec ecx; jnz`.
fn computation() -> Vec<u8> {
    let mut code = vec![0xb9];
    code.extend(ITERATIONS.to_le_bytes());
    code.extend([0xff, 0xc9, 0x75, 0xfc]);
    code
}

fn inside() -> impl FnMut() -> Duration {
    let mut machine = Tiny::new(&[&computation(), &eexit()]).machine();
    let process = last_child();
    move || {
        let before = time_on_processor(process);
        let mut exit = machine.enter(TCS, AEP, &outside()).expect("entered");
        while let Exit::Asynchronous { .. } = exit {
            exit = machine.resume(TCS, AEP, &outside()).expect("resumed");
        }
        time_on_processor(process) - before
    }
}

/// The process that was started last and has not been waited for.
fn last_child() -> u32 {
    let own = std::process::id();
    let children = fs::read_to_string(format!("/proc/self/task/{own}/children"));
    let children = children.expect("the kernel lists children");
    let last = children.split_whitespace().last().expect("a child");
    last.parse().expect("a number")
}

/// The time that a process has been on a processor so far, also of one that has ended and was not
/// waited for.
fn time_on_processor(process: u32) -> Duration {
    let statistics = fs::read_to_string(format!("/proc/{process}/schedstat"));
    let statistics = statistics.expect("the kernel keeps statistics");
    let nanoseconds = statistics.split_whitespace().next().expect("three numbers");
    Duration::from_nanos(nanoseconds.parse().expect("a number"))
}

/// The same instructions as a program of their own: they end with `exit(0)`. Eight instructions that
/// do nothing put the loop at the same place of a cache line as it has inside.
struct Native(PathBuf);

impl Native {
    fn new() -> Self {
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
        Self(path)
    }

    fn run(&self) -> Duration {
        let mut child = Command::new(&self.0)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        // Its end of the pipe closes when it has ended.
        let mut output = child.stdout.take().expect("a pipe");
        output.read_to_end(&mut Vec::new()).expect("nothing comes");
        let time = time_on_processor(child.id());
        assert!(child.wait().expect("it ended").success());
        time
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // A file that stays is litter, not a failure.
        let _ = fs::remove_file(&self.0);
    }
}

/// From an image as bytes to a process that could be entered.
fn load_and_measure() -> impl FnMut() -> Duration {
    let page = [0x5a; 4096];
    let pages =
        (0..IMAGE_SIZE / 4096).map(|n| ImagePage::measured(n * 4096, SecinfoFlags::DATA, &page));
    let image = Image::new(1, pages.collect()).expect("pages that rise");
    let mut sigstruct = Sigstruct::new(image.mrenclave().expect("measured"));
    EnclaveSigner::demonstration().sign(&mut sigstruct);
    let parameters = StartParameters::new(0);
    move || {
        let start = Instant::now();
        let enclave =
            bulla_processor::Enclave::load(&image, &sigstruct, &parameters, Grants::default());
        let enclave = enclave.expect("it starts");
        PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse).expect("placed");
        start.elapsed()
    }
}
