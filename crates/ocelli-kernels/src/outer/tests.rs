use super::*;
use crate::layout::MapLayout;
use crate::random::Stream as Random;
use crate::sweep::{Border, Taps};

fn values(name: u64, n: usize) -> Vec<f32> {
    let mut stream = Random::new(1, name, 0, 0);
    (0..n).map(|_| stream.uniform() - 0.5).collect()
}

#[test]
fn outer_products_agree_with_the_definition() {
    for isa in Isa::available() {
        for (images, height, width, channels, blocks, kernel, stride, padding) in [
            (1, 5, 6, 3, 1, 3, 1, 1),
            (2, 4, 9, 16, 2, 3, 1, 1),
            (9, 2, 2, 32, 3, 3, 1, 1),
            (3, 7, 7, 16, 2, 2, 2, 0),
            (2, 9, 8, 20, 1, 5, 2, 2),
            (8, 1, 1, 40, 4, 1, 1, 0),
        ] {
            let mut layout = MapLayout::new(channels, height, width).with_halo(padding, padding);
            if channels < BLOCK {
                layout.pixel = channels;
            }
            let (rows, columns) =
                ((height + 2 * padding - kernel) / stride + 1, (width + 2 * padding - kernel) / stride + 1);
            let y = MapLayout::new(blocks * BLOCK, rows, columns);
            let s = Sweep {
                images,
                rows,
                first_row: 0,
                columns,
                blocks,
                x: crate::Strides {
                    start: 0,
                    image: layout.image(),
                    row: stride * layout.row(),
                    pixel: stride * layout.pixel,
                },
                taps: Taps { rows: kernel, row_stride: layout.row(), ..Taps::of_run(kernel * layout.pixel) },
                y: y.strides(),
                border: Some(Border {
                    size: (height, width),
                    stride: (stride, stride),
                    padding: (padding as isize, padding as isize),
                    dilation: (1, 1),
                    columns: kernel,
                }),
                weights_image: 0,
            };
            let mut x = values(1, images * layout.image());
            layout.clear_halo(images, &mut x);
            let g = values(2, images * y.image());
            let mut dw = vec![1.0; blocks * s.taps.block_len()];
            outer(isa, &s, Groups::ONE, &x, &g, &mut dw, true);
            let mut grouped = vec![1.0; dw.len()];
            let one = Sweep { images: 1, ..s };
            let groups = Groups { count: images, x: layout.image(), g: y.image() };
            outer(isa, &one, groups, &x, &g, &mut grouped, true);
            for (a, b) in dw.iter().zip(&grouped) {
                assert!((a - b).abs() < 1e-5, "{isa:?} {s:?}: {a} and in groups {b}");
            }
            for (i, got) in dw.iter().enumerate() {
                let (block, rest) = (i / s.taps.block_len(), i % s.taps.block_len());
                let (tap, o) = (rest / BLOCK, block * BLOCK + rest % BLOCK);
                let (row, j) = (tap / s.taps.run, tap % s.taps.run);
                let mut want = 1.0;
                for n in 0..images {
                    for y in 0..rows {
                        for c in 0..columns {
                            want += f64::from(x[s.x.at(n, y, c) + row * s.taps.row_stride + j])
                                * f64::from(g[s.y.at(n, y, c) + o]);
                        }
                    }
                }
                // Up to 72 terms below 1/4, each rounded to 2⁻²⁴ of the partial sum.
                assert!((f64::from(*got) - want).abs() < 1e-5, "{isa:?} {s:?}: {got} for {want}");
            }
            let mut db = vec![0.0; blocks * BLOCK];
            sum_pixels(isa, (s.images, (s.rows, s.columns)), s.blocks, (&g, s.y), &mut db);
            let want: f32 = (0..images * rows * columns).map(|p| g[p * blocks * BLOCK + 1]).sum();
            assert!((db[1] - want).abs() < 1e-4);
        }
    }
}

#[test]
fn what_the_cache_does_not_hold_is_summed_in_parts() {
    // Groups, images or rows at a time, of numbers whose sums are exact.
    for (count, images, side, channels) in [(40, 2, 2, 1024), (2, 40, 2, 1024), (1, 1, 12, 1024)] {
        let layout = MapLayout::new(channels, side, side).with_halo(1, 1);
        let y = MapLayout::new(2 * BLOCK, side, side);
        let s = Sweep {
            images,
            rows: side,
            first_row: 0,
            columns: side,
            blocks: 2,
            x: layout.with_halo(0, 0).strides(),
            taps: Taps::of_run(channels),
            y: y.strides(),
            border: None,
            weights_image: 0,
        };
        let groups = Groups { count, x: images * layout.image(), g: images * y.image() };
        let s = Sweep { x: crate::Strides { image: layout.image(), row: layout.row(), ..s.x }, ..s };
        let whole = |name, len| values(name, len).into_iter().map(|value| (value * 16.0).round()).collect();
        let x: Vec<f32> = whole(1, count * groups.x);
        let g: Vec<f32> = whole(2, count * groups.g);
        for isa in Isa::available() {
            let run =
                Run { s: &s, groups, x: x.as_ptr(), g: g.as_ptr(), dw: std::ptr::null_mut(), add: false };
            let (groups_at_once, images_at_once, rows_at_once) = run.at_once();
            assert_ne!((groups_at_once, images_at_once, rows_at_once), (count, images, side));
            let mut dw = vec![1.0; 2 * s.taps.block_len()];
            outer(isa, &s, groups, &x, &g, &mut dw, false);
            for (place, got) in dw.iter().enumerate().step_by(37) {
                let (block, rest) = (place / s.taps.block_len(), place % s.taps.block_len());
                let (input, output) = (rest / BLOCK, block * BLOCK + rest % BLOCK);
                let mut want = 0.0;
                for (image, row, column) in (0..count * images).flat_map(|image| {
                    (0..side).flat_map(move |row| (0..side).map(move |column| (image, row, column)))
                }) {
                    let at = image * layout.image() + row * layout.row() + column * layout.pixel;
                    want += x[at + input] * g[image * y.image() + row * y.row() + column * y.pixel + output];
                }
                assert_eq!(*got, want, "{isa:?}: {count} groups of {images} images, weight {place}");
            }
        }
    }
}
