//! What encryption and wrapping do, on one thread and on all.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crypt_keeper_crypto::{
    DocumentKey, FreshHeader, KeyCommitment, KeyPair, SegmentDecryptor, SegmentEncryptor,
    WrapAlgorithm, random_bytes,
};

use super::{Result, print};

/// A whole segment of the document format.
const SEGMENT: usize = 1 << 20;
const SERIAL: u64 = 42;
const ID: [u8; 16] = [7; 16];

pub(crate) fn run(seconds: &str) -> Result<()> {
    let time = Duration::from_secs(seconds.parse()?);
    let key = DocumentKey::try_fill(|bytes| random_bytes(bytes))?;
    documents(&key, time)?;
    for algorithm in WrapAlgorithm::ALL {
        let pair = KeyPair::generate(algorithm)?;
        let commitment = KeyCommitment::of(&key, &ID)?;
        let wrapped = pair.public_half().wrap(&key, SERIAL, &ID)?;
        measure(
            &format!("wrap {algorithm}"),
            time,
            1.0,
            "operations",
            || {
                Ok(|| {
                    black_box(pair.public_half().wrap(&key, SERIAL, &ID)?);
                    Ok(())
                })
            },
        )?;
        measure(
            &format!("unwrap {algorithm}"),
            time,
            1.0,
            "operations",
            || {
                Ok(|| {
                    let key = pair.private_half().unwrap(&wrapped, SERIAL, &ID)?;
                    commitment.check(&key, &ID)?;
                    Ok(())
                })
            },
        )?;
    }
    Ok(())
}

fn documents(key: &DocumentKey, time: Duration) -> Result<()> {
    let gigabytes = SEGMENT as f64 / 1e9;
    measure("encrypt a document", time, gigabytes, "GB", || {
        let encryptor = SegmentEncryptor::new(key, &ID, FreshHeader::generate()?)?;
        let mut buffer = vec![0; SEGMENT];
        Ok(move || {
            encryptor.next_segment()?.seal(false, &mut buffer)?;
            Ok(())
        })
    })?;
    measure("decrypt a document", time, gigabytes, "GB", || {
        let encryptor = SegmentEncryptor::new(key, &ID, FreshHeader::generate()?)?;
        let mut sealed = vec![0; SEGMENT];
        encryptor.next_segment()?.seal(false, &mut sealed)?;
        let decryptor = SegmentDecryptor::new(key, &ID, encryptor.header())?;
        let mut buffer = sealed.clone();
        Ok(move || {
            // It is decrypted in place; the copy is a small part of the cost, and counted.
            buffer.copy_from_slice(&sealed);
            black_box(decryptor.open(0, false, &mut buffer)?);
            Ok(())
        })
    })
}

/// Repeats what `prepare` makes for a while, on one thread and on one a core, and prints both.
fn measure<F>(
    name: &str,
    time: Duration,
    amount: f64,
    unit: &str,
    prepare: impl Fn() -> Result<F> + Sync,
) -> Result<()>
where
    F: FnMut() -> Result<()>,
{
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, cores];
    counts.dedup();
    for threads in counts {
        let rates = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| repeat(time, prepare()?)))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a thread died")?)
                .collect::<Result<Vec<f64>>>()
        })?;
        print(serde_json::json!({
            "name": name,
            "threads": threads,
            "per_second": rates.iter().sum::<f64>() * amount,
            "unit": unit,
        }))?;
    }
    Ok(())
}

/// How often a second.
fn repeat(time: Duration, mut act: impl FnMut() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    let mut count = 0_u64;
    while began.elapsed() < time {
        for _ in 0..8 {
            act()?;
        }
        count += 8;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}
