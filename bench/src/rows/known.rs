//! Whether the time of an answer tells if somebody is known (security requirement R14).

use super::Bench;
use crate::failure::Outcome;
use crate::load::{Request, one_by_one};
use crate::sample::median;
use crate::service::Service;
use crate::table::{Line, Target};

/// How many people are asked about in each second of a block.
const A_SECOND: u64 = 40;

/// The greatest difference of the medians, in milliseconds.
const MOST: f64 = 2.0;

/// Beyond one chance in a hundred nobody tells the two apart.
const CHANCE: f64 = 0.01;

/// What is asked about an address.
struct Question {
    work: &'static str,
    path: &'static str,
    /// Of every answer.
    status: u16,
    body: fn(&str) -> String,
}

const QUESTIONS: [Question; 3] = [
    Question {
        work: "log in, known or not",
        path: "/v1/sessions",
        status: 401,
        body: |address| format!(r#"{{"address":"{address}","password":"not the password"}}"#),
    },
    Question {
        work: "reset, known or not",
        path: "/v1/password-resets",
        status: 202,
        body: |address| format!(r#"{{"address":"{address}"}}"#),
    },
    Question {
        work: "sign up, known or not",
        path: "/v1/sign-ups",
        status: 202,
        body: |address| format!(r#"{{"address":"{address}","display_name":"Bea","account_name":"Bea"}}"#),
    },
];

/// Log-ins with a wrong password, resets and sign-ups, for somebody who is known and somebody who is not, in turn.
pub fn known_or_not(bench: &Bench<'_>) -> Outcome<Vec<Line>> {
    let service = bench.serve_behind_a_proxy()?;
    let mut lines = Vec::new();
    for question in &QUESTIONS {
        lines.extend(compare(bench, &service, question)?);
    }
    Ok(lines)
}

fn compare(bench: &Bench<'_>, service: &Service, question: &Question) -> Outcome<Vec<Line>> {
    let request = |network: &str, address: &str| {
        let request = Request::post(question.path, None, &(question.body)(address)).coming_from(network);
        (request, question.status)
    };
    let people = usize::try_from(A_SECOND * bench.duration.as_secs())?;
    let mut requests = Vec::new();
    for (number, customer) in bench.world.some(people)?.into_iter().enumerate() {
        // A network for each, so that no limit ends it.
        let network = format!("10.{}.{}.1", number / 250, number % 250);
        requests.push(request(&network, &customer.address));
        requests.push(request(&network, &format!("not-{}", customer.address)));
    }
    // What is slow at first is slow for whoever comes first.
    let warm_up = requests.len().min(10);
    one_by_one(service.address(), requests.get(..warm_up).unwrap_or_default())?;
    let times = one_by_one(service.address(), &requests)?;
    let known: Vec<f64> = times.iter().copied().step_by(2).collect();
    let unknown: Vec<f64> = times.iter().copied().skip(1).step_by(2).collect();
    let difference = (median(known.clone()) - median(unknown.clone())).abs();
    let asked = format!("{} of each; {:.2} ms if known", known.len(), median(known.clone()));
    Ok(vec![
        Line::new(question.work, "ms of difference", difference)
            .target(Target::AtMostInAll(MOST))
            .note(&asked),
        Line::new(
            question.work,
            "p (Mann-Whitney)",
            chance_of_difference(&known, &unknown),
        )
        .against("one in a hundred", CHANCE)
        .target(Target::AtLeast(1.0)),
    ])
}

/// How likely a difference as great as this one is where there is none: the U test of Mann and Whitney, both sides, by
/// the normal distribution, with the correction for ties.
fn chance_of_difference(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut ranks_of_one, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|(a, _), (b, _)| a.total_cmp(b).is_eq()) {
        let count = crate::load::count(equal);
        let ours = equal.iter().filter(|(_, is_one)| *is_one).fold(0.0, |sum, _| sum + 1.0);
        ranks_of_one += ours * (before + f64::midpoint(count, 1.0));
        ties += count.powi(3) - count;
        before += count;
    }
    let (n, m) = (crate::load::count(one), crate::load::count(other));
    let u = ranks_of_one - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * ((before + 1.0) - ties / (before * (before - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    two_tails(z)
}

/// The share of a normal distribution that lies further out than `z` deviations (Abramowitz and Stegun 26.2.17, to
/// seven digits).
fn two_tails(z: f64) -> f64 {
    let t = 1.0 / 0.231_641_9_f64.mul_add(z, 1.0);
    let sum = [
        1.330_274_429,
        -1.821_255_978,
        1.781_477_937,
        -0.356_563_782,
        0.319_381_530,
    ]
    .iter()
    .fold(0.0, |sum: f64, factor| (sum + factor) * t);
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (2.0 * density * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_the_tables() {
        for (z, tails) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (2.575_829, 0.01)] {
            assert!((two_tails(z) - tails).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn what_is_alike_is_told_from_what_is_not() {
        let ramp = |from: f64| (0..60).map(|step| from + f64::from(step)).collect::<Vec<_>>();
        assert!(chance_of_difference(&ramp(0.0), &ramp(0.5)) > 0.5);
        assert!(chance_of_difference(&ramp(0.0), &ramp(40.0)) < 1e-6);
        assert!((chance_of_difference(&[1.0; 9], &[1.0; 9]) - 1.0).abs() < f64::EPSILON);
    }
}
