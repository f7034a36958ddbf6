//! `--help`, and completions.

use crate::desk::Desk;

const COMMANDS: &[&str] = &[
    "setup",
    "doctor",
    "migrate",
    "config check",
    "user add",
    "user list",
    "user disable",
    "user enable",
    "api-key create",
    "api-key list",
    "api-key revoke",
    "documents list",
    "documents show",
    "keys list",
    "keys rotate",
    "master-key new",
    "master-key rotate",
    "master-key prune",
    "master-key status",
    "audit list",
    "healthcheck",
    "completions",
];

#[test]
fn every_command_teaches_by_an_example() {
    let desk = Desk::bare();
    for command in COMMANDS {
        let mut words: Vec<_> = command.split(' ').collect();
        words.push("--help");
        let ran = desk.run(&words);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        let example = format!("crypt-keeper {}", words[..words.len() - 1].join(" "));
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
