/// Headers of every answer to a GET of an object. What an uploader wrote must never run as a page
/// of the service's own origin, nor stay in a cache.
pub const GET_HEADERS: [(&str, &str); 6] = [
    ("content-type", "application/octet-stream"),
    ("content-disposition", "attachment"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "sandbox"),
    ("cache-control", "no-store"),
    ("accept-ranges", "bytes"),
];
