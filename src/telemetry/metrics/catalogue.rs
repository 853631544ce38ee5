//! Where each family is registered under its name.

use std::{fmt::Debug, hash::Hash};

use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Metric, Registry, Unit},
};

use super::Timing;

/// All families. Their names begin with `herald_` and end in their unit; a count's ends in `_total`.
#[derive(Debug)]
pub(super) struct Catalogue {
    registry: Registry,
    /// The names as OpenMetrics has them: a count's without `_total`.
    #[cfg(test)]
    pub(super) names: Vec<String>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix("herald"),
            #[cfg(test)]
            names: Vec::new(),
        }
    }
}

impl Catalogue {
    pub(super) fn count<L>(&mut self, name: &str, help: &str) -> Family<L, Counter>
    where
        L: EncodeLabelSet + Clone + Hash + Eq + Send + Sync + Debug + 'static,
    {
        let family = Family::default();
        self.register(name, None, help, family.clone());
        family
    }

    pub(super) fn count_in<L>(&mut self, name: &str, unit: Unit, help: &str) -> Family<L, Counter>
    where
        L: EncodeLabelSet + Clone + Hash + Eq + Send + Sync + Debug + 'static,
    {
        let family = Family::default();
        self.register(name, Some(unit), help, family.clone());
        family
    }

    /// A gauge, or a family of them.
    pub(super) fn gauge<G: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> G {
        let gauge = G::default();
        self.register(name, None, help, gauge.clone());
        gauge
    }

    pub(super) fn gauge_in(&mut self, name: &str, unit: Unit, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.register(name, Some(unit), help, gauge.clone());
        gauge
    }

    pub(super) fn timing(&mut self, name: &str, help: &str, made: fn() -> Histogram) -> Timing {
        let timing = Timing::new_with_constructor(made);
        self.register(name, Some(Unit::Seconds), help, timing.clone());
        timing
    }

    /// One histogram of times, without labels.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: Histogram) -> Histogram {
        self.register(name, Some(Unit::Seconds), help, histogram.clone());
        histogram
    }

    /// A fact that never changes.
    pub(super) fn info<L>(&mut self, name: &str, help: &str, labels: L)
    where
        L: EncodeLabelSet + Clone + Hash + Eq + Send + Sync + Debug + 'static,
    {
        self.register(name, None, help, Info::new(labels));
    }

    /// All of it as OpenMetrics 1.0 text.
    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }

    /// Families of these names that are looked up when somebody asks.
    pub(super) fn register_collector(&mut self, names: &[&str], collector: impl Collector) {
        #[cfg(test)]
        self.names
            .extend(names.iter().map(|name| format!("herald_{name}")));
        #[cfg(not(test))]
        let _ = names;
        self.registry.register_collector(Box::new(collector));
    }

    /// A metric that is there already.
    pub(super) fn register(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        metric: impl Metric,
    ) {
        #[cfg(test)]
        self.names.push(match &unit {
            Some(unit) => format!("herald_{name}_{}", unit.as_str()),
            None => format!("herald_{name}"),
        });
        match unit {
            Some(unit) => self.registry.register_with_unit(name, help, unit, metric),
            None => self.registry.register(name, help, metric),
        }
    }
}
