use super::*;
use crate::Isa;
use crate::random::Stream;
use crate::sweep::Finish;
use proptest::prelude::*;

fn values(name: u64, n: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, name, 0, 0);
    (0..n).map(|_| stream.uniform() - 0.5).collect()
}

fn geometry() -> impl Strategy<Value = (Conv, usize)> {
    let dilation = prop_oneof![2 => Just(1usize), 1 => 2usize..=4];
    let axis = (1usize..=9, 1usize..=5, 1usize..=3, (0usize..=3, 0usize..=2), dilation)
        .prop_filter("the kernel fits", |(size, kernel, _, padding, dilation)| {
            size + padding.0 + padding.1 > (*kernel - 1) * dilation
        });
    let channels = prop_oneof![
        (1usize..=40, 1usize..=40).prop_map(|(i, o)| (i, o, 1)),
        (1usize..=12, 1usize..=12, 2usize..=9).prop_map(|(i, o, groups)| (i * groups, o * groups, groups)),
        Just((32, 64, 2)),
        (2usize..=40).prop_map(|channels| (channels, channels, channels)),
    ];
    (axis.clone(), axis, channels, 1usize..=10, 0usize..=1).prop_map(
        |((h, kh, sy, py, dy), (w, kw, sx, px, dx), (i, o, groups), images, spare)| {
            let out = |size: usize, k: usize, s: usize, p: (usize, usize), d: usize| {
                (size + p.0 + p.1 - (k - 1) * d - 1) / s + 1
            };
            let y = MapLayout::new(o, out(h, kh, sy, py, dy), out(w, kw, sx, px, dx));
            let x = MapLayout::new(i, h, w);
            let (kernel, stride) = ((kh, kw), (sy, sx));
            let conv = Conv { x, y, kernel, stride, padding: (py.0, px.0), dilation: (dy, dx), groups };
            let halo = conv.halo();
            (Conv { x: x.with_halo(halo.0 + spare, halo.1 + spare), ..conv }, images)
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
                    let (of_group, inputs) = (conv.y.channels / conv.groups, conv.x.channels / conv.groups);
                    for i in o / of_group * inputs..(o / of_group + 1) * inputs {
                        for ky in 0..conv.kernel.0 {
                            for kx in 0..conv.kernel.1 {
                                let (iy, ix) = (
                                    oy * conv.stride.0 + ky * conv.dilation.0,
                                    ox * conv.stride.1 + kx * conv.dilation.1,
                                );
                                let inside = iy >= conv.padding.0
                                    && ix >= conv.padding.1
                                    && iy - conv.padding.0 < conv.x.height
                                    && ix - conv.padding.1 < conv.x.width;
                                if inside {
                                    f(
                                        [n, iy - conv.padding.0, ix - conv.padding.1, i],
                                        [o, i % inputs, ky, kx],
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
        let weights = values(1, conv.y.channels * conv.x.channels / conv.groups * kernel_len);
        let mut packed = vec![0.0; conv.weights_len()];
        pack(&conv, &weights, &mut packed);
        let mut back = vec![0.0; weights.len()];
        unpack(&conv, &packed, &mut back);
        prop_assert_eq!(&weights, &back);

        // Vectors of inputs may reach past the last pixel.
        let (mut x, mut g) =
            (vec![0.0; images * conv.x.image() + BLOCK], vec![0.0; images * g_layout.image() + BLOCK]);
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
            let w = ((o * (conv.x.channels / conv.groups) + i) * conv.kernel.0 + ky) * conv.kernel.1 + kx;
            let (xv, wv, gv) = (f64::from(x[place(&conv.x, xi)]), f64::from(weights[w]), f64::from(g[place(&g_layout, yi)]));
            want_y[place(&conv.y, yi)] += xv * wv;
            want_dx[place(&conv.x, xi)] += gv * wv;
            want_dw[w] += xv * gv;
        });
        let phases = conv.input_gradient(images, g_layout);
        let mut transposed = vec![0.0; conv.transposed_len()];
        for phase in &phases {
            let len = phase.conv.sweep.taps.block_len();
            for block in 0..phase.conv.sweep.blocks {
                let start = phase.conv.weights + block * len;
                conv.transpose(phase, block, &packed, &mut transposed[start..][..len]);
            }
        }
        for isa in Isa::available() {
            let mut y = vec![0.0; images * conv.y.image()];
            let (sweeps, all) = (conv.sweeps(images), (0..images, 0..conv.y.height));
            forward(isa, &sweeps, all, &x, &packed, Finish::NONE, (&mut y, conv.y.strides()));
            // Sums of up to 1,000 products below 1/4, in f32: 2⁻²⁴ of the partial sums each.
            let close = |got: f32, want: f64| (f64::from(got) - want).abs() < 1e-4;
            prop_assert!(y.iter().zip(&want_y).all(|(&a, &b)| close(a, b)), "forward, {:?}", isa);

            let mut dx = vec![0.0; x.len()];
            for phase in &phases {
                phase.conv.run(isa, &g, &transposed, Finish::NONE, &mut dx);
            }
            prop_assert!(dx.iter().zip(&want_dx).all(|(&a, &b)| close(a, b)), "input gradient, {:?}", isa);

            let mut dw = vec![1.0; packed.len()];
            weight_gradient(isa, &conv, &sweeps, images, &x, (&g, g_layout.strides()), &mut dw);
            let mut plain = vec![0.0; weights.len()];
            unpack(&conv, &dw, &mut plain);
            prop_assert!(plain.iter().zip(&want_dw).all(|(&a, &b)| close(a, b)), "weight gradient, {:?}", isa);
        }
    }
}
