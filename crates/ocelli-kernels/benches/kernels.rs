//! Every kernel that counts in a training step, on the shapes of `lesson` and `resnet18` (`kinds`: of other
//! networks), for every instruction set of this CPU, on one thread:
//!
//!     cargo bench --package ocelli-kernels
//!
//! Convolutions are counted in multiply-adds of the definition (twice as many flops), so that Winograd's
//! method and the lists of winners compare with the direct loops; other kernels in values.

use divan::Bencher;
use divan::counter::ItemsCount;
use ocelli_kernels::activation::{self, Activation};
use ocelli_kernels::batch_norm::{Maps, moments};
use ocelli_kernels::conv::{self, Conv};
use ocelli_kernels::epilogue::{self, Epilogue, Gradient, MaxPool, Operands, Through};
use ocelli_kernels::outer::{Groups, outer};
use ocelli_kernels::random::Stream;
use ocelli_kernels::sparse::{Entry, SparseConv};
use ocelli_kernels::sweep::{Finish, Relu, sweep};
use ocelli_kernels::winograd::Winograd;
use ocelli_kernels::{Isa, MapLayout};

fn main() {
    divan::main();
}

/// Images, channels in and out, height and width of a 3 × 3 convolution with padding 1.
#[derive(Clone, Copy, Debug)]
struct Layer(usize, usize, usize, usize);

const LAYERS: [Layer; 6] = [
    Layer(8, 3, 16, 32),
    Layer(8, 16, 32, 16),
    Layer(8, 32, 64, 8),
    Layer(1, 64, 64, 56),
    Layer(1, 256, 256, 14),
    Layer(8, 512, 512, 7),
];

/// A layer on an instruction set.
fn cases() -> Vec<(&'static str, Layer)> {
    let names: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
    LAYERS.iter().flat_map(|&layer| names.iter().map(move |&name| (name, layer))).collect()
}

/// Those that Winograd's method can do: whole blocks of channels.
fn wide_cases() -> Vec<(&'static str, Layer)> {
    cases().into_iter().filter(|(_, layer)| layer.1 >= 16).collect()
}

fn isa(name: &str) -> Isa {
    Isa::named(name).expect("it is one of those available")
}

/// A convolution's data: input, weights, output.
struct Data {
    conv: Conv,
    images: usize,
    x: Vec<f32>,
    weights: Vec<f32>,
    y: Vec<f32>,
    multiply_adds: ItemsCount,
}

fn draw(n: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, 0, 0, 0);
    (0..n).map(|_| stream.uniform() - 0.5).collect()
}

impl Data {
    fn new(Layer(images, inputs, outputs, side): Layer) -> Self {
        let mut x = MapLayout::new(inputs, side, side).with_halo(1, 1);
        if inputs < 16 {
            x.pixel = inputs;
        }
        let conv = Conv {
            x,
            y: MapLayout::new(outputs, side, side),
            kernel: (3, 3),
            stride: (1, 1),
            padding: (1, 1),
            dilation: (1, 1),
            groups: 1,
        };
        let mut values = draw(images * x.image() + 16);
        x.clear_halo(images, &mut values);
        Self {
            conv,
            images,
            x: values,
            weights: draw(conv.weights_len()),
            y: draw(images * conv.y.image()),
            multiply_adds: ItemsCount::new(images * side * side * outputs * inputs * 9),
        }
    }
}

/// Channels in and out, height and width, kernel, stride, dilation and groups of a convolution that pads so
/// as to keep the size.
#[derive(Clone, Copy, Debug)]
struct Kind(usize, usize, usize, usize, usize, usize, usize);

const KINDS: [Kind; 16] = [
    Kind(64, 64, 28, 3, 1, 1, 1),
    Kind(64, 64, 28, 3, 1, 2, 1),
    Kind(64, 64, 56, 3, 2, 1, 1),
    Kind(17, 33, 28, 3, 1, 1, 1),
    Kind(50, 50, 28, 3, 1, 1, 1),
    Kind(96, 24, 56, 1, 1, 1, 1),
    Kind(24, 144, 56, 1, 1, 1, 1),
    Kind(320, 1280, 7, 1, 1, 1, 1),
    Kind(128, 128, 56, 3, 1, 1, 32),
    Kind(256, 256, 28, 3, 1, 1, 32),
    Kind(512, 512, 14, 3, 1, 1, 32),
    Kind(1024, 1024, 7, 3, 1, 1, 32),
    Kind(144, 144, 56, 3, 1, 1, 144),
    Kind(96, 96, 112, 3, 2, 1, 96),
    Kind(240, 240, 28, 5, 1, 1, 240),
    Kind(960, 960, 7, 3, 1, 1, 960),
];

