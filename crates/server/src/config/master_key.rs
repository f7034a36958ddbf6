use std::path::PathBuf;

use super::values::Values;
use super::{ConfigError, quoted};

/// Where a master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    /// A file, mode 0600.
    File(PathBuf),
    /// A command that prints it: program and arguments, quoted as for a shell.
    Command(String),
    /// A file, mode 0600, whose keys are sealed.
    SealedFile {
        /// The file.
        file: PathBuf,
        /// The Transit key that opens them: mount and name. Whether it can be, the adapter says.
        transit: String,
    },
}

impl MasterKey {
    /// Reads `keys.master_key_*`.
    pub(super) fn read(values: &Values) -> Result<Option<Self>, ConfigError> {
        let command = values.parse(
            "keys.master_key_command",
            "a command and its arguments are needed",
            |text| (!text.trim().is_empty()).then(|| text.to_owned()),
        )?;
        let file = values.path("keys.master_key_file")?;
        let transit = values.parse("keys.master_key_transit", "it is empty", |text| {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        })?;
        let refused = |words: &str| Err(ConfigError::Together(words.to_owned()));
        match (file, command, transit) {
            (Some(_), Some(_), _) => refused(
                "`keys.master_key_file` and `keys.master_key_command` are both set: remove one",
            ),
            (_, Some(_), Some(_)) => refused(
                "`keys.master_key_transit` does not go with `keys.master_key_command`: it opens what \
             lies in `keys.master_key_file`",
            ),
            (None, None, Some(_)) => refused(
                "`keys.master_key_transit` needs `keys.master_key_file`, where the sealed ring is or \
             shall be: set it",
            ),
            (Some(file), None, Some(transit)) => Ok(Some(Self::SealedFile { file, transit })),
            (Some(file), None, None) => Ok(Some(Self::File(file))),
            (None, Some(command), None) => Ok(Some(Self::Command(command))),
            (None, None, None) => Ok(None),
        }
    }

    /// In the order of [`KEYS`](super::KEYS).
    pub(super) fn rows(key: Option<&Self>) -> Vec<(&'static str, Option<String>)> {
        let (file, command, transit) = match key {
            None => (None, None, None),
            Some(Self::File(file)) => (Some(quoted(&file.to_string_lossy())), None, None),
            Some(Self::SealedFile { file, transit }) => {
                let file = quoted(&file.to_string_lossy());
                (Some(file), None, Some(quoted(transit)))
            }
            // Arguments may hold a token, against all advice: the program is enough.
            Some(Self::Command(line)) => {
                let shown = match line.trim().split_once(char::is_whitespace) {
                    Some((program, _)) => format!("{program} [redacted]"),
                    None => line.trim().to_owned(),
                };
                (None, Some(quoted(&shown)), None)
            }
        };
        vec![
            ("keys.master_key_file", file),
            ("keys.master_key_command", command),
            ("keys.master_key_transit", transit),
        ]
    }
}
