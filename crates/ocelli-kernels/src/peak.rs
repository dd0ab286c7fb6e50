//! The machine's peak of fused multiply-adds, which benchmarks measure themselves against.

use std::time::{Duration, Instant};

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Measures, on `threads` threads for `time`, how many GFLOP/s independent multiply-adds on
/// registers reach: the ceiling of every kernel (a multiply-add is two operations).
///
/// # Panics
/// If a thread cannot be started.
#[must_use]
pub fn fma_gflops(isa: Isa, threads: usize, time: Duration) -> f64 {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(move || isa.run(Chains { time }))).collect();
        workers.into_iter().map(|worker| worker.join().expect("the measurement does not panic")).sum()
    })
}

struct Chains {
    time: Duration,
}

/// Enough chains to hide the latency of a multiply-add on every CPU, few enough for 16 registers.
const CHAINS: usize = 12;

impl Kernel for Chains {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        const ROUNDS: usize = 100_000;
        let start = Instant::now();
        let (mut best, mut total) = (f64::INFINITY, 0.0);
        while total < self.time.as_secs_f64() {
            let round = Instant::now();
            let (a, b) = (simd.splat(std::hint::black_box(0.5)), simd.splat(std::hint::black_box(0.25)));
            let mut acc = [simd.splat(0.0); CHAINS];
            for _ in 0..ROUNDS {
                for chain in &mut acc {
                    *chain = simd.fma(a, *chain, b);
                }
            }
            std::hint::black_box(acc.map(|v| {
                let mut lanes = [0.0; 16];
                // SAFETY: 16 floats hold any vector.
                unsafe { simd.store(lanes.as_mut_ptr(), v) };
                lanes[0]
            }));
            best = best.min(round.elapsed().as_secs_f64());
            total = start.elapsed().as_secs_f64();
        }
        (ROUNDS * CHAINS * S::LANES * 2) as f64 / best / 1e9
    }
}
