//! The metrics as text.

use super::{Metrics, labels::PhaseLabel};
use crate::{settings::LimitBackend, startup::Gateway, streams::Phase};

/// The two forms that scrapers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4, which every scraper reads.
    Prometheus,
}

impl TextFormat {
    /// The one to answer with, by what a scraper accepts.
    #[must_use]
    pub fn accepted_by(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Gateway {
    /// All metrics as they are now: what `GET /metrics` of the admin listener answers.
    #[must_use]
    pub fn metrics_text(&self, format: TextFormat) -> String {
        let metrics = self.metrics();
        metrics.look_at(self);
        let text = metrics.catalogue.encode();
        match format {
            TextFormat::OpenMetrics => text,
            TextFormat::Prometheus => without_openmetrics(&text),
        }
    }
}

impl Metrics {
    /// Looks up what is true of this moment.
    fn look_at(&self, gateway: &Gateway) {
        let mut phases = Phase::ALL.map(|phase| (phase, 0));
        let (mut events, mut bytes) = (0, 0);
        for stream in gateway.streams().list() {
            phases[stream.phase() as usize].1 += 1;
            let depth = stream.queue().depth();
            events += depth.events;
            bytes += depth.bytes;
        }
        for (phase, count) in phases {
            let label = PhaseLabel::new(phase);
            self.open_streams.get_or_create(&label).set(count);
        }
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.queued_events.set(number(events));
        self.queued_bytes.set(number(bytes));
        let mut counts = gateway.limits().counters().read();
        let settings = gateway.settings();
        // A process that is its own backend has it at hand, whatever it was before.
        counts.backend_is_up |= settings.limits.backend == LimitBackend::Local;
        self.limits.look_at(&counts);
        let generation = settings.generation;
        self.settings_generation
            .set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.ready.set(gateway.readiness().is_ready().into());
    }
}

/// OpenMetrics text as Prometheus text 0.0.4 has it: there the header of a count bears the name of its
/// samples, an info is a gauge, and units are part of names alone.
fn without_openmetrics(text: &str) -> String {
    let types = text.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name, kind))
    });
    let types: std::collections::HashMap<_, _> = types.collect();
    let mut written = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let (hash, header, name) = (words.next(), words.next(), words.next());
        let rest = words.next().unwrap_or_default();
        let (Some("#"), Some(header)) = (hash, header) else {
            written.extend([line, "\n"]);
            continue;
        };
        let (Some(name), "HELP" | "TYPE") = (name, header) else {
            continue;
        };
        let (suffix, kind) = match types.get(name) {
            Some(&"counter") => ("_total", "counter"),
            Some(&"info") => ("_info", "gauge"),
            Some(kind) => ("", *kind),
            None => ("", rest),
        };
        let rest = if header == "TYPE" { kind } else { rest };
        written.extend(["# ", header, " ", name, suffix, " ", rest, "\n"]);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_text_names_counts_and_infos_by_their_samples() {
        let openmetrics = "# HELP a_b Help me.\n# TYPE a_b counter\n# UNIT a_b b\na_b_total{c=\"# d\"} 1\n\
                           # HELP e Help.\n# TYPE e info\ne_info{f=\"g\"} 1\n\
                           # HELP h H.\n# TYPE h histogram\nh_sum 1\n# EOF\n";
        let prometheus = "# HELP a_b_total Help me.\n# TYPE a_b_total counter\na_b_total{c=\"# d\"} 1\n\
                          # HELP e_info Help.\n# TYPE e_info gauge\ne_info{f=\"g\"} 1\n\
                          # HELP h H.\n# TYPE h histogram\nh_sum 1\n";
        assert_eq!(without_openmetrics(openmetrics), prometheus);
    }

    #[test]
    fn a_scraper_gets_openmetrics_if_it_says_that_it_reads_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        assert_eq!(TextFormat::accepted_by(prometheus), TextFormat::OpenMetrics);
        assert_eq!(TextFormat::accepted_by("*/*"), TextFormat::Prometheus);
        assert_eq!(TextFormat::accepted_by(""), TextFormat::Prometheus);
    }
}
