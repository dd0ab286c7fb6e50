//! What plans promise beside the numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use ocelli_kernels::Isa;
use ocelli_nn::plan::{
    InferPlan, Passes, PlanOptions, Recompute, SampleKeys, TrainPlan, Update, UpdateStep, Whole,
};
use ocelli_nn::{
    BatchNorm, ChannelShuffle, Conv2d, GroupNorm, InstanceNorm2d, Layer, Narrow, Network, ParameterSpec,
    Role, Sequential, Shape, Tensor, Weights, zoo,
};

fn network() -> Network {
    Sequential::new(Shape::map(3, 8, 8))
        .conv2d(Conv2d::new(3, 20, 3).padding(1))
        .relu()
        .conv2d(Conv2d::new(20, 20, 3).padding(1))
        .relu()
        .flatten()
        .linear(1280, 4)
        .build("two convolutions")
        .expect("it is valid")
}

fn training(batch: usize) -> TrainPlan {
    let network = network();
    let options = PlanOptions { batch, ..PlanOptions::default() };
    TrainPlan::new(&network, &network.init(1), options).expect("it is valid")
}

fn images(count: usize) -> Vec<f32> {
    (0..count * 3 * 64).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect()
}

fn forward(plan: &mut TrainPlan, images: &[f32]) {
    let samples: Vec<u64> = (0..images.len() as u64 / 192).collect();
    plan.forward(images, &SampleKeys { seed: 0, epoch: 0, samples: &samples });
}

/// Plain descent, which keeps no buffer, and tells its steps.
#[derive(Default)]
struct Plain(Mutex<Vec<UpdateStep>>);

impl Update for Plain {
    fn slots(&self) -> usize {
        0
    }

    fn update(
        &self,
        step: UpdateStep,
        of: &ParameterSpec,
        _: Isa,
        value: &mut [f32],
        grad: &[f32],
        _: &mut [&mut [f32]],
    ) {
        value.iter_mut().zip(grad).for_each(|(w, g)| *w -= 0.1 * g);
        if of.name.ends_with("0.bias") {
            self.0.lock().expect("no update panics").push(step);
        }
    }
}

#[test]
fn steps_are_numbered_whatever_an_update_keeps() {
    let (mut plan, update) = (training(2), Plain::default());
    for _ in 0..3 {
        forward(&mut plan, &images(2));
        plan.backward(&[0.5; 8]);
        plan.step(&update);
    }
    let steps: Vec<_> =
        update.0.lock().expect("no update panics").iter().map(|s| (s.first, s.number)).collect();
    assert_eq!(steps, [(true, 1), (false, 2), (false, 3)]);
    let state = plan.optimizer_state();
    let of_each = state.get("step").and_then(Tensor::as_i64).expect("it is there");
    assert!(!of_each.is_empty() && of_each.iter().all(|steps| *steps == 3), "{of_each:?}");
}

/// Counts the values of weights, and tells the sums that come of it.
#[derive(Default)]
struct Counting(Mutex<Vec<(String, [f64; 2])>>);

impl Update for Counting {
    fn slots(&self) -> usize {
        0
    }

    fn whole(&self, of: &ParameterSpec) -> Whole {
        if of.role == Role::Weight { Whole::Sums } else { Whole::Nothing }
    }

    fn prepare(
        &self,
        _: UpdateStep,
        _: &ParameterSpec,
        _: Isa,
        value: &[f32],
        _: &[f32],
        _: &mut [&mut [f32]],
    ) -> [f64; 2] {
        [value.len() as f64, 1.0]
    }

    fn update(
        &self,
        step: UpdateStep,
        of: &ParameterSpec,
        _: Isa,
        _: &mut [f32],
        _: &[f32],
        _: &mut [&mut [f32]],
    ) {
        self.0.lock().expect("no update panics").push((of.name.clone(), step.sums));
    }
}

