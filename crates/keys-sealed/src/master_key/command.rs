use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use crypt_keeper_crypto::MasterKeyRing;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::{LONGEST, MasterKeySourceError, buffer, parse};

/// What our own configuration variables begin with. They may name other secrets.
const OUR_VARIABLES: &str = "CRYPT_KEEPER__";

/// A command that prints a ring of master keys, e.g. one that asks a hardware module or a secret
/// manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyCommand {
    program: String,
    arguments: Vec<String>,
}

impl MasterKeyCommand {
    /// Splits a command line into words as a POSIX shell quotes them. No shell is run: there is no
    /// expansion of any kind.
    ///
    /// # Errors
    /// [`MasterKeySourceError::NoCommand`] if there is no word, or a quote is not closed.
    pub fn parse(line: &str) -> Result<Self, MasterKeySourceError> {
        let mut words = shlex::split(line).unwrap_or_default().into_iter();
        match words.next() {
            Some(program) if !program.is_empty() => Ok(Self {
                program,
                arguments: words.collect(),
            }),
            _ => Err(MasterKeySourceError::NoCommand),
        }
    }

    /// Runs the command and reads the ring from its standard output. Its standard error is ours;
    /// its environment is ours without the variables that configure us.
    ///
    /// # Errors
    /// [`MasterKeySourceError`] if it cannot be run, fails, has not ended within `limit` (then it
    /// is killed), or prints no ring.
    pub async fn run(&self, limit: Duration) -> Result<MasterKeyRing, MasterKeySourceError> {
        let failed = |source| MasterKeySourceError::Run {
            program: self.program.clone(),
            source,
        };
        let child = self.spawn().map_err(failed)?;
        let timed_out = |_| MasterKeySourceError::TimedOut {
            program: self.program.clone(),
            limit,
        };
        let read = tokio::time::timeout(limit, read_all(child)).await;
        let (status, text) = read.map_err(timed_out)?.map_err(failed)?;
        if !status.success() {
            return Err(MasterKeySourceError::Failed {
                program: self.program.clone(),
                status,
            });
        }
        parse(text, || {
            format!("what the master key command `{}` printed", self.program)
        })
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        command.spawn()
    }
}

async fn read_all(
    mut child: Child,
) -> io::Result<(std::process::ExitStatus, zeroize::Zeroizing<Vec<u8>>)> {
    let mut text = buffer();
    if let Some(output) = child.stdout.take() {
        output
            .take(LONGEST as u64 + 1)
            .read_to_end(&mut text)
            .await?;
    }
    Ok((child.wait().await?, text))
}

/// In any letter case: that is how they are read.
fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy()
        .to_ascii_uppercase()
        .starts_with(OUR_VARIABLES)
}
