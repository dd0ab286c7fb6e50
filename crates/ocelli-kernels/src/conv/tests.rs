use super::*;
use crate::Isa;
use crate::random::Stream;
use crate::sweep::{Finish, sweep};
use proptest::prelude::*;

fn values(name: u64, n: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, name, 0, 0);
    (0..n).map(|_| stream.uniform() - 0.5).collect()
}

fn geometry() -> impl Strategy<Value = (Conv, usize)> {
    let axis = (1usize..=9, 1usize..=5, 1usize..=3, 0usize..=3)
        .prop_filter("the kernel fits", |(size, kernel, _, padding)| size + 2 * padding >= *kernel);
    (axis.clone(), axis, 1usize..=40, 1usize..=40, 1usize..=10, 0usize..=1).prop_map(
        |((h, kh, sy, py), (w, kw, sx, px), i, o, images, spare)| {
            let out = |size: usize, k: usize, s: usize, p: usize| (size + 2 * p - k) / s + 1;
            let x = MapLayout::new(i, h, w).with_halo(py + spare, px + spare);
            let y = MapLayout::new(o, out(h, kh, sy, py), out(w, kw, sx, px));
            (Conv { x, y, kernel: (kh, kw), stride: (sy, sx), padding: (py, px) }, images)
        },
    )
}

/// `Σ y·g` as a function of x, weights and g, by definition, in f64: every gradient of it is a
/// partial sum, so one loop checks all three passes.
fn visit(conv: &Conv, images: usize, mut f: impl FnMut([usize; 4], [usize; 4], [usize; 4])) {
    for n in 0..images {
        for o in 0..conv.y.channels {
            for oy in 0..conv.y.height {
                for ox in 0..conv.y.width {
                    for i in 0..conv.x.channels {
                        for ky in 0..conv.kernel.0 {
                            for kx in 0..conv.kernel.1 {
                                let (iy, ix) = (oy * conv.stride.0 + ky, ox * conv.stride.1 + kx);
                                let inside = iy >= conv.padding.0
                                    && ix >= conv.padding.1
                                    && iy - conv.padding.0 < conv.x.height
                                    && ix - conv.padding.1 < conv.x.width;
                                if inside {
                                    f(
                                        [n, iy - conv.padding.0, ix - conv.padding.1, i],
                                        [o, i, ky, kx],
                                        [n, oy, ox, o],
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn place(layout: &MapLayout, [n, y, x, c]: [usize; 4]) -> usize {
    layout.at(n, y) + x * layout.pixel + c
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn forward_and_gradients_agree_with_the_definition((conv, images) in geometry()) {
        let halo = conv.gradient_halo();
        let g_layout = conv.y.with_halo(halo.0, halo.1);
        let kernel_len = conv.kernel.0 * conv.kernel.1;
        let weights = values(1, conv.y.channels * conv.x.channels * kernel_len);
        let mut packed = vec![0.0; conv.weights_len()];
        pack(&conv, &weights, &mut packed);
        let mut back = vec![0.0; weights.len()];
        unpack(&conv, &packed, &mut back);
        prop_assert_eq!(&weights, &back);

        let (mut x, mut g) = (vec![0.0; images * conv.x.image()], vec![0.0; images * g_layout.image()]);
        let mut stream = Stream::new(1, 2, 0, 0);
        for n in 0..images {
            for y in 0..conv.x.height { for c in 0..conv.x.width { for i in 0..conv.x.channels {
                x[place(&conv.x, [n, y, c, i])] = stream.uniform() - 0.5;
            } } }
            for y in 0..conv.y.height { for c in 0..conv.y.width { for o in 0..conv.y.channels {
                g[place(&g_layout, [n, y, c, o])] = stream.uniform() - 0.5;
            } } }
        }
        let mut want_y = vec![0.0f64; images * conv.y.image()];
        let mut want_dx = vec![0.0f64; x.len()];
        let mut want_dw = vec![0.0f64; weights.len()];
        visit(&conv, images, |xi, [o, i, ky, kx], yi| {
            let w = ((o * conv.x.channels + i) * conv.kernel.0 + ky) * conv.kernel.1 + kx;
            let (xv, wv, gv) = (f64::from(x[place(&conv.x, xi)]), f64::from(weights[w]), f64::from(g[place(&g_layout, yi)]));
            want_y[place(&conv.y, yi)] += xv * wv;
            want_dx[place(&conv.x, xi)] += gv * wv;
            want_dw[w] += xv * gv;
        });
        let phases = conv.input_gradient(images, g_layout);
        let mut transposed = vec![0.0; conv.transposed_len()];
        for phase in &phases {
            let len = phase.sweep.taps.block_len();
            for block in 0..phase.sweep.blocks {
                conv.transpose(phase, block, &packed, &mut transposed[phase.weights + block * len..][..len]);
            }
        }
        for isa in Isa::available() {
            let mut y = vec![0.0; images * conv.y.image()];
            sweep(isa, &conv.forward(images), &x, &packed, Finish::NONE, &mut y);
            // Sums of up to 1,000 products below 1/4, in f32: 2⁻²⁴ of the partial sums each.
            let close = |got: f32, want: f64| (f64::from(got) - want).abs() < 1e-4;
            prop_assert!(y.iter().zip(&want_y).all(|(&a, &b)| close(a, b)), "forward, {:?}", isa);

            let mut dx = vec![0.0; x.len()];
            for phase in &phases {
                sweep(isa, &phase.sweep, &g, &transposed[phase.weights..], Finish::NONE, &mut dx);
            }
            prop_assert!(dx.iter().zip(&want_dx).all(|(&a, &b)| close(a, b)), "input gradient, {:?}", isa);

            let mut dw = vec![0.0; packed.len()];
            let forward = conv.forward(images);
            let gradient = Sweep { y: g_layout.strides(), ..forward };
            crate::outer::outer(isa, &gradient, crate::outer::Groups::ONE, &x, &g, &mut dw, true);
            let mut plain = vec![0.0; weights.len()];
            unpack(&conv, &dw, &mut plain);
            prop_assert!(plain.iter().zip(&want_dw).all(|(&a, &b)| close(a, b)), "weight gradient, {:?}", isa);
        }
    }
}
