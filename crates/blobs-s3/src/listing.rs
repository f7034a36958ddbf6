use std::borrow::Cow;

use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use crate::error::{Call, Fault, S3Error};

/// The most that S3 lists on a page, and deletes at once.
pub(crate) const PAGE: i32 = 1000;

/// A key as it is, from a list that may hold it as a URL would: XML cannot say every character.
pub(crate) fn decoded<'a>(key: &'a str, encoding: Option<&EncodingType>) -> Cow<'a, str> {
    if encoding != Some(&EncodingType::Url) {
        return Cow::Borrowed(key);
    }
    let spaced = key.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// Where the next page begins. A page that is not the last and does not say so must not pass for
/// the last: something would be left.
pub(crate) fn next_page(
    call: Call<'_>,
    marker: Option<&str>,
    encoding: Option<&EncodingType>,
) -> Result<String, S3Error> {
    match marker {
        Some(marker) if !marker.is_empty() => Ok(decoded(marker, encoding).into_owned()),
        _ => {
            let detail = "the list goes on, but not where".to_owned();
            Err(call.fault(Fault::Other, Some(detail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_where_they_were_encoded() {
        let url = Some(&EncodingType::Url);
        for (listed, encoding, key) in [
            ("0/a", None, "0/a"),
            ("0/a+b%2B%20", None, "0/a+b%2B%20"),
            ("0/a+b%2B%20", url, "0/a b+ "),
            ("0%2F%C3%A9%0D%01", url, "0/é\r\u{1}"),
            ("0/%", url, "0/%"),
        ] {
            assert_eq!(decoded(listed, encoding), key);
        }
    }
}
