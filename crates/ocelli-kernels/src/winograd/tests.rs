use super::*;
use crate::layout::MapLayout;
use crate::random::Stream;
use crate::sweep::Relu;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The direct convolution is the definition here; its own tests hold it to that.
    #[test]
    fn agrees_with_the_direct_convolution(
        (height, width) in (1usize..=11, 1usize..=11),
        (inputs, outputs) in (1usize..=40, 1usize..=40),
        (padding, spare) in (1usize..=2, 0usize..=1),
        images in 1usize..=5,
        relu in any::<bool>(),
    ) {
        let (x, y) = maps((inputs, outputs), (height, width), (padding, spare));
        let conv = Conv { x, y, kernel: (3, 3), stride: (1, 1), padding: (padding, padding), dilation: (1, 1), groups: 1 };
        let w = Winograd::new(&conv).expect("it fits");
        let mut draw = drawer();
        let mut values = draw(images * x.image());
        x.clear_halo(images, &mut values);
        let packed = draw(conv.weights_len());
        let (bias, add) = (draw(padded(outputs)), draw(images * y.image()));
        let finish = Finish { bias: Some(&bias), addend: Addend::Map(&add, y.strides()), relu: relu.then_some(Relu::SIX) };
        for isa in Isa::available() {
            let mut direct = vec![0.0; images * y.image()];
            sweep(isa, &conv.sweeps(images)[0].sweep, &values, &packed, finish, &mut direct);
            let mut transformed = vec![0.0; w.weights_len()];
            w.transform_weights(isa, &packed, &mut transformed);
            let mut scratch = vec![f32::NAN; w.scratch_len()];
            let mut out = vec![0.0; direct.len()];
            let all = (0..images, 0..y.height);
            w.forward(isa, all, &values, &transformed, finish, &mut scratch, (&mut out, y.strides()));
            for (a, b) in out.iter().zip(&direct) {
                // Sums of up to 360 products below 1/4; the transforms double the rounding.
                prop_assert!((a - b).abs() < 3e-5, "{isa:?}: {a} for {b}");
            }
        }
    }

    #[test]
    fn parts_of_an_image_join((rows, width) in (1usize..=3, 1usize..=9)) {
        let x = MapLayout::new(5, 12, width).with_halo(1, 1);
        let conv = Conv { x, y: MapLayout::new(3, 12, width), kernel: (3, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1), groups: 1 };
        let w = Winograd::new(&conv).expect("it fits");
        let mut draw = drawer();
        let mut values = draw(2 * x.image());
        x.clear_halo(2, &mut values);
        let packed = draw(conv.weights_len());
        for isa in Isa::available() {
            let mut transformed = vec![0.0; w.weights_len()];
            w.transform_weights(isa, &packed, &mut transformed);
            let mut scratch = vec![f32::NAN; w.scratch_len()];
            let mut run = |rows: Range<usize>, out: &mut [f32]| {
                let strides = Strides { start: 0, ..conv.y.strides() };
                w.forward(isa, (0..2, rows), &values, &transformed, Finish::NONE, &mut scratch, (out, strides));
            };
            let mut whole = vec![0.0; 2 * conv.y.image()];
            run(0..12, &mut whole);
            let mut joined = vec![0.0; 2 * conv.y.image()];
            for first in (0..12).step_by(rows * TILE_ROWS) {
                run(first..(first + rows * TILE_ROWS).min(12), &mut joined[first * conv.y.row()..]);
            }
            prop_assert_eq!(&whole, &joined);
        }
    }

    #[test]
    fn the_weight_gradient_agrees_with_the_direct_one(
        (height, width) in (1usize..=11, 1usize..=11),
        (inputs, outputs) in (1usize..=40, 1usize..=40),
        padding in 1usize..=2,
        images in 1usize..=5,
    ) {
        let (x, y) = maps((inputs, outputs), (height, width), (padding, 0));
        let conv = Conv { x, y, kernel: (3, 3), stride: (1, 1), padding: (padding, padding), dilation: (1, 1), groups: 1 };
        let w = Winograd::new(&conv).expect("it fits");
        let mut draw = drawer();
        let mut values = draw(images * x.image());
        x.clear_halo(images, &mut values);
        let g = draw(images * y.image());
        for isa in Isa::available() {
            let (mut direct, mut ours) = (vec![0.0; conv.weights_len()], vec![f32::NAN; conv.weights_len()]);
            outer(isa, &conv.sweeps(images)[0].sweep, Groups::ONE, &values, &g, &mut direct, false);
            let mut scratch = vec![f32::NAN; w.gradient_scratch_len()];
            w.weight_gradient(isa, images, &values, (&g, y.strides()), &mut scratch, &mut ours);
            for (a, b) in ours.iter().zip(&direct) {
                // Sums of up to 845 products below 1/4.
                prop_assert!((a - b).abs() < 3e-5, "{isa:?}: {a} for {b}");
            }
        }
    }
}

fn maps(
    (inputs, outputs): (usize, usize),
    (height, width): (usize, usize),
    (padding, spare): (usize, usize),
) -> (MapLayout, MapLayout) {
    let x = MapLayout::new(inputs, height, width).with_halo(padding + spare, padding + spare);
    (x, MapLayout::new(outputs, height + 2 * padding - 2, width + 2 * padding - 2).with_halo(1, 0))
}

/// Numbers in −½..½.
fn drawer() -> impl FnMut(usize) -> Vec<f32> {
    let mut stream = Stream::new(1, 1, 0, 0);
    move |n| (0..n).map(|_| stream.uniform() - 0.5).collect()
}
