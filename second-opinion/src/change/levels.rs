//! TCB info: its levels, its TDX modules, and what it says of itself.

use bulla_issuer::{
    ComponentSpec, IsvLevelSpec, StatusSpec, TcbLevelSpec, TdxModuleIdentitySpec, TdxModuleSpec,
};

use super::{Change, near};
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    random_levels,
    random_levels,
    random_levels,
    random_levels,
    shuffled_levels,
    level_removed,
    level_added_beside,
    level_repeated,
    level_out_of_form,
    random_modules,
    random_modules,
    levels_of_launch_and_present,
    levels_of_launch_and_present,
    module_out_of_form,
    other_platform,
    other_header,
];

const STATUSES: [&str; 7] = [
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
];
const PART_STATUSES: [&str; 3] = ["UpToDate", "OutOfDate", "Revoked"];

/// A word for a level, its date and its advisories. One word in sixty is none of the vendor's, or
/// not one for this kind of level.
pub(super) fn random_status(draft: &Draft, words: &[&str], random: &mut Random) -> StatusSpec {
    let odd = [
        "TDRelaunchAdvised",
        "upToDate",
        "Unknown",
        "",
        "SWHardeningNeeded",
    ];
    let word = if random.one_in(60) {
        random.pick(&odd)
    } else {
        random.pick(words)
    };
    let days = random.below(900);
    let advisories = 0..random.below(3);
    StatusSpec {
        date: draft.scenario.at.saturating_sub(days * 86_400),
        word: (*word).to_owned(),
        advisory_ids: advisories
            .map(|_| format!("SIMULATED-SA-{:05}", random.below(6)))
            .collect(),
    }
}

/// Words for parts of a platform: modules and enclaves.
pub(super) fn random_part_levels(
    draft: &Draft,
    svn: u32,
    most: u32,
    random: &mut Random,
) -> Vec<IsvLevelSpec> {
    let mut levels: Vec<IsvLevelSpec> = (0..1 + random.below(4))
        .map(|_| IsvLevelSpec {
            isvsvn: near(svn, most, random),
            status: random_status(draft, &PART_STATUSES, random),
        })
        .collect();
    // Most genuine lists are sorted and hold nothing twice.
    if !random.one_in(6) {
        levels.sort_by_key(|level| std::cmp::Reverse(level.isvsvn));
        levels.dedup_by_key(|level| level.isvsvn);
    }
    levels
}

fn tcb_info(draft: &mut Draft) -> &mut bulla_issuer::TcbInfoSpec {
    draft.touch(Part::TcbInfo);
    &mut draft.scenario.tcb_info
}

fn components_near(svns: &[u32], random: &mut Random) -> Vec<ComponentSpec> {
    let changed = random.below(4);
    let mut components: Vec<ComponentSpec> = svns
        .iter()
        .map(|svn| ComponentSpec {
            svn: *svn,
            ..ComponentSpec::default()
        })
        .collect();
    for _ in 0..changed {
        let index = random.index(components.len());
        if let Some(component) = components.get_mut(index) {
            component.svn = near(component.svn, 255, random);
        }
    }
    components
}

/// A level that the platform reaches about every second time.
fn random_level(draft: &Draft, random: &mut Random) -> TcbLevelSpec {
    let scenario = &draft.scenario;
    let platform = &scenario.sgx_extension;
    let td = scenario
        .quote
        .body
        .as_body()
        .td10()
        .map(|td| td.tee_tcb_svn);
    let for_tdx = td.filter(|_| scenario.tcb_info.tdx_module.is_some());
    TcbLevelSpec {
        sgx_components: components_near(&platform.component_svns, random),
        pcesvn: match random.below(3) {
            0 => near(platform.pcesvn, 65_535, random),
            _ => platform.pcesvn,
        },
        tdx_components: for_tdx.map(|svn| components_near(&svn.map(u32::from), random)),
        status: random_status(draft, &STATUSES, random),
    }
}