#[test]
fn sums_are_of_what_was_prepared_alone() {
    let (mut plan, counting, plain) = (training(2), Counting::default(), Plain::default());
    forward(&mut plan, &images(2));
    plan.backward(&[0.5; 8]);
    plan.clip_gradient_norm(1.0, |_| true);
    plan.step(&plain);
    plan.step(&counting);
    plan.step(&plain);
    assert!(plain.0.lock().expect("no update panics").iter().all(|step| step.sums == [0.0; 2]));
    for (name, sums) in counting.0.lock().expect("no update panics").iter() {
        let weight = name.ends_with("weight");
        assert!(
            if weight { sums[0] >= 540.0 && sums[1] >= 1.0 } else { *sums == [0.0; 2] },
            "{name}: {sums:?}"
        );
    }
}

/// All values of tensors of one sort of parameter, in double precision.
fn values(of: &Weights, specs: &[ParameterSpec]) -> Vec<f64> {
    let tensors = specs.iter().map(|spec| of.get(&spec.name).and_then(Tensor::as_f32).expect("it is there"));
    tensors.flatten().copied().map(f64::from).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected, "{found} for {expected}");
}

/// Parameters of hundreds of pieces, each of which a task of its own takes.
#[test]
fn norms_and_climbs_are_of_all_pieces_together() {
    const RHO: f64 = 0.05;
    let network = zoo::build("resnet18", Shape::map(3, 64, 64), 4).expect("it is there");
    let specs: Vec<ParameterSpec> =
        network.parameters().into_iter().filter(|spec| spec.role.is_trainable()).collect();
    let (some, others): (Vec<_>, Vec<_>) =
        specs.iter().cloned().partition(|spec| spec.name.starts_with("layer4") && spec.role == Role::Weight);
    let images: Vec<f32> = (0..4 * 3 * 4096).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let initial = network.init(1);
    let outcome = || {
        let options = PlanOptions { batch: 4, ..PlanOptions::default() };
        let mut plan = TrainPlan::new(&network, &initial, options).expect("it is valid");
        plan.forward(&images, &SampleKeys { seed: 0, epoch: 0, samples: &[0, 1, 2, 3] });
        plan.backward(&[0.5, -0.25, 0.125, 1.0].repeat(4));
        let (weights, gradients) = (plan.weights(), plan.gradients());
        let (w, g) = (values(&weights, &specs), values(&gradients, &specs));
        assert!(w.len() > 100 * 16 * 1024 && g.iter().filter(|g| **g != 0.0).count() > g.len() / 2);

        // No bound: the norm alone.
        let all = plan.clip_gradient_norm(f64::INFINITY, |_| true);
        assert_near(all, norm(g.iter().copied()));
        let in_some = |spec: &ParameterSpec| some.contains(spec);
        let of_some = plan.clip_gradient_norm(f64::INFINITY, in_some);
        assert_near(of_some, norm(values(&gradients, &some).into_iter()));
        assert!(plan.gradients() == gradients, "nothing is scaled");

        let mut climbed = Vec::new();
        for (adaptive, partly) in [(false, false), (true, false), (false, true), (true, true)] {
            let moved: &[ParameterSpec] = if partly { &some } else { &specs };
            plan.climb(RHO, adaptive, |spec| moved.contains(spec)).expect("there is memory");
            let above = plan.weights();
            let (w, g) = (values(&weights, moved), values(&gradients, moved));
            let weighed = |w: f64| if adaptive { w } else { 1.0 };
            let norm = norm(w.iter().zip(&g).map(|(w, g)| weighed(*w) * g));
            for ((above, w), g) in values(&above, moved).iter().zip(&w).zip(&g) {
                let way = RHO * weighed(*w).powi(2) * g / norm;
                let error = (above - (w + way)).abs();
                assert!(error <= 1e-7 * w.abs() + 1e-6 * way.abs(), "{w} to {above}, not by {way}");
            }
            if partly {
                assert!(values(&above, &others) == values(&weights, &others), "what does not climb stays");
            }
            plan.climb_down();
            let bits = |of: &Weights| values(of, &specs).into_iter().map(f64::to_bits).collect::<Vec<_>>();
            assert!(bits(&plan.weights()) == bits(&weights), "to the bit");
            assert!(plan.gradients() == gradients, "gradients stay");
            climbed.push(above);
        }

        // All are scaled, though some alone were counted.
        let bound = of_some / 8.0;
        assert_eq!(plan.clip_gradient_norm(bound, in_some), of_some);
        let factor = (bound / (of_some + 1e-6)) as f32;
        let scaled = plan.gradients();
        for (scaled, g) in values(&scaled, &specs).iter().zip(&g) {
            assert_eq!(*scaled, f64::from(*g as f32 * factor));
        }
        (all, of_some, climbed, scaled)
    };
    let with_threads = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(outcome)
    };
    assert!(with_threads(1) == with_threads(3), "the same bits with any number of threads");
}

