//! Evidence from the kernel's interface, against a model of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulla_gate::{
    ATTEMPTS, ConfigfsTsm, EvidenceError, EvidenceFormat, EvidenceProvider, MAX_BLOB_SIZE,
};
use bulla_tests::tsm::{BASE, Kernel};
use rustix::io::Errno;

const DATA: [u8; 64] = [7; 64];

fn of(kernel: &Kernel) -> ConfigfsTsm<Kernel> {
    ConfigfsTsm::over(BASE, kernel.clone())
}

/// A kernel whose firmware gives this, and how often it was asked.
fn answering(provider: &'static str, answer: Result<Vec<u8>, Errno>) -> (Kernel, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let kernel = Kernel::new(
        provider,
        Box::new(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            answer.clone().map(|blob| (blob, Vec::new()))
        }),
    );
    (kernel, asked)
}

#[test]
fn a_quote_of_tdx_carries_what_was_asked_and_leaves_nothing() {
    let kernel = Kernel::echoing("tdx_guest");
    let evidence = of(&kernel).collect(&DATA).expect("evidence");
    assert_eq!(evidence.format, EvidenceFormat::DcapQuote);
    assert_eq!(evidence.bytes, [b"signed ", &DATA[..]].concat());
    assert_eq!(evidence.auxiliary, b"");
    assert_eq!(kernel.entries(), 0);
    assert_eq!(
        kernel.calls(),
        [
            "mkdir report",
            "read provider",
            "read generation",
            "write inblob",
            "read generation",
            "read outblob",
            "read generation",
            "rmdir report",
        ],
    );
}

#[test]
fn a_report_of_sev_snp_comes_with_its_table_and_at_its_level() {
    let kernel = Kernel::echoing("sev_guest").with_lowest_level(1);
    let evidence = of(&kernel).collect(&DATA).expect("evidence");
    assert_eq!(evidence.format, EvidenceFormat::SnpReport);
    assert_eq!(evidence.auxiliary, b"table ");

    let at_level = of(&kernel).with_privilege_level(2).collect(&DATA);
    assert_eq!(at_level.expect("evidence").auxiliary, b"table \x02");

    let below = of(&kernel).with_privilege_level(0).collect(&DATA);
    assert!(
        matches!(&below, Err(EvidenceError::Refused { path, .. }) if path.ends_with("privlevel")),
        "{below:?}"
    );
    assert_eq!(kernel.entries(), 0);
}

#[test]
fn a_privilege_level_that_the_platform_has_not_is_no_evidence() {
    let kernel = Kernel::echoing("tdx_guest");
    let refused = of(&kernel).with_privilege_level(0).collect(&DATA);
    assert!(
        matches!(&refused, Err(EvidenceError::Io { path, .. }) if path.ends_with("privlevel")),
        "{refused:?}"
    );
    assert_eq!(kernel.entries(), 0);
}

/// Another user writes before a call: after ours was taken, or while blobs are read.
#[test]
fn evidence_after_the_write_of_another_is_thrown_away() {
    // Calls of a first attempt: 4 reads the count, 5 the blob, 6 the count again.
    for moment in [4, 5, 6] {
        let kernel = Kernel::echoing("tdx_guest").with_meddler(move |call, entries| {
            if call == moment {
                entries
                    .values_mut()
                    .for_each(|entry| entry.write_inblob(&[66; 64]));
            }
        });
        let evidence = of(&kernel).collect(&DATA).expect("evidence");
        assert_eq!(evidence.bytes, [b"signed ", &DATA[..]].concat(), "{moment}");
        assert_eq!(kernel.made(), 2, "{moment}: another entry was made");
        assert_eq!(kernel.entries(), 0);
    }
}

#[test]
fn a_write_of_another_before_ours_counts_too() {
    let kernel = Kernel::echoing("tdx_guest").with_meddler(|call, entries| {
        if call == 2 || call == 3 {
            entries
                .values_mut()
                .for_each(|entry| entry.write_inblob(&[66; 64]));
        }
    });
    let evidence = of(&kernel).collect(&DATA).expect("evidence");
    assert_eq!(evidence.bytes, [b"signed ", &DATA[..]].concat());
    assert_eq!(kernel.made(), 2);
}

