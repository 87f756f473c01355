//! How many files the process may have open: as many as its connections need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open besides connections: the store's, listeners, connections to upstreams.
const OTHERS: u64 = 256;

/// Makes room for this many connections, as far as the system allows, and says for how many there
/// is. The limit that a process starts with is 1,024 by custom, for the sake of programs that can
/// handle no more.
pub(super) fn make_room(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let Some(mut current) = limit.current.filter(|current| *current < wanted) else {
        return connections;
    };
    let raised = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let new = Rlimit {
        current: Some(raised),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, new) {
        Ok(()) => current = raised,
        Err(error) => tracing::warn!(%error, "the limit of open files cannot be raised"),
    }
    if current >= wanted {
        return connections;
    }
    // Half of few files are better than none.
    let room = current.saturating_sub(OTHERS).max(current / 2);
    let room = usize::try_from(room).unwrap_or(connections);
    tracing::warn!(
        files = current,
        connections = room,
        "fewer connections than configured: the limit of open files is too low"
    );
    room
}
