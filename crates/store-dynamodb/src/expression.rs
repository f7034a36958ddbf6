//! Conditions and changes in DynamoDB's expression language, their names and values bound: many of
//! the names of our attributes are among its reserved words.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::items::Item;

/// A condition, and what is changed where it holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expression {
    pub(crate) condition: String,
    pub(crate) update: String,
    names: HashMap<String, String>,
    values: Item,
}

impl Expression {
    /// The item is there.
    pub(crate) fn is_there() -> Self {
        let mut expression = Self::default();
        expression.also("attribute_exists(id)");
        expression
    }

    /// The item is not there.
    pub(crate) fn is_absent() -> Self {
        let mut expression = Self::default();
        expression.also("attribute_not_exists(id)");
        expression
    }

    /// An attribute has a value, or is missing.
    pub(crate) fn and_is(mut self, name: &str, value: Option<AttributeValue>) -> Self {
        let bound = self.name(name);
        let condition = match value {
            Some(value) => format!("{bound} = {}", self.value(value)),
            None => format!("attribute_not_exists({bound})"),
        };
        self.also(&condition);
        self
    }

    /// An attribute has one of some values.
    pub(crate) fn and_one_of<const N: usize>(
        mut self,
        name: &str,
        values: [AttributeValue; N],
    ) -> Self {
        let bound = self.name(name);
        let values = values.map(|value| self.value(value));
        self.also(&format!("{bound} IN ({})", values.join(", ")));
        self
    }

    /// An attribute is there and is less than a number; than none, if it is just there.
    pub(crate) fn and_is_less(mut self, name: &str, than: Option<AttributeValue>) -> Self {
        let bound = self.name(name);
        let condition = match than {
            Some(than) => format!("{bound} < {}", self.value(than)),
            None => format!("attribute_exists({bound})"),
        };
        self.also(&condition);
        self
    }

    /// Sets an attribute, or removes it.
    pub(crate) fn set(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.change("SET", |one| {
                format!("{} = {}", one.name(name), one.value(value))
            }),
            None => self.change("REMOVE", |one| one.name(name)),
        }
    }

    /// Adds a number to an attribute, or a member to a set.
    pub(crate) fn add(self, name: &str, value: AttributeValue) -> Self {
        self.change("ADD", |one| {
            format!("{} {}", one.name(name), one.value(value))
        })
    }

    fn change(mut self, clause: &str, write: impl FnOnce(&mut Self) -> String) -> Self {
        let action = write(&mut self);
        let mut clauses: Vec<String> = self.update.split('\n').map(str::to_owned).collect();
        clauses.retain(|one| !one.is_empty());
        // Each clause may be there once; its actions are parted by commas.
        let start = format!("{clause} ");
        match clauses.iter_mut().find(|one| one.starts_with(&start)) {
            Some(one) => {
                one.push_str(", ");
                one.push_str(&action);
            }
            None => clauses.push(format!("{start}{action}")),
        }
        self.update = clauses.join("\n");
        self
    }

    fn also(&mut self, condition: &str) {
        if !self.condition.is_empty() {
            self.condition.push_str(" AND ");
        }
        self.condition.push_str(condition);
    }

    fn name(&mut self, name: &str) -> String {
        let bound = format!("#{name}");
        self.names.insert(bound.clone(), name.to_owned());
        bound
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let bound = format!(":v{}", self.values.len());
        self.values.insert(bound.clone(), value);
        bound
    }

    /// `None` where there are none: DynamoDB refuses an empty map.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(crate) fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::number;

    #[test]
    fn names_and_values_are_bound_and_clauses_gathered() {
        let expression = Expression::is_there()
            .and_is("state", Some(number(1)))
            .and_is("expires_at", None)
            .and_one_of("kind", [number(7), number(8)])
            .and_is_less("lifetime", Some(number(9)))
            .and_is_less("lifetime", None)
            .set("state", Some(number(2)))
            .add("version", number(1))
            .set("etag", None)
            .set("size", Some(number(3)));
        assert_eq!(
            expression.condition,
            "attribute_exists(id) AND #state = :v0 AND attribute_not_exists(#expires_at) AND \
             #kind IN (:v1, :v2) AND #lifetime < :v3 AND attribute_exists(#lifetime)"
        );
        assert_eq!(
            expression.update,
            "SET #state = :v4, #size = :v6\nADD #version :v5\nREMOVE #etag"
        );
        assert_eq!(expression.names().unwrap().len(), 7);
        assert_eq!(Expression::is_there().names(), None);
    }
}
