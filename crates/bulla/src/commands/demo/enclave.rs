//! The enclave of the demonstration, and what executes it.

use bulla_enclave::image::demonstration::{EXCHANGE, REPORT_AT, REPORT_DATA_AT, image};
use bulla_enclave::machine::ptrace::{BesideHardware, PtraceBackend};
use bulla_enclave::machine::{Backend, Event, Exit, Machine, Registers, flags};
use bulla_evidence::Tee;
use bulla_evidence::layout::{SgxReport, sgx_attributes};
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::TargetInfo;
use bulla_processor::{
    Enclave, EnclaveSigner, Grants, Platform, Processor, Sigstruct, StartParameters,
};
use zerocopy::{FromBytes, IntoBytes};

use super::broken;
use crate::error::Error;

/// The version that the policy demands.
pub(super) const VERSION: u16 = 2;

/// Memory that enclave and outside share, in bytes: a multiple of the page size.
const SHARED: u64 = 64 * 1024;

/// Where whoever enters is, and wants asynchronous exits: any two addresses, as the outside is not
/// executed.
const OUTSIDE: u64 = 0x7000_0000;
const ASYNCHRONOUS_EXIT: u64 = 0x7000_1000;

/// How often the clock may interrupt the enclave, which needs some dozens of instructions, before
/// it is given up.
const PATIENCE: usize = 10_000;

/// A program, loaded, measured and initialised.
#[derive(Clone)]
pub(super) struct Program(Enclave);

impl Program {
    /// As its owner meant it.
    pub(super) fn genuine() -> Result<Self, Error> {
        Self::start(&image(), &EnclaveSigner::demonstration(), VERSION, 0)
    }

    /// One byte of its data page is another.
    pub(super) fn altered() -> Result<Self, Error> {
        let genuine = image();
        let mut pages: Vec<ImagePage> = genuine.pages().to_vec();
        if let Some(byte) = pages.first_mut().and_then(|page| page.data.first_mut()) {
            *byte ^= 1;
        }
        let altered = Image::new(genuine.ssa_frame_size(), pages).map_err(broken)?;
        Self::start(&altered, &EnclaveSigner::demonstration(), VERSION, 0)
    }

    /// Signed by somebody else.
    pub(super) fn of_another_signer() -> Result<Self, Error> {
        Self::start(&image(), &EnclaveSigner::architectural(), VERSION, 0)
    }

    /// Started in debug mode.
    pub(super) fn debugged() -> Result<Self, Error> {
        let signer = EnclaveSigner::demonstration();
        Self::start(&image(), &signer, VERSION, sgx_attributes::DEBUG)
    }

    /// An older version.
    pub(super) fn outdated() -> Result<Self, Error> {
        Self::start(&image(), &EnclaveSigner::demonstration(), VERSION - 1, 0)
    }

    fn start(
        image: &Image,
        signer: &EnclaveSigner,
        version: u16,
        flags: u64,
    ) -> Result<Self, Error> {
        let mrenclave = image.mrenclave();
        let mrenclave = mrenclave.ok_or_else(|| broken("the size of the image is open"))?;
        let parameters = StartParameters::new(flags);
        let mut sigstruct = Sigstruct {
            attributes: parameters.attributes,
            isvsvn: version.into(),
            ..Sigstruct::new(mrenclave)
        };
        sigstruct.attribute_mask.flags = u64::MAX.into();
        signer.sign(&mut sigstruct);
        let started = Enclave::load(image, &sigstruct, &parameters, Grants::default());
        Ok(Self(started.map_err(broken)?))
    }

    /// What was measured.
    pub(super) fn mrenclave(&self) -> String {
        hex::encode(self.0.secs().mrenclave)
    }

    /// Who signed it.
    pub(super) fn mrsigner(&self) -> String {
        hex::encode(self.0.secs().mrsigner)
    }
}

/// What executes enclaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Executor {
    /// The machine: each enclave in a process of its own.
    Machine,
    /// Nothing: the model of the processor reports for them.
    Model {
        /// Why.
        reason: String,
    },
}

impl Executor {
    /// The machine, where this computer lets processes be traced.
    pub(super) fn find(program: &Program, platform: &Platform) -> Self {
        let tried = Self::Machine.report(program, platform, [0; 64]);
        match tried {
            Ok(_) => Self::Machine,
            Err(reason) => Self::Model { reason },
        }
    }

    /// What a program reports, with these data, to the platform's quoting enclave.
    pub(super) fn report(
        &self,
        program: &Program,
        platform: &Platform,
        data: [u8; 64],
    ) -> Result<SgxReport, String> {
        let Program(enclave) = program;
        let target = platform.quoting_enclave(Tee::Sgx).target_info();
        let processor = platform.processor();
        match self {
            Self::Machine => execute(enclave.clone(), processor, &target, &data),
            Self::Model { .. } => {
                let reported = processor.ereport(enclave, &target, data);
                reported.map_err(|failure| failure.to_string())
            }
        }
    }
}

/// Has the enclave of the demonstration report: it is entered with an exchange in shared memory.
fn execute(
    enclave: Enclave,
    processor: &Processor,
    target: &TargetInfo,
    data: &[u8; 64],
) -> Result<SgxReport, String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    // Whoever asks for the demonstration asks for a simulation, also beside hardware.
    let backend = PtraceBackend::new(&enclave, SHARED, BesideHardware::Insist)
        .map_err(|error| failed(&error))?;
    let (exchange, _) = backend.arena();
    let mut bytes = [0; EXCHANGE];
    put(&mut bytes, 0, target.as_bytes());
    put(&mut bytes, REPORT_DATA_AT, data);
    backend
        .write(exchange, &bytes)
        .map_err(|error| failed(&error))?;
    let mut machine = Machine::new(backend, enclave, processor.clone());
    let outside = Registers {
        rdi: exchange,
        rip: OUTSIDE,
        rflags: flags::ALWAYS,
        ..Registers::default()
    };
    let thread = machine.threads().first().copied();
    let thread = thread.ok_or("the image has no thread")?;
    let mut exit = machine.enter(thread, ASYNCHRONOUS_EXIT, &outside);
    for _ in 0..PATIENCE {
        match exit.map_err(|error| failed(&error))? {
            Exit::Synchronous(Registers { rsi: 0, .. }) => {
                let at = exchange.saturating_add(REPORT_AT as u64);
                let mut report = [0; size_of::<SgxReport>()];
                machine
                    .backend()
                    .read(at, &mut report)
                    .map_err(|error| failed(&error))?;
                return SgxReport::read_from_bytes(&report).map_err(|error| failed(&error));
            }
            Exit::Asynchronous {
                event: Event::Tick | Event::Interrupt,
                outside,
                ..
            } => exit = machine.resume(thread, ASYNCHRONOUS_EXIT, &outside),
            other => return Err(format!("the enclave was left otherwise: {other:?}")),
        }
    }
    Err("the enclave does not end".to_owned())
}

fn put(bytes: &mut [u8], at: usize, content: &[u8]) {
    let place = bytes.iter_mut().skip(at);
    for (byte, given) in place.zip(content) {
        *byte = *given;
    }
}
