//! `--help`, and completions.

use clap::CommandFactory as _;
use crypt_keeper_server::commands::Cli;

use crate::desk::Desk;

/// Every command that does something, as it is typed.
fn commands() -> Vec<String> {
    fn collect(command: &clap::Command, words: &str, found: &mut Vec<String>) {
        let mut subcommands = command.get_subcommands().peekable();
        if subcommands.peek().is_none() {
            found.push(words.trim_start().to_owned());
        }
        for subcommand in subcommands {
            collect(
                subcommand,
                &format!("{words} {}", subcommand.get_name()),
                found,
            );
        }
    }
    let mut found = Vec::new();
    collect(&Cli::command(), "", &mut found);
    found
}

#[test]
fn every_command_teaches_by_an_example() {
    let desk = Desk::bare();
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "serve") {
        let mut words: Vec<_> = command.split(' ').collect();
        words.push("--help");
        let ran = desk.run(&words);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        let example = format!("crypt-keeper {command}");
        let shown = ran
            .stdout
            .replace("\"crypt-keeper\", \"healthcheck\"", &example);
        assert!(
            shown.contains("Example") && shown.matches(&example).count() >= 2,
            "{command}: usage and an example:\n{}",
            ran.stdout
        );
    }
}

#[test]
fn the_reference_of_all_keys_is_in_the_help_of_config_check() {
    let shown = Desk::bare().run(&["config", "check", "--help"]).stdout;
    for key in crypt_keeper_server::config::KEYS {
        assert!(shown.contains(key.name), "{}", key.name);
    }
}

#[test]
fn a_shell_learns_the_commands() {
    let desk = Desk::bare();
    for shell in ["bash", "zsh", "fish"] {
        let ran = desk.run(&["completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        for word in ["healthcheck", "api-key", "rotate"] {
            assert!(ran.stdout.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(desk.run(&["completions", "cmd"]).code, 2);
}

#[test]
fn what_is_no_command_is_a_usage_error() {
    let desk = Desk::bare();
    for words in [
        &["frobnicate"][..],
        &["user"],
        &["user", "add"],
        &["keys", "rotate", "x"],
    ] {
        let ran = desk.run(words);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{words:?}");
        assert!(!ran.stderr.is_empty());
    }
}
