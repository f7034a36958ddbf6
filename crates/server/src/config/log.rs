use tracing_subscriber::EnvFilter;

use super::values::Values;
use super::{ConfigError, quoted};

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Directives of `tracing_subscriber::EnvFilter`, known to parse.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Log {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let format = values.parse(
            "log.format",
            "`human` or `json` is needed",
            |text| match text {
                "human" => Some(LogFormat::Human),
                "json" => Some(LogFormat::Json),
                _ => None,
            },
        )?;
        let filter = values.parse(
            "log.filter",
            "error, warn, info, debug, trace, or target=level pairs are needed",
            |text| EnvFilter::try_new(text).ok().map(|_| text.to_owned()),
        )?;
        Ok(Self {
            format: format.unwrap_or_default(),
            filter: filter.unwrap_or_else(|| "info".to_owned()),
        })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let format = match self.format {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        };
        vec![
            ("log.format", Some(quoted(format))),
            ("log.filter", Some(quoted(&self.filter))),
        ]
    }
}
