//! Part `transfer`: `ckc` beside curl, which neither encrypts nor verifies, on the same stores.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{S3Access, S3Options, S3Server, run};

use super::plan::median;
use super::process_cost::peak_memory_kib;
use super::report::{Table, ratio};
use super::service::{Service, bare};
use super::{Bench, Measured, failed, http, programs};
use crate::step::{Result, tell};

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let mut table = Table::new(&[
        "store",
        "direction",
        "ckc MB/s",
        "curl MB/s",
        "curl, then sync, MB/s",
        "ckc to curl",
        "ckc to curl, then sync",
        "peak of ckc MiB",
    ]);
    let minio = S3Server::start_minio(&S3Options::default())?;
    for s3 in [None, Some(minio.access())] {
        for row in measure_on(bench, s3)? {
            table.row(&row.cells(if s3.is_some() {
                "MinIO"
            } else {
                "local folder"
            }));
        }
    }
    let text = format!(
        "A file of {} MiB of random bytes, transferred {} times each in turns: medians. `ckc` syncs \
         the file that it has written before it says that it is there; curl does not, so it is given \
         with and without `sync`. Client, service and store share the machine.\n\n{}",
        bench.plan.file_mib,
        bench.plan.transfers,
        table.finish()
    );
    Ok(Measured { text, errors: 0 })
}

/// One direction on one store.
struct Row {
    direction: &'static str,
    bytes: u64,
    ckc: Vec<Duration>,
    curl: Vec<Duration>,
    synced: Vec<Duration>,
    peak_kib: u64,
}

impl Row {
    fn new(direction: &'static str, bytes: u64) -> Self {
        Self {
            direction,
            bytes,
            ckc: Vec::new(),
            curl: Vec::new(),
            synced: Vec::new(),
            peak_kib: 0,
        }
    }

    fn cells(&self, store: &str) -> Vec<String> {
        let speed = |times: &[Duration]| {
            median(
                times
                    .iter()
                    .map(|time| self.bytes as f64 / 1e6 / time.as_secs_f64())
                    .collect(),
            )
        };
        let (ckc, curl) = (speed(&self.ckc), speed(&self.curl));
        let (synced, synced_ratio) = match self.synced.as_slice() {
            [] => (String::new(), String::new()),
            times => (format!("{:.0}", speed(times)), ratio(ckc, speed(times))),
        };
        vec![
            store.to_owned(),
            self.direction.to_owned(),
            format!("{ckc:.0}"),
            format!("{curl:.0}"),
            synced,
            ratio(ckc, curl),
            synced_ratio,
            format!("{:.1}", self.peak_kib as f64 / 1024.0),
        ]
    }
}

fn measure_on(bench: &Bench, s3: Option<&S3Access>) -> Result<[Row; 2]> {
    let service = Service::start(&bench.programs, None, s3)?;
    let transfer = Transfer {
        service: &service,
        ckc: bench.programs.ckc.clone(),
        curl: programs::curl()?,
        file: service.path("file"),
        copy: service.path("copy"),
    };
    let bytes = bench.plan.file_mib << 20;
    run(Command::new("dd")
        .arg("if=/dev/urandom")
        .arg(format!("of={}", transfer.file.display()))
        .args(["bs=1M", &format!("count={}", bench.plan.file_mib)]))?;
    let mut up = Row::new("upload", bytes);
    let mut down = Row::new("download", bytes);
    for repetition in 0..bench.plan.transfers {
        settle(&transfer.file)?;
        let (id, time, peak) = transfer.upload_by_ckc()?;
        up.ckc.push(time);
        up.peak_kib = up.peak_kib.max(peak);
        settle(&transfer.file)?;
        up.curl.push(transfer.upload_by_curl(bytes)?);

        settle(&transfer.file)?;
        let (time, peak) = transfer.download_by_ckc(&id)?;
        down.ckc.push(time);
        down.peak_kib = down.peak_kib.max(peak);
        if repetition == 0 {
            run(Command::new("cmp").args([&transfer.file, &transfer.copy]))?;
        }
        fs::remove_file(&transfer.copy).map_err(failed)?;
        settle(&transfer.file)?;
        let (time, synced) = transfer.download_by_curl(&id)?;
        down.curl.push(time);
        down.synced.push(synced);
        fs::remove_file(&transfer.copy).map_err(failed)?;
        tell(format!("transfer: {} done", repetition + 1));
    }
    Ok([up, down])
}

