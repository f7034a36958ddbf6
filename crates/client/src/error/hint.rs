//! What to do about it.

use super::{Asked, Error, Setting, SettingsProblem};
use crate::terminal::{escaped, escaped_path};
use std::io;

impl Error {
    /// What the one who typed the command can do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::MissingSetting(setting) => missing(*setting),
            Self::InvalidAddress(_) => {
                "give it as https://host, or https://host:port: --url, CKC_URL, or `ckc login`"
                    .to_owned()
            }
            Self::PlainHttp { .. } => "use https; or, in a network you trust, say \
                --allow-plain-http (CKC_ALLOW_PLAIN_HTTP=true, or allow_plain_http = true in the \
                profile)"
                .to_owned(),
            Self::InvalidUser(_) => "give the name that the service's operator gave you".to_owned(),
            Self::InvalidApiKey(_) => {
                "paste the key whole, without quotes or blanks; it starts with ck_".to_owned()
            }
            Self::SettingsFile { path, problem } => settings_file(path, problem)?,
            Self::InvalidDocumentId(_) => "an id looks like \
                0190a3c4-7c1e-7000-8a3b-0123456789ab: `ckc upload` prints it"
                .to_owned(),
            Self::NoDocumentIdOnInput => {
                "pipe in an id, or what `ckc upload` printed (with --json or without)".to_owned()
            }
            Self::TextTooLong { .. } => "shorten it: --name and --content-type set them".to_owned(),
            Self::SourceIsFolder(path) => {
                let path = escaped_path(path);
                format!("pack it: tar -cz {path} | ckc upload --name {path}.tar.gz -")
            }
            Self::SourceChanged(_) => "nothing was stored; upload it again when nobody writes to \
                it, or upload a copy"
                .to_owned(),
            Self::TooLarge { .. } => {
                "split it (split -b 4G FILE PART-) and upload the parts".to_owned()
            }
            Self::TargetExists(_) => {
                "say --force to replace it, or -o NAME to choose another name".to_owned()
            }
            Self::TargetNotAFile(_) => {
                "download to standard output instead: ckc download ID -o - > TARGET".to_owned()
            }
            Self::Unauthorized { asked, .. } => match asked {
                Asked::Anything => {
                    "check both; `ckc login` asks for them and tries them; the service's operator \
                     makes new keys"
                        .to_owned()
                }
                Asked::Download(id) => format!(
                    "`ckc login` tries the credentials; the owner can share it with: \
                     ckc share {} USER",
                    escaped(id)
                ),
                Asked::Share(_) => {
                    "`ckc login` tries the credentials; only the owner can share or see who has \
                     access"
                        .to_owned()
                }
            },
            Self::DocumentNotFound { .. } => {
                "check the id, and that it belongs to this service; a document that expired is \
                 gone"
                    .to_owned()
            }
            Self::ContentMissing(_) => "its upload never finished, or the object was removed: ask \
                the owner to upload it again"
                .to_owned(),
            Self::UserNotFound { .. } => {
                "check the spelling; the service's operator creates users".to_owned()
            }
            Self::ServiceLimit { status: 429, .. } | Self::Unavailable { .. } => {
                "try again later; the service's operator finds the request by its id".to_owned()
            }
            Self::ServiceFailed { .. } => {
                "tell the service's operator: the log has the cause under the request's id"
                    .to_owned()
            }
            Self::UnexpectedAnswer { .. } => {
                "check the address (--url): it is the service's own, without a path of its \
                 resources"
                    .to_owned()
            }
            Self::Network { failure, .. } => failure.hint().to_owned(),
            Self::Store { status: 403, .. } => {
                "a presigned URL lives for minutes: run the command \
                again; if it is refused again, the clocks or the bucket's policy are wrong"
                    .to_owned()
            }
            Self::Store { .. } => "run the command again; if it fails again, tell the service's \
                operator"
                .to_owned(),
            Self::UploadUncertain(id) => {
                format!(
                    "download it to see that it is whole (ckc download {id} -o - > /dev/null), or upload it anew"
                )
            }
            Self::Altered(_) => "nothing was kept; download it again, and if it fails again, ask \
                the owner for a new upload"
                .to_owned(),
            Self::LegacyNotAllowed => "say --legacy (or legacy = true in the profile) to read it \
                all the same: nothing then proves that it is what was uploaded"
                .to_owned(),
            Self::UnknownEncryptionType(_) => {
                "it was made by another program, or by a newer ckc: use that one".to_owned()
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room there, or write elsewhere: -o NAME; what is uploaded from standard input \
                 lies in TMPDIR meanwhile"
                    .to_owned()
            }
            Self::SourceUnreadable { .. }
            | Self::Write { .. }
            | Self::Output(_)
            | Self::Input(_)
            | Self::Refused { .. }
            | Self::ServiceLimit { .. }
            | Self::Internal(_) => return None,
        };
        Some(hint)
    }
}

fn missing(setting: Setting) -> String {
    match setting {
        Setting::Url => "run `ckc login` once, or give --url or CKC_URL".to_owned(),
        Setting::User => "run `ckc login` once, or give --user or CKC_USER".to_owned(),
        Setting::ApiKey => "run `ckc login` once, or give --api-key-file or CKC_API_KEY".to_owned(),
    }
}

fn settings_file(path: &std::path::Path, problem: &SettingsProblem) -> Option<String> {
    match problem {
        SettingsProblem::TooWide(_) => Some(format!("close it: chmod 600 {}", escaped_path(path))),
        SettingsProblem::NoSuchProfile { .. } => {
            Some("name one of them with --profile, or make it: ckc login --profile NAME".to_owned())
        }
        SettingsProblem::Malformed(_) => {
            Some("correct it, or move it away and run `ckc login`".to_owned())
        }
        SettingsProblem::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
            Some("check the path; `ckc login` makes a file of profiles".to_owned())
        }
        SettingsProblem::Unreadable(_)
        | SettingsProblem::Unwritable(_)
        | SettingsProblem::NoCertificate => None,
    }
}
