//! What is done beside answering.

use std::sync::Arc;
use std::time::Duration;

use bulla_store::Retention;
use tokio::time::sleep;

use crate::fleet::Fleet;
use crate::http::signals;
use crate::keeper::Keeper;

/// How often what has become old is removed: retention is counted in days.
const TIDY: Duration = Duration::from_secs(3_600);

/// How often it is looked whether platforms wait or are to be certified anew: ten at a time, so that a
/// fleet of 100,000 takes a week after a TCB recovery.
const RENEW: Duration = Duration::from_secs(60);

/// Asks for the certificates of platforms that wait, and anew for others when it is time, for ever.
pub(super) async fn renew(fleet: Arc<Fleet>) {
    loop {
        sleep(RENEW).await;
        if !fleet.has_duty("renew", RENEW) {
            continue;
        }
        match fleet.look_at_queue().await {
            Ok(0) => {}
            Ok(asked) => tracing::info!(platforms = asked, "asked for those who wait"),
            Err(error) => tracing::error!(%error, "those who wait cannot be asked for"),
        }
        match fleet.look().await {
            Ok(0) => {}
            Ok(asked) => tracing::info!(platforms = asked, "asked for certificates anew"),
            Err(error) => tracing::error!(%error, "certificates cannot be renewed"),
        }
    }
}

/// Removes what has become old, at the start and every hour, for ever.
pub(super) async fn tidy(keeper: Arc<Keeper>, retention: Retention) {
    loop {
        let collection = Arc::clone(keeper.collection());
        let pruned = tokio::task::spawn_blocking(move || {
            let now = collection.now().at;
            collection
                .store()
                .prune(collection.realm().id(), &retention, now)
        });
        match pruned.await {
            Ok(Ok(pruned)) if pruned.documents + pruned.set_aside > 0 => tracing::info!(
                documents = pruned.documents,
                refused = pruned.set_aside,
                "removed what was kept long enough"
            ),
            Ok(Err(error)) => tracing::error!(%error, "what is old cannot be removed"),
            _ => {}
        }
        sleep(TIDY).await;
    }
}

/// Tells the service manager that the process is alive, twice as often as it wants to know; it ends
/// and starts anew a process that no longer does.
pub(super) async fn feed_watchdog() {
    let Some(patience) = signals::watchdog() else {
        return;
    };
    loop {
        signals::tell_alive();
        sleep(patience / 2).await;
    }
}
