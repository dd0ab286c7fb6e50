use proptest::prelude::*;

use super::*;
use crate::batch_norm::Maps;
use crate::layout::MapLayout;
use crate::random::Stream;

/// An epilogue with all that it reads, over few distinct values, so that windows have ties; some are NaN.
#[derive(Debug)]
struct Case {
    e: Epilogue,
    x: Vec<f32>,
    add: Option<Vec<f32>>,
    affine: Option<(Vec<f32>, Vec<f32>)>,
    /// Over outputs, or over channels alone.
    mask: Option<(Vec<f32>, Strides)>,
    dy: Vec<f32>,
}

/// With a ceiling that many values reach.
const LOW: Relu = Relu { ceiling: 0.75 };

fn relu() -> impl Strategy<Value = Option<Relu>> {
    prop_oneof![Just(None), Just(Some(Relu::PLAIN)), Just(Some(LOW))]
}

fn pool() -> impl Strategy<Value = Option<MaxPool>> {
    let pair = |range: std::ops::Range<usize>| (range.clone(), range);
    let dilation = (any::<bool>(), any::<bool>());
    let any = (pair(1..4), pair(1..4), pair(0..2), dilation, any::<bool>());
    let any = any.prop_map(|(kernel, stride, padding, apart, past_end)| {
        let padding = (padding.0.min(kernel.0 / 2), padding.1.min(kernel.1 / 2));
        // A window of three values apart would not fit the smallest maps.
        let step = |kernel: usize, apart: bool| if apart && kernel < 3 { 2 } else { 1 };
        let dilation = (step(kernel.0, apart.0), step(kernel.1, apart.1));
        Some(MaxPool { kernel, stride, padding, dilation, past_end })
    });
    prop_oneof![Just(None), Just(Some(MaxPool::new((2, 2), (2, 2)))), any]
}

prop_compose! {
    fn case(nan: bool)(
        images in 1usize..=3, channels in 1usize..=33, size in (3usize..=7, 3usize..=7), halo in 0usize..=1,
        pool in pool(), relu in relu(), with_add: bool, with_affine: bool, mask in 0..3, seed: u64,
    ) -> Case {
        let output = pool.map_or(size, |p: MaxPool| {
            let out = |size: usize, k: usize, s: usize, pad: usize, d: usize| {
                let inside = (size + 2 * pad - (k - 1) * d - 1) / s + 1;
                if p.past_end && inside * s < size + pad { inside + 1 } else { inside }
            };
            let rows = out(size.0, p.kernel.0, p.stride.0, p.padding.0, p.dilation.0);
            (rows, out(size.1, p.kernel.1, p.stride.1, p.padding.1, p.dilation.1))
        });
        let x = MapLayout::new(channels, size.0, size.1).with_halo(halo, 0);
        let y = MapLayout::new(channels, output.0, output.1).with_halo(0, halo);
        let blocks = x.pixel / BLOCK;
        let (x_strides, y_strides) = (x.strides(), y.strides());
        let e = Epilogue {
            images, blocks, input: size, output, first_row: 0, x: x_strides, y: y_strides, pool, relu,
        };
        let mut stream = Stream::new(seed, 0, 0, 0);
        let mut draw = |n: usize, nan: bool| (0..n).map(|_| match stream.below(12) {
            11 if nan => f32::NAN,
            value => value as f32 / 4.0 - 1.0,
        }).collect::<Vec<f32>>();
        Case {
            x: draw(images * x.image(), nan),
            add: with_add.then(|| draw(images * x.image(), false)),
            affine: with_affine.then(|| (draw(x.pixel, false), draw(x.pixel, false))),
            // No plan multiplies what a ceiling has cut by a mask: its gradient could not tell.
            mask: match mask {
                _ if relu == Some(LOW) => None,
                0 => None,
                1 => Some((draw(images * y.image(), false), y_strides)),
                _ => Some((draw(images * x.pixel, false), Strides { start: 0, image: x.pixel, row: 0, pixel: 0 })),
            },
            dy: draw(images * y.image(), false),
            e,
        }
    }
}

