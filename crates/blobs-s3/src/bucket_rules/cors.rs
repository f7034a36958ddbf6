use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_s3::types::{CorsConfiguration, CorsRule as S3Rule};
use crypt_keeper_domain::model::CorsRule;

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

/// Seconds for which a browser need not ask again whether it may.
const MAX_AGE: i32 = 3600;

impl S3Blobs {
    pub(super) async fn cors(&self) -> Result<Vec<CorsRule>, S3Error> {
        let found = self.found_cors().await?;
        Ok(found.iter().map(from_s3).collect())
    }

    async fn found_cors(&self) -> Result<Vec<S3Rule>, S3Error> {
        match self
            .calls
            .get_bucket_cors()
            .bucket(&*self.bucket)
            .send()
            .await
        {
            Ok(found) => Ok(found.cors_rules.unwrap_or_default()),
            Err(error) if error.code() == Some("NoSuchCORSConfiguration") => Ok(Vec::new()),
            Err(error) => Err(self.call("GetBucketCors").failed(&error)),
        }
    }

    /// S3 has no call for one rule: the whole is replaced.
    pub(super) async fn replace_cors(&self, ours: Option<&CorsRule>) -> Result<(), S3Error> {
        let mut rules = self.found_cors().await?;
        let before = rules.len();
        rules.retain(|rule| !from_s3(rule).is_ours());
        let call = self.call("PutBucketCors");
        let unsaid = |error: BuildError| call.fault(Fault::Other, Some(error.to_string()));
        if let Some(rule) = ours {
            rules.push(to_s3(rule).map_err(unsaid)?);
        } else if rules.len() == before {
            return Ok(());
        }
        // An empty configuration is refused.
        if rules.is_empty() {
            let delete = self.calls.delete_bucket_cors().bucket(&*self.bucket);
            let deleted = delete.send().await.map(drop);
            return deleted.map_err(|error| self.call("DeleteBucketCors").failed(&error));
        }
        let configuration = CorsConfiguration::builder()
            .set_cors_rules(Some(rules))
            .build()
            .map_err(unsaid)?;
        self.calls
            .put_bucket_cors()
            .bucket(&*self.bucket)
            .cors_configuration(configuration)
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(&error))
    }
}

fn from_s3(rule: &S3Rule) -> CorsRule {
    CorsRule {
        id: rule.id().map(str::to_owned),
        origins: rule.allowed_origins().to_vec(),
        methods: rule.allowed_methods().to_vec(),
        headers: rule.allowed_headers().to_vec(),
        exposed: rule.expose_headers().to_vec(),
    }
}

fn to_s3(rule: &CorsRule) -> Result<S3Rule, BuildError> {
    S3Rule::builder()
        .set_id(rule.id.clone())
        .set_allowed_origins(Some(rule.origins.clone()))
        .set_allowed_methods(Some(rule.methods.clone()))
        .set_allowed_headers(Some(rule.headers.clone()))
        .set_expose_headers(Some(rule.exposed.clone()))
        .max_age_seconds(MAX_AGE)
        .build()
}
