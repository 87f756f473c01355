//! Reports that only the processor that made them can authenticate.

use bulla_evidence::layout::{TdInfo, TdReport, TeeTcbInfo};
use bulla_evidence::report::Report;

use super::{Described, Description, Malformed};
use crate::describe::{Fields, body};

pub(super) fn describe(bytes: &[u8]) -> Described {
    let report = Report::parse(bytes).map_err(|error| Malformed::new("a report", error))?;
    Ok(match report {
        Report::SgxBody(report) => Description::new("sgx_report_body", body::sgx(report)),
        Report::Sgx(report) => Description::new(
            "sgx_report",
            body::sgx(&report.body)
                .hex("keyid", report.keyid)
                .hex("mac", report.mac),
        ),
        Report::Tdx(report) => Description::new("td_report", td(report)),
    })
}

fn td(report: &TdReport) -> Fields {
    let mac = &report.report_mac;
    let kind = mac.report_type;
    Fields::new()
        .with(
            "report_mac",
            Fields::new()
                .with("tee_type", format!("{:#x}", kind.tee_type))
                .with("subtype", kind.subtype)
                .with("version", kind.version)
                .hex("cpusvn", mac.cpusvn)
                .hex("tee_tcb_info_hash", mac.tee_tcb_info_hash)
                .hex("tee_info_hash", mac.tee_info_hash)
                .hex("report_data", mac.reportdata)
                .hex("mac", mac.mac),
        )
        .with("tee_tcb_info", module(&report.tee_tcb_info))
        .with("td_info", domain(&report.td_info))
}

fn module(info: &TeeTcbInfo) -> Fields {
    Fields::new()
        .hex("valid", info.valid.to_bytes())
        .hex("tee_tcb_svn", info.tee_tcb_svn)
        .hex("mrseam", info.mrseam)
        .hex("mrsignerseam", info.mrsignerseam)
        .hex("seamattributes", info.attributes.to_bytes())
        .hex("tee_tcb_svn2", info.tee_tcb_svn2)
}

fn domain(info: &TdInfo) -> Fields {
    let [rtmr0, rtmr1, rtmr2, rtmr3] = info.rtmr;
    Fields::new()
        .hex("tdattributes", info.attributes.to_bytes())
        .with("tdattribute_names", body::td_names(info.attributes.get()))
        .hex("xfam", info.xfam.to_bytes())
        .hex("mrtd", info.mrtd)
        .hex("mrconfigid", info.mrconfigid)
        .hex("mrowner", info.mrowner)
        .hex("mrownerconfig", info.mrownerconfig)
        .hex("rtmr0", rtmr0)
        .hex("rtmr1", rtmr1)
        .hex("rtmr2", rtmr2)
        .hex("rtmr3", rtmr3)
        .hex("servtd_hash", info.servtd_hash)
        .hex("tdid", info.tdid)
        .with("vmid", info.vmid)
        .with("valid", info.valid.get())
}
