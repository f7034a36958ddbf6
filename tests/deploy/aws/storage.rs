//! The bucket: nobody's but ours, over TLS alone, and not logged where presigned URLs would be.

use serde_json::json;

use super::evaluation::Site;

#[test]
fn the_bucket_is_private_sealed_and_reached_by_tls_alone() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let bucket = |pointer: &str| site.property("storage", "Bucket", pointer).clone();
    assert_eq!(
        bucket("/PublicAccessBlockConfiguration"),
        json!({
            "BlockPublicAcls": true, "BlockPublicPolicy": true,
            "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
        })
    );
    assert_eq!(
        bucket("/OwnershipControls/Rules/0/ObjectOwnership"),
        "BucketOwnerEnforced"
    );
    let encryption = bucket("/BucketEncryption/ServerSideEncryptionConfiguration/0");
    let by_default = &encryption["ServerSideEncryptionByDefault"];
    assert_eq!(by_default["SSEAlgorithm"], "aws:kms");
    assert_eq!(
        by_default["KMSMasterKeyID"],
        "crypt-keeper-storage/ObjectsKey.Arn"
    );
    let made = &site.resource("storage", "Bucket")["Properties"];
    assert_eq!(made.get("LoggingConfiguration"), None);

    let statements = site.property("storage", "BucketPolicy", "/PolicyDocument/Statement");
    let all = json!([
        "arn:aws:s3:::documents-of-example",
        "arn:aws:s3:::documents-of-example/*"
    ]);
    let plain = json!({ "Bool": { "aws:SecureTransport": "false" } });
    let old = json!({ "NumericLessThan": { "s3:TlsVersion": "1.2" } });
    for (statement, condition) in statements.as_array().unwrap().iter().zip([plain, old]) {
        assert_eq!(statement["Effect"], "Deny");
        assert_eq!(statement["Principal"], "*");
        assert_eq!(statement["Action"], "s3:*");
        assert_eq!(statement["Resource"], all);
        assert_eq!(statement["Condition"], condition);
    }
}

/// Stacks come and go; what nobody can make again stays.
#[test]
fn nothing_that_holds_documents_or_secrets_goes_with_its_stack() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let mut kept = 0;
    for kind in [
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
    ] {
        for (stack, name, found) in site.all(kind) {
            assert_eq!(found["DeletionPolicy"], "Retain", "{stack} {name}");
            assert_eq!(found["UpdateReplacePolicy"], "Retain", "{stack} {name}");
            kept += 1;
        }
    }
    assert_eq!(kept, 5 + 2 + 1 + 1 + 5);
    for (_, name, key) in site.all("AWS::KMS::Key") {
        assert_eq!(key["Properties"]["EnableKeyRotation"], true, "{name}");
    }
}

/// Their contents are put in by hand: what is in a template or a parameter, others see.
#[test]
fn no_secret_has_content() {
    let Some(site) = Site::of("full") else {
        return;
    };
    for (stack, name, secret) in site.all("AWS::SecretsManager::Secret") {
        let properties = secret["Properties"].as_object().unwrap();
        let mut names: Vec<_> = properties.keys().collect();
        names.sort();
        assert_eq!(names, ["Description", "KmsKeyId", "Name"], "{stack} {name}");
        assert_eq!(properties["KmsKeyId"], "crypt-keeper-secrets/SecretsKey");
    }
}
