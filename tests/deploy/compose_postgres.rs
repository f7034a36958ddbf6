//! What Compose hands to PostgreSQL, on a real PostgreSQL: the script of its first start, the
//! certificate, the access rules, and the URLs that the service is given.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services::{self as services, Postgres, PostgresOptions, StopMode};

use crate::project::Project;
use crate::{machine_program, read};

#[test]
fn each_role_enters_its_own_database_over_verified_tls_and_nothing_else() {
    let Some(project) = Project::initialized() else {
        return;
    };
    let Some(()) = machine_program("psql", "--version") else {
        return;
    };
    let started = Postgres::start(&PostgresOptions::default());
    let Some(mut server) = services::require_or_skip("PostgreSQL", started) else {
        return;
    };

    run_first_start_script(&server, &project);
    let folder = hand_over_files(&server, &project);
    configure(&mut server, folder.path());

    let question = "CREATE TABLE t (); DROP TABLE t; \
                    SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let metadata = url(&project, "metadata_url", server.port());
    let keys = url(&project, "keys_url", server.port());
    assert_eq!(ask(&metadata, question).unwrap(), "crypt_keeper|t");
    assert_eq!(ask(&keys, question).unwrap(), "crypt_keeper_keys|t");

    let refused = [
        (
            "plain",
            metadata.replace("verify-full", "disable"),
            "no pg_hba.conf entry",
        ),
        (
            "the other's database",
            metadata.replace("/crypt_keeper?", "/crypt_keeper_keys?"),
            "no pg_hba.conf entry",
        ),
        (
            "the other's password",
            metadata
                .replace("//crypt_keeper:", "//crypt_keeper_keys:")
                .replace("/crypt_keeper?", "/crypt_keeper_keys?"),
            "password authentication failed",
        ),
        (
            "another host's name",
            metadata.replace("@postgres:", "@elsewhere:"),
            "does not match host name",
        ),
        (
            "the superuser",
            metadata.replace("//crypt_keeper:", "//postgres:"),
            "no pg_hba.conf entry",
        ),
    ];
    for (what, url, why) in refused {
        assert_ne!(url, metadata, "{what} is no other URL");
        let error = ask(&url, "SELECT 1").expect_err(what).to_string();
        assert!(error.contains(why), "{what}: {error}");
    }
}

fn run_first_start_script(server: &Postgres, project: &Project) {
    let script = project.path("databases.sql");
    let text = read(project.path("deploy/compose/postgres/databases.sql"));
    let secrets = format!("{}/", project.secrets().display());
    std::fs::write(&script, text.replace("/run/secrets/", &secrets)).unwrap();
    services::run(
        Command::new("psql")
            .args(["-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--no-password"])
            .args(["--username=postgres", "--dbname=postgres"])
            .arg(format!("--port={}", server.port()))
            .arg("--host")
            .arg(
                server
                    .access()
                    .socket_folder()
                    .expect("a server of our own"),
            )
            .arg("--file")
            .arg(script),
    )
    .unwrap();
}

/// In the container PostgreSQL runs as the owner of these files; here it may run as another user.
fn hand_over_files(server: &Postgres, project: &Project) -> tempfile::TempDir {
    let process = PathBuf::from(format!("/proc/{}", server.pid().expect("it runs")));
    let owner = process.metadata().unwrap();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    for (from, name) in [
        (
            project.secrets().join("postgres_certificate"),
            "certificate",
        ),
        (project.secrets().join("postgres_key"), "key"),
        (
            project.path("deploy/compose/postgres/pg_hba.conf"),
            "pg_hba.conf",
        ),
    ] {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).unwrap();
        chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    folder
}

fn configure(server: &mut Postgres, folder: &Path) {
    for (setting, value) in [
        ("ssl", "on".to_owned()),
        (
            "ssl_cert_file",
            folder.join("certificate").display().to_string(),
        ),
        ("ssl_key_file", folder.join("key").display().to_string()),
        ("hba_file", folder.join("pg_hba.conf").display().to_string()),
    ] {
        let statement = format!("ALTER SYSTEM SET {setting} = '{value}'");
        server.access().execute(&statement).unwrap();
    }
    server.stop(StopMode::Fast).unwrap();
    server.start_again().unwrap();
}

/// The URL as the service reads it, at this machine's port and with this machine's path.
fn url(project: &Project, secret: &str, port: u16) -> String {
    project
        .secret(secret)
        .replace("@postgres:5432/", &format!("@postgres:{port}/"))
        .replace("/run/secrets", &project.secrets().display().to_string())
}

fn ask(url: &str, statement: &str) -> services::Result<String> {
    let said = services::run(
        Command::new("psql")
            .args([
                "--no-psqlrc",
                "--no-password",
                "--quiet",
                "-At",
                "--command",
                statement,
                url,
            ])
            // The name stays the certificate's; only its resolution is ours.
            .env("PGHOSTADDR", "127.0.0.1"),
    )?;
    Ok(said.trim_end().to_owned())
}
