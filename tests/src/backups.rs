//! Backups of databases, and their restoring.

use std::path::{Path, PathBuf};

use crypt_keeper_test_services::PostgresAccess;

use crate::random;

/// Backups of a PostgreSQL database: copies that the server makes. They go with it.
#[derive(Debug)]
pub struct Backups {
    postgres: PostgresAccess,
    made: Vec<String>,
}

impl Backups {
    /// None yet, in this server.
    #[must_use]
    pub fn of(postgres: PostgresAccess) -> Self {
        let made = Vec::new();
        Self { postgres, made }
    }

    /// Makes one, and names it. Nobody may be connected to the database.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn make(&mut self, database: &str) -> String {
        let made = self
            .postgres
            .create_fresh_database("backup", Some(database));
        let made = made.expect("a copy of the database");
        self.made.push(made.clone());
        made
    }

    /// Puts one into the place of the database.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn restore(&self, database: &str, backup: &str) {
        self.postgres
            .drop_database(database)
            .expect("a dropped database");
        self.postgres
            .create_database(database, Some(backup))
            .expect("a restored database");
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        for made in &self.made {
            let _ = self.postgres.drop_database(made);
        }
    }
}

/// A database that is backed up and put back as a whole, while the service is stopped.
#[derive(Debug)]
pub enum BackedUp {
    /// A file of SQLite with its logs; the backups are folders beside it.
    File(PathBuf),
    /// A database in PostgreSQL, by name.
    Postgres(Box<Backups>, String),
}

impl BackedUp {
    /// Makes a backup, and names it.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn back_up(&mut self) -> String {
        match self {
            Self::File(file) => {
                let folder = file.with_extension(hex::encode(random::<4>()));
                std::fs::create_dir(&folder).expect("a folder");
                for name in with_logs(file) {
                    if let Some(name) = name.file_name().filter(|_| name.exists()) {
                        let copied = std::fs::copy(file.with_file_name(name), folder.join(name));
                        copied.expect("a copy");
                    }
                }
                folder.to_str().expect("a UTF-8 path").to_owned()
            }
            Self::Postgres(backups, name) => backups.make(name),
        }
    }

    /// Puts a backup back: nothing from after it stays.
    ///
    /// # Panics
    /// If it cannot be put back.
    pub fn restore(&self, backup: &str) {
        match self {
            Self::File(file) => {
                for path in with_logs(file) {
                    if path.exists() {
                        std::fs::remove_file(&path).expect("a removed file");
                    }
                    let name = path.file_name().expect("a name");
                    let kept = Path::new(backup).join(name);
                    if kept.exists() {
                        std::fs::copy(kept, &path).expect("a copy");
                    }
                }
            }
            Self::Postgres(backups, name) => backups.restore(name, backup),
        }
    }
}

fn with_logs(file: &Path) -> [PathBuf; 3] {
    ["db", "db-wal", "db-shm"].map(|extension| file.with_extension(extension))
}
