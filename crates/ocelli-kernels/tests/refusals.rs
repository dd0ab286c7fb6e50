//! Kernels read and write through raw pointers: whatever they are given, they must refuse before they leave a slice.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ocelli_kernels::avg_pool::Windows;
use ocelli_kernels::conv::Conv;
use ocelli_kernels::epilogue::{self, Epilogue, Gradient, MaxPool, Operands};
use ocelli_kernels::layer_norm::{self, LayerNorm};
use ocelli_kernels::outer::{Groups, outer};
use ocelli_kernels::sparse::{Entry, SparseConv};
use ocelli_kernels::sweep::{Border, Finish, Sweep, Taps, sweep};
use ocelli_kernels::winograd::Winograd;
use ocelli_kernels::{Isa, MapLayout, Strides};

const NONE: Strides = Strides { start: 0, image: 0, row: 0, pixel: 0 };

/// One output of one block from one input.
const ONE: Sweep = Sweep {
    images: 1,
    rows: 1,
    first_row: 0,
    columns: 1,
    blocks: 1,
    x: NONE,
    taps: Taps::of_run(1),
    y: NONE,
    border: None,
    weights_image: 0,
};

fn refused(what: &str, call: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err(), "{what} is not refused");
}

fn isa() -> Isa {
    Isa::available()[0]
}

fn swept(what: &str, s: Sweep, y: usize) {
    refused(what, || sweep(isa(), &s, &[1.0], &[1.0; 16], Finish::NONE, &mut vec![0.0; y]));
}

#[test]
fn sweeps_whose_sizes_overflow() {
    sweep(isa(), &ONE, &[1.0], &[1.0; 16], Finish::NONE, &mut [0.0; 16]);
    swept("weights of 2⁶⁴ floats", Sweep { taps: Taps { rows: 1 << 60, ..ONE.taps }, ..ONE }, 16);
    swept("2⁶⁰ blocks", Sweep { blocks: 1 << 60, ..ONE }, 16);
    let back = Strides { image: 1000, row: 0_usize.wrapping_sub(1000), ..NONE };
    swept("a stride that wraps", Sweep { images: 2, rows: 2, y: back, ..ONE }, 16);
    let steps = Strides { image: usize::MAX / 2, ..NONE };
    swept("images that wrap", Sweep { images: 3, y: steps, ..ONE }, 16);
}

#[test]
fn taps_outside_the_map_are_not_read() {
    let border =
        Border { size: (1, 1), stride: (1, 1), padding: (1 << 40, 1 << 40), dilation: (1, 1), columns: 1 };
    let mut y = [1.0; 16];
    sweep(isa(), &Sweep { border: Some(border), ..ONE }, &[1.0], &[1.0; 16], Finish::NONE, &mut y);
    assert_eq!(y, [0.0; 16]);
}

#[test]
fn runs_that_are_no_whole_columns() {
    let border = Border { size: (1, 1), stride: (1, 1), padding: (0, 0), dilation: (1, 1), columns: 2 };
    let s = Sweep { taps: Taps { run: 33, ..ONE.taps }, border: Some(border), ..ONE };
    refused("a run of 33 in 2 columns", || {
        outer(isa(), &s, Groups::ONE, &[0.0; 33], &[0.0; 16], &mut [0.0; 528], true);
    });
    let groups = Groups { count: 3, x: usize::MAX / 2, g: 0 };
    refused("groups that wrap", || outer(isa(), &ONE, groups, &[0.0], &[0.0; 16], &mut [0.0; 16], true));
}

