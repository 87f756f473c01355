//! The leaves of `ENCLU` that an enclave executes and stays inside.
//!
//! What they compute is the processor model's; here is how operands come out of memory and results
//! go back, with registers and flags as documented (Intel SDM volume 3D, "SGX instructions").

use bulla_evidence::layout::ReportMac;
use bulla_processor::structures::{KeyRequest, PAGE_SIZE, PageType, SecinfoFlags, TargetInfo};
use bulla_processor::{Enclave, Failure, Processor};
use zerocopy::{FromBytes, IntoBytes};
use zeroize::Zeroize;

use super::backend::{Backend, BackendError};
use super::event::{Exception, Vector};
use super::registers::{Registers, flags};

/// Bytes of `ENCLU`.
pub(super) const ENCLU: [u8; 3] = [0x0f, 0x01, 0xd7];

/// The leaves by their number in `EAX`.
pub mod leaf {
    /// Reports to another enclave.
    pub const EREPORT: u32 = 0;
    /// Gives a key.
    pub const EGETKEY: u32 = 1;
    /// Enters an enclave.
    pub const EENTER: u32 = 2;
    /// Enters it where it was left.
    pub const ERESUME: u32 = 3;
    /// Leaves it.
    pub const EEXIT: u32 = 4;
    /// Checks the report of a trust domain.
    pub const EVERIFYREPORT2: u32 = 8;
}

/// Whether an exception can be how a processor answers `ENCLU` outside an enclave: one without SGX with an
/// invalid opcode; one with SGX, which the machine may hide, with a general protection fault, but for the two
/// leaves that enter with a page fault, as there is no enclave where their operands say.
pub(super) fn is_answer(registers: &Registers, exception: &Exception) -> bool {
    match exception.vector {
        Vector::InvalidOpcode | Vector::GeneralProtection => true,
        Vector::PageFault => {
            let is_entry = [leaf::EENTER, leaf::ERESUME].contains(&(registers.rax as u32));
            // The instruction itself can be what is not there to be executed.
            let is_fetched = exception
                .address
                .is_some_and(|address| address.wrapping_sub(registers.rip) >= ENCLU.len() as u64);
            is_entry && is_fetched
        }
        _ => false,
    }
}

/// Why a leaf did not complete.
pub(super) enum Trap {
    /// It raised this.
    Exception(Exception),
    /// Nothing can be executed any more.
    Backend(BackendError),
}

impl From<Exception> for Trap {
    fn from(exception: Exception) -> Self {
        Self::Exception(exception)
    }
}

impl From<BackendError> for Trap {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

/// What leaves work on.
pub(super) struct Inside<'a, B> {
    pub(super) backend: &'a B,
    pub(super) enclave: &'a Enclave,
    pub(super) processor: &'a Processor,
}

