//! The text of TCB info and identities, changed and signed again by the right signer.

use bulla_issuer::sign_text;
use serde_json::{Map, Value};

use super::{Change, near};
use crate::draft::Draft;
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    structure, structure, structure, value, value, value, text, text, any_byte,
];

const WORDS: [&str; 10] = [
    "UpToDate",
    "OutOfDate",
    "Revoked",
    "ConfigurationNeeded",
    "SWHardeningNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "uptodate",
    "SIMULATED-SA-00002",
];

/// Gives the new text and says what is new about it.
type TextChange = fn(&str, &mut Random) -> Option<(Vec<u8>, String)>;

/// Lets `change` rewrite the text of one document, and signs it.
fn rewrite(draft: &mut Draft, random: &mut Random, change: TextChange) -> Option<String> {
    let tcb_info = random.one_in(2);
    let collateral = &mut draft.documents.collateral;
    let (document, name) = match tcb_info {
        true => (&mut collateral.tcb_info, "TCB info"),
        false => (&mut collateral.qe_identity, "identity"),
    };
    let (body, description) = change(std::str::from_utf8(&document.body).ok()?, random)?;
    *document = sign_text(body, &draft.scenario.vendor.tcb_signer.key);
    Some(format!("{name}: {description}"))
}

fn structure(draft: &mut Draft, random: &mut Random) -> Option<String> {
    rewrite(draft, random, |text, random| {
        change_tree(text, random, change_node)
    })
}

fn value(draft: &mut Draft, random: &mut Random) -> Option<String> {
    rewrite(draft, random, |text, random| {
        change_tree(text, random, change_leaf)
    })
}

fn text(draft: &mut Draft, random: &mut Random) -> Option<String> {
    rewrite(draft, random, change_text)
}

fn any_byte(draft: &mut Draft, random: &mut Random) -> Option<String> {
    rewrite(draft, random, |text, random| {
        let mut bytes = text.as_bytes().to_vec();
        let index = random.index(bytes.len().max(1));
        *bytes.get_mut(index)? ^= 1 << random.below(8);
        Some((bytes, format!("a bit of byte {index}")))
    })
}

type NodeChange = fn(&mut Value, &mut Random) -> Option<String>;

fn change_tree(text: &str, random: &mut Random, change: NodeChange) -> Option<(Vec<u8>, String)> {
    let mut tree: Value = serde_json::from_str(text).ok()?;
    let description = descend(&mut tree, "", random, change)?;
    Some((tree.to_string().into_bytes(), description))
}

/// Walks down at random and changes a node on the way.
fn descend(
    node: &mut Value,
    path: &str,
    random: &mut Random,
    change: NodeChange,
) -> Option<String> {
    let stop = random.one_in(5);
    match node {
        Value::Object(members) if !stop && !members.is_empty() => {
            let index = random.index(members.len());
            let (name, member) = members.iter_mut().nth(index)?;
            descend(member, &format!("{path}.{name}"), random, change)
        }
        Value::Array(list) if !stop && !list.is_empty() => {
            let index = random.index(list.len());
            descend(
                list.get_mut(index)?,
                &format!("{path}[{index}]"),
                random,
                change,
            )
        }
        node => change(node, random).map(|what| format!("{path}: {what}")),
    }
}

fn change_node(node: &mut Value, random: &mut Random) -> Option<String> {
    Some(match node {
        Value::Object(members) => change_members(members, random)?,
        Value::Array(list) => {
            let index = random.index(list.len().max(1));
            match random.below(5) {
                0 if index < list.len() => {
                    list.remove(index);
                    format!("element {index} removed")
                }
                1 if index < list.len() => {
                    list.push(list.get(index)?.clone());
                    format!("element {index} repeated")
                }
                2 => {
                    random.shuffle(list);
                    "shuffled".to_owned()
                }
                3 => {
                    list.reverse();
                    "reversed".to_owned()
                }
                _ => {
                    list.clear();
                    "emptied".to_owned()
                }
            }
        }
        leaf => change_leaf(leaf, random)?,
    })
}

