use aws_config::{BehaviorVersion, Region, SdkConfig};

/// Where the region says nothing, as with most servers that are not Amazon's.
const FALLBACK_REGION: Region = Region::from_static("us-east-1");

/// Where a service is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The region, like `eu-central-1`; by default that of the AWS environment or profile, or
    /// `us-east-1` if there is an endpoint.
    pub region: Option<&'a str>,
    /// Another server's address than Amazon's of the region.
    pub endpoint: Option<&'a str>,
}

/// An endpoint is not an address of a server. What it holds is the endpoint without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnAddress(pub String);

impl Place<'_> {
    /// The AWS environment and profile, read once: region, and where credentials come from.
    pub async fn load(self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = self.region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        loader.load().await
    }

    /// The region to sign for; `None` if nothing says it.
    #[must_use]
    pub fn region(self, sdk: &SdkConfig) -> Option<Region> {
        if let Some(region) = self.region {
            return Some(Region::new(region.to_owned()));
        }
        if let Some(region) = sdk.region() {
            return Some(region.clone());
        }
        self.endpoint
            .or(sdk.endpoint_url())
            .map(|_| FALLBACK_REGION)
    }

    /// The address to call; `None` for Amazon's of the region.
    ///
    /// # Errors
    /// [`NotAnAddress`] if the endpoint is none.
    pub fn endpoint_url(self, sdk: &SdkConfig) -> Result<Option<String>, NotAnAddress> {
        match self.endpoint {
            Some(endpoint) => Ok(Some(checked(endpoint)?.to_owned())),
            None => Ok(sdk.endpoint_url().map(str::to_owned)),
        }
    }
}

fn checked(endpoint: &str) -> Result<&str, NotAnAddress> {
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| endpoint.strip_prefix(scheme));
    let odd = |c: char| c.is_whitespace() || c.is_control() || "?#@".contains(c);
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !host.contains(odd) => {
            Ok(endpoint.trim_end_matches('/'))
        }
        // What stands before an `@` is a password.
        _ => Err(NotAnAddress(
            endpoint.rsplit('@').next().unwrap_or_default().to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk(region: Option<&'static str>, endpoint: Option<&str>) -> SdkConfig {
        let mut sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        sdk.set_region(region.map(Region::from_static));
        sdk.set_endpoint_url(endpoint.map(str::to_owned));
        sdk.build()
    }

    fn at(endpoint: Option<&str>) -> Place<'_> {
        Place {
            region: None,
            endpoint,
        }
    }

    #[test]
    fn what_is_configured_goes_before_the_environment() {
        let environment = sdk(Some("eu-west-1"), Some("https://theirs.example"));
        let url = |endpoint| at(endpoint).endpoint_url(&environment).unwrap().unwrap();
        assert_eq!(url(None), "https://theirs.example");
        assert_eq!(url(Some("https://ours.example/")), "https://ours.example");
        let named = Place {
            region: Some("eu-central-1"),
            endpoint: None,
        };
        let region = |place: Place<'_>| place.region(&environment).unwrap();
        assert_eq!(region(at(None)).as_ref(), "eu-west-1");
        assert_eq!(region(named).as_ref(), "eu-central-1");
    }

    #[test]
    fn only_an_endpoint_makes_up_for_a_region() {
        let nothing = sdk(None, None);
        let endpoint = "https://ours.example";
        assert_eq!(at(None).region(&nothing), None);
        assert_eq!(
            at(Some(endpoint)).region(&nothing).unwrap().as_ref(),
            "us-east-1"
        );
        let theirs = sdk(None, Some(endpoint));
        assert_eq!(at(None).region(&theirs).unwrap().as_ref(), "us-east-1");
    }

    #[test]
    fn a_password_is_not_repeated() {
        assert_eq!(
            at(Some("https://user:hunter2@ours.example")).endpoint_url(&sdk(None, None)),
            Err(NotAnAddress("ours.example".to_owned()))
        );
    }
}