fn random_levels(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let count = 1 + random.below(7);
    let levels: Vec<TcbLevelSpec> = (0..count).map(|_| random_level(draft, random)).collect();
    tcb_info(draft).levels = levels;
    Some(format!("{count} random TCB levels around the platform"))
}

/// A TD that was launched at one level and runs at a higher one now, of any two statuses.
fn levels_of_launch_and_present(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let mut low = draft.scenario.tcb_info.levels.first()?.clone();
    let mut high = low.clone();
    // The microcode: the module has levels of its own.
    let microcode = high.tdx_components.as_mut()?.get_mut(2)?;
    let td = draft.scenario.quote.body.td15_mut()?;
    td.tee_tcb_svn2 = td.td10.tee_tcb_svn;
    td.tee_tcb_svn2[2] = td.tee_tcb_svn2[2].saturating_add(1);
    microcode.svn = td.tee_tcb_svn2[2].into();
    draft.touch(Part::Body);
    low.status = random_status(draft, &STATUSES, random);
    high.status = random_status(draft, &STATUSES, random);
    let description = format!("launched {}, now {}", low.status.word, high.status.word);
    tcb_info(draft).levels = vec![high, low];
    Some(description)
}

fn shuffled_levels(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let more: Vec<TcbLevelSpec> = (0..2 + random.below(4))
        .map(|_| random_level(draft, random))
        .collect();
    let levels = &mut tcb_info(draft).levels;
    levels.extend(more);
    random.shuffle(levels);
    Some("TCB levels added and shuffled".to_owned())
}

fn level_removed(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let levels = &mut tcb_info(draft).levels;
    let index = random.index(levels.len().max(1));
    if index < levels.len() {
        levels.remove(index);
    }
    Some(format!("TCB level {index} removed"))
}

fn level_added_beside(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let level = random_level(draft, random);
    let levels = &mut tcb_info(draft).levels;
    let index = random.index(levels.len() + 1);
    levels.insert(index, level);
    Some(format!("TCB level {index} added"))
}

fn level_repeated(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let status = random_status(draft, &STATUSES, random);
    let levels = &mut tcb_info(draft).levels;
    let mut level = levels.get(random.index(levels.len().max(1)))?.clone();
    level.status = status;
    levels.insert(random.index(levels.len() + 1), level);
    Some("a TCB level a second time, with another status".to_owned())
}

fn level_out_of_form(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let levels = &mut tcb_info(draft).levels;
    let index = random.index(levels.len().max(1));
    let level = levels.get_mut(index)?;
    let change = match random.below(8) {
        0 => {
            level.sgx_components.pop();
            "15 SGX components"
        }
        1 => {
            level.sgx_components.push(ComponentSpec::default());
            "17 SGX components"
        }
        2 => {
            let component = random.index(level.sgx_components.len().max(1));
            level.sgx_components.get_mut(component)?.svn = 256;
            "an SGX component of 256"
        }
        3 => {
            level.pcesvn = 65_536;
            "a PCESVN of 65,536"
        }
        4 => {
            level.tdx_components = None;
            "no TDX components"
        }
        5 => {
            level.tdx_components = Some(vec![ComponentSpec::default(); 16]);
            "TDX components of zero"
        }
        6 => {
            level.tdx_components.as_mut()?.pop();
            "15 TDX components"
        }
        _ => {
            level.status.advisory_ids = vec!["INTEL-SA-00001".to_owned(); 2];
            "an advisory twice"
        }
    };
    Some(format!("TCB level {index}: {change}"))
}

fn random_modules(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let td = draft.scenario.quote.body.as_body().td10()?.tee_tcb_svn;
    let (svn, version) = (u32::from(td[0]), u32::from(td[1]));
    let validity = draft.scenario.tcb_info.validity;
    let modules: Vec<TdxModuleIdentitySpec> = (0..1 + random.below(3))
        .map(|_| {
            let version = if random.one_in(2) {
                version
            } else {
                near(version, 255, random)
            };
            let version = version as u8;
            let levels = random_part_levels(draft, svn, 255, random);
            TdxModuleIdentitySpec {
                levels,
                ..TdxModuleIdentitySpec::of_the_vendor(version, td[0], validity)
            }
        })
        .collect();
    let count = modules.len();
    tcb_info(draft).tdx_module_identities = Some(modules);
    Some(format!("{count} random TDX module identities"))
}