fn change_members(members: &mut Map<String, Value>, random: &mut Random) -> Option<String> {
    let index = random.index(members.len().max(1));
    let name = members.keys().nth(index)?.clone();
    Some(match random.below(4) {
        0 => {
            members.remove(&name);
            format!("`{name}` removed")
        }
        1 => {
            members.insert(name.clone(), Value::Null);
            format!("`{name}` null")
        }
        2 => {
            let value = members.remove(&name)?;
            members.insert(name.to_uppercase(), value);
            format!("`{name}` in capitals")
        }
        _ => {
            let value = random.pick(&["1", "{\"a\":[1,2]}", "\"text\"", "null", "1e400"]);
            members.insert("unknown".to_owned(), serde_json::from_str(value).ok()?);
            "an unknown member".to_owned()
        }
    })
}

fn change_leaf(leaf: &mut Value, random: &mut Random) -> Option<String> {
    let changed = match leaf {
        Value::Number(number) => {
            let number = number.as_u64()?.try_into().ok()?;
            Value::from(match random.below(4) {
                0 => *random.pick(&[255, 256, 65_535, 65_536, u32::MAX]),
                _ => near(number, 65_535, random),
            })
        }
        Value::String(text) => Value::from(changed_text(text, random)),
        _ => Value::from(random.one_in(2)),
    };
    *leaf = changed;
    Some(format!("changed to {leaf}"))
}

/// Dates, hexadecimal digits and words, told apart by their look.
fn changed_text(text: &str, random: &mut Random) -> String {
    let is_date = text.len() == 20 && text.ends_with('Z');
    if is_date {
        let date = text.trim_end_matches('Z');
        return match random.below(6) {
            0 => format!("{date}+00:00"),
            1 => format!("{date}.5Z"),
            2 => text.to_lowercase(),
            3 => text.replacen("20", "19", 1),
            4 => text.replacen("20", "21", 1),
            _ => text.replace('T', " "),
        };
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digit = random.index(text.len());
        return match random.below(4) {
            0 => text.to_lowercase(),
            1 => format!("{text}00"),
            2 => text[1..].to_owned(),
            _ => format!(
                "{}{:X}{}",
                &text[..digit],
                random.below(16),
                &text[digit + 1..]
            ),
        };
    }
    (*random.pick(&WORDS)).to_owned()
}

/// What a tree does not show: white space, escapes, order, repeated members, forms of numbers.
fn change_text(text: &str, random: &mut Random) -> Option<(Vec<u8>, String)> {
    let (first, last) = (text.strip_prefix('{')?, text.strip_suffix('}')?);
    let member = text.split('"').nth(1 + 4 * random.index(6))?;
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let (text, what) = match random.below(16) {
        0 => (text.replace(',', " ,\n\t"), "white space"),
        1 => (format!(" {text} "), "white space around"),
        2 => (format!("{text}x"), "text at the end"),
        3 => (format!("\u{feff}{text}"), "a byte order mark"),
        4 => (
            text.replacen("\"UpToDate\"", "\"\\u0055pToDate\"", 1),
            "an escape in a word",
        ),
        5 => (
            text.replacen("\"tcbLevels\"", "\"\\u0074cbLevels\"", 1),
            "an escape in a name",
        ),
        6 => (
            format!("{last},\"{member}\":0}}"),
            "a name a second time, at the end",
        ),
        7 => (
            format!("{{\"{member}\":0,{first}"),
            "a name a second time, in front",
        ),
        8 => (
            format!("{{\"unknown\":1,\"unknown\":2,{first}"),
            "an unknown name twice",
        ),
        9 => (
            format!("{{\"unknown\":{{\"a\":1,\"a\":2}},{first}"),
            "a name twice in an unknown object",
        ),
        10 => (
            format!("{{\"unknown\":{deep},{first}"),
            "an unknown list of great depth",
        ),
        11 => (
            text.replacen("\"version\":3", "\"version\":3.0", 1),
            "a version with a point",
        ),
        12 => (
            text.replacen("\"tcbType\":0", "\"tcbType\":-0", 1),
            "a negative zero",
        ),
        13 => (
            text.replacen("\"pcesvn\":", "\"pcesvn\":0", 1),
            "a number with a leading zero",
        ),
        14 => (format!("{last},}}"), "a comma too many"),
        _ => (format!("[{text}]"), "in a list"),
    };
    Some((text.into_bytes(), what.to_owned()))
}
