use std::fmt;

/// Names a master key in the audit log: 8 bytes, shown as 16 lower-case hexadecimal digits. The keys
/// themselves are no concern of the domain's. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterKeyId([u8; 8]);

impl MasterKeyId {
    /// An id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// An id as it is shown; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = u64::from_str_radix(text, 16).ok()?;
        let id = Self(number.to_be_bytes());
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_in_no_other_way() {
        let id = MasterKeyId::from_bytes([0, 1, 2, 3, 4, 5, 0xfe, 0xff]);
        assert_eq!(id.to_string(), "000102030405feff");
        assert_eq!(MasterKeyId::parse("000102030405feff"), Some(id));
        for bad in [
            "",
            "102030405feff",
            "000102030405FEFF",
            "+00102030405feff",
            "000102030405fefg",
        ] {
            assert_eq!(MasterKeyId::parse(bad), None, "{bad}");
        }
    }
}
