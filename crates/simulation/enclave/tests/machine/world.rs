//! Tiny enclaves, and how they are started.

use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::machine::{Backend, Event, Exception, Exit, Machine, Registers, flags};
use bulla_evidence::layout::SgxAttributes;
use bulla_issuer::Seed;
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::{SecinfoFlags, Tcs};
use bulla_processor::{
    Enclave, EnclaveSigner, Fuses, Grants, Processor, Sigstruct, StartParameters,
};
use zerocopy::{FromZeros, IntoBytes};

/// Where the machine places enclaves, and what is where in the tiny ones.
pub(crate) const BASE: u64 = 1 << 36;
pub(crate) const DATA: u64 = BASE + 0x1000;
pub(crate) const CONSTANTS: u64 = BASE + 0x2000;
pub(crate) const HOLE: u64 = BASE + 0x3000;
pub(crate) const TCS: u64 = BASE + 0x4000;
pub(crate) const SSA: u64 = BASE + 0x5000;
/// Registers of the first frame, and its bytes that are looked at.
pub(crate) const GPRSGX: u64 = SSA + 0x1000 - 184;
/// Memory that is shared with the outside.
pub(crate) const ARENA: u64 = 1 << 35;
pub(crate) const ARENA_SIZE: u64 = 1 << 16;
/// Where the outside is, and wants asynchronous exits.
pub(crate) const OUTSIDE: u64 = 0x7000_1234;
pub(crate) const AEP: u64 = 0x7000_5678;

pub(crate) const ENCLU: &[u8] = &[0x0f, 0x01, 0xd7];
pub(crate) const UD2: &[u8] = &[0x0f, 0x0b];
pub(crate) const STC: &[u8] = &[0xf9];

pub(crate) type TinyMachine = Machine<PtraceBackend>;

pub(crate) struct Tiny {
    pub(crate) code: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) frames: u32,
    /// Pages of each frame of the state save area.
    pub(crate) frame_pages: u32,
    pub(crate) flags: u64,
    pub(crate) miscselect: u32,
    pub(crate) svn: u16,
    pub(crate) xfrm: u64,
    /// What the owner of the platform permits.
    pub(crate) grants: Grants,
    /// A page beside the usual ones.
    pub(crate) extra: Option<ImagePage>,
}

impl Tiny {
    pub(crate) fn new(code: &[&[u8]]) -> Self {
        Self {
            code: code.concat(),
            data: Vec::new(),
            frames: 1,
            frame_pages: 1,
            flags: 0,
            miscselect: 0,
            svn: 3,
            xfrm: 3,
            grants: Grants::default(),
            extra: None,
        }
    }

    pub(crate) fn image(&self) -> Image {
        let tcs = Tcs {
            ossa: (SSA - BASE).into(),
            nssa: self.frames.into(),
            oentry: 0.into(),
            ofsbase: (DATA - BASE).into(),
            ogsbase: (CONSTANTS - BASE).into(),
            fslimit: 0xfff.into(),
            gslimit: 0xfff.into(),
            ..Tcs::new_zeroed()
        };
        let mut pages = vec![
            ImagePage::measured(0, SecinfoFlags::CODE, &self.code),
            ImagePage::measured(DATA - BASE, SecinfoFlags::DATA, &self.data),
            ImagePage::measured(CONSTANTS - BASE, SecinfoFlags::CONSTANTS, &[]),
            ImagePage::measured(TCS - BASE, SecinfoFlags::TCS, tcs.as_bytes()),
        ];
        pages.extend(
            (0..u64::from(self.frames * self.frame_pages))
                .map(|page| ImagePage::unmeasured(SSA - BASE + page * 0x1000, SecinfoFlags::DATA)),
        );
        pages.extend(self.extra.clone());
        pages.sort_by_key(|page| page.offset);
        Image::new(self.frame_pages, pages).expect("pages that rise")
    }

    /// The signature of an image, with the attributes that this starts with.
    pub(crate) fn sigstruct_of(&self, image: &Image) -> Sigstruct {
        let mrenclave = image.mrenclave().expect("the size is known");
        let mut sigstruct = Sigstruct {
            attributes: self.parameters().attributes,
            attribute_mask: SgxAttributes {
                flags: u64::MAX.into(),
                xfrm: 0.into(),
            },
            miscselect: self.miscselect.into(),
            isvsvn: self.svn.into(),
            isvprodid: 1.into(),
            ..Sigstruct::new(mrenclave)
        };
        EnclaveSigner::demonstration().sign(&mut sigstruct);
        sigstruct
    }

