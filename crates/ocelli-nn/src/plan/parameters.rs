//! The network's parameters as the kernels want them: packed, one after another in one slice, so
//! that an optimizer's update is a single pass.

use std::ops::Range;

use ocelli_kernels::batch_norm::Combined;
use ocelli_kernels::conv::{self, Conv};
use ocelli_kernels::{BLOCK, padded};

use super::graph::{ConvOp, NormOp};
use crate::layers::Role;
use crate::network::{Network, ParameterSpec};
use crate::weights::{Tensor, TensorData, Weights};

/// Where a parameter lies among the packed ones, and how it is packed.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) spec: ParameterSpec,
    pub(super) range: Range<usize>,
    packing: Packing,
}

#[derive(Clone, Debug)]
enum Packing {
    /// A convolution's weight.
    Conv(Box<Conv>),
    /// One value for each channel, padded with zeros.
    Vector,
}

/// A BatchNorm of the plan: its parameters, its running averages, and what the batch makes of them.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) op: NormOp,
    pub(super) weight: Option<Range<usize>>,
    pub(super) bias: Option<Range<usize>>,
    pub(super) channels: usize,
    pub(super) running: Option<Running>,
    /// The batch's statistics.
    pub(super) mean: Vec<f32>,
    pub(super) inverse_deviation: Vec<f32>,
    /// `y = scale · x + shift`.
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    /// The input gradient `a · g + b · x + c`.
    pub(super) gradient: [Vec<f32>; 3],
}

/// Running averages.
#[derive(Clone, Debug)]
pub(super) struct Running {
    mean: Vec<f32>,
    var: Vec<f32>,
    batches: i64,
}

impl Running {
    fn new(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], var: vec![1.0; channels], batches: 0 }
    }

    /// Moves a channel's averages by a share towards a mean and an unbiased variance.
    pub(super) fn move_towards(&mut self, c: usize, share: f64, mean: f64, var: f64) {
        let towards = |old: f32, new: f64| (f64::from(old) * (1.0 - share) + new * share) as f32;
        self.mean[c] = towards(self.mean[c], mean);
        self.var[c] = towards(self.var[c], var);
    }
}

/// A convolution that a BatchNorm is folded into: the parameters are made of both.
#[derive(Clone, Debug)]
struct Fold {
    node: usize,
    norm: NormOp,
    conv: Box<Conv>,
    weight: Range<usize>,
    bias: Range<usize>,
}

/// The parameters of a plan.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub(super) specs: Vec<ParameterSpec>,
    names: Vec<String>,
    pub(super) segments: Vec<Segment>,
    pub(super) norms: Vec<Norm>,
    folds: Vec<Fold>,
    len: usize,
}

