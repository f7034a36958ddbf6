use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{FieldError, Period, Timestamp};

/// Number of a retention class: how long its documents live and how they are partitioned.
///
/// A number is never reused, and says of itself how long the partitions of its class are, so that
/// the partition of a document is a function of its id, whatever the configuration:
///
/// | number | period |
/// |---|---|
/// | 0 | month; the class of documents for which none is chosen |
/// | 1 to 63 | day |
/// | 64 to 127 | week |
/// | 128 to 191 | month |
/// | 192 to 254 | year |
/// | 255 | one period for ever: documents brought over from elsewhere |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetentionClass(u8);

impl RetentionClass {
    /// Class 0: one partition a calendar month, kept until deleted unless configured otherwise.
    pub const DEFAULT: Self = Self(0);
    /// Class 255: documents brought over from elsewhere, whose ids say nothing of their time.
    pub const IMPORT: Self = Self(255);

    /// The class of a number.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// How long its partitions are; `None` for class `import`, which has one.
    #[must_use]
    pub fn period(self) -> Option<Period> {
        match self.0 {
            1..=63 => Some(Period::Day),
            64..=127 => Some(Period::Week),
            0 | 128..=191 => Some(Period::Month),
            192..=254 => Some(Period::Year),
            255 => None,
        }
    }
}

impl fmt::Display for RetentionClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long the documents of a class live from their creation. Longer lives are greater; the
/// greatest has no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(Limit);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Limit {
    Seconds(u64),
    None,
}

/// A length of time that is no lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lifetime is of whole seconds, 1 hour at least and 36,500 days at most")]
pub struct InvalidLifetime;

impl Lifetime {
    /// Kept until deleted.
    pub const UNLIMITED: Self = Self(Limit::None);
    /// The shortest: an hour.
    pub const MIN: Duration = Duration::from_secs(60 * 60);
    /// A lifetime of [`MIN`](Self::MIN).
    pub const SHORTEST: Self = Self(Limit::Seconds(Self::MIN.as_secs()));
    /// The longest that is not without limit: 36,500 days.
    pub const MAX: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

    /// A lifetime of whole seconds between [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    ///
    /// # Errors
    /// [`InvalidLifetime`] for any other length.
    pub fn limited(length: Duration) -> Result<Self, InvalidLifetime> {
        if length.subsec_nanos() != 0 || !(Self::MIN..=Self::MAX).contains(&length) {
            return Err(InvalidLifetime);
        }
        Ok(Self(Limit::Seconds(length.as_secs())))
    }

    /// Its length; `None` if it has no limit.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self.0 {
            Limit::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            Limit::None => None,
        }
    }

    /// When a document of it that was created at `at` expires; `None`: never.
    #[must_use]
    pub fn end(self, at: Timestamp) -> Option<Timestamp> {
        self.limit().map(|length| at.plus(length))
    }
}

/// Days where they are whole, else hours, minutes or seconds, such as `90d`; `unlimited`.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limit::Seconds(seconds) = self.0 else {
            return f.write_str("unlimited");
        };
        for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
            if seconds % length == 0 {
                return write!(f, "{}{unit}", seconds / length);
            }
        }
        write!(f, "{seconds}s")
    }
}

/// Name of a retention class in commands and requests: 1 to 32 lower-case letters, digits and `-`
/// of ASCII, the first a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetentionName(String);

/// A text that is no name of a retention class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a retention class is named by 1 to 32 lower-case letters, digits and `-`, a letter first")]
pub struct InvalidRetentionName;

impl RetentionName {
    /// The greatest length in characters.
    pub const MAX_LENGTH: usize = 32;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RetentionName {
    type Err = InvalidRetentionName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        if !begins || text.len() > Self::MAX_LENGTH || !text.bytes().all(allowed) {
            return Err(InvalidRetentionName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RetentionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A retention class as it is configured. Its period is a function of its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Its number, for ever.
    pub class: RetentionClass,
    /// Its name; it may change.
    pub name: RetentionName,
    /// How long documents live that are uploaded from now on.
    pub lifetime: Lifetime,
}

/// The configured retention classes, in the order of their numbers, and the one for documents for
/// which none is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionClasses {
    policies: Vec<RetentionPolicy>,
    default: RetentionClass,
}

/// Retention classes that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetentionClasses {
    /// Two of a number.
    #[error("retention class {0} is there twice")]
    NumberTwice(RetentionClass),
    /// Two of a name.
    #[error("two retention classes are named `{0}`")]
    NameTwice(RetentionName),
    /// The one of documents that were brought over.
    #[error("retention class 255 is that of documents brought over, and cannot be configured")]
    Import,
    /// The default is none of them.
    #[error("no retention class is named `{0}`, which is to be the default")]
    NoDefault(RetentionName),
}

impl RetentionClasses {
    /// How class 0 is named unless it is configured.
    pub const DEFAULT_NAME: &'static str = "default";

