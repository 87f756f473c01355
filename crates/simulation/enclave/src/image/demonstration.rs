//! A small enclave that needs no toolchain: its program is written down here, instruction by
//! instruction, with the bytes that the processor executes.
//!
//! It has itself attested. Whoever enters passes in `RDI` the address of an [exchange](EXCHANGE)
//! in memory outside the enclave; the enclave copies the target and the data out of it, executes
//! `EREPORT`, copies the report back and leaves to where `EENTER` was executed, with `RDI` 0 and in
//! `RSI` 0 for done, 1 for an exchange that lies in the enclave, 2 for an entry after an exception.

use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::{SecinfoFlags, Tcs};
use zerocopy::{FromZeros, IntoBytes};

/// Bytes of an exchange: `TARGETINFO` at 0, report data at [`REPORT_DATA_AT`], and room for the
/// `REPORT` at [`REPORT_AT`].
pub const EXCHANGE: usize = 2048;

/// Where in an exchange the 64 bytes of report data are.
pub const REPORT_DATA_AT: usize = 512;

/// Where in an exchange the 432 bytes of the report come to be.
pub const REPORT_AT: usize = 1024;

/// Places in the enclave. The first page is not executable, as in every enclave that is well laid
/// out.
const DATA: u64 = 0;
const CODE: u64 = 0x1000;
const THREAD: u64 = 0x2000;
const FRAMES: u64 = 0x3000;

/// The program. Addresses count from [`CODE`]; displacements to [`DATA`] are from the end of their
/// instruction.
const PROGRAM: &[(u64, &[u8], &str)] = &[
    (
        0x00,
        b"\x49\x89\xc8",
        "mov r8, rcx             ; where to leave to",
    ),
    (
        0x03,
        b"\x49\x89\xf9",
        "mov r9, rdi             ; the exchange",
    ),
    (
        0x06,
        b"\x4c\x8d\x15\xf3\xef\xff\xff",
        "lea r10, [rip - 0x100d]  ; the data page",
    ),
    (0x0d, b"\xbe\x02\0\0\0", "mov esi, 2"),
    (0x12, b"\x48\x85\xc0", "test rax, rax           ; CSSA"),
    (0x15, b"\x75\x59", "jnz leave"),
    (0x17, b"\xbe\x01\0\0\0", "mov esi, 1"),
    (
        0x1c,
        b"\x4c\x8d\x9f\0\x08\0\0",
        "lea r11, [rdi + 0x800]  ; behind the exchange",
    ),
    (0x23, b"\x4d\x29\xd3", "sub r11, r10"),
    (
        0x26,
        b"\x49\x81\xfb\0\x48\0\0",
        "cmp r11, 0x4800         ; the enclave and an exchange",
    ),
    (0x2d, b"\x72\x41", "jb leave"),
    (0x2f, b"\xfc", "cld"),
    (0x30, b"\x48\x89\xfe", "mov rsi, rdi"),
    (0x33, b"\x4c\x89\xd7", "mov rdi, r10"),
    (
        0x36,
        b"\xb9\x40\x02\0\0",
        "mov ecx, 0x240          ; target and data",
    ),
    (0x3b, b"\xf3\xa4", "rep movsb"),
    (0x3d, b"\x4c\x89\xd3", "mov rbx, r10"),
    (0x40, b"\x49\x8d\x8a\0\x02\0\0", "lea rcx, [r10 + 0x200]"),
    (0x47, b"\x49\x8d\x92\0\x04\0\0", "lea rdx, [r10 + 0x400]"),
    (0x4e, b"\x31\xc0", "xor eax, eax            ; EREPORT"),
    (0x50, b"\x0f\x01\xd7", "enclu"),
    (0x53, b"\x49\x8d\xb2\0\x04\0\0", "lea rsi, [r10 + 0x400]"),
    (0x5a, b"\x49\x8d\xb9\0\x04\0\0", "lea rdi, [r9 + 0x400]"),
    (
        0x61,
        b"\xb9\xb0\x01\0\0",
        "mov ecx, 0x1b0          ; the report",
    ),
    (0x66, b"\xf3\xa4", "rep movsb"),
    (0x68, b"\x31\xf6", "xor esi, esi"),
    (0x6a, b"\x31\xff", "xor edi, edi"),
    (0x6c, b"\xeb\x04", "jmp out"),
    (0x6e, b"\x90\x90", "nop"),
    (0x70, b"\x31\xff", "leave: xor edi, edi"),
    (0x72, b"\x4c\x89\xc3", "out: mov rbx, r8"),
    (0x75, b"\x31\xd2", "xor edx, edx"),
    (0x77, b"\xb8\x04\0\0\0", "mov eax, 4              ; EEXIT"),
    (0x7c, b"\x0f\x01\xd7", "enclu"),
];

/// The program as the processor executes it.
pub fn program() -> Vec<u8> {
    PROGRAM
        .iter()
        .flat_map(|(_, bytes, _)| *bytes)
        .copied()
        .collect()
}

/// The program for people: address, bytes and instruction on each line.
pub fn listing() -> String {
    let line = |(at, bytes, text): &(u64, &[u8], &str)| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:#06x}  {:<22}  {text}\n", CODE + at, digits.join(" "))
    };
    PROGRAM.iter().map(line).collect()
}

/// The image of the enclave: data, code, one thread and its state save area.
pub fn image() -> Image {
    let tcs = Tcs {
        ossa: FRAMES.into(),
        nssa: 1.into(),
        oentry: CODE.into(),
        fslimit: 0xfff.into(),
        gslimit: 0xfff.into(),
        ..Tcs::new_zeroed()
    };
    let pages = vec![
        ImagePage::measured(DATA, SecinfoFlags::DATA, &[]),
        ImagePage::measured(CODE, SecinfoFlags::CODE, &program()),
        ImagePage::measured(THREAD, SecinfoFlags::TCS, tcs.as_bytes()),
        ImagePage::unmeasured(FRAMES, SecinfoFlags::DATA),
    ];
    Image::new(1, pages).expect("pages that rise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_is_where_the_listing_says() {
        let mut end = 0;
        for (at, bytes, text) in PROGRAM {
            assert_eq!(*at, end, "{text}");
            end += bytes.len() as u64;
        }
    }

    #[test]
    fn jumps_and_displacements_reach_what_they_name() {
        let at = |name: &str| {
            let line = PROGRAM.iter().find(|(_, _, text)| text.starts_with(name));
            line.map(|(at, _, _)| *at)
        };
        for (from, bytes, text) in PROGRAM {
            let behind = from + bytes.len() as u64;
            let jump = text.strip_prefix("jnz ").or(text.strip_prefix("jb "));
            if let Some(label) = jump.or(text.strip_prefix("jmp ")) {
                let reached = behind + u64::from(bytes[1]);
                assert_eq!(Some(reached), at(&format!("{label}:")), "{text}");
            }
            if text.contains("rip") {
                let displacement = i32::from_le_bytes(bytes[3..7].try_into().expect("four"));
                let reached = (CODE + behind).wrapping_add_signed(displacement.into());
                assert_eq!(reached, DATA, "{text}");
            }
        }
    }
}
