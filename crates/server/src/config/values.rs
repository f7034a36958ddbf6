use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use config::{Map, Value, ValueKind};

use super::key::{nearest, variable};
use super::{ConfigError, KEYS, SecretUrl};

/// Where values of the command line are said to stand.
pub(super) const COMMAND_LINE: &str = "command line";
/// What the `config` crate calls the environment.
const ENVIRONMENT: &str = "the environment";

/// What was given, flat: `http.listen` and the like, each with its origin.
#[derive(Debug)]
pub(super) struct Values {
    given: BTreeMap<String, Value>,
    read: RefCell<BTreeSet<&'static str>>,
}

impl Values {
    /// Flattens the merged tables, and refuses keys that mean nothing.
    pub(super) fn new(root: Value) -> Result<Self, ConfigError> {
        let mut given = BTreeMap::new();
        flatten(String::new(), root, &mut given);
        for (key, value) in &given {
            if !KEYS.iter().any(|known| known.name == key) {
                return Err(unknown(key, value));
            }
        }
        Ok(Self {
            given,
            read: RefCell::default(),
        })
    }

    /// Where the value of a key stands; `None` if it is the default.
    pub(super) fn origin(&self, key: &str) -> Option<String> {
        self.given.get(key).map(|value| origin(key, value))
    }

    /// The text of a key. Numbers and booleans of TOML are taken as they are written.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>, ConfigError> {
        self.read.borrow_mut().insert(key);
        let Some(value) = self.given.get(key) else {
            return Ok(None);
        };
        match value.kind {
            ValueKind::Array(_) | ValueKind::Table(_) | ValueKind::Nil => {
                Err(self.wrong(key, None, "a single value is needed"))
            }
            _ => Ok(Some(value.kind.to_string())),
        }
    }

    /// A key that `parse` understands; `needed` says what it takes.
    pub(super) fn parse<T>(
        &self,
        key: &'static str,
        needed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(key)?
            .map(|text| parse(&text).ok_or_else(|| self.wrong(key, Some(&text), needed)))
            .transpose()
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.parse(key, "true or false is needed", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            }
        })
    }

    /// A path, not empty.
    pub(super) fn path(&self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        self.parse(key, "a path is needed", |text| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        })
    }

    /// A list: of TOML, or one text that `split` takes apart.
    pub(super) fn list(
        &self,
        key: &'static str,
        split: impl FnOnce(&str) -> Option<Vec<String>>,
        needed: &str,
    ) -> Result<Option<Vec<String>>, ConfigError> {
        self.read.borrow_mut().insert(key);
        let Some(value) = self.given.get(key) else {
            return Ok(None);
        };
        let ValueKind::Array(items) = &value.kind else {
            return self.parse(key, needed, split);
        };
        items
            .iter()
            .map(|item| match &item.kind {
                ValueKind::String(text) => Ok(text.clone()),
                _ => Err(self.wrong(key, None, needed)),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A list of tables of TOML whose members have these names, or one text with items separated by
    /// `,` and their members, in this order, by `:`. Members at the end may be left out.
    pub(super) fn tables<const N: usize>(
        &self,
        key: &'static str,
        names: [&str; N],
        needed: &str,
    ) -> Result<Option<Vec<[Option<String>; N]>>, ConfigError> {
        self.read.borrow_mut().insert(key);
        let Some(value) = self.given.get(key) else {
            return Ok(None);
        };
        let ValueKind::Array(items) = &value.kind else {
            return self.parse(key, needed, |text| {
                text.split(',').map(members_of_text).collect()
            });
        };
        items
            .iter()
            .map(|item| match &item.kind {
                ValueKind::Table(table) => members_of_table(table, names),
                _ => None,
            })
            .map(|members| members.ok_or_else(|| self.wrong(key, None, needed)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A URL that may hold a password, or the file that holds it; never both.
    pub(super) fn secret_url(
        &self,
        key: &'static str,
        file_key: &'static str,
    ) -> Result<Option<SecretUrl>, ConfigError> {
        let needed = "a URL such as postgres://user@host/database is needed";
        let (text, from) = match (self.text(key)?, self.path(file_key)?) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Together(format!(
                    "`{key}` and `{file_key}` are both set: remove one"
                )));
            }
            (Some(text), None) => (text, key),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    let shown = path.to_string_lossy();
                    self.wrong(
                        file_key,
                        Some(&shown),
                        &format!("it cannot be read: {error}"),
                    )
                })?;
                (text, file_key)
            }
            (None, None) => return Ok(None),
        };
        SecretUrl::parse(text.trim())
            .map(Some)
            .ok_or_else(|| self.wrong(from, None, needed))
    }

    /// An error about the value of a key; `value` is `None` where it may be a secret.
    pub(super) fn wrong(
        &self,
        key: &'static str,
        value: Option<&str>,
        needed: &str,
    ) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            origin: self.origin(key).unwrap_or_else(|| "default".to_owned()),
            value: value.map(str::to_owned),
            needed: needed.to_owned(),
        }
    }

    /// The keys that were asked for, for the test that none is forgotten.
    #[cfg(test)]
    pub(super) fn keys_read(&self) -> BTreeSet<&'static str> {
        self.read.borrow().clone()
    }
}

/// The members of a table; `None` if it has others, or one that is no single value.
fn members_of_table<const N: usize>(
    table: &Map<String, Value>,
    names: [&str; N],
) -> Option<[Option<String>; N]> {
    if table.keys().any(|given| !names.contains(&given.as_str())) {
        return None;
    }
    let mut members = [const { None }; N];
    for (member, name) in members.iter_mut().zip(names) {
        *member = match table.get(name).map(|value| &value.kind) {
            None => None,
            Some(ValueKind::Array(_) | ValueKind::Table(_) | ValueKind::Nil) => return None,
            Some(single) => Some(single.to_string()),
        };
    }
    Some(members)
}

fn members_of_text<const N: usize>(text: &str) -> Option<[Option<String>; N]> {
    let mut members = [const { None }; N];
    for (index, given) in text.split(':').enumerate() {
        *members.get_mut(index)? = Some(given.trim().to_owned());
    }
    Some(members)
}

fn flatten(key: String, value: Value, flat: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, inner) in table {
                let path = if key.is_empty() {
                    name
                } else {
                    format!("{key}.{name}")
                };
                flatten(path, inner, flat);
            }
        }
        _ => {
            flat.insert(key, value);
        }
    }
}

fn origin(key: &str, value: &Value) -> String {
    match value.origin() {
        None => COMMAND_LINE.to_owned(),
        Some(ENVIRONMENT) => variable(key),
        Some(file) => file.to_owned(),
    }
}

fn unknown(key: &str, value: &Value) -> ConfigError {
    let from_environment = value.origin() == Some(ENVIRONMENT);
    let spelled = |key: &str| {
        if from_environment {
            variable(key)
        } else {
            key.to_owned()
        }
    };
    ConfigError::UnknownKey {
        key: spelled(key),
        origin: if from_environment {
            super::env::ORIGIN.to_owned()
        } else {
            origin(key, value)
        },
        suggestion: nearest(key).map(spelled),
    }
}
