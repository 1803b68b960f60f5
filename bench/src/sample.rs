//! What one block of load shows, and several blocks together.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::failure::Outcome;
use crate::load::{self, Load, Script, count};
use crate::postgres::Cluster;
use crate::process::cpu_of;

/// What a block of load showed.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Answers in a second.
    pub per_second: f64,
    /// The server's processor time for each answer, in microseconds.
    pub cpu: f64,
    /// That of the cluster's processes, where there is one.
    pub cluster_cpu: Option<f64>,
    /// Half of the answers took this long or less, in milliseconds.
    pub p50: f64,
    /// 99 of 100 answers took this long or less, in milliseconds.
    pub p99: f64,
    /// The share of answers that were refused.
    pub refused: f64,
    /// A status of these.
    pub refusal: Option<u16>,
}

/// A server under load.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub process: u32,
    /// The cluster that it works on.
    pub cluster: Option<&'a Cluster>,
}

impl Subject<'_> {
    /// Puts load on it and looks what comes of it.
    pub fn measure(&self, script: &Arc<Script>, load: Load) -> Outcome<Sample> {
        let cluster_cpu = || self.cluster.map(Cluster::cpu).transpose();
        let (cpu_before, cluster_before) = (cpu_of(self.process)?, cluster_cpu()?);
        let answers = load::run(self.address, script, load)?;
        let (cpu_after, cluster_after) = (cpu_of(self.process)?, cluster_cpu()?);
        let answered = count(&answers.latencies);
        let each = |before: f64, after: f64| (after - before) * 1e6 / answered;
        let refused = u32::try_from(answers.refused).map_or(f64::INFINITY, f64::from);
        Ok(Sample {
            per_second: answered / answers.elapsed.as_secs_f64(),
            cpu: each(cpu_before, cpu_after),
            cluster_cpu: cluster_before
                .zip(cluster_after)
                .map(|(before, after)| each(before, after)),
            p50: answers.percentile(0.5) / 1e3,
            p99: answers.percentile(0.99) / 1e3,
            refused: refused / (answered + refused).max(1.0),
            refusal: answers.refusal,
        })
    }
}

/// Measures two things in turn, so that whatever else the machine does meets both, and answers the medians.
pub fn in_turn<A, B>(blocks: usize, mut first: A, mut second: B) -> Outcome<(Sample, Sample)>
where
    A: FnMut() -> Outcome<Sample>,
    B: FnMut() -> Outcome<Sample>,
{
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..blocks {
        ours.push(first()?);
        theirs.push(second()?);
    }
    Ok((median_of(&ours), median_of(&theirs)))
}

/// The median of each figure.
pub fn median_of(samples: &[Sample]) -> Sample {
    let of = |figure: &dyn Fn(&Sample) -> f64| median(samples.iter().map(figure).collect());
    let cluster: Option<Vec<f64>> = samples.iter().map(|sample| sample.cluster_cpu).collect();
    Sample {
        per_second: of(&|sample| sample.per_second),
        cpu: of(&|sample| sample.cpu),
        cluster_cpu: cluster.map(median),
        p50: of(&|sample| sample.p50),
        p99: of(&|sample| sample.p99),
        refused: of(&|sample| sample.refused),
        refusal: samples.iter().find_map(|sample| sample.refusal),
    }
}

/// The middle of the values; of an even number of them the lower one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_block_does_not_count() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
