//! Values of which one of a list must match.

use std::fmt::Display;

use crate::decision::{Finding, Reason};
use crate::policy::AnyOf;

/// Beyond this many, a finding names only the first accepted values: it is read by people.
const NAMED_VALUES: usize = 4;

/// Refuses a value that is not in the list; without a list any value passes.
///
/// `field` is the field of the policy, and with it the name of the value.
pub(super) fn one_of<T: PartialEq + Display>(
    accepted: Option<&AnyOf<T>>,
    actual: &T,
    reason: Reason,
    field: &'static str,
    findings: &mut Vec<Finding>,
) {
    if let Some(accepted) = accepted
        && !accepted.contains(actual)
    {
        let message = format!(
            "{} is not among the accepted values; if this is what should run, \
             add it to `{field}` of the policy.",
            shortened(actual)
        );
        findings.push(Finding::refusal(reason, field, message).sides(list(accepted), actual));
    }
}

/// The start of a long value, enough to tell builds apart at a glance.
fn shortened(value: &impl Display) -> String {
    let text = value.to_string();
    match text.get(..16) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text,
    }
}

fn list<T: Display>(values: &AnyOf<T>) -> String {
    let named: Vec<String> = values.iter().take(NAMED_VALUES).map(T::to_string).collect();
    match values.iter().len().saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::HexBytes;

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let values = |count: u16| AnyOf::try_from((1..=count).collect::<Vec<_>>()).unwrap();
        assert_eq!(list(&values(4)), "1, 2, 3, 4");
        assert_eq!(list(&values(6)), "1, 2, 3, 4 and 2 more");
    }

    #[test]
    fn only_long_values_are_shortened() {
        assert_eq!(shortened(&7), "7");
        assert_eq!(shortened(&HexBytes([0xab; 8])), "abababababababab");
        assert_eq!(shortened(&HexBytes([0xab; 9])), "abababababababab…");
    }
}
