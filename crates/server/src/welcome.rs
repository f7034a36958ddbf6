//! What a newcomer reads after the first start: where things are, and what to type next.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::{Environment, PublicUrl};
use crate::data_dir::DataDir;
use crate::first_start::Welcome;

/// The text; no secret is in it.
pub(crate) fn text(
    welcome: &Welcome,
    dir: &DataDir,
    url: &PublicUrl,
    environment: &Environment,
) -> String {
    let ckc = ckc_command(std::env::current_exe().ok().as_deref(), environment);
    let profile = quoted(&welcome.profile);
    let run = format!("CKC_CONFIG={profile} {ckc}");
    let mut text = format!("Crypt-Keeper is ready at {url}\n");
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "\nThis was its first start. It made\n  \
           {data}  the data folder: database, key store, objects, and beside them the\n      \
             master key that protects them. Fit for trying out; keep the folder to yourself.\n  \
           {user}  the first user\n  \
           {shown_profile}  his profile, which holds an API key (mode 0600)\n\
         \nTo upload a document and fetch it back, type in another terminal\n  \
           id=$({run} -q upload {sample})\n  \
           {run} download \"$id\" -o hello-again.txt\n",
        data = dir.path().display(),
        user = welcome.user,
        shown_profile = welcome.profile.display(),
        sample = quoted(&welcome.sample),
    );
    text
}

/// How `ckc` is called from where this program was started: through cargo, from the same folder,
/// or by its name.
fn ckc_command(program: Option<&Path>, environment: &Environment) -> String {
    let folder = program.and_then(Path::parent);
    let folder_name = folder.and_then(Path::file_name);
    // `cargo run` sets CARGO for what it runs.
    if environment.get("CARGO").is_some() {
        if folder_name.is_some_and(|name| name == "release") {
            return "cargo run --release --bin ckc --".to_owned();
        }
        if folder_name.is_some_and(|name| name == "debug") {
            return "cargo run --bin ckc --".to_owned();
        }
    }
    let Some(beside) = folder.map(|folder| folder.join("ckc")) else {
        return "ckc".to_owned();
    };
    let path = environment.get("PATH").unwrap_or_default();
    let found = std::env::split_paths(path)
        .map(|folder| folder.join("ckc"))
        .find(|candidate| candidate.is_file());
    if found.is_none() && beside.is_file() {
        quoted(&beside)
    } else {
        "ckc".to_owned()
    }
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    match shlex::try_quote(&text) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn ckc_is_called_as_the_service_was() {
        let cargo = environment(&[("CARGO", "/usr/bin/cargo")]);
        let release = Path::new("/w/target/release/crypt-keeper");
        let debug = Path::new("/w/target/debug/crypt-keeper");
        assert_eq!(
            ckc_command(Some(release), &cargo),
            "cargo run --release --bin ckc --"
        );
        assert_eq!(ckc_command(Some(debug), &cargo), "cargo run --bin ckc --");
        assert_eq!(ckc_command(Some(release), &environment(&[])), "ckc");
        assert_eq!(ckc_command(None, &cargo), "ckc");
    }

    #[test]
    fn a_ckc_beside_the_service_is_named_in_full_unless_it_is_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a folder");
        std::fs::create_dir(&odd).unwrap();
        std::fs::write(odd.join("ckc"), "").unwrap();
        let program = odd.join("crypt-keeper");
        assert_eq!(
            ckc_command(Some(&program), &environment(&[("PATH", "/nowhere")])),
            format!("'{}'", odd.join("ckc").display())
        );
        let on_path = environment(&[("PATH", odd.to_str().unwrap())]);
        assert_eq!(ckc_command(Some(&program), &on_path), "ckc");
    }
}
