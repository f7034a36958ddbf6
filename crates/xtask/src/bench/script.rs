//! A script of pgbench out of captured statements.
//!
//! What differs from request to request is replaced: the document that is asked for by one of many,
//! an id that the request made by a new one each time.

use std::collections::{BTreeMap, BTreeSet};

use super::captured::{Parameter, Statement};

/// A script, and the values of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) text: String,
    pub(super) variables: BTreeMap<String, String>,
}

/// What stands for the ids of a request.
#[derive(Clone, Debug)]
pub(super) struct Ids<'a> {
    /// The document that the captured request asked for; `None` if it made one.
    pub(super) asked: Option<&'a str>,
    /// The ids that the database knew before: they stay as they are.
    pub(super) known: &'a BTreeSet<String>,
    /// The documents that are asked for instead begin so, and end in 12 hexadecimal digits that
    /// count from 1 ..
    pub(super) documents_prefix: &'a str,
    /// .. to this.
    pub(super) documents: u64,
    /// New ids begin so: 18 characters, up to the variant's digit.
    pub(super) fresh_prefix: &'a str,
}

/// Makes the script that sends these statements, in their order, once a transaction of pgbench.
/// `types` names the types of parameters by their OIDs.
pub(super) fn script(
    statements: &[Statement],
    ids: &Ids<'_>,
    types: &BTreeMap<u32, String>,
) -> Script {
    let mut text = format!(
        "\\set n :n + 1\n\\set own :client_id * 4294967296 + :n\n\\set document random(1, {})\n",
        ids.documents
    );
    let mut variables = BTreeMap::from([("n".to_owned(), "0".to_owned())]);
    let mut fresh: Vec<&str> = Vec::new();
    for (number, statement) in statements.iter().enumerate() {
        let mut sql = statement.text.clone();
        // From the last to the first, so that $1 is not found in $10.
        for (at, parameter) in statement.parameters.iter().enumerate().rev() {
            let Parameter { kind, value } = parameter;
            let expression = match value {
                None => "NULL".to_owned(),
                Some(value) => varying(value, ids, &mut fresh).unwrap_or_else(|| {
                    let name = format!("s{number}p{}", at + 1);
                    variables.insert(name.clone(), value.clone());
                    format!(":{name}")
                }),
            };
            let cast = kind.and_then(|kind| types.get(&kind));
            let typed = match cast {
                Some(name) => format!("({expression})::{name}"),
                None => expression,
            };
            sql = sql.replace(&format!("${}", at + 1), &typed);
        }
        text.push_str(sql.trim_end().trim_end_matches(';'));
        text.push_str(";\n");
    }
    Script { text, variables }
}

/// The text expression for a parameter that is an id, or an array of ids, some of which vary; `None`
/// for any other.
fn varying<'s>(value: &'s str, ids: &Ids<'_>, fresh: &mut Vec<&'s str>) -> Option<String> {
    let list = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let mut varies = false;
    let mut parts = Vec::new();
    for id in list.unwrap_or(value).split(',') {
        if !is_uuid(id) {
            return None;
        }
        let part = if ids.asked == Some(id) {
            varies = true;
            counted(ids.documents_prefix, "document")
        } else if ids.known.contains(id) {
            format!("'{id}'")
        } else {
            varies = true;
            let number = fresh.iter().position(|known| *known == id);
            let number = number.unwrap_or_else(|| {
                fresh.push(id);
                fresh.len() - 1
            });
            counted(&format!("{}-8{number:03x}-", ids.fresh_prefix), "own")
        };
        parts.push(part);
    }
    let joined = parts.join(" || ',' || ");
    varies.then(|| match list {
        Some(_) => format!("'{{' || {joined} || '}}'"),
        None => joined,
    })
}

fn counted(prefix: &str, variable: &str) -> String {
    format!("'{prefix}' || lpad(to_hex(:{variable}::bigint), 12, '0')")
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "01930000-0000-7000-8000-00000000000a";
    const DOCUMENT: &str = "01930000-0000-7000-8000-00000000000b";
    const AUDIT: &str = "01930000-0000-7000-8000-00000000000c";

    #[test]
    fn ids_vary_as_the_request_varies_them_and_the_rest_stays() {
        let arrays = [
            DOCUMENT.to_owned(),
            format!("{{{AUDIT},{USER}}}"),
            USER.to_owned(),
        ];
        let others = (4..=10).map(|number| format!("value {number}"));
        let statement = Statement {
            process: 1,
            text: "INSERT INTO t SELECT $1, unnest($2), $3, $10".into(),
            parameters: arrays
                .into_iter()
                .chain(others)
                .zip(
                    [Some(2950), Some(2951), Some(2950)]
                        .into_iter()
                        .chain([None; 7]),
                )
                .map(|(value, kind)| Parameter {
                    kind,
                    value: Some(value),
                })
                .collect(),
        };
        let ids = Ids {
            asked: Some(DOCUMENT),
            known: &BTreeSet::from([USER.to_owned()]),
            documents_prefix: "01930000-0000-7000-9000-",
            documents: 5,
            fresh_prefix: "01940000-0000-7000",
        };
        let types = BTreeMap::from([(2950, "uuid".to_owned()), (2951, "uuid[]".to_owned())]);
        let script = script(&[statement], &ids, &types);
        assert_eq!(
            script.text.lines().last().unwrap(),
            "INSERT INTO t SELECT \
             ('01930000-0000-7000-9000-' || lpad(to_hex(:document::bigint), 12, '0'))::uuid, \
             unnest(('{' || '01940000-0000-7000-8000-' || lpad(to_hex(:own::bigint), 12, '0') \
             || ',' || '01930000-0000-7000-8000-00000000000a' || '}')::uuid[]), \
             (:s0p3)::uuid, :s0p10;"
        );
        assert_eq!(script.variables["s0p10"], "value 10");
        assert_eq!(script.variables["s0p3"], USER);
    }
}