    /// The classes of a configuration. Class 0 is added if it is not among them: named `default`,
    /// and kept until deleted. `default` names the class of documents for which none is chosen:
    /// class 0 if it is `None`.
    ///
    /// # Errors
    /// [`InvalidRetentionClasses`] says what does not go together.
    pub fn new(
        mut policies: Vec<RetentionPolicy>,
        default: Option<&RetentionName>,
    ) -> Result<Self, InvalidRetentionClasses> {
        if policies
            .iter()
            .all(|policy| policy.class != RetentionClass::DEFAULT)
        {
            policies.push(Self::class_0());
        }
        policies.sort_by_key(|policy| policy.class);
        for (index, policy) in policies.iter().enumerate() {
            if policy.class == RetentionClass::IMPORT {
                return Err(InvalidRetentionClasses::Import);
            }
            for other in &policies[..index] {
                if other.class == policy.class {
                    return Err(InvalidRetentionClasses::NumberTwice(policy.class));
                }
                if other.name == policy.name {
                    return Err(InvalidRetentionClasses::NameTwice(policy.name.clone()));
                }
            }
        }
        let mut classes = Self {
            policies,
            default: RetentionClass::DEFAULT,
        };
        if let Some(name) = default {
            let named = classes.named(name).map(|policy| policy.class);
            classes.default =
                named.ok_or_else(|| InvalidRetentionClasses::NoDefault(name.clone()))?;
        }
        Ok(classes)
    }

    fn class_0() -> RetentionPolicy {
        RetentionPolicy {
            class: RetentionClass::DEFAULT,
            name: RetentionName(Self::DEFAULT_NAME.to_owned()),
            lifetime: Lifetime::UNLIMITED,
        }
    }

    /// All of them, in the order of their numbers.
    #[must_use]
    pub fn policies(&self) -> &[RetentionPolicy] {
        &self.policies
    }

    /// The class of documents for which none is chosen.
    #[must_use]
    pub fn default_class(&self) -> RetentionClass {
        self.default
    }

    /// The class of a name.
    #[must_use]
    pub fn named(&self, name: &RetentionName) -> Option<&RetentionPolicy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }

    /// The policy of a class; `None` if it is not configured (any more).
    #[must_use]
    pub fn policy(&self, class: RetentionClass) -> Option<&RetentionPolicy> {
        self.policies.iter().find(|policy| policy.class == class)
    }

    /// The class of a new document: the one that its uploader `chose`, or else `own`, his default,
    /// or else the default of all.
    ///
    /// # Errors
    /// A [`FieldError`] that names the configured classes, if the class is not (or no longer) one
    /// of them: a document that was to live for a week would otherwise live for ever, or the other
    /// way round.
    pub fn choose(
        &self,
        chose: Option<&RetentionName>,
        own: Option<RetentionClass>,
    ) -> Result<&RetentionPolicy, FieldError> {
        if let Some(name) = chose {
            let unknown = || self.not_configured(format!("no retention class is named `{name}`"));
            return self.named(name).ok_or_else(unknown);
        }
        let class = own.unwrap_or(self.default);
        self.policy(class).ok_or_else(|| {
            self.not_configured(format!(
                "retention class {class}, the default of this user, is not configured any more"
            ))
        })
    }

    fn not_configured(&self, what: String) -> FieldError {
        let names: Vec<_> = self.policies.iter().map(|one| one.name.as_str()).collect();
        FieldError {
            field: "retention",
            message: format!("{what}: choose one of {}", names.join(", ")),
        }
    }

    /// How long documents of a class live that are uploaded now: without limit where the class is
    /// not configured.
    #[must_use]
    pub fn lifetime(&self, class: RetentionClass) -> Lifetime {
        self.policy(class)
            .map_or(Lifetime::UNLIMITED, |policy| policy.lifetime)
    }
}