#[test]
fn epilogues_with_more_outputs_than_inputs() {
    let pixel = Strides { start: 0, image: 0, row: 16, pixel: 16 };
    let halves = MaxPool::new((2, 2), (2, 2));
    for (input, output, first_row, pool) in [
        ((1, 1), (1, 2), 0, None),
        ((1, 1), (1, 1), 1, None),
        ((0, 0), (1, 1), 0, None),
        ((1, 1), (1, 1), 0, Some(halves)),
        ((2, 2), (1, 1), 1, Some(halves)),
        ((2, 2), (1, 1), usize::MAX / 2 + 1, Some(halves)),
    ] {
        let e = Epilogue {
            images: 1,
            blocks: 1,
            input,
            output,
            first_row,
            x: pixel,
            y: Strides { row: 0, ..pixel },
            pool,
            relu: None,
        };
        let what = format!("{output:?} of {input:?} from row {first_row}");
        refused(&what, || {
            epilogue::forward(isa(), &e, &[0.0; 16], Operands::default(), &mut [0.0; 32], None)
        });
        let places = [0; 64];
        let from = Gradient { dy: &[0.0; 32], dy_strides: e.y, y: &[], mask: None, places: &places };
        refused(&what, || epilogue::backward(isa(), &e, from, None, (&mut [0.0; 16], pixel), false));
        let mut sums = [0.0; 32];
        refused(&what, || {
            epilogue::norm_sums(isa(), &e, from, (&[0.0; 16], pixel), (&[0.0; 16], &[0.0; 16]), &mut sums);
        });
    }
}

fn conv(channels: usize, side: usize) -> Conv {
    let x = MapLayout::new(3, side, side).with_halo(1, 1);
    let y = MapLayout::new(channels, side, side);
    Conv { x, y, kernel: (3, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1), groups: 1 }
}

#[test]
fn lists_of_blocks_that_are_not_there() {
    let pool = MaxPool::new((2, 2), (2, 2));
    let sparse = SparseConv::new(&conv(16, 4), &pool, (2, 2)).expect("it fits");
    let pooled = MapLayout::new(16, 2, 2);
    let mut entries = vec![Entry::default(); sparse.entries()];
    let g = vec![1.0; pooled.image()];
    let counts = sparse.list(0, (&g, pooled.strides()), &[0; 64], &mut entries);
    let mut x = vec![0.0; conv(16, 4).x.image() + sparse.overrun()];
    let mut weights = vec![0.0; sparse.weights_len()];
    refused("the weights of a second block", || {
        sparse.weight_gradient(isa(), 1, (&entries, &counts), &x, &mut weights);
    });
    refused("the inputs of a second block", || {
        sparse.input_gradient(isa(), 1, (&entries, &counts), &weights, &mut x);
    });
}

#[test]
fn pixels_that_are_not_whole() {
    let n = LayerNorm { channels: 3, pixel: 16, eps: 1e-5, weight: None, bias: None };
    let forward = |what: &str, n: LayerNorm<'_>, x: usize, y: usize| {
        refused(what, || layer_norm::forward(isa(), &n, &vec![0.0; x], &mut vec![0.0; y]));
    };
    forward("one and a half pixels", n, 24, 24);
    forward("fewer outputs than inputs", n, 32, 16);
    forward("half a block", LayerNorm { pixel: 8, ..n }, 8, 8);
    forward("more channels than a pixel has", LayerNorm { channels: 17, ..n }, 16, 16);
    forward("no channels", LayerNorm { channels: 0, ..n }, 16, 16);
    forward("too few weights", LayerNorm { weight: Some(&[1.0; 15]), ..n }, 16, 16);
    forward("too few biases", LayerNorm { bias: Some(&[1.0; 15]), ..n }, 16, 16);
    let backward = |what: &str, dy: usize, dx: usize, sums: usize| {
        let (mut dx, mut sums) = (vec![0.0; dx], vec![0.0; sums]);
        let (x, dy) = ([0.0; 16], vec![0.0; dy]);
        refused(what, || layer_norm::backward(isa(), &n, (&x, &dy), Some((&mut dx, false)), &mut sums));
    };
    backward("too few gradients", 15, 16, 32);
    backward("too few gradients to write", 16, 0, 32);
    backward("too few sums", 16, 16, 31);
}

#[test]
fn maps_that_are_empty_or_larger_than_memory() {
    assert!(Winograd::new(&conv(16, 4)).is_some());
    let empty =
        Conv { x: MapLayout::new(3, 2, 2), y: MapLayout::new(3, 0, 0), padding: (0, 0), ..conv(3, 4) };
    assert!(Winograd::new(&empty).is_none());
    assert!(Winograd::new(&conv(16, 1 << 31)).is_none());
    refused("windows on nothing", || drop(Windows::adaptive(0, 1)));
    refused("a window behind its input", || drop(Windows::fixed((2, 4), (2, 1, 1), true)));
    refused("a window of nothing", || drop(Windows::fixed((2, 1), (0, 1, 0), true)));
}