#[test]
fn whoever_always_interferes_is_reported_after_some_attempts() {
    let kernel = Kernel::echoing("tdx_guest").with_meddler(|_, entries| {
        entries
            .values_mut()
            .for_each(|entry| entry.write_inblob(&[66; 64]));
    });
    let failed = of(&kernel).collect(&DATA);
    assert!(
        matches!(
            failed,
            Err(EvidenceError::Interfered { attempts: ATTEMPTS, expected: 0, found, .. })
                if found > 0
        ),
        "{failed:?}"
    );
    assert_eq!(kernel.made(), usize::try_from(ATTEMPTS).expect("few"));
    assert_eq!(kernel.entries(), 0);
}

#[test]
fn an_entry_that_another_removes_is_no_evidence() {
    let kernel = Kernel::echoing("tdx_guest").with_meddler(|call, entries| {
        if call == 5 {
            entries.clear();
        }
    });
    assert!(matches!(
        of(&kernel).collect(&DATA),
        Err(EvidenceError::Io { .. })
    ));

    // After everything was read it does not matter.
    let kernel = Kernel::echoing("tdx_guest").with_meddler(|call, entries| {
        if call == 7 {
            entries.clear();
        }
    });
    assert!(of(&kernel).collect(&DATA).is_ok());
}

#[test]
fn a_busy_interface_is_tried_again_within_bounds() {
    let (kernel, asked) = answering("tdx_guest", Err(Errno::BUSY));
    let failed = of(&kernel).collect(&DATA);
    assert!(
        matches!(
            failed,
            Err(EvidenceError::Busy {
                attempts: ATTEMPTS,
                ..
            })
        ),
        "{failed:?}"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert_eq!(kernel.entries(), 0);
}

type IsExpected = fn(&EvidenceError) -> bool;

/// Firmware that failed is not asked again: each failure may cost the key to it.
#[test]
fn every_failure_of_the_firmware_has_its_own_name_and_is_not_repeated() {
    let cases: [(Result<Vec<u8>, Errno>, IsExpected); 6] = [
        (Err(Errno::INVAL), |error| {
            matches!(error, EvidenceError::Refused { .. })
        }),
        (Err(Errno::TIMEDOUT), |error| {
            matches!(error, EvidenceError::Throttled { .. })
        }),
        (Err(Errno::NOTTY), |error| {
            matches!(error, EvidenceError::Unusable { .. })
        }),
        (Err(Errno::IO), |error| {
            matches!(error, EvidenceError::Io { .. })
        }),
        (Ok(Vec::new()), |error| {
            matches!(error, EvidenceError::Empty { .. })
        }),
        (Ok(vec![0; MAX_BLOB_SIZE + 1]), |error| {
            matches!(
                error,
                EvidenceError::TooLarge {
                    limit: MAX_BLOB_SIZE,
                    ..
                }
            )
        }),
    ];
    for (answer, is_expected) in cases {
        let (kernel, asked) = answering("tdx_guest", answer.clone());
        let error = of(&kernel).collect(&DATA).expect_err("no evidence");
        assert!(
            is_expected(&error),
            "{:?}: {error:?}",
            answer.map(|blob| blob.len())
        );
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(kernel.entries(), 0, "removed whatever came of it");
    }
    let (kernel, _) = answering("tdx_guest", Ok(vec![1; MAX_BLOB_SIZE]));
    assert!(
        of(&kernel).collect(&DATA).is_ok(),
        "the longest that is read"
    );
}

#[test]
fn a_kernel_without_interface_or_provider_says_what_to_do() {
    let nothing = of(&Kernel::bare()).collect(&DATA);
    assert!(
        matches!(&nothing, Err(EvidenceError::NoProvider { path }) if path == Path::new(BASE)),
        "{nothing:?}"
    );
    let elsewhere = ConfigfsTsm::at("/nowhere/tsm/report").collect(&DATA);
    assert!(
        matches!(&elsewhere, Err(EvidenceError::NoInterface { .. })),
        "{elsewhere:?}"
    );
    let message = elsewhere.expect_err("none").to_string();
    assert!(message.contains("Linux 6.7"), "{message}");

    let unknown = of(&Kernel::echoing("arm_cca_guest")).collect(&DATA);
    assert!(
        matches!(&unknown, Err(EvidenceError::ProviderUnknown { name }) if name == "arm_cca_guest"),
        "{unknown:?}"
    );
}

#[test]
fn entries_of_the_same_process_do_not_meet() {
    let kernel = Kernel::echoing("tdx_guest");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let provider = of(&kernel);
            scope.spawn(move || {
                let evidence = provider.collect(&[number; 64]).expect("evidence");
                assert_eq!(evidence.bytes, [b"signed ", &[number; 64][..]].concat());
            });
        }
    });
    assert_eq!((kernel.made(), kernel.entries()), (8, 0));
}
