//! What is told of private halves in memory: never which, since pairs come and go.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::wiring::{CacheStats, Circuit};

/// Where the figures come from; `None` where no private half gets into this process.
pub type KeyCacheSource = Arc<dyn Fn() -> Option<CacheStats> + Send + Sync>;

/// Reads the figures when it is asked.
#[derive(Clone, Default)]
pub(super) struct KeyCacheMetrics(Arc<OnceLock<KeyCacheSource>>);

impl KeyCacheMetrics {
    /// The first source is followed.
    pub(super) fn follow(&self, source: KeyCacheSource) {
        let _ = self.0.set(source);
    }
}

impl fmt::Debug for KeyCacheMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCacheMetrics").finish_non_exhaustive()
    }
}

impl Collector for KeyCacheMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(stats) = self.0.get().and_then(|source| source()) else {
            return Ok(());
        };
        for (name, help, count) in [
            (
                "key_cache_reads",
                "Reads of private halves from where they are kept: before requests, and in the \
                 background",
                stats.reads,
            ),
            (
                "key_cache_read_failures",
                "Reads of private halves that failed",
                stats.read_failures,
            ),
            (
                "key_cache_refresh_failures",
                "Of those, the ones of private halves that were in memory all the while",
                stats.refresh_failures,
            ),
            (
                "key_cache_hits",
                "Uses of private halves that were in memory",
                stats.hits,
            ),
            (
                "key_cache_stale_hits",
                "Of those, the ones of private halves that could not be read anew",
                stats.stale_hits,
            ),
            (
                "key_cache_misses",
                "Uses of private halves that were not in memory",
                stats.misses,
            ),
        ] {
            let counter = ConstCounter::new(count);
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter.encode(metric)?;
        }
        let under_way = i64::try_from(stats.under_way).unwrap_or(i64::MAX);
        ConstGauge::new(under_way).encode(encoder.encode_descriptor(
            "key_cache_reads_in_flight",
            "Reads of private halves that have not ended yet",
            None,
            MetricType::Gauge,
        )?)?;
        let oldest = stats.oldest.map_or(0.0, |age| age.as_secs_f64());
        let entries = i64::try_from(stats.entries).unwrap_or(i64::MAX);
        ConstGauge::new(entries).encode(encoder.encode_descriptor(
            "key_cache_entries",
            "Private halves in memory",
            None,
            MetricType::Gauge,
        )?)?;
        ConstGauge::new(oldest).encode(encoder.encode_descriptor(
            "key_cache_oldest_age_seconds",
            "How long ago the oldest of them was read; 0 if there is none",
            None,
            MetricType::Gauge,
        )?)?;
        let mut circuits = encoder.encode_descriptor(
            "key_cache_circuit",
            "1 for the state of the circuit breaker before where private halves are kept, else 0",
            None,
            MetricType::Gauge,
        )?;
        for circuit in Circuit::ALL {
            let is_in_force = ConstGauge::new(i64::from(stats.circuit == circuit));
            is_in_force.encode(circuits.encode_family(&[("state", circuit.as_str())])?)?;
        }
        Ok(())
    }
}
