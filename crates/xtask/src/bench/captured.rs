//! The statements of one request, as PostgreSQL itself logged them: what pgbench is given.
//!
//! Texts, parameters and session settings are the store's own, so the ceiling stays true when the
//! store changes. The log needs `log_statement = all` for texts and parameters, and
//! `debug_print_parse` for the parameters' types, which a client may give beside the text.

use std::collections::{BTreeMap, HashMap};

/// A statement as it was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its session.
    pub(super) process: u32,
    /// With `$1`, `$2` and so on.
    pub(super) text: String,
    /// What these stand for.
    pub(super) parameters: Vec<Parameter>,
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// The OID of its type, if the log has it.
    pub(super) kind: Option<u32>,
    /// Its value in PostgreSQL's text form; `None` is NULL.
    pub(super) value: Option<String>,
}

/// What a log tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// All statements, in their order.
    pub(super) statements: Vec<Statement>,
    /// What sessions have set that bears on plans: name and value, by session.
    settings: HashMap<u32, BTreeMap<String, String>>,
}

impl Log {
    /// Reads a log from the start of the sessions of interest.
    pub(super) fn read(text: &str) -> Self {
        let mut log = Self::default();
        // The types of the statement that a session parsed last, and those of each text.
        let mut parsed: HashMap<u32, Vec<(usize, u32)>> = HashMap::new();
        let mut kinds: HashMap<String, Vec<(usize, u32)>> = HashMap::new();
        let mut awaits_tree = None;
        for Entry { process, message } in entries(text) {
            if message.starts_with("LOG:  parse tree:") {
                awaits_tree = Some(process);
            } else if let Some(detail) = message.strip_prefix("DETAIL:  ") {
                if awaits_tree.take() == Some(process) {
                    parsed.insert(process, parameter_types(detail));
                } else if let Some(list) = parameters(detail)
                    && let Some(last) = log.statements.last_mut()
                {
                    let kinds = kinds.get(&last.text);
                    last.parameters = typed(split_parameters(list), kinds);
                }
            } else if let Some(text) = executed(&message) {
                // A statement is executed for the first time right after it was parsed.
                if let Some(types) = parsed.remove(&process) {
                    kinds.entry(text.to_owned()).or_insert(types);
                }
                log.settings
                    .entry(process)
                    .or_default()
                    .extend(settings(text));
                log.statements.push(Statement {
                    process,
                    text: text.to_owned(),
                    parameters: Vec::new(),
                });
            }
        }
        log
    }

