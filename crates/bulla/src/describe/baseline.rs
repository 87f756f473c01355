//! What a baseline asks for.

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::{Baseline, Floor, Number, Requirement};

use crate::describe::{Fields, Value};

/// The baseline that was demanded, and what it asks of the platform; absent where nobody knows that.
pub(crate) fn demanded(demand: &Demand, requirement: Option<&Requirement>) -> Fields {
    let named = Fields::new().with("name", demand.name.as_str());
    match requirement {
        Some(asked) => named.and(self::requirement(asked)),
        None => named,
    }
}

/// All that a baseline asks for, for each technology and, where it is another, for a family.
pub(crate) fn whole(baseline: &Baseline) -> Fields {
    let families = baseline.families.iter().map(|(family, own)| {
        let mut fields = Fields::new().with("family", family.to_string());
        if let Some(sgx) = &own.sgx {
            fields = fields.with("sgx", requirement(sgx));
        }
        match &own.tdx {
            Some(tdx) => fields.with("tdx", requirement(tdx)),
            None => fields,
        }
    });
    Fields::new()
        .with("sgx", requirement(&baseline.sgx))
        .with("tdx", requirement(&baseline.tdx))
        .with("families", families.collect::<Vec<_>>())
}

/// What is asked for; what is not, is left out.
pub(crate) fn requirement(asked: &Requirement) -> Fields {
    let statuses = asked.accepted_tcb_statuses.iter();
    let statuses: Vec<&str> = statuses.map(|status| status.as_str()).collect();
    let number = match asked.number {
        Number::Pinned(number) => Value::from(number),
        word => Value::from(word.to_string()),
    };
    let mut fields = Fields::new()
        .with("number", number)
        .with("accepted_tcb_statuses", statuses);
    if let Some(least) = asked.minimum_this_update {
        fields = fields.with("minimum_this_update", least);
    }
    match &asked.floor {
        Some(least) => fields.with("floor", floor(least)),
        None => fields,
    }
}

fn floor(floor: &Floor) -> Fields {
    let mut fields = Fields::new();
    if let Some(least) = &floor.sgx_components {
        fields = fields.hex("sgx_components", least.0);
    }
    if let Some(least) = &floor.tdx_components {
        fields = fields.hex("tdx_components", least.0);
    }
    if let Some(least) = floor.pcesvn {
        fields = fields.with("pcesvn", least);
    }
    match floor.qe_isvsvn {
        Some(least) => fields.with("qe_isvsvn", least),
        None => fields,
    }
}
