//! A store that somebody else has written to, with everything in it sealed as it should be: what is
//! not what the vendor signed, or stands under another name, is not served after a restart.

use std::sync::Arc;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, Slot, TcbInfoId};
use bulla_pki::digest::sha256;
use bulla_service::keeper::Mode;
use bulla_service::want::Want;
use bulla_store::documents::NewDocument;
use bulla_store::{Documents as _, Store};
use bulla_tests::service::{Keeping, standard, store, tcb_info};
use bulla_tests::site::{Clock, DAY, Site, vendor};
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC};

const SGX: Series = Series::TcbInfo {
    id: TcbInfoId::Sgx,
    fmspc: PROCESSOR_FMSPC,
    version: 3,
};

/// A service that had its documents on two days, without the vendor from now on, over a store in
/// which each of the latest documents was replaced.
async fn after(change: impl Fn(&mut NewDocument, &[NewDocument])) -> (Keeping, Vec<NewDocument>) {
    let clock = Clock::at("2026-12-20T12:00:00Z");
    let site = Site::open(vendor(), &clock);
    let kept: Arc<Store> = store();
    let keeping = Keeping::open(&clock, &kept, vec![site.upstream("vendor")], Mode::Lazy);
    for _ in 0..2 {
        keeping.settle().await;
        for series in [SGX, tcb_info(TcbInfoId::Sgx, PLATFORM_FMSPC)] {
            keeping
                .keeper
                .fetch(standard(series))
                .await
                .expect("TCB info");
        }
        clock.pass(DAY);
    }
    let anchor = keeping.keeper.collection().realm().id();
    let all: Vec<NewDocument> = kept
        .latest_documents(anchor)
        .expect("documents")
        .into_iter()
        .map(|stored| stored.document)
        .collect();
    assert!(all.len() > 8, "{}", all.len());
    for document in &all {
        let mut doctored = document.clone();
        change(&mut doctored, &all);
        doctored.sha256 = sha256(&doctored.body);
        kept.add_document(anchor, &doctored, &[]).expect("written");
    }
    drop(keeping);
    let keeping = Keeping::open(&clock, &kept, Vec::new(), Mode::Offline);
    (keeping, all)
}

fn wants() -> [Want; 5] {
    [
        standard(SGX),
        standard(tcb_info(TcbInfoId::Sgx, PLATFORM_FMSPC)),
        standard(Series::EnclaveIdentity(EnclaveId::Qe)),
        Want::PckCrl(PckCa::Processor),
        Want::RootCaCrl,
    ]
}

/// Whatever a client is given is one of the documents that were there, in its place.
async fn served(keeping: &Keeping, all: &[NewDocument]) -> usize {
    let mut served = 0;
    for want in wants() {
        let Ok(held) = keeping.keeper.get(want, false).await else {
            continue;
        };
        let genuine = all.iter().find(|document| document.slot == held.slot);
        let genuine = genuine.expect("a document of this name");
        assert_eq!(held.body, genuine.body, "{want}");
        assert_eq!(held.window, genuine.window, "{want}");
        served += 1;
    }
    served
}

#[tokio::test]
async fn what_was_not_changed_is_served() {
    let (keeping, all) = after(|_, _| ()).await;
    assert_eq!(served(&keeping, &all).await, wants().len());
    assert_eq!(keeping.number(SGX, Selector::Standard), Some(1));
}

#[tokio::test]
async fn changed_bodies_and_ends_are_not_served() {
    let later = |document: &mut NewDocument| {
        document.window.from = document.window.from.saturating_add(1);
    };
    let (keeping, all) = after(|document, _| {
        later(document);
        let middle = document.body.len() / 2;
        document.body[middle] ^= 1;
    })
    .await;
    assert_eq!(served(&keeping, &all).await, 0);
    let (keeping, all) = after(|document, _| {
        later(document);
        document.window.until = document.window.until.saturating_add(300 * DAY);
        document.body.push(b' ');
    })
    .await;
    assert_eq!(served(&keeping, &all).await, 0);
}

/// Genuine documents under the names of others, so that each replaces its neighbour.
#[tokio::test]
async fn documents_in_the_place_of_others_are_not_served() {
    let (keeping, all) = after(|document, all| {
        let place = all.iter().position(|other| other.slot == document.slot);
        let next = (place.expect("a place") + 1) % all.len();
        let (slot, issued) = (document.slot, document.window.from);
        *document = all[next].clone();
        document.slot = slot;
        // The latest issue is what is taken up: an older one would stay beside the genuine.
        if document.window.from < issued {
            document.window.from = issued.saturating_add(1);
        }
    })
    .await;
    assert_eq!(served(&keeping, &all).await, 0);
    let numbered = |slot: &Slot| slot.number().is_some();
    assert!(all.iter().any(|document| numbered(&document.slot)));
}