#[test]
fn a_forward_pass_serves_one_backward_pass() {
    let mut plan = training(2);
    forward(&mut plan, &images(2));
    plan.backward(&[0.5; 8]);
    let again = catch_unwind(AssertUnwindSafe(|| plan.backward(&[0.5; 8])));
    assert!(again.is_err(), "what the first backward pass used up gives other gradients");
}

#[test]
fn the_backward_pass_ends_with_the_first_layer_that_learns() {
    let shape = Shape::map(3, 8, 8);
    let networks = [network(), zoo::build("resnet18", shape, 4).expect("it is there")];
    for (network, recompute) in
        networks.iter().flat_map(|n| [Recompute::Never, Recompute::Always].map(|r| (n, r)))
    {
        let options = PlanOptions { batch: 5, recompute, ..PlanOptions::default() };
        let mut plan = TrainPlan::new(network, &network.init(1), options).expect("it is valid");
        let mut gradients = |first: usize| {
            plan.learn(|spec| spec.node >= first);
            forward(&mut plan, &images(5));
            plan.backward(&[0.5, -0.25, 0.125, 1.0].repeat(5));
            plan.gradients()
        };
        let all = gradients(0);
        let learning = network.parameters().into_iter().filter(|spec| spec.role.is_trainable());
        let learning: Vec<ParameterSpec> = learning.collect();
        // From the last layer to the first, and all over again.
        for first in [learning.last().expect("there are some").node, network.nodes().len() / 2, 0] {
            let some = gradients(first);
            for spec in &learning {
                let of = |gradients: &Weights| {
                    gradients.get(&spec.name).and_then(Tensor::as_f32).map(<[f32]>::to_vec)
                };
                let expected = if spec.node >= first { of(&all) } else { Some(vec![0.0; spec.elements()]) };
                assert_eq!(of(&some), expected, "{} of {} from {first} on", spec.name, network.name());
            }
        }
    }
}

#[test]
fn weights_of_another_network_are_refused_and_change_nothing() {
    let mut plan = training(2);
    let before = plan.weights();
    let other = zoo::build("lesson", Shape::map(3, 32, 32), 10).expect("it is there");
    assert!(plan.load_weights(&other.init(1)).is_err());
    assert_eq!(plan.weights(), before);
    let mut state = plan.optimizer_state();
    state.insert("slots", Tensor::i64([], vec![1]));
    for (name, tensor) in before.iter() {
        // One value less than the shape says.
        let short = tensor.as_f32().expect("all are f32")[1..].to_vec();
        state.insert(format!("0.{name}"), Tensor::f32(tensor.shape.clone(), short));
    }
    assert!(plan.load_optimizer_state(&state).is_err());
}

