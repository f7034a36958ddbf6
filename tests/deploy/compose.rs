//! docker-compose.yml and its init.sh.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crypt_keeper_keys_sealed::master_key::read_master_key_file;
use crypt_keeper_test_services as services;
use serde_json::{Value, json};

use crate::project::{Project, judge, services_of};
use crate::read;

#[test]
fn without_init_it_says_what_to_do() {
    let Some(judge) = judge() else { return };
    let error = Project::fresh().load(&judge).unwrap_err().to_string();
    assert!(
        error.contains("run deploy/compose/init.sh first"),
        "{error}"
    );
}

#[test]
fn after_init_it_loads_and_every_secret_is_there() {
    let Some((project, loaded)) = loaded() else {
        return;
    };
    let names: Vec<&str> = services_of(&loaded).map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["objects-owner", "postgres", "s3", "server", "setup"]
    );
    let declared: BTreeSet<String> = loaded["secrets"]
        .as_object()
        .unwrap()
        .values()
        .map(|secret| secret["file"].as_str().unwrap().to_owned())
        .collect();
    let made: BTreeSet<String> = std::fs::read_dir(project.secrets())
        .unwrap()
        .map(|entry| entry.unwrap().path().to_string_lossy().into_owned())
        .collect();
    assert_eq!(declared, made);
}

#[test]
fn every_image_is_pinned_or_built_here() {
    let Some((_, loaded)) = loaded() else { return };
    for (name, service) in services_of(&loaded) {
        let image = service["image"].as_str().unwrap();
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        let built = service.get("build").is_some();
        assert!(
            built || (tag.contains('.') && tag.contains(|c: char| c.is_ascii_digit())),
            "{name}: {image} names no release"
        );
    }
}

#[test]
fn every_service_is_confined_and_none_but_the_one_shot_owner_is_root() {
    let Some((_, loaded)) = loaded() else { return };
    for (name, service) in services_of(&loaded) {
        assert_eq!(service["read_only"], json!(true), "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            json!(["no-new-privileges:true"]),
            "{name}"
        );
        assert!(service.get("privileged").is_none(), "{name}");
        let user = service["user"].as_str().unwrap();
        let uid: u32 = user.split(':').next().unwrap().parse().unwrap();
        if name == "objects-owner" {
            assert_eq!(service["cap_add"], json!(["CHOWN"]));
            assert_eq!(service["network_mode"], json!("none"));
            assert_eq!(service["restart"], json!("no"));
        } else {
            assert_ne!(uid, 0, "{name} runs as root");
            assert!(service.get("cap_add").is_none(), "{name}");
        }
    }
}

#[test]
fn ports_are_published_to_loopback_alone() {
    let Some((_, loaded)) = loaded() else { return };
    let mut published = BTreeSet::new();
    for (name, service) in services_of(&loaded) {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], json!("127.0.0.1"), "{name}: {port}");
            published.insert((name, port["published"].as_str().unwrap()));
        }
    }
    assert_eq!(
        published,
        BTreeSet::from([("s3", "7070"), ("server", "8080")])
    );
}

#[test]
fn clients_reach_the_store_by_the_name_that_is_published() {
    let Some((_, loaded)) = loaded() else { return };
    let environment = &loaded["services"]["server"]["environment"];
    let port = &loaded["services"]["s3"]["ports"][0];
    let public = format!("http://127.0.0.1:{}", port["published"].as_str().unwrap());
    assert_eq!(
        environment["CRYPT_KEEPER__BLOBS__S3__PUBLIC_ENDPOINT"],
        json!(public)
    );
    let inside = format!("http://s3:{}", port["target"]);
    assert_eq!(
        environment["CRYPT_KEEPER__BLOBS__S3__ENDPOINT"],
        json!(inside)
    );
}

