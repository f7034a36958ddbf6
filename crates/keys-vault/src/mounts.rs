use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use serde::Deserialize;

use crate::call::{Call, CallError};
use crate::config::MountPath;
use crate::session::VaultSession;

/// What an engine must be, to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Kv2,
    Transit,
}

/// What is mounted at a path: any token that may do anything below it may ask.
struct ReadMount {
    path: String,
}

#[derive(Debug, Deserialize)]
struct Mount {
    #[serde(rename = "type")]
    engine: String,
    options: Option<Options>,
}

#[derive(Debug, Deserialize)]
struct Options {
    version: Option<String>,
}

impl Mount {
    fn version(&self) -> Option<&str> {
        self.options.as_ref()?.version.as_deref()
    }

    /// In words of our own: those of Vault may be anything.
    fn name(&self) -> &'static str {
        match (self.engine.as_str(), self.version()) {
            ("kv" | "generic", Some("2")) => "KV version 2",
            ("kv" | "generic", _) => "KV version 1",
            ("transit", _) => "Transit",
            _ => "another engine",
        }
    }
}

impl Endpoint for ReadMount {
    type Response = Mount;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("sys/internal/ui/mounts/{}", self.path)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }
}

impl Engine {
    const fn name(self) -> &'static str {
        match self {
            Self::Kv2 => "KV version 2",
            Self::Transit => "Transit",
        }
    }

    fn is(self, found: &Mount) -> bool {
        match self {
            Self::Kv2 => found.engine == "kv" && found.version() == Some("2"),
            Self::Transit => found.engine == "transit",
        }
    }

    /// Asks Vault what is mounted there. KV version 1 takes the paths of version 2 for names of
    /// its own, and answers as if all were well.
    pub(crate) async fn require_at(
        self,
        session: &VaultSession,
        mount: &MountPath,
    ) -> Result<(), CallError> {
        const READ: Call = Call {
            doing: "see what is mounted",
            policy: "serve",
            is_repeatable: true,
        };
        let found =
            session
                .call(READ, |token| {
                    let path = mount.to_string();
                    async move {
                        vaultrs::api::exec_with_result(token.client(), ReadMount { path }).await
                    }
                })
                .await;
        match found {
            Ok(found) if self.is(&found) => Ok(()),
            Ok(found) => Err(CallError::WrongMount {
                mount: mount.clone(),
                found: found.name(),
                needed: self.name(),
            }),
            Err(CallError::NotFound | CallError::Denied { .. }) => {
                Err(CallError::NoMount(mount.clone()))
            }
            Err(error) => Err(error),
        }
    }
}
