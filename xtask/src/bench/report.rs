//! `docs/performance.md` and `docs/loading.md`.

use std::fmt::Write;

use super::Settings;
use super::duel::{Duel, Series, median};
use super::machine;
use super::whole::Both;
use super::workload::{Measure, Workload};

const HEAD: &str = "\
# Performance

Written by `cargo xtask bench`, which runs Ocelli, PyTorch and ONNX Runtime in turn, in one run. Do not edit. Models over HTTP, beside FastAPI and
LitServe: [serving-performance.md](serving-performance.md).

";
const METHOD: &str = "\
## How it is measured

- Everything is f32. Each contestant is a process of its own that stays alive; they take turns of {seconds} s, {rounds} rounds. A turn in which
  other processes kept more than a tenth of a core busy is taken again, up to three times.
- *Ratio* is Ocelli's speed over the peer's, the median of the rounds with the smallest and largest in brackets. The ratio that counts is that over
  the better peer. Latency is the median over a turn; its ratio is the peer's time over Ocelli's.
- Training is forward, cross-entropy, backward and update on one batch that is in memory already. PyTorch's SGD is the fused one.
- PyTorch is taken in the best of eager, channels_last and `torch.compile` (with both layouts; inference with frozen weights), chosen in trial
  turns just before. ONNX Runtime has the network exported by PyTorch, with every graph optimisation.
- *Peak* is the machine's multiply-add rate with as many threads, from a loop of independent fused multiply-adds, taken in every round. The share is
  Ocelli's images per second times the network's multiply-adds; a training step counts as three forward passes, less the gradient of the input images.
- Memory is the largest resident size of the process.
- S is a whole process: `ocelli predict MODEL IMAGE` against a PyTorch script that does the same with the same weights.
";

const LOADING_HEAD: &str = "\
# Loading

Written by `cargo xtask bench --workloads loading`, which runs Ocelli's loader and PyTorch's in turn, in one run. Do not edit.

";
const LOADING_METHOD: &str = "\
## How it is measured

- A turn is {seconds} s of whole epochs, {rounds} rounds; each contestant is a process of its own that stays alive. A turn in which
  other processes kept more than a tenth of a core busy is taken again, up to three times. *Ratio* is Ocelli's speed over PyTorch's, the median of the
  rounds with the smallest and largest in brackets.
- 1,024 JPEG files of 500×375, 67 KB on average: parts of photographs that scikit-image ships (`bench/peers/photographs.py`). Files lie in the
  system's page cache. Settings are torchvision's defaults, ColorJitter(0.4, 0.4, 0.4), RandAugment(2, 9). Both give batches of 64 of normalised f32.
- PyTorch is a DataLoader with torchvision's v2 transforms of uint8 tensors, in the best of no, one and two workers (which stay alive) and of
  torchvision's and Pillow's decoder, chosen in trial turns just before. Ocelli's loader has as many threads as the heading says, and keeps no
  image in memory but in L2.
- From the decoded cache: the second epoch and later of `ocelli train --cache`, where what fits into 1 GiB is kept in memory too (L2), and where
  nothing is (L2-disk). PyTorch has no such cache and decodes.
- Memory is the largest resident size of the process and of its workers.
";