#[test]
fn the_server_waits_for_setup_and_setup_for_both_stores() {
    let Some((_, loaded)) = loaded() else { return };
    let waits = |service: &str, other: &str| {
        loaded["services"][service]["depends_on"][other]["condition"].clone()
    };
    assert_eq!(
        waits("server", "setup"),
        json!("service_completed_successfully")
    );
    assert_eq!(waits("setup", "postgres"), json!("service_healthy"));
    assert_eq!(waits("setup", "s3"), json!("service_healthy"));
    assert_eq!(
        loaded["services"]["server"]["environment"],
        loaded["services"]["setup"]["environment"]
    );
}

#[test]
fn no_secret_is_in_what_the_engine_shows() {
    let Some((project, loaded)) = loaded() else {
        return;
    };
    let shown = loaded.to_string();
    let ring = project.secret("master_key");
    let mut secrets = vec![ring.split_once(':').unwrap().1.to_owned()];
    for name in [
        "postgres_password",
        "metadata_password",
        "keys_password",
        "s3_secret_key",
    ] {
        secrets.push(project.secret(name));
    }
    for secret in secrets {
        assert!(secret.len() >= 32, "not a secret: {secret}");
        assert!(!shown.contains(&secret));
    }
}

#[test]
fn secrets_are_their_owners_alone_and_the_containers_run_as_him() {
    let Some((project, loaded)) = loaded() else {
        return;
    };
    let user = loaded["services"]["server"]["user"].clone();
    for entry in std::fs::read_dir(project.secrets()).unwrap() {
        let path = entry.unwrap().path();
        let found = path.metadata().unwrap();
        assert_eq!(found.mode() & 0o7777, 0o600, "{}", path.display());
        assert_eq!(
            json!(format!("{}:{}", found.uid(), found.gid())),
            user,
            "{}",
            path.display()
        );
    }
}

#[test]
fn init_makes_a_master_key_that_the_service_takes() {
    let Some(project) = Project::initialized() else {
        return;
    };
    let file = project.secrets().join("master_key");
    let ring = read_master_key_file(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ring.keys().count(), 1);
}

#[test]
fn init_again_keeps_what_is_there_and_makes_what_lacks() {
    let Some(project) = Project::initialized() else {
        return;
    };
    let names = [
        "master_key",
        "metadata_url",
        "keys_url",
        "postgres_key",
        "aws_credentials",
    ];
    let before = names.map(|name| project.secret(name));
    let password = project.secret("postgres_password");
    std::fs::remove_file(project.secrets().join("postgres_password")).unwrap();
    std::fs::write(
        project.path(".env"),
        format!("MINE=1\n{}", read(project.path(".env"))),
    )
    .unwrap();
    project.initialize();
    assert_eq!(names.map(|name| project.secret(name)), before);
    assert_ne!(project.secret("postgres_password"), password);
    let environment = read(project.path(".env"));
    assert_eq!(environment.lines().next(), Some("MINE=1"));
    assert_eq!(environment.matches("CRYPT_KEEPER_UID=").count(), 1);
}

#[test]
fn two_inits_share_no_secret() {
    let (Some(one), Some(other)) = (Project::initialized(), Project::initialized()) else {
        return;
    };
    for entry in std::fs::read_dir(one.secrets()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert_ne!(one.secret(&name), other.secret(&name), "{name}");
    }
}

#[test]
fn the_certificate_is_for_postgres_and_its_authority_signs_no_other() {
    let Some(project) = Project::initialized() else {
        return;
    };
    let verify = |host: &str| {
        services::run(
            Command::new("openssl")
                .args(["verify", "-verify_hostname", host, "-CAfile"])
                .args([project.secrets().join("postgres_ca")])
                .arg(project.secrets().join("postgres_certificate")),
        )
    };
    verify("postgres").unwrap();
    assert!(verify("s3").is_err());
    // The authority's key is not kept: every private key that is left is the server's.
    let keys = std::fs::read_dir(project.secrets())
        .unwrap()
        .filter(|entry| read(entry.as_ref().unwrap().path()).contains("PRIVATE KEY"))
        .count();
    assert_eq!(keys, 1);
}

fn loaded() -> Option<(Project, Value)> {
    let judge = judge()?;
    let project = Project::initialized()?;
    let loaded = project
        .load(&judge)
        .unwrap_or_else(|error| panic!("{error}"));
    Some((project, loaded))
}