impl Parameters {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            specs: network.parameters(),
            names: network.nodes().iter().map(|node| node.name.clone()).collect(),
            segments: Vec::new(),
            norms: Vec::new(),
            folds: Vec::new(),
            len: 0,
        }
    }

    /// Floats of all packed parameters.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn reserve(&mut self, len: usize) -> Range<usize> {
        let range = self.len..self.len + len.next_multiple_of(BLOCK);
        self.len = range.end;
        range
    }

    fn segment(&mut self, node: usize, role: Role, len: usize, packing: Packing) -> Range<usize> {
        let range = self.reserve(len);
        let spec = self.specs.iter().find(|spec| spec.node == node && spec.role == role);
        let spec = spec.expect("every layer lists its parameters").clone();
        self.segments.push(Segment { spec, range: range.clone(), packing });
        range
    }

    pub(super) fn add_conv(
        &mut self,
        node: usize,
        conv: &Conv,
        op: &ConvOp,
    ) -> (Range<usize>, Option<Range<usize>>) {
        let channels = padded(conv.y.channels);
        if let Some(norm) = op.folded {
            let (weight, bias) = (self.reserve(conv.weights_len()), self.reserve(channels));
            self.folds.push(Fold {
                node,
                norm,
                conv: Box::new(*conv),
                weight: weight.clone(),
                bias: bias.clone(),
            });
            return (weight, Some(bias));
        }
        let weight = self.segment(node, Role::Weight, conv.weights_len(), Packing::Conv(Box::new(*conv)));
        let bias = op.bias.then(|| self.add_vector(node, Role::Bias, conv.y.channels));
        (weight, bias)
    }

    /// A parameter with one value for each channel.
    pub(super) fn add_vector(&mut self, node: usize, role: Role, channels: usize) -> Range<usize> {
        self.segment(node, role, padded(channels), Packing::Vector)
    }

    pub(super) fn add_norm(&mut self, op: NormOp, channels: usize) -> usize {
        let len = padded(channels);
        let weight = op.affine.then(|| self.add_vector(op.node, Role::NormWeight, channels));
        let bias = op.affine.then(|| self.add_vector(op.node, Role::NormBias, channels));
        let zeros = || vec![0.0; len];
        self.norms.push(Norm {
            op,
            weight,
            bias,
            channels,
            running: op.running.then(|| Running::new(channels)),
            mean: zeros(),
            inverse_deviation: zeros(),
            scale: zeros(),
            shift: zeros(),
            gradient: [zeros(), zeros(), zeros()],
        });
        self.norms.len() - 1
    }

    /// Packs `weights`, which fit the network, into `values`, and takes over running averages.
    pub(super) fn load(&mut self, weights: &Weights, values: &mut [f32]) {
        for segment in &self.segments {
            let tensor = values_of(weights, &segment.spec.name);
            segment.pack(tensor, &mut values[segment.range.clone()]);
        }
        for fold in &self.folds {
            fold.pack(&self.names, weights, values);
        }
        for norm in &mut self.norms {
            let name = &self.names[norm.op.node];
            let Some(running) = &mut norm.running else { continue };
            running.mean.copy_from_slice(values_of(weights, &format!("{name}.running_mean")));
            running.var.copy_from_slice(values_of(weights, &format!("{name}.running_var")));
            let batches = weights.get(&format!("{name}.num_batches_tracked")).and_then(Tensor::as_i64);
            running.batches = batches.map_or(0, |b| b[0]);
        }
    }

    /// The packed values under their names, and running averages with them if `buffers`, in the
    /// order of a `state_dict`.
    pub(super) fn unload(&self, values: &[f32], buffers: bool) -> Weights {
        let mut weights = Weights::new();
        for spec in &self.specs {
            let segment = self.segments.iter().find(|segment| segment.spec.name == spec.name);
            let data = match segment {
                Some(segment) => TensorData::F32(segment.unpack(&values[segment.range.clone()])),
                None if buffers => self.buffer(spec),
                None => continue,
            };
            weights.insert(spec.name.clone(), Tensor { shape: spec.shape.clone(), data });
        }
        weights
    }

    fn buffer(&self, spec: &ParameterSpec) -> TensorData {
        let norm = self.norms.iter().find(|norm| norm.op.node == spec.node);
        let running = norm.and_then(|norm| norm.running.as_ref()).expect("buffers are a normalisation's");
        match spec.role {
            Role::RunningMean => TensorData::F32(running.mean.clone()),
            Role::RunningVar => TensorData::F32(running.var.clone()),
            _ => TensorData::I64(vec![running.batches]),
        }
    }

    /// Moves all running averages towards those of `others`, the same network's; the counts of batches are taken over.
    pub(super) fn move_running(&mut self, others: &Parameters, towards: impl Fn(&mut [f32], &[f32])) {
        for (norm, other) in self.norms.iter_mut().zip(&others.norms) {
            if let (Some(running), Some(other)) = (&mut norm.running, &other.running) {
                towards(&mut running.mean, &other.mean);
                towards(&mut running.var, &other.var);
                running.batches = other.batches;
            }
        }
    }

    /// Sets the affine map of every BatchNorm that has running averages from them: evaluation.
    pub(super) fn normalise_by_running_averages(&mut self, values: &[f32]) {
        for norm in &mut self.norms {
            for c in 0..norm.channels {
                let (gamma, beta) = norm.affine(values, c);
                let Some(running) = &norm.running else { continue };
                let (scale, shift) = affine(gamma, beta, running.mean[c], running.var[c], norm.op.eps);
                norm.mean[c] = running.mean[c];
                norm.inverse_deviation[c] =
                    (f64::from(running.var[c]) + f64::from(norm.op.eps)).sqrt().recip() as f32;
                norm.scale[c] = scale as f32;
                norm.shift[c] = shift as f32;
            }
        }
    }
}

impl Norm {
    /// A channel's weight and bias.
    pub(super) fn affine(&self, values: &[f32], c: usize) -> (f32, f32) {
        let of = |range: &Option<Range<usize>>| range.as_ref().map(|range| values[range.start + c]);
        (of(&self.weight).unwrap_or(1.0), of(&self.bias).unwrap_or(0.0))
    }

    /// Counts a batch whose statistics come.
    pub(super) fn begin_batch(&mut self) {
        if let Some(running) = &mut self.running {
            running.batches += 1;
        }
    }

