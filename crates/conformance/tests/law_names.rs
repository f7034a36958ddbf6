//! The documentation of each port names its laws, the modules here hold them, and the macros make
//! tests of them. The three lists must be one.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PORTS: [&str; 14] = [
    "accounts",
    "audit_log",
    "blob_store",
    "bucket_rules",
    "hold_transfer",
    "holds",
    "key_registry",
    "key_vault",
    "metadata_store",
    "metadata_transfer",
    "object_copy",
    "partitions",
    "private_keys",
    "sweeps",
];

#[test]
fn documented_laws_are_the_laws_that_are_tested() {
    for port in PORTS {
        let documented = documented(port);
        assert!(!documented.is_empty(), "{port} states no law");
        let of_modules = |of: fn(&str) -> BTreeSet<String>| -> BTreeSet<String> {
            modules(port).into_iter().flat_map(of).collect()
        };
        assert_eq!(
            documented,
            of_modules(written),
            "{port}: documented, written"
        );
        assert_eq!(documented, of_modules(tested), "{port}: documented, tested");
    }
}

#[test]
fn laws_of_optional_powers_are_tested() {
    for power in ["outage", "row_locks"] {
        let text = read(&sources(power)[0]);
        let laws = written(power);
        assert!(!laws.is_empty());
        for law in laws {
            // Where it is written, and in a macro's list.
            assert_eq!(text.matches(&law).count(), 2, "{power}: {law}");
        }
    }
}

/// The modules with a port's laws: most have one, of the port's name.
fn modules(port: &str) -> Vec<&str> {
    match port {
        "metadata_transfer" => vec![port, "partition_transfer"],
        _ => vec![port],
    }
}

/// `- \`law\`` in the documentation of the port.
fn documented(port: &str) -> BTreeSet<String> {
    let path = crate_folder().join(format!("../domain/src/ports/{port}.rs"));
    names_after(&read(&path), "/// - `", '`')
}

/// `pub async fn law` in a module.
fn written(module: &str) -> BTreeSet<String> {
    let files = sources(module).into_iter();
    let laws = files.flat_map(|path| names_after(&read(&path), "pub async fn ", '('));
    // A generic law's name ends with its parameters.
    laws.filter_map(|name| name.split('<').next().map(str::to_owned))
        .collect()
}

/// What the macro of a module lists.
fn tested(module: &str) -> BTreeSet<String> {
    let paths = sources(module);
    let marker = format!("macro_rules! {module}_laws");
    let source = paths.iter().map(|path| read(path));
    let source: String = source.filter(|text| text.contains(&marker)).collect();
    let (_, rest) = source.split_once(&marker).expect("the module has a macro");
    let (_, rest) = rest.split_once('[').expect("a list of laws");
    let (list, _) = rest.split_once(']').expect("the end of the list");
    list.split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The one file of a module, or the files of its folder.
fn sources(module: &str) -> Vec<PathBuf> {
    let module = crate_folder().join("src").join(module);
    let file = module.with_extension("rs");
    if file.exists() {
        return vec![file];
    }
    let entries = fs::read_dir(&module).expect("the module is a folder");
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn names_after(text: &str, marker: &str, end: char) -> BTreeSet<String> {
    let names = text.split(marker).skip(1);
    names
        .filter_map(|rest| rest.split_once(end))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
