//! The store itself: a backup while the service runs, and whether all that is stored is what was
//! written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_pki::Timestamp;
use bulla_protocol::wire::Status;
use bulla_store::{Store, StoreError};
use serde::Serialize;

use super::{Administration, Outcome, Problem, Query, json};

/// Where backups are put: beside the store. A client names no file.
const FOLDER: &str = "backups";

#[derive(Serialize)]
struct BackedUp {
    file: String,
    audit_entries: u64,
}

#[derive(Serialize)]
struct Checked {
    audit_entries: u64,
}

impl Administration {
    /// Writes a backup into a file of its own, named by the time.
    pub(super) async fn back_up(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&[])?;
        let collection = self.keeper.collection();
        let Some(store) = collection.store().file() else {
            let title = "This store is backed up by PostgreSQL, not by bulla.";
            let detail = "Use pg_dump, or archive the write-ahead log; POST /v1/store/check looks \
                          through what is stored all the same.";
            return Err(
                Problem::new(Status::CONFLICT, "backed-up-by-database", title).because(detail),
            );
        };
        let file = place(store, collection.now().at);
        if file.exists() {
            let title = "There is a backup of this second.";
            return Err(Problem::new(Status::CONFLICT, "backup-exists", title));
        }
        let done = off_thread(Arc::clone(collection.store()), {
            let file = file.clone();
            move |store| {
                if let Some(folder) = file.parent() {
                    make(folder).map_err(|error| StoreError::Unavailable {
                        path: folder.display().to_string(),
                        reason: error.to_string(),
                    })?;
                }
                store.backup(&file)
            }
        })
        .await?;
        let file = file.display().to_string();
        self.note(actor, "store.backup", file.clone(), &serde_json::json!({}))?;
        json(&BackedUp {
            file,
            audit_entries: done.audit_entries,
        })
    }

    /// Reads everything that is stored, the audit chain included.
    pub(super) async fn check(&self, query: &Query) -> Outcome {
        query.only(&[])?;
        let store = Arc::clone(self.keeper.collection().store());
        let done = off_thread(store, Store::check).await?;
        json(&Checked {
            audit_entries: done.audit_entries,
        })
    }
}

/// Does something that takes as long as reading the whole store does, beside the requests.
async fn off_thread<T: Send + 'static>(
    store: Arc<Store>,
    work: impl FnOnce(&Store) -> bulla_store::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || work(&store)).await;
    match done {
        Ok(outcome) => Ok(outcome?),
        Err(_) => {
            let title = "It was broken off.";
            Err(Problem::new(
                Status::INTERNAL_SERVER_ERROR,
                "internal",
                title,
            ))
        }
    }
}

fn place(store: &Path, at: Timestamp) -> PathBuf {
    let folder = store.parent().unwrap_or(Path::new(".")).join(FOLDER);
    folder.join(format!("{}.sqlite", at.to_string().replace(':', "-")))
}

/// A folder for its owner alone.
fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}
