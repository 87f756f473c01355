//! The memory that enclave and outside share, and who has what of it.

use std::collections::BTreeMap;

use crate::machine::Backend;

/// The most pieces that an enclave has at once: a program has a few for each open stream.
const MAX_PIECES: usize = 4096;

/// The least size of a piece, so that small ones do not make many.
const GRAIN: u64 = 16;

/// The largest alignment that is served: a page.
const MAX_ALIGNMENT: u64 = 4096;

/// Pieces of shared memory, by their address.
#[derive(Debug)]
pub(super) struct Arena {
    start: u64,
    end: u64,
    /// Size in bytes, a multiple of [`GRAIN`], by address.
    pieces: BTreeMap<u64, u64>,
}

/// An address that the enclave gave is not in the memory that it shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutsideArena {
    pub(super) address: u64,
    pub(super) length: u64,
}

/// A piece is given back that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAllocated;

impl Arena {
    pub(super) fn new((start, size): (u64, u64)) -> Self {
        Self {
            start,
            end: start + size,
            pieces: BTreeMap::new(),
        }
    }

    /// The first free place of so many bytes; `None` if there is none, or nobody could want it.
    pub(super) fn allocate(&mut self, size: u64, alignment: u64) -> Option<u64> {
        if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
            return None;
        }
        if self.pieces.len() >= MAX_PIECES {
            return None;
        }
        let size = size.max(1).checked_next_multiple_of(GRAIN)?;
        let mut free = self.start;
        for (piece, length) in &self.pieces {
            let place = free.next_multiple_of(alignment);
            if place.checked_add(size)? <= *piece {
                break;
            }
            free = piece + length;
        }
        let place = free.next_multiple_of(alignment);
        if place.checked_add(size)? > self.end {
            return None;
        }
        self.pieces.insert(place, size);
        Some(place)
    }

    /// Takes a piece back.
    pub(super) fn free(&mut self, address: u64, size: u64) -> Result<(), NotAllocated> {
        let size = size.max(1).checked_next_multiple_of(GRAIN);
        match self.pieces.get(&address) {
            Some(length) if Some(*length) == size => {
                self.pieces.remove(&address);
                Ok(())
            }
            _ => Err(NotAllocated),
        }
    }

    /// Whether all of a range is shared memory.
    pub(super) fn check(&self, address: u64, length: u64) -> Result<(), OutsideArena> {
        let end = address.checked_add(length);
        match address >= self.start && end.is_some_and(|end| end <= self.end) {
            true => Ok(()),
            false => Err(OutsideArena { address, length }),
        }
    }

    /// Bytes that the enclave shows.
    pub(super) fn read(
        &self,
        backend: &impl Backend,
        address: u64,
        length: u64,
    ) -> Result<Vec<u8>, OutsideArena> {
        self.check(address, length)?;
        let mut bytes = vec![0; length as usize];
        let read = backend.read(address, &mut bytes);
        read.map_err(|_| OutsideArena { address, length })?;
        Ok(bytes)
    }

    /// Shows bytes to the enclave.
    pub(super) fn write(
        &self,
        backend: &impl Backend,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), OutsideArena> {
        let length = bytes.len() as u64;
        self.check(address, length)?;
        let written = backend.write(address, bytes);
        written.map_err(|_| OutsideArena { address, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x10000;

    fn arena() -> Arena {
        Arena::new((START, 0x1000))
    }

    #[test]
    fn pieces_do_not_overlap_and_their_room_is_used_again() {
        let mut arena = arena();
        let first = arena.allocate(100, 8).expect("room");
        let second = arena.allocate(100, 64).expect("room");
        assert!(second >= first + 100 && second.is_multiple_of(64));
        arena.free(first, 100).expect("it was given");
        assert_eq!(arena.allocate(112, 1), Some(first));
    }

    #[test]
    fn there_is_no_more_than_there_is() {
        let mut arena = arena();
        assert_eq!(arena.allocate(0x1001, 1), None);
        assert_eq!(arena.allocate(u64::MAX, 1), None);
        assert_eq!(arena.allocate(1, 3), None);
        assert_eq!(arena.allocate(1, 1 << 40), None);
        assert_eq!(arena.allocate(0x1000, 1), Some(START));
        assert_eq!(arena.allocate(0, 1), None);
    }

    #[test]
    fn only_what_was_given_comes_back() {
        let mut arena = arena();
        let piece = arena.allocate(64, 8).expect("room");
        assert_eq!(arena.free(piece + 16, 48), Err(NotAllocated));
        assert_eq!(arena.free(piece, 32), Err(NotAllocated));
        assert_eq!(arena.free(piece, 64), Ok(()));
        assert_eq!(arena.free(piece, 64), Err(NotAllocated));
    }

    #[test]
    fn ranges_that_wrap_or_leave_are_outside() {
        let arena = arena();
        assert_eq!(arena.check(START, 0x1000), Ok(()));
        for (address, length) in [
            (START, 0x1001),
            (START - 1, 1),
            (u64::MAX, 2),
            (START + 8, u64::MAX),
        ] {
            assert!(arena.check(address, length).is_err(), "{address:#x}");
        }
    }
}