/// Lets the disk finish what the last transfer left to it.
fn settle(file: &Path) -> Result<()> {
    run(Command::new("sync").arg("--file-system").arg(file))?;
    Ok(())
}

struct Transfer<'a> {
    service: &'a Service,
    ckc: PathBuf,
    curl: PathBuf,
    file: PathBuf,
    copy: PathBuf,
}

impl Transfer<'_> {
    fn upload_by_ckc(&self) -> Result<(String, Duration, u64)> {
        let mut command = self.ckc();
        command.args(["--quiet", "upload"]).arg(&self.file);
        let (said, time, peak) = watched(&mut command)?;
        Ok((said.trim().to_owned(), time, peak))
    }

    fn download_by_ckc(&self, id: &str) -> Result<(Duration, u64)> {
        let mut command = self.ckc();
        command
            .args(["--quiet", "download", id, "--output"])
            .arg(&self.copy);
        let (_, time, peak) = watched(&mut command)?;
        Ok((time, peak))
    }

    fn ckc(&self) -> Command {
        let mut command = Command::new(&self.ckc);
        bare(&mut command, &self.service.path(""));
        let account = self.service.account();
        command
            .env("CKC_URL", format!("http://{}", self.service.address()))
            .env("CKC_USER", &account.name)
            .env("CKC_API_KEY", &account.key);
        command
    }

    fn upload_by_curl(&self, bytes: u64) -> Result<Duration> {
        let answer = http::request_upload(self.service.address(), self.service.account(), bytes)?;
        let mut command = self.curl(&answer)?;
        command.arg("--upload-file").arg(&self.file);
        let (_, time, _) = watched(&mut command)?;
        Ok(time)
    }

    /// Without and with the time of a sync.
    fn download_by_curl(&self, id: &str) -> Result<(Duration, Duration)> {
        let answer = http::request_download(self.service.address(), self.service.account(), id)?;
        let mut command = self.curl(&answer)?;
        command.arg("--output").arg(&self.copy);
        let began = Instant::now();
        let (_, time, _) = watched(&mut command)?;
        run(Command::new("sync").arg(&self.copy))?;
        Ok((time, began.elapsed()))
    }

    /// curl on the presigned URL of an answer, which goes into a file: it opens the document's object
    /// to whoever reads it in a list of processes.
    fn curl(&self, answer: &serde_json::Value) -> Result<Command> {
        let url = answer["single_use_url"]
            .as_str()
            .ok_or_else(|| failed("an answer without a URL"))?;
        let config = self.service.path("curl.conf");
        fs::write(&config, format!("url = \"{url}\"\n")).map_err(failed)?;
        let mut command = Command::new(&self.curl);
        command
            .args(["--silent", "--show-error", "--fail", "--config"])
            .arg(config);
        Ok(command)
    }
}

/// Runs a program to its end: what it wrote, how long it took, its peak of memory in KiB.
fn watched(command: &mut Command) -> Result<(String, Duration, u64)> {
    let began = Instant::now();
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let pid = child.id();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || wait(child, began));
        let mut peak = 0;
        while !waiting.is_finished() {
            peak = peak_memory_kib(pid).unwrap_or_default().max(peak);
            std::thread::sleep(Duration::from_millis(10));
        }
        let (said, time) = waiting.join().map_err(|_| failed("a thread died"))??;
        Ok((said, time, peak))
    })
}

fn wait(child: Child, began: Instant) -> Result<(String, Duration)> {
    let output = child.wait_with_output().map_err(failed)?;
    let time = began.elapsed();
    if !output.status.success() {
        return Err(failed(format!(
            "a transfer ended with {}; it said:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), time))
}
