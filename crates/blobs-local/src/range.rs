use crypt_keeper_domain::ports::ObjectInfo;

/// Some bytes of an object, never none: from `first` to `last`, both counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

impl ByteRange {
    /// The first byte, from 0.
    #[must_use]
    pub fn first(self) -> u64 {
        self.first
    }

    /// The last byte.
    #[must_use]
    pub fn last(self) -> u64 {
        self.last
    }

    /// How many bytes these are.
    #[must_use]
    pub fn length(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The value of `Content-Range` in the 206 answer (RFC 9110, 14.4).
    #[must_use]
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.last)
    }
}

/// What a GET asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedRange {
    /// All of it: answer 200.
    Whole,
    /// A part: answer 206 with [`ByteRange::content_range`].
    Part(ByteRange),
    /// A part that is not there: answer 416 with `Content-Range: bytes */<size>`.
    Unsatisfiable,
}

/// Reads `Range` and `If-Range` (RFC 9110, 14.2 and 13.1.5). One range of bytes is served; several
/// at once, other units and nonsense are passed over, as the RFC has it, and the whole is sent. So
/// it is if `If-Range` names another entity tag than the object's.
#[must_use]
pub fn requested_range(
    range: Option<&str>,
    if_range: Option<&str>,
    object: &ObjectInfo,
) -> RequestedRange {
    let Some((first, last)) = range.and_then(parse) else {
        return RequestedRange::Whole;
    };
    if let Some(wanted) = if_range {
        let tag = object.etag.as_ref().map(|tag| format!("\"{tag}\""));
        if tag.as_deref() != Some(wanted.trim()) {
            return RequestedRange::Whole;
        }
    }
    let size = object.size;
    let part = match (first, last) {
        (Some(first), Some(last)) if first > last => return RequestedRange::Whole,
        (Some(first), last) => (first, last.unwrap_or(u64::MAX).min(size.saturating_sub(1))),
        (None, Some(0)) => return RequestedRange::Unsatisfiable,
        (None, Some(tail)) => (size.saturating_sub(tail), size.saturating_sub(1)),
        (None, None) => return RequestedRange::Whole,
    };
    if part.0 >= size {
        return RequestedRange::Unsatisfiable;
    }
    RequestedRange::Part(ByteRange {
        first: part.0,
        last: part.1,
    })
}

/// `bytes=<first>-<last>`, either of them optional.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = header.trim().split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    Some((number(first)?, number(last)?))
}

/// `None` if it is no number; `Some(None)` if it is left out.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than a u64 holds are beyond the end of any object.
    Some(Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(range: &str, size: u64) -> RequestedRange {
        requested_range(Some(range), None, &object(size))
    }

    fn object(size: u64) -> ObjectInfo {
        ObjectInfo {
            size,
            etag: Some("a1".to_owned()),
            version_id: None,
        }
    }

    fn part(first: u64, last: u64) -> RequestedRange {
        RequestedRange::Part(ByteRange { first, last })
    }

    #[test]
    fn one_range_is_served() {
        assert_eq!(ask("bytes=0-0", 10), part(0, 0));
        assert_eq!(ask("bytes=3-", 10), part(3, 9));
        assert_eq!(ask("Bytes=3-99999999999999999999999", 10), part(3, 9));
        assert_eq!(ask("bytes=-4", 10), part(6, 9));
        assert_eq!(ask("bytes=-40", 10), part(0, 9));
        assert_eq!(
            ByteRange { first: 3, last: 9 }.content_range(10),
            "bytes 3-9/10"
        );
        assert_eq!(ByteRange { first: 3, last: 9 }.length(), 7);
    }

    #[test]
    fn what_is_not_there_is_not_satisfied() {
        for (range, size) in [
            ("bytes=10-", 10),
            ("bytes=10-20", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=-5", 0),
            ("bytes=99999999999999999999999-", 10),
        ] {
            assert_eq!(ask(range, size), RequestedRange::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn anything_else_gets_the_whole() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=1 -2",
        ] {
            assert_eq!(ask(range, 10), RequestedRange::Whole, "{range}");
        }
        assert_eq!(
            requested_range(None, Some("\"a1\""), &object(10)),
            RequestedRange::Whole
        );
    }

    #[test]
    fn a_changed_object_is_sent_whole() {
        let ask = |tag| requested_range(Some("bytes=3-"), Some(tag), &object(10));
        assert_eq!(ask("\"a1\""), part(3, 9));
        for tag in ["\"a2\"", "a1", "W/\"a1\"", "Sun, 01 Mar 2026 12:00:00 GMT"] {
            assert_eq!(ask(tag), RequestedRange::Whole, "{tag}");
        }
    }
}
