//! What a preview remembers, counted by an allocator made for it.

use bulla_appraisal::Demand;
use bulla_tests::fleet::Fleet;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Most bytes that a preview of this many platforms has at a time.
fn most(fleet: &Fleet, platforms: u32, kinds: u32) -> usize {
    let demand = Demand::default();
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut preview = fleet.preview(&demand);
    for place in 0..platforms {
        preview.judge(&fleet.platform(place, kinds));
    }
    let different = usize::try_from(kinds).expect("a number");
    assert_eq!(preview.different(), different);
    let most = dhat::HeapStats::get().max_bytes;
    eprintln!("{platforms:>8} platforms, {kinds:>6} different: {most:>10} bytes at most");
    most
}

/// One test, because the counter counts for the whole process.
#[test]
fn a_preview_grows_with_what_differs_and_with_nothing_else() {
    let fleet = Fleet::new();
    let few = most(&fleet, 2_000, 1_000);
    assert_eq!(most(&fleet, 200_000, 1_000), few);
    let many = most(&fleet, 16_000, 16_000);
    assert!((8 * few..32 * few).contains(&many), "{few}, {many}");
    assert!(many < 16_000 * 4_096, "{many}");
}
