use super::*;
use crate::random::Stream;

fn values(name: u64, n: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, name, 0, 0);
    (0..n).map(|_| stream.uniform() - 0.5).collect()
}

/// The definition, in f64.
fn reference(
    s: &Sweep,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    add: &[f32],
    relu: Option<Relu>,
    n: usize,
    row: usize,
    col: usize,
    o: usize,
) -> f64 {
    let mut sum = f64::from(bias[o]) + f64::from(add[s.y.at(n, row, col) + o]);
    for r in 0..s.taps.rows {
        for j in 0..s.taps.run {
            let weight = w[o / BLOCK * s.taps.block_len() + (r * s.taps.run + j) * BLOCK + o % BLOCK];
            sum += f64::from(x[s.x.at(n, row, col) + r * s.taps.row_stride + j]) * f64::from(weight);
        }
    }
    relu.map_or(sum, |relu| sum.clamp(0.0, f64::from(relu.ceiling)))
}

#[test]
fn every_tile_shape_agrees_with_the_definition() {
    for isa in Isa::available() {
        for (images, rows, columns, blocks, limited) in [
            (1, 2, 14, 2, false),
            (1, 1, 29, 1, true),
            (3, 2, 5, 4, false),
            (1, 3, 7, 3, true),
            (9, 1, 1, 5, false),
            (20, 2, 2, 2, true),
            (1, 1, 1, 1, false),
            (2, 4, 16, 2, true),
        ] {
            let relu = limited.then_some(Relu { ceiling: 0.5 });
            let taps = Taps { rows: 3, row_stride: (columns + 2) * 5, ..Taps::of_run(15) };
            let x_image = (rows + 2) * taps.row_stride;
            let y_row = columns * blocks * BLOCK;
            let s = Sweep {
                images,
                rows,
                first_row: 0,
                columns,
                blocks,
                taps,
                border: None,
                weights_image: 0,
                x: Strides { start: 0, image: x_image, row: taps.row_stride, pixel: 5 },
                y: Strides { start: 0, image: rows * y_row, row: y_row, pixel: blocks * BLOCK },
            };
            let x = values(1, images * x_image);
            let w = values(2, blocks * taps.block_len());
            let bias = values(3, blocks * BLOCK);
            let add = values(4, images * rows * y_row);
            let mut y = add.clone();
            sweep(isa, &s, &x, &w, Finish { bias: Some(&bias), addend: Addend::Output, relu }, &mut y);
            let mut z = vec![f32::NAN; y.len()];
            sweep(
                isa,
                &s,
                &x,
                &w,
                Finish { bias: Some(&bias), addend: Addend::Map(&add, s.y), relu },
                &mut z,
            );
            assert_eq!(y, z);
            for n in 0..images {
                for row in 0..rows {
                    for col in 0..columns {
                        for o in 0..blocks * BLOCK {
                            let want = reference(&s, &x, &w, &bias, &add, relu, n, row, col, o);
                            let got = f64::from(y[s.y.at(n, row, col) + o]);
                            // 47 terms below 1/4 in size, each rounded to 2⁻²⁴ of the partial sum.
                            assert!((got - want).abs() < 5e-6, "{isa:?} {s:?}: {got} for {want}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_border_only_leaves_out_zeros() {
    // A 3×3 kernel over maps of 2×3 pixels of 16 channels in a halo of one pixel.
    let layout = crate::layout::MapLayout::new(16, 2, 3).with_halo(1, 1);
    for isa in Isa::available() {
        for images in [1, 9] {
            let mut x = values(5, images * layout.image());
            layout.clear_halo(images, &mut x);
            let border =
                Border { size: (2, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1), columns: 3 };
            let mut s = Sweep {
                images,
                rows: 2,
                first_row: 0,
                columns: 3,
                blocks: 2,

                border: None,

                weights_image: 0,
                taps: Taps { rows: 3, row_stride: layout.row(), ..Taps::of_run(48) },
                x: Strides { start: 0, ..layout.strides() },
                y: Strides { start: 0, image: 6 * 32, row: 3 * 32, pixel: 32 },
            };
            let w = values(6, 2 * s.taps.block_len());
            let mut whole = vec![0.0; images * 6 * 32];
            sweep(isa, &s, &x, &w, Finish::NONE, &mut whole);
            s.border = Some(border);
            let mut inner = vec![0.0; whole.len()];
            sweep(isa, &s, &x, &w, Finish::NONE, &mut inner);
            assert_eq!(whole, inner);
        }
    }
}

#[test]
fn relu_keeps_nan() {
    let s = Sweep {
        images: 1,
        rows: 1,
        first_row: 0,
        columns: 1,
        blocks: 1,

        border: None,

        weights_image: 0,
        taps: Taps::of_run(1),
        x: Strides { start: 0, image: 0, row: 0, pixel: 0 },
        y: Strides { start: 0, image: 0, row: 0, pixel: 0 },
    };
    for isa in Isa::available() {
        let mut y = vec![0.0; BLOCK];
        sweep(isa, &s, &[f32::NAN], &[1.0; BLOCK], Finish { relu: Some(Relu::SIX), ..Finish::NONE }, &mut y);
        assert!(y.iter().all(|v| v.is_nan()), "{isa:?}");
    }
}
