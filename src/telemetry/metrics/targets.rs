//! What is told of the targets.

use std::{fmt::Error, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
};
use tokio::time::Instant;

use super::catalogue::Catalogue;
use crate::routing::{
    target_state::{TargetKey, TargetSnapshot},
    targets::Targets,
};

/// A target, by the settings' words for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    provider: Arc<str>,
    upstream_model: Arc<str>,
}

impl Labels {
    fn of(key: &TargetKey) -> Self {
        Self {
            provider: key.provider.as_str().into(),
            upstream_model: Arc::clone(&key.upstream_model),
        }
    }
}

/// How often each target was left out. It keeps its count when the target leaves the settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ejections(Family<Labels, Counter>);

impl Ejections {
    /// Counts one more.
    pub(crate) fn count(&self, target: &TargetKey) {
        self.0.get_or_create(&Labels::of(target)).inc();
    }
}

const HEADROOM: &str = "target_headroom";
const EJECTED: &str = "target_ejected";
const IN_FLIGHT: &str = "target_in_flight";

/// Registers the families of the targets.
pub(super) fn register(c: &mut Catalogue, targets: &Arc<Targets>) {
    c.register(
        "target_ejections",
        None,
        "How often a target was left out because it failed",
        targets.ejections().0.clone(),
    );
    let now = Now(Arc::clone(targets));
    c.register_collector(&[HEADROOM, EJECTED, IN_FLIGHT], now);
}

/// What is true of the targets now: looked up, so that a target is told of as long as it is known.
#[derive(Debug)]
struct Now(Arc<Targets>);

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let targets = self.0.snapshots(Instant::now());
        let help = "The share of a target's scarcest quota that is left, where it tells";
        gauges(&mut encoder, (HEADROOM, help), &targets, |target| {
            target.headroom
        })?;
        let help = "Whether a target is left out because it failed: 1 or 0";
        gauges(&mut encoder, (EJECTED, help), &targets, |target| {
            Some(i64::from(target.is_ejected))
        })?;
        let help = "Attempts at a target that are on their way";
        gauges(&mut encoder, (IN_FLIGHT, help), &targets, |target| {
            Some(i64::try_from(target.in_flight).unwrap_or(i64::MAX))
        })
    }
}

/// Writes a family, if there is something to write.
fn gauges<V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    targets: &[TargetSnapshot],
    value: impl Fn(&TargetSnapshot) -> Option<V>,
) -> Result<(), Error> {
    let samples = targets
        .iter()
        .filter_map(|target| Some((&target.key, value(target)?)));
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    // As the registry ends those that it knows.
    let help = format!("{help}.");
    let mut family = encoder.encode_descriptor(name, &help, None, MetricType::Gauge)?;
    for (key, value) in samples {
        let labels = Labels::of(key);
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