impl Case {
    /// Calls `each` with image, pixel of the output and channel.
    fn outputs(&self, mut each: impl FnMut(usize, usize, usize, usize)) {
        for n in 0..self.e.images {
            for row in 0..self.e.output.0 {
                for column in 0..self.e.output.1 {
                    (0..self.e.blocks * BLOCK).for_each(|c| each(n, row, column, c));
                }
            }
        }
    }

    fn value(&self, n: usize, y: usize, x: usize, c: usize) -> f32 {
        let at = self.e.x.at(n, y, x) + c;
        let affine = self.affine.as_ref();
        affine.map_or(self.x[at], |(scale, shift)| self.x[at] * scale[c] + shift[c])
            + self.add.as_ref().map_or(0.0, |add| add[at])
    }

    /// The window's winner: its value, place in the window, row and column; the first of equals, or the last NaN.
    fn winner(&self, n: usize, row: usize, column: usize, c: usize) -> (f32, usize, usize, usize) {
        let p = self.e.pool.unwrap_or(MaxPool::new((1, 1), (1, 1)));
        let mut best: Option<(f32, usize, usize, usize)> = None;
        for place in 0..p.kernel.0 * p.kernel.1 {
            let y = (row * p.stride.0 + place / p.kernel.1 * p.dilation.0).checked_sub(p.padding.0);
            let x = (column * p.stride.1 + place % p.kernel.1 * p.dilation.1).checked_sub(p.padding.1);
            let (Some(y), Some(x)) = (y, x) else { continue };
            if y < self.e.input.0 && x < self.e.input.1 {
                let v = self.value(n, y, x, c);
                if best.is_none_or(|best| v > best.0 || v.is_nan()) {
                    best = Some((v, place, y, x));
                }
            }
        }
        best.expect("no window is all padding")
    }

    fn factor(&self, n: usize, row: usize, column: usize, c: usize) -> f32 {
        self.mask.as_ref().map_or(1.0, |(mask, strides)| mask[strides.at(n, row, column) + c])
    }

    fn forward(&self, isa: Isa) -> (Vec<f32>, Vec<u16>) {
        let strides = self.e.place_strides();
        let mut places = vec![0; self.e.images * strides.image];
        let mut y = vec![0.0; self.dy.len()];
        let operands = Operands {
            affine: self.affine.as_ref().map(|(scale, shift)| (&scale[..], &shift[..])),
            add: self.add.as_ref().map(|add| (&add[..], self.e.x)),
            mask: self.mask.as_ref().map(|(mask, strides)| (&mask[..], *strides)),
        };
        forward(isa, &self.e, &self.x, operands, &mut y, Some(&mut places));
        (y, places)
    }

    /// The gradient of what is pooled, laid out as the input.
    fn gradient(&self, y: &[f32]) -> Vec<f32> {
        let mut g = vec![0.0; self.x.len()];
        self.outputs(|n, row, column, c| {
            let (_, _, wy, wx) = self.winner(n, row, column, c);
            // What is no number lets the gradient through.
            let stops = self.e.relu.is_some_and(|relu| {
                let y = y[self.e.y.at(n, row, column) + c];
                y <= 0.0 || y == relu.ceiling
            });
            if !stops {
                g[self.e.x.at(n, wy, wx) + c] +=
                    self.dy[self.e.y.at(n, row, column) + c] * self.factor(n, row, column, c);
            }
        });
        g
    }

    fn incoming<'a>(&'a self, y: &'a [f32], places: &'a [u16]) -> Gradient<'a> {
        let mask = self.mask.as_ref().map(|(mask, strides)| (&mask[..], *strides));
        Gradient { dy: &self.dy, dy_strides: self.e.y, y, mask, places }
    }
}

