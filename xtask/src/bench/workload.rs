//! What is measured. `bench/peers/peer.py`, `bench/peers/loader.py` and `bench/src/` hold the same names.

/// One workload and what is asked of it.
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// For people.
    pub(super) what: &'static str,
    pub(super) kind: Kind,
    pub(super) measure: Measure,
    /// How many times as fast as the best peer it must be.
    pub(super) at_least: f64,
    /// The share of the fused-multiply-add peak to aim for, if one is set.
    pub(super) aim: Option<f64>,
    /// The most of the best peer's memory that it may take, if that is asked.
    pub(super) memory_at_most: Option<f64>,
}

/// What is done, and so who the peers are and which page tells of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Training,
    Inference,
    /// Images become batches: no network.
    Loading {
        /// Whether they are files to be decoded.
        decodes: bool,
    },
}

impl Kind {
    /// Whether images are loaded, and nothing else.
    pub(super) fn loads(self) -> bool {
        matches!(self, Self::Loading { .. })
    }

    /// The settings of PyTorch that compete for being its best.
    pub(super) fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Training | Self::Inference => {
                &["eager", "channels_last", "compile", "compile_channels_last"]
            }
            Self::Loading { decodes: false } => {
                &["torchvision, 0 workers", "torchvision, 1 worker", "torchvision, 2 workers"]
            }
            Self::Loading { decodes: true } => &[
                "torchvision, 0 workers",
                "torchvision, 1 worker",
                "torchvision, 2 workers",
                "Pillow, 0 workers",
                "Pillow, 1 worker",
                "Pillow, 2 workers",
            ],
        }
    }

    /// The script that runs the peers.
    pub(super) fn script(self) -> &'static str {
        match self {
            Self::Training | Self::Inference => "bench/peers/peer.py",
            Self::Loading { .. } => "bench/peers/loader.py",
        }
    }
}

/// What counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Images per second.
    Throughput,
    /// The median time of one image.
    Latency,
}

const fn training(name: &'static str, what: &'static str, at_least: f64, aim: Option<f64>) -> Workload {
    let measure = Measure::Throughput;
    Workload { name, what, kind: Kind::Training, measure, at_least, aim, memory_at_most: None }
}

const fn inference(
    name: &'static str,
    what: &'static str,
    measure: Measure,
    at_least: f64,
    aim: Option<f64>,
) -> Workload {
    Workload { name, what, kind: Kind::Inference, measure, at_least, aim, memory_at_most: None }
}

const fn loading(name: &'static str, what: &'static str, decodes: bool, at_least: f64) -> Workload {
    let measure = Measure::Throughput;
    Workload {
        name,
        what,
        kind: Kind::Loading { decodes },
        measure,
        at_least,
        aim: None,
        memory_at_most: None,
    }
}

/// All of them but the whole-process one (`whole.rs`).
pub(super) const WORKLOADS: [Workload; 19] = [
    training("T1", "train `lesson`, batch 64, 3×32×32, SGD with momentum", 2.5, Some(0.5)),
    training("T2", "train `lesson-bn`, batch 64, 3×32×32, SGD with momentum", 2.5, Some(0.4)),
    training("T3", "train `resnet18`, batch 16, 3×64×64, SGD with momentum", 1.5, Some(0.5)),
    inference("I1-latency", "infer `lesson`, batch 1", Measure::Latency, 1.25, None),
    inference("I1-throughput", "infer `lesson`, batch 64", Measure::Throughput, 1.0, Some(0.65)),
    inference("I2-latency", "infer `resnet18`, 3×224×224, batch 1", Measure::Latency, 1.0, Some(0.8)),
    inference("I2-throughput", "infer `resnet18`, 3×224×224, batch 16", Measure::Throughput, 1.0, Some(0.8)),
    training("T4", "train `mobilenet_v2`, batch 16, 3×64×64, SGD with momentum", 1.0, None),
    Workload {
        memory_at_most: Some(0.7),
        ..training("T5", "train `resnet50`, batch 16, 3×224×224, SGD with momentum", 1.0, None)
    },
    inference("I3-latency", "infer `mobilenet_v2`, 3×224×224, batch 1", Measure::Latency, 1.0, None),
    inference("I3-throughput", "infer `mobilenet_v2`, 3×224×224, batch 16", Measure::Throughput, 1.0, None),
    inference("I4-latency", "infer `efficientnet_b0`, 3×224×224, batch 1", Measure::Latency, 1.0, None),
    inference(
        "I4-throughput",
        "infer `efficientnet_b0`, 3×224×224, batch 16",
        Measure::Throughput,
        1.0,
        None,
    ),
    inference("I5-latency", "infer `resnet50`, 3×224×224, batch 1", Measure::Latency, 1.0, None),
    inference("I5-throughput", "infer `resnet50`, 3×224×224, batch 16", Measure::Throughput, 1.0, None),
    loading(
        "L1",
        "JPEG files of 500×375, RandomResizedCrop 224, flip, ColorJitter, Normalize, batches of 64",
        true,
        3.0,
    ),
    loading("L2", "the same, Ocelli from its decoded cache in memory", true, 10.0),
    loading("L2-disk", "the same, Ocelli from its decoded cache on disk, nothing in memory", true, 10.0),
    loading("L3", "32×32 in memory, RandomCrop, flip, RandAugment, Normalize, batches of 64", false, 3.0),
];
