//! service.yaml: what ECS would start is what the program takes, and what it must not show is shown
//! nowhere.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crypt_keeper_keys_sealed::master_key::read_master_key_file;
use crypt_keeper_test_services::{self as services, TlsFiles};
use crypt_keeper_tests::{Parts, Server, binaries, http};
use serde_json::{Value, json};

use super::evaluation::{Site, strings};
use super::roles::fits;
use crate::{read, repository};

/// Where the containers of a server share files.
const FOLDER: &str = "/var/lib/crypt-keeper";

fn container<'a>(site: &'a Site, name: &str) -> &'a Value {
    let all = site.property("service", "TaskDefinition", "/ContainerDefinitions");
    let mut all = all.as_array().unwrap().iter();
    all.find(|container| container["Name"] == name).unwrap()
}

/// Names and values of a container's plain variables.
fn environment(container: &Value) -> Vec<(&str, &str)> {
    let all = container["Environment"].as_array().unwrap().iter();
    all.map(|one| {
        (
            one["Name"].as_str().unwrap(),
            one["Value"].as_str().unwrap(),
        )
    })
    .collect()
}

fn names_of_secrets(container: &Value) -> Vec<&str> {
    let all = container["Secrets"].as_array().into_iter().flatten();
    all.map(|one| one["Name"].as_str().unwrap()).collect()
}

/// What somebody puts into the secrets, by the names of the variables that ECS makes of them.
fn contents(folder: &Path) -> Vec<(&'static str, String)> {
    let ring = folder.join("ring");
    services::run(
        Command::new(&binaries().server)
            .args(["master-key", "new"])
            .arg(&ring)
            .env_clear()
            .current_dir(folder),
    )
    .unwrap();
    let tls = TlsFiles::create(folder).unwrap();
    let url = "postgres://crypt_keeper:hunter2@keys.example.com:5432/crypt_keeper_keys?\
               sslmode=verify-full&sslrootcert=/var/lib/crypt-keeper/key-store-authorities.pem";
    vec![
        ("MASTER_KEY", read(&ring)),
        ("KEY_STORE_URL", format!("{url}\n")),
        ("KEY_STORE_AUTHORITIES", read(&tls.authority)),
        ("TLS_CERTIFICATE", read(&tls.certificate)),
        ("TLS_PRIVATE_KEY", read(&tls.key)),
    ]
}

/// The container `secrets` writes the files, and the service takes them and its environment.
#[test]
fn what_ecs_starts_is_a_configuration_that_the_service_takes() {
    for role in ["full", "ingest"] {
        let Some(site) = Site::of(role) else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        let here = files.to_str().unwrap();

        let writer = container(&site, "secrets");
        let given = names_of_secrets(writer);
        let all = contents(folder.path());
        let contents = all.iter().filter(|(name, _)| given.contains(name));
        let entry = strings(&writer["EntryPoint"]);
        services::run(
            Command::new(entry[0])
                .args(&entry[1..])
                .args(strings(&writer["Command"]))
                .env_clear()
                .envs(environment(writer))
                .env("FOLDER", here)
                .env("PATH", "/usr/bin:/bin")
                .envs(contents.clone().map(|(name, content)| (name, content))),
        )
        .unwrap_or_else(|error| panic!("{error}"));
        let mut written = BTreeSet::new();
        for file in std::fs::read_dir(&files).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{}", file.path().display());
            let content = read(file.path());
            let mut contents = contents.clone();
            assert!(contents.any(|(_, put_in)| *put_in == content), "{content}");
            written.insert(file.file_name().into_string().unwrap());
        }
        if role == "full" {
            let ring = read_master_key_file(&files.join("master-key"));
            ring.unwrap_or_else(|error| panic!("{error}"));
        }

        let server = container(&site, "server");
        let mut read_by_it = BTreeSet::new();
        let settings: Vec<_> = environment(server)
            .into_iter()
            .map(|(name, value)| {
                if let Some(file) = value.strip_prefix(&format!("{FOLDER}/")) {
                    read_by_it.insert(file.to_owned());
                }
                (name, value.replace(FOLDER, here))
            })
            .collect();
        if role == "full" {
            // The URL names it.
            read_by_it.insert("key-store-authorities.pem".to_owned());
        }
        assert_eq!(written, read_by_it, "{role}");
        let checked = services::run(
            Command::new(&binaries().server)
                .args(["config", "check"])
                .env_clear()
                .envs(settings)
                .current_dir(folder.path()),
        );
        let checked = checked.unwrap_or_else(|error| panic!("{role}: {error}"));
        assert!(checked.contains(&format!("role = \"{role}\"")), "{checked}");
        assert!(checked.contains("backend = \"dynamodb\""), "{checked}");
    }
}