fn same(a: f32, b: f32) -> bool {
    a == b || (a - b).abs() < 1e-5 || (a.is_nan() && b.is_nan())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forward_is_the_definition(case in case(true)) {
        for isa in Isa::available() {
            let (y, places) = case.forward(isa);
            let mut wrong = None;
            case.outputs(|n, row, column, c| {
                let (mut v, place, ..) = case.winner(n, row, column, c);
                // NaN stays NaN.
                if let Some(relu) = case.e.relu && !v.is_nan() {
                    v = v.clamp(0.0, relu.ceiling);
                }
                v *= case.factor(n, row, column, c);
                let got = y[case.e.y.at(n, row, column) + c];
                let got_place = usize::from(places[case.e.place_strides().at(n, row, column) + c]);
                if !same(got, v) || (case.e.pool.is_some() && got_place != place) {
                    wrong = Some((isa, (n, row, column, c), (got, got_place), (v, place)));
                }
            });
            prop_assert!(wrong.is_none(), "{wrong:?}");
        }
    }

    /// With and without a BatchNorm on the way, written and added.
    #[test]
    fn backward_is_the_definition(case in case(true), add: bool, through: bool, in_place: bool) {
        let width = case.e.blocks * BLOCK;
        let draw = |start: usize| (0..width).map(|c| ((c + start) % 7) as f32 / 4.0 - 0.5).collect::<Vec<f32>>();
        let coefficients = [draw(1), draw(3), draw(5)];
        for isa in Isa::available() {
            let (y, places) = case.forward(isa);
            let plain = case.gradient(&y);
            let mut g = vec![2.0; case.x.len()];
            let x = if in_place { None } else { Some((&case.x[..], case.e.x)) };
            if in_place && through && !add {
                g.copy_from_slice(&case.x);
            }
            let x = if add { Some((&case.x[..], case.e.x)) } else { x };
            let norm = Through { x, coefficients: coefficients.each_ref().map(|k| &k[..]) };
            backward(
                isa,
                &case.e,
                case.incoming(&y, &places),
                through.then_some(norm),
                (&mut g, case.e.x),
                add,
            );
            for n in 0..case.e.images {
                for (row, column) in (0..case.e.input.0).flat_map(|y| (0..case.e.input.1).map(move |x| (y, x))) {
                    for c in 0..width {
                        let at = case.e.x.at(n, row, column) + c;
                        let [a, b, constant] = coefficients.each_ref().map(|k| k[c]);
                        let mut want = plain[at];
                        if through {
                            want = a * want + b * case.x[at] + constant;
                        }
                        if add {
                            want += 2.0;
                        }
                        prop_assert!(same(g[at], want), "{isa:?} {n} {row} {column} {c}: {} for {want}", g[at]);
                    }
                }
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_gradient(case in case(false)) {
        let width = case.e.blocks * BLOCK;
        let mean: Vec<f32> = (0..width).map(|c| (c % 5) as f32 / 8.0).collect();
        let inverse: Vec<f32> = (0..width).map(|c| 0.5 + (c % 3) as f32).collect();
        let each = Maps { images: case.e.images, size: case.e.input, blocks: case.e.blocks }.sums_len();
        for isa in Isa::available() {
            let (y, places) = case.forward(isa);
            let g = case.gradient(&y);
            let mut sums = vec![f32::NAN; case.e.images * each];
            norm_sums(isa, &case.e, case.incoming(&y, &places), (&case.x, case.e.x), (&mean, &inverse), &mut sums);
            for (n, c) in (0..case.e.images).flat_map(|n| (0..width).map(move |c| (n, c))) {
                let (mut sum, mut product) = (0.0, 0.0);
                for (row, column) in (0..case.e.input.0).flat_map(|y| (0..case.e.input.1).map(move |x| (y, x))) {
                    let at = case.e.x.at(n, row, column) + c;
                    sum += g[at];
                    product += g[at] * (case.x[at] - mean[c]) * inverse[c];
                }
                let got = (sums[n * each + c], sums[n * each + width + c]);
                prop_assert!((got.0 - sum).abs() < 1e-3 && (got.1 - product).abs() < 1e-3, "{isa:?}: {got:?} for {sum} {product}");
            }
        }
    }
}
