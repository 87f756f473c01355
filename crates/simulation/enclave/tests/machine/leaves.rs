//! Each leaf inside, and each of its errors, by registers, flags and memory.

use bulla_enclave::machine::{Vector, flags};
use bulla_evidence::layout::SgxReport;
use bulla_processor::structures::TargetInfo;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::world::*;

pub(crate) const CODE_FLAGS: u64 =
    flags::CF | flags::PF | flags::AF | flags::ZF | flags::SF | flags::OF;

fn ereport(rbx: u64, rcx: u64, rdx: u64) -> Tiny {
    let code = leaf(0, &[("rbx", rbx), ("rcx", rcx), ("rdx", rdx)]);
    Tiny::new(&[STC, &code, &keep_outcome(), &eexit()])
}

#[test]
fn ereport_writes_the_report_and_changes_no_flag() {
    let mut tiny = ereport(DATA, DATA + 0x200, DATA + 0x400);
    tiny.data = vec![0; 0x240];
    let target = TargetInfo {
        mrenclave: [7; 32],
        ..TargetInfo::new_zeroed()
    };
    tiny.data[..512].copy_from_slice(target.as_bytes());
    tiny.data[0x200..].fill(0x5a);
    let (machine, registers) = tiny.exit();
    let bytes: [u8; 432] = read(&machine, DATA + 0x400);
    let report = SgxReport::read_from_bytes(&bytes).expect("a report");
    let expected = processor().ereport(machine.enclave(), &target, [0x5a; 64]);
    assert_eq!(report, expected.expect("a fine target"));
    assert_eq!(
        report.body.mrenclave,
        tiny.image().mrenclave().expect("measured")
    );
    assert_eq!(registers.r8, 0);
    assert_eq!(registers.r9 & CODE_FLAGS, flags::CF);
}

#[test]
fn ereport_to_itself_is_what_its_own_report_key_proves() {
    let mut tiny = ereport(DATA, DATA + 0x200, DATA + 0x400);
    let enclave = ereport(DATA, DATA + 0x200, DATA + 0x400).enclave();
    // The data page is measured: the target is any enclave, here one without data.
    tiny.data = enclave.target_info().as_bytes().to_vec();
    let (machine, _) = tiny.exit();
    let bytes: [u8; 432] = read(&machine, DATA + 0x400);
    let report = SgxReport::read_from_bytes(&bytes).expect("a report");
    assert_eq!(processor().verify_report(&enclave, &report), Ok(()));
}

#[test]
fn ereport_to_a_target_with_reserved_bytes_is_a_general_protection_fault() {
    let mut tiny = ereport(DATA, DATA + 0x200, DATA + 0x400);
    tiny.data = vec![0; 512];
    tiny.data[200] = 1;
    let (_, exception, _) = tiny.exception();
    assert_eq!(exception.vector, Vector::GeneralProtection);
}

fn everifyreport2(data: &[u8]) -> Tiny {
    let code = leaf(8, &[("rbx", DATA)]);
    Tiny {
        data: data.to_vec(),
        ..Tiny::new(&[STC, &code, &keep_outcome(), &eexit()])
    }
}

#[test]
fn everifyreport2_knows_reports_of_this_processor_and_says_by_a_code_what_is_wrong() {
    let report = processor().seamreport(0, [1; 48], [2; 48], [3; 64]);
    let (_, registers) = everifyreport2(report.as_bytes()).exit();
    assert_eq!((registers.r8, registers.r9 & CODE_FLAGS), (0, 0));

    let mut forged = report;
    forged.reportdata[0] ^= 1;
    let mut older = report;
    older.cpusvn = [4; 16];
    let mut malformed = report;
    malformed.reserved1[0] = 1;
    for (report, code) in [(forged, 28), (older, 32), (malformed, 28)] {
        let (_, registers) = everifyreport2(report.as_bytes()).exit();
        assert_eq!(registers.r8, code);
        assert_eq!(registers.r9 & CODE_FLAGS, flags::ZF);
    }
}

#[test]
fn leaves_that_do_not_exist_inside_are_general_protection_faults() {
    for number in [2, 3, 5, 6, 7, 9, 10, 0xffff_ffff] {
        let tiny = Tiny::new(&[&leaf(number, &[("rbx", DATA), ("rcx", DATA)]), &eexit()]);
        let (_, exception, inside) = tiny.exception();
        assert_eq!(exception.vector, Vector::GeneralProtection, "leaf {number}");
        assert_eq!(read::<3>(&tiny.machine(), inside.rip), ENCLU);
    }
}