/// Class 0 alone, kept until deleted.
impl Default for RetentionClasses {
    fn default() -> Self {
        Self {
            policies: vec![Self::class_0()],
            default: RetentionClass::DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(number: u8, name: &str) -> RetentionPolicy {
        RetentionPolicy {
            class: RetentionClass::new(number),
            name: name.parse().unwrap(),
            lifetime: Lifetime::limited(Lifetime::MIN).unwrap(),
        }
    }

    #[test]
    fn numbers_say_how_long_the_partitions_of_their_class_are() {
        let periods = |from: u8, to: u8| {
            let mut periods: Vec<_> = (from..=to)
                .map(|number| RetentionClass::new(number).period())
                .collect();
            periods.dedup();
            periods
        };
        assert_eq!(periods(0, 0), [Some(Period::Month)]);
        assert_eq!(periods(1, 63), [Some(Period::Day)]);
        assert_eq!(periods(64, 127), [Some(Period::Week)]);
        assert_eq!(periods(128, 191), [Some(Period::Month)]);
        assert_eq!(periods(192, 254), [Some(Period::Year)]);
        assert_eq!(periods(255, 255), [None]);
    }

    #[test]
    fn lifetimes_are_ordered_and_shown() {
        let second = Duration::from_secs(1);
        assert!(Lifetime::limited(Lifetime::MIN - second).is_err());
        assert!(Lifetime::limited(Lifetime::MAX + second).is_err());
        assert!(Lifetime::limited(Lifetime::MIN + Duration::from_millis(1)).is_err());
        let least = Lifetime::limited(Lifetime::MIN).unwrap();
        let most = Lifetime::limited(Lifetime::MAX).unwrap();
        assert!(least < most && most < Lifetime::UNLIMITED);
        let shown = |length| Lifetime::limited(length).unwrap().to_string();
        assert_eq!(shown(Duration::from_secs(90 * 86_400)), "90d");
        assert_eq!(shown(Duration::from_secs(36 * 3600)), "36h");
        assert_eq!(shown(Duration::from_secs(3660)), "61m");
        assert_eq!(shown(Duration::from_secs(3601)), "3601s");
        assert_eq!(Lifetime::UNLIMITED.to_string(), "unlimited");
    }

    #[test]
    fn classes_that_do_not_go_together_are_refused() {
        let twice = RetentionClasses::new(vec![policy(1, "a"), policy(1, "b")], None);
        assert_eq!(
            twice,
            Err(InvalidRetentionClasses::NumberTwice(RetentionClass::new(1)))
        );
        let name: RetentionName = "a".parse().unwrap();
        let named = RetentionClasses::new(vec![policy(1, "a"), policy(2, "a")], None);
        assert_eq!(named, Err(InvalidRetentionClasses::NameTwice(name.clone())));
        let taken = RetentionClasses::new(vec![policy(1, "default")], None);
        assert!(matches!(taken, Err(InvalidRetentionClasses::NameTwice(_))));
        let import = RetentionClasses::new(vec![policy(255, "import")], None);
        assert_eq!(import, Err(InvalidRetentionClasses::Import));
        let missing = RetentionClasses::new(Vec::new(), Some(&name));
        assert_eq!(missing, Err(InvalidRetentionClasses::NoDefault(name)));
        for text in ["", "A", "1a", "-a", "a_b", "é", &"a".repeat(33)] {
            assert_eq!(
                text.parse::<RetentionName>(),
                Err(InvalidRetentionName),
                "{text}"
            );
        }
    }

    #[test]
    fn a_class_is_chosen_by_name_or_by_the_default_of_the_user_or_of_all() {
        let (week, day) = (policy(64, "week"), policy(1, "day"));
        let classes = vec![week.clone(), day.clone()];
        let classes = RetentionClasses::new(classes, Some(&week.name)).unwrap();
        assert_eq!(classes.choose(None, None), Ok(&week));
        assert_eq!(classes.choose(None, Some(day.class)), Ok(&day));
        assert_eq!(classes.choose(Some(&day.name), None), Ok(&day));
        assert_eq!(classes.choose(Some(&week.name), Some(day.class)), Ok(&week));
        let gone = RetentionClass::new(9);
        let unknown = "month".parse().unwrap();
        for (chose, own, message) in [
            (
                Some(&unknown),
                None,
                "no retention class is named `month`: choose one of default, day, week",
            ),
            (
                None,
                Some(gone),
                "retention class 9, the default of this user, is not configured any more: choose \
                 one of default, day, week",
            ),
        ] {
            let refused = classes.choose(chose, own).unwrap_err();
            assert_eq!(
                (refused.field, refused.message.as_str()),
                ("retention", message)
            );
        }
        assert_eq!(classes.choose(Some(&day.name), Some(gone)), Ok(&day));
    }

    #[test]
    fn class_0_is_always_there() {
        let week = policy(64, "week");
        let classes = RetentionClasses::new(vec![week.clone()], Some(&week.name)).unwrap();
        assert_eq!(classes.default_class(), week.class);
        assert_eq!(
            classes.lifetime(RetentionClass::DEFAULT),
            Lifetime::UNLIMITED
        );
        assert_eq!(classes.lifetime(week.class), week.lifetime);
        assert_eq!(
            classes.lifetime(RetentionClass::new(9)),
            Lifetime::UNLIMITED
        );
        let names: Vec<_> = classes
            .policies()
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["default", "week"]);
    }
}
