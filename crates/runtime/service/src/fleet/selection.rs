//! Which of a platform's PCK certificates is the one for a TCB.

use std::sync::Arc;

use bulla_collateral::pck_selection::{PckTcb, select_verified};
use bulla_collateral::{Selector, Series, SignedText, TcbInfo, TcbInfoId};
use bulla_protocol::value::Fmspc;
use bulla_store::Fleet as _;
use bulla_store::fleet::{PckAnswer, PckCertificates, PlatformId, RawTcb};

use super::{Fleet, NoCertificate};
use crate::held::Held;
use crate::keeper::Absent;
use crate::want::{Choice, Want};

/// Most TCBs that are kept of a platform because somebody without a token asked for them. A machine
/// has a new one with each update of microcode or BIOS: two a year for thirty years.
const MOST_TCBS: usize = 64;

impl Fleet {
    /// The certificate for a TCB that somebody reports of a platform. It is kept as that platform's
    /// if it has not many: whoever knows a platform's name can invent them.
    pub(super) async fn answer(
        &self,
        id: &PlatformId,
        raw: RawTcb,
    ) -> Result<PckAnswer, NoCertificate> {
        let certificates = self.kept(id)?;
        let tcb_info = self.tcb_info(certificates.fmspc).await?;
        let selected = select(&tcb_info, &certificates, id, &[raw])?;
        let found = selected.first().and_then(|raw| {
            let mut all = certificates.certificates.iter();
            let (tcbm, text) = all.find(|(tcbm, _)| Some(*tcbm) == raw.selected)?;
            Some((*raw, *tcbm, text.clone()))
        });
        let (raw, tcbm, certificate) = found.ok_or(NoCertificate::TcbTooLow)?;
        self.keep_reported(id, &raw);
        Ok(PckAnswer {
            certificate,
            tcbm,
            fmspc: certificates.fmspc,
            ca: certificates.ca,
            issuer_chain: certificates.issuer_chain,
        })
    }

    /// Keeps what was selected. That it cannot be, as on a full disk, is no reason not to answer.
    fn keep_reported(&self, id: &PlatformId, raw: &RawTcb) {
        let known = self.store().raw_tcbs(self.anchor(), id);
        let kept = known.and_then(|known| match known.len() < MOST_TCBS {
            true => self.store().put_raw_tcb(self.anchor(), id, raw),
            false => Ok(()),
        });
        if let Err(error) = kept {
            tracing::error!(%error, "what a platform reported cannot be kept");
        }
    }

    /// Selects for TCBs that a platform reports, and keeps what was selected; an error where none
    /// is for some of them.
    pub(super) async fn select(
        &self,
        id: &PlatformId,
        reported: &[RawTcb],
    ) -> Result<(), NoCertificate> {
        let certificates = self.kept(id)?;
        let tcb_info = self.tcb_info(certificates.fmspc).await?;
        for raw in select(&tcb_info, &certificates, id, reported)? {
            if raw.selected.is_none() {
                return Err(NoCertificate::TcbTooLow);
            }
            self.store().put_raw_tcb(self.anchor(), id, &raw)?;
        }
        Ok(())
    }

    /// The TCB info by which certificates are selected: that for SGX, also for TDX platforms; the
    /// newest set where it is kept, else the one in force.
    pub(super) async fn tcb_info(&self, fmspc: Fmspc) -> Result<TcbInfo, NoCertificate> {
        let series = sgx_tcb_info(fmspc);
        let want = |selector| Want::Series(series, Choice::Selected(selector));
        let held = match self.keeper.at_hand(want(Selector::Early)) {
            Some(held) => held,
            None => {
                let standard = want(Selector::Standard);
                let got = self.keeper.get(standard, true).await;
                got.or_else(|absent| self.ended(standard, absent))?
            }
        };
        let unreadable = |error: bulla_collateral::DocumentError| {
            NoCertificate::Selection(format!("{}: {error}", held.slot))
        };
        let (_, text) = SignedText::from_wrapped(&held.body).map_err(unreadable)?;
        TcbInfo::parse(&text.body).map_err(unreadable)
    }

    /// TCB info that has ended, where no later issue can be had. To select by it says nothing of
    /// anybody's security: it only tells the order of the levels.
    fn ended(&self, want: Want, absent: Absent) -> Result<Arc<Held>, Absent> {
        let held = match &absent {
            Absent::Expired { .. } => self
                .keeper
                .collection()
                .look(|snapshot| snapshot.find(want).map(Arc::clone)),
            _ => None,
        };
        held.ok_or(absent)
    }
}

/// The certificate for each TCB, by the rule of Intel's library. What is kept of a certificate's TCB was
/// compared with the certificate when it arrived.
pub(super) fn select(
    tcb_info: &TcbInfo,
    certificates: &PckCertificates,
    id: &PlatformId,
    reported: &[RawTcb],
) -> Result<Vec<RawTcb>, NoCertificate> {
    let certified = certificates.certificates.iter();
    let candidates: Vec<PckTcb> = certified
        .map(|(tcbm, _)| PckTcb {
            components: tcbm.cpusvn.0,
            pcesvn: tcbm.pcesvn.0,
        })
        .collect();
    reported
        .iter()
        .map(|raw| {
            let tcb = PckTcb {
                components: raw.cpu_svn.0,
                pcesvn: raw.pce_svn.0,
            };
            let selected = select_verified(tcb_info, &candidates, id.pce_id.0, &tcb)
                .map_err(|error| NoCertificate::Selection(error.to_string()))?;
            let selected = selected
                .and_then(|index| certificates.certificates.get(index))
                .map(|(tcbm, _)| *tcbm);
            Ok(RawTcb { selected, ..*raw })
        })
        .collect()
}

pub(super) fn sgx_tcb_info(fmspc: Fmspc) -> Series {
    Series::TcbInfo {
        id: TcbInfoId::Sgx,
        fmspc: fmspc.0,
        version: 3,
    }
}