impl<B: Backend> Inside<'_, B> {
    /// Executes the leaf in `EAX`. The instruction pointer is left where it is.
    pub(super) fn execute(&self, registers: &mut Registers) -> Result<(), Trap> {
        match registers.rax as u32 {
            leaf::EREPORT => self.ereport(registers),
            leaf::EGETKEY => self.egetkey(registers),
            leaf::EVERIFYREPORT2 => self.everifyreport2(registers),
            leaf::EENTER | leaf::ERESUME => {
                Err(Exception::protection("entering from inside an enclave").into())
            }
            5..=7 => {
                Err(Exception::protection("the processor has no dynamic memory (SGX2)").into())
            }
            _ => Err(Exception::protection("the processor has no such leaf of ENCLU").into()),
        }
    }

    /// `EREPORT`: `RBX` the target, `RCX` 64 bytes of data, `RDX` where the report goes. No
    /// register and no flag changes.
    fn ereport(&self, registers: &Registers) -> Result<(), Trap> {
        let target: TargetInfo = self.read(registers.rbx, 512)?;
        let data: [u8; 64] = self.read(registers.rcx, 128)?;
        self.writable(registers.rdx, 432, 512)?;
        let report = self.processor.ereport(self.enclave, &target, data);
        let report = report.map_err(|failure| fault(&failure))?;
        self.backend.write(registers.rdx, report.as_bytes())?;
        Ok(())
    }

    /// `EGETKEY`: `RBX` the request, `RCX` where the key goes.
    fn egetkey(&self, registers: &mut Registers) -> Result<(), Trap> {
        let request: KeyRequest = self.read(registers.rbx, 512)?;
        self.writable(registers.rcx, 16, 16)?;
        match self.processor.egetkey(self.enclave, &request) {
            Ok(key) => {
                let mut bytes = *key.as_bytes();
                let written = self.backend.write(registers.rcx, &bytes);
                bytes.zeroize();
                written?;
                complete(registers, 0);
                Ok(())
            }
            Err(failure) => refuse(registers, &failure),
        }
    }

    /// `EVERIFYREPORT2`: `RBX` the part of a trust domain's report that the processor
    /// authenticates. Alignment to 256 bytes is unchecked.
    fn everifyreport2(&self, registers: &mut Registers) -> Result<(), Trap> {
        let report: ReportMac = self.read(registers.rbx, 256)?;
        match self.processor.everifyreport2(&report) {
            Ok(()) => {
                complete(registers, 0);
                Ok(())
            }
            Err(failure) => refuse(registers, &failure),
        }
    }

    /// A structure in the enclave's memory that the enclave may read.
    fn read<T: FromBytes + IntoBytes>(&self, address: u64, alignment: u64) -> Result<T, Trap> {
        let mut value = T::new_zeroed();
        let bytes = value.as_mut_bytes();
        self.check(address, bytes.len() as u64, alignment, SecinfoFlags::R)?;
        self.backend.read(address, bytes)?;
        Ok(value)
    }

    fn writable(&self, address: u64, size: u64, alignment: u64) -> Result<(), Trap> {
        self.check(address, size, alignment, SecinfoFlags::W)
    }

    /// A general protection fault for what is not aligned or not in the enclave's range, a page
    /// fault where no page permits the access.
    fn check(&self, address: u64, size: u64, alignment: u64, needs: u64) -> Result<(), Trap> {
        if !address.is_multiple_of(alignment) {
            return Err(Exception::protection("an operand of ENCLU is not aligned").into());
        }
        let offset = address.checked_sub(self.backend.base());
        let within = |offset: &u64| {
            let end = offset.checked_add(size);
            end.is_some_and(|end| end <= self.enclave.secs().size.get())
        };
        let Some(offset) = offset.filter(within) else {
            return Err(Exception::protection("an operand of ENCLU is outside the enclave").into());
        };
        let first = offset - offset % PAGE_SIZE;
        for page in (first..offset + size).step_by(PAGE_SIZE as usize) {
            let flags = self.enclave.page(page).map(|(flags, _)| flags);
            let permits =
                |flags: &SecinfoFlags| flags.page_type() == Some(PageType::Reg) && flags.has(needs);
            if !flags.as_ref().is_some_and(permits) {
                let present = u32::from(flags.is_some());
                let write = if needs == SecinfoFlags::W { 2 } else { 0 };
                let at = self.backend.base() + page.max(offset);
                return Err(Exception::page(at, 4 | write | present).into());
            }
        }
        Ok(())
    }
}

/// Leaves a code in `RAX`, the same in `ZF` as one bit, and the other flags of arithmetic clear.
fn complete(registers: &mut Registers, code: u64) {
    let cleared = flags::CF | flags::PF | flags::AF | flags::ZF | flags::SF | flags::OF;
    registers.rax = code;
    registers.rflags &= !cleared;
    if code != 0 {
        registers.rflags |= flags::ZF;
    }
}

fn refuse(registers: &mut Registers, failure: &Failure) -> Result<(), Trap> {
    match failure.error_code() {
        Some(code) => {
            complete(registers, code.number());
            Ok(())
        }
        None => Err(fault(failure)),
    }
}

fn fault(failure: &Failure) -> Trap {
    let reason = match failure {
        Failure::Code { reason, .. } | Failure::Fault { reason } => *reason,
    };
    Trap::Exception(Exception {
        reason: Some(reason),
        ..Exception::new(Vector::GeneralProtection)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entering_is_answered_by_a_page_fault_of_its_operand_and_nothing_else_is() {
        let registers = |leaf: u32| Registers {
            rax: leaf.into(),
            rip: 0x1ffe,
            ..Registers::default()
        };
        let refused = Exception::new(Vector::GeneralProtection);
        let operand = Exception::page(0x5fff, 4);
        for number in 0..=10 {
            let registers = registers(number);
            assert!(is_answer(&registers, &refused));
            let is_entry = [leaf::EENTER, leaf::ERESUME].contains(&number);
            assert_eq!(is_answer(&registers, &operand), is_entry, "leaf {number}");
        }
        let entering = registers(leaf::EENTER);
        for address in [0x1ffe, 0x2000] {
            assert!(!is_answer(&entering, &Exception::page(address, 0x14)));
        }
        assert!(is_answer(&entering, &Exception::page(0x2001, 4)));
        assert!(!is_answer(&entering, &Exception::new(Vector::DivideError)));
    }
}
