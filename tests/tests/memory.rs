//! What reading and verifying allocate, counted by an allocator made for it.

use bulla_evidence::Quote;
use bulla_tests::load;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// One test, because the counter counts for the whole process.
#[test]
fn memory_is_bounded() {
    let extremes = load::extremes();
    for extreme in &extremes {
        let profiler = dhat::Profiler::builder().testing().build();
        extreme.verify();
        let most = dhat::HeapStats::get().max_bytes;
        drop(profiler);
        eprintln!("{:<28} {:>10} bytes at most", extreme.name, most);
        assert!(most <= 16 * 1024 * 1024, "{}: {most} bytes", extreme.name);
    }
    let _profiler = dhat::Profiler::builder().testing().build();
    for extreme in &extremes {
        let before = dhat::HeapStats::get().total_blocks;
        let quote = Quote::parse(extreme.quote()).expect("the issuer writes quotes");
        assert_eq!(
            dhat::HeapStats::get().total_blocks,
            before,
            "{:?}",
            quote.version()
        );
    }
}