#[test]
fn any_part_of_a_batch_on_any_number_of_threads_gives_the_same_outputs() {
    let network = network();
    let weights = network.init(1);
    let run = |threads: usize, batch: usize, count: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let options = PlanOptions { batch, ..PlanOptions::default() };
            let mut plan = InferPlan::new(&network, &weights, options).expect("it is valid");
            plan.run(&images(count)).to_vec()
        })
    };
    let all = run(1, 12, 12);
    for (threads, count) in [(1, 5), (2, 1), (3, 2), (4, 3), (4, 12), (7, 12)] {
        assert_eq!(run(threads, 12, count), all[..count * 4], "{count} images on {threads} threads");
    }
}

#[test]
fn one_image_split_among_threads_gives_what_one_thread_does() {
    let stem = Sequential::new(Shape::map(3, 40, 52)).conv2d(Conv2d::new(3, 80, 3).padding(1));
    let map = stem.output();
    let gate = stem.adaptive_avg_pool2d(1).layer(Layer::Sigmoid);
    let factors = gate.output();
    let weighed = gate.combine(Layer::Multiply, [factors, map]);
    let product = weighed.output();
    let shuffled = weighed.layer(Layer::ChannelShuffle(ChannelShuffle::new(5)));
    let shuffle = shuffled.output();
    let narrow = shuffled.layer(Layer::Narrow(Narrow::new(3, 70)));
    let half = narrow.output();
    let network =
        narrow.combine(Layer::Concat, [half, product, shuffle]).build("split").expect("it is valid");
    let image: Vec<f32> = (0..3 * 40 * 52).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let mut plan =
            InferPlan::new(&network, &network.init(1), PlanOptions::default()).expect("it is valid");
        pool.install(|| plan.run(&image).to_vec())
    };
    let one = run(1);
    assert!([2, 3, 7].into_iter().all(|threads| run(threads) == one));
}

