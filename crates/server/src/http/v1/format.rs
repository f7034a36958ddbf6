//! JSON or XML: what the client would like to read.

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT;
use actix_web::web::Query;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    /// `?format=` decides; then `Accept`, where XML must be asked for by name and above JSON and
    /// HTML: browsers, which name all of them, get JSON.
    pub(super) fn of(request: &HttpRequest) -> Self {
        if let Some(format) = from_query(request.query_string()) {
            return format;
        }
        let accept: Vec<_> = request
            .headers()
            .get_all(ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .collect();
        from_accept(&accept.join(","))
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            // Exactly so: clients compare it.
            Self::Json => "application/json",
            Self::Xml => "application/xml; charset=utf-8",
        }
    }
}

fn from_query(query: &str) -> Option<Format> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query).ok()?;
    let (_, format) = pairs.iter().rev().find(|(name, _)| name == "format")?;
    match format.as_str() {
        "xml" => Some(Format::Xml),
        "json" => Some(Format::Json),
        _ => None,
    }
}

fn from_accept(accept: &str) -> Format {
    let mut xml = 0.0;
    let mut other: f32 = 0.0;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0));
        match media.as_str() {
            "application/xml" => xml = quality,
            "application/json" | "text/html" => other = other.max(quality),
            _ => {}
        }
    }
    if xml > other {
        Format::Xml
    } else {
        Format::Json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_must_be_asked_for() {
        for accept in [
            "",
            "*/*",
            "text/html",
            "application/json",
            "application/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/xml;q=0",
            "application/xml;q=0.5, application/json",
            "application/json, application/xml",
            "application/xml;q=nonsense",
        ] {
            assert_eq!(from_accept(accept), Format::Json, "{accept}");
        }
        for accept in [
            "application/xml",
            "Application/XML; charset=utf-8",
            "application/xml, */*",
            "application/xml, application/json;q=0.5",
        ] {
            assert_eq!(from_accept(accept), Format::Xml, "{accept}");
        }
    }

    #[test]
    fn the_query_decides_if_it_names_a_format() {
        assert_eq!(from_query("format=xml"), Some(Format::Xml));
        assert_eq!(from_query("a=b&format=json"), Some(Format::Json));
        assert_eq!(from_query("format=yaml"), None);
        assert_eq!(from_query(""), None);
    }
}
