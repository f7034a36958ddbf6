//! docs/configuration.md lists every key, as the code knows it.

use std::fmt::Write as _;
use std::path::Path;

use crypt_keeper_server::config::KEYS;

const BEGIN: &str = "<!-- keys: written by `UPDATE_DOCS=1 cargo test --package crypt-keeper-server --test configuration_reference` -->\n";
const END: &str = "<!-- end of keys -->";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the variable asks it to write the page instead of comparing it"
)]
fn the_reference_lists_every_key() {
    let mut table = "| key in `crypt-keeper.toml` | environment variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let default = match key.default {
            "" => "-".to_owned(),
            default => format!("`{default}`"),
        };
        let name = key.name;
        let meaning = key.meaning.replace('|', "\\|");
        writeln!(
            table,
            "| `{name}` | `{}` | {default} | {meaning} |",
            key.variable()
        )
        .unwrap();
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, table, "docs/configuration.md is not up to date");
    }
}
