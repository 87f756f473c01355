//! Who may do what.

use bulla_service::http::Token;

use super::Source;
use super::file::TokenSection;
use crate::error::Result;

/// Names of tokens stand in the audit: longest one, in characters.
const LONGEST_NAME: usize = 64;

/// The tokens of a list, `users` or `administrators`.
pub(super) fn configured(
    source: &Source,
    list: &'static str,
    sections: &[TokenSection],
) -> Result<Vec<Token>> {
    let mut names = Vec::new();
    let mut tokens = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let field = format!("tokens.{list}[{index}]");
        let name = section.name.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            let reason = format!("a token's name has 1 to {LONGEST_NAME} characters");
            return Err(source.wrong(&format!("{field}.name"), reason));
        }
        if names.contains(&name) {
            let reason = format!("two tokens are named `{name}`; give each its own name");
            return Err(source.wrong(&format!("{field}.name"), reason));
        }
        names.push(name);
        let token = Token::new(name, &section.sha512).map_err(|error| {
            let reason = format!("{error}; `bulla serve --hash-token` makes one");
            source.wrong(&format!("{field}.sha512"), reason)
        })?;
        tokens.push(token);
    }
    Ok(tokens)
}
