//! A content type for a name: the few that people exchange. It is a label, nothing acts on it.

/// What is said of a document of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";

/// Guesses by extension, `application/octet-stream` where there is no guess.
pub(crate) fn guess(name: &str) -> &'static str {
    let Some((_, extension)) = name.rsplit_once('.') else {
        return UNKNOWN;
    };
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        "7z" => "application/x-7z-compressed",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "tif" | "tiff" => "image/tiff",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::guess;

    #[test]
    fn the_extension_decides() {
        assert_eq!(guess("a.b.PDF"), "application/pdf");
        assert_eq!(guess("README"), "application/octet-stream");
        assert_eq!(guess("x.unheard-of"), "application/octet-stream");
    }
}