/// Fused layers leave no maps behind: what another image takes is a few of the largest, not one for each layer.
#[test]
fn a_plan_for_inference_keeps_no_map_for_fused_layers() {
    let network = zoo::build("resnet18", Shape::map(3, 64, 64), 10).expect("it is there");
    let weights = network.init(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let memory = |batch| {
        let options = PlanOptions { batch, ..PlanOptions::default() };
        pool.install(|| InferPlan::new(&network, &weights, options)).expect("it is valid").memory()
    };
    let largest = network.shapes().iter().map(|shape| shape.elements()).max().expect("it has layers");
    // Both have a chunk on each thread, of four images and of eight.
    let image = (memory(16) - memory(8)) / 8;
    assert!(image < 4 * 4 * largest, "{image} bytes an image, where the largest map has {}", 4 * largest);
    // A thread goes through more chunks in the same memory: only the outputs are more.
    assert_eq!(memory(64) - memory(16), 48 * 10 * size_of::<f32>());
}

/// As in PyTorch, whose ReLU passes a gradient where its output is no number: a bias counts it.
#[test]
fn no_number_is_hidden_from_the_gradient() {
    let network = Sequential::new(Shape::map(1, 4, 4))
        .conv2d(Conv2d::new(1, 1, 1))
        .relu()
        .flatten()
        .build("one")
        .expect("it is valid");
    let weights =
        [("0.weight", Tensor::f32([1, 1, 1, 1], vec![1.0])), ("0.bias", Tensor::f32([1], vec![0.0]))];
    let weights = weights.into_iter().collect();
    let mut images = vec![0.5; 32];
    images[..3].fill(-0.5);
    images[3] = f32::NAN;
    for passes in [Passes::all(), Passes::none()] {
        let options = PlanOptions { batch: 2, passes, ..PlanOptions::default() };
        let mut plan = TrainPlan::new(&network, &weights, options).expect("it is valid");
        let output = plan.forward(&images, &SampleKeys { seed: 0, epoch: 0, samples: &[0, 1] });
        assert!(output[3].is_nan() && output[4] == 0.5, "{output:?}");
        plan.backward(&[1.0; 32]);
        let gradients = plan.gradients();
        let of_bias = gradients.get("0.bias").and_then(Tensor::as_f32).expect("it has one");
        assert_eq!(of_bias, [29.0], "{passes:?}");
    }
}

#[test]
fn making_values_again_saves_memory_and_changes_no_bit() {
    let network = zoo::build("resnet20", Shape::map(3, 16, 16), 5).expect("it is there");
    let images: Vec<f32> = (0..9 * 3 * 256).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let samples: Vec<u64> = (0..9).collect();
    let run = |recompute| {
        let options = PlanOptions { batch: 9, recompute, ..PlanOptions::default() };
        let mut plan = TrainPlan::new(&network, &network.init(1), options).expect("it is valid");
        for epoch in 0..2 {
            let keys = SampleKeys { seed: 0, epoch, samples: &samples };
            let output = plan.forward(&images, &keys).to_vec();
            plan.backward(&output);
            plan.step(&Plain::default());
        }
        (plan.memory(), plan.weights(), plan.gradients())
    };
    let (kept, again) = (run(Recompute::Never), run(Recompute::Always));
    assert!(again.0 * 10 < kept.0 * 9, "{} of {} bytes", again.0, kept.0);
    assert_eq!((kept.1, kept.2), (again.1, again.2));
}

#[test]
fn weights_for_either_pass_are_those_of_the_last_step() {
    // Winograd's method: forward and backward take turns with one memory.
    let network = Sequential::new(Shape::map(16, 32, 32))
        .conv2d(Conv2d::new(16, 16, 3).padding(1))
        .conv2d(Conv2d::new(16, 3, 3).padding(1))
        .build("two")
        .expect("it is valid");
    let options = PlanOptions { batch: 4, ..PlanOptions::default() };
    let images: Vec<f32> = (0..4 * 16 * 1024).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let keys = SampleKeys { seed: 0, epoch: 0, samples: &[0, 1, 2, 3] };
    let mut plan = TrainPlan::new(&network, &network.init(1), options).expect("it is valid");
    let pass = |plan: &mut TrainPlan| {
        let output = plan.forward(&images, &keys).to_vec();
        plan.backward(&output);
        (output, plan.gradients())
    };
    let first = pass(&mut plan);
    assert!(pass(&mut plan) == first, "the same without a step between");
    plan.step(&Plain::default());
    let mut anew = TrainPlan::new(&network, &plan.weights(), options).expect("it is valid");
    assert!(pass(&mut plan) == pass(&mut anew), "as a plan that begins with these weights");
}

/// PyTorch's errors: one value alone cannot be normalised by itself.
#[test]
fn one_value_is_not_normalised_by_itself() {
    let plans = |layer: Layer, shape: Shape, batch: usize| {
        let network = Sequential::new(shape).layer(layer).build("norm").expect("a valid network");
        let options = PlanOptions { batch, ..PlanOptions::default() };
        let weights = network.init(1);
        let said = |error: &dyn std::fmt::Display| {
            assert!(error.to_string().contains("layer `0` normalises one value"), "{error}");
        };
        let train = TrainPlan::new(&network, &weights, options).inspect_err(|error| said(error)).is_ok();
        let infer = InferPlan::new(&network, &weights, options).inspect_err(|error| said(error)).is_ok();
        (train, infer)
    };
    let (features, pixel) = (Shape::features(4), Shape::map(4, 1, 1));
    let batch_norm = BatchNorm::new(4);
    assert_eq!(plans(Layer::BatchNorm1d(batch_norm), features, 1), (false, true));
    assert_eq!(plans(Layer::BatchNorm1d(batch_norm), features, 2), (true, true));
    let of_the_batch = Layer::BatchNorm2d(batch_norm.track_running_stats(false));
    assert_eq!(plans(of_the_batch, pixel, 1), (false, false));
    assert_eq!(plans(of_the_batch, Shape::map(4, 1, 2), 1), (true, true));
    let tracked = Layer::InstanceNorm2d(InstanceNorm2d::new(4).track_running_stats(true));
    assert_eq!(plans(tracked, pixel, 3), (false, true));
    assert_eq!(plans(Layer::GroupNorm(GroupNorm::new(4, 4)), features, 1), (false, false));
    assert_eq!(plans(Layer::GroupNorm(GroupNorm::new(4, 4)), features, 2), (true, true));
    assert_eq!(plans(Layer::GroupNorm(GroupNorm::new(2, 4)), features, 1), (true, true));
}

/// What a plan with these passes makes of `count` images on so many threads, for a batch of `batch`.
fn inferred(network: &Network, passes: Passes, (count, batch): (usize, usize), threads: usize) -> Vec<f32> {
    let images: Vec<f32> =
        (0..count * network.input().elements()).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let options = PlanOptions { batch, passes, ..PlanOptions::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let mut plan = InferPlan::new(network, &network.init(1), options).expect("it is valid");
        plan.run(&images).to_vec()
    })
}