/// What `docker inspect`, a look into the container or into the stack shows holds no secret, and a
/// server that only accepts uploads is given none of those that open documents.
#[test]
fn the_service_s_own_environment_holds_no_secret() {
    for (role, secrets) in [("full", 5), ("ingest", 2)] {
        let Some(site) = Site::of(role) else {
            return;
        };
        assert_eq!(names_of_secrets(container(&site, "server")), [""; 0]);
        assert_eq!(names_of_secrets(container(&site, "secrets")).len(), secrets);
        let environment = environment(container(&site, "server"));
        let opens = ["MASTER_KEY", "SEALED", "VAULT"];
        let gives = |(name, _): &&(&str, &str)| opens.iter().any(|opens| name.contains(opens));
        let given = environment.iter().filter(gives).count();
        assert_eq!(given, if role == "full" { 2 } else { 0 }, "{role}");
        let role_arn = site.property("service", "TaskDefinition", "/TaskRoleArn");
        let expected = if role == "full" {
            "ServerRole"
        } else {
            "IngestRole"
        };
        assert_eq!(
            role_arn,
            &json!(format!("crypt-keeper-roles/{expected}.Arn"))
        );
    }
}

#[test]
fn containers_are_confined_and_run_as_the_image_s_user() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let image = read(repository("Dockerfile"));
    let user = image
        .lines()
        .find_map(|line| line.strip_prefix("USER "))
        .unwrap();
    // The volume gets owner and mode of the image's folder only at a path that the image calls one.
    assert!(image.lines().any(|line| line == format!("VOLUME {FOLDER}")));
    let (uid, gid) = user.split_once(':').unwrap();
    assert!(image.contains(&format!("install -d -o {uid} -g {gid} -m 0700 {FOLDER}")));
    for name in ["secrets", "server"] {
        let container = container(&site, name);
        assert_eq!(container["User"], user, "{name}");
        assert_eq!(container["ReadonlyRootFilesystem"], true, "{name}");
        let dropped = container.pointer("/LinuxParameters/Capabilities/Drop");
        assert_eq!(dropped, Some(&json!(["ALL"])), "{name}");
        assert_eq!(container["MountPoints"].as_array().unwrap().len(), 1);
        assert_eq!(
            container["MountPoints"][0]["ContainerPath"], FOLDER,
            "{name}"
        );
    }
    let waits = &container(&site, "server")["DependsOn"];
    assert_eq!(
        waits,
        &json!([{ "ContainerName": "secrets", "Condition": "SUCCESS" }])
    );
    let check = container(&site, "server")["HealthCheck"]["Command"].clone();
    let check = format!("{:?}", &strings(&check)[1..]);
    let line = image
        .lines()
        .find(|line| line.starts_with("HEALTHCHECK "))
        .unwrap();
    assert!(line.ends_with(&format!("CMD {check}")), "{line}");
}

