//! The smallest program: what the process of an enclave is before it becomes one.
//!
//! It has one page of code, `syscall; int3`. The tracer has it make the system calls that map the
//! enclave, and lastly the one that unmaps the page itself.

/// Where its page is.
pub(super) const PAGE: u64 = 0x40_0000;

/// Where its code is, behind the two headers.
pub(super) const CODE: u64 = PAGE + 120;

/// `syscall; int3`.
const INSTRUCTIONS: [u8; 3] = [0x0f, 0x05, 0xcc];

/// An ELF file for x86-64 Linux with this code (System V ABI, "Object files").
pub(super) fn elf() -> Vec<u8> {
    let size = 120 + INSTRUCTIONS.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2); // executable
    half(&mut file, 62); // x86-64
    word(&mut file, 1); // version
    long(&mut file, CODE); // entry
    long(&mut file, 64); // program headers
    long(&mut file, 0); // section headers
    word(&mut file, 0); // flags
    half(&mut file, 64); // size of this header
    half(&mut file, 56); // size of a program header
    half(&mut file, 1); // number of them
    half(&mut file, 64); // size of a section header
    half(&mut file, 0); // number of them
    half(&mut file, 0); // no names
    word(&mut file, 1); // load
    word(&mut file, 5); // readable and executable
    for value in [0, PAGE, PAGE, size, size, 0x1000] {
        long(&mut file, value);
    }
    file.extend(INSTRUCTIONS);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_where_the_entry_says() {
        let file = elf();
        assert_eq!(file[(CODE - PAGE) as usize..], INSTRUCTIONS);
        assert_eq!(file[24..32], CODE.to_le_bytes());
    }
}