    fn parameters(&self) -> StartParameters {
        let mut parameters = StartParameters::new(self.flags);
        parameters.attributes.xfrm = self.xfrm.into();
        parameters.miscselect = self.miscselect;
        parameters
    }

    pub(crate) fn enclave(&self) -> Enclave {
        self.enclave_of(&self.image())
    }

    fn enclave_of(&self, image: &Image) -> Enclave {
        let sigstruct = self.sigstruct_of(image);
        Enclave::load(image, &sigstruct, &self.parameters(), self.grants)
            .expect("a tiny enclave starts")
    }

    pub(crate) fn machine(&self) -> TinyMachine {
        self.machine_of(&self.image())
    }

    /// A machine for another image, started in the same way.
    pub(crate) fn machine_of(&self, image: &Image) -> TinyMachine {
        let enclave = self.enclave_of(image);
        let backend = PtraceBackend::new(&enclave, ARENA_SIZE, BesideHardware::Refuse)
            .expect("processes can be traced here");
        Machine::new(backend, enclave, processor())
    }

    /// Enters it once, and expects that it leaves by EEXIT.
    pub(crate) fn exit(&self) -> (TinyMachine, Registers) {
        let mut machine = self.machine();
        let registers = synchronous(machine.enter(TCS, AEP, &outside()).expect("entered"));
        (machine, registers)
    }

    /// Enters it once, and expects an exception; gives it with the registers inside.
    pub(crate) fn exception(&self) -> (TinyMachine, Exception, Registers) {
        let mut machine = self.machine();
        let exit = machine.enter(TCS, AEP, &outside()).expect("entered");
        match exit {
            Exit::Asynchronous {
                event: Event::Exception(exception),
                inside,
                ..
            } => (machine, exception, inside),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn processor() -> Processor {
    Processor::new(Fuses::derive(&Seed::from(1), "machine"), [5; 16])
}

/// Registers outside, each one told from the others.
pub(crate) fn outside() -> Registers {
    Registers {
        rax: 2,
        rbx: TCS,
        rcx: AEP,
        rsp: 0x7fff_0000,
        rbp: 0x7fff_1000,
        rsi: 0x51,
        rdi: 0xd1,
        r15: 0x15,
        rip: OUTSIDE,
        rflags: flags::ALWAYS,
        fs_base: 0x1111_0000,
        gs_base: 0x2222_0000,
        ..Registers::default()
    }
}

pub(crate) fn synchronous(exit: Exit) -> Registers {
    match exit {
        Exit::Synchronous(registers) => registers,
        other => panic!("{other:?}"),
    }
}

/// `mov REGISTER, value`, of 64 bits.
pub(crate) fn load(register: &str, value: u64) -> Vec<u8> {
    let names = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
    let number = names
        .iter()
        .position(|name| *name == register)
        .expect("a low register");
    [&[0x48, 0xb8 + number as u8][..], &value.to_le_bytes()].concat()
}

/// A leaf with its operands.
pub(crate) fn leaf(number: u64, operands: &[(&str, u64)]) -> Vec<u8> {
    let mut code = load("rax", number);
    for (register, value) in operands {
        code.extend(load(register, *value));
    }
    code.extend(ENCLU);
    code
}

/// `EEXIT` to [`OUTSIDE`].
pub(crate) fn eexit() -> Vec<u8> {
    leaf(4, &[("rbx", OUTSIDE)])
}

/// `mov r8, rax; pushf-less copy of the flags into r9`: what a leaf left. The flags go by way of a
/// stack in the data page.
pub(crate) fn keep_outcome() -> Vec<u8> {
    let mut code = vec![0x49, 0x89, 0xc0]; // mov r8, rax
    code.extend(load("rsp", DATA + 0x1000));
    code.extend([0x9c, 0x41, 0x59]); // pushfq; pop r9
    code
}

pub(crate) fn read<const N: usize>(machine: &TinyMachine, address: u64) -> [u8; N] {
    let mut bytes = [0; N];
    machine.backend().read(address, &mut bytes).expect("memory");
    bytes
}

pub(crate) fn read_u64(machine: &TinyMachine, address: u64) -> u64 {
    u64::from_le_bytes(read(machine, address))
}