impl Data {
    fn of_kind(Kind(inputs, outputs, side, k, stride, dilation, groups): Kind) -> Self {
        let padding = dilation * (k - 1) / 2;
        let size = side.div_ceil(stride);
        let x = MapLayout::new(inputs, side, side).with_halo(padding, padding);
        let conv = Conv {
            x,
            y: MapLayout::new(outputs, size, size),
            kernel: (k, k),
            stride: (stride, stride),
            padding: (padding, padding),
            dilation: (dilation, dilation),
            groups,
        };
        let mut values = draw(x.image() + 16);
        x.clear_halo(1, &mut values);
        let multiply_adds = ItemsCount::new(size * size * outputs * inputs / groups * k * k);
        let (weights, y) = (draw(conv.weights_len()), draw(conv.y.image()));
        Self { conv, images: 1, x: values, weights, y, multiply_adds }
    }
}

/// Convolutions of every kind, on the best instruction set.
#[divan::bench(args = KINDS)]
fn kinds(bencher: Bencher<'_, '_>, kind: Kind) {
    let (isa, mut d) = (Isa::available()[0], Data::of_kind(kind));
    let sweeps = d.conv.sweeps(1);
    bencher.counter(d.multiply_adds).bench_local(|| {
        let (part, out) = ((0..1, 0..d.conv.y.height), (&mut d.y[..], d.conv.y.strides()));
        conv::forward(isa, &sweeps, part, &d.x, &d.weights, Finish::NONE, out);
    });
}

/// Their weight gradients.
#[divan::bench(args = KINDS)]
fn kinds_weight_gradient(bencher: Bencher<'_, '_>, kind: Kind) {
    let (isa, mut d) = (Isa::available()[0], Data::of_kind(kind));
    let sweeps = d.conv.sweeps(1);
    bencher.counter(d.multiply_adds).bench_local(|| {
        let g = (&d.y[..], d.conv.y.strides());
        conv::weight_gradient(isa, &d.conv, &sweeps, 1, &d.x, g, &mut d.weights);
    });
}

/// Their input gradients.
#[divan::bench(args = KINDS)]
fn kinds_input_gradient(bencher: Bencher<'_, '_>, kind: Kind) {
    let (isa, mut d) = (Isa::available()[0], Data::of_kind(kind));
    let halo = d.conv.gradient_halo();
    let layout = d.conv.y.with_halo(halo.0, halo.1);
    let (phases, weights) = (d.conv.input_gradient(1, layout), draw(d.conv.transposed_len()));
    let gradient = draw(layout.image() + 16);
    bencher.counter(d.multiply_adds).bench_local(|| {
        for phase in &phases {
            phase.conv.run(isa, &gradient, &weights, Finish::NONE, &mut d.x);
        }
    });
}

#[divan::bench(args = cases())]
fn direct(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, mut d) = (isa(name), Data::new(layer));
    let s = d.conv.sweeps(d.images)[0].sweep;
    bencher.counter(d.multiply_adds).bench_local(|| sweep(isa, &s, &d.x, &d.weights, Finish::NONE, &mut d.y));
}

#[divan::bench(args = cases())]
fn direct_weight_gradient(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, mut d) = (isa(name), Data::new(layer));
    let s = d.conv.sweeps(d.images)[0].sweep;
    bencher
        .counter(d.multiply_adds)
        .bench_local(|| outer(isa, &s, Groups::ONE, &d.x, &d.y, &mut d.weights, false));
}

#[divan::bench(args = wide_cases())]
fn winograd(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, mut d) = (isa(name), Data::new(layer));
    let w = Winograd::new(&d.conv).expect("it is 3 × 3");
    let (mut weights, mut scratch) = (vec![0.0; w.weights_len()], vec![0.0; w.scratch_len()]);
    w.transform_weights(isa, &d.weights, &mut weights);
    bencher.counter(d.multiply_adds).bench_local(|| {
        let (part, out) = ((0..d.images, 0..d.conv.y.height), (&mut d.y[..], d.conv.y.strides()));
        w.forward(isa, part, &d.x, &weights, Finish::NONE, &mut scratch, out);
    });
}

#[divan::bench(args = wide_cases())]
fn winograd_weight_gradient(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, mut d) = (isa(name), Data::new(layer));
    let w = Winograd::new(&d.conv).expect("it is 3 × 3");
    let mut scratch = vec![0.0; w.gradient_scratch_len()];
    bencher.counter(d.multiply_adds).bench_local(|| {
        let g = (&d.y[..], d.conv.y.strides());
        w.weight_gradient(isa, d.images, &d.x, g, &mut scratch, &mut d.weights);
    });
}

const HALVES: MaxPool = MaxPool::new((2, 2), (2, 2));

