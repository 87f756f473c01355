//! The report of an enclave or trust domain, by the vendor's names.

use bulla_evidence::Body;
use bulla_evidence::layout::{
    SgxReportBody, TdReport10, TdReport15, TdReport15Ex, sgx_attributes, td_attributes,
};

use super::{Fields, Value};

/// All fields of the body of a quote; numbers of several bytes that are sets of bits stand in the
/// order of their bytes, as policies write them.
pub(crate) fn body(body: Body<'_>) -> Fields {
    match body {
        Body::Sgx(report) => sgx(report),
        Body::Td10(report) => td10(report).hex("report_data", report.reportdata),
        Body::Td15(report) => td15(report).hex("report_data", report.td10.reportdata),
        Body::Td15Ex(report) => td15_ex(report).hex("report_data", report.td15.td10.reportdata),
    }
}

/// All fields of the report of an enclave.
pub(crate) fn sgx(report: &SgxReportBody) -> Fields {
    let flags = report.attributes.flags;
    Fields::new()
        .hex("mrenclave", report.mrenclave)
        .hex("mrsigner", report.mrsigner)
        .with("isvprodid", report.isvprodid.get())
        .with("isvsvn", report.isvsvn.get())
        .hex("attributes", flags.to_bytes())
        .with("attribute_names", sgx_names(flags.get()))
        .hex("xfrm", report.attributes.xfrm.to_bytes())
        .hex("miscselect", report.miscselect.to_bytes())
        .with("cet_attributes", report.cet_attributes)
        .hex("cpusvn", report.cpusvn)
        .hex("isvextprodid", report.isvextprodid)
        .hex("isvfamilyid", report.isvfamilyid)
        .hex("configid", report.configid)
        .with("configsvn", report.configsvn.get())
        .hex("report_data", report.reportdata)
}

fn td10(report: &TdReport10) -> Fields {
    Fields::new()
        .hex("mrtd", report.mrtd)
        .hex("rtmr0", report.rtmr0)
        .hex("rtmr1", report.rtmr1)
        .hex("rtmr2", report.rtmr2)
        .hex("rtmr3", report.rtmr3)
        .hex("mrconfigid", report.mrconfigid)
        .hex("mrowner", report.mrowner)
        .hex("mrownerconfig", report.mrownerconfig)
        .hex("tdattributes", report.tdattributes.to_bytes())
        .with("tdattribute_names", td_names(report.tdattributes.get()))
        .hex("xfam", report.xfam.to_bytes())
        .hex("mrseam", report.mrseam)
        .hex("mrsignerseam", report.mrsignerseam)
        .hex("seamattributes", report.seamattributes.to_bytes())
        .hex("tee_tcb_svn", report.tee_tcb_svn)
}

fn td15(report: &TdReport15) -> Fields {
    td10(&report.td10)
        .hex("tee_tcb_svn2", report.tee_tcb_svn2)
        .hex("mrservicetd", report.mrservicetd)
}

fn td15_ex(report: &TdReport15Ex) -> Fields {
    td15(&report.td15)
        .with("vmid", report.vmid)
        .hex("tdid", report.tdid)
        .hex("devinfo", report.devinfo)
        .hex("init_servtd_hash", report.init_servtd_hash)
        .hex(
            "init_servtd_attributes",
            report.init_servtd_attributes.to_bytes(),
        )
        .hex("init_cpusvn", report.init_cpusvn)
        .hex("init_tee_tcb_svn", report.init_tee_tcb_svn)
        .hex("init_tee_fmspc", report.init_tee_fmspc)
        .hex("cur_servtd_hash", report.cur_servtd_hash)
        .hex(
            "cur_servtd_attributes",
            report.cur_servtd_attributes.to_bytes(),
        )
}

/// The names of the flags that are set; bits without a name in one number behind them.
pub(crate) fn sgx_names(flags: u64) -> Value {
    names(sgx_attributes::names(flags), sgx_attributes::unnamed(flags))
}

/// As [`sgx_names`], of a trust domain.
pub(crate) fn td_names(flags: u64) -> Value {
    names(td_attributes::names(flags), td_attributes::unnamed(flags))
}

fn names(named: impl Iterator<Item = &'static str>, unnamed: u64) -> Value {
    let mut names: Vec<String> = named.map(str::to_owned).collect();
    if unnamed != 0 {
        names.push(format!("{unnamed:#x}"));
    }
    names.into()
}