    /// Takes over a channel's statistics of a batch: its affine map.
    pub(super) fn take_statistics(&mut self, c: usize, total: Combined, (gamma, beta): (f32, f32)) {
        let variance = total.deviation / total.count;
        let inverse = 1.0 / (variance + f64::from(self.op.eps)).sqrt();
        let scale = f64::from(gamma) * inverse;
        self.mean[c] = total.mean as f32;
        self.inverse_deviation[c] = inverse as f32;
        self.scale[c] = scale as f32;
        self.shift[c] = (f64::from(beta) - total.mean * scale) as f32;
    }

    /// Moves a channel's running averages, if there are any, which take the unbiased variance.
    pub(super) fn move_averages(&mut self, c: usize, total: Combined) {
        let Some(running) = &mut self.running else { return };
        let share = self.op.momentum.map_or(1.0 / running.batches as f64, f64::from);
        // The last, partial batch may leave one value, which has no unbiased variance.
        if total.count > 1.0 {
            running.move_towards(c, share, total.mean, total.deviation / (total.count - 1.0));
        }
    }

    /// Takes over a channel's means of the gradient and of its product with the normalised input:
    /// the input gradient is `γ/σ · (g − mean(g) − x̂ · mean(g · x̂))`.
    pub(super) fn take_sums(&mut self, c: usize, gradient: f64, product: f64, gamma: f32) {
        let inverse = f64::from(self.inverse_deviation[c]);
        let a = f64::from(gamma) * inverse;
        let b = -a * inverse * product;
        let [to_a, to_b, to_c] = &mut self.gradient;
        to_a[c] = a as f32;
        to_b[c] = b as f32;
        to_c[c] = (-a * gradient - b * f64::from(self.mean[c])) as f32;
    }
}

/// Scale and shift of a BatchNorm's channel in evaluation.
fn affine(gamma: f32, beta: f32, mean: f32, var: f32, eps: f32) -> (f64, f64) {
    let scale = f64::from(gamma) / (f64::from(var) + f64::from(eps)).sqrt();
    (scale, f64::from(beta) - f64::from(mean) * scale)
}

fn values_of<'w>(weights: &'w Weights, name: &str) -> &'w [f32] {
    weights.get(name).and_then(Tensor::as_f32).expect("the weights were checked against the network")
}

impl Segment {
    pub(super) fn pack(&self, plain: &[f32], packed: &mut [f32]) {
        match &self.packing {
            Packing::Conv(conv) => conv::pack(conv, plain, packed),
            Packing::Vector => {
                packed.fill(0.0);
                packed[..plain.len()].copy_from_slice(plain);
            }
        }
    }

    pub(super) fn unpack(&self, packed: &[f32]) -> Vec<f32> {
        let mut plain = vec![0.0; self.spec.elements()];
        self.unpack_into(packed, &mut plain);
        plain
    }

    pub(super) fn unpack_into(&self, packed: &[f32], plain: &mut [f32]) {
        match &self.packing {
            Packing::Conv(conv) => conv::unpack(conv, packed, plain),
            Packing::Vector => plain.copy_from_slice(&packed[..self.spec.elements()]),
        }
    }
}

impl Fold {
    fn pack(&self, names: &[String], weights: &Weights, values: &mut [f32]) {
        let of = |node: usize, suffix: &str| {
            weights.get(&format!("{}.{suffix}", names[node])).and_then(Tensor::as_f32)
        };
        let norm = |suffix| of(self.norm.node, suffix);
        let running = |suffix| norm(suffix).expect("the weights were checked against the network");
        let mut plain =
            of(self.node, "weight").expect("the weights were checked against the network").to_vec();
        let bias = of(self.node, "bias");
        let (gamma, beta) = (norm("weight"), norm("bias"));
        let (mean, var) = (running("running_mean"), running("running_var"));
        let of_output = plain.len() / mean.len();
        let at = |values: Option<&[f32]>, o: usize, without: f32| values.map_or(without, |values| values[o]);
        values[self.bias.clone()].fill(0.0);
        for (o, row) in plain.chunks_exact_mut(of_output).enumerate() {
            let (scale, shift) = affine(at(gamma, o, 1.0), at(beta, o, 0.0), mean[o], var[o], self.norm.eps);
            row.iter_mut().for_each(|w| *w = (f64::from(*w) * scale) as f32);
            let bias = bias.map_or(0.0, |b| f64::from(b[o]));
            values[self.bias.start + o] = (bias * scale + shift) as f32;
        }
        conv::pack(&self.conv, &plain, &mut values[self.weight.clone()]);
    }
}