/// Both gradients of a convolution that pools, of which a half of the winners have none.
#[divan::bench(args = cases().into_iter().filter(|(_, layer)| layer.1 <= 32))]
fn sparse_gradients(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, d) = (isa(name), Data::new(layer));
    let side = layer.3 / 2;
    let pooled = MapLayout::new(layer.2, side, side);
    let sparse = SparseConv::new(&d.conv, &HALVES, (side, side)).expect("the windows tile the map");
    let g: Vec<f32> = draw(pooled.image()).iter().map(|g| g.max(0.0)).collect();
    let places: Vec<u16> = (0..pooled.image()).map(|i| (i * 7 % 4) as u16).collect();
    let mut entries = vec![Entry::default(); sparse.entries()];
    let (weights, mut dw) = (draw(sparse.weights_len()), vec![0.0; sparse.weights_len()]);
    let mut dx = vec![0.0; d.x.len()];
    bencher.counter(ItemsCount::new(2 * layer.3 * layer.3 * layer.2 * layer.1 * 9)).bench_local(|| {
        for block in 0..pooled.pixel / 16 {
            let counts = sparse.list(block, (&g, pooled.strides()), &places, &mut entries);
            let list = (&entries[..], &counts);
            sparse.weight_gradient(isa, block, list, &d.x, &mut dw);
            sparse.input_gradient(isa, block, list, &weights, &mut dx);
        }
    });
}

/// BatchNorm, 2 × 2 max pooling and ReLU after a layer: what its passes cost for each value before them.
struct Norm {
    e: Epilogue,
    maps: Maps,
    x: Vec<f32>,
    channels: Vec<f32>,
    y: Vec<f32>,
    places: Vec<u16>,
    values: ItemsCount,
}

impl Norm {
    fn new(Layer(images, _, channels, side): Layer) -> Self {
        let (x, y) = (MapLayout::new(channels, side, side), MapLayout::new(channels, side / 2, side / 2));
        let blocks = x.pixel / 16;
        Self {
            e: Epilogue {
                images,
                blocks,
                input: (side, side),
                output: (side / 2, side / 2),
                first_row: 0,
                x: x.strides(),
                y: y.strides(),
                pool: Some(HALVES),
                relu: Some(Relu::PLAIN),
            },
            maps: Maps { images, size: (side, side), blocks },
            x: draw(images * x.image()),
            channels: draw(x.pixel),
            y: draw(images * y.image()),
            places: vec![1; images * y.image()],
            values: ItemsCount::new(images * x.image()),
        }
    }

    fn gradient(&self) -> Gradient<'_> {
        Gradient { dy: &self.y, dy_strides: self.e.y, y: &self.y, mask: None, places: &self.places }
    }
}

#[divan::bench(args = cases())]
fn norm_moments(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, n) = (isa(name), Norm::new(layer));
    let mut sums = vec![0.0; n.maps.images * n.maps.moments_len()];
    bencher.counter(n.values).bench_local(|| moments(isa, n.maps, &n.x, n.e.x, &mut sums));
}

#[divan::bench(args = cases())]
fn norm_forward(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, mut n) = (isa(name), Norm::new(layer));
    let operands = Operands { affine: Some((&n.channels, &n.channels)), ..Operands::default() };
    bencher
        .counter(n.values)
        .bench_local(|| epilogue::forward(isa, &n.e, &n.x, operands, &mut n.y, Some(&mut n.places)));
}

#[divan::bench(args = cases())]
fn norm_sums(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, n) = (isa(name), Norm::new(layer));
    let mut sums = vec![0.0; n.maps.images * n.maps.sums_len()];
    let statistics = (&n.channels[..], &n.channels[..]);
    bencher
        .counter(n.values)
        .bench_local(|| epilogue::norm_sums(isa, &n.e, n.gradient(), (&n.x, n.e.x), statistics, &mut sums));
}

#[divan::bench(args = cases())]
fn norm_gradient(bencher: Bencher<'_, '_>, (name, layer): (&str, Layer)) {
    let (isa, n) = (isa(name), Norm::new(layer));
    let mut g = vec![0.0; n.x.len()];
    let through = Through { x: Some((&n.x, n.e.x)), coefficients: [&n.channels; 3] };
    bencher.counter(n.values).bench_local(|| {
        epilogue::backward(isa, &n.e, n.gradient(), Some(through), (&mut g, n.e.x), false);
    });
}

/// What fits the first-level cache.
const VALUES: usize = 4096;

fn activations() -> Vec<(&'static str, Activation)> {
    let all = [Activation::Silu, Activation::Hardswish, Activation::Tanh, Activation::Gelu];
    let names: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
    all.iter().flat_map(|&activation| names.iter().map(move |&name| (name, activation))).collect()
}

#[divan::bench(args = activations())]
fn activation_forward(bencher: Bencher<'_, '_>, (name, activation): (&str, Activation)) {
    let (isa, x, mut y) = (isa(name), draw(VALUES), vec![0.0; VALUES]);
    bencher.counter(ItemsCount::new(VALUES)).bench_local(|| activation::forward(isa, activation, &x, &mut y));
}

#[divan::bench(args = activations())]
fn activation_backward(bencher: Bencher<'_, '_>, (name, activation): (&str, Activation)) {
    let (isa, x, mut dx) = (isa(name), draw(VALUES), vec![0.0; VALUES]);
    bencher
        .counter(ItemsCount::new(VALUES))
        .bench_local(|| activation::backward(isa, activation, &x, &x, &mut dx, false));
}