    /// The settings of the sessions of some statements, together.
    pub(super) fn settings_of(&self, statements: &[Statement]) -> BTreeMap<String, String> {
        statements
            .iter()
            .filter_map(|statement| self.settings.get(&statement.process))
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn typed(values: Vec<Option<String>>, kinds: Option<&Vec<(usize, u32)>>) -> Vec<Parameter> {
    let kind = |number: usize| {
        let (_, kind) = kinds?.iter().find(|(of, _)| *of == number)?;
        Some(*kind)
    };
    values
        .into_iter()
        .enumerate()
        .map(|(at, value)| Parameter {
            kind: kind(at + 1),
            value,
        })
        .collect()
}

struct Entry {
    process: u32,
    message: String,
}

/// A line begins with time and process, as PostgreSQL's default prefix has it; one that goes on
/// begins with a tab.
fn entries(log: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in log.lines() {
        if let (Some(more), Some(entry)) = (line.strip_prefix('\t'), entries.last_mut()) {
            entry.message.push('\n');
            entry.message.push_str(more);
        } else if let Some((head, message)) = line.split_once("] ")
            && let Some((_, process)) = head.rsplit_once('[')
            && let Ok(process) = process.parse()
        {
            entries.push(Entry {
                process,
                message: message.to_owned(),
            });
        }
    }
    entries
}

fn executed(message: &str) -> Option<&str> {
    let message = message.strip_prefix("LOG:  ")?;
    if let Some(text) = message.strip_prefix("statement: ") {
        return Some(text);
    }
    let (_name, text) = message.strip_prefix("execute ")?.split_once(": ")?;
    Some(text)
}

fn parameters(detail: &str) -> Option<&str> {
    detail
        .strip_prefix("Parameters: ")
        .or_else(|| detail.strip_prefix("parameters: "))
}

/// Splits `$1 = 'it''s', $2 = NULL`.
fn split_parameters(list: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = list;
    while let Some((_, after)) = rest.split_once(" = ") {
        let Some(quoted) = after.strip_prefix('\'') else {
            values.push(None);
            rest = after.split_once(", ").map_or("", |(_, next)| next);
            continue;
        };
        let mut value = String::new();
        let mut left = quoted;
        while let Some((part, next)) = left.split_once('\'') {
            value.push_str(part);
            left = next;
            match next.strip_prefix('\'') {
                Some(next) => {
                    value.push('\'');
                    left = next;
                }
                None => break,
            }
        }
        values.push(Some(value));
        rest = left;
    }
    values
}

/// The numbers of parameters in a parse tree, and the OIDs of their types.
fn parameter_types(tree: &str) -> Vec<(usize, u32)> {
    let words: Vec<&str> = tree.split_ascii_whitespace().collect();
    words
        .windows(4)
        .filter_map(|window| match window {
            [":paramid", number, ":paramtype", kind] => {
                Some((number.parse().ok()?, kind.parse().ok()?))
            }
            _ => None,
        })
        .collect()
}

/// What `SET` statements in a text set, if it bears on plans.
fn settings(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split(';').filter_map(|statement| {
        let (name, value) = statement.trim().strip_prefix("SET ")?.split_once(" = ")?;
        let bears_on_plans =
            name == "plan_cache_mode" || name == "jit" || name.starts_with("enable_");
        bears_on_plans.then(|| (name.to_owned(), value.trim_matches('\'').to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-01 00:00:00.000 UTC [7] LOG:  statement: SET jit = off;\n\
        \t SET statement_timeout = '15s';\n\
        2026-01-01 00:00:00.000 UTC [7] LOG:  parse tree:\n\
        2026-01-01 00:00:00.000 UTC [7] DETAIL:     {QUERY \n\
        \t   :x {PARAM :paramkind 0 :paramid 2 :paramtype 25 \n\
        \t   {PARAM \n\t   :paramid 1 \n\t   :paramtype 1009 \n\t   :paramtypmod -1\n\
        2026-01-01 00:00:00.000 UTC [7] LOG:  execute s1: SELECT *\n\
        \tFROM t WHERE a = $1\n\
        2026-01-01 00:00:00.000 UTC [7] DETAIL:  parameters: $1 = '{it''s, $2 = b}', $2 = NULL, $3 = ''\n\
        2026-01-01 00:00:00.000 UTC [8] LOG:  statement: BEGIN\n\
        2026-01-01 00:00:00.000 UTC [9] LOG:  checkpoint starting: time\n\
        2026-01-01 00:00:00.000 UTC [8] LOG:  execute s1: SELECT *\n\
        \tFROM t WHERE a = $1\n\
        2026-01-01 00:00:00.000 UTC [8] DETAIL:  Parameters: $1 = '{}'\n";

    #[test]
    fn statements_are_read_with_parameters_and_their_types() {
        let log = Log::read(LOG);
        let texts: Vec<_> = log
            .statements
            .iter()
            .map(|statement| (statement.process, statement.text.as_str()))
            .collect();
        let select = "SELECT *\nFROM t WHERE a = $1";
        assert_eq!(texts[1..], [(7, select), (8, "BEGIN"), (8, select)]);
        let parameter = |kind, value: Option<&str>| Parameter {
            kind,
            value: value.map(str::to_owned),
        };
        assert_eq!(
            log.statements[1].parameters,
            [
                parameter(Some(1009), Some("{it's, $2 = b}")),
                parameter(Some(25), None),
                parameter(None, Some("")),
            ]
        );
        assert_eq!(
            log.statements[3].parameters,
            [parameter(Some(1009), Some("{}"))],
            "the type of a text that another session parsed"
        );
    }

    #[test]
    fn settings_are_those_of_the_sessions_and_of_plans() {
        let log = Log::read(LOG);
        assert_eq!(
            log.settings_of(&log.statements[1..2]),
            BTreeMap::from([("jit".to_owned(), "off".to_owned())])
        );
        assert!(log.settings_of(&log.statements[2..]).is_empty());
    }
}
