//! Nothing allocates in a training step after the first, nor in inference.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use ocelli_data::Transform;
use ocelli_kernels::Isa;
use ocelli_model::Classifier;
use ocelli_nn::plan::{InferPlan, PlanOptions, SampleKeys, TrainPlan, Update, UpdateStep};
use ocelli_nn::{
    BatchNorm, ChannelShuffle, Conv2d, GroupNorm, Layer, LocalResponseNorm, Narrow, Network, PaddingMode,
    ParameterSpec, Sequential, Shape, Upsample, zoo,
};
use ocelli_train::{Distillation, Lamb, Muon, Optimizer, Teacher};
use rayon::prelude::*;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code, reason = "an allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// `value -= 0.01 · (grad + 0.9 · buffer)`, about: what it computes does not matter here.
struct Momentum;

impl Update for Momentum {
    fn slots(&self) -> usize {
        1
    }

    fn update(
        &self,
        _: UpdateStep,
        _: &ParameterSpec,
        _: Isa,
        value: &mut [f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) {
        for ((value, grad), buffer) in value.iter_mut().zip(grad).zip(state[0].iter_mut()) {
            *buffer = 0.9 * *buffer + grad;
            *value -= 0.01 * *buffer;
        }
    }
}

fn count(mut work: impl FnMut()) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    work();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn check(network: &Network, update: &dyn Update) {
    const BATCH: usize = 18;
    let options = PlanOptions { batch: BATCH, ..PlanOptions::default() };
    let weights = network.init(1);
    let images = vec![0.5; BATCH * network.input().elements()];
    let samples: Vec<u64> = (0..BATCH as u64).collect();
    let gradient = vec![0.1; BATCH * network.output().elements()];
    let mut train = TrainPlan::new(network, &weights, options).unwrap();
    let mut average = train.average().unwrap();
    let mut step = || {
        for _ in 0..2 {
            train.forward(&images, &SampleKeys { seed: 1, epoch: 0, samples: &samples });
            train.backward(&gradient);
            train.climb(0.05, true, |_| true).unwrap();
            train.forward_above(&images, &SampleKeys { seed: 1, epoch: 0, samples: &samples });
            train.backward(&gradient);
            train.climb_down();
            train.keep_gradients(4.0).unwrap();
        }
        train.use_kept_gradients();
        train.step(update);
        train.move_average(&mut average, 0.1);
        train.take_average(&average);
        train.forward(&images, &SampleKeys { seed: 1, epoch: 0, samples: &samples });
        train.backward(&gradient);
        train.clip_gradient_norm(1.0, |_| true);
        train.clip_gradient_value(0.5);
        train.step(update);
    };
    step();
    assert_eq!(count(|| (0..10).for_each(|_| step())), 0, "training {}", network.name());
    let mut infer = InferPlan::new(network, &weights, options).unwrap();
    let mut run = || {
        infer.run(&images);
        infer.run(&images[..network.input().elements()]);
    };
    run();
    assert_eq!(count(|| (0..10).for_each(|_| run())), 0, "inference of {}", network.name());
}

/// A teacher that is asked about each batch, some of them smaller, its images normalised anew and its classes in another order.
fn check_teacher() {
    const BATCH: usize = 18;
    let network = zoo::build("resnet20", Shape::map(3, 32, 32), 10).unwrap();
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let list =
        |mean: f32| vec![Transform::resize((32, 32)), Transform::normalize_with(&[mean; 3], &[0.25; 3])];
    let turned = classes.iter().rev().cloned().collect();
    let teacher = Classifier::new(network.clone(), network.init(1), list(0.5), turned).unwrap();
    let teacher = Teacher::new(teacher, &network, &classes, &list(0.25), Distillation::default()).unwrap();
    let mut teaching = teacher.teaching(BATCH).unwrap();
    let images = vec![0.5; BATCH * network.input().elements()];
    let (student, mut gradient) = (vec![0.5; BATCH * 10], vec![0.1; BATCH * 10]);
    let mut step = |count: usize| {
        let images = &images[..count * network.input().elements()];
        teaching.ask(images);
        teaching.forward(&student[..count * 10], 1.0, &mut gradient[..count * 10]);
    };
    step(BATCH);
    step(1);
    let repeated = || (0..10).for_each(|time| step(BATCH - time));
    assert_eq!(count(repeated), 0, "a teacher");
}

/// The only test of this file: another one's allocations would be counted.
#[test]
fn nothing_allocates_after_the_first_step() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    // The pool's own queues grow with the first work that is cut finely, and that may come late.
    pool.install(|| (0..100_000).into_par_iter().with_max_len(1).for_each(|_| std::hint::spin_loop()));
    for name in ["lesson", "lesson-bn", "lenet5", "resnet18", "resnet20"] {
        let network = zoo::build(name, Shape::map(3, 32, 32), 10).unwrap();
        pool.install(|| check(&network, &Momentum));
    }
    // Those that need whole parameters.
    let network = zoo::build("lesson-bn", Shape::map(3, 32, 32), 10).unwrap();
    for optimizer in [Optimizer::from(Lamb::default()), Muon::default().into()] {
        pool.install(|| check(&network, optimizer.for_network(&network).as_update()));
    }
    pool.install(check_teacher);
    // Without running averages inference joins the batch's statistics, and splits no image.
    for running in [true, false] {
        pool.install(|| check(&every_other_step(running), &Momentum));
    }
}

/// The kinds of steps that those networks have not, on maps large enough for an image to be split among threads.
fn every_other_step(running: bool) -> Network {
    let layers = Sequential::new(Shape::map(3, 64, 64))
        .conv2d(Conv2d::new(3, 32, 3).padding(1).padding_mode(PaddingMode::Reflect))
        .layer(Layer::Silu)
        .conv2d(Conv2d::new(32, 32, 5).padding(2).groups(32))
        .layer(Layer::Relu6)
        .conv2d(Conv2d::new(32, 32, 3).padding(1).groups(8))
        .batch_norm2d(BatchNorm::new(32).track_running_stats(running))
        .layer(Layer::GroupNorm(GroupNorm::new(4, 32)))
        .layer(Layer::LayerNorm2d(32.into()))
        .layer(Layer::AlphaDropout(0.1.into()));
    let map = layers.output();
    let layers = layers.adaptive_avg_pool2d(1).conv2d(Conv2d::new(32, 32, 1)).layer(Layer::Sigmoid);
    let gate = layers.output();
    let layers = layers.combine(Layer::Multiply, [map, gate]);
    let gated = layers.output();
    layers
        .combine(Layer::Concat, [gated, map])
        .layer(Layer::ChannelShuffle(ChannelShuffle::new(2)))
        .layer(Layer::Narrow(Narrow::new(8, 48)))
        .layer(Layer::LocalResponseNorm(LocalResponseNorm::new(5)))
        .layer(Layer::Upsample(Upsample::to(32)))
        .layer(Layer::AdaptiveMaxPool2d(4.into()))
        .flatten()
        .linear(768, 10)
        .layer(Layer::LogSoftmax)
        .build("every other step")
        .unwrap()
}