/// The page of networks.
pub(super) fn networks(settings: &Settings, duels: &[&Duel<'_>], whole: Option<&Both>) -> String {
    let mut page = tables(HEAD, settings, duels);
    if let Some(whole) = whole {
        page.push_str(&whole_section(whole));
    }
    page.push('\n');
    page + &method(METHOD, settings)
}

/// The page of loading.
pub(super) fn loading(settings: &Settings, duels: &[&Duel<'_>]) -> String {
    tables(LOADING_HEAD, settings, duels) + "\n" + &method(LOADING_METHOD, settings)
}

fn method(text: &str, settings: &Settings) -> String {
    text.replace("{seconds}", &settings.seconds.to_string()).replace("{rounds}", &settings.rounds.to_string())
}

/// What was measured on what.
fn tables(head: &str, settings: &Settings, duels: &[&Duel<'_>]) -> String {
    let mut page = head.to_owned();
    let _ = writeln!(page, "Machine: {}.", machine::describe());
    let mut versions: Vec<_> = duels
        .iter()
        .flat_map(|duel| &duel.versions)
        .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?")))
        .collect();
    versions.sort();
    versions.dedup();
    let _ = writeln!(page, "Versions: {}.", versions.join(", "));
    for &threads in &settings.threads {
        let _ = writeln!(page, "\n## {threads} thread{}\n", if threads == 1 { "" } else { "s" });
        let _ = writeln!(
            page,
            "| | work | contestant | speed | ratio, Ocelli's over it | asked | share of peak | memory |"
        );
        let _ = writeln!(page, "| --- | --- | --- | --: | --: | --: | --: | --: |");
        let of_count: Vec<_> = duels.iter().copied().filter(|duel| duel.threads == threads).collect();
        of_count.iter().for_each(|duel| page.push_str(&rows(duel)));
        page.push_str(&trials(&of_count));
    }
    page
}

/// The table's rows of one duel.
pub(super) fn rows(duel: &Duel<'_>) -> String {
    let mut rows = String::new();
    let share = |series: &Series| {
        duel.share_of_peak(series).map_or(String::new(), |share| format!("{:.0}%", 100.0 * share))
    };
    let of_peak =
        if duel.peak.is_empty() { String::new() } else { format!(" of {:.0} GFLOP/s", median(&duel.peak)) };
    let aim = duel.work.aim.map_or(String::new(), |aim| format!(" (aim {:.0}%)", 100.0 * aim));
    let _ = writeln!(
        rows,
        "| {} | {} | Ocelli | {} | | | {}{aim}{of_peak} | {} |",
        duel.work.name,
        duel.work.what,
        speed(duel.work, &duel.ours),
        share(&duel.ours),
        memory(&duel.ours)
    );
    let best = &duel.best_peer().name;
    for peer in &duel.peers {
        let asked = if peer.name == *best { format!("{:.2}×", duel.work.at_least) } else { String::new() };
        let ratio = spread(&duel.ratios(&duel.ours, peer));
        let _ = writeln!(
            rows,
            "| | | {} | {} | {ratio} | {asked} | | {} |",
            peer.name,
            speed(duel.work, peer),
            memory(peer)
        );
    }
    if let Some(most) = duel.work.memory_at_most {
        let least = duel.peers.iter().map(peak_memory).fold(f64::INFINITY, f64::min);
        let ratio = peak_memory(&duel.ours) / least;
        let _ =
            writeln!(rows, "| | | memory over the least of the peers' | | | {most:.2}× | | {ratio:.2}× |");
    }
    if let Some(avx2) = &duel.ours_avx2 {
        let ratio = spread(&duel.ratios(avx2, duel.best_peer()));
        let over = format!("{ratio} over {best}");
        let _ = writeln!(
            rows,
            "| | | {} | {} | {over} | | {} | {} |",
            avx2.name,
            speed(duel.work, avx2),
            share(avx2),
            memory(avx2)
        );
    }
    rows
}

/// How PyTorch's variants did.
fn trials(duels: &[&Duel<'_>]) -> String {
    let mut text = String::from("\nPyTorch's variants in their trial turns:\n\n");
    for duel in duels {
        let each = duel.trials.iter().map(|(variant, outcome)| match outcome {
            Ok(speed) => format!("{variant} {}", speed_text(duel.work, *speed)),
            Err(why) => format!("{variant} does not run ({why})"),
        });
        let _ = writeln!(text, "- {}: {}", duel.work.name, each.collect::<Vec<_>>().join(", "));
    }
    text
}

fn whole_section(whole: &Both) -> String {
    let ratios: Vec<_> =
        whole.ours.seconds.iter().zip(&whole.torch.seconds).map(|(ours, theirs)| theirs / ours).collect();
    let mut text = String::from(
        "\n## S: predict one image, whole process\n\n| | time | memory |\n| --- | --: | --: |\n",
    );
    for (name, program) in [("Ocelli", &whole.ours), ("PyTorch", &whole.torch)] {
        let _ = writeln!(
            text,
            "| {name} | {:.1} ms | {:.0} MB |",
            1e3 * median(&program.seconds),
            program.peak_memory / 1e6
        );
    }
    let memory = whole.torch.peak_memory / whole.ours.peak_memory;
    let _ = writeln!(text, "| ratio | {} (asked 20×) | {memory:.1}× (asked 10×) |", spread(&ratios));
    text
}

fn speed(work: &Workload, series: &Series) -> String {
    let speeds: Vec<_> = series.readings.iter().map(|reading| work.speed(reading)).collect();
    speed_text(work, median(&speeds))
}

fn speed_text(work: &Workload, speed: f64) -> String {
    match work.measure {
        Measure::Throughput if speed < 1000.0 => format!("{speed:.1} images/s"),
        Measure::Throughput => format!("{speed:.0} images/s"),
        Measure::Latency => format!("{:.1} µs", 1e6 / speed),
    }
}

fn memory(series: &Series) -> String {
    format!("{:.0} MB", peak_memory(series) / 1e6)
}

/// The largest resident size, bytes.
fn peak_memory(series: &Series) -> f64 {
    series.readings.iter().map(|reading| reading.peak_memory).fold(0.0, f64::max)
}

fn spread(ratios: &[f64]) -> String {
    let (least, most) = ratios
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), &ratio| (least.min(ratio), most.max(ratio)));
    format!("{:.2}× ({least:.2}–{most:.2})", median(ratios))
}