#[test]
fn a_map_that_is_made_in_bands_is_the_same() {
    // Maps of more than 256 Ki values, which a depthwise convolution alone reads.
    let depthwise = |kernel: usize| Conv2d::new(96, 96, kernel).groups(96);
    let networks = [
        (Conv2d::new(16, 96, 1), depthwise(3).padding(1)),
        (Conv2d::new(16, 96, 1).bias(false), depthwise(3).padding(1).stride(2)),
        (Conv2d::new(16, 96, 1), depthwise(5).padding(2).stride(2)),
        (Conv2d::new(16, 96, 1), depthwise(3).dilation(3).padding((4, 1))),
        (Conv2d::new(16, 96, 1), depthwise(2).stride(3)),
        (Conv2d::new(16, 96, 1), depthwise(1).stride(2)),
        (Conv2d::new(16, 96, 5).padding((4, 2)), depthwise(3).padding((0, 1))),
    ];
    for (first, second) in networks {
        for activation in [Layer::Relu6, Layer::Sigmoid] {
            let network = Sequential::new(Shape::map(16, 61, 59))
                .conv2d(first)
                .batch_norm2d(96)
                .layer(activation)
                .conv2d(second)
                .batch_norm2d(96)
                .layer(activation)
                .build("bands")
                .expect("it is valid");
            for (batch, threads) in [((1, 1), 1), ((1, 1), 2), ((1, 1), 3), ((3, 3), 2)] {
                let whole = inferred(&network, Passes::first(3), batch, threads);
                let banded = inferred(&network, Passes::all(), batch, threads);
                assert!(whole == banded, "{first:?}, {second:?}, {batch:?} images on {threads} threads");
            }
        }
    }
}

#[test]
fn a_map_that_is_made_in_bands_takes_no_memory() {
    let network = Sequential::new(Shape::map(16, 112, 112))
        .conv2d(Conv2d::new(16, 96, 1))
        .relu()
        .conv2d(Conv2d::new(96, 96, 3).groups(96).stride(2).padding(1))
        .build("bands")
        .expect("it is valid");
    let memory = |passes| {
        let options = PlanOptions { batch: 1, passes, ..PlanOptions::default() };
        InferPlan::new(&network, &network.init(1), options).expect("it is valid").memory()
    };
    let map = 112 * 112 * 96 * size_of::<f32>();
    assert!(memory(Passes::first(3)) > memory(Passes::all()) + map * 9 / 10);
}

#[test]
fn rows_longer_than_a_cache_are_activated() {
    // Of 16 floats for each pixel, 67,200 in a row.
    let network = Sequential::new(Shape::map(1, 3, 4200))
        .conv2d(Conv2d::new(1, 2, 1))
        .layer(Layer::Silu)
        .build("wide")
        .expect("it is valid");
    let [fused, apart] = [Passes::all(), Passes::none()].map(|passes| inferred(&network, passes, (1, 1), 1));
    assert!(fused.iter().any(|&value| value != 0.0));
    assert!(fused.iter().zip(&apart).all(|(a, b)| (a - b).abs() < 1e-6));
}