fn change_module(module: &mut TdxModuleSpec, random: &mut Random) -> &'static str {
    let byte = random.index(8);
    match random.below(4) {
        0 => {
            module.mrsigner[random.index(48)] ^= 1 << random.below(8);
            "another signer"
        }
        1 => {
            module.attributes[byte] ^= 1 << random.below(8);
            "other attributes"
        }
        2 => {
            module.attributes_mask[byte] ^= 1 << random.below(8);
            "another mask"
        }
        _ => {
            let bit = 1 << random.below(8);
            module.attributes[byte] ^= bit;
            module.attributes_mask[byte] ^= bit;
            "an attribute outside the mask"
        }
    }
}

fn module_out_of_form(draft: &mut Draft, random: &mut Random) -> Option<String> {
    draft.scenario.tcb_info.tdx_module.as_ref()?;
    let words = PART_STATUSES;
    let info = tcb_info(draft);
    if random.one_in(4) {
        let change = change_module(info.tdx_module.as_mut()?, random);
        return Some(format!("TDX module: {change}"));
    }
    let identities = info.tdx_module_identities.as_mut()?;
    let index = random.index(identities.len().max(1));
    let identity = identities.get_mut(index)?;
    let change = match random.below(11) {
        0..=2 => change_module(&mut identity.module, random),
        3 => {
            identity.id = identity.id.to_lowercase();
            "id in lower case"
        }
        4 => {
            identity.id = (*random.pick(&["TDX_1", "TDX_001", "TDX 01", "tdx_0g", ""])).to_owned();
            "id of another form"
        }
        5 => {
            identity.levels.clear();
            "no levels"
        }
        6 => {
            let level = identity.levels.first_mut()?;
            level.isvsvn = *random.pick(&[255, 256, 65_535, 65_536]);
            "a level of a high ISVSVN"
        }
        7 => {
            identity.levels.reverse();
            "levels reversed"
        }
        8 => {
            let mut again = identity.clone();
            again.levels.first_mut()?.status.word = (*random.pick(&words)).to_owned();
            identities.push(again);
            "a second time"
        }
        9 => {
            identities.clear();
            "all removed"
        }
        _ => {
            info.tdx_module_identities = None;
            "the list left out"
        }
    };
    Some(format!("TDX module identity {index}: {change}"))
}

fn other_platform(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let info = tcb_info(draft);
    if random.one_in(2) {
        info.fmspc[random.index(6)] ^= 1 << random.below(8);
        return Some("TCB info for another FMSPC".to_owned());
    }
    info.pceid[random.index(2)] ^= 1 << random.below(8);
    Some("TCB info for another PCE-ID".to_owned())
}

fn other_header(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let info = tcb_info(draft);
    Some(match random.below(7) {
        0 => {
            info.version = random.below(6) as u32;
            format!("TCB info of version {}", info.version)
        }
        1 => {
            info.id = (*random.pick(&["SGX", "TDX", "sgx", "QE", ""])).to_owned();
            format!("TCB info for `{}`", info.id)
        }
        2 => {
            info.tcb_type = random.below(3) as u32;
            format!("tcbType {}", info.tcb_type)
        }
        3 => {
            info.tdx_module = match info.tdx_module {
                Some(_) => None,
                None => Some(TdxModuleSpec::of_the_vendor()),
            };
            "tdxModule added or left out".to_owned()
        }
        4 => {
            info.levels.clear();
            "no TCB levels".to_owned()
        }
        5 => {
            info.evaluation_data_number = u32::MAX;
            "the highest evaluation data number".to_owned()
        }
        _ => {
            info.evaluation_data_number = near(info.evaluation_data_number, 40, random);
            format!(
                "TCB info of evaluation data number {}",
                info.evaluation_data_number
            )
        }
    })
}
