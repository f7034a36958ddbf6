//! Retention classes: tables of the file, or one text such as `64:week-files:90d:week,1:daily:7d`.

use std::fmt::Display;

use crypt_keeper_domain::model::{
    InvalidRetentionClasses, Lifetime, Period, RetentionClass, RetentionClasses, RetentionName,
    RetentionPolicy,
};

use super::duration::parse_duration;
use super::values::Values;
use super::{ConfigError, quoted};

const CLASSES: &str = "retention.classes";
const DEFAULT: &str = "retention.default";
const NEEDED: &str = "tables of `number`, `name`, `lifetime` and, if you like, `period` are needed, \
                      or one text such as 64:week-files:90d:week,1:daily:7d";
/// The members of a class, in the order of the text; the last may be left out.
const MEMBERS: [&str; 4] = ["number", "name", "lifetime", "period"];

pub(super) fn read(values: &Values) -> Result<RetentionClasses, ConfigError> {
    let classes = values.tables(CLASSES, MEMBERS, NEEDED)?.unwrap_or_default();
    let policies = classes
        .iter()
        .map(policy)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|needed| values.wrong(CLASSES, None, &needed))?;
    let default = values.text(DEFAULT)?;
    let named = default
        .as_deref()
        .map(str::parse::<RetentionName>)
        .transpose()
        .map_err(|error| values.wrong(DEFAULT, default.as_deref(), &error.to_string()))?;
    RetentionClasses::new(policies, named.as_ref()).map_err(|error| match error {
        InvalidRetentionClasses::NoDefault(name) => values.wrong(
            DEFAULT,
            Some(name.as_str()),
            &format!("no class of `{CLASSES}` has this name"),
        ),
        other => values.wrong(CLASSES, None, &other.to_string()),
    })
}

fn policy(members: &[Option<String>; 4]) -> Result<RetentionPolicy, String> {
    let [number, name, lifetime, period] = members;
    let [Some(number), Some(name), Some(lifetime)] = [number, name, lifetime] else {
        return Err(NEEDED.to_owned());
    };
    let of_class = |what: &dyn Display| format!("of class `{name}`: {what}");
    let class = number.parse().map(RetentionClass::new).map_err(|_| {
        of_class(&format!(
            "`number` = {} is not a number from 0 to 254",
            quoted(number)
        ))
    })?;
    if let Some(period) = period {
        agrees(class, period).map_err(|what| of_class(&what))?;
    }
    Ok(RetentionPolicy {
        class,
        name: name
            .parse()
            .map_err(|error| format!("`name` = {}: {error}", quoted(name)))?,
        lifetime: lifetime_of(lifetime).map_err(|what| of_class(&what))?,
    })
}

/// The number says the period, for ever; whoever states it as well is told if he is wrong.
fn agrees(class: RetentionClass, period: &str) -> Result<(), String> {
    let stated: Period = period.parse().map_err(|_| {
        format!(
            "`period` = {} is none of day, week, month, year",
            quoted(period)
        )
    })?;
    match class.period() {
        Some(fixed) if fixed != stated => Err(format!(
            "the partitions of number {class} are of one {fixed}; for one {stated} take a number \
             {}",
            numbers(stated)
        )),
        _ => Ok(()),
    }
}

/// Which numbers have partitions of that length, besides class 0.
const fn numbers(period: Period) -> &'static str {
    match period {
        Period::Day => "from 1 to 63",
        Period::Week => "from 64 to 127",
        Period::Month => "from 128 to 191",
        Period::Year => "from 192 to 254",
    }
}

fn lifetime_of(text: &str) -> Result<Lifetime, String> {
    if text == "unlimited" {
        return Ok(Lifetime::UNLIMITED);
    }
    let wrong = |what: &dyn Display| {
        format!(
            "`lifetime` = {}: {what}; `unlimited` is allowed too",
            quoted(text)
        )
    };
    let length = parse_duration(text).map_err(|error| wrong(&error))?;
    Lifetime::limited(length).map_err(|error| wrong(&error))
}

pub(super) fn rows(classes: &RetentionClasses) -> Vec<(&'static str, Option<String>)> {
    let default = classes.policy(classes.default_class());
    let tables: Vec<_> = classes
        .policies()
        .iter()
        .map(|policy| {
            let period = policy.class.period().map_or("", Period::as_str);
            format!(
                "{{ number = {}, name = \"{}\", lifetime = \"{}\", period = \"{period}\" }}",
                policy.class, policy.name, policy.lifetime
            )
        })
        .collect();
    vec![
        (DEFAULT, default.map(|policy| quoted(policy.name.as_str()))),
        (CLASSES, Some(format!("[{}]", tables.join(", ")))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_are_named_have_the_period_that_was_asked_for() {
        for period in [Period::Day, Period::Week, Period::Month, Period::Year] {
            let words: Vec<_> = numbers(period).split(' ').collect();
            let ["from", least, "to", most] = words[..] else {
                panic!("{words:?}");
            };
            let (least, most): (u8, u8) = (least.parse().unwrap(), most.parse().unwrap());
            let named: Vec<_> = (least..=most).collect();
            let all = (1..=u8::MAX).filter(|number| {
                let class = RetentionClass::new(*number);
                agrees(class, period.as_str()).is_ok() && class.period().is_some()
            });
            assert_eq!(all.collect::<Vec<_>>(), named);
        }
        assert_eq!(agrees(RetentionClass::DEFAULT, "month"), Ok(()));
    }
}