/// The page that the load balancer asks is one of the service, and what it lets through is all that
/// is for the world.
#[test]
fn the_load_balancer_asks_a_page_that_there_is_and_shows_none_of_the_operators() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let server = Server::start(&Parts::embedded());
    let status = |path: &str| {
        let answer = http::request(server.address(), "GET", path, &[], &[]);
        answer.unwrap().status
    };
    let asked = site.property("service", "TargetGroup", "/HealthCheckPath");
    let expected = site.property("service", "TargetGroup", "/Matcher/HttpCode");
    let found = status(asked.as_str().unwrap()).to_string();
    assert_eq!(found, *expected.as_str().unwrap());

    let otherwise = site.property("service", "Listener", "/DefaultActions/0");
    assert_eq!(otherwise["FixedResponseConfig"]["StatusCode"], "404");
    let rules = site.all("AWS::ElasticLoadBalancingV2::ListenerRule");
    assert_eq!(rules.len(), 1);
    let rule = &rules[0].2["Properties"];
    assert_eq!(rule["Actions"][0]["Type"], "forward");
    let patterns = strings(&rule["Conditions"][0]["PathPatternConfig"]["Values"]);
    let passes = |path: &str| patterns.iter().any(|pattern| fits(pattern, path));
    for (path, found) in [
        ("/healthz", 200),
        ("/version", 200),
        (
            "/api/v1/secure_document_service/share/0190a3c4-7c1e-7000-8a3b-0123456789ab/",
            401,
        ),
    ] {
        assert_eq!((passes(path), status(path)), (true, found), "{path}");
    }
    for path in ["/metrics", "/readyz", "/%6detrics", "/read%79z"] {
        assert_eq!((passes(path), status(path)), (false, 200), "{path}");
    }
    // The service leads nowhere else from below what is let through.
    for path in [
        "/api/../metrics",
        "/api/%2e%2e/metrics",
        "/api/..%2fmetrics",
        "/api//metrics",
    ] {
        assert_eq!((passes(path), status(path)), (true, 404), "{path}");
    }
}

#[test]
fn servers_stand_in_two_zones_behind_tls_alone() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let network = "/NetworkConfiguration/AwsvpcConfiguration";
    let network = site.property("service", "Service", network);
    assert_eq!(
        network["Subnets"],
        json!(["subnet-cccccccc", "subnet-dddddddd"])
    );
    assert_eq!(network["AssignPublicIp"], "DISABLED");
    let front = site.property("service", "LoadBalancer", "/Subnets");
    assert_eq!(front, &json!(["subnet-aaaaaaaa", "subnet-bbbbbbbb"]));

    let listeners = site.all("AWS::ElasticLoadBalancingV2::Listener");
    assert_eq!(listeners.len(), 1, "none in clear");
    let listener = &listeners[0].2["Properties"];
    assert_eq!(
        (&listener["Port"], &listener["Protocol"]),
        (&json!(443), &json!("HTTPS"))
    );
    let policy = listener["SslPolicy"].as_str().unwrap();
    assert!(
        policy.starts_with("ELBSecurityPolicy-TLS13-1-2-"),
        "{policy}"
    );
    let behind = &site.resource("service", "TargetGroup")["Properties"];
    for protocol in ["Protocol", "HealthCheckProtocol"] {
        assert_eq!(behind[protocol], "HTTPS", "{protocol}");
    }
    let open = site.property("service", "LoadBalancerGroup", "/SecurityGroupIngress");
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_eq!(
        (&open[0]["FromPort"], &open[0]["ToPort"]),
        (&json!(443), &json!(443))
    );
    let out = site.property("service", "LoadBalancerGroup", "/SecurityGroupEgress");
    assert_eq!(out.as_array().unwrap().len(), 1, "to the servers alone");
    let inner = &site.resource("service", "ServersGroup")["Properties"];
    assert_eq!(
        inner.get("SecurityGroupIngress"),
        None,
        "the load balancer alone comes in"
    );
}

/// A request line has the query of a presigned URL, or the key of an old client.
#[test]
fn nothing_logs_request_lines() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let attributes = site.property("service", "LoadBalancer", "/LoadBalancerAttributes");
    let attributes = attributes.as_array().unwrap();
    let access_logs = json!({ "Key": "access_logs.s3.enabled", "Value": "false" });
    assert!(attributes.contains(&access_logs));
    for attribute in attributes {
        let key = attribute["Key"].as_str().unwrap();
        assert!(!key.contains("logs") || attribute == &access_logs, "{key}");
    }
    for name in ["secrets", "server"] {
        let logs = &container(&site, name)["LogConfiguration"];
        assert_eq!(logs["LogDriver"], "awslogs");
        assert_eq!(
            logs["Options"]["awslogs-group"],
            "crypt-keeper-service/Logs"
        );
    }
    for (stack, name, found) in site.every() {
        let kind = found["Type"].as_str().unwrap();
        for logging in ["CloudTrail", "WAFv2::Logging", "FlowLog", "CloudFront"] {
            assert!(!kind.contains(logging), "{stack} {name}: {kind}");
        }
    }
    let environment = environment(container(&site, "server"));
    assert!(
        !environment
            .iter()
            .any(|(name, _)| name.ends_with("V1__QUERY_AUTH"))
    );
}
