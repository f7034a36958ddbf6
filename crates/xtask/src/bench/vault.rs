//! Part `vault`: unwraps a second through each key vault, and what the algorithm of the key pair costs
//! a download.

use std::fs;
use std::process::Command;

use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, VaultSite, run};
use serde::Deserialize;

use super::load::{Kind, Load, Outcome};
use super::plan::{Plan, median};
use super::report::{Table, rate, ratio};
use super::service::{self, Service};
use super::{Bench, Measured, failed, start_postgres};
use crate::step::{Result, tell};

/// As many unwraps, or requests, at once.
const CONCURRENCY: u32 = 8;
/// How long the token of the measurement lives, in seconds.
const TOKEN_TTL: u32 = 3600;

/// The default, and what it is judged by.
const HYBRID: &str = "CK-HPKE-XWING";
const RSA: &str = "CK-RSA-OAEP-256";

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let unwraps = unwraps(bench)?;
    let (downloads, errors) = downloads(bench)?;
    let text = format!(
        "Unwraps a second, {CONCURRENCY} at once, the registry in memory. Cold: the private half is \
         read from where it is kept for each; held: it is read once, as the service does it. OpenBao \
         runs on the same machine, over plain HTTP on loopback.\n\n{unwraps}\nThe same download on \
         PostgreSQL (fsync on), {CONCURRENCY} at once, under a key pair of the one algorithm and of \
         the other: two services side by side, measured in turns, {} times: medians.\n\n{downloads}",
        bench.plan.turns
    );
    Ok(Measured { text, errors })
}

/// A line of `examples/unwraps`.
#[derive(Debug, Deserialize)]
struct Rate {
    algorithm: String,
    how: String,
    per_second: f64,
}

fn unwraps(bench: &Bench) -> Result<String> {
    let folder = service::folder()?;
    let bao = OpenBao::start(&OpenBaoOptions::default())?;
    let site = VaultSite::create(bao.access())?;
    let token = folder.path().join("token");
    fs::write(
        &token,
        site.token(&["serve", "rotate", "destroy"], TOKEN_TTL)?,
    )
    .map_err(failed)?;
    let mut table = Table::new(&["vault", "algorithm", "cold/s", "held/s", "held to cold"]);
    for backend in ["sealed", "vault-kv", "vault-transit"] {
        let mut command = Command::new(&bench.programs.unwraps);
        command.arg(backend);
        match backend {
            "sealed" => command.arg(folder.path()),
            "vault-kv" => command
                .args([bao.access().address(), site.kv()])
                .arg(&token),
            _ => command
                .args([bao.access().address(), site.transit()])
                .arg(&token),
        };
        command.args([CONCURRENCY.to_string(), bench.plan.ceiling.to_string()]);
        tell(format!("unwrapping through {backend}"));
        let rates: Vec<Rate> = run(&mut command)?
            .lines()
            .map(|line| serde_json::from_str(line).map_err(failed))
            .collect::<Result<_>>()?;
        for row in rows(backend, &rates) {
            table.row(&row);
        }
    }
    Ok(table.finish())
}

/// A row for each algorithm; what cannot be held has one figure.
fn rows(backend: &str, rates: &[Rate]) -> Vec<[String; 5]> {
    let of = |algorithm: &str, how: &str| {
        let mut all = rates.iter();
        let found = all.find(|rate| rate.algorithm == algorithm && rate.how == how);
        found.map(|rate| rate.per_second)
    };
    let shown = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), rate);
    let mut algorithms: Vec<_> = rates.iter().map(|rate| rate.algorithm.as_str()).collect();
    algorithms.dedup();
    let row = |algorithm: &str| {
        let cold = of(algorithm, "read each time").or_else(|| of(algorithm, "one call each"));
        let held = of(algorithm, "held");
        let gain = match (held, cold) {
            (Some(held), Some(cold)) => ratio(held, cold),
            _ => "-".to_owned(),
        };
        [
            format!("`{backend}`"),
            algorithm.to_owned(),
            shown(cold),
            shown(held),
            gain,
        ]
    };
    algorithms.into_iter().map(row).collect()
}

fn downloads(bench: &Bench) -> Result<(String, u64)> {
    let plan = &bench.plan;
    let postgres = start_postgres()?;
    let mut services = Vec::new();
    for (database, algorithm) in [("hybrid", HYBRID), ("rsa", RSA)] {
        postgres.access().create_database(database, None)?;
        let url = postgres.access().url(database);
        let settings = [("KEYS__ALGORITHM", algorithm)];
        let service = Service::start_with(&bench.programs, Some(url), None, &settings)?;
        Load::new(&service, None)?.make_documents(plan.documents)?;
        services.push((algorithm, service));
    }
    let mut loads = Vec::new();
    for (_, service) in &services {
        let load = Load::new(service, postgres.pid())?;
        load.use_documents(&service.database().document_ids()?)?;
        loads.push(load);
    }
    let mut runs: Vec<Vec<Outcome>> = vec![Vec::new(); loads.len()];
    for _ in 0..plan.turns {
        for (load, runs) in loads.iter().zip(&mut runs) {
            runs.push(download(load, plan)?);
        }
    }
    let mut table = Table::new(&[
        "key pair",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "service µs",
        "to RSA-3072",
    ]);
    let figure = |runs: &[Outcome], of: fn(&Outcome) -> f64| median(runs.iter().map(of).collect());
    let of_rsa = runs
        .last()
        .map_or(0.0, |runs| figure(runs, |run| run.per_second));
    let mut errors = 0;
    for ((algorithm, _), runs) in services.iter().zip(&runs) {
        let failed: u64 = runs.iter().map(|run| run.errors).sum();
        errors += failed;
        let per_second = figure(runs, |run| run.per_second);
        table.row(&[
            (*algorithm).to_owned(),
            rate(per_second),
            format!("{:.2}", figure(runs, |run| run.p50)),
            format!("{:.2}", figure(runs, |run| run.p99)),
            failed.to_string(),
            format!("{:.0}", figure(runs, |run| run.service_us)),
            ratio(per_second, of_rsa),
        ]);
    }
    Ok((table.finish(), errors))
}

fn download(load: &Load<'_>, plan: &Plan) -> Result<Outcome> {
    load.run(
        Kind::Download,
        CONCURRENCY,
        plan.warm_up,
        plan.requests.div_ceil(2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(algorithm: &str, how: &str, per_second: f64) -> Rate {
        Rate {
            algorithm: algorithm.to_owned(),
            how: how.to_owned(),
            per_second,
        }
    }

    #[test]
    fn a_vault_has_a_row_for_each_algorithm() {
        let rates = [
            rate("A", "read each time", 100.0),
            rate("A", "held", 4_000.0),
            rate("B", "read each time", 50.0),
            rate("B", "held", 100.0),
        ];
        let rows = rows("vault-kv", &rates);
        assert_eq!(rows[0], ["`vault-kv`", "A", "100", "4,000", "40.00"]);
        assert_eq!(rows[1], ["`vault-kv`", "B", "50.0", "100", "2.00"]);
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn what_never_leaves_vault_is_not_held() {
        let rows = rows("vault-transit", &[rate("T", "one call each", 500.0)]);
        assert_eq!(
            rows,
            [["`vault-transit`", "T", "500", "-", "-"].map(String::from)]
        );
    }
}
