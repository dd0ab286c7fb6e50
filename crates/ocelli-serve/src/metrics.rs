//! What Prometheus is told.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What `/metrics` sends.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of histograms of times, in seconds: from what a small network takes to what a client gives up after.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Bounds of histograms of batches, in images.
const IMAGES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Which model.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    pub(crate) model: String,
    pub(crate) version: u64,
}

/// Which requests: the route as it is documented, never what a client wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) method: String,
    pub(crate) route: String,
    pub(crate) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    model: String,
    version: u64,
    outcome: Outcome,
}

/// What came of a changed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    /// It is what is served now.
    Loaded,
    /// It could not be loaded: what was served still is.
    Failed,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All figures.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Histograms<RouteLabels>,
    in_progress: Gauge,
    images: Family<ModelLabels, Counter>,
    batch: Histograms<ModelLabels>,
    prepare: Histograms<ModelLabels>,
    infer: Histograms<ModelLabels>,
    reloads: Family<ReloadLabels, Counter>,
}

fn of_seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn of_images() -> Histogram {
    Histogram::new(IMAGES)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ocelli"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(of_seconds),
            in_progress: Gauge::default(),
            images: Family::default(),
            batch: Family::new_with_constructor(of_images),
            prepare: Family::new_with_constructor(of_seconds),
            infer: Family::new_with_constructor(of_seconds),
            reloads: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests that were answered", self.requests.clone());
        let seconds = "From a request's headers to its answer";
        registry.register_with_unit("request", seconds, Unit::Seconds, self.seconds.clone());
        let asked = "Requests for predictions that are being worked on";
        registry.register("requests_in_progress", asked, self.in_progress.clone());
        registry.register("images", "Images that were answered", self.images.clone());
        registry.register("batch_images", "Images that went through a network together", self.batch.clone());
        let prepare = "Decoding and transforming an image";
        registry.register_with_unit("prepare", prepare, Unit::Seconds, self.prepare.clone());
        registry.register_with_unit("infer", "A batch in the network", Unit::Seconds, self.infer.clone());
        registry.register("reloads", "Changed files of models", self.reloads.clone());
    }

    /// A request was answered.
    pub(crate) fn answered(&self, labels: RequestLabels, took: Duration) {
        let route = RouteLabels { route: labels.route.clone() };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&route).observe(took.as_secs_f64());
    }

    /// Requests for predictions that are being worked on.
    pub(crate) fn in_progress(&self) -> &Gauge {
        &self.in_progress
    }

    /// An image was decoded and transformed.
    pub(crate) fn prepared(&self, model: &ModelLabels, took: Duration) {
        self.prepare.get_or_create(model).observe(took.as_secs_f64());
    }

    /// A batch went through a network.
    pub(crate) fn inferred(&self, model: &ModelLabels, images: usize, took: Duration) {
        self.images.get_or_create(model).inc_by(images as u64);
        self.batch.get_or_create(model).observe(images as f64);
        self.infer.get_or_create(model).observe(took.as_secs_f64());
    }

    /// The file of a model has changed.
    pub(crate) fn reloaded(&self, model: &str, version: u64, outcome: Outcome) {
        let labels = ReloadLabels { model: model.to_owned(), version, outcome };
        self.reloads.get_or_create(&labels).inc();
    }

    /// All figures as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A string takes whatever is written.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}
