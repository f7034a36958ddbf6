use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, FileFormat, Format as _, Map, Source, Value};

use super::env::ENV_PREFIX;
use super::retention;
use super::values::Values;
use super::{
    Blobs, ConfigError, Environment, Http, Jobs, KEYS, Keys, Log, Metadata, Role, Settings, V1,
};

/// The file that is read if none is named, and it is there.
pub const DEFAULT_FILE: &str = "crypt-keeper.toml";

/// A key set on the command line; it wins over everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// One of [`KEYS`].
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Override {
    /// Sets `key` to `value`.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// A configuration, and where each value of it stands.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub settings: Settings,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Where each key that was given stands: a file, a variable, the command line.
    pub origins: BTreeMap<&'static str, String>,
}

/// Reads the configuration: defaults, then `file` (or [`DEFAULT_FILE`] of the working folder, if it
/// is there), then the variables that begin with `CRYPT_KEEPER__`, then `overrides`.
///
/// # Errors
/// [`ConfigError`], one readable line, for the first thing that is wrong.
pub fn load(
    file: Option<&Path>,
    environment: &Environment,
    overrides: &[Override],
) -> Result<Loaded, ConfigError> {
    let file = match file {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
    };
    let values = gather(file.as_deref(), environment, overrides)?;
    let settings = read(&values)?;
    let origins = KEYS
        .iter()
        .filter_map(|key| Some((key.name, values.origin(key.name)?)))
        .collect();
    Ok(Loaded {
        settings,
        file,
        origins,
    })
}

/// What is in force with nothing but these keys set; else what is said of them.
#[cfg(test)]
pub(super) fn loaded(given: &[(&str, &str)]) -> Result<Settings, String> {
    let overrides: Vec<_> = given
        .iter()
        .map(|(key, value)| Override::new(*key, *value))
        .collect();
    load(None, &Environment::default(), &overrides)
        .map(|loaded| loaded.settings)
        .map_err(|error| error.to_string())
}

fn gather(
    file: Option<&Path>,
    environment: &Environment,
    overrides: &[Override],
) -> Result<Values, ConfigError> {
    environment.check()?;
    let mut builder = Config::builder();
    if let Some(path) = file {
        builder = builder.add_source(TomlFile::read(path)?);
    }
    builder = builder.add_source(
        config::Environment::with_prefix(ENV_PREFIX)
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(environment.configuration().into_iter().collect())),
    );
    for Override { key, value } in overrides {
        builder = builder
            .set_override(key, value.as_str())
            .map_err(|error| syntax("the command line", &error))?;
    }
    let origin = file.map_or_else(
        || "the environment".to_owned(),
        |path| path.display().to_string(),
    );
    let merged = builder.build().map_err(|error| syntax(&origin, &error))?;
    Values::new(merged.cache)
}

/// A file, read once (it may be a pipe), whose values say that they come from it. The crate's own
/// source would name it relative to the working folder.
#[derive(Clone, Debug)]
struct TomlFile {
    name: String,
    text: String,
}

impl TomlFile {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            name: path.display().to_string(),
            text,
        })
    }
}

impl Source for TomlFile {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        FileFormat::Toml
            .parse(Some(&self.name), &self.text)
            .map_err(config::ConfigError::Foreign)
    }
}

/// Parsers quote the offending line of a file over several lines: their first and last words are
/// enough.
fn syntax(origin: &str, error: &config::ConfigError) -> ConfigError {
    let text = error.to_string();
    let words: Vec<_> = text
        .lines()
        .filter(|line| {
            let after_number = line
                .trim_start()
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            !after_number.starts_with('|')
        })
        .flat_map(str::split_whitespace)
        .collect();
    ConfigError::Syntax {
        origin: origin.to_owned(),
        message: words.join(" "),
    }
}

fn read(values: &Values) -> Result<Settings, ConfigError> {
    let settings = Settings {
        data_dir: values
            .path("data_dir")?
            .unwrap_or_else(|| PathBuf::from("./crypt-keeper-data")),
        role: Role::read(values)?,
        http: Http::read(values)?,
        metadata: Metadata::read(values)?,
        blobs: Blobs::read(values)?,
        keys: Keys::read(values)?,
        retention: retention::read(values)?,
        jobs: Jobs::read(values)?,
        v1: V1::read(values)?,
        log: Log::read(values)?,
    };
    settings.check()?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_of_the_reference_is_read_and_shown_and_no_other() {
        let values = gather(None, &Environment::default(), &[]).unwrap();
        let settings = read(&values).unwrap();
        let known: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(values.keys_read(), known);
        let shown: Vec<_> = settings.rows().into_iter().map(|(key, _)| key).collect();
        let in_order: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(shown, in_order);
    }
}
