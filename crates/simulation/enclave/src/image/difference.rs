//! Why two images measure differently.

use std::cmp::Ordering;

use bulla_processor::sgxs::{CHUNK_SIZE, Image, ImagePage, Size};
use bulla_processor::structures::{PAGE_SIZE, SecinfoFlags};

/// Bytes that are shown of contents that differ.
const SHOWN: usize = 16;

/// One of the two images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// Bytes that differ: up to 16 from the first difference on, within the page.
pub type Bytes = Vec<u8>;

/// One thing in which two images differ. Offsets are in bytes from the start of the enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// How large the enclave is (`SECS.SIZE`).
    Size {
        /// In the first.
        left: Size,
        /// In the second.
        right: Size,
    },
    /// Pages of a frame of the state save area (`SECS.SSAFRAMESIZE`).
    SsaFrameSize {
        /// In the first.
        left: u32,
        /// In the second.
        right: u32,
    },
    /// Pages that only one of them has, one behind the other.
    PagesMissing {
        /// Where the first is.
        offset: u64,
        /// How many.
        pages: u64,
        /// Who has them.
        only: Side,
        /// Their permissions and type.
        flags: SecinfoFlags,
    },
    /// Permissions or type of a page.
    Flags {
        /// Where it is.
        offset: u64,
        /// In the first.
        left: SecinfoFlags,
        /// In the second.
        right: SecinfoFlags,
    },
    /// Which chunks of 256 bytes of a page are measured, 0 to 15.
    Measured {
        /// Where the page is.
        offset: u64,
        /// In the first.
        left: Vec<u8>,
        /// In the second.
        right: Vec<u8>,
    },
    /// The same chunks of a page, measured in another order.
    Order {
        /// Where the page is.
        offset: u64,
        /// In the first.
        left: Vec<u8>,
        /// In the second.
        right: Vec<u8>,
    },
    /// The contents of a page.
    Content {
        /// Where the first byte is that differs.
        offset: u64,
        /// How many bytes of the page differ.
        count: usize,
        /// Whether any of them is measured in either; else the measurement is the same.
        measured: bool,
        /// From there on, in the first.
        left: Bytes,
        /// From there on, in the second.
        right: Bytes,
    },
}

impl Difference {
    /// Whether it changes the measurement.
    pub fn is_measured(&self) -> bool {
        !matches!(
            self,
            Self::Content {
                measured: false,
                ..
            }
        )
    }
}

/// All differences, by rising offset; none means that the images are the same.
pub fn difference(left: &Image, right: &Image) -> Vec<Difference> {
    let mut differences = Vec::new();
    if left.size() != right.size() {
        differences.push(Difference::Size {
            left: left.size(),
            right: right.size(),
        });
    }
    if left.ssa_frame_size() != right.ssa_frame_size() {
        differences.push(Difference::SsaFrameSize {
            left: left.ssa_frame_size(),
            right: right.ssa_frame_size(),
        });
    }
    let (mut lefts, mut rights) = (
        left.pages().iter().peekable(),
        right.pages().iter().peekable(),
    );
    loop {
        match (lefts.peek().copied(), rights.peek().copied()) {
            (None, None) => return differences,
            (Some(l), Some(r)) if l.offset == r.offset => {
                compare(l, r, &mut differences);
                lefts.next();
                rights.next();
            }
            (Some(l), r) if r.is_none_or(|r| l.offset.cmp(&r.offset) == Ordering::Less) => {
                missing(l, Side::Left, &mut differences);
                lefts.next();
            }
            (_, Some(r)) => {
                missing(r, Side::Right, &mut differences);
                rights.next();
            }
            (Some(_), None) => unreachable!("taken by the arm before"),
        }
    }
}

/// A page that only one has: one more of those before it, if it follows them.
fn missing(page: &ImagePage, side: Side, differences: &mut Vec<Difference>) {
    if let Some(Difference::PagesMissing {
        offset,
        pages,
        only,
        flags,
    }) = differences.last_mut()
        && (*only, *flags) == (side, page.flags)
        && *offset + *pages * PAGE_SIZE == page.offset
    {
        *pages += 1;
        return;
    }
    differences.push(Difference::PagesMissing {
        offset: page.offset,
        pages: 1,
        only: side,
        flags: page.flags,
    });
}

/// What differs between two pages at the same place.
fn compare(left: &ImagePage, right: &ImagePage, differences: &mut Vec<Difference>) {
    let offset = left.offset;
    if left.flags != right.flags {
        differences.push(Difference::Flags {
            offset,
            left: left.flags,
            right: right.flags,
        });
    }
    if left.measured != right.measured {
        let sorted = |page: &ImagePage| {
            let mut chunks = page.measured.clone();
            chunks.sort_unstable();
            chunks
        };
        let (in_left, in_right) = (left.measured.clone(), right.measured.clone());
        differences.push(match sorted(left) == sorted(right) {
            true => Difference::Order {
                offset,
                left: in_left,
                right: in_right,
            },
            false => Difference::Measured {
                offset,
                left: in_left,
                right: in_right,
            },
        });
    }
    let pairs = left.data.iter().zip(right.data.iter());
    let differing: Vec<usize> = pairs
        .enumerate()
        .filter(|(_, (l, r))| l != r)
        .map(|(at, _)| at)
        .collect();
    let Some(first) = differing.first().copied() else {
        return;
    };
    let is_measured = |at: &usize| {
        let chunk = at / CHUNK_SIZE;
        let has = |page: &ImagePage| page.measured.iter().any(|c| usize::from(*c) == chunk);
        has(left) || has(right)
    };
    let shown = |page: &ImagePage| page.data.iter().skip(first).take(SHOWN).copied().collect();
    differences.push(Difference::Content {
        offset: offset + first as u64,
        count: differing.len(),
        measured: differing.iter().any(is_measured),
        left: shown(left),
        right: shown(right),
    });
}
