//! Attribute flags by name.

/// Defines each flag once, as a constant and as an entry in the table of names.
macro_rules! flags {
    ($($(#[$doc:meta])+ $name:ident = $mask:expr;)+) => {
        $($(#[$doc])+ pub const $name: u64 = $mask;)+

        /// Every flag that has a name, from the lowest bit to the highest.
        pub const NAMED: &[(&str, u64)] = &[$((stringify!($name), $name)),+];

        /// The names of the flags that are set, from the lowest bit to the highest.
        pub fn names(flags: u64) -> impl Iterator<Item = &'static str> {
            NAMED
                .iter()
                .filter(move |(_, mask)| flags & mask != 0)
                .map(|(name, _)| *name)
        }

        /// The bits that are set and have no name here.
        #[must_use]
        pub fn unnamed(flags: u64) -> u64 {
            NAMED.iter().fold(flags, |rest, (_, mask)| rest & !mask)
        }
    };
}

/// Flags of an SGX enclave: `attributes.flags` of a report.
///
/// Intel SDM volume 3D, "ATTRIBUTES".
pub mod sgx_attributes {
    flags! {
        /// The enclave is initialised; set in every report.
        INIT = 1 << 0;
        /// The enclave can be read and altered with a debugger: it keeps no secret.
        DEBUG = 1 << 1;
        /// The enclave runs in 64-bit mode.
        MODE64 = 1 << 2;
        /// The enclave may derive provisioning keys, which identify the platform.
        PROVISION_KEY = 1 << 4;
        /// The enclave may derive the key of launch tokens.
        EINITTOKEN_KEY = 1 << 5;
        /// The enclave uses control-flow enforcement.
        CET = 1 << 6;
        /// The enclave uses key separation and sharing.
        KSS = 1 << 7;
        /// The enclave is told of asynchronous exits.
        AEX_NOTIFY = 1 << 10;
    }
}

/// Flags of a trust domain: `tdattributes` of a quote, `attributes` of a TD report.
///
/// Intel TDX module specification, "ATTRIBUTES".
pub mod td_attributes {
    flags! {
        /// The host can read and alter the trust domain: it keeps no secret.
        DEBUG = 1 << 0;
        /// The host may profile the trust domain with HGS+.
        HGS_PLUS_PROF = 1 << 4;
        /// The host may profile the trust domain with performance counters.
        PERF_PROF = 1 << 5;
        /// The host may profile the trust domain with platform monitoring.
        PMT_PROF = 1 << 6;
        /// Bit 16, named as the vendor names it.
        ICSSD = 1 << 16;
        /// The quote carries the extended service TD fields.
        SERVTD_EXT = 1 << 17;
        /// The trust domain may use linear address space separation.
        LASS = 1 << 27;
        /// A pending page raises no exception in the trust domain: the host cannot inject one.
        SEPT_VE_DISABLE = 1 << 28;
        /// The trust domain can be migrated to another platform.
        MIGRATABLE = 1 << 29;
        /// The trust domain may use protection keys for supervisor pages.
        PKS = 1 << 30;
        /// The trust domain may use Key Locker.
        KL = 1 << 31;
        /// The trust domain is a TDX provisioning agent.
        TPA = 1 << 62;
        /// The trust domain may use performance monitoring.
        PERFMON = 1 << 63;
    }

    /// Bits 4 to 6: the host may profile the trust domain in one way or another.
    pub const PROFILING: u64 = HGS_PLUS_PROF | PERF_PROF | PMT_PROF;

    /// Bits 1 to 3, 7 to 15, 23 to 26 and 32 to 61, which no TDX module sets.
    pub const MUST_BE_ZERO: u64 = 0x3fff_ffff_0780_ff8e;
}

#[cfg(test)]
mod tests {
    use super::{sgx_attributes, td_attributes};

    #[test]
    fn set_flags_are_listed_from_the_lowest_bit() {
        let flags = sgx_attributes::MODE64 | sgx_attributes::INIT | sgx_attributes::KSS;
        assert_eq!(
            sgx_attributes::names(flags).collect::<Vec<_>>(),
            ["INIT", "MODE64", "KSS"]
        );
        assert_eq!(sgx_attributes::unnamed(flags | 1 << 40), 1 << 40);
    }

    #[test]
    fn the_reserved_bits_of_a_trust_domain_are_those_of_the_module() {
        let bits = [1..=3, 7..=15, 23..=26, 32..=61];
        let mask = bits
            .into_iter()
            .flatten()
            .fold(0, |mask, bit| mask | 1u64 << bit);
        assert_eq!(td_attributes::MUST_BE_ZERO, mask);
        for (name, flag) in td_attributes::NAMED {
            assert_eq!(flag & mask, 0, "{name}");
        }
        assert_eq!(td_attributes::PROFILING, 0b111 << 4);
    }
}
