//! The workloads that run networks, of `xtask/src/bench/workload.rs` and `peers/peer.py`, through Ocelli's public interface.

use std::error::Error;

use ocelli_kernels::Isa;
use ocelli_kernels::random::Stream;
use ocelli_nn::plan::{InferPlan, PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Network, Node, Shape, zoo};
use ocelli_train::{CrossEntropy, Sgd};

/// One training step, one inference or one epoch of loading, to be repeated.
pub(crate) trait Step {
    /// Does it.
    fn step(&mut self);
}

/// A workload, ready to run.
pub(crate) struct Workload {
    /// Images in a step.
    pub(crate) batch: usize,
    /// Floating-point operations for one image, two for each multiply-add, where a network runs.
    pub(crate) flops_per_image: Option<f64>,
    /// The step.
    pub(crate) step: Box<dyn Step + Send>,
}

impl Workload {
    /// The workload of this name.
    pub(crate) fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        let (network, training, batch, size) = match name {
            "T1" => ("lesson", true, 64, 32),
            "T2" => ("lesson-bn", true, 64, 32),
            "T3" => ("resnet18", true, 16, 64),
            "I1-latency" => ("lesson", false, 1, 32),
            "I1-throughput" => ("lesson", false, 64, 32),
            "I2-latency" => ("resnet18", false, 1, 224),
            "I2-throughput" => ("resnet18", false, 16, 224),
            "T4" => ("mobilenet_v2", true, 16, 64),
            "T5" => ("resnet50", true, 16, 224),
            "I3-latency" => ("mobilenet_v2", false, 1, 224),
            "I3-throughput" => ("mobilenet_v2", false, 16, 224),
            "I4-latency" => ("efficientnet_b0", false, 1, 224),
            "I4-throughput" => ("efficientnet_b0", false, 16, 224),
            "I5-latency" => ("resnet50", false, 1, 224),
            "I5-throughput" => ("resnet50", false, 16, 224),
            unknown => return Err(format!("no workload `{unknown}`").into()),
        };
        let classes = if network.starts_with("lesson") { 10 } else { 1000 };
        let network = zoo::build(network, Shape::map(3, size, size), classes)?;
        let options = PlanOptions { batch, ..PlanOptions::default() };
        let images = noise(batch * network.input().elements());
        let step: Box<dyn Step + Send> = if training {
            let plan = TrainPlan::new(&network, &network.init(0), options)?;
            let labels = (0..batch as u32).map(|index| index % 10).collect();
            let samples = (0..batch as u64).collect();
            Box::new(Training { plan, images, labels, samples, grad: vec![0.0; batch * classes], epoch: 0 })
        } else {
            Box::new(Inference { plan: InferPlan::new(&network, &network.init(0), options)?, images })
        };
        Ok(Self { batch, flops_per_image: Some(flops(&network, training)), step })
    }
}

/// Two for each multiply-add; in training three passes as long, less the first layer's, whose input needs no gradient.
fn flops(network: &Network, training: bool) -> f64 {
    let of_node =
        |(index, node): (usize, &Node)| node.layer.multiply_adds(&network.input_shapes(index)) as f64;
    let of_layers: Vec<f64> = network.nodes().iter().enumerate().map(of_node).collect();
    let forward: f64 = of_layers.iter().sum();
    let first = of_layers.iter().find(|&&count| count > 0.0).copied().unwrap_or(0.0);
    2.0 * if training { 3.0 * forward - first } else { forward }
}

/// Values around 0 with variance 1.
fn noise(count: usize) -> Vec<f32> {
    let mut stream = Stream::new(0, 0, 0, 0);
    (0..count).map(|_| stream.normal()).collect()
}

struct Training {
    plan: TrainPlan,
    images: Vec<f32>,
    labels: Vec<u32>,
    samples: Vec<u64>,
    grad: Vec<f32>,
    epoch: u64,
}

impl Step for Training {
    fn step(&mut self) {
        let keys = SampleKeys { seed: 0, epoch: self.epoch, samples: &self.samples };
        let logits = self.plan.forward(&self.images, &keys);
        CrossEntropy::default().forward(logits, &self.labels, &mut self.grad);
        self.plan.backward(&self.grad);
        self.plan.step(&Sgd { lr: 1e-3, momentum: 0.9, ..Sgd::default() });
        self.epoch += 1;
    }
}

struct Inference {
    plan: InferPlan,
    images: Vec<f32>,
}

impl Step for Inference {
    fn step(&mut self) {
        std::hint::black_box(self.plan.run(std::hint::black_box(&self.images)));
    }
}

/// The instruction set in use.
pub(crate) fn isa() -> Result<&'static str, Box<dyn Error>> {
    Ok(Isa::detect()?.name())
}
