//! Texts of help that fit any terminal: what is written in lines of a source file flows anew.

use clap::Command;

/// The command with its help, and those below it, in paragraphs instead of lines.
pub(super) fn flowing(command: Command) -> Command {
    let short = command.get_after_help().map(ToString::to_string);
    let long = command.get_after_long_help().map(ToString::to_string);
    let command = match short {
        Some(text) => command.after_help(paragraphs(&text)),
        None => command,
    };
    let command = match long {
        Some(text) => command.after_long_help(paragraphs(&text)),
        None => command,
    };
    command.mut_subcommands(flowing)
}

/// Joins the lines of each paragraph. What is set in stays as it is, as do blank lines.
fn paragraphs(text: &str) -> String {
    let mut flowing = String::new();
    let mut before = "";
    for line in text.lines() {
        let goes_on = !before.is_empty() && !is_set_in(before) && !line.is_empty();
        match goes_on && !is_set_in(line) {
            true => flowing.push(' '),
            false => flowing.push('\n'),
        }
        flowing.push_str(line);
        before = line;
    }
    flowing.trim_start_matches('\n').to_owned()
}

fn is_set_in(line: &str) -> bool {
    line.starts_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_paragraph_are_joined_and_nothing_else() {
        let text = "One\ntwo:\n  a\n  b\n\nThree\n\nExamples:\n  c \\\n      d\nfour\nfive";
        let expected = "One two:\n  a\n  b\n\nThree\n\nExamples:\n  c \\\n      d\nfour five";
        assert_eq!(paragraphs(text), expected);
    }
    #[test]
    fn what_is_set_in_fits_the_widest_help() {
        let mut commands = vec![super::super::definition()];
        while let Some(command) = commands.pop() {
            let texts = [command.get_after_help(), command.get_after_long_help()];
            for text in texts.into_iter().flatten().map(ToString::to_string) {
                for line in text.lines().filter(|line| is_set_in(line)) {
                    let width = line.chars().count();
                    assert!(width <= 100, "{}: {line}", command.get_name());
                }
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
