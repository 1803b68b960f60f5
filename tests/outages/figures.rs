//! What a run has measured, for docs/reliability/outages.md. `make outages` shows it.

use std::{fmt::Display, time::Duration};

/// Prints one figure.
pub fn tell(what: &str, figure: impl Display) {
    println!("figure: {what}: {figure}");
}

/// Prints how long things took.
pub fn tell_times(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
    };
    println!(
        "figure: {what}: {} of them, median {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
}
